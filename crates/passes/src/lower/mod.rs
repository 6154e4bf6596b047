//! Lowering: from a tile program to the program of one thread of a GPU.
//!
//! Each statement of the tile program becomes a few of the thread's: maps become unrolled loops over registers,
//! reductions shuffles and a little shared memory, loads and stores vectors of up to 16 bytes with masks only where a
//! size leaves its capacity unfilled. [`layout`] says which thread holds what, [`schedule`] how many threads there are.

mod access;
mod ahead;
mod barriers;
mod blocks;
mod candidates;
mod choice;
mod chunk;
mod cluster;
mod collective;
mod columns;
mod contract;
mod draws;
mod exchange;
mod extrema;
mod fetch;
mod index;
mod kept;
mod late;
pub mod layout;
mod map;
mod matrix;
mod memory;
mod names;
mod order;
mod position;
mod quotient;
mod random;
mod recompute;
mod rough;
mod routine;
mod rows;
mod scan;
pub mod schedule;
mod shares;
mod short;
mod spread;
mod squares;
mod statement;
mod stored;
mod threshold;
mod tidy;
mod top;
mod typical;
mod walked;
mod whole;

use crate::dead::remove_dead;
use crate::lines;
use crate::rewrite::rewrite;
pub use choice::{Choice, bucket};
use index::{add, binary, divided, int, linear, run, shift_left, shift_right, size};
use layout::Layout;
pub use matrix::{Matrix, Units, Way};
use schedule::LARGEST_TEAM;
pub use schedule::{Multiprocessors, Schedule, Stay};
use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::thread::{
    Builtin, Check, Code, GroupAxis, Register, RegisterId, SharedArray, SharedId, Split,
    ThreadProgram, Value,
};
use tilewright_ir::{BinaryOp, DType, ExprId, Extent, ParamId, Program, Shape, Stmt, VarId};
pub use typical::{Aim, Typical, lower_for, lower_with};

/// Threads of a subgroup, in log2.
const SUBGROUP: u32 = 5;

/// What stands in the way of lowering a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowerError(pub String);

impl std::fmt::Display for LowerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LowerError {}

/// Passes that GPUs run after those that all targets share.
pub static PASSES: &[crate::Pass] = &[
    crate::Pass {
        name: "spread",
        doc: "gives each row of an elementwise program to a program of its own",
        run: spread::spread,
    },
    crate::Pass {
        name: "chunk",
        doc: "cuts the line of a map that changes shapes into chunks, one a program",
        run: chunk::chunk,
    },
    crate::Pass {
        name: "walk",
        doc: "gives each turn of a loop round sums to a program of its own, where it adds to elements of its own",
        run: walked::walk,
    },
    crate::Pass {
        name: "share",
        doc: "shares the rows of a sum out among programs, where indices say what is added to which",
        run: shares::share,
    },
    crate::Pass {
        name: "apart",
        doc: "gives each line of a program that works on lines by themselves to a program of its own",
        run: apart,
    },
    crate::Pass {
        name: "fetch",
        doc: "asks for what a program reads before it computes",
        run: fetch::fetch,
    },
    crate::Pass {
        name: "ahead",
        doc: "asks for the rows of a loop's next turn before the threads meet over this one's",
        run: ahead::ahead,
    },
];

/// Gives the lines of the only program of a kernel to programs of their own, where what it does allows that.
fn apart(program: &mut Program) {
    let apart = lines::by_program(program).or_else(|| lines::by_inner_program(program));
    if let Some(apart) = apart {
        *program = apart;
    }
}

