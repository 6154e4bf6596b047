//! Elementwise ops and user-defined combine functions.

use super::{Machine, tile::Tile};
use crate::meaning;
use crate::{BinaryOp, Combine, DType, ExprId, ExprKind, TernaryOp};
use std::collections::HashMap;

impl Machine<'_> {
    pub(super) fn elementwise(&self, kind: &ExprKind, to: DType, shape: Vec<usize>) -> Tile {
        let mut operands = Vec::with_capacity(3);
        let mut from = to;
        kind.operands(|id| {
            let tile = self.value(id);
            // A single element stands for all without being copied.
            let same = tile.data().len() == 1 || tile.shape() == shape;
            operands.push(if same { tile.clone() } else { tile.broadcast(&shape) });
            from = self.program.expr(id).ty.dtype;
        });
        let elements: usize = shape.iter().product();
        let at = |operand: usize, i: usize| match operands.get(operand).map(Tile::data) {
            Some(&[value]) => value,
            Some(data) => data[i],
            None => 0.0,
        };
        // Loops of the usual ops, without a look at the kind for each element.
        let fast = match (kind, &operands[..]) {
            (ExprKind::Unary(op, _), [a]) => {
                Some(one(a.data(), elements, |a| meaning::unary(*op, from, a)))
            }
            (ExprKind::Cast(_), [a]) => {
                // Every value of the narrower type is one of the wider.
                if matches!((from, to), (_, DType::F64) | (DType::F16 | DType::BF16, DType::F32))
                    && a.data().len() == elements
                {
                    return a.reshape(shape);
                }
                Some(one(a.data(), elements, |a| to.round(a)))
            }
            (ExprKind::Binary(op, ..), [a, b]) => {
                let (a, b) = (a.data(), b.data());
                let general = || pair(a, b, elements, |a, b| meaning::binary(*op, from, a, b));
                Some(fast_pair(*op, from, a, b, elements).unwrap_or_else(general))
            }
            (ExprKind::Ternary(TernaryOp::Select, _), [m, a, b]) => {
                let (m, a, b) = (m.data(), a.data(), b.data());
                let at = |data: &[f64], i: usize| if data.len() == 1 { data[0] } else { data[i] };
                let choose = |i| if at(m, i) != 0.0 { at(a, i) } else { at(b, i) };
                Some((0..elements).map(choose).collect())
            }
            _ => None,
        };
        if let Some(data) = fast {
            return Tile::new(shape, data);
        }
        let apply = |i: usize| {
            let elements = [at(0, i), at(1, i), at(2, i)];
            meaning::elementwise(kind, from, to, elements).unwrap_or(f64::NAN)
        };
        Tile::new(shape, (0..elements).map(apply).collect())
    }

    fn combine<'c>(&self, combine: &'c Combine) -> CombineFunction<'c> {
        let mut slots = HashMap::new();
        let arguments = combine.left.iter().chain(&combine.right);
        for (slot, &id) in arguments.chain(&combine.body).enumerate() {
            slots.insert(id, slot);
        }
        let mut registers = vec![0.0; slots.len()];
        let mut slot_of = |id: ExprId| {
            *slots.entry(id).or_insert_with(|| {
                // A constant from outside the function.
                registers.push(self.value(id).data()[0]);
                registers.len() - 1
            })
        };
        let mut steps = Vec::new();
        for &id in &combine.body {
            let expr = self.program.expr(id);
            let mut step = Step {
                kind: expr.kind.clone(),
                from: expr.ty.dtype,
                to: expr.ty.dtype,
                operands: [0; 3],
                result: slot_of(id),
            };
            let mut count = 0;
            expr.kind.operands(|operand| {
                step.operands[count] = slot_of(operand);
                step.from = self.program.expr(operand).ty.dtype;
                count += 1;
            });
            steps.push(step);
        }
        let results = combine.results.iter().map(|&id| slot_of(id)).collect();
        for step in &steps {
            match &step.kind {
                ExprKind::Const(literal) => {
                    registers[step.result] = step.to.round(literal.value());
                }
                ExprKind::Scalar(param) => registers[step.result] = self.scalars[param.index()],
                ExprKind::Size(extent) => registers[step.result] = self.extent(*extent) as f64,
                _ => {}
            }
        }
        steps.retain(|step| {
            !matches!(step.kind, ExprKind::Const(_) | ExprKind::Scalar(_) | ExprKind::Size(_))
        });
        CombineFunction { combine, registers, steps, results }
    }

    pub(super) fn reduce_by(
        &self,
        of: &[ExprId],
        axis: usize,
        combine: &Combine,
        identity: &[ExprId],
    ) -> Tile {
        let tiles: Vec<&Tile> = of.iter().map(|&id| self.value(id)).collect();
        let identity: Vec<f64> = identity.iter().map(|&id| self.value(id).data()[0]).collect();
        let mut function = self.combine(combine);
        let (outer, extent, inner) = tiles[0].lanes(axis);
        let mut results = vec![Vec::with_capacity(outer * inner); tiles.len()];
        let mut element = vec![0.0; tiles.len()];
        for o in 0..outer {
            for j in 0..inner {
                let mut joined = identity.clone();
                for i in 0..extent {
                    let at = (o * extent + i) * inner + j;
                    element.iter_mut().zip(&tiles).for_each(|(e, tile)| *e = tile.data()[at]);
                    function.call(&mut joined, &element);
                }
                results.iter_mut().zip(&joined).for_each(|(list, &value)| list.push(value));
            }
        }
        let mut shape = tiles[0].shape().to_vec();
        shape[axis] = 1;
        several(shape, results)
    }

    pub(super) fn scan_by(
        &self,
        of: &[ExprId],
        axis: usize,
        combine: &Combine,
        exclusive: Option<&[ExprId]>,
        reverse: bool,
    ) -> Tile {
        let first = exclusive
            .map(|first| first.iter().map(|&id| self.value(id).data()[0]).collect::<Vec<_>>());
        let tiles: Vec<&Tile> = of.iter().map(|&id| self.value(id)).collect();
        let mut function = self.combine(combine);
        let (outer, extent, inner) = tiles[0].lanes(axis);
        let mut results: Vec<Vec<f64>> = tiles.iter().map(|tile| tile.data().to_vec()).collect();
        let mut element = vec![0.0; tiles.len()];
        let mut joined = vec![0.0; tiles.len()];
        for o in 0..outer {
            for j in 0..inner {
                for i in 0..extent {
                    let place = if reverse { extent - 1 - i } else { i };
                    let at = (o * extent + place) * inner + j;
                    if let Some(first) = &first {
                        let before = if i == 0 { first } else { &joined };
                        results.iter_mut().zip(before).for_each(|(list, &value)| list[at] = value);
                    }
                    element.iter_mut().zip(&tiles).for_each(|(e, tile)| *e = tile.data()[at]);
                    match i {
                        0 => joined.copy_from_slice(&element),
                        _ => function.call(&mut joined, &element),
                    }
                    if first.is_none() {
                        results.iter_mut().zip(&joined).for_each(|(list, &value)| list[at] = value);
                    }
                }
            }
        }
        several(tiles[0].shape().to_vec(), results)
    }
}

