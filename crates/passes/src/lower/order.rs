//! Barriers for tensors that a program both reads and writes: a thread must not read what another thread of its team
//! wrote, or write what another has yet to read, before all have met.

use super::Lowering;
use super::layout::Layout;
use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::{Access, ExprId, ExprKind, ParamId, ParamKind, Place, Program, Stmt};

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

    /// True when one turn of a loop over `body` may touch what another wrote.
    pub fn carried(&self, program: &Program, body: &[Stmt]) -> bool {
        let (mut read, mut written) = (Vec::new(), Vec::new());
        touched(program, body, &mut read, &mut written);
        written.iter().any(|p| read.contains(p)) || repeats(&written)
    }
}

/// True when a tensor is written by several statements.
fn repeats(written: &[ParamId]) -> bool {
    written.iter().enumerate().any(|(i, p)| written[..i].contains(p))
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
            self.barrier();
        }
        self.order.read.entry(place.param).or_default().push(way);
    }

    /// Before a store: waits for loads and stores of other threads of the same tensor.
    pub(super) fn before_store(&mut self, place: &Place, layout: &Layout) {
        let way = (place.clone(), layout.clone());
        let touched = [self.order.read.get(&place.param), self.order.written.get(&place.param)];
        if touched.into_iter().flatten().flatten().any(|w| !own(w, &way)) {
            self.barrier();
        }
        self.order.written.entry(place.param).or_default().push(way);
    }
}