/// Lowers `program`, which is valid and went through [`PASSES`], by `schedule`.
///
/// # Errors
/// Names the construct that has no lowering, or the limit that the schedule breaks.
pub fn lower(program: &Program, schedule: &Schedule) -> Result<ThreadProgram, LowerError> {
    if let Some(threads) = routine::lower(program, schedule) {
        return Ok(threads);
    }
    let lined = lined(program, schedule);
    let program = lined.as_ref().unwrap_or(program);
    let blocked = match cluster::groups_of(schedule.team) {
        0 => blocks::blocked(program, schedule),
        _ => None,
    };
    let is_blocked = blocked.is_some();
    let mut program = blocked.unwrap_or_else(|| program.clone());
    rewrite(&mut program, &[extrema::RULES, draws::RULES, contract::RULES]);
    remove_dead(&mut program);
    // The last, as it leaves expressions that come after their uses.
    if let Some(matrix) = &schedule.matrix {
        matrix::coarsen::coarsen(&mut program, &matrix.coarsen);
    }
    let in_cluster = cluster::groups_of(schedule.team) > 0;
    if in_cluster {
        cluster::meet_once(&mut program);
    }
    let program = &program;
    let mut lowering = Lowering::new(program, schedule);
    lowering.resident =
        cluster::resident_groups(schedule).max(ahead::resident_groups(program, schedule));
    lowering.is_blocked = is_blocked;
    if is_blocked {
        lowering.resident = blocks::resident_groups(program, schedule);
        lowering.last_pass = blocks::last_pass(program);
        lowering.keep_rows();
    }
    lowering.prologue();
    if in_cluster {
        // No group may write to one that has not begun.
        lowering.barrier();
    }
    lowering.block(&program.body)?;
    lowering.finish()
}

/// `program` with its scanned lines in loops, if it has any.
fn lined(program: &Program, schedule: &Schedule) -> Option<Program> {
    let mut program = crate::lines::by_line(program, |e| schedule.capacity_of(e))?;
    fetch::fetch(&mut program);
    ahead::ahead(&mut program);
    Some(program)
}

/// A lowered tile: its registers and how they are spread.
#[derive(Clone, Debug)]
struct Held {
    register: RegisterId,
    layout: Layout,
}

struct Lowering<'a> {
    program: &'a Program,
    schedule: &'a Schedule,
    /// The maximal tile shapes; see [`Lowering::layout`].
    masters: Vec<Shape>,
    rank: usize,
    /// Where the elements of each expression are; several where a tile was moved between threads.
    held: HashMap<ExprId, Vec<Held>>,
    /// The results of an expression that has several.
    parts: HashMap<ExprId, Vec<Held>>,
    vars: HashMap<VarId, Held>,
    registers: Vec<Register>,
    shared: Vec<SharedArray>,
    /// Open blocks, outermost first; block 0 begins with the declarations of the prologue.
    blocks: Vec<Vec<Code>>,
    prologue: Vec<Code>,
    /// Thread parts of coordinates, computed once.
    coordinates: HashMap<Vec<(u32, u32, u32)>, RegisterId>,
    /// The thread's index in its team.
    thread: Value,
    /// True for the teams that have a program; `None` when all have.
    active: Option<Value>,
    /// For each grid axis, the program's index along it where that is not the group's.
    programs: Vec<Option<Value>>,
    /// The number of this thread's team in its group; `None` when there is one.
    team: Option<Value>,
    /// The axis that the groups divide among themselves, and log2 of what each takes of it.
    split: Option<(Extent, u32)>,
    /// Which part of that axis this group takes.
    part: Value,
    /// What was read and written since the last barrier.
    order: order::Order,
    /// Threads meet somewhere for that alone.
    ordered: bool,
    /// Indices of the load or store being lowered that were checked once.
    checked_indices: HashMap<(ParamId, usize), (ExprId, Value)>,
    /// The positions of the place at hand that no thread can compute for itself.
    shared_indices: HashMap<ExprId, exchange::Shared>,
    /// What checked indices must pass.
    checks: Vec<Check>,
    /// Loop indices that are never negative.
    counts_up: Vec<ExprId>,
    /// Roundings to a half type that nothing but stores need.
    only_stored: HashSet<ExprId>,
    /// What dots do on matrix units.
    plan: matrix::Plan,
    /// The operands of dots that are in shared memory.
    tiles: HashMap<ExprId, matrix::Tile>,
    /// Start, end and step of each loop, by its index.
    steps: HashMap<ExprId, (ExprId, ExprId, usize)>,
    /// Expressions that may be computed fast.
    rough: HashSet<ExprId>,
    /// Powers that may be 0 below all normal numbers.
    flushed: HashSet<ExprId>,
    /// What quotients of a tile by one number are made of.
    reciprocals: HashMap<ExprId, quotient::Reciprocal>,
    /// See [`ThreadProgram::resident`].
    resident: usize,
    /// Counters of the loops around the current statement, and their steps.
    turns: Vec<(RegisterId, usize)>,
    /// What a cluster is about to exchange.
    meeting: Option<Vec<collective::Exchange>>,
    /// Sums of which each thread carries a part round the loop at hand.
    late: Vec<late::LateSum>,
    /// Depth of run-time loops around the current statement.
    loops: usize,
    /// Depth of conditions around the current statement, which all threads of a team pass or none does.
    conditions: usize,
    /// The program's long rows come in blocks, see [`blocks`].
    is_blocked: bool,
    /// The index of the last loop over a row that is read several times, and whether that is being lowered.
    last_pass: Option<ExprId>,
    in_last_pass: bool,
    /// Which loop of a pass is being lowered, see [`whole`].
    part_of_pass: Option<whole::Part>,
    /// Rows that stay in shared memory, see [`kept`].
    kept: kept::KeptRows,
    /// Loads that may be repeated later, see [`order::settled`].
    settled: HashSet<ExprId>,
    names: names::Names,
}

