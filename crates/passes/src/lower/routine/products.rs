//! `Σ_l x[l] (q[l] scale + bias)` of half floats with MLX affine weights: the last grid axis is the column of the weights,
//! of which a group takes sixteen; where the weights do not depend on the row of x, it takes several rows too.

use super::{depends, halves, indices, is_input, is_scalar, under_shapes};
use crate::lower::{Held, Lowering, Schedule, add, binary, int, shift_left, shift_right, size};
use std::collections::HashSet;
use tilewright_ir::thread::{
    AffineProduct, AffineProducts, Builtin, Code, Routine, Rows, ThreadProgram, Value,
};
use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Place, Program, ReduceOp, Stmt,
};

/// Subgroups of a group, at most.
const SUBGROUPS: usize = 8;

/// As many blocks of columns fill a GPU without many subgroups each.
const BLOCKS: usize = 512;

/// Weights of a column that a subgroup takes in a round.
fn round(bits: u32) -> usize {
    if bits <= 4 { 512 } else { 256 }
}

/// The most tiles of rows.
const TILES: usize = 4;

/// What a product reads.
struct Product<'a> {
    sum: ExprId,
    x: &'a Place,
    w: &'a Place,
    scales: &'a Place,
    biases: &'a Place,
    bits: u32,
    group: usize,
    groups: Extent,
    dtype: DType,
}

