//! Values that join the elements along an axis.

use super::emit::Rows;
use super::shapes::permuted;
use super::tile::{Tile, collapse};
use super::*;
use crate::simd::call::Primitive;
use crate::simd::reduce::{FIRST, LAST, STATE};
use crate::simd::{arg, columns, dot, reduce, scan, topk};
use tilewright_ir::{Combine, ReduceOp};

/// Rows of the left of a product from which the right is worth a copy.
const MANY_ROWS: usize = 12;
/// Bytes between rows of the right from which they get into each other's way.
const FAR_APART: usize = 1024;
/// Columns that are folded together whatever the number of rows: the rows' parts follow one another closely.
const NEAR_COLUMNS: usize = 128;
/// Elements of several rows that stay in the second cache.
const MOST_LANES: usize = 128 << 10;

impl<'a> Binder<'a> {
    /// Brings a float or byte result of an extremum or sum into its dtype.
    fn narrow_reduced(&mut self, op: ReduceOp, tile: &Tile) {
        let extremum = matches!(op, ReduceOp::Max | ReduceOp::Min);
        let wide = match tile.dtype {
            DType::I8 if extremum => Some(DType::I32),
            DType::U8 if extremum => Some(DType::U32),
            _ => None,
        };
        // The 32-bit identity of an empty extremum saturates to the byte's; sums wrap.
        match wide {
            Some(wide) => {
                for step in ops::cast(wide, tile.dtype, self.level()) {
                    self.map("narrow", &|_| step, &[tile], tile, [0; 2]);
                }
            }
            None => self.narrow(tile),
        }
    }

    /// Emits a primitive that folds rows along the last axis of `inputs` into `out`.
    fn fold_rows(
        &mut self,
        name: &'static str,
        primitive: Primitive,
        inputs: &[&Tile],
        out: &Tile,
    ) {
        let level_inputs: Vec<Tile> = inputs
            .iter()
            .map(|tile| {
                let last = tile.shape.len() - 1;
                match tile.shape[last] <= 1 || tile.strides[last] == 4 {
                    true => (*tile).clone(),
                    false => self.contiguous(tile),
                }
            })
            .collect();
        let first = &level_inputs[0];
        let last = first.shape.len() - 1;
        let main = level_inputs.iter().any(|tile| tile.main);
        let mut addresses = [NOWHERE; 4];
        for (address, tile) in addresses.iter_mut().zip(&level_inputs) {
            *address = tile.at;
        }
        if main {
            addresses[3] = self.slots.add(STATE * 4, true);
        }
        let mut nest = Vec::new();
        for k in 0..last {
            let mut strides = [out.strides_in(&out.shape)[k], 0, 0, 0, 0];
            for (to, tile) in strides[1..].iter_mut().zip(&level_inputs) {
                *to = tile.strides_in(&tile.shape)[k];
            }
            nest.push((out.shape[k], strides));
        }
        self.rows(Rows {
            name,
            primitive,
            nest,
            len: first.shape[last],
            out: out.at,
            inputs: &addresses,
            extra: [if main { 0 } else { FIRST | LAST }, 0],
            block: if main { BlockRole::Stateful } else { BlockRole::Fixed },
            hoisted: out.hoisted,
        });
    }

    /// Emits a primitive that folds the columns of `inputs` along an axis before the last into `out`; false where it would
    /// not fit: a row of all columns has to lie as neighbours, and columns that lie far apart from row to row in more
    /// than the second cache are better added up row by row.
    fn fold_columns(
        &mut self,
        primitive: &dyn Fn() -> Primitive,
        inputs: &[&Tile],
        axis: usize,
        out: &Tile,
    ) -> bool {
        let mut shape = inputs[0].shape.clone();
        for tile in inputs {
            shape.iter_mut().zip(&tile.shape).for_each(|(to, &extent)| *to = extent.max(*to));
        }
        // What all programs of a batch see alike is still told to each.
        shape[0] = out.shape[0];
        if inputs.iter().any(|tile| tile.main || tile.shape.len() != shape.len())
            || shape[axis + 1] < 2
            || shape.contains(&0)
        {
            return false;
        }
        let mut to = out.clone();
        to.strides = out.strides_in(&out.shape);
        let mut axes: Vec<(usize, [isize; 5])> = Vec::new();
        for k in 0..shape.len() {
            let mut strides = [if k == axis + 1 { 0 } else { to.strides[k] }, 0, 0, 0, 0];
            for (to, tile) in strides[1..].iter_mut().zip(inputs) {
                *to = tile.strides_in(&shape)[k];
            }
            axes.push((shape[k], strides));
        }
        let mut lanes = collapse(&axes.split_off(axis + 2));
        let Some((len, strides)) = lanes.pop() else { return false };
        let neighbours = strides[..=inputs.len()].iter().all(|&stride| stride == 4);
        let rows = shape[axis + 1];
        if !neighbours || len > NEAR_COLUMNS && rows * len > MOST_LANES {
            return false;
        }
        let folded = axes.pop();
        axes.extend(lanes);
        axes.extend(folded);
        let mut addresses = [NOWHERE; 4];
        for (address, tile) in addresses.iter_mut().zip(inputs) {
            *address = tile.at;
        }
        self.rows(Rows {
            name: if inputs.len() > 1 { "sum_mul_columns" } else { "fold_columns" },
            primitive: primitive(),
            nest: axes,
            len,
            out: out.at,
            inputs: &addresses,
            extra: [0; 2],
            block: BlockRole::Fixed,
            hoisted: out.hoisted,
        });
        true
    }

