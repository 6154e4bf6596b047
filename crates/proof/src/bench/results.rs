//! What a timed program writes, so that two schedules of it can be held against each other.

use super::{Bench, Parameter};
use crate::judge::{judge, sensitivities_of};
use crate::random::Random;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilewright_ir::interpret::Tensor;
use tilewright_ir::tolerance::Tolerance;
use tilewright_ir::{Access, ParamKind};
use tilewright_runtime::Result;

/// The byte that outputs hold before a run: NaN in every float type, far from any right integer.
const POISON: u8 = 0xff;

/// The tensors of a bench that its programs update in place, as they were at first.
pub(crate) struct Initial(Vec<(usize, Vec<u8>)>);

/// What a program writes by its default schedule.
pub(crate) struct Expected<'a> {
    stage: usize,
    initial: &'a Initial,
    results: Vec<Tensor>,
    /// How far they move with the inputs, once somebody asked.
    moved: Option<Vec<Vec<f64>>>,
}

impl<'a> Expected<'a> {
    /// Of program number `stage`, by the schedule that it runs by now.
    pub fn of(bench: &mut Bench, stage: usize, initial: &'a Initial) -> Result<Expected<'a>> {
        let results = bench.results(stage, initial)?;
        Ok(Expected { stage, initial, results, moved: None })
    }

    /// Whether `results` are as good: the same bits, or others within the tolerance that is computed for the program,
    /// against the greatest value of a row, or, where that does not explain them, against how far these here move with the
    /// inputs. `default` chooses the schedule that made them.
    pub fn judge(
        &mut self,
        bench: &mut Bench,
        results: &[Tensor],
        default: impl FnOnce(&Bench) -> Result<()>,
    ) -> Result<std::result::Result<(), String>> {
        let same = self.results.iter().zip(results).all(|(a, b)| a.bytes == b.bytes);
        if same || self.compare(bench, results).is_ok() {
            return Ok(Ok(()));
        }
        if self.moved.is_none() {
            default(bench)?;
            self.moved = Some(bench.moved(self.stage, self.initial, &self.results)?);
        }
        Ok(self.compare(bench, results))
    }

    fn compare(&self, bench: &Bench, results: &[Tensor]) -> std::result::Result<(), String> {
        let stage = &bench.stages[self.stage];
        let (program, dims) = (stage.kernel.program(), &stage.plan.bindings().dims);
        let slots = bench.written(self.stage).into_iter();
        for (i, ((slot, right), result)) in slots.zip(&self.results).zip(results).enumerate() {
            let tolerance = Tolerance::of(program, dims, result.dtype);
            let scale = self.moved.as_ref().map(|moved| moved[i].as_slice());
            judge_rows(result, right, &tolerance, scale)
                .map_err(|miss| format!("`{}`: {miss}", bench.tensors[slot].name))?;
        }
        Ok(())
    }
}

/// Elements that are judged at a time: in f64, with their scales, they are several times as long.
const AT_A_TIME: usize = 1 << 20;

/// Judges whole rows at a time, on all threads: results of a benchmark can be a billion elements.
fn judge_rows(
    result: &Tensor,
    right: &Tensor,
    tolerance: &Tolerance,
    scale: Option<&[f64]>,
) -> std::result::Result<(), String> {
    let row = result.shape.last().copied().unwrap_or(1);
    let elements = result.elements();
    if row <= 1 || elements <= AT_A_TIME || right.bytes.len() != result.bytes.len() {
        return judge(result, &right.values(), tolerance, scale).map(drop);
    }
    let each = (AT_A_TIME / row).max(1) * row;
    let one = |number: usize| {
        let (first, last) = (number * each, ((number + 1) * each).min(elements));
        let part = |whole: &Tensor| {
            let size = whole.dtype.size();
            whole.bytes[first * size..last * size].to_vec()
        };
        let (own, right_bytes) = (part(result), part(right));
        if own == right_bytes {
            return Ok(());
        }
        let shape = [(last - first) / row, row];
        let tensor = |bytes| Tensor { bytes, ..Tensor::zeros(result.dtype, &shape) };
        let right = tensor(right_bytes).values();
        judge(&tensor(own), &right, tolerance, scale.map(|scale| &scale[first..last]))
            .map(drop)
            .map_err(|miss| format!("from element {first} on: {miss}"))
    };
    let (next, count) = (AtomicUsize::new(0), elements.div_ceil(each));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(count);
    let work = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let mut numbers = numbers.take_while(|number| *number < count);
        numbers.find_map(|number| one(number).err().map(|miss| (number, miss)))
    };
    let misses: Vec<(usize, String)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.filter_map(|miss| miss.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    // Numbers are handed out in order, so the first miss of all is among those of the threads.
    misses.into_iter().min().map_or(Ok(()), |(_, miss)| Err(miss))
}

impl Bench {
    /// Remembers what runs change.
    pub(crate) fn initial(&self) -> Result<Initial> {
        let all = 0..self.stages.len();
        let mut updated: Vec<usize> = all.flat_map(|s| self.slots(s, Access::InOut)).collect();
        updated.sort_unstable();
        updated.dedup();
        let kept = updated.into_iter().map(|slot| Ok((slot, self.bytes(slot)?)));
        Ok(Initial(kept.collect::<Result<_>>()?))
    }

