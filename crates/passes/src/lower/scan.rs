//! Running reductions along the last axis.

mod threads;

use super::collective::{Joiner, Partial, literal};
use super::map::aligned;
use super::rows::LineScan;
use super::{
    Held, LowerError, Lowering, SUBGROUP, add, binary, int, shift_left, shift_right, size,
};
use threads::{Way, gets, or};
use tilewright_ir::thread::{Code, RegisterId, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, TernaryOp};

impl Lowering<'_> {
    /// True for a tile that all threads scan along `axis`: the last, along which there is one line, or lines that lie each
    /// in one subgroup.
    pub(super) fn lies_along(&self, id: ExprId, axis: usize) -> bool {
        let shape = &self.program.expr(id).ty.shape;
        let layout = self.layout(shape);
        let one = shape[..axis].iter().all(|e| *e == Extent::Const(1));
        let lanes = layout.thread_bits(layout.capacity.len() - 1).len() as u32;
        axis + 1 == shape.len() && (one || lanes <= SUBGROUP)
    }

    /// Lowers a scan along the last axis: within the vector of a thread, over the lanes, over the subgroups, and then
    /// over the blocks of registers, each with the total of what came before; one line of registers after the other.
    pub(super) fn scan(&mut self, id: ExprId, name: &str) -> Result<(), LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        let ExprKind::Scan { op, of, axis, exclusive, reverse } = expr.kind else { return Ok(()) };
        let dtype = expr.ty.dtype;
        let shape = aligned(&expr.ty.shape, &self.layout(&expr.ty.shape));
        let layout = self.layout(&expr.ty.shape);
        let last = shape.len() - 1;
        if !self.lies_along(of, axis) {
            let identity = Some(vec![literal(op.identity(dtype), dtype)]);
            let joiner = Joiner::Op(op, dtype);
            let first = None;
            let scan = LineScan { of: &[of], axis, joiner, identity, exclusive, first, reverse };
            return self.line_scan(id, name, &scan);
        }
        self.bring_near(of, &layout)?;
        let identity = literal(op.identity(dtype), dtype);
        let join =
            |a: Value, b: Value| Value::Binary(op.combine(), dtype, Box::new(a), Box::new(b));
        let out = self.register(name, dtype, Some(layout.registers()));
        let (carry, sum) = (self.register("carry", dtype, None), self.register("sum", dtype, None));
        self.code(Code::Declare(out));
        self.code(Code::Declare(carry));
        let vector = 1usize << layout.vector();
        let line_bits = layout.register_bits(last).len() as u32;
        let blocks = (1usize << line_bits) / vector;
        let way = Way {
            dtypes: &[dtype],
            joiner: &Joiner::Op(op, dtype),
            identity: Some(vec![identity.clone()]),
            bits: layout.thread_bits(last).len() as u32,
            reverse,
            holding: None,
        };
        let ordered = |i: Value, count: usize| match reverse {
            false => i,
            true => binary(BinaryOp::Sub, int(count as i64 - 1), i),
        };
        self.unroll(layout.registers() >> line_bits, |l, line| {
            let line = shift_left(line, line_bits);
            l.code(Code::Set(carry, identity.clone()));
            l.unroll(blocks, |l, block| {
                let first = add(line.clone(), shift_left(ordered(block, blocks), layout.vector()));
                l.code(Code::Declare(sum));
                l.code(Code::Set(sum, identity.clone()));
                l.unroll(vector, |l, j| {
                    let at = add(first.clone(), ordered(j, vector));
                    let value = l.element(of, &layout, &at)?;
                    let value = match l.valid(&layout, &shape, &at) {
                        None => value,
                        Some(valid) => {
                            let abc = [valid, value, identity.clone()];
                            Value::Ternary(TernaryOp::Select, dtype, Box::new(abc))
                        }
                    };
                    let value = l.let_value("x", dtype, value);
                    if exclusive {
                        l.code(Code::SetElement(out, at.clone(), Value::Get(sum)));
                    }
                    l.code(Code::Set(sum, join(Value::Get(sum), value)));
                    if !exclusive {
                        l.code(Code::SetElement(out, at, Value::Get(sum)));
                    }
                    Ok::<(), LowerError>(())
                })?;
                let ((mut before, _), mut total) = l.scan_threads(&[sum], &way, true);
                let (before, total) = (before.swap_remove(0), total.swap_remove(0));
                let before = l.let_value("before", dtype, join(Value::Get(carry), before));
                l.unroll(vector, |l, j| {
                    let at = add(first.clone(), j);
                    let value = Value::Element(out, Box::new(at.clone()));
                    l.code(Code::SetElement(out, at, join(before.clone(), value)));
                });
                l.code(Code::Set(carry, join(Value::Get(carry), total)));
                Ok::<(), LowerError>(())
            })
        })?;
        self.hold(id, Held { register: out, layout });
        Ok(())
    }

    /// Lowers a scan by a function of the author's along a row, as [`Lowering::scan`] does one by an op: with several
    /// components, and with nothing before the first element, as there may be no value that the function leaves alone.
    /// What comes after the end of a row is joined too where that reaches no element of it: from the end to the start it
    /// would come first, so that positions tell what is joined.
    pub(super) fn scan_by(&mut self, id: ExprId, name: &str) -> Result<(), LowerError> {
        let program = self.program;
        let ExprKind::ScanBy { of, axis, combine, exclusive, reverse } = &program.expr(id).kind
        else {
            return Ok(());
        };
        let (axis, reverse, joiner) = (*axis, *reverse, Joiner::By(combine));
        let first = match exclusive {
            Some(first) => {
                Some(first.iter().map(|&f| self.scalar(f)).collect::<Result<Partial, _>>()?)
            }
            None => None,
        };
        if !self.lies_along(of[0], axis) {
            let (identity, exclusive) = (None, first.is_some());
            let scan = LineScan { of, axis, joiner, identity, exclusive, first, reverse };
            return self.line_scan(id, name, &scan);
        }
        let shape = program.expr(of[0]).ty.shape.clone();
        let layout = self.layout(&shape);
        let dtypes: Vec<DType> = of.iter().map(|&t| program.expr(t).ty.dtype).collect();
        for &of in of {
            self.bring_near(of, &layout)?;
        }
        let declare = |l: &mut Self, name: &str, len: Option<usize>| -> Vec<RegisterId> {
            let registers: Vec<_> = dtypes.iter().map(|&d| l.register(name, d, len)).collect();
            registers.iter().for_each(|&register| l.code(Code::Declare(register)));
            registers
        };
        let outs = declare(self, name, Some(layout.registers()));
        let vector = 1usize << layout.vector();
        let last = layout.capacity.len() - 1;
        let line_bits = layout.register_bits(last).len() as u32;
        let rest = (1usize << line_bits) / vector - 1;
        let carry = if rest > 0 { declare(self, "carry", None) } else { Vec::new() };
        let sums = declare(self, "sum", None);
        let bits = layout.thread_bits(last).len() as u32;
        let row = shape[axis];
        // What comes before an element in order may be past the end of the row, and no element.
        let ends = reverse && row != Extent::Const(1) && !self.schedule.is_exact(row);
        let splits_vectors = ends && self.schedule.divisor_of(row) < layout.vector();
        let has_next = |l: &mut Self, at: &Value| {
            splits_vectors.then(|| {
                let next = add(l.position(&layout, last, at), int(1));
                binary(BinaryOp::Lt, next, size(row))
            })
        };
        let ordered = |i: Value, count: usize| match reverse {
            false => i,
            true => binary(BinaryOp::Sub, int(count as i64 - 1), i),
        };
        // Elements of the row from the start of a block on.
        let across = bits + layout.vector();
        let left = |block: Value| binary(BinaryOp::Sub, size(row), shift_left(block, across));
        let block_at = |l: &mut Self, line: &Value, block: Value, is_first: bool| {
            let block = ordered(block, rest + 1);
            let registers = add(line.clone(), shift_left(block.clone(), layout.vector()));
            let place = |j: Value| add(registers.clone(), ordered(j, vector));
            let start = place(int(0));
            let values = |l: &mut Self, at: &Value| {
                of.iter().map(|&of| l.element(of, &layout, at)).collect::<Result<Partial, _>>()
            };
            // All that a thread has; what it joins on the way is joined once more when it is known what comes before.
            let own = values(l, &start)?;
            l.assign(&sums, own);
            l.unroll(vector - 1, |l, j| {
                let at = place(add(j, int(1)));
                let own = values(l, &at)?;
                let joined = l.join(&joiner, gets(&sums), own.clone());
                let has_next = has_next(l, &at);
                let joined = l.select_parts(&dtypes, has_next, joined, own);
                l.assign(&sums, joined);
                Ok::<(), LowerError>(())
            })?;
            let holding = ends.then(|| {
                let rounded = add(left(block.clone()), int(vector as i64 - 1));
                l.let_value("holding", DType::I32, shift_right(rounded, layout.vector()))
            });
            let identity = None;
            let way = Way { dtypes: &dtypes, joiner: &joiner, identity, bits, reverse, holding };
            let (before, total) = l.scan_threads(&sums, &way, rest > 0);
            // What the blocks before have joined is something, unless they are past the end of the row.
            let carried = (ends && !is_first).then(|| {
                let condition = binary(BinaryOp::Gt, left(add(block, int(1))), int(0));
                l.let_value("carried", DType::Bool, condition)
            });
            let (before, any) = match (is_first, before) {
                (true, before) => before,
                (false, (before, any)) => {
                    let joined = l.join(&joiner, gets(&carry), before.clone());
                    let joined = l.select_parts(&dtypes, any.clone(), joined, gets(&carry));
                    let joined = l.select_parts(&dtypes, carried.clone(), joined, before);
                    (joined, any.zip(carried.clone()).map(|(any, carried)| or(any, carried)))
                }
            };
            let before = l.let_values("before", &dtypes, before);
            let own = values(l, &start)?;
            let own = l.let_values("own", &dtypes, own);
            if let Some(first) = &first {
                let out = l.select_parts(&dtypes, any.clone(), before.clone(), first.clone());
                l.assign_elements(&outs, &start, out);
            }
            let joined = l.join(&joiner, before, own.clone());
            let joined = l.select_parts(&dtypes, any, joined, own);
            l.assign(&sums, joined);
            if first.is_none() {
                l.assign_elements(&outs, &start, gets(&sums));
            }
            l.unroll(vector - 1, |l, j| {
                let at = place(add(j, int(1)));
                let own = values(l, &at)?;
                let has_next = has_next(l, &at);
                if let Some(first) = &first {
                    let (sums, first) = (gets(&sums), first.clone());
                    let out = l.select_parts(&dtypes, has_next.clone(), sums, first);
                    l.assign_elements(&outs, &at, out);
                }
                let joined = l.join(&joiner, gets(&sums), own.clone());
                let joined = l.select_parts(&dtypes, has_next, joined, own);
                l.assign(&sums, joined);
                if first.is_none() {
                    l.assign_elements(&outs, &at, gets(&sums));
                }
                Ok::<(), LowerError>(())
            })?;
            if rest > 0 {
                let total = match is_first {
                    true => total,
                    false => {
                        let joined = l.join(&joiner, gets(&carry), total.clone());
                        l.select_parts(&dtypes, carried, joined, total)
                    }
                };
                l.assign(&carry, total);
            }
            Ok::<(), LowerError>(())
        };
        self.unroll(layout.registers() >> line_bits, |l, line| {
            let line = shift_left(line, line_bits);
            block_at(l, &line, int(0), true)?;
            match rest {
                0 => Ok(()),
                rest => l.unroll(rest, |l, block| block_at(l, &line, add(block, int(1)), false)),
            }
        })?;
        let held: Vec<Held> =
            outs.into_iter().map(|register| Held { register, layout: layout.clone() }).collect();
        self.hold(id, held[0].clone());
        self.parts.insert(id, held);
        Ok(())
    }
}