    /// A result of a reduction: never straight in an output, whose axes may be fewer.
    pub(super) fn reduced(&mut self, id: ExprId, operands: &[&Tile]) -> Tile {
        let (shape, main) = self.shape(id);
        let hoisted = self.hoists(id, operands) && operands.iter().all(|tile| !tile.main);
        self.new_tile(self.dtype(id), &shape, main, hoisted)
    }

    /// True when no axis after `axis` has more than one element.
    fn is_last(tile: &Tile, axis: usize) -> bool {
        tile.shape[axis + 2..].iter().all(|&extent| extent == 1)
    }

    /// The tile with `axis` last and the others in order.
    fn with_last(tile: &Tile, axis: usize) -> Tile {
        let rank = tile.shape.len() - 1;
        let order: Vec<usize> = (0..rank).filter(|&k| k != axis).chain([axis]).collect();
        permuted(tile, &order)
    }

    /// The reverse of [`with_last`](Self::with_last).
    fn with_last_back(tile: &Tile, axis: usize) -> Tile {
        let rank = tile.shape.len() - 1;
        let mut order: Vec<usize> = (0..rank - 1).collect();
        order.insert(axis, rank - 1);
        permuted(tile, &order)
    }

    pub(super) fn reduce(&mut self, id: ExprId, op: ReduceOp, of: ExprId, axis: usize) -> Tile {
        let of = self.value(of);
        let out = self.reduced(id, &[&of]);
        let level = self.level();
        if Self::is_last(&of, axis) {
            let (rows, to) = (Self::with_last(&of, axis), Self::with_last(&out, axis));
            self.fold_rows(op.row().name, reduce::reduce(op, of.dtype, level), &[&rows], &to);
        } else if !self.fold_columns(&|| columns::reduce(op, of.dtype, level), &[&of], axis, &out) {
            // Row by row into the result, whose lanes are the axes after.
            let identity = self.constant(of.dtype, lane(wide(of.dtype), op.identity(of.dtype)));
            self.copy(&identity, &out, out.hoisted);
            let mut total = out.clone();
            total.shape = of.shape.clone();
            total.shape[0] = out.shape[0];
            total.strides[axis + 1] = 0;
            let (join, dtype) = (op.combine(), of.dtype);
            self.map(
                join.name(),
                &|mask| ops::binary(join, dtype, mask, level),
                &[&total.clone(), &of],
                &total,
                [0; 2],
            );
        }
        self.narrow_reduced(op, &out);
        out
    }

    pub(super) fn sum_of_products(&mut self, id: ExprId, a: &Tile, b: &Tile, axis: usize) -> Tile {
        let out = self.reduced(id, &[a, b]);
        let level = self.level();
        if !Self::is_last(a, axis) {
            if self.fold_columns(&|| columns::sum_of_products(level), &[a, b], axis, &out) {
                return out;
            }
            let product = self.new_tile(a.dtype, &a.shape[1..], false, out.hoisted);
            let multiply = |mask| ops::binary(BinaryOp::Mul, DType::F32, mask, level);
            self.map("mul", &multiply, &[a, b], &product, [0; 2]);
            let zero = self.constant(DType::F32, 0);
            self.copy(&zero, &out, out.hoisted);
            let mut total = out.clone();
            total.shape = product.shape.clone();
            total.strides[axis + 1] = 0;
            let add = |mask| ops::binary(BinaryOp::Add, DType::F32, mask, level);
            self.map("add", &add, &[&total.clone(), &product], &total, [0; 2]);
            return out;
        }
        let rows = [Self::with_last(a, axis), Self::with_last(b, axis)];
        let to = Self::with_last(&out, axis);
        self.fold_rows("sum_mul", reduce::sum_of_products(level), &[&rows[0], &rows[1]], &to);
        out
    }

