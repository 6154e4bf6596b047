//! Programs that add rows of values to those of a sum where indices say, one value after another: the rows of the sum are
//! shared out among programs, each of which looks through all indices, many at a time, and adds what goes to its own rows.
//! Each row is added up in the order that it was, so the sum is the same bit for bit.
//!
//! On an H200 the gradient of `moe_combine_rows`, 4096 rows of 2048 in bf16, takes 0.064 ms so, and took 2.035 where eight
//! programs, a block of columns each, waited for one row after the other; that of `gather`, 16384 rows of 1024 in f32, 0.106 for
//! 8.21, and that of `resize_bilinear`, which one program did alone, 0.771 for 325.

use crate::lines::MOST_GRID_AXES;
use tilewright_ir::validate::validate_rewritten;
use tilewright_ir::{
    Access, Axis, BinaryOp, DType, ExprId, ExprKind, Extent, GridAxis, Literal, ParamId, ParamKind,
    Place, Program, ReduceOp, Stmt, StoreMode, TernaryOp, Type, VarId, Variable, infer,
};

/// Programs that share the rows of a sum: enough for every multiprocessor, with the blocks of columns that there are. Each
/// goes through all indices, which a fixed number of programs leaves a small part of the work however many there are; while one
/// waits for a row, others look on. On an H200 by 256 and 1024: the gradient of `apply_rope_at`, 65536 rows of 128 in f32, 0.476 and
/// 0.275 ms, of `gather` 0.104 and 0.082, of `resize_bilinear` 0.562 and 0.506, of `moe_combine_rows` in bf16 0.064 and 0.067.
const SHARES: usize = 1024;

/// Indices that a program looks through at a time.
const AT_ONCE: usize = 256;

/// Shares the rows of a sum out among programs. Other programs stay as they are.
pub fn share(program: &mut Program) {
    if program.grid.len() >= MOST_GRID_AXES {
        return;
    }
    let Some((sum, axis)) = shared_axis(program) else { return };
    let mut shared = program.clone();
    let mut body = Vec::new();
    let own = Own::new(&mut shared, (sum, axis), &mut body);
    let statements = std::mem::take(&mut shared.body);
    for statement in statements {
        match nest(&shared, &statement).and_then(|nest| nest.chosen(&shared, axis)) {
            Some(chosen) => own.turns(&mut shared, statement, chosen, &mut body),
            None => body.push(statement),
        }
    }
    shared.body = body;
    if validate_rewritten(&shared).is_ok() {
        *program = shared;
    }
}

/// Loops from 0 on in one another, in the innermost of which one place is stored, and perhaps read, but no other of its tensor.
pub(super) struct Nest<'a> {
    /// Their indices, how often they run and what is evaluated in each before the next, from the outermost in.
    pub loops: Vec<(ExprId, Extent, Vec<ExprId>)>,
    pub place: &'a Place,
    /// Not all of the place is stored.
    masked: bool,
}

/// How a loop chooses a row.
enum Chosen {
    /// Its index is the row.
    Each(ExprId),
    /// Its index is a position in this tensor of integers, along its last axis.
    Loaded(ExprId, Place, DType),
}

/// A statement as a nest, if it is one.
fn nest<'a>(program: &'a Program, mut statement: &'a Stmt) -> Option<Nest<'a>> {
    let mut loops = Vec::new();
    loop {
        match statement {
            Stmt::For { index, start, end, step: 1, body } => {
                (program.constant(*start)? == 0.0).then_some(())?;
                let count = match program.expr(*end).kind {
                    ExprKind::Size(count) => count,
                    ExprKind::Const(count) => Extent::Const(count.value() as usize),
                    _ => return None,
                };
                let (last, before) = body.split_last()?;
                let lets = before.iter().map(|statement| match statement {
                    Stmt::Let(id) => Some(*id),
                    _ => None,
                });
                loops.push((*index, count, lets.collect::<Option<Vec<_>>>()?));
                statement = last;
            }
            Stmt::Store { place, mask, mode: StoreMode::Set, .. } if !loops.is_empty() => {
                let mut read = loops.iter().flat_map(|(.., lets)| lets);
                // Nothing that is added to is read but where it is added to.
                let own = read.all(|id| match &program.expr(*id).kind {
                    ExprKind::Load { place: read, .. } => {
                        read.param != place.param || read == place
                    }
                    _ => true,
                });
                return own.then_some(Nest { loops, place, masked: mask.is_some() });
            }
            _ => return None,
        }
    }
}

