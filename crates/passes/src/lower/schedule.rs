//! Schedules: how a tile program is spread over threads. Data, chosen by shape and device, tuned by measuring.

use super::matrix::{self, Matrix, Units};
use super::spread::{is_row_of_maps, is_whole, split_axis};
use super::{SUBGROUP, short};
use tilewright_ir::{
    Access, DType, Expr, ExprId, ExprKind, Extent, ParamKind, Place, Program, Stmt, TernaryOp,
    UnaryOp, infer,
};

/// How a program is spread over the threads of a GPU.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// log2 of the threads that run one tile program together: a team. One of more than a group's makes a cluster of groups.
    pub team: u32,
    /// log2 of the teams of one group; more than 0 only for teams of at most one subgroup.
    pub teams: u32,
    /// log2 of the elements that one memory access moves, at most.
    pub vector: u32,
    /// log2 of the vectors that a thread takes of an axis that groups share.
    pub vectors: u32,
    /// log2 of the capacity of each named size: registers are sized for it.
    pub capacity: Vec<u32>,
    /// The run-time value of that size is a multiple of `2^vector`, so vectors neither straddle its end nor lose their
    /// alignment.
    pub divides: Vec<bool>,
    /// The run-time value of that size is its capacity, so that nothing needs a mask.
    pub exact: Vec<bool>,
    /// The rows of that parameter start at multiples of 16 bytes, so that vectors may be used.
    pub aligned: Vec<bool>,
    /// Groups are numbered in one line, for grids of more axes or longer ones than a GPU's.
    pub linear: bool,
    /// How dots of half types run on matrix units; `None` for a loop over the summed axis.
    pub matrix: Option<Matrix>,
    /// The device has routines, see [`tilewright_ir::thread::Routine`].
    pub routines: bool,
    /// Bytes of shared memory that a group may use, where that is little.
    pub shared: Option<usize>,
    /// Where groups may stay on their multiprocessors, see [`Stay`].
    pub stay: Option<Stay>,
    /// Groups may run together as a cluster.
    pub clusters: bool,
    /// Bytes of shared memory in which a group may keep what it reads several times; 0 where there is little.
    pub keep: usize,
    /// What is read and written is more than caches hold, and they can be told so.
    pub passing: bool,
    /// What is read is more than caches hold, and read once.
    pub once: bool,
}

/// Multiprocessors on which groups of packed products may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Multiprocessors {
    /// How many there are.
    pub count: usize,
    /// Bytes of shared memory that a group may have on one.
    pub shared: usize,
    /// The fewest columns, and weights of each, for which it is worth their while.
    pub least: usize,
}

/// That a group of packed products may take all that its multiprocessor is to do, with a ring of weights in shared memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stay {
    /// Where.
    pub on: Multiprocessors,
    /// The run-time value of each size that a packed weight has, so that its columns can be shared out evenly.
    pub sizes: Vec<Option<usize>>,
}

/// Weights of 4 bits in a word.
const WEIGHTS_A_WORD: usize = 8;

impl Stay {
    /// For a program at sizes `dims`; `None` if it has no packed weights of so many columns, each of so many.
    pub fn of(program: &Program, dims: &[usize], on: Multiprocessors) -> Option<Stay> {
        let mut sizes = vec![None; dims.len()];
        for param in &program.params {
            if let ParamKind::Tensor { dtype: DType::U32, access: Access::In, shape, .. } =
                &param.kind
                && let [columns, words] = &shape[..]
                && columns.value(dims).min(words.value(dims) * WEIGHTS_A_WORD) >= on.least
            {
                for extent in shape {
                    if let Extent::Dim { dim, .. } = extent {
                        sizes[dim.index()] = Some(dims[dim.index()]);
                    }
                }
            }
        }
        sizes.iter().any(Option::is_some).then_some(Stay { on, sizes })
    }

    /// The value of an extent, if it is known.
    pub fn size_of(&self, extent: Extent) -> Option<usize> {
        match extent {
            Extent::Const(n) => Some(n),
            Extent::Dim { dim, times } => Some(self.sizes[dim.index()]? * times),
        }
    }
}

/// log2 of the elements of a row that a thread takes, where two or three rows are held at once: enough loads in flight,
/// and few threads that have to meet.
const ELEMENTS_A_THREAD: u32 = 5;

/// The same where one row of halves is read and nothing of its length is written: a thread has as many loads in flight as
/// with 32 of four bytes, and half as many groups are to be started.
const OF_HALVES_READ: u32 = 6;

