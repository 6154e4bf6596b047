//! Barriers for tensors that a program both reads and writes: a thread must not read what another thread of its team
//! wrote, or write what another has yet to read, before all have met.

use super::Lowering;
use super::layout::Layout;
use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::{
    Access, Axis, BinaryOp, ExprId, ExprKind, Extent, ParamId, ParamKind, Place, Program, Stmt,
};

/// One way to reach a tensor: which elements, by which threads.
type Way = (Place, Layout);

/// What was read and written since the last barrier, of tensors that the program writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    read: HashMap<ParamId, Vec<Way>>,
    written: HashMap<ParamId, Vec<Way>>,
}

impl Order {
    /// Forgets everything: all threads have met.
    pub fn clear(&mut self) {
        self.read.clear();
        self.written.clear();
    }

    /// Adds what was open before a block that may not have run.
    pub fn join(&mut self, before: Order) {
        for (into, from) in [(&mut self.read, before.read), (&mut self.written, before.written)] {
            for (param, ways) in from {
                let known: &mut Vec<Way> = into.entry(param).or_default();
                ways.into_iter().for_each(|way| {
                    if !known.contains(&way) {
                        known.push(way)
                    }
                });
            }
        }
    }

    /// True when one turn of a loop may touch what other threads did in another.
    pub fn carried(&self, program: &Program, statement: &Stmt) -> bool {
        let Stmt::For { body, .. } = statement else { return false };
        let (mut read, mut written) = (Vec::new(), Vec::new());
        touched(program, body, &mut read, &mut written);
        let mut stores = Vec::new();
        stored(body, &mut stores);
        if written.iter().any(|p| read.contains(p)) || overlap(program, &stores) {
            return true;
        }
        let mut turn = Turn { program, inside: HashSet::default(), loops: Vec::new() };
        turn.enter(statement);
        !turn.keeps_apart(body)
    }
}

/// One turn of a loop.
struct Turn<'a> {
    program: &'a Program,
    /// What is computed in it.
    inside: HashSet<ExprId>,
    /// The indices of the loop and those in it, with start, end and step.
    loops: Vec<(ExprId, [ExprId; 2], usize)>,
}

impl Turn<'_> {
    fn enter(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Let(id) => {
                self.inside.insert(*id);
            }
            Stmt::For { index, start, end, step, body } => {
                self.inside.insert(*index);
                self.loops.push((*index, [*start, *end], *step));
                body.iter().for_each(|statement| self.enter(statement));
            }
            Stmt::When { body, .. } => body.iter().for_each(|statement| self.enter(statement)),
            Stmt::Set(..) | Stmt::Store { .. } => {}
        }
    }

    /// True when an element that several turns write is the same thread's in all of them.
    fn keeps_apart(&self, body: &[Stmt]) -> bool {
        body.iter().all(|statement| match statement {
            Stmt::Store { place, .. } => place.axes.iter().all(|axis| match *axis {
                Axis::At(_) | Axis::All => true,
                Axis::Gather(id) => self.stays(id),
                Axis::Range { start, len, step } => {
                    self.stays(start)
                        || len.constant().is_some_and(|len| self.strides(start, len * step))
                }
            }),
            Stmt::For { body, .. } | Stmt::When { body, .. } => self.keeps_apart(body),
            Stmt::Let(_) | Stmt::Set(..) => true,
        })
    }

    /// True for the turns that are left, `end - 1 - index`, of which there are never fewer than none.
    fn left(&self, id: ExprId) -> bool {
        let kind = |id: ExprId| &self.program.expr(id).kind;
        let ExprKind::Binary(BinaryOp::Sub, last, index) = *kind(id) else { return false };
        let ExprKind::Binary(BinaryOp::Sub, end, one) = *kind(last) else { return false };
        let own = self.loops.iter().any(|(i, ends, _)| *i == index && ends[1] == end);
        own && self.program.constant(one) == Some(1.0)
    }

    /// True for what is the same in every turn.
    fn stays(&self, id: ExprId) -> bool {
        !self.inside.contains(&id)
            || match self.program.expr(id).kind {
                ExprKind::Const(_) | ExprKind::Size(_) | ExprKind::Scalar(_) => true,
                ExprKind::Binary(_, a, b) => self.stays(a) && self.stays(b),
                ExprKind::Broadcast(a) | ExprKind::Reshape(a) | ExprKind::Cast(a) => self.stays(a),
                _ => false,
            }
    }

    /// True when an index moves by at least `distance` from turn to turn.
    fn strides(&self, id: ExprId, distance: usize) -> bool {
        if let Some((_, [start, _], step)) = self.loops.iter().find(|(index, ..)| *index == id) {
            return *step >= distance && self.stays(*start);
        }
        let both = |a, b, rest: &dyn Fn(ExprId, ExprId) -> bool| rest(a, b) || rest(b, a);
        match self.program.expr(id).kind {
            ExprKind::Binary(BinaryOp::Add, a, b) => {
                both(a, b, &|a, b| self.stays(b) && self.strides(a, distance))
            }
            ExprKind::Binary(BinaryOp::Sub, a, b) => self.stays(a) && self.strides(b, distance),
            // As long as it holds nothing back.
            ExprKind::Binary(BinaryOp::Max, a, b) => both(a, b, &|a, b| {
                self.program.constant(b) == Some(0.0) && self.left(a) && self.strides(a, distance)
            }),
            ExprKind::Binary(BinaryOp::Mul, a, b) => both(a, b, &|a, b| {
                let factor = self.program.constant(b).filter(|factor| *factor >= 1.0);
                factor.is_some_and(|f| self.strides(a, distance.div_ceil(f as usize)))
            }),
            _ => false,
        }
    }
}

