//! Which programs add rows where indices say and do nothing else.
//!
//! They come in two forms: loops that load a row of the sum, add to it and store it, one nest of loops after another, perhaps
//! behind one that fills the sum with zeros; and a grid whose programs add a row each with an atomic store.

use tilewright_ir::{
    Access, Axis, BinaryOp, DType, ExprId, ExprKind, Extent, ParamId, ParamKind, Place, Program,
    Stmt, StoreMode,
};

/// `sum[indices[i], ..] += values[i, ..]` for all items i in their order, the first loop running slowest.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// f32.
    pub sum: ParamId,
    /// Its leading axes, in which an item chooses one position each; what is left is a row.
    pub chosen: usize,
    /// It holds zeros first.
    pub zeroed: bool,
    /// Programs of the grid that go through the same items for columns of their own have rows cut in blocks; where they are
    /// not, there must be one program at most.
    pub blocked: bool,
    /// The items are the programs of the grid.
    pub by_program: bool,
    /// One after another.
    pub nests: Vec<Nest>,
}

/// Items of one nest of loops.
#[derive(Clone, Debug, PartialEq)]
pub struct Nest {
    /// How often each loop runs.
    pub counts: Vec<Extent>,
    /// The position of an item in each chosen axis of the sum.
    pub positions: Vec<Position>,
    /// Floats; its leading axes are the loops, what is left is a row.
    pub values: ParamId,
}

/// Where an item goes along one axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// The number of a loop.
    Loop(usize),
    /// What a tensor of 32-bit integers holds; its axes are these loops.
    Loaded(ParamId, Vec<usize>),
}

/// What `program` adds where, if that is all it does.
pub fn scatter(program: &Program) -> Option<Scatter> {
    let of = Match { program, by_program: false };
    of.loops().or_else(|| Match { by_program: true, ..of }.programs())
}

#[derive(Clone, Copy)]
struct Match<'a> {
    program: &'a Program,
    by_program: bool,
}

/// The loops round a statement, from the outermost in, with the number of loads between them.
struct Loops<'a> {
    indices: Vec<ExprId>,
    counts: Vec<Extent>,
    loads: usize,
    place: &'a Place,
    value: ExprId,
}