/// `f` of each element; one element stands for all.
fn one(a: &[f64], elements: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
    match a {
        &[a] => vec![f(a); elements],
        _ => a.iter().map(|&a| f(a)).collect(),
    }
}

/// `f` of each pair of elements; an operand of one element stands for all.
fn pair(a: &[f64], b: &[f64], elements: usize, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    match (a, b) {
        (&[a], &[b]) => vec![f(a, b); elements],
        (&[a], _) => b.iter().map(|&b| f(a, b)).collect(),
        (_, &[b]) => a.iter().map(|&a| f(a, b)).collect(),
        _ => a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect(),
    }
}

/// What most elements go through, the same as [`meaning::binary`].
fn fast_pair(
    op: BinaryOp,
    dtype: DType,
    a: &[f64],
    b: &[f64],
    elements: usize,
) -> Option<Vec<f64>> {
    let truth = |truth: bool| truth as u8 as f64;
    Some(match (op, dtype) {
        (BinaryOp::Add, DType::F32) => pair(a, b, elements, |a, b| (a + b) as f32 as f64),
        (BinaryOp::Sub, DType::F32) => pair(a, b, elements, |a, b| (a - b) as f32 as f64),
        (BinaryOp::Mul, DType::F32) => pair(a, b, elements, |a, b| (a * b) as f32 as f64),
        (BinaryOp::Div, DType::F32) => pair(a, b, elements, |a, b| (a / b) as f32 as f64),
        (BinaryOp::Eq, _) => pair(a, b, elements, |a, b| truth(a == b)),
        (BinaryOp::Lt, _) => pair(a, b, elements, |a, b| truth(a < b)),
        (BinaryOp::Le, _) => pair(a, b, elements, |a, b| truth(a <= b)),
        _ => return None,
    })
}

fn several(shape: Vec<usize>, results: Vec<Vec<f64>>) -> Tile {
    let mut tiles = results.into_iter().map(|data| Tile::new(shape.clone(), data));
    let first = tiles.next().unwrap_or(Tile::NOTHING);
    first.with_parts(tiles.collect())
}

/// A combine function with its values in numbered registers.
struct CombineFunction<'a> {
    combine: &'a Combine,
    registers: Vec<f64>,
    steps: Vec<Step>,
    results: Vec<usize>,
}

struct Step {
    kind: ExprKind,
    from: DType,
    to: DType,
    operands: [usize; 3],
    result: usize,
}

impl CombineFunction<'_> {
    /// `left` becomes the joined result of `left` and `right`.
    fn call(&mut self, left: &mut [f64], right: &[f64]) {
        let components = self.combine.left.len();
        self.registers[..components].copy_from_slice(left);
        self.registers[components..2 * components].copy_from_slice(right);
        for step in &self.steps {
            let elements = step.operands.map(|slot| self.registers[slot]);
            self.registers[step.result] =
                meaning::elementwise(&step.kind, step.from, step.to, elements).unwrap_or(f64::NAN);
        }
        left.iter_mut().zip(&self.results).for_each(|(l, &slot)| *l = self.registers[slot]);
    }
}