    pub(super) fn arg_reduce(&mut self, id: ExprId, max: bool, of: ExprId, axis: usize) -> Tile {
        let of = self.value(of);
        let out = self.reduced(id, &[&of]);
        let (rows, to) = (Self::with_last(&of, axis), Self::with_last(&out, axis));
        let primitive = arg::arg_reduce(max, of.dtype, self.level());
        self.fold_rows(if max { "argmax" } else { "argmin" }, primitive, &[&rows], &to);
        out
    }

    pub(super) fn scan(
        &mut self,
        id: ExprId,
        op: ReduceOp,
        of: ExprId,
        axis: usize,
        exclusive: bool,
        reverse: bool,
    ) -> Tile {
        let of = self.value(of);
        let hoisted = self.hoists(id, &[&of]);
        let direct = Self::is_last(&of, axis);
        let mut rows = Self::with_last(&of, axis);
        let last = rows.shape.len() - 1;
        if rows.shape[last] > 1 && rows.strides[last] != 4 {
            rows = self.contiguous(&rows);
        }
        let (out, to) = if direct {
            let out = self.result(id, hoisted);
            let to = Self::with_last(&out, axis);
            (out, to)
        } else {
            let to = self.new_tile(of.dtype, &rows.shape[1..], of.main, hoisted);
            (Self::with_last_back(&to, axis), to)
        };
        let flags = (exclusive as u64 * scan::EXCLUSIVE) | (reverse as u64 * scan::REVERSE);
        let state = if of.main { self.slots.add(4, true) } else { NOWHERE };
        let from = rows.strides_in(&rows.shape);
        let into = to.strides_in(&to.shape);
        let nest = (0..last).map(|k| (to.shape[k], [into[k], from[k], 0, 0, 0])).collect();
        self.rows(Rows {
            name: if reverse { "scan_back" } else { "scan" },
            primitive: scan::scan(op, of.dtype, self.level()),
            nest,
            len: rows.shape[last],
            out: to.at,
            inputs: &[rows.at, NOWHERE, NOWHERE, state],
            extra: [flags | if of.main { 0 } else { FIRST | LAST }, 0],
            block: if of.main { BlockRole::Stateful } else { BlockRole::Fixed },
            hoisted,
        });
        if to.is_contiguous() {
            self.narrow_reduced(op, &to);
        }
        out
    }

    pub(super) fn top_k(&mut self, of: ExprId, k: usize) -> Vec<Tile> {
        let of = self.value(of);
        let rank = of.shape.len();
        let last = rank - 1;
        let rows = match of.shape[last] <= 1 || of.strides[last] == 4 {
            true => of,
            false => self.contiguous(&of),
        };
        let mut shape = rows.shape[1..].to_vec();
        shape[last - 1] = k;
        let values = self.new_tile(rows.dtype, &shape, false, rows.hoisted);
        let positions = self.new_tile(DType::U32, &shape, false, rows.hoisted);
        let len = rows.shape[last];
        if k > len {
            // A fault that says what is wrong, in the terms of an index.
            let bad = self.constant(DType::U32, k as u32);
            self.check(&bad, len + 1, "the row of a top-k".into(), last - 1);
            return vec![values, positions];
        }
        let scratch =
            if k > topk::FEW || k == len { self.slots.add(len * 8, false) } else { NOWHERE };
        let (from, v, p) = (
            rows.strides_in(&rows.shape),
            values.strides_in(&values.shape),
            positions.strides_in(&positions.shape),
        );
        let nest = (0..last).map(|i| (values.shape[i], [v[i], from[i], p[i], 0, 0])).collect();
        self.rows(Rows {
            name: "top_k",
            primitive: topk::top_k(rows.dtype, self.level()),
            nest,
            len,
            out: values.at,
            inputs: &[rows.at, positions.at, NOWHERE, scratch],
            extra: [k as u64, 0],
            block: BlockRole::Fixed,
            hoisted: rows.hoisted,
        });
        vec![values, positions]
    }