impl<'a> Match<'a> {
    fn kind(self, id: ExprId) -> &'a ExprKind {
        &self.program.expr(id).kind
    }

    /// The form with loops.
    fn loops(self) -> Option<Scatter> {
        let mut found: Option<Scatter> = None;
        for statement in &self.program.body {
            match statement {
                Stmt::Let(id) => self.is_number(*id).then_some(())?,
                Stmt::For { .. } => {
                    let loops = self.nest(statement)?;
                    let (chosen, blocked) = self.rows(loops.place)?;
                    let same = |s: &Scatter| {
                        (s.sum, s.chosen, s.blocked) == (loops.place.param, chosen, blocked)
                    };
                    match &mut found {
                        None if self.fills(&loops, chosen) => {
                            found = Some(self.sum_of(loops.place, chosen, blocked, true)?);
                        }
                        None => {
                            let mut first = self.sum_of(loops.place, chosen, blocked, false)?;
                            first.nests.push(self.added(&loops, chosen)?);
                            found = Some(first);
                        }
                        Some(scatter) if same(scatter) => {
                            scatter.nests.push(self.added(&loops, chosen)?);
                        }
                        Some(_) => return None,
                    }
                }
                _ => return None,
            }
        }
        found.and_then(|found| self.whole(found))
    }

    /// The form with a program an item.
    fn programs(self) -> Option<Scatter> {
        if self.program.grid.is_empty() || self.program.grid.iter().any(|axis| axis.block != 1) {
            return None;
        }
        let (last, before) = self.program.body.split_last()?;
        let Stmt::Store { place, value, mask: None, mode: StoreMode::AtomicAdd, .. } = last else {
            return None;
        };
        let mut loads = 0;
        for statement in before {
            let Stmt::Let(id) = statement else { return None };
            loads += self.is_simple(*id)?;
        }
        let counts = self.program.grid.iter().map(|axis| axis.extent).collect();
        let loops = Loops { indices: Vec::new(), counts, loads, place, value: *value };
        let (chosen, blocked) = self.rows(place)?;
        let mut found = self.sum_of(place, chosen, blocked, false)?;
        found.nests.push(self.added(&loops, chosen)?);
        (!blocked).then_some(found).and_then(|found| self.whole(found))
    }

    /// `found`, if nothing that it reads is what it writes and there are no other tensors.
    fn whole(self, found: Scatter) -> Option<Scatter> {
        let mut used = vec![found.sum];
        for nest in &found.nests {
            used.push(nest.values);
            used.extend(nest.positions.iter().filter_map(|position| match position {
                Position::Loaded(param, _) => Some(*param),
                Position::Loop(_) => None,
            }));
        }
        let others = used[1..].iter().all(|param| *param != found.sum);
        let tensors = self.program.params.iter().enumerate().filter(|(number, param)| {
            let written =
                matches!(param.kind, ParamKind::Tensor { access: Access::Out | Access::InOut, .. });
            written && *number != found.sum.index()
        });
        (others && tensors.count() == 0 && !found.nests.is_empty()).then_some(found)
    }

    fn sum_of(self, place: &Place, chosen: usize, blocked: bool, zeroed: bool) -> Option<Scatter> {
        let sum = place.param;
        let ParamKind::Tensor { dtype: DType::F32, access, .. } = self.program.param(sum).kind
        else {
            return None;
        };
        let held = zeroed || access == Access::InOut;
        let by_program = self.by_program;
        let nests = Vec::new();
        held.then_some(Scatter { sum, chosen, zeroed, blocked, by_program, nests })
    }

    /// Numbers that the sizes and the program tell.
    fn is_number(self, id: ExprId) -> bool {
        self.program.expr(id).ty.shape.is_empty()
            && matches!(
                self.kind(id),
                ExprKind::Const(_)
                    | ExprKind::Size(_)
                    | ExprKind::Program(_)
                    | ExprKind::Binary(BinaryOp::Mul, ..)
            )
    }

    /// The loads in a value that is nothing but moved, converted or added.
    fn is_simple(self, id: ExprId) -> Option<usize> {
        match self.kind(id) {
            ExprKind::Load { .. } => Some(1),
            ExprKind::Cast(_) | ExprKind::Broadcast(_) | ExprKind::Binary(BinaryOp::Add, ..) => {
                Some(0)
            }
            _ => self.is_number(id).then_some(0),
        }
    }

    /// The loops round the only store in a statement.
    fn nest(self, statement: &'a Stmt) -> Option<Loops<'a>> {
        let (mut indices, mut counts, mut loads) = (Vec::new(), Vec::new(), 0);
        let mut inner = statement;
        loop {
            match inner {
                Stmt::For { index, start, end, step: 1, body } => {
                    (self.program.constant(*start)? == 0.0).then_some(())?;
                    indices.push(*index);
                    counts.push(match *self.kind(*end) {
                        ExprKind::Size(extent) => extent,
                        ExprKind::Const(literal) => Extent::Const(literal.value() as usize),
                        _ => return None,
                    });
                    let (last, before) = body.split_last()?;
                    for statement in before {
                        let Stmt::Let(id) = statement else { return None };
                        loads += self.is_simple(*id)?;
                    }
                    inner = last;
                }
                Stmt::Store { place, value, mask: None, mode: StoreMode::Set, .. } => {
                    return Some(Loops { indices, counts, loads, place, value: *value });
                }
                _ => return None,
            }
        }
    }

    /// How many axes of a place are single positions, before those of a row; true for a row in blocks.
    fn rows(self, place: &Place) -> Option<(usize, bool)> {
        let is_single = |axis: &&Axis| matches!(axis, Axis::At(_));
        let chosen = place.axes.iter().take_while(is_single).count();
        let blocked = self.row(place, chosen)?;
        Some((chosen, blocked))
    }

    /// True where the axes of a place from `from` on are the program's block of the last one, false where they are whole.
    fn row(self, place: &Place, from: usize) -> Option<bool> {
        let (_, shape) = self.program.tensor(place.param)?;
        let (last, before) = match place.axes[from..].split_last() {
            Some(parts) => parts,
            None => return Some(false),
        };
        before.iter().all(|axis| matches!(axis, Axis::All)).then_some(())?;
        match (last, self.program.grid.as_slice()) {
            (Axis::All, _) => Some(false),
            (&Axis::Range { start, len: Extent::Const(len), step: 1 }, [grid]) => {
                let ExprKind::Binary(BinaryOp::Mul, a, b) = *self.kind(start) else { return None };
                let of_program = |a: ExprId, b: ExprId| {
                    matches!(self.kind(a), ExprKind::Program(0))
                        && self.program.constant(b) == Some(len as f64)
                };
                let own = (of_program(a, b) || of_program(b, a)) && grid.block == len;
                (own && shape.last() == Some(&grid.extent)).then_some(true)
            }
            _ => None,
        }
    }

    /// True where each element of the sum becomes zero.
    fn fills(self, loops: &Loops<'_>, chosen: usize) -> bool {
        let Some((_, shape)) = self.program.tensor(loops.place.param) else { return false };
        let axes = loops.place.axes.iter().take(chosen);
        let each = axes
            .zip(&loops.indices)
            .all(|(axis, index)| matches!(axis, Axis::At(at) if at == index));
        let zero = self.program.constant(loops.value);
        let zero = zero.is_some_and(|x| x == 0.0 && x.is_sign_positive());
        let all = loops.counts == shape[..chosen];
        !self.by_program && loops.loads == 0 && each && all && zero
    }

    /// The items of loops that add a row of values to one of the sum.
    fn added(self, loops: &Loops<'_>, chosen: usize) -> Option<Nest> {
        let mut loads = 0;
        let mut value = loops.value;
        if !self.by_program {
            let ExprKind::Binary(BinaryOp::Add, a, b) = *self.kind(value) else { return None };
            let is_before = |id: ExprId| matches!(self.kind(id), ExprKind::Load { place, .. } if place == loops.place);
            value = match (is_before(a), is_before(b)) {
                (true, false) => b,
                (false, true) => a,
                _ => return None,
            };
            loads += 1;
        }
        if let ExprKind::Cast(of) = *self.kind(value) {
            value = of;
        }
        let ExprKind::Load { place: values, .. } = self.kind(value) else { return None };
        loads += 1;
        let (dtype, shape) = self.program.tensor(values.param)?;
        let float = matches!(dtype, DType::F32 | DType::F16 | DType::BF16);
        let outer = loops.counts.len();
        let numbers = self.loops_of(values.axes.get(..outer)?, loops)?;
        let in_order = numbers.iter().copied().eq(0..outer) && shape[..outer] == loops.counts;
        let row = &self.program.tensor(loops.place.param)?.1[chosen..];
        let same_row = shape[outer..] == *row && values.axes[outer..] == loops.place.axes[chosen..];
        (float && in_order && same_row).then_some(())?;
        let mut positions = Vec::new();
        for axis in &loops.place.axes[..chosen] {
            let Axis::At(id) = *axis else { return None };
            positions.push(match self.loop_of(id, loops) {
                Some(number) => Position::Loop(number),
                None => {
                    let mut id = id;
                    while let ExprKind::Cast(of) = *self.kind(id) {
                        id = of;
                    }
                    let ExprKind::Load { place, .. } = self.kind(id) else { return None };
                    let (dtype, shape) = self.program.tensor(place.param)?;
                    matches!(dtype, DType::I32 | DType::U32).then_some(())?;
                    let numbers = self.loops_of(&place.axes, loops)?;
                    let extents = numbers.iter().map(|number| &loops.counts[*number]);
                    extents.eq(shape).then_some(())?;
                    loads += 1;
                    Position::Loaded(place.param, numbers)
                }
            });
        }
        // Loads of which nothing comes may fail, too; those of two axes may be one.
        let counted = loops.loads <= loads;
        let counts = loops.counts.clone();
        counted.then_some(Nest { counts, positions, values: values.param })
    }

    /// The loop whose number an index is.
    fn loop_of(self, id: ExprId, loops: &Loops<'_>) -> Option<usize> {
        match *self.kind(id) {
            ExprKind::Program(axis) if self.by_program => Some(axis),
            _ => loops.indices.iter().position(|index| *index == id),
        }
    }

    fn loops_of(self, axes: &[Axis], loops: &Loops<'_>) -> Option<Vec<usize>> {
        let of = |axis: &Axis| match axis {
            Axis::At(id) => self.loop_of(*id, loops),
            _ => None,
        };
        axes.iter().map(of).collect()
    }
}
