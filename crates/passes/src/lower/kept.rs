//! Rows that several passes read, kept in shared memory from the first pass on.
//!
//! A row too long for registers is read anew by every pass over it (see [`blocks`](super::blocks)), from a cache where it is
//! still there. A multiprocessor's own memory holds much of it: all of its blocks that fit are asked for at once before the
//! first pass, which takes each as it arrives, and later passes find them there. Every thread reads what it asked for itself,
//! so none waits for another. What does not fit is read as before.
//!
//! A group that keeps so much is alone on its multiprocessor. H200, 8192 rows of 65536 in f32, rmsnorm: 1.416 ms, so kept
//! 1.083. 8192 rows of 128256 in bf16: softmax 1.279, so kept 1.171, its logarithm 1.276 and 1.052, the loss with its gradient
//! 1.291 and 1.182, which is so since whole blocks are computed without masks (see [`whole`](super::whole)): before, the passes
//! that compute exponentials took more threads than that leaves. Exponentials and exact quotients still do: softmax of 4096 rows of
//! 128256 in f32 took 1.439 instead of 1.400.

use super::map::{aligned, both};
use super::whole::Part;
use super::{LowerError, Lowering, add, binary, int, shift_left};
use tilewright_ir::table::HashMap;
use tilewright_ir::thread::{Code, RegisterId, SharedId, Value};
use tilewright_ir::{
    Access, Axis, BinaryOp, ExprId, ExprKind, Extent, ParamKind, Place, Program, Stmt, UnaryOp,
};

/// Bytes of shared memory that are left for what threads exchange.
const EXCHANGED: usize = 2 << 10;

/// What is kept.
#[derive(Default)]
pub(super) struct KeptRows {
    /// Index of the pass that reads first.
    first: Option<ExprId>,
    /// What it reads: the loads, in order.
    asked: Vec<ExprId>,
    /// Where each load, of this and of later passes, finds its row.
    at: HashMap<ExprId, SharedId>,
    /// How many blocks of each row.
    blocks: usize,
    /// log2 of the elements of a block.
    block: u32,
}

impl KeptRows {
    /// True for a load that finds some of its row there.
    pub(super) fn has(&self, load: ExprId) -> bool {
        self.at.contains_key(&load)
    }
}

/// The loads of rows in the body of a pass.
fn loads_of<'a>(
    program: &'a Program,
    body: &'a [Stmt],
) -> impl Iterator<Item = (ExprId, &'a Place)> {
    body.iter().filter_map(|statement| {
        let Stmt::Let(id) = statement else { return None };
        let ExprKind::Load { place, .. } = &program.expr(*id).kind else { return None };
        let ParamKind::Tensor { access: Access::In, .. } = program.param(place.param).kind else {
            return None;
        };
        block_of(place).is_some().then_some((*id, place))
    })
}

/// Where a block of a row begins, and log2 of its elements.
fn block_of(place: &Place) -> Option<(ExprId, u32)> {
    let (last, leading) = place.axes.split_last()?;
    match *last {
        Axis::Range { start, len: Extent::Const(len), step: 1 }
            if len.is_power_of_two() && leading.iter().all(|axis| matches!(axis, Axis::At(_))) =>
        {
            Some((start, len.trailing_zeros()))
        }
        _ => None,
    }
}

/// True for blocks of one row.
fn same_row(a: &Place, b: &Place) -> bool {
    let leading = a.axes.len() - 1;
    a.param == b.param && a.axes.len() == b.axes.len() && a.axes[..leading] == b.axes[..leading]
}