impl<'a> Lowering<'a> {
    fn new(program: &'a Program, schedule: &'a Schedule) -> Self {
        let mut shapes: Vec<Shape> = program.exprs.iter().map(|e| e.ty.shape.clone()).collect();
        stored_shapes(program, &program.body, &mut shapes);
        let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
        let mut masters: Vec<Shape> = Vec::new();
        for shape in shapes {
            let shape = padded(&shape, rank);
            if masters.iter().any(|m| is_slice(&shape, m)) {
                continue;
            }
            masters.retain(|m| !is_slice(m, &shape));
            masters.push(shape);
        }
        let rough = rough::rough(program);
        Lowering {
            program,
            schedule,
            masters,
            rank,
            held: HashMap::default(),
            parts: HashMap::default(),
            vars: HashMap::default(),
            registers: Vec::new(),
            shared: Vec::new(),
            blocks: vec![Vec::new()],
            prologue: Vec::new(),
            coordinates: HashMap::default(),
            thread: Value::Builtin(Builtin::Thread),
            active: None,
            programs: vec![None; program.grid.len()],
            team: None,
            split: spread::split_axis(program, |e| schedule.capacity_of(e))
                .map(|axis| (axis, schedule.team + schedule.vector + schedule.vectors)),
            part: Value::Builtin(Builtin::Group(0)),
            order: order::Order::default(),
            ordered: false,
            checked_indices: HashMap::default(),
            shared_indices: HashMap::default(),
            checks: Vec::new(),
            counts_up: Vec::new(),
            plan: match &schedule.matrix {
                Some(matrix) => matrix::Plan::of(program, matrix.direct),
                None => matrix::Plan::default(),
            },
            tiles: HashMap::default(),
            steps: HashMap::default(),
            only_stored: stored::only_stored(program),
            flushed: rough::flushed(program, &rough),
            rough,
            reciprocals: HashMap::default(),
            resident: 0,
            turns: Vec::new(),
            meeting: None,
            late: Vec::new(),
            loops: 0,
            conditions: 0,
            is_blocked: false,
            last_pass: None,
            in_last_pass: false,
            part_of_pass: None,
            kept: kept::KeptRows::default(),
            settled: order::settled(program),
            names: names::Names::new(program),
        }
    }

