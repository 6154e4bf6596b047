//! What a schedule leaves to choose: the candidates of the autotuner, and the text by which a choice is kept.

use super::schedule::{ceil_log2, teams_fit, widest_vector};
use super::spread::split_axis;
use super::{LARGEST_TEAM, SUBGROUP, Schedule, cluster, short};
use tilewright_ir::{ParamKind, Program};

/// The part of a schedule that does not follow from the program and its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// log2 of the threads of a team.
    pub team: u32,
    /// log2 of the teams of a group.
    pub teams: u32,
    /// log2 of the elements of a memory access.
    pub vector: u32,
}

/// The most teams of a group, in log2.
const MOST_TEAMS: u32 = 4;

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Choice { team, teams, vector } = self;
        write!(f, "team={} teams={} vector={}", 1u64 << team, 1u64 << teams, 1u64 << vector)
    }
}

impl Choice {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Choice> {
        let mut words = text.split(' ');
        let mut number = |name: &str| {
            let value: u64 = words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok()?;
            value.is_power_of_two().then(|| value.trailing_zeros())
        };
        let choice =
            Choice { team: number("team")?, teams: number("teams")?, vector: number("vector")? };
        words.next().is_none().then_some(choice)
    }
}

impl Schedule {
    /// What was chosen.
    pub fn choice(&self) -> Choice {
        Choice { team: self.team, teams: self.teams, vector: self.vector }
    }

    /// The same for another choice, with run-time sizes `dims`; `None` where the program cannot be run so.
    pub fn with(&self, program: &Program, dims: &[usize], choice: Choice) -> Option<Schedule> {
        let Choice { team, teams, vector } = choice;
        let several = (teams == 0 && team >= SUBGROUP)
            || (team <= SUBGROUP
                && (SUBGROUP..=SUBGROUP + MOST_TEAMS).contains(&(team + teams))
                && !self.linear
                && teams_fit(program));
        let split = split_axis(program, |e| self.capacity_of(e)).is_some();
        let largest = match cluster::team(program, self) {
            Some(_) => cluster::LARGEST,
            None => LARGEST_TEAM,
        };
        let least = short::team(program, self).map_or(SUBGROUP, |_| 0);
        let fits = (least..=largest).contains(&team)
            && several
            && !(split && teams > 0)
            // How dots are spread over matrix units follows from the team.
            && (self.matrix.is_none() || choice == self.choice())
            && vector <= self.vector.max(widest_vector(program));
        let divides = dims.iter().map(|d| d % (1 << vector) == 0).collect();
        fits.then(|| Schedule { team, teams, vector, divides, ..self.clone() })
    }

    /// This choice first, then others that may be faster: teams of half and double the threads and of a quarter and four
    /// times as many, more and fewer teams of a group, narrower accesses.
    pub fn candidates(&self, program: &Program, dims: &[usize]) -> Vec<Schedule> {
        let own = self.choice();
        let mut choices = vec![own];
        let mut add = |choice: Choice| {
            if !choices.contains(&choice) {
                choices.push(choice);
            }
        };
        for team in own.team.saturating_sub(2)..=own.team + 2 {
            // As many threads of a group.
            let teams = (own.team + own.teams).saturating_sub(team);
            add(Choice { team, teams: if team > SUBGROUP { 0 } else { teams }, ..own });
        }
        for teams in 0..=MOST_TEAMS {
            add(Choice { team: SUBGROUP, teams, ..own });
        }
        if own.vector > 0 {
            add(Choice { vector: own.vector - 1, ..own });
            add(Choice { vector: own.vector - 1, team: own.team + 1, teams: 0 });
        }
        choices.into_iter().filter_map(|choice| self.with(program, dims, choice)).collect()
    }
}

/// A kernel and a bucket of its sizes in words, which name what was tuned: sizes of one bucket run by the same text.
/// `softmax f32,f32 rows=2^16 cols=2^11`.
pub fn bucket(program: &Program, dims: &[usize]) -> String {
    let types = program.params.iter().filter_map(|param| match param.kind {
        ParamKind::Tensor { dtype, .. } => Some(dtype.name()),
        ParamKind::Scalar { .. } => None,
    });
    let types = types.collect::<Vec<_>>().join(",");
    let mut words = format!("{} {types}", program.name);
    for (dim, &value) in program.dims.iter().zip(dims) {
        let exact = if value.is_power_of_two() { "=" } else { "<" };
        words.push_str(&format!(" {}{exact}2^{}", dim.name, ceil_log2(value)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::{PASSES, Units, lower};
    use tilewright_ir::DType;

    #[test]
    fn choices_are_read_as_they_are_written() {
        let choice = Choice { team: 8, teams: 0, vector: 3 };
        assert_eq!(choice.to_string(), "team=256 teams=1 vector=8");
        assert_eq!(Choice::parse(&choice.to_string()), Some(choice));
        for wrong in ["", "team=256", "team=3 teams=1 vector=1", "team=256 teams=1 vector=8 x=1"] {
            assert_eq!(Choice::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_default_is_the_first_candidate_and_others_lower_too() {
        for name in ["softmax", "rmsnorm", "silu", "topk", "swiglu", "layernorm"] {
            let entry = tilewright_kernels::find(name).unwrap();
            let specialization = entry.specialization(DType::F32, &[]);
            let mut program = entry.record(&specialization).unwrap();
            crate::pipeline::optimize(&mut program);
            crate::pipeline::run(&mut program, PASSES, |_, _| {});
            for size in [31, 256, 4096] {
                let dims = vec![size; program.dims.len()];
                let default = Schedule::default_for(&program, &dims, Units::Half);
                let candidates = default.candidates(&program, &dims);
                assert_eq!(candidates[0], default);
                assert!(candidates.len() > 2, "{name} {size}: {candidates:?}");
                // The tuner passes over what has no lowering.
                lower(&program, &default).unwrap();
                let others = candidates[1..].iter().filter(|other| lower(&program, other).is_ok());
                assert!(others.count() > 0, "{name} {size}: {candidates:?}");
            }
        }
    }

    #[test]
    fn halves_that_are_only_read_are_many_a_thread() {
        let chosen = |name: &str, dtype: DType| {
            let entry = tilewright_kernels::find(name).unwrap();
            let mut program = entry.record(&entry.specialization(dtype, &[])).unwrap();
            crate::pipeline::optimize(&mut program);
            let dims: Vec<usize> =
                program.dims.iter().map(|d| if d.name == "rows" { 65536 } else { 2048 }).collect();
            Schedule::default_for(&program, &dims, Units::Half).choice().to_string()
        };
        for name in ["sum", "argmax", "logsumexp"] {
            assert_eq!(chosen(name, DType::BF16), "team=32 teams=4 vector=8", "{name}");
            assert_eq!(chosen(name, DType::F32), "team=64 teams=1 vector=4", "{name}");
        }
        // What is written of a row is held too.
        assert_eq!(chosen("softmax", DType::BF16), "team=64 teams=1 vector=8");
    }
}
