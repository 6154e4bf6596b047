//! Measuring the schedules of a kernel.

use crate::bench::{Bench, Budget, Expected, Initial, Outputs, Timing};
use std::path::PathBuf;
use std::time::Instant;
use tilewright_runtime::tuned::{Measured, Row, Table, best};
use tilewright_runtime::{Result, Runtime};
use tilewright_tensor::Call;

/// Runs after which a schedule must be near the fastest to be run on.
const TRIED: usize = 3;
/// How near: whoever takes so many times as long will not be the fastest.
const NEAR: f64 = 1.5;

/// What measuring found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuning {
    /// One row a program; none on a device that has nothing to choose.
    pub rows: Vec<Row>,
    /// Schedules that give other results than the default one, which were neither timed nor kept.
    pub dropped: Vec<Dropped>,
}

/// A schedule whose results are not those of the default one.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// The kernel and its sizes, as in a [`Row`].
    pub bucket: String,
    /// The schedule.
    pub schedule: String,
    /// Which result differs, and by how much.
    pub why: String,
}

impl Tuning {
    /// Keeps what was found for this device: later processes run by it, too, as long as the source is the same. The path of the
    /// file comes back, if there is a folder for one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self) -> Result<Option<PathBuf>> {
        let mut file = None;
        for row in &self.rows {
            file = Table::known().keep(row.clone())?.or(file);
        }
        Ok(file)
    }
}

/// Finds the fastest schedule for a call of any callable, as [`tune`] does, and leaves it chosen: for that kernel, and sizes
/// like those of the call. [`Tuning::keep`] keeps it beyond this process.
///
/// ```
/// use std::time::Duration;
/// use tilewright_proof::{Budget, normal, tune_call};
/// use tilewright_tensor::elementwise;
/// use tilewright_ir::DType;
///
/// let gelu = elementwise("x * sigmoid(1.702 * x)")?;
/// let x = normal(DType::F32, &[64, 1000], 0)?;
/// let budget = Budget { runs: 15, time: Duration::from_millis(200) };
/// let tuning = tune_call(gelu.bind().input("x", &x), budget)?;
/// // On a GPU, `.on(&Runtime::open("cuda")?)`, there is something to choose; the CPU has one schedule.
/// assert!(tuning.rows.is_empty());
/// tuning.keep()?;
/// # Ok::<(), tilewright_proof::Error>(())
/// ```
///
/// # Errors
/// When the call does not run.
pub fn tune_call(call: Call<'_>, budget: Budget) -> Result<Tuning> {
    let runtime = call.callable().runtime()?;
    tune(&runtime, &mut Bench::of_call(call, Outputs::Preallocated)?, budget)
}

/// Times every schedule of each program of `bench` in turns, so that a slow moment of the machine falls on all of them,
/// and leaves the best chosen.
///
/// Each is first held to the results of the default schedule; only what another order of sums explains may differ. A
/// schedule that the device cannot run is passed over, and one that some runs show to be far from the fastest is timed no
/// longer.
///
/// # Errors
/// What a launch by a default schedule reports.
pub fn tune(runtime: &Runtime, bench: &mut Bench, budget: Budget) -> Result<Tuning> {
    let mut tuning = Tuning::default();
    let initial = bench.initial()?;
    for (stage, schedules) in bench.schedules().into_iter().enumerate() {
        let Some(default) = schedules.first() else { continue };
        let mut runs: Vec<Vec<f64>> = vec![Vec::new(); schedules.len()];
        let mut slow = vec![false; schedules.len()];
        let mut broken = unfit(bench, stage, &schedules, &initial, &mut tuning.dropped)?;
        let started = Instant::now();
        let mut round = 0;
        // The first round warms up, and is not counted.
        while round < budget.runs.max(1) + 1 || started.elapsed() < budget.time {
            for (number, schedule) in schedules.iter().enumerate() {
                if broken[number] || slow[number] {
                    continue;
                }
                let took = bench.choose(stage, schedule).and_then(|_| bench.run());
                match took {
                    Ok(took) if round > 0 => runs[number].push(took),
                    Ok(_) => {}
                    Err(error) if number == 0 => return Err(error),
                    Err(_) => broken[number] = true,
                }
            }
            if round == TRIED {
                let median = |runs: &Vec<f64>| Timing::of(runs.clone()).median;
                let fastest = runs.iter().map(median).fold(f64::INFINITY, f64::min);
                for (runs, slow) in runs.iter().zip(&mut slow).skip(1) {
                    *slow = median(runs) > NEAR * fastest;
                }
            }
            round += 1;
        }
        let timings: Vec<Measured> = schedules
            .iter()
            .zip(runs)
            .zip(&broken)
            .filter(|(_, broken)| !**broken)
            .map(|((schedule, runs), _)| {
                let Timing { median, spread, .. } = Timing::of(runs);
                Measured { schedule: schedule.clone(), median, spread }
            })
            .collect();
        let schedule = timings.get(best(&timings)).map_or(default, |best| &best.schedule).clone();
        if let Some(chosen) = bench.choose(stage, &schedule)? {
            tuning.rows.push(Row {
                device: runtime.caps().name.clone(),
                bucket: chosen.bucket,
                schedule,
                source: chosen.source,
                timings,
            });
        }
    }
    Ok(tuning)
}

/// Which of the schedules do not run, or give other results than the first; the latter are noted in `dropped`.
fn unfit(
    bench: &mut Bench,
    stage: usize,
    schedules: &[String],
    initial: &Initial,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<bool>> {
    let default = &schedules[0];
    bench.choose(stage, default)?;
    let mut expected = Expected::of(bench, stage, initial)?;
    let mut unfit = vec![false; schedules.len()];
    for (schedule, unfit) in schedules.iter().zip(&mut unfit).skip(1) {
        let run = bench.choose(stage, schedule).and_then(|chosen| {
            let results = bench.results(stage, initial)?;
            Ok(chosen.map(|chosen| (chosen.bucket, results)))
        });
        let Ok(Some((bucket, results))) = run else {
            *unfit = true;
            continue;
        };
        let by_default = |bench: &Bench| bench.choose(stage, default).map(drop);
        if let Err(why) = expected.judge(bench, &results, by_default)? {
            *unfit = true;
            dropped.push(Dropped { bucket, schedule: schedule.clone(), why });
        }
    }
    Ok(unfit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Outputs;
    use std::time::Duration;
    use tilewright_ir::DType;

    #[test]
    fn a_device_with_nothing_to_choose_has_no_rows() {
        let runtime = Runtime::open("null").unwrap();
        let softmax = tilewright_kernels::find("softmax").unwrap();
        let case = &softmax.cases[0];
        let mut bench =
            Bench::new(&runtime, softmax, case, DType::F32, Outputs::Preallocated).unwrap();
        let budget = Budget { runs: 1, time: Duration::ZERO };
        assert_eq!(tune(&runtime, &mut bench, budget).unwrap(), Tuning::default());
    }
}