    /// Which program this thread works on.
    fn prologue(&mut self) {
        let (grid, schedule) = (&self.program.grid, self.schedule);
        if schedule.linear {
            // One line of groups, the last axis fastest.
            let mut rest = Value::Builtin(Builtin::Group(0));
            if let Some((extent, per_group)) = self.split {
                let rounded = add(size(extent), int((1 << per_group) - 1));
                let count = shift_right(rounded, per_group);
                let count = self.prologue_let("count", DType::I32, count);
                let part = binary(BinaryOp::Rem, rest.clone(), count.clone());
                self.part = self.prologue_let("part", DType::I32, part);
                rest = self.prologue_let("rest", DType::I32, binary(BinaryOp::Div, rest, count));
            }
            for (axis, of) in grid.iter().enumerate().rev() {
                let count = programs(of);
                let count = self.prologue_let("count", DType::I32, count);
                let index = binary(BinaryOp::Rem, rest.clone(), count.clone());
                self.programs[axis] = Some(self.prologue_let("program", DType::I32, index));
                rest = self.prologue_let("rest", DType::I32, binary(BinaryOp::Div, rest, count));
            }
        }
        self.take_squares();
        if schedule.teams > 0 {
            // Teams beyond the last program work on the last one's data and store nothing.
            let mask = int((1 << schedule.team) - 1);
            let thread = binary(BinaryOp::And, Value::Builtin(Builtin::Thread), mask);
            self.thread = self.prologue_let("thread", DType::I32, thread);
            let team = shift_right(Value::Builtin(Builtin::Thread), schedule.team);
            let team = self.prologue_let("team", DType::I32, team);
            self.team = Some(team.clone());
            if let Some(axis) = grid.last() {
                let group = shift_left(Value::Builtin(Builtin::Group(0)), schedule.teams);
                let index = self.prologue_let("program", DType::I32, add(group, team));
                let count = programs(axis);
                self.active = Some(binary(BinaryOp::Lt, index.clone(), count.clone()));
                let last = binary(BinaryOp::Min, index, add(count, int(-1)));
                let last = self.prologue_let("program", DType::I32, last);
                self.programs[grid.len() - 1] = Some(last);
            }
        }
    }

    fn prologue_let(&mut self, name: &str, dtype: DType, value: Value) -> Value {
        let register = self.register(name, dtype, None);
        self.prologue.push(Code::Let(register, value));
        Value::Get(register)
    }

    fn finish(mut self) -> Result<ThreadProgram, LowerError> {
        let mut body = std::mem::take(&mut self.prologue);
        body.append(&mut self.blocks.pop().unwrap_or_default());
        let threads = 1 << (self.schedule.team + self.schedule.teams);
        let overlap = self.schedule.teams == 0;
        let apart =
            !self.ordered && !self.is_blocked && barriers::keeps_tensors_apart(self.program);
        let mut program = self.threads_of(threads, None, body);
        tidy::tidy(&mut program);
        if apart {
            barriers::drop_needless(&mut program);
        }
        // Teams keep to their own part of an array, which another array's parts would cross.
        memory::place(&mut program.shared, &program.body, overlap);
        Ok(program)
    }

    /// The program of `body`.
    fn threads_of(self, threads: usize, split: Option<Split>, body: Vec<Code>) -> ThreadProgram {
        // Neighbouring groups run at about the same time, so they take neighbours along the last axis.
        let axes = self.program.grid.iter().rev();
        let mut grid: Vec<GroupAxis> =
            axes.map(|axis| GroupAxis { extent: axis.extent, per_group: axis.block }).collect();
        if let Some(first) = grid.first_mut() {
            first.per_group <<= self.schedule.teams;
        }
        if let Some((extent, per_group)) = self.split {
            grid.insert(0, GroupAxis { extent, per_group: 1 << per_group });
        }
        ThreadProgram {
            name: self.program.name.clone(),
            params: self.program.params.clone(),
            dims: self.program.dims.clone(),
            grid,
            linear: self.schedule.linear,
            threads,
            cluster: 1 << cluster::groups_of(self.schedule.team),
            resident: self.resident,
            registers: self.registers,
            shared: self.shared,
            checks: self.checks,
            split,
            body,
        }
    }

    /// log2 of the capacity of an extent: what one team holds of it.
    fn capacity(&self, extent: Extent) -> u32 {
        match self.split {
            Some((split, per_group)) if split == extent => per_group,
            _ => self.schedule.capacity_of(extent),
        }
    }

    /// The layout of tiles of a shape: canonical for a master shape; for a shape that has extent 1 where its master has
    /// more, the master's with those axes removed, so that broadcasting and reducing move nothing.
    fn layout(&self, shape: &[Extent]) -> Layout {
        let shape = padded(shape, self.rank);
        if let Some(layout) = self.layout_in_sum(&shape) {
            return layout;
        }
        let master = self.masters.iter().find(|m| is_slice(&shape, m)).unwrap_or(&shape);
        let capacity: Vec<u32> = master.iter().map(|&e| self.capacity(e)).collect();
        let mut layout = Layout::canonical(&capacity, self.schedule.team, self.schedule.vector);
        for (axis, (&have, &of)) in shape.iter().zip(master).enumerate() {
            if have == Extent::Const(1) && of != Extent::Const(1) {
                layout = layout.without(axis);
            }
        }
        layout
    }

