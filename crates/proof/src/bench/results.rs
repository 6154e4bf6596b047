//! What a timed program writes, so that two schedules of it can be held against each other.

use super::{Bench, Parameter, repeat};
use crate::judge::{MOVES, judge_each};
use crate::parts::in_parts;
use crate::random::Random;
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
    moved: Option<Vec<Vec<f32>>>,
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
            let (len, row) = (result.elements(), result.shape.last().copied().unwrap_or(1));
            let moved = self.moved.as_ref().map(|moved| moved[i].as_slice());
            let own = |index: usize| moved.map(|moved| f64::from(moved[index]));
            let element = |index: usize| (at(result, index), at(right, index));
            judge_each(len, row, &tolerance, element, own)
                .map_err(|miss| format!("`{}`: {miss}", bench.tensors[slot].name))?;
        }
        Ok(())
    }
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
            let size = self.size(slot);
            repeat(self.tensors[slot].memory.buffer_mut(), size, &[POISON; 1 << 16])?;
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
    ) -> Result<Vec<Vec<f32>>> {
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
        let mut scales: Vec<Vec<f32>> = right.iter().map(|r| vec![0.0; r.elements()]).collect();
        let mut failed = None;
        for turn in 0..MOVES as u64 {
            match self.run_moved(stage, initial, &first, unit, turn) {
                Ok(results) => {
                    for ((scales, result), right) in scales.iter_mut().zip(&results).zip(right) {
                        widen(scales, result, right, unit);
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
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
        turn: u64,
    ) -> Result<Vec<Tensor>> {
        let mut updated = Vec::new();
        for (slot, tensor) in first {
            let bytes = shifted(tensor, unit, turn, &self.tensors[*slot].name);
            match initial.0.iter().any(|(updated, _)| updated == slot) {
                true => updated.push((*slot, bytes)),
                false => self.tensors[*slot].memory.buffer_mut().write(0, &bytes)?,
            }
        }
        let whole = initial.0.iter().filter(|(slot, _)| !self.tensors[*slot].dtype.is_float());
        updated.extend(whole.cloned());
        self.results(stage, &Initial(updated))
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

/// Element number `index` of a row-major tensor.
fn at(tensor: &Tensor, index: usize) -> f64 {
    let size = tensor.dtype.size();
    tensor.dtype.read(&tensor.bytes[index * size..(index + 1) * size])
}

/// Elements that draw from one sequence of random numbers.
const DRAWN: usize = 1 << 14;

/// The bytes of a row-major tensor, each element moved by its own share of `unit`.
fn shifted(tensor: &Tensor, unit: f64, turn: u64, name: &str) -> Vec<u8> {
    let size = tensor.dtype.size();
    let parts = in_parts(tensor.elements(), DRAWN, |range| {
        let mut bytes = vec![0; range.len() * size];
        let parts = bytes.chunks_mut(DRAWN * size).zip(range.step_by(DRAWN));
        for (part, start) in parts {
            let mut random = Random::named(turn, &format!("{name} from {start}"));
            for (i, element) in part.chunks_exact_mut(size).enumerate() {
                let mut value = [at(tensor, start + i)];
                random.shift(&mut value, unit);
                tensor.dtype.write(value[0], element);
            }
        }
        bytes
    });
    parts.concat()
}

/// Makes each scale at least the units by which the element moved.
fn widen(scales: &mut [f32], result: &Tensor, right: &Tensor, unit: f64) {
    let moved = in_parts(scales.len(), 1, |range| {
        let moved = |index| ((at(result, index) - at(right, index)).abs() / unit) as f32;
        range.map(moved).collect::<Vec<_>>()
    });
    for (scale, moved) in scales.iter_mut().zip(moved.into_iter().flatten()) {
        *scale = scale.max(moved);
    }
}