/// The same where more rows are held.
const OF_MANY_ROWS: u32 = 4;

/// The same where rows are held by the dozen, as those of all experts of a token: their text, unrolled for the elements of a
/// thread, takes the compiler minutes and registers that nothing has.
const OF_DOZENS_OF_ROWS: u32 = 3;

/// How many rows are that many.
const DOZENS: usize = 24;

/// The same for top-k, whose rounds cost a meeting each.
const OF_TOP_K: u32 = 6;

/// The same for top-k where rows are carried round loops too: their text, unrolled for the elements of a subgroup, is more
/// than an instruction cache holds.
const OF_TOP_K_AND_LOOPS: u32 = 2;

/// The same for maps, whose threads never meet: one or two vectors of each row, and many threads.
const OF_MAPS: u32 = 3;

/// The most rows that a thread of a row of maps holds so, in loops and variables: more, and so many threads leave each other
/// no registers. On an H200, gradients of 16384 rows of 1024 in f32, by 8 elements a thread instead of 32 or 16: bias_silu 0.090
/// ms for 0.149, bias_swiglu 0.121 for 0.140; causal_conv1d of 8 x 2048 x 2048 0.088 for 0.095; but the gradient of
/// causal_conv1d_silu, which holds 15, 0.322 for 0.278.
const MOST_OF_MAPS: usize = 12;

/// Programs from which on starting groups takes longer than short rows do: a group then has twice as many of them.
const MANY_PROGRAMS: usize = 1 << 14;

/// log2 of the longest such row. On an H200, 65536 programs by one, two, four, eight and sixteen teams a group: rows of 16 in
/// f32 (`grpo_advantage_norm`) 0.0820, 0.0426, 0.0228, 0.0135 and 0.0125 ms, of 128 in bf16 (`apply_rope`) 0.0820, 0.0426,
/// 0.0229, 0.0152 and 0.0160.
const SHORT_ROW: u32 = 7;

/// log2 of the halves in 16 bytes.
const VECTOR_OF_HALVES: u32 = 3;

/// Bytes of tensors that pass: more than twice the second-level cache of an H100 or H200.
const PASSING: usize = 1 << 27;

/// The longest row of bf16 that threads hold in words of two.
const LONGEST_IN_WORDS: usize = 1 << 12;

/// The part of them that has to be written at least, or there is nothing to keep apart from what is read: a product with
/// large weights is not to drive activations from a cache.
const WRITTEN: usize = 8;

/// The longest grid axis but the first, on every GPU.
const GRID_LIMIT: usize = 65535;

/// The largest team, in log2.
pub(super) const LARGEST_TEAM: u32 = 10;

impl Schedule {
    /// A good schedule without tuning, for run-time sizes `dims` and aligned rows.
    ///
    /// A thread takes some elements of the longest tile, see `elements_a_thread`, until the team has 1024 threads; teams
    /// of one subgroup, or of a part of one where rows are short, share a group of 128 threads.
    pub fn default_for(program: &Program, dims: &[usize], units: Units) -> Schedule {
        let capacity: Vec<u32> = dims.iter().map(|&d| ceil_log2(d)).collect();
        let scanned = scanned_vector(program, dims).filter(|_| units == Units::Half);
        let vector = scanned.unwrap_or_else(|| widest_vector(program));
        let divides = dims.iter().map(|d| d % (1 << vector) == 0).collect();
        let exact = dims.iter().map(|d| d.is_power_of_two()).collect();
        let (linear, routines) = (false, false);
        let aligned = vec![true; program.params.len()];
        let mut schedule = Schedule {
            team: 5,
            teams: 0,
            vector,
            vectors: 0,
            capacity,
            divides,
            exact,
            aligned,
            linear,
            matrix: None,
            routines,
            shared: (units == Units::Float).then_some(matrix::THREADGROUP),
            stay: None,
            clusters: false,
            keep: 0,
            passing: units == Units::Half && passes(program, dims),
            once: units == Units::Half && once(program, dims),
        };
        let lined = super::lined(program, &schedule);
        let program = lined.as_ref().unwrap_or(program);
        let split = split_axis(program, |e| schedule.capacity_of(e)).is_some();
        let outer = program.grid.iter().rev().skip(usize::from(!split));
        schedule.linear = program.grid.len() + usize::from(split) > 3
            || outer.map(|axis| axis.programs(dims)).any(|programs| programs > GRID_LIMIT);
        let longest = program
            .exprs
            .iter()
            .map(|e| e.ty.shape.iter().map(|&x| schedule.capacity_of(x)).sum::<u32>())
            .max()
            .unwrap_or(0);
        let usual = || longest.saturating_sub(elements_a_thread(program, vector));
        schedule.team = short::team(program, &schedule)
            .unwrap_or_else(|| usual().clamp(SUBGROUP, LARGEST_TEAM));
        if split {
            schedule.team = 8;
            schedule.vectors = u32::from(draws(program) && vector >= VECTOR_OF_HALVES);
        } else if schedule.team <= SUBGROUP && !schedule.linear && teams_fit(program) {
            let programs: usize = program.grid.iter().map(|axis| axis.programs(dims)).product();
            let short = longest <= SHORT_ROW && programs >= MANY_PROGRAMS;
            schedule.teams = SUBGROUP - schedule.team + if short { 3 } else { 2 };
        }
        if let Some((matrix, team)) = matrix::choose(program, dims, units) {
            (schedule.team, schedule.teams, schedule.matrix) = (team, 0, Some(matrix));
        }
        schedule
    }