impl<'a> Product<'a> {
    fn of(program: &'a Program, sum: ExprId) -> Option<Product<'a>> {
        let ExprKind::Reduce(ReduceOp::Sum, of, 0) = program.expr(sum).kind else { return None };
        let ExprKind::Binary(BinaryOp::Mul, a, b) = program.expr(of).kind else { return None };
        if program.expr(of).ty.shape.len() != 1 {
            return None;
        }
        Product::times(program, sum, a, b).or_else(|| Product::times(program, sum, b, a))
    }

    fn times(program: &'a Program, sum: ExprId, x: ExprId, weights: ExprId) -> Option<Product<'a>> {
        let (x_place, dtype) = halves(program, x)?;
        let affine = under_shapes(program, weights);
        let shape = &program.expr(affine).ty.shape;
        let [groups, Extent::Const(group)] = shape[..] else { return None };
        let ExprKind::Binary(BinaryOp::Add, a, b) = program.expr(affine).kind else { return None };
        let found = |product: ExprId, biases: ExprId| {
            let product = under_shapes(program, product);
            let ExprKind::Binary(BinaryOp::Mul, c, d) = program.expr(product).kind else {
                return None;
            };
            let found = |q: ExprId, scales: ExprId| {
                let ExprKind::Cast(q) = program.expr(under_shapes(program, q)).kind else {
                    return None;
                };
                let ExprKind::Unpack { of, bits } = program.expr(q).kind else { return None };
                let w = program.expr(of);
                let ExprKind::Load { place: w_place, .. } = &w.kind else { return None };
                let (scales_place, scales_dtype) = halves(program, scales)?;
                let (biases_place, biases_dtype) = halves(program, biases)?;
                let per_group = |id: ExprId| {
                    let shape = &program.expr(under_shapes(program, id)).ty.shape;
                    shape[..] == [groups]
                };
                let fits = w.ty.dtype == DType::U32
                    && is_input(program, w_place)
                    && scales_dtype == dtype
                    && biases_dtype == dtype
                    && per_group(scales)
                    && per_group(biases);
                fits.then_some(Product {
                    sum,
                    x: x_place,
                    w: w_place,
                    scales: scales_place,
                    biases: biases_place,
                    bits,
                    group,
                    groups,
                    dtype,
                })
            };
            found(c, d).or_else(|| found(d, c))
        };
        let product = found(a, b).or_else(|| found(b, a))?;
        let whole_rows = product.places().into_iter().all(|place| {
            let (last, outer) = place.axes.split_last().unwrap_or((&Axis::All, &[]));
            *last == Axis::All && outer.iter().all(|axis| matches!(axis, Axis::At(_)))
        });
        let known =
            matches!(product.bits, 2 | 3 | 4 | 5 | 6 | 8) && matches!(product.group, 32 | 64 | 128);
        (whole_rows && known).then_some(product)
    }

    fn places(&self) -> [&'a Place; 4] {
        [self.x, self.w, self.scales, self.biases]
    }
}

/// The one axis of a place that is the program's index along a grid axis, if no other index depends on it.
fn axis_of(program: &Program, place: &Place, grid: usize) -> Option<usize> {
    let mut found = None;
    for (axis, id) in indices(place) {
        match program.expr(id).kind {
            ExprKind::Program(of) if of == grid && found.is_none() => found = Some(axis),
            _ if depends(program, id, grid) => return None,
            _ => {}
        }
    }
    found
}

/// True when no index of a place depends on the program's index along a grid axis.
fn is_free_of(program: &Program, place: &Place, grid: usize) -> bool {
    indices(place).all(|(_, id)| !depends(program, id, grid))
}

pub(super) fn lower(program: &Program, schedule: &Schedule) -> Option<ThreadProgram> {
    let column_axis = program.grid.len().checked_sub(1)?;
    if program.grid.iter().any(|axis| axis.block != 1) || program.grid.len() > 3 {
        return None;
    }
    let mut products: Vec<Product<'_>> = Vec::new();
    for statement in &program.body {
        match statement {
            Stmt::Let(id) if matches!(program.expr(*id).kind, ExprKind::Reduce(..)) => {
                products.push(Product::of(program, *id)?);
            }
            Stmt::Let(_) => {}
            Stmt::Store { place, value, .. } => {
                let stored = tilewright_ir::infer::place_type(program, place).ok()?.shape;
                let scalar = stored.iter().all(|e| *e == Extent::Const(1));
                if !scalar || !is_scalar(program, *value) {
                    return None;
                }
            }
            _ => return None,
        }
    }
    let first = products.first()?;
    let same = |p: &Product<'_>| {
        (p.bits, p.group, p.groups, p.dtype) == (first.bits, first.group, first.groups, first.dtype)
            && is_free_of(program, p.x, column_axis)
            && [p.w, p.scales, p.biases]
                .iter()
                .all(|place| axis_of(program, place, column_axis).is_some())
    };
    if !products.iter().all(same) || !only_products_take_rows(program, &products) {
        return None;
    }
    // Rows share weights that do not depend on them.
    let row_axis = (0..column_axis).find(|&axis| {
        products.iter().all(|p| {
            axis_of(program, p.x, axis).is_some()
                && [p.w, p.scales, p.biases].iter().all(|place| is_free_of(program, place, axis))
        })
    });
    around(program, schedule, &products, column_axis, row_axis)
}

/// True when what is longer than one element is read by products, and by nothing else.
fn only_products_take_rows(program: &Program, products: &[Product<'_>]) -> bool {
    let sums: HashSet<ExprId> = products.iter().map(|p| p.sum).collect();
    program.body.iter().all(|statement| {
        let Stmt::Let(id) = statement else { return true };
        if sums.contains(id) || !is_scalar(program, *id) {
            return true;
        }
        let mut all = true;
        program.expr(*id).kind.operands(|a| all &= is_scalar(program, a));
        all && match &program.expr(*id).kind {
            ExprKind::Load { place, .. } => is_input(program, place),
            _ => true,
        }
    })
}

fn around(
    program: &Program,
    schedule: &Schedule,
    products: &[Product<'_>],
    column_axis: usize,
    row_axis: Option<usize>,
) -> Option<ThreadProgram> {
    let first = products.first()?;
    let own = Schedule { team: 0, teams: 0, matrix: None, ..schedule.clone() };
    let mut l = Lowering::new(program, &own);
    let tile_rows = 8 * first.group / 128;
    let tiles = match row_axis {
        None => 1,
        Some(axis) => {
            let rows = 1usize << schedule.capacity_of(program.grid[axis].extent);
            rows.div_ceil(tile_rows).next_power_of_two().min(TILES)
        }
    };
    let rows_of_group = if row_axis.is_some() { tiles * tile_rows } else { 1 };
    let capacity = tiles * tile_rows;
    let depth = first.group << schedule.capacity_of(first.groups);
    // Blocks of columns of all programs that have none in common.
    let count = |axis: usize| 1usize << schedule.capacity_of(program.grid[axis].extent).min(20);
    let others = (0..column_axis).filter(|axis| Some(*axis) != row_axis).map(count);
    let blocks = others.product::<usize>() * count(column_axis).div_ceil(AffineProducts::COLUMNS);
    // The fewer blocks, the more subgroups share each.
    let most = if blocks < BLOCKS { SUBGROUPS } else { SUBGROUPS / 2 };
    let rounds = products.len() * depth.div_ceil(round(first.bits));
    let subgroups = rounds.next_power_of_two().min(most);
    let width = AffineProducts::COLUMNS;
    let result_len = products.len() * capacity * width;
    let result = l.shared("result", DType::F32, result_len);
    let partial = l.shared("partial", DType::F32, result_len * subgroups);

    // Where the group's first column and row are.
    let group_of = |axis: usize| Value::Builtin(Builtin::Group(program.grid.len() - 1 - axis));
    let columns_log = width.trailing_zeros();
    let start = shift_left(group_of(column_axis), columns_log);
    let column0 = l.let_value("column0", DType::I32, start);
    l.programs[column_axis] = Some(column0.clone());
    let row0 = row_axis.map(|axis| {
        let start = shift_left(group_of(axis), rows_of_group.trailing_zeros());
        let row0 = l.let_value("row0", DType::I32, start);
        l.programs[axis] = Some(row0.clone());
        row0
    });
    let sums: HashSet<ExprId> = products.iter().map(|p| p.sum).collect();
    let after = |id: ExprId| depends_on(program, id, &sums);
    for statement in &program.body {
        if let Stmt::Let(id) = statement
            && is_scalar(program, *id)
            && !after(*id)
        {
            l.bind(*id).ok()?;
        }
    }
    let mut operands = Vec::new();
    for p in products {
        let mut rows = |place: &Place, grid: Option<usize>| {
            let offset = l.offset(place, &[int(0)])?;
            let stride = match grid.and_then(|grid| axis_of(program, place, grid)) {
                Some(axis) if axis + 1 < place.axes.len() => Value::Stride(place.param, axis),
                _ => Value::Wide(Box::new(int(0))),
            };
            Some(Rows { param: place.param, offset, stride })
        };
        operands.push(AffineProduct {
            x: rows(p.x, row_axis)?,
            w: rows(p.w, Some(column_axis))?,
            scales: rows(p.scales, Some(column_axis))?,
            biases: rows(p.biases, Some(column_axis))?,
        });
    }
    let rest =
        |first: Value, axis: usize| binary(BinaryOp::Sub, size(program.grid[axis].extent), first);
    let aligned = |place: &Place| schedule.aligned[place.param.index()];
    let routine = AffineProducts {
        bits: first.bits,
        group: first.group,
        dtype: first.dtype,
        tiles,
        width,
        aligned: products.iter().all(|p| aligned(p.x) && aligned(p.w)),
        products: operands,
        groups: size(first.groups),
        rows: match (&row0, row_axis) {
            (Some(row0), Some(axis)) => rest(row0.clone(), axis),
            _ => int(1),
        },
        columns: rest(column0.clone(), column_axis),
        result,
        partial,
    };
    l.routine(Routine::AffineProducts(Box::new(routine)));

    // Then each thread finishes an element.
    l.held.clear();
    l.checked_indices.clear();
    let counter = l.register("element", DType::I32, None);
    let element = Value::Get(counter);
    let (body, done) = l.nested(|l| {
        let within = binary(BinaryOp::And, element.clone(), int((1 << columns_log) - 1));
        let column = l.let_value("column", DType::I32, add(column0, within));
        let mut inside =
            binary(BinaryOp::Lt, column.clone(), size(program.grid[column_axis].extent));
        l.programs[column_axis] = Some(column);
        if let (Some(row0), Some(axis)) = (row0, row_axis) {
            let row = add(row0, shift_right(element.clone(), columns_log));
            let row = l.let_value("row", DType::I32, row);
            let there = binary(BinaryOp::Lt, row.clone(), size(program.grid[axis].extent));
            inside = Value::Binary(BinaryOp::And, DType::Bool, Box::new(inside), Box::new(there));
            l.programs[axis] = Some(row);
        }
        let (body, done) = l.nested(|l| {
            for statement in &program.body {
                match statement {
                    Stmt::Let(id) if sums.contains(id) => {
                        let number = products.iter().position(|p| p.sum == *id)?;
                        let at = number * capacity * width;
                        let at = add(element.clone(), int(at as i64));
                        let sum = Value::Shared(result, Box::new(at));
                        let register = l.register("sum", DType::F32, None);
                        l.code(Code::Let(register, sum));
                        let layout = l.layout(&program.expr(*id).ty.shape);
                        l.hold(*id, Held { register, layout });
                    }
                    Stmt::Let(id) if !is_scalar(program, *id) => {}
                    statement => l.statement(statement).ok()?,
                }
            }
            Some(())
        });
        l.code(Code::If(inside, body));
        done
    });
    done?;
    let threads = subgroups * 32;
    let end = int((rows_of_group * width) as i64);
    let (start, step) = (Value::Builtin(Builtin::Thread), int(threads as i64));
    l.code(Code::For { counter, start, end, step, body });
    let mut threads = l.finish_routine(threads, None);
    let axes = threads.grid.len();
    threads.grid[axes - 1 - column_axis].per_group = width;
    if let Some(axis) = row_axis {
        threads.grid[axes - 1 - axis].per_group = rows_of_group;
    }
    Some(threads)
}

/// True when an expression is, or is computed from, one of these.
fn depends_on(program: &Program, id: ExprId, these: &HashSet<ExprId>) -> bool {
    let mut found = these.contains(&id);
    program.expr(id).kind.operands(|a| found = found || depends_on(program, a, these));
    found
}
