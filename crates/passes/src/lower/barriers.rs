//! Barriers between what threads exchange in a loop: one lies before each exchange, as the place may still be read, and one behind what
//! is written. With several exchanges in a turn, each by a place of its own, the barriers of the others stand between as well.

use super::order::stored;
use tilewright_ir::table::HashSet;
use tilewright_ir::thread::{Code, SharedId, ThreadProgram, Value};
use tilewright_ir::{Expr, ExprKind, Literal, ParamId, Program};

/// The most bytes of shared memory of such a program: places of their own take the room of other groups.
const MOST_BYTES: usize = 4096;

/// Drops barriers without which no element of shared memory is touched by two threads, at least one of which writes, with fewer
/// barriers between than one.
pub(super) fn drop_needless(program: &mut ThreadProgram) {
    let bytes: usize = program.shared.iter().map(|array| array.len * array.dtype.size()).sum();
    if program.cluster > 1 || bytes > MOST_BYTES || !program.body.iter().all(is_plain) {
        return;
    }
    let mut dropped = HashSet::default();
    let (apart, count) = Meetings::of(&program.body, &dropped);
    if !apart {
        // A thread touches again what it wrote itself, which is not told from what others do.
        return;
    }
    for barrier in 0..count {
        dropped.insert(barrier);
        if !Meetings::of(&program.body, &dropped).0 {
            dropped.remove(&barrier);
        }
    }
    if !dropped.is_empty() {
        drop_barriers(&mut program.body, &dropped, &mut 0);
    }
}

/// True where barriers have nothing to do with tensors: each that is written is written at one place of the text and never read.
pub(super) fn keeps_tensors_apart(program: &Program) -> bool {
    let mut places = Vec::new();
    stored(&program.body, &mut places);
    let stored: Vec<ParamId> = places.iter().map(|place| place.param).collect();
    let twice = |(at, param): (usize, &ParamId)| stored[..at].contains(param);
    let read = |expr: &Expr| match &expr.kind {
        ExprKind::Load { place, .. } => stored.contains(&place.param),
        _ => false,
    };
    !stored.iter().enumerate().any(twice) && !program.exprs.iter().any(read)
}

/// True for code whose use of shared memory is known here.
fn is_plain(code: &Code) -> bool {
    match code {
        Code::Unroll(_, _, body) | Code::For { body, .. } | Code::If(_, body) => {
            body.iter().all(is_plain)
        }
        Code::CopyAsync { .. }
        | Code::CopyCommit
        | Code::CopyWait(_)
        | Code::LoadMatrix { .. }
        | Code::Routine(_)
        | Code::SubgroupBarrier => false,
        _ => true,
    }
}

/// What threads have touched since they met last.
#[derive(Clone, Default)]
struct Open {
    read: HashSet<SharedId>,
    written: HashSet<SharedId>,
}

/// A walk through a program.
struct Meetings<'a> {
    dropped: &'a HashSet<usize>,
    open: Open,
    /// How many barriers came before.
    barriers: usize,
    /// Nothing is touched that others may have touched since, one of them writing.
    apart: bool,
}

impl<'a> Meetings<'a> {
    /// True where threads stay apart without some of a program's barriers; and how many it has of these.
    fn of(body: &[Code], dropped: &'a HashSet<usize>) -> (bool, usize) {
        let mut walk = Meetings { dropped, open: Open::default(), barriers: 0, apart: true };
        walk.block(body);
        (walk.apart, walk.barriers)
    }

    fn block(&mut self, body: &[Code]) {
        for code in body {
            code.values().for_each(|value| self.reads(value));
            match code {
                Code::Barrier => {
                    if !self.dropped.contains(&self.barriers) {
                        self.open = Open::default();
                    }
                    self.barriers += 1;
                }
                Code::StoreShared(array, ..) => {
                    let open = &mut self.open;
                    self.apart &= !open.read.contains(array) && !open.written.contains(array);
                    open.written.insert(*array);
                }
                Code::LoadShared { from, .. } => self.read(*from),
                // Its turns write elements of their own.
                Code::Unroll(_, _, body) if !meets(body) => self.block(body),
                Code::Unroll(_, _, body) | Code::For { body, .. } => {
                    let (barriers, before) = (self.barriers, self.open.clone());
                    self.block(body);
                    // The turn after it.
                    self.barriers = barriers;
                    self.joined(before.clone());
                    self.block(body);
                    if !runs(code) {
                        self.joined(before);
                    }
                }
                Code::If(_, body) => {
                    let before = self.open.clone();
                    self.block(body);
                    self.joined(before);
                }
                _ => {}
            }
        }
    }

    /// Adds what is open where a block did not run.
    fn joined(&mut self, before: Open) {
        self.open.read.extend(before.read);
        self.open.written.extend(before.written);
    }

    fn reads(&mut self, value: &Value) {
        value.visit(&mut |value| {
            if let Value::Shared(array, _) = value {
                self.read(*array);
            }
        });
    }

    fn read(&mut self, array: SharedId) {
        self.apart &= !self.open.written.contains(&array);
        self.open.read.insert(array);
    }
}

/// True for loops that surely have a turn.
fn runs(code: &Code) -> bool {
    let number = |value: &Value| match value {
        Value::Const(Literal::Int(number), _) => Some(*number),
        _ => None,
    };
    match code {
        Code::Unroll(_, count, _) => *count > 0,
        Code::For { start, end, .. } => {
            number(start).zip(number(end)).is_some_and(|(start, end)| start < end)
        }
        _ => false,
    }
}

/// True where threads meet in a block.
fn meets(body: &[Code]) -> bool {
    body.iter().any(|code| match code {
        Code::Barrier => true,
        Code::Unroll(_, _, body) | Code::For { body, .. } | Code::If(_, body) => meets(body),
        _ => false,
    })
}

/// Removes the barriers with these numbers.
fn drop_barriers(body: &mut Vec<Code>, dropped: &HashSet<usize>, next: &mut usize) {
    body.retain_mut(|code| match code {
        Code::Barrier => {
            *next += 1;
            !dropped.contains(&(*next - 1))
        }
        Code::Unroll(_, _, body) | Code::For { body, .. } | Code::If(_, body) => {
            drop_barriers(body, dropped, next);
            true
        }
        _ => true,
    });
}