    /// log2 of the capacity of an extent.
    pub fn capacity_of(&self, extent: Extent) -> u32 {
        match extent {
            Extent::Const(n) => ceil_log2(n),
            Extent::Dim { dim, times } if times.is_power_of_two() => {
                self.capacity[dim.index()] + times.trailing_zeros()
            }
            Extent::Dim { dim, times } => ceil_log2(times << self.capacity[dim.index()]),
        }
    }

    /// True when an extent fills its capacity, so that no position needs a mask.
    pub fn is_exact(&self, extent: Extent) -> bool {
        match extent {
            Extent::Const(n) => n.is_power_of_two(),
            Extent::Dim { dim, times } => times.is_power_of_two() && self.exact[dim.index()],
        }
    }

    /// log2 of a number that surely divides an extent.
    pub fn divisor_of(&self, extent: Extent) -> u32 {
        match extent {
            Extent::Const(0) => 31,
            Extent::Const(n) => n.trailing_zeros(),
            Extent::Dim { dim, times } => {
                times.trailing_zeros() + if self.divides[dim.index()] { self.vector } else { 0 }
            }
        }
    }
}

/// log2 of the elements of a line that a thread takes side by side, where lines are scanned by a function: 32 bytes of the narrowest. It
/// goes over these by itself, and only what comes of all is scanned over threads. `None` where lines are no multiples of that, or
/// lie across.
///
/// On an H200, 2048 lines of 2048 for each of 16 states (`selective_scan`), 16, 32 and 64 bytes a thread: f32 0.138, 0.116 and
/// 0.114 ms, its gradient 0.431 by 32 and 0.445 by 64; bf16, 8, 16, 32 and 64: 0.134, 0.090, 0.071 and 0.079, its gradient, which reads
/// rows of f32 too, 0.351 by 32 bytes of bf16 and 0.469 by 16.
fn scanned_vector(program: &Program, dims: &[usize]) -> Option<u32> {
    let mut scanned = None;
    for expr in &program.exprs {
        if let ExprKind::ScanBy { axis, .. } = &expr.kind {
            let line = expr.ty.shape.last().filter(|_| axis + 1 == expr.ty.shape.len())?;
            if scanned.is_some_and(|other| other != *line) {
                return None;
            }
            scanned = Some(*line);
        }
    }
    let line = scanned?;
    let sizes = program.params.iter().filter_map(|param| match &param.kind {
        ParamKind::Tensor { dtype, shape, .. }
            if dtype.is_float() && shape.last() == Some(&line) =>
        {
            Some(dtype.size())
        }
        _ => None,
    });
    let vector = (32 / sizes.min()?).trailing_zeros();
    line.value(dims).is_multiple_of(1 << vector).then_some(vector)
}