    pub(super) fn dot(&mut self, id: ExprId, a: ExprId, b: ExprId) -> Tile {
        let (a, b) = (self.value(a), self.value(b));
        let hoisted = self.hoists(id, &[&a, &b]);
        let out = self.result(id, hoisted);
        let integers = !a.dtype.is_float();
        let (m, k) = (a.shape[1], a.shape[2]);
        let level = self.level();
        let a = if k <= 1 || a.strides[2] == 4 { a } else { self.contiguous(&a) };
        if !integers && k > 0 && m < FEW_ROWS && b.strides[1] == 4 && b.strides[2] != 4 {
            // Few rows against the rows of a transposed matrix: a sum of products each.
            let nest = vec![
                (out.shape[0], [out.strides[0], a.strides[0], b.strides[0], 0, 0]),
                (m, [out.strides[1], a.strides[1], 0, 0, 0]),
                (out.shape[2], [out.strides[2], 0, b.strides[2], 0, 0]),
            ];
            self.rows(Rows {
                name: "dot_rows",
                primitive: reduce::sum_of_products(level),
                nest,
                len: k,
                out: out.at,
                inputs: &[a.at, b.at],
                extra: [FIRST | LAST, 0],
                block: BlockRole::Fixed,
                hoisted,
            });
            return out;
        }
        // Rows of the right that lie far apart share few places in the first cache, and each is read again for every
        // few rows of the left.
        let apart = m >= MANY_ROWS && b.strides[1].unsigned_abs() >= FAR_APART;
        let neighbours = b.shape[2] <= 1 || b.strides[2] == 4;
        let b = if neighbours && !apart { b } else { self.contiguous(&b) };
        // The rows of the product are the rows of the left; the inner axis runs inside the primitive, along rows of
        // the right, so the batch is the only axis outside. The row strides are set by hand.
        self.dot_call(&a, &b, &out, integers, k, hoisted);
        out
    }

    fn dot_call(
        &mut self,
        a: &Tile,
        b: &Tile,
        out: &Tile,
        integers: bool,
        k: usize,
        hoisted: bool,
    ) {
        if out.shape.contains(&0) {
            return;
        }
        let mut call = crate::simd::call::Call::new(out.shape[1], out.shape[2]);
        call.out.row = out.strides[1];
        call.inputs[0].row = a.strides[1];
        call.inputs[1].row = b.strides[1];
        call.extra = [k as u64, 0];
        let invoke = Invoke {
            primitive: dot::dot(integers, self.level()),
            call,
            out: out.at,
            inputs: [a.at, b.at, NOWHERE, NOWHERE],
            prefetch: NOWHERE,
            outer: match out.shape[0] {
                1 => Vec::new(),
                batch => vec![(batch, [out.strides[0], a.strides[0], b.strides[0], 0, 0])],
            },
            block: BlockRole::Fixed,
            name: "dot",
        };
        self.push(Step::Invoke(Box::new(invoke)), hoisted);
    }

    pub(super) fn combine(
        &mut self,
        of: &[ExprId],
        axis: usize,
        function: &Combine,
        joined: Joined,
    ) -> Vec<Tile> {
        let scans = matches!(joined, Joined::Running { .. });
        let rows: Vec<Tile> = of
            .iter()
            .map(|&part| {
                let tile = Self::with_last(&self.value(part), axis);
                let shape = tile.shape[1..].to_vec();
                self.spread(&tile, &shape, false)
            })
            .collect();
        let shape = rows[0].shape[1..].to_vec();
        let len = shape.last().copied().unwrap_or(1);
        let mut out_shape = shape.clone();
        if !scans {
            out_shape.pop();
            out_shape.push(1);
        }
        let outs: Vec<Tile> =
            rows.iter().map(|tile| self.new_tile(tile.dtype, &out_shape, false, false)).collect();
        // Values of the body by expression: the arguments first.
        let mut numbers: HashMap<ExprId, usize> = HashMap::default();
        for (k, &argument) in function.left.iter().chain(&function.right).enumerate() {
            numbers.insert(argument, k);
        }
        let mut body = Vec::new();
        let mut add = |binder: &mut Self, expr: ExprId, numbers: &mut HashMap<ExprId, usize>| {
            binder.combine_operation(expr, &mut body, numbers, 2 * of.len());
        };
        for &expr in function.body.iter().chain(&function.results) {
            add(self, expr, &mut numbers);
        }
        let lanes = rows[0].lanes();
        let maps = match scans {
            false => Vec::new(),
            true => self.mapped(&body, rows.iter().map(|tile| tile.dtype)).unwrap_or_default(),
        };
        let combining = Combining {
            maps,
            rows: match (len, scans) {
                (0, false) => outs[0].lanes(),
                (0, true) => 0,
                _ => lanes / len,
            },
            len,
            inputs: rows.iter().map(|tile| tile.at).collect(),
            outputs: outs.iter().map(|tile| tile.at).collect(),
            dtypes: rows.iter().map(|tile| tile.dtype).collect(),
            results: function.results.iter().map(|result| numbers[result]).collect(),
            joined,
            body,
        };
        self.push(Step::Combine(Box::new(combining)), false);
        outs.iter().map(|tile| Self::with_last_back(tile, axis)).collect()
    }

