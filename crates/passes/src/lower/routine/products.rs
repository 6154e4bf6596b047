//! `Σ_l x[l] (q[l] scale + bias)` of half floats with MLX affine weights: the last grid axis is the column of the weights,
//! of which a group takes sixteen; where the weights do not depend on the row of x, it takes several rows too.

use super::choice::{Choice, Chosen};
use super::product::Product;
use super::staying::Staying;
use super::{closure, depends, indices, is_input, is_scalar};
use crate::lower::{Held, Lowering, Schedule, add, binary, int, shift_left, shift_right, size};
use tilewright_ir::table::HashSet;
use tilewright_ir::thread::{
    AffineProduct, AffineProducts, Builtin, Code, Normed, Ready, Ring, Routine, Rows,
    ThreadProgram, Value,
};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, ParamId, Place, Program, Stmt};

/// How the columns of a row's products are shared out.
struct Shares {
    /// Blocks of columns that a group takes, if it makes its rows ready.
    wide: usize,
    /// Subgroups that share them, at most.
    subgroups: usize,
    /// Steps that a subgroup takes at a time.
    steps: usize,
    /// Subgroups that should run on a multiprocessor at a time.
    beside: usize,
}

impl Shares {
    /// For as many blocks of columns, or some fewer if not `exact`, and `products` of each. Few blocks are many subgroups
    /// each, so that all memory is asked for at once; more than run at a time are few. Each group makes the row ready for
    /// itself, which takes as long as some rounds of weights, so that a group of two blocks is the faster one where all run at
    /// a time. Measured on an H100 with its 132 multiprocessors, 4 bits in groups of 64, in decoding of 8 billion weights
    /// (tokens a second): 515 so; 497 with a block a group of 8 subgroups for 4096x12288 (447 with steps of 2); before that, of
    /// 499, 477 with groups of 4 subgroups, and 443 with ones of 8, for a block of 2x12288x4096, and the same with one round for
    /// each subgroup of 6144x4096, of 151936x4096 or, in as large a group, of 4096x4096. Of single products by half floats, in
    /// graphs (us): 2x8192x2048 9.6 (11.9 with 8 subgroups), 14336x4096 14.5 (17.1 with 8), 128256x2048 56.7 (61.0 with 16
    /// beside).
    fn of(blocks: usize, exact: bool, products: usize, depth: usize) -> Shares {
        let (wide, subgroups, steps, beside) = match blocks {
            ..=128 => (1, 16, 2, 16),
            129..=256 if depth <= 2048 => (1, 8, 2, 16),
            // A round takes all of a row.
            129..=256 if depth <= 4096 => (1, 8, 4, 24),
            129..=256 => (2, 16, 4, 16),
            257..=512 if !exact && products == 1 => (1, 8, 2, 24),
            257..=512 => (1, 4, 4, 16),
            _ if products > 1 => (2, 8, 2, 24),
            513..=1024 => (1, 4, 4, 16),
            _ => (1, 4, 4, 20),
        };
        Shares { wide, subgroups, steps, beside }
    }
}

/// Rows of a tile.
pub(super) fn tile_rows(group: usize) -> usize {
    8 * group / 128
}

/// Weights of a column that a subgroup takes in a step.
pub(super) const STEP: usize = 128;

/// Bytes of shared memory that rows that are made ready may take.
pub(super) const ROWS: usize = 96 << 10;

/// The most sums of each element of several rows: as many as subgroups share their steps, or a multiple.
const SLOTS: usize = 16;