impl Lowering<'_> {
    /// True where elements of tiles are exponentials, and others exact quotients: they want more threads than rows that are kept
    /// leave.
    fn computes_long(&self) -> bool {
        let program = self.program;
        let has = |test: &dyn Fn(ExprId, &ExprKind) -> bool| {
            let mut exprs = (0..program.exprs.len() as u32).map(ExprId);
            exprs.any(|id| {
                let expr = program.expr(id);
                let long = expr.ty.shape.iter().any(|extent| *extent != Extent::Const(1));
                long && test(id, &expr.kind)
            })
        };
        has(&|_, kind| matches!(kind, ExprKind::Unary(UnaryOp::Exp, _)))
            && has(&|id, kind| {
                matches!(kind, ExprKind::Binary(BinaryOp::Div, ..)) && !self.rough.contains(&id)
            })
    }

    /// Decides which rows of a program in blocks are kept.
    pub(super) fn keep_rows(&mut self) {
        let program = self.program;
        let passes = program.body.iter().filter_map(|statement| match statement {
            Stmt::For { index, body, .. } => Some((*index, body)),
            _ => None,
        });
        let passes: Vec<(ExprId, &Vec<Stmt>)> = passes.collect();
        let Some(((first, body), later)) = passes.split_first() else { return };
        if self.schedule.teams > 0 || self.schedule.keep <= EXCHANGED || self.computes_long() {
            return;
        }
        let again = |place: &Place| {
            let all = later.iter().flat_map(|(_, body)| loads_of(program, body));
            let same = all.filter(|(_, other)| same_row(place, other));
            same.map(|(id, _)| id).collect::<Vec<_>>()
        };
        let mut rows = Vec::new();
        for (id, place) in loads_of(program, body) {
            // Blocks come in order, one a turn, so that they are waited for in the order in which they were asked for.
            let Some((start, block)) = block_of(place) else { continue };
            let in_order = match program.expr(start).kind {
                ExprKind::Binary(BinaryOp::Mul, a, b) => {
                    a == *first && program.constant(b) == Some(f64::from(1 << block))
                }
                _ => false,
            };
            let later = again(place);
            if in_order && !later.is_empty() && self.copied(id, place).is_some() {
                rows.push((id, place, later));
            }
        }
        // All blocks of a program are of one length.
        let Some((_, block)) = rows.first().and_then(|(_, place, _)| block_of(place)) else {
            return;
        };
        let bytes = |id: ExprId| program.expr(id).ty.dtype.size() << block;
        let a_block: usize = rows.iter().map(|(id, ..)| bytes(*id)).sum();
        let extents = rows.iter().filter_map(|(_, place, _)| {
            let ParamKind::Tensor { shape, .. } = &program.param(place.param).kind else {
                return None;
            };
            Some(self.schedule.capacity_of(*shape.last()?))
        });
        let Some(longest) = extents.max() else { return };
        let whole = 1usize << longest.saturating_sub(block).min(16);
        let blocks = ((self.schedule.keep - EXCHANGED) / a_block).min(whole);
        // Of shorter rows, more groups at once read the second time from a cache.
        if blocks == 0 || blocks == whole {
            return;
        }
        for (id, _, later) in rows {
            let array = self.shared("kept", program.expr(id).ty.dtype, blocks << block);
            self.kept.asked.push(id);
            self.kept.at.extend(later.into_iter().chain([id]).map(|load| (load, array)));
        }
        (self.kept.first, self.kept.blocks, self.kept.block) = (Some(*first), blocks, block);
        // As many groups as have room for what they keep.
        let groups = self.schedule.keep / (blocks * a_block);
        self.resident = self.resident.min(groups.max(1));
    }

    /// The elements that one copy of a load moves, if it can be one that runs beside the thread.
    fn copied(&self, id: ExprId, place: &Place) -> Option<usize> {
        let ty = &self.program.expr(id).ty;
        let lanes = 1usize << self.vector(place, &self.layout(&ty.shape), ty.dtype);
        let bytes = lanes * ty.dtype.size();
        (lanes > 1 && matches!(bytes, 4 | 8 | 16)).then_some(lanes)
    }

    /// True for the pass that reads first what is kept.
    pub(super) fn is_first_of_kept(&self, index: ExprId) -> bool {
        self.kept.first == Some(index)
    }

    /// How many blocks of what a pass reads are kept, if any are.
    pub(super) fn kept_in(&self, pass: &Stmt) -> Option<usize> {
        let Stmt::For { body, .. } = pass else { return None };
        let kept = |s: &Stmt| matches!(s, Stmt::Let(id) if self.kept.has(*id));
        body.iter().any(kept).then_some(self.kept.blocks)
    }

    /// True for a load that may find its row in shared memory, in the loop that is being lowered.
    pub(super) fn reads_kept(&self, load: ExprId) -> bool {
        self.kept.has(load) && !matches!(self.part_of_pass, Some(Part::Rest))
    }

    /// Asks for what is kept before the pass that reads it first.
    pub(super) fn ask_for_kept(&mut self, index: ExprId) -> Result<(), LowerError> {
        if self.kept.first != Some(index) {
            return Ok(());
        }
        let (asked, blocks) = (self.kept.asked.clone(), self.kept.blocks);
        let counter = self.register("k", tilewright_ir::DType::I32, None);
        let (code, result) = self.nested(|l| {
            for id in asked {
                l.ask_for_block(id, Value::Get(counter))?;
            }
            l.code(Code::CopyCommit);
            Ok(())
        });
        self.code(Code::Unroll(counter, blocks, code));
        result
    }

    /// Begins to copy what this thread will read of block `number`.
    fn ask_for_block(&mut self, id: ExprId, number: Value) -> Result<(), LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        let ExprKind::Load { place, .. } = &expr.kind else { return Ok(()) };
        let (Some(lanes), Some((start, block))) = (self.copied(id, place), block_of(place)) else {
            return Ok(());
        };
        let (layout, to) = (self.layout(&expr.ty.shape), self.kept.at[&id]);
        let rank = expr.ty.shape.len();
        let begin = shift_left(number, block);
        self.check_once(place);
        self.checked_indices.insert((place.param, place.axes.len() - 1), (start, begin.clone()));
        let result = self.unroll(layout.registers() / lanes, |l, i| {
            let first = shift_left(i, lanes.trailing_zeros());
            let positions = l.positions(&layout, rank, &first);
            let valid = l.valid(&layout, &aligned(&expr.ty.shape, &layout), &first);
            let valid = both(valid, l.inside(place, &positions));
            let missing = || LowerError("an index of a row is spread over threads".into());
            let offset = l.offset(place, &positions).ok_or_else(missing)?;
            let index = add(begin, positions.last().cloned().unwrap_or(int(0)));
            l.code(Code::CopyAsync { to, index, param: place.param, offset, lanes, valid });
            Ok(())
        });
        self.checked_indices.clear();
        result
    }

    /// Waits, in a turn of the first pass, for what it reads.
    pub(super) fn await_kept(&mut self, turn: RegisterId) {
        let blocks = self.kept.blocks;
        match self.part_of_pass {
            Some(Part::Rest) => return,
            Some(Part::Whole(_)) => {
                self.code(Code::CopyCommit);
                self.code(Code::CopyWait(blocks));
                return;
            }
            None => {}
        }
        let near = binary(BinaryOp::Lt, Value::Get(turn), int(blocks as i64));
        // With an empty group a turn, the block of this turn is always as many groups back.
        self.code(Code::If(near, vec![Code::CopyCommit, Code::CopyWait(blocks)]));
    }

    /// For a load of a row that is kept: the step that reads its vector where it is, and the condition that it is not. Copies are
    /// of zeros past the row's end: where these are not what is wanted there, `inside` tells what ends before it.
    pub(super) fn kept_vector(
        &mut self,
        id: ExprId,
        place: &Place,
        positions: &[Value],
        (into, index): (RegisterId, &Value),
        inside: Option<Value>,
    ) -> Option<(Code, Option<Value>)> {
        let from = *self.kept.at.get(&id).filter(|_| self.reads_kept(id))?;
        let (lanes, (start, _)) = (self.copied(id, place)?, block_of(place)?);
        let start = self.checked_index(place, place.axes.len() - 1, start)?;
        let end = int((self.kept.blocks << self.kept.block) as i64);
        if self.part_of_pass.is_some() {
            let at = add(start, positions.last()?.clone());
            let read = Code::LoadShared { into, index: index.clone(), from, at, lanes };
            return Some((read, None));
        }
        let near = binary(BinaryOp::Lt, start.clone(), end.clone());
        let far = binary(BinaryOp::Ge, start.clone(), end);
        let at = add(start, positions.last()?.clone());
        let read = Code::LoadShared { into, index: index.clone(), from, at, lanes };
        Some((Code::If(both(Some(near), inside)?, vec![read]), Some(far)))
    }
}