/// True when several statements may write the same element of a tensor.
fn overlap(program: &Program, stores: &[&Place]) -> bool {
    stores
        .iter()
        .enumerate()
        .any(|(i, a)| stores[..i].iter().any(|b| a.param == b.param && !disjoint(program, a, b)))
}

/// The places that `body` stores to.
pub(super) fn stored<'a>(body: &'a [Stmt], places: &mut Vec<&'a Place>) {
    for statement in body {
        match statement {
            Stmt::Store { place, .. } => places.push(place),
            Stmt::For { body, .. } | Stmt::When { body, .. } => stored(body, places),
            Stmt::Let(_) | Stmt::Set(..) => {}
        }
    }
}

/// True for places of one tensor that have no element in common, whatever the indices are: along one axis the one's range ends
/// where the other's begins, or before, as the two halves of a row do.
fn disjoint(program: &Program, a: &Place, b: &Place) -> bool {
    let range = |axis: &Axis| match *axis {
        Axis::Range { start, len, step: 1 } => match program.expr(start).kind {
            ExprKind::Size(start) => Some((start, len)),
            _ => {
                let start = program.constant(start).filter(|start| *start >= 0.0)?;
                Some((Extent::Const(start as usize), len))
            }
        },
        _ => None,
    };
    let before = |(start, len): (Extent, Extent), other: Extent| match (start, len, other) {
        (Extent::Const(start), Extent::Const(len), Extent::Const(other)) => start + len <= other,
        (Extent::Const(0), len, other) => len == other,
        _ => false,
    };
    a.axes.iter().zip(&b.axes).any(|(a, b)| match (range(a), range(b)) {
        (Some(a), Some(b)) => before(a, b.0) || before(b, a.0),
        _ => false,
    })
}

/// The tensors that `body` reads and writes.
fn touched(program: &Program, body: &[Stmt], read: &mut Vec<ParamId>, written: &mut Vec<ParamId>) {
    for statement in body {
        match statement {
            Stmt::Let(id) => {
                if let ExprKind::Load { place, .. } = &program.expr(*id).kind {
                    read.push(place.param);
                }
            }
            Stmt::Store { place, .. } => written.push(place.param),
            Stmt::For { body, .. } | Stmt::When { body, .. } => {
                touched(program, body, read, written)
            }
            Stmt::Set(..) => {}
        }
    }
}

/// The loads whose tensors nothing writes from there on: read again later, they give the same.
pub(super) fn settled(program: &Program) -> HashSet<ExprId> {
    let mut found = HashSet::default();
    settle(program, &program.body, &mut HashSet::default(), &mut found);
    found
}

/// Adds those of `body`; `later` has what is written after it, and then in it too.
fn settle(
    program: &Program,
    body: &[Stmt],
    later: &mut HashSet<ParamId>,
    found: &mut HashSet<ExprId>,
) {
    for statement in body.iter().rev() {
        match statement {
            Stmt::Let(id) => {
                if let ExprKind::Load { place, .. } = &program.expr(*id).kind
                    && !later.contains(&place.param)
                {
                    found.insert(*id);
                }
            }
            Stmt::Store { place, .. } => {
                later.insert(place.param);
            }
            Stmt::For { body, .. } => {
                // The next turn comes after this one.
                let mut written = Vec::new();
                touched(program, body, &mut Vec::new(), &mut written);
                later.extend(written);
                settle(program, body, later, found);
            }
            Stmt::When { body, .. } => settle(program, body, later, found),
            Stmt::Set(..) => {}
        }
    }
}

/// True when each thread reaches its own elements only, the same in both ways.
fn own(a: &Way, b: &Way) -> bool {
    a == b && a.1.copies().is_empty()
}

impl Lowering<'_> {
    /// Before a load: waits for stores of other threads to the same tensor, and for all where any thread may repeat it.
    pub(super) fn before_load(&mut self, id: ExprId, place: &Place, layout: &Layout) {
        let ParamKind::Tensor { access, .. } = &self.program.param(place.param).kind else {
            return;
        };
        if *access == Access::In {
            return;
        }
        let way = (place.clone(), layout.clone());
        let written = self.order.written.get(&place.param);
        let repeated = self.settled.contains(&id);
        if written.is_some_and(|ways| repeated || !ways.iter().all(|w| own(w, &way))) {
            self.ordered = true;
            self.barrier();
        }
        self.order.read.entry(place.param).or_default().push(way);
    }

    /// Before a store: waits for loads and stores of other threads of the same tensor.
    pub(super) fn before_store(&mut self, place: &Place, layout: &Layout) {
        let way = (place.clone(), layout.clone());
        let touched = [self.order.read.get(&place.param), self.order.written.get(&place.param)];
        let met = |w: &Way| !own(w, &way) && !disjoint(self.program, &w.0, place);
        if touched.into_iter().flatten().flatten().any(met) {
            self.ordered = true;
            self.barrier();
        }
        self.order.written.entry(place.param).or_default().push(way);
    }
}