/// log2 of the elements of the longest tile that a thread takes: fewer where many such tiles are held at once.
fn elements_a_thread(program: &Program, vector: u32) -> u32 {
    let rank = |shape: &[Extent]| shape.iter().filter(|e| **e != Extent::Const(1)).count();
    let longest = program.exprs.iter().map(|e| rank(&e.ty.shape)).max().unwrap_or(0);
    let loads = program
        .exprs
        .iter()
        .filter(|e| matches!(e.kind, ExprKind::Load { .. }) && rank(&e.ty.shape) == longest);
    let vars = program.vars.iter().filter(|var| rank(&var.ty.shape) == longest);
    let vars = vars.count();
    if program.exprs.iter().any(|e| matches!(e.kind, ExprKind::TopK { .. })) {
        return if vars == 0 { OF_TOP_K } else { OF_TOP_K_AND_LOOPS };
    }
    if is_whole(program)
        || (is_row_of_maps(program) && loads.clone().count() + vars <= MOST_OF_MAPS)
    {
        return OF_MAPS;
    }
    if program.exprs.iter().any(|e| matches!(e.kind, ExprKind::ScanBy { .. })) {
        // One vector: what a thread holds beyond it is a scan of its own.
        return vector;
    }
    let rows = program
        .exprs
        .iter()
        .filter(|e| matches!(e.kind, ExprKind::Load { .. }) && rank(&e.ty.shape) > 0);
    match loads.count() + vars {
        _ if rows.count() >= DOZENS => OF_DOZENS_OF_ROWS,
        4.. => OF_MANY_ROWS,
        1 if reads_halves(program) => OF_HALVES_READ,
        _ => ELEMENTS_A_THREAD,
    }
}

/// True where tensors are together so large that whoever comes next finds nothing of them in a cache. Smaller ones may be
/// there still, and what is written then is to stay for the kernel that reads it.
///
/// On an H200, told so: rmsnorm of 65536 rows of 2048 in f32 0.2529 ms instead of 0.2617, layernorm 0.2529 instead of
/// 0.2615, swiglu 0.369 instead of 0.375, rmsnorm in bf16 0.1288 instead of 0.1307. Not so maps of halves, whose
/// arithmetic then waits (dropout 0.168 instead of 0.138, mish's gradient 0.212 instead of 0.200), nor loops over rows whose threads
/// meet (rmsnorm's gradient in f32 0.427 instead of 0.419, layernorm's 0.407 instead of 0.417; but sums of maps, in bf16 bias_geglu's
/// 0.346 instead of 0.360), nor what writes next to nothing
/// (a sum in f32 0.1296 instead of 0.1268). Reads that are to leave a cache first take longer than untold ones, 0.273,
/// writes that are to leave first change nothing; a row that is read again instead of held in registers takes 0.2542.
fn passes(program: &Program, dims: &[usize]) -> bool {
    let (all, written) = bytes_of_tensors(program, dims);
    let mut rows = Vec::new();
    row_sizes(program, &program.body, 0, &mut rows);
    let wide = rows.iter().all(|(_, bytes)| *bytes >= 4);
    let large = all >= PASSING && written >= all / WRITTEN;
    let sums = super::ahead::sums_maps(program);
    large && (sums || is_straight(program)) && (wide || !is_whole(program))
}

/// True where as much is read, in halves, and next to nothing written: rows go past the first-level cache. Not where some of a row
/// is read again, as what top-k chooses, nor where threads compute exponentials of what they hold as floats, or of long rows.
///
/// On an H200, rows of 1024, 2048 and 4096 in bf16: sums 0.0697, 0.0702 and 0.0700 ms instead of 0.0707, 0.0708 and 0.0707, argmax
/// 0.0715, 0.0718 and 0.0695 instead of 0.0734, 0.0718 and 0.0714; of 2048, std 0.0689 instead of 0.0710. In f32 they take longer
/// so, 0.130 instead of 0.128; top-k, 0.085 instead of 0.075, and logsumexp of rows held as floats, 0.080 instead of 0.077, but in
/// words of two 0.0698 instead of 0.0720, and of 8192 rows of 128256 0.495 instead of 0.489.
fn once(program: &Program, dims: &[usize]) -> bool {
    let (all, written) = bytes_of_tensors(program, dims);
    let floats = |e: &Expr| {
        let long = e.ty.shape.iter().map(|e| e.value(dims)).product::<usize>() > LONGEST_IN_WORDS;
        matches!(e.kind, ExprKind::Load { .. }) && (long || e.ty.dtype == DType::F16)
    };
    let floats = program.exprs.iter().any(floats);
    let other = program.exprs.iter().any(|e| match e.kind {
        ExprKind::Unary(UnaryOp::Exp | UnaryOp::Exp2, _) => floats,
        ExprKind::TopK { .. } => true,
        _ => false,
    });
    let large = all >= PASSING && written < all / WRITTEN;
    large && is_straight(program) && reads_halves(program) && !other
}

/// Bytes of all tensors, and of those that are written.
fn bytes_of_tensors(program: &Program, dims: &[usize]) -> (usize, usize) {
    let (mut all, mut written) = (0usize, 0usize);
    for param in &program.params {
        let ParamKind::Tensor { dtype, shape, access, .. } = &param.kind else { continue };
        let elements = shape.iter().map(|e| e.value(dims));
        let bytes = elements.fold(dtype.size(), usize::saturating_mul);
        all = all.saturating_add(bytes);
        if *access != Access::In {
            written = written.saturating_add(bytes);
        }
    }
    (all, written)
}