impl Nest<'_> {
    /// How the position along an axis of the sum is chosen.
    fn chosen(&self, program: &Program, axis: usize) -> Option<Chosen> {
        let Some(&Axis::At(mut row)) = self.place.axes.get(axis) else { return None };
        let (_, sum) = program.tensor(self.place.param)?;
        if let Some((index, count, _)) = self.loops.iter().find(|(index, ..)| *index == row) {
            return (sum[axis] == *count).then_some(Chosen::Each(*index));
        }
        while let ExprKind::Cast(of) = program.expr(row).kind {
            row = of;
        }
        let ExprKind::Load { place: from, .. } = &program.expr(row).kind else { return None };
        let ParamKind::Tensor { dtype, shape, access: Access::In, .. } =
            &program.param(from.param).kind
        else {
            return None;
        };
        let at = self.loops.iter().position(|(.., lets)| lets.contains(&row))?;
        let (index, count, _) = &self.loops[at];
        let (last, outer) = from.axes.split_last()?;
        let along = *last == Axis::At(*index) && shape.last() == Some(count);
        // The others are known before the loop.
        let inside = |id: &ExprId| {
            let inner = &self.loops[at..];
            inner.iter().any(|(index, _, lets)| index == id || lets.contains(id))
        };
        let known = |axis: &Axis| matches!(axis, Axis::At(id) if !inside(id));
        let integer = matches!(dtype, DType::I32 | DType::U32);
        (along && integer && outer.iter().all(known))
            .then(|| Chosen::Loaded(*index, from.clone(), *dtype))
    }
}

/// All nests of a program that is nothing else, and the tensor that they store to.
pub(super) fn nests(program: &Program) -> Option<(ParamId, Vec<Nest<'_>>)> {
    let mut nests: Vec<Nest<'_>> = Vec::new();
    let mut read = Vec::new();
    for statement in &program.body {
        match statement {
            Stmt::Let(id) => read.push(*id),
            Stmt::For { .. } => nests.push(nest(program, statement)?),
            Stmt::Set(..) | Stmt::Store { .. } | Stmt::When { .. } => return None,
        }
    }
    let sum = nests.first()?.place.param;
    let alone = nests.iter().all(|nest| nest.place.param == sum);
    let apart = read.iter().all(|id| match &program.expr(*id).kind {
        ExprKind::Load { place, .. } => place.param != sum,
        _ => true,
    });
    (alone && apart).then_some((sum, nests))
}

/// The sum, and an axis of it along which positions are loaded, or all gone through, by a loop of each nest.
fn shared_axis(program: &Program) -> Option<(ParamId, usize)> {
    let (sum, nests) = nests(program)?;
    // Loops of a known length are few turns, which is not worth it.
    let long = |nest: &Nest<'_>| nest.loops.iter().all(|(_, count, _)| count.constant().is_none());
    if nests.iter().any(|nest| nest.masked || !long(nest)) {
        return None;
    }
    let (_, shape) = program.tensor(sum)?;
    let axis = (0..shape.len()).find(|&axis| {
        let chosen = || nests.iter().map(|nest| nest.chosen(program, axis));
        chosen().all(|chosen| chosen.is_some())
            && chosen().any(|chosen| matches!(chosen, Some(Chosen::Loaded(..))))
    })?;
    Some((sum, axis))
}

/// The rows of a program.
struct Own {
    /// The first, and the one after the last, which may be more than there are.
    first: ExprId,
    after: ExprId,
    /// The one after the last that there is.
    end: ExprId,
    /// The last row of all.
    last: ExprId,
}