    /// Runs the programs up to number `stage` from the initial state, and gives what that one wrote.
    pub(crate) fn results(&mut self, stage: usize, initial: &Initial) -> Result<Vec<Tensor>> {
        for (slot, bytes) in &initial.0 {
            self.tensors[*slot].memory.buffer_mut().write(0, bytes)?;
        }
        for slot in self.slots(stage, Access::Out) {
            let poison = vec![POISON; self.size(slot)];
            self.tensors[slot].memory.buffer_mut().write(0, &poison)?;
        }
        let (stages, tensors) = (&self.stages, &mut self.tensors);
        for stage in &stages[..=stage] {
            // SAFETY: the tensors live on in `self`, and the device is waited for below.
            let started = unsafe { stage.enqueue(tensors) };
            self.runtime.synchronize()?;
            started?;
        }
        self.written(stage).into_iter().map(|slot| self.tensor(slot)).collect()
    }

    /// How far each result of the schedule in use moves when every float that goes in moves by a unit, in units.
    ///
    /// The unit is the root of the coarsest type's rounding: of a smaller one, results would show little but their own
    /// rounding; of a greater one, curvature.
    fn moved(
        &mut self,
        stage: usize,
        initial: &Initial,
        right: &[Tensor],
    ) -> Result<Vec<Vec<f64>>> {
        let made: Vec<usize> =
            (0..self.stages.len()).flat_map(|s| self.slots(s, Access::Out)).collect();
        let inputs = (0..self.tensors.len()).filter(|slot| !made.contains(slot));
        let floats = inputs.filter(|&slot| self.tensors[slot].dtype.is_float());
        let first: Vec<(usize, Tensor)> = floats
            .map(|slot| match initial.0.iter().find(|(updated, _)| *updated == slot) {
                Some((_, bytes)) => Ok((slot, self.shaped(slot, bytes.clone()))),
                None => Ok((slot, self.tensor(slot)?)),
            })
            .collect::<Result<_>>()?;
        let types = first.iter().map(|(_, tensor)| tensor).chain(right).map(|t| t.dtype);
        let coarsest = types.filter(|t| t.is_float()).map(|t| t.epsilon()).fold(0.0, f64::max);
        let unit = coarsest.sqrt();
        let values: Vec<Vec<f64>> = right.iter().map(Tensor::values).collect();
        let mut failed = None;
        let scales = sensitivities_of(&values, unit, |random| {
            let run = self.run_moved(stage, initial, &first, unit, random);
            run.unwrap_or_else(|error| {
                failed = Some(error);
                Vec::new()
            })
        });
        for (slot, tensor) in &first {
            self.tensors[*slot].memory.buffer_mut().write(0, &tensor.bytes)?;
        }
        failed.map_or(Ok(scales), Err)
    }

