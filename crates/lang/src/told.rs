//! Constants that the shapes of a call's inputs tell, so that nobody has to repeat them.

use crate::signature::{Signature, factors};
use std::collections::BTreeMap;
use tilewright_ir::Access;

/// An axis of an input and its extent.
type Axis<'a> = (&'a str, usize);

/// An axis of an input that says something of a constant.
pub struct TellingAxis<'a> {
    /// The input.
    pub param: &'a str,
    /// Where the axis is: 0 is the last. Leading axes may be any number, so axes are matched from there.
    pub from_last: usize,
    axis: &'a str,
}

impl Signature {
    /// The axes of inputs whose extents alone decide what [`told_constants`](Self::told_constants) says: those that name one of
    /// `constants`, and those that share a name with such an axis.
    pub fn telling_axes<'a>(&'a self, constants: &[&'a str]) -> Vec<TellingAxis<'a>> {
        let mut axes = Vec::new();
        for param in self.params.iter().filter(|p| p.access != Access::Out) {
            let own = param.axes.iter().flat_map(|axes| axes.iter().skip(param.leading.into()));
            let own = own.rev().enumerate();
            axes.extend(own.map(|(from_last, axis)| TellingAxis {
                param: &param.name,
                from_last,
                axis,
            }));
        }
        let mut names = constants.to_vec();
        loop {
            let telling = |axis: &TellingAxis<'_>| {
                factors(axis.axis).any(|(_, factor)| names.contains(&factor))
            };
            let beside =
                axes.iter().filter(|axis| telling(axis)).flat_map(|axis| factors(axis.axis));
            let beside = beside.map(|(_, factor)| factor);
            let new = beside.filter(|f| f.parse::<usize>().is_err() && !names.contains(f));
            let new: Vec<&str> = new.collect();
            if new.is_empty() {
                axes.retain(telling);
                return axes;
            }
            names.extend(new);
        }
    }

    /// What the shapes of inputs say of `constants`: in `q: T[batch, group*kv_heads, 64], keys: T[batch, kv_heads, 64]`
    /// both shapes together tell `group`. `given` are sizes and constants that the caller has chosen.
    ///
    /// Nothing comes back of shapes that contradict each other but what an axis says alone; axes that have nothing to do with
    /// `constants` are not looked at.
    pub fn told_constants<'a>(
        &self,
        constants: &[&str],
        given: &[(&str, usize)],
        shape_of: impl Fn(&str) -> Option<&'a [usize]>,
    ) -> Vec<(String, usize)> {
        let extent = |axis: &TellingAxis<'_>| {
            let shape = shape_of(axis.param)?;
            shape.iter().rev().nth(axis.from_last).copied()
        };
        let axes = self.telling_axes(constants);
        let axes = axes.iter().filter_map(|axis| Some((axis.axis, extent(axis)?)));
        let axes: Vec<Axis<'_>> = axes.collect();
        let mut known: BTreeMap<&str, usize> = given.iter().copied().collect();
        for (axis, extent) in &axes {
            if constants.contains(axis) {
                known.entry(axis).or_insert(*extent);
            }
        }
        let alone = known.clone();
        while let Some((name, value)) = axes.iter().find_map(|axis| solve(*axis, &known)) {
            known.insert(name, value);
        }
        // The launch names what does not fit; a guess from one of several wrong axes would only hide it.
        if axes.iter().any(|axis| !fits(*axis, &known)) {
            known = alone;
        }
        let chosen = |name: &str| given.iter().any(|(given, _)| *given == name);
        let told = constants.iter().filter(|name| !chosen(name));
        told.filter_map(|name| Some((name.to_string(), *known.get(name)?))).collect()
    }
}

/// The product of an axis without its unknown names: the factor over, the divisor, and those names.
fn reduced<'a>(
    axis: &'a str,
    known: &BTreeMap<&str, usize>,
) -> Option<(usize, usize, Vec<(bool, &'a str)>)> {
    let (mut over, mut under, mut unknown) = (1usize, 1usize, Vec::new());
    for (divides, factor) in factors(axis) {
        match factor.parse().ok().or_else(|| known.get(factor).copied()) {
            Some(n) if divides => under = under.checked_mul(n)?,
            Some(n) => over = over.checked_mul(n)?,
            None => unknown.push((divides, factor)),
        }
    }
    Some((over, under, unknown))
}

/// The one unknown of an axis and its value, where it has one and the extent allows it.
fn solve<'a>((axis, extent): Axis<'a>, known: &BTreeMap<&str, usize>) -> Option<(&'a str, usize)> {
    let (over, under, unknown) = reduced(axis, known)?;
    let [(false, name)] = unknown[..] else { return None };
    let scaled = extent.checked_mul(under)?;
    (over > 0 && scaled > 0 && scaled % over == 0).then(|| (name, scaled / over))
}