impl Own {
    fn new(program: &mut Program, (sum, axis): (ParamId, usize), out: &mut Vec<Stmt>) -> Own {
        let rows = program.tensor(sum).map_or(Extent::Const(0), |(_, shape)| shape[axis]);
        let axis = program.grid.len();
        program.grid.push(GridAxis { extent: Extent::Const(SHARES), block: 1 });
        let number = emit(program, ExprKind::Program(axis), out);
        let rows = emit(program, ExprKind::Size(rows), out);
        let (zero, one) = (whole(program, 0, out), whole(program, 1, out));
        let shares = whole(program, SHARES as i64, out);
        let mut binary =
            |program: &mut Program, op, a, b| emit(program, ExprKind::Binary(op, a, b), out);
        let last = binary(program, BinaryOp::Sub, rows, one);
        let last = binary(program, BinaryOp::Max, last, zero);
        // ceil(rows / SHARES), without what may overflow.
        let each = binary(program, BinaryOp::Div, last, shares);
        let each = binary(program, BinaryOp::Add, each, one);
        let first = binary(program, BinaryOp::Mul, number, each);
        let after = binary(program, BinaryOp::Add, first, each);
        let end = binary(program, BinaryOp::Min, after, rows);
        Own { first, after, end, last }
    }

    /// A nest whose loop that chooses a row goes over these rows.
    fn turns(&self, program: &mut Program, statement: Stmt, chosen: Chosen, out: &mut Vec<Stmt>) {
        let Stmt::For { index, start, end, step, body } = statement else {
            out.push(statement);
            return;
        };
        match chosen {
            Chosen::Each(of) if of == index => {
                let (start, end) = (self.first, self.end);
                out.push(Stmt::For { index, start, end, step, body });
            }
            Chosen::Loaded(of, place, dtype) if of == index => {
                self.look_through(program, [index, end], (place, dtype), body, out);
            }
            chosen => {
                let (mut inner, mut chosen) = (Vec::new(), Some(chosen));
                for statement in body {
                    match (&statement, chosen.take()) {
                        (Stmt::For { .. }, Some(chosen)) => {
                            self.turns(program, statement, chosen, &mut inner);
                        }
                        (_, left) => {
                            chosen = left;
                            inner.push(statement);
                        }
                    }
                }
                out.push(Stmt::For { index, start, end, step, body: inner });
            }
        }
    }

    /// The loop over those of the indices at `place` that are of these rows, in their order: for [`AT_ONCE`] of them it is
    /// counted how many are, and each turn of a loop of so many takes the first one behind the last.
    fn look_through(
        &self,
        program: &mut Program,
        [index, count]: [ExprId; 2],
        (place, dtype): (Place, DType),
        body: Vec<Stmt>,
        out: &mut Vec<Stmt>,
    ) {
        let zero = whole(program, 0, out);
        let most = whole(program, i32::MAX.into(), out);
        let chunk = program.push(ExprKind::LoopIndex, scalar(DType::I32), None);
        let mut chunks = Vec::new();
        let mut axes = place.axes.clone();
        if let Some(last) = axes.last_mut() {
            *last = Axis::Range { start: chunk, len: Extent::Const(AT_ONCE), step: 1 };
        }
        let tile = Place { param: place.param, axes };
        let load = ExprKind::Load { place: tile, fill: Literal::Int(0) };
        let rows = emit(program, load, &mut chunks);
        let rows = match dtype {
            DType::I32 => rows,
            _ => cast(program, rows, DType::I32, &mut chunks),
        };
        let mut binary = |program: &mut Program, op, a, b| {
            emit(program, ExprKind::Binary(op, a, b), &mut chunks)
        };
        // An index of no row goes to a program that has one, which tells.
        let rows = binary(program, BinaryOp::Min, rows, self.last);
        let rows = binary(program, BinaryOp::Max, rows, zero);
        let from = binary(program, BinaryOp::Ge, rows, self.first);
        let below = binary(program, BinaryOp::Lt, rows, self.after);
        let own = binary(program, BinaryOp::And, from, below);
        let iota = emit(program, ExprKind::Iota(Extent::Const(AT_ONCE)), &mut chunks);
        let at = emit(program, ExprKind::Binary(BinaryOp::Add, iota, chunk), &mut chunks);
        // Behind the end there is none.
        let there = emit(program, ExprKind::Binary(BinaryOp::Lt, at, count), &mut chunks);
        let own = emit(program, ExprKind::Binary(BinaryOp::And, own, there), &mut chunks);
        let place_of_own =
            emit(program, ExprKind::Ternary(TernaryOp::Select, [own, at, most]), &mut chunks);
        let counted = cast(program, own, DType::I32, &mut chunks);
        let found = reduced(program, ReduceOp::Sum, counted, &mut chunks);
        let var = VarId(program.vars.len() as u32);
        let name = Some("at".to_string());
        program.vars.push(Variable { ty: scalar(DType::I32), at: None, name });
        let before = whole(program, -1, &mut chunks);
        chunks.push(Stmt::Set(var, before));
        let turn = program.push(ExprKind::LoopIndex, scalar(DType::I32), None);
        let mut turns = Vec::new();
        let last = emit(program, ExprKind::Get(var), &mut turns);
        let behind = emit(program, ExprKind::Binary(BinaryOp::Gt, place_of_own, last), &mut turns);
        let left = [behind, place_of_own, most];
        let left = emit(program, ExprKind::Ternary(TernaryOp::Select, left), &mut turns);
        let next = reduced(program, ReduceOp::Min, left, &mut turns);
        turns.push(Stmt::Set(var, next));
        program.exprs[index.index()].kind = ExprKind::Get(var);
        turns.push(Stmt::Let(index));
        turns.extend(body);
        chunks.push(Stmt::For { index: turn, start: zero, end: found, step: 1, body: turns });
        out.push(Stmt::For { index: chunk, start: zero, end: count, step: AT_ONCE, body: chunks });
    }
}

