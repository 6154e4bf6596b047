//! Measuring the schedules of a kernel.

use crate::bench::{Bench, Budget, Timing};
use std::time::Instant;
use tilewright_runtime::tuned::{Measured, Row, best};
use tilewright_runtime::{Result, Runtime};

/// Times every schedule of each program of `bench` in turns, so that a slow moment of the machine falls on all of them,
/// and leaves the best chosen. One row a program comes back; none on a device that has nothing to choose.
///
/// A schedule that the device cannot run is passed over.
///
/// # Errors
/// What a launch by a default schedule reports.
pub fn tune(runtime: &Runtime, bench: &mut Bench, budget: Budget) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (stage, schedules) in bench.schedules().into_iter().enumerate() {
        let Some(default) = schedules.first() else { continue };
        let mut runs: Vec<Vec<f64>> = vec![Vec::new(); schedules.len()];
        let mut broken = vec![false; schedules.len()];
        let started = Instant::now();
        let mut round = 0;
        // The first round compiles, and is not counted.
        while round < budget.runs.max(1) + 1 || started.elapsed() < budget.time {
            for (number, schedule) in schedules.iter().enumerate() {
                if broken[number] {
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
            rows.push(Row {
                device: runtime.caps().name.clone(),
                bucket: chosen.bucket,
                schedule,
                source: chosen.source,
                timings,
            });
        }
    }
    Ok(rows)
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
        assert_eq!(tune(&runtime, &mut bench, budget).unwrap(), []);
    }
}