/// False where all of an axis is known and its extent is another, or where no whole number is left for its one unknown.
fn fits((axis, extent): Axis<'_>, known: &BTreeMap<&str, usize>) -> bool {
    match reduced(axis, known) {
        Some((over, under, unknown)) if unknown.is_empty() => {
            Some(over) == extent.checked_mul(under)
        }
        Some((_, _, unknown)) if unknown.len() == 1 => extent == 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        signature: &str,
        constants: &[&str],
        given: &[(&str, usize)],
        shapes: &[(&str, &[usize])],
    ) -> Vec<(String, usize)> {
        let signature = Signature::parse(signature).unwrap();
        let shape_of = |name: &str| shapes.iter().find(|(n, _)| *n == name).map(|(_, s)| *s);
        signature.told_constants(constants, given, shape_of)
    }

    fn named(pairs: &[(&str, usize)]) -> Vec<(String, usize)> {
        pairs.iter().map(|(name, value)| (name.to_string(), *value)).collect()
    }

    const ATTENTION: &str = "q: T[batch, group*kv_heads, head_dim], keys: T[batch, kv_heads, n, head_dim] -> o: T[batch, head_dim]";
    const PACKED: &str = "x: T[*rows, group*groups], w: u32[columns, bits*group/32*groups], \
                          scales: T[columns, groups] -> y: T[*rows, columns]";

    #[test]
    fn products_are_solved_for_what_is_left() {
        let shapes: &[(&str, &[usize])] = &[("q", &[2, 6, 16]), ("keys", &[2, 3, 9, 16])];
        let constants = ["head_dim", "group"];
        assert_eq!(
            told(ATTENTION, &constants, &[], shapes),
            named(&[("head_dim", 16), ("group", 2)])
        );
        // 5 bits in groups of 32: 96 weights are 3 groups in 15 words.
        let shapes: &[(&str, &[usize])] =
            &[("x", &[2, 7, 96]), ("w", &[8, 15]), ("scales", &[8, 3])];
        let constants = ["bits", "group"];
        assert_eq!(told(PACKED, &constants, &[], shapes), named(&[("bits", 5), ("group", 32)]));
        // What the caller chose is not told again, and tells others.
        let shapes = &shapes[1..];
        assert_eq!(told(PACKED, &constants, &[("bits", 5)], shapes), named(&[("group", 32)]));
        assert_eq!(told(PACKED, &constants, &[], shapes), []);
    }

    #[test]
    fn shapes_that_contradict_each_other_tell_what_an_axis_says_alone() {
        let shapes: &[(&str, &[usize])] = &[("q", &[2, 6, 16]), ("keys", &[2, 4, 9, 16])];
        assert_eq!(
            told(ATTENTION, &["head_dim", "group"], &[], shapes),
            named(&[("head_dim", 16)])
        );
        let shapes: &[(&str, &[usize])] = &[("x", &[2, 90]), ("w", &[8, 12]), ("scales", &[8, 3])];
        assert_eq!(told(PACKED, &["bits", "group"], &[], shapes), []);
        // Nothing has no share of anything.
        let shapes: &[(&str, &[usize])] = &[("q", &[2, 0, 16]), ("keys", &[2, 0, 9, 16])];
        assert_eq!(told(ATTENTION, &["group"], &[], shapes), []);
    }

    #[test]
    fn axes_that_have_nothing_to_do_with_a_constant_tell_nothing_and_hinder_nothing() {
        let signature = Signature::parse(
            "x: T[*rows, n], q: T[batch, group*heads], keys: T[batch, heads], v: T[n] -> y: T[batch]",
        )
        .unwrap();
        let axes = signature.telling_axes(&["group"]);
        let axes: Vec<_> = axes.iter().map(|axis| (axis.param, axis.from_last)).collect();
        assert_eq!(axes, [("q", 0), ("keys", 0)]);
        assert!(signature.telling_axes(&["k"]).is_empty());
        let shape_of = |name: &str| match name {
            "q" => Some(&[2, 6][..]),
            "keys" => Some(&[2, 3][..]),
            "x" => Some(&[4, 5][..]),
            _ => Some(&[7][..]),
        };
        assert_eq!(signature.told_constants(&["group"], &[], shape_of), named(&[("group", 2)]));
    }
}