fn scalar(dtype: DType) -> Type {
    Type { dtype, shape: Vec::new() }
}

fn whole(program: &mut Program, n: i64, out: &mut Vec<Stmt>) -> ExprId {
    let id = program.push(ExprKind::Const(Literal::Int(n)), scalar(DType::I32), None);
    out.push(Stmt::Let(id));
    id
}

fn emit(program: &mut Program, kind: ExprKind, out: &mut Vec<Stmt>) -> ExprId {
    // What does not type is found by the check of the whole.
    let ty = infer::infer(program, &kind, None).unwrap_or_else(|_| scalar(DType::I32));
    let id = program.push(kind, ty, None);
    out.push(Stmt::Let(id));
    id
}

fn cast(program: &mut Program, of: ExprId, dtype: DType, out: &mut Vec<Stmt>) -> ExprId {
    let shape = program.expr(of).ty.shape.clone();
    let id = program.push(ExprKind::Cast(of), Type { dtype, shape }, None);
    out.push(Stmt::Let(id));
    id
}

/// The elements of a tile of one axis as one.
fn reduced(program: &mut Program, op: ReduceOp, of: ExprId, out: &mut Vec<Stmt>) -> ExprId {
    let one = emit(program, ExprKind::Reduce(op, of, 0), out);
    let dtype = program.expr(one).ty.dtype;
    let id = program.push(ExprKind::Reshape(one), scalar(dtype), None);
    out.push(Stmt::Let(id));
    id
}

#[cfg(test)]
mod tests {
    use super::super::walked::walk;
    use super::*;
    use tilewright_ir::interpret::{Tensor, bind_arguments};
    use tilewright_ir::{Argument, interpret, text::parse};

    /// Zeros, then rows added in two axes: all of the first, and of the second where indices say.
    const TWO_AXES: &str =
        "kernel t(columns: in u32[n, m], values: in f32[n, m, c], sum: out f32[n, b, c])
        grid c / 256
        %0: i32 = program 0
        %1: i32 = const 256
        %2: i32 = mul %0, %1
        %3: i32 = const 0
        %4: i32 = size n
        %5: i32 = size b
        for %6 in %3..%4 {
          for %7 in %3..%5 {
            %8: f32 = const 0.0
            store sum[%6, %7, %2..+256] = %8
          }
        }
        %9: i32 = size m
        for %10 in %3..%4 {
          for %11 in %3..%9 {
            %12: u32 = load columns[%10, %11]
            %13: i32 = cast %12
            %14: f32[256] = load values[%10, %11, %2..+256]
            %15: f32[256] = load sum[%10, %13, %2..+256]
            %16: f32[256] = add %15, %14
            store sum[%10, %13, %2..+256] = %16
          }
        }";