/// The most tiles of rows.
const TILES: usize = 4;

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
    let choice = Choice::of(program)?;
    let chooses = |id: &ExprId| choice.as_ref().is_some_and(|choice| choice.computes(*id));
    let mut products: Vec<Product<'_>> = Vec::new();
    let mut squares = HashSet::default();
    for statement in &program.body {
        match statement {
            Stmt::Let(id) if chooses(id) => {}
            Stmt::Let(id) if matches!(program.expr(*id).kind, ExprKind::Reduce(..)) => {
                match Product::of(program, *id) {
                    Some(product) => products.push(product),
                    None => _ = squares.insert(*id),
                }
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
    let normed_alike =
        |p: &Product<'_>| p.norm == first.norm && (p.norm.is_none() || p.x == first.x);
    let all_normed = products.iter().all(normed_alike)
        && squares.iter().all(|id| first.norm.as_ref().is_some_and(|norm| norm.squares == *id));
    if !all_normed
        || !products.iter().all(same)
        || !only_products_take_rows(program, &products, &squares, chooses)
    {
        return None;
    }
    // Rows share weights that do not depend on them.
    let row_axis = (0..column_axis).find(|&axis| {
        products.iter().all(|p| {
            axis_of(program, p.x, axis).is_some()
                && [p.w, p.scales, p.biases].iter().all(|place| is_free_of(program, place, axis))
        })
    });
    around(program, schedule, &products, choice.as_ref(), [Some(column_axis), row_axis])
}

/// True when what is longer than one element is read by products, or by what `chooses` experts, and by nothing else.
fn only_products_take_rows(
    program: &Program,
    products: &[Product<'_>],
    squares: &HashSet<ExprId>,
    chooses: impl Fn(&ExprId) -> bool,
) -> bool {
    let sums: HashSet<ExprId> = products.iter().map(|p| p.sum).collect();
    program.body.iter().all(|statement| {
        let id = match statement {
            Stmt::Let(id) if chooses(id) => return true,
            Stmt::Let(id) => id,
            // What a norm makes of a row goes into products alone.
            Stmt::Store { value, .. } => return !is_of_norm(program, *value, squares, &sums),
            _ => return true,
        };
        if sums.contains(id) || !is_scalar(program, *id) || is_of_norm(program, *id, squares, &sums)
        {
            return true;
        }
        let mut all = true;
        program.expr(*id).kind.operands(|a| all &= is_scalar(program, a) || chooses(&a));
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
    choice: Option<&Choice<'_>>,
    [column_axis, row_axis]: [Option<usize>; 2],
) -> Option<ThreadProgram> {
    let column_axis = column_axis?;
    let first = products.first()?;
    let norm = first.norm.as_ref();
    let aligned = |place: &Place| schedule.aligned[place.param.index()];
    if norm.is_some_and(|n| !aligned(n.weight)) {
        return None;
    }
    let own = Schedule { team: 0, teams: 0, matrix: None, ..schedule.clone() };
    let mut l = Lowering::new(program, &own);
    let tile_rows = tile_rows(first.group);
    let tiles = match row_axis {
        None => 1,
        // Each group norms its one row.
        Some(_) if norm.is_some() => 1,
        Some(axis) => {
            let rows = 1usize << schedule.capacity_of(program.grid[axis].extent);
            rows.div_ceil(tile_rows).next_power_of_two().min(TILES)
        }
    };
    let shares = row_axis.is_some() && norm.is_none();
    let rows_of_group = if shares { tiles * tile_rows } else { 1 };
    let capacity = tiles * tile_rows;
    // Blocks of columns of all programs that have none in common.
    let count = |axis: usize| 1usize << schedule.capacity_of(program.grid[axis].extent).min(20);
    let others = (0..column_axis).filter(|axis| Some(*axis) != row_axis).map(count);
    let others = others.product::<usize>();
    let blocks = others * count(column_axis).div_ceil(AffineProducts::COLUMNS);
    let exact = schedule.is_exact(program.grid[column_axis].extent);
    let rows = if products.iter().all(|p| p.x == first.x) { 1 } else { products.len() };
    let is_alone = |axis: usize| schedule.capacity_of(program.grid[axis].extent) == 0;
    let alone = !shares || row_axis.is_some_and(is_alone);
    let rows_aligned = products.iter().all(|p| aligned(p.x));
    let staying = schedule.stay.as_ref().filter(|_| {
        let weights_aligned =
            products.iter().all(|p| [p.w, p.scales, p.biases].into_iter().all(aligned));
        alone
            && rows == 1
            && others == 1
            && choice.is_none()
            && first.bits == 4
            && rows_aligned
            && weights_aligned
    });
    let staying = staying.and_then(|stay| {
        let columns = stay.size_of(program.grid[column_axis].extent)?;
        let depth = stay.size_of(first.groups)? * first.group;
        Staying::of(stay.on, columns, depth, products.len(), first.group)
    });
    let depth = match &staying {
        Some(staying) => staying.depth,
        None => first.group << schedule.capacity_of(first.groups),
    };
    let mut shares_of = match (&staying, choice) {
        (Some(s), _) => Shares {
            wide: s.wide,
            subgroups: s.makers + Staying::SUBGROUPS,
            steps: Staying::STEPS,
            beside: s.makers + Staying::SUBGROUPS,
        },
        // Its weights are asked for after a wait: all at once.
        (None, Some(_)) if rows == 1 => Shares { wide: 1, subgroups: 8, steps: 4, beside: 24 },
        _ => Shares::of(blocks, exact, products.len(), depth),
    };
    if first.bits > 4 {
        // More registers for as many weights.
        (shares_of.steps, shares_of.beside) = (2, 16);
    }
    let Shares { wide, subgroups: most, steps, beside } = shares_of;
    let len = depth.next_multiple_of(steps * STEP);
    let fits = alone && rows_aligned && rows * len * Ready::BYTES <= ROWS;
    if norm.is_some() && !fits {
        return None;
    }
    let wide = if fits { wide } else { 1 };
    let rounds = wide * products.len() * depth.div_ceil(steps * STEP);
    let width = wide * AffineProducts::COLUMNS;
    let subgroups = match rows {
        _ if staying.is_some() => most,
        1 => rounds.next_power_of_two().min(most),
        // As many rounds for each, of rows that fill three quarters of their room where that is not known.
        _ => {
            let filled = if schedule.is_exact(first.groups) { depth } else { depth / 4 * 3 };
            let rounds = products.len() * filled.div_ceil(steps * STEP);
            rounds.div_ceil(rounds.div_ceil(most))
        }
    };
    // Where rows are not made ready, each subgroup has slots of its own: a turn of all takes no more units than there are slots.
    let few = most.min(SLOTS * AffineProducts::UNIT / (steps * STEP));
    let subgroups = if fits { subgroups } else { rounds.next_power_of_two().min(few) };
    // The next launch of a graph asks for its weights meanwhile, if there are registers left: one round takes few. Where
    // a wave is neither full nor nearly empty, a group that starts beside costs more (3 % of qwen3-0.6b on an H100, where
    // qwen3-30b-a3b gains 3).
    let leaves = fits && staying.is_none() && steps == 2 && first.bits <= 4 && rounds <= subgroups;
    let beside = if leaves && !(17..=256).contains(&blocks) { 32 } else { beside };
    let result_len = products.len() * capacity * width;
    // First: what comes asynchronously is written by 128 bytes, at multiples of which its rows lie only there.
    let ring = staying.as_ref().map(|staying| Ring {
        room: l.shared("ring", DType::U32, staying.words),
        slots: staying.slots,
        makers: staying.makers,
    });
    let result = l.shared("result", DType::F32, result_len);
    let units = |depth: usize| depth.div_ceil(AffineProducts::UNIT);
    let (room, slots) = match fits {
        true => (products.len() * width, units(len)),
        false => (result_len, units(depth).min(SLOTS)),
    };
    let partial = l.shared("partial", DType::F32, room * slots);
    let behind = if staying.is_some() { Staying::ZEROS + Staying::MEETING } else { 0 };
    let ready = fits.then(|| Ready {
        rows,
        len,
        row: l.shared("row", DType::U32, rows * len * Ready::BYTES / 4 + behind),
        sums: l.shared("sums", DType::F32, rows * len / first.group * Ready::SUMS),
    });

    // Where the group's first column and row are.
    let group_of = |axis: usize| Value::Builtin(Builtin::Group(program.grid.len() - 1 - axis));
    let start = match width.is_power_of_two() {
        true => shift_left(group_of(column_axis), width.trailing_zeros()),
        false => binary(BinaryOp::Mul, group_of(column_axis), int(width as i64)),
    };
    let column0 = l.let_value("column0", DType::I32, start);
    l.programs[column_axis] = Some(column0.clone());
    let row0 = row_axis.map(|axis| {
        let start = shift_left(group_of(axis), rows_of_group.trailing_zeros());
        let row0 = l.let_value("row0", DType::I32, start);
        l.programs[axis] = Some(row0.clone());
        row0
    });
    let sums: HashSet<ExprId> = products.iter().map(|p| p.sum).collect();
    let squares: HashSet<ExprId> = norm.iter().map(|n| n.squares).collect();
    // What says where the operands lie.
    let mut needed = HashSet::default();
    for place in products.iter().flat_map(Product::places) {
        indices(place).for_each(|(_, id)| closure(program, id, &mut needed));
    }
    // Rows of its experts' own were made by who knew them: the logits are older than these.
    let chosen = match choice {
        Some(choice) => Some(Chosen::new(&mut l, choice, rows > 1)?),
        None => None,
    };
    let chooses = |id: ExprId| choice.is_some_and(|choice| choice.computes(id));
    let mut early = choice.is_none() || rows > 1;
    for statement in &program.body {
        if let Stmt::Let(id) = statement
            && needed.contains(id)
            && !chooses(*id)
            && !bind_chosen(&mut l, chosen.as_ref(), *id)?
        {
            early &= !matches!(program.expr(*id).kind, ExprKind::Load { .. });
            l.bind(*id).ok()?;
        }
    }
    let mut operands = Vec::new();
    for p in products {
        let mut rows = |place: &Place, grid| rows_of(&mut l, place, grid);
        operands.push(AffineProduct {
            x: rows(p.x, row_axis)?,
            w: rows(p.w, Some(column_axis))?,
            scales: rows(p.scales, Some(column_axis))?,
            biases: rows(p.biases, Some(column_axis))?,
        });
    }
    let end_of = |axis: usize| size(program.grid[axis].extent);
    let rest = |first: Value, axis: usize| binary(BinaryOp::Sub, end_of(axis), first);
    let normed = match norm {
        Some(norm) => {
            let weight = rows_of(&mut l, norm.weight, None)?;
            Some(Normed { weight, eps: l.known(norm.eps)? })
        }
        None => None,
    };
    // Each column has a thread.
    let own = add(column0.clone(), Value::Builtin(Builtin::Thread));
    let finished_with = match fits {
        true => finished_with(&mut l, column_axis, own, &sums),
        false => Vec::new(),
    };
    let routine = AffineProducts {
        bits: first.bits,
        group: first.group,
        dtype: first.dtype,
        tiles,
        width,
        steps,
        beside: if fits { beside } else { [16, 12, 8][tiles.trailing_zeros().min(2) as usize] },
        aligned: products.iter().all(|p| aligned(p.x) && aligned(p.w)),
        early,
        ready,
        ring,
        normed,
        finished_with,
        products: operands,
        groups: size(first.groups),
        rows: match (&row0, row_axis) {
            (Some(row0), Some(axis)) if shares => rest(row0.clone(), axis),
            _ => int(1),
        },
        columns: rest(column0.clone(), column_axis),
        result,
        partial,
        slots,
    };
    l.routine(Routine::AffineProducts(Box::new(routine)));

    // Then each thread finishes an element.
    l.held.clear();
    l.checked_indices.clear();
    let counter = l.register("element", DType::I32, None);
    let element = Value::Get(counter);
    let (body, done) = l.nested(|l| {
        // Where groups stay, they have one row.
        let within = match staying {
            Some(_) => element.clone(),
            None => binary(BinaryOp::And, element.clone(), int(width as i64 - 1)),
        };
        let column = l.let_value("column", DType::I32, add(column0, within));
        let mut inside =
            binary(BinaryOp::Lt, column.clone(), size(program.grid[column_axis].extent));
        l.programs[column_axis] = Some(column);
        if let (Some(row0), Some(axis)) = (row0, row_axis) {
            let row = match staying {
                Some(_) => row0,
                None => add(row0, shift_right(element.clone(), width.trailing_zeros())),
            };
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
                    Stmt::Let(id)
                        if !is_scalar(program, *id)
                            || chooses(*id)
                            || is_of_norm(program, *id, &squares, &sums)
                            || bind_chosen(l, chosen.as_ref(), *id)? => {}
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
    let end = int((if staying.is_some() { 1 } else { rows_of_group } * width) as i64);
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

/// True when `id` is part of a choice and has its register.
fn bind_chosen(l: &mut Lowering<'_>, chosen: Option<&Chosen<'_>>, id: ExprId) -> Option<bool> {
    chosen.map_or(Some(false), |chosen| chosen.bind(l, id))
}

/// Single elements that a thread reads after the products of its `column`, where they lie at places that no tensor tells.
fn finished_with(
    l: &mut Lowering<'_>,
    column_axis: usize,
    column: Value,
    sums: &HashSet<ExprId>,
) -> Vec<(ParamId, Value)> {
    let program = l.program;
    let is_load = |id: ExprId| matches!(program.expr(id).kind, ExprKind::Load { .. });
    let known = |place: &Place| {
        let mut from = HashSet::default();
        indices(place).for_each(|(_, id)| closure(program, id, &mut from));
        !from.iter().any(|id| is_load(*id) || sums.contains(id))
    };
    let group = l.programs[column_axis].replace(column);
    let mut found = Vec::new();
    for statement in &program.body {
        if let Stmt::Let(id) = statement
            && is_scalar(program, *id)
            && let ExprKind::Load { place, .. } = &program.expr(*id).kind
            && known(place)
            && let Some(offset) = l.offset(place, &[])
        {
            found.push((place.param, offset));
        }
    }
    l.programs[column_axis] = group;
    found
}

/// The rows that a place names, along a grid axis if it depends on that.
fn rows_of(l: &mut Lowering<'_>, place: &Place, grid: Option<usize>) -> Option<Rows> {
    let offset = l.offset(place, &[int(0)])?;
    let stride = match grid.and_then(|grid| axis_of(l.program, place, grid)) {
        Some(axis) if axis + 1 < place.axes.len() => Value::Stride(place.param, axis),
        _ => Value::Wide(Box::new(int(0))),
    };
    Some(Rows { param: place.param, offset, stride })
}

/// True when an expression is computed from the sum of a row's squares, other than by way of the products.
fn is_of_norm(
    program: &Program,
    id: ExprId,
    squares: &HashSet<ExprId>,
    sums: &HashSet<ExprId>,
) -> bool {
    if sums.contains(&id) {
        return false;
    }
    let mut found = squares.contains(&id);
    program.expr(id).kind.operands(|a| found = found || is_of_norm(program, a, squares, sums));
    found
}