/// True for a program without loops and products.
pub(super) fn is_straight(program: &Program) -> bool {
    let plain = |s: &Stmt| matches!(s, Stmt::Let(_) | Stmt::Store { .. });
    let multiplies = program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Dot(..)));
    program.body.iter().all(plain) && !multiplies
}

/// True where random words are drawn. Their rounds, one after the other, take longer than halves take to come: a thread of
/// a map has more to do meanwhile with two vectors.
fn draws(program: &Program) -> bool {
    program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Ternary(TernaryOp::Philox, _)))
}

/// True where the rows that are read and written are halves, and only read.
fn reads_halves(program: &Program) -> bool {
    let mut rows = Vec::new();
    row_sizes(program, &program.body, 0, &mut rows);
    let reads = program.exprs.iter().filter(|e| match &e.kind {
        ExprKind::Load { .. } => e.ty.shape.iter().any(|e| *e != Extent::Const(1)),
        _ => false,
    });
    !rows.is_empty() && rows.iter().all(|(_, bytes)| *bytes == 2) && reads.count() == rows.len()
}

/// True when several teams may share a group. The last group's spare teams repeat the last program without storing, so
/// nothing that programs write may be read.
pub(super) fn teams_fit(program: &Program) -> bool {
    let reads_written = program.exprs.iter().any(|e| match &e.kind {
        ExprKind::Load { place, .. } => {
            let kind = &program.param(place.param).kind;
            matches!(kind, ParamKind::Tensor { access, .. } if *access != Access::In)
        }
        _ => false,
    });
    !program.grid.is_empty() && !reads_written
}

/// log2 of the elements in 16 bytes of the widest tensor whose rows the innermost loop reads or writes: what is read or
/// written once, or one element at a time, takes its vectors as they come.
pub(super) fn widest_vector(program: &Program) -> u32 {
    let scans = program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Scan { .. }));
    let dots = program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Dot(..)));
    let all = program.params.iter().filter_map(|p| match p.kind {
        ParamKind::Tensor { dtype, .. } if dtype != DType::Bool => Some(dtype.size()),
        _ => None,
    });
    let mut rows = Vec::new();
    if !dots {
        row_sizes(program, &program.body, 0, &mut rows);
    }
    let depth = rows.iter().map(|(depth, _)| *depth).max().unwrap_or(0);
    let innermost = rows.iter().filter(|(d, _)| *d == depth).map(|(_, bytes)| *bytes).max();
    let bytes = innermost.or(all.max()).unwrap_or(4).max(if scans { 4 } else { 1 });
    (16 / bytes).trailing_zeros()
}

/// For each access to a row: how many loops it is in, and the bytes of an element.
fn row_sizes(program: &Program, body: &[Stmt], depth: usize, found: &mut Vec<(usize, usize)>) {
    let note = |place: &Place, found: &mut Vec<(usize, usize)>| {
        let ParamKind::Tensor { dtype, .. } = program.param(place.param).kind else { return };
        let Ok(ty) = infer::place_type(program, place) else { return };
        if ty.shape.last().is_some_and(|e| *e != Extent::Const(1)) && dtype != DType::Bool {
            found.push((depth, dtype.size()));
        }
    };
    for statement in body {
        match statement {
            Stmt::Let(id) => {
                if let ExprKind::Load { place, .. } = &program.expr(*id).kind {
                    note(place, found);
                }
            }
            // The few that are chosen of a row are no row to go by.
            Stmt::Store { value, .. } if is_chosen(program, *value) => {}
            Stmt::Store { place, .. } => note(place, found),
            Stmt::For { body, .. } => row_sizes(program, body, depth + 1, found),
            Stmt::When { body, .. } => row_sizes(program, body, depth, found),
            Stmt::Set(..) => {}
        }
    }
}

/// True for some elements that top-k has chosen.
fn is_chosen(program: &Program, value: ExprId) -> bool {
    match program.expr(value).kind {
        ExprKind::TopK { .. } => true,
        ExprKind::Part(of, _) | ExprKind::Cast(of) => is_chosen(program, of),
        _ => false,
    }
}

/// log2 of the least power of two that is not below `n`.
pub(crate) fn ceil_log2(n: usize) -> u32 {
    n.max(1).next_power_of_two().trailing_zeros()
}