    /// The loop that chooses a row has another in it.
    const OUTER: &str =
        "kernel t(rows: in i32[n], columns: in i32[n, m], values: in f32[n, m], sum: inout f32[a, b])
        %0: i32 = const 0
        %1: i32 = size n
        %2: i32 = size m
        for %3 in %0..%1 {
          %4: i32 = load rows[%3]
          for %5 in %0..%2 {
            %6: i32 = load columns[%3, %5]
            %7: f32 = load values[%3, %5]
            %8: f32 = load sum[%4, %6]
            %9: f32 = add %8, %7
            store sum[%4, %6] = %9
          }
        }";

    /// What the tensors are after the program has run.
    fn run(program: &Program, tensors: &[Tensor]) -> Result<Vec<Argument>, String> {
        let mut arguments: Vec<_> = tensors.iter().cloned().map(Argument::Tensor).collect();
        let bindings = bind_arguments(program, &arguments).map_err(|e| e.to_string())?;
        interpret(program, &mut arguments, &bindings).map_err(|e| e.to_string())?;
        Ok(arguments)
    }

    /// Numbers of which many are equal, in no order.
    fn indices(count: usize, below: usize) -> Vec<f64> {
        let hash = |k: usize| (k as u32).wrapping_mul(2_654_435_769) >> 8;
        (0..count).map(|k| (hash(k) % below as u32) as f64).collect()
    }

    fn check(text: &str, tensors: impl Fn(usize) -> Vec<Tensor>, axes: usize) {
        let whole = parse(text).unwrap();
        let mut shared = whole.clone();
        walk(&mut shared);
        share(&mut shared);
        assert_eq!(shared.grid.len(), whole.grid.len() + axes, "{shared}");
        for many in [0, 1, 7, 300, 600] {
            let right = run(&whole, &tensors(many)).unwrap();
            assert_eq!(run(&shared, &tensors(many)).unwrap(), right, "{many}");
        }
        // An index of no row is told.
        let mut stray = tensors(300);
        let (dtype, shape) = (stray[0].dtype, stray[0].shape.clone());
        let mut values = stray[0].values();
        for index in [2_000_000_000.0, if dtype == DType::U32 { 4e9 } else { -1.0 }] {
            values[3] = index;
            stray[0] = Tensor::from_values(dtype, &shape, &values);
            assert!(run(&shared, &stray).unwrap_err().contains("sum"));
        }
    }

    #[test]
    fn programs_add_the_same_to_rows_of_their_own() {
        let floats = |shape: &[usize]| {
            let count: usize = shape.iter().product();
            let values: Vec<f64> = indices(count, 1 << 20).iter().map(|x| x / 1e3).collect();
            Tensor::from_values(DType::F32, shape, &values)
        };
        let two = |many: usize| {
            let columns = Tensor::from_values(DType::U32, &[3, many], &indices(3 * many, 9));
            vec![columns, floats(&[3, many, 5]), floats(&[3, 9, 5])]
        };
        check(TWO_AXES, two, 2);
        let outer = |many: usize| {
            let rows = Tensor::from_values(DType::I32, &[many], &indices(many, 700));
            let columns = Tensor::from_values(DType::I32, &[many, 4], &indices(many * 4, 6));
            vec![rows, columns, floats(&[many, 4]), floats(&[700, 6])]
        };
        check(OUTER, outer, 1);
    }

    #[test]
    fn what_is_read_elsewhere_is_not_shared() {
        // The sum is read at another row than is written.
        let text = OUTER.replace("%8: f32 = load sum[%4, %6]", "%8: f32 = load sum[%6, %6]");
        let mut program = parse(&text).unwrap();
        let whole = program.clone();
        share(&mut program);
        assert_eq!(program, whole);
    }
}