    /// The values of constants.
    pub(super) fn numbers(&self, constants: &[ExprId]) -> Vec<f64> {
        let number = |id: &ExprId| match self.request.program.expr(*id).kind {
            ExprKind::Const(literal) => self.dtype(*id).round(literal.value()),
            _ => 0.0,
        };
        constants.iter().map(number).collect()
    }

    /// The operations of a combine function as maps of rows; `None` where one is no map of lanes.
    fn mapped(
        &self,
        body: &[(Operation, DType)],
        parts: impl Iterator<Item = DType>,
    ) -> Option<Vec<Mapped>> {
        // Others are rounded after each operation.
        let whole = |dtype| matches!(dtype, DType::F32 | DType::I32 | DType::U32 | DType::Bool);
        if !parts.chain(body.iter().map(|(_, dtype)| *dtype)).all(whole) {
            return None;
        }
        let level = self.level();
        let of = |(operation, dtype): &(Operation, DType)| {
            let Operation::Op { kind, from, operands } = operation else {
                return Some(Mapped::Same);
            };
            let mut operands = *operands;
            let primitive = match kind {
                _ if !whole(*from) => return None,
                ExprKind::Unary(op, _) => ops::unary(*op, *from, level),
                ExprKind::Binary(op, ..) => {
                    if matches!(op, BinaryOp::Gt | BinaryOp::Ge) {
                        operands.swap(0, 1);
                    }
                    ops::binary(*op, *from, 0, level)
                }
                ExprKind::Ternary(op, _) => ops::ternary(*op, 0, level)?,
                ExprKind::Cast(_) => match ops::cast(*from, *dtype, level)[..] {
                    [] => ops::fused(ops::Fused::Copy, 0, level),
                    [step] => step,
                    _ => return None,
                },
                _ => return None,
            };
            Some(Mapped::Map(primitive, operands))
        };
        body.iter().map(of).collect()
    }

    /// Adds an operation of a combine function, and first those outside scalars that it uses.
    fn combine_operation(
        &mut self,
        id: ExprId,
        body: &mut Vec<(Operation, DType)>,
        numbers: &mut HashMap<ExprId, usize>,
        arguments: usize,
    ) {
        if numbers.contains_key(&id) {
            return;
        }
        let expr = self.request.program.expr(id);
        let dtype = expr.ty.dtype;
        let operation = match &expr.kind {
            ExprKind::Const(literal) => Operation::Constant(dtype.round(literal.value())),
            _ if !self.values[id.index()].is_empty() => Operation::Word(self.value(id).at),
            ExprKind::Size(extent) => {
                Operation::Constant(dtype.round(extent.value(self.request.dims) as f64))
            }
            ExprKind::Scalar(param) => {
                let tile = self.new_tile(dtype, &[], false, true);
                self.words.push((tile.at, Word::Scalar(param.index(), dtype)));
                Operation::Word(tile.at)
            }
            kind => {
                let mut operands = Vec::new();
                kind.operands(|operand| operands.push(operand));
                for &operand in &operands {
                    self.combine_operation(operand, body, numbers, arguments);
                }
                let number = |k: usize| operands.get(k).map_or(0, |operand| numbers[operand]);
                let from = match (kind, operands.get(1)) {
                    // The condition's type says nothing about what is chosen.
                    (ExprKind::Ternary(..), Some(second)) => self.dtype(*second),
                    _ => operands.first().map_or(dtype, |&first| self.dtype(first)),
                };
                let operands = [number(0), number(1), number(2)];
                Operation::Op { kind: kind.clone(), from, operands }
            }
        };
        body.push((operation, dtype));
        numbers.insert(id, arguments + body.len() - 1);
    }
}

/// Up to so many rows, a product with a transposed matrix does not turn that round first.
const FEW_ROWS: usize = 8;

/// The 32-bit type that holds a dtype's lanes.
fn wide(dtype: DType) -> DType {
    match dtype {
        DType::I8 => DType::I32,
        DType::U8 | DType::Bool => DType::U32,
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}