    fn run_moved(
        &mut self,
        stage: usize,
        initial: &Initial,
        first: &[(usize, Tensor)],
        unit: f64,
        random: &mut Random,
    ) -> Result<Vec<Vec<f64>>> {
        let mut updated = Vec::new();
        for (slot, tensor) in first {
            let mut values = tensor.values();
            random.shift(&mut values, unit);
            let bytes = Tensor::from_values(tensor.dtype, &tensor.shape, &values).bytes;
            match initial.0.iter().any(|(updated, _)| updated == slot) {
                true => updated.push((*slot, bytes)),
                false => self.tensors[*slot].memory.buffer_mut().write(0, &bytes)?,
            }
        }
        let whole = initial.0.iter().filter(|(slot, _)| !self.tensors[*slot].dtype.is_float());
        updated.extend(whole.cloned());
        let results = self.results(stage, &Initial(updated))?;
        Ok(results.iter().map(Tensor::values).collect())
    }

    /// The slots of the tensors that program number `stage` writes.
    fn written(&self, stage: usize) -> Vec<usize> {
        [Access::Out, Access::InOut].into_iter().flat_map(|a| self.slots(stage, a)).collect()
    }

    /// The slots of the tensors that program number `stage` has so.
    fn slots(&self, stage: usize, asked: Access) -> Vec<usize> {
        let stage = &self.stages[stage];
        let params = stage.kernel.program().params.iter().zip(&stage.parameters);
        params
            .filter_map(|(param, parameter)| match (&param.kind, parameter) {
                (ParamKind::Tensor { access, .. }, Parameter::Tensor { slot, .. })
                    if *access == asked =>
                {
                    Some(*slot)
                }
                _ => None,
            })
            .collect()
    }

    fn size(&self, slot: usize) -> usize {
        let slot = &self.tensors[slot];
        slot.shape.iter().product::<usize>() * slot.dtype.size()
    }

    fn bytes(&self, slot: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.size(slot)];
        self.tensors[slot].memory.buffer().read(0, &mut bytes)?;
        Ok(bytes)
    }

    fn tensor(&self, slot: usize) -> Result<Tensor> {
        Ok(self.shaped(slot, self.bytes(slot)?))
    }

    fn shaped(&self, slot: usize, bytes: Vec<u8>) -> Tensor {
        let slot = &self.tensors[slot];
        Tensor { bytes, ..Tensor::zeros(slot.dtype, &slot.shape) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_ir::DType;

    #[test]
    fn rows_judged_apart_are_judged_alike() {
        let (rows, row) = (5, AT_A_TIME / 2 - 1);
        let values: Vec<f64> = (0..rows * row).map(|i| (i % 1000) as f64).collect();
        let tensor = |values: &[f64]| Tensor::from_values(DType::F32, &[rows, row], values);
        let tolerance = Tolerance::new(DType::F32, DType::F32, 1, 1);
        let right = tensor(&values);
        assert_eq!(judge_rows(&right, &right, &tolerance, None), Ok(()));
        let mut near = values.clone();
        near[3 * row] += 1e-6;
        assert_eq!(judge_rows(&tensor(&near), &right, &tolerance, None), Ok(()));
        let mut wrong = values.clone();
        wrong[rows * row - 1] += 1.0;
        wrong[2 * row + 7] += 1.0;
        let miss = judge_rows(&tensor(&wrong), &right, &tolerance, None).unwrap_err();
        assert!(miss.starts_with(&format!("from element {} on: element 7 is", 2 * row)), "{miss}");
        // What it moves by can excuse an element.
        let moved = vec![1e9; values.len()];
        assert_eq!(judge_rows(&tensor(&wrong), &right, &tolerance, Some(&moved)), Ok(()));
    }
}