    fn hold(&mut self, id: ExprId, held: Held) {
        self.held.entry(id).or_default().push(held);
    }

    // Registers and code.

    fn register(&mut self, name: &str, dtype: DType, len: Option<usize>) -> RegisterId {
        let name = self.names.unique(name);
        self.registers.push(Register { name, dtype, len });
        RegisterId(self.registers.len() as u32 - 1)
    }

    /// A shared array of `len` elements for each team; [`place_in_team`](Self::place_in_team) finds the own part.
    fn shared(&mut self, name: &str, dtype: DType, len: usize) -> SharedId {
        let (count, len) = (self.shared.len(), len << self.schedule.teams);
        self.shared.push(SharedArray { name: format!("{name}{count}"), dtype, len, offset: 0 });
        SharedId(self.shared.len() as u32 - 1)
    }

    /// The index of this team's element of a shared array of `len` elements a team.
    fn place_in_team(&self, len: usize, index: Value) -> Value {
        match &self.team {
            None => index,
            Some(team) => add(binary(BinaryOp::Mul, team.clone(), int(len as i64)), index),
        }
    }

    /// An index that must pass a check.
    fn checked(&mut self, check: Check, of: Value) -> Value {
        let known = self.checks.iter().position(|c| *c == check);
        let number = known.unwrap_or(self.checks.len());
        if known.is_none() {
            self.checks.push(check);
        }
        Value::Checked(number, Box::new(of))
    }

    /// All threads of the team wait for each other.
    fn barrier(&mut self) {
        self.order.clear();
        self.code(if self.schedule.teams > 0 { Code::SubgroupBarrier } else { Code::Barrier });
    }

    fn code(&mut self, code: Code) {
        if let Some(block) = self.blocks.last_mut() {
            block.push(code);
        }
    }

    fn let_value(&mut self, name: &str, dtype: DType, value: Value) -> Value {
        let register = self.register(name, dtype, None);
        self.code(Code::Let(register, value));
        Value::Get(register)
    }

    /// Runs `body` with a new innermost block and returns its code.
    fn nested<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> (Vec<Code>, R) {
        self.blocks.push(Vec::new());
        let result = body(self);
        (self.blocks.pop().unwrap_or_default(), result)
    }

    /// An unrolled loop over `count` registers; its body gets the counter.
    fn unroll<R>(&mut self, count: usize, body: impl FnOnce(&mut Self, Value) -> R) -> R {
        if count == 1 {
            return body(self, int(0));
        }
        let counter = self.register("i", DType::I32, None);
        let (code, result) = self.nested(|l| body(l, Value::Get(counter)));
        self.code(Code::Unroll(counter, count, code));
        result
    }

    // Statements.
}

/// Adds the shapes of the places that `body` stores to.
fn stored_shapes(program: &Program, body: &[Stmt], shapes: &mut Vec<Shape>) {
    for statement in body {
        match statement {
            Stmt::Store { place, .. } => {
                shapes.extend(tilewright_ir::infer::place_type(program, place).map(|ty| ty.shape));
            }
            Stmt::For { body, .. } | Stmt::When { body, .. } => {
                stored_shapes(program, body, shapes)
            }
            Stmt::Let(_) | Stmt::Set(..) => {}
        }
    }
}

/// How many programs lie along a grid axis.
fn programs(axis: &tilewright_ir::GridAxis) -> Value {
    match axis.block {
        1 => size(axis.extent),
        block => {
            let rounded = add(size(axis.extent), int(block as i64 - 1));
            binary(BinaryOp::Div, rounded, int(block as i64))
        }
    }
}

/// `shape` with axes of extent 1 added at the left.
fn padded(shape: &[Extent], rank: usize) -> Shape {
    let mut out = vec![Extent::Const(1); rank.saturating_sub(shape.len())];
    out.extend_from_slice(shape);
    out
}

/// True when `shape` is `of` with some extents replaced by 1.
fn is_slice(shape: &[Extent], of: &[Extent]) -> bool {
    shape.iter().zip(of).all(|(a, b)| a == b || *a == Extent::Const(1))
}
