//! Scans and top-k of tiles with several lines, through shared memory: each thread walks whole lines. Scans along the last
//! axis mostly take the faster way of [`scan`](super::scan).

use super::collective::{Joiner, Partial, literal, wins};
use super::map::both;
use super::{Held, LowerError, Lowering, add, binary, int, size};
use tilewright_ir::thread::{Code, RegisterId, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, Extent, ReduceOp};

/// What is scanned, and how.
pub(super) struct LineScan<'a> {
    /// One tile a component.
    pub of: &'a [ExprId],
    /// Which axis.
    pub axis: usize,
    /// Joins what came before with an element.
    pub joiner: Joiner<'a>,
    /// What comes before the first element; without it nothing is joined with that.
    pub identity: Option<Partial>,
    /// Without the element itself.
    pub exclusive: bool,
    /// What an exclusive scan without an identity gives first.
    pub first: Option<Partial>,
    /// From the end to the start.
    pub reverse: bool,
}

impl Lowering<'_> {
    /// Runs `body` for each line of a tile along `axis`, each in one thread; it gets the index of the line's first element
    /// in row-major order and the distance of its elements.
    fn each_line(
        &mut self,
        shape: &[Extent],
        axis: usize,
        body: impl FnOnce(&mut Self, &Value, &Value, &Value) -> Result<(), LowerError>,
    ) -> Result<(), LowerError> {
        let product = |extents: &[Extent]| {
            let extents = extents.iter().filter(|e| **e != Extent::Const(1)).map(|e| size(*e));
            extents.reduce(|a, b| binary(BinaryOp::Mul, a, b)).unwrap_or(int(1))
        };
        let (outer, inner) = (product(&shape[..axis]), product(&shape[axis + 1..]));
        let count = binary(BinaryOp::Mul, outer, inner.clone());
        let count = self.let_value("lines", DType::I32, count);
        let counter = self.register("line", DType::I32, None);
        let (code, result) = self.nested(|l| {
            let line = Value::Get(counter);
            let extent = size(shape[axis]);
            let first = match shape[axis + 1..].iter().all(|e| *e == Extent::Const(1)) {
                true => binary(BinaryOp::Mul, line, extent.clone()),
                false => {
                    let before = binary(BinaryOp::Div, line.clone(), inner.clone());
                    let within = binary(BinaryOp::Rem, line, inner.clone());
                    let block = binary(BinaryOp::Mul, extent.clone(), inner.clone());
                    add(binary(BinaryOp::Mul, before, block), within)
                }
            };
            let first = l.let_value("first", DType::I32, first);
            body(l, &first, &inner, &extent)
        });
        let (start, step) = (self.thread.clone(), int(1 << self.schedule.team));
        self.code(Code::For { counter, start, end: count, step, body: code });
        result
    }

    /// Lowers a scan along any axis.
    pub(super) fn line_scan(
        &mut self,
        id: ExprId,
        name: &str,
        scan: &LineScan,
    ) -> Result<(), LowerError> {
        let program = self.program;
        let shape = program.expr(scan.of[0]).ty.shape.clone();
        let dtypes: Vec<DType> = scan.of.iter().map(|&t| program.expr(t).ty.dtype).collect();
        let mut shared = Vec::new();
        for &of in scan.of {
            shared.push(self.share_without_waiting(of)?);
        }
        self.barrier();
        let totals: Vec<RegisterId> =
            dtypes.iter().map(|&d| self.register("running", d, None)).collect();
        self.each_line(&shape, scan.axis, |l, first, distance, extent| {
            totals.iter().for_each(|&t| l.code(Code::Declare(t)));
            let start = scan.identity.as_ref().or(scan.first.as_ref());
            for (&total, value) in totals.iter().zip(start.into_iter().flatten()) {
                l.code(Code::Set(total, value.clone()));
            }
            let counter = l.register("k", DType::I32, None);
            let (body, ()) = l.nested(|l| {
                let turn = Value::Get(counter);
                let step = match scan.reverse {
                    false => turn.clone(),
                    true => binary(BinaryOp::Sub, add(extent.clone(), int(-1)), turn.clone()),
                };
                let at = add(first.clone(), binary(BinaryOp::Mul, step, distance.clone()));
                let at = l.let_value("at", DType::I32, at);
                let mut own = Vec::new();
                for (&s, &d) in shared.iter().zip(&dtypes) {
                    let at = l.place_in_team(s.len, at.clone());
                    own.push(l.let_value("x", d, Value::Shared(s.array, Box::new(at))));
                }
                let before: Partial = totals.iter().map(|&t| Value::Get(t)).collect();
                let write = |l: &mut Self| {
                    for (&s, &total) in shared.iter().zip(&totals) {
                        let at = l.place_in_team(s.len, at.clone());
                        l.code(Code::StoreShared(s.array, at, Value::Get(total)));
                    }
                };
                if scan.exclusive {
                    write(l);
                }
                let (join, ()) = l.nested(|l| {
                    let joined = l.join(&scan.joiner, before, own.clone());
                    // All are computed before any is set.
                    let joined: Vec<Value> = joined
                        .into_iter()
                        .zip(&dtypes)
                        .map(|(v, &d)| l.let_value("next", d, v))
                        .collect();
                    for (&total, value) in totals.iter().zip(joined) {
                        l.code(Code::Set(total, value));
                    }
                });
                match scan.identity {
                    Some(_) => join.into_iter().for_each(|c| l.code(c)),
                    None => {
                        let first_turn = binary(BinaryOp::Eq, turn.clone(), int(0));
                        let starts = totals.iter().zip(own);
                        let starts = starts.map(|(&t, value)| Code::Set(t, value)).collect();
                        l.code(Code::If(first_turn, starts));
                        l.code(Code::If(binary(BinaryOp::Gt, turn, int(0)), join));
                    }
                }
                if !scan.exclusive {
                    write(l);
                }
            });
            let (start, step) = (int(0), int(1));
            l.code(Code::For { counter, start, end: extent.clone(), step, body });
            Ok(())
        })?;
        self.barrier();
        let layout = self.layout(&shape);
        let mut parts = Vec::new();
        for (&s, &dtype) in shared.iter().zip(&dtypes) {
            let held = self.fill(name, dtype, &shape, layout.clone(), |l, _, at| {
                Some(l.read(s, &shape, at))
            })?;
            parts.push(held);
        }
        self.hold(id, parts[0].clone());
        self.parts.insert(id, parts);
        Ok(())
    }

    /// Lowers a top-k of each line along the last axis: `k` rounds, each the best of what comes after the last round's
    /// winner.
    pub(super) fn line_top_k(
        &mut self,
        id: ExprId,
        of: ExprId,
        k: usize,
        name: &str,
    ) -> Result<(), LowerError> {
        let program = self.program;
        let (ty, result) = (&program.expr(of).ty, &program.expr(id).ty.shape);
        let dtypes = [ty.dtype, DType::U32];
        let worst = [
            literal(ReduceOp::Max.identity(ty.dtype), ty.dtype),
            literal(u32::MAX as f64, DType::U32),
        ];
        let tile = self.share(of)?;
        let out = [
            self.shared_tile("best", dtypes[0], result)?,
            self.shared_tile("best", dtypes[1], result)?,
        ];
        let best = dtypes.map(|d| self.register("best", d, None));
        let won = dtypes.map(|d| self.register("won", d, None));
        self.each_line(&ty.shape, ty.shape.len() - 1, |l, first, _, extent| {
            for register in best.iter().chain(&won) {
                l.code(Code::Declare(*register));
            }
            let out_first = binary(BinaryOp::Div, first.clone(), extent.clone());
            let out_first = binary(BinaryOp::Mul, out_first, int(k as i64));
            let round = l.register("round", DType::I32, None);
            let position = l.register("k", DType::I32, None);
            let (rounds, ()) = l.nested(|l| {
                for (&b, w) in best.iter().zip(&worst) {
                    l.code(Code::Set(b, w.clone()));
                }
                let (search, ()) = l.nested(|l| {
                    let at = l.place_in_team(tile.len, add(first.clone(), Value::Get(position)));
                    let own = Value::Shared(tile.array, Box::new(at));
                    let own = l.let_value("x", ty.dtype, own);
                    let of = Box::new(Value::Get(position));
                    let place = Value::Cast { from: DType::I32, to: DType::U32, of };
                    let own = [own, l.let_value("at", DType::U32, place)];
                    let gets = |r: &[RegisterId; 2]| r.map(Value::Get);
                    let first_round = binary(BinaryOp::Eq, Value::Get(round), int(0));
                    let after = wins(true, ty.dtype, &gets(&won), &own);
                    let open = Value::Binary(
                        BinaryOp::Or,
                        DType::Bool,
                        Box::new(first_round),
                        Box::new(after),
                    );
                    let better = wins(true, ty.dtype, &own, &gets(&best));
                    let take = both(Some(open), Some(better)).unwrap_or(int(1));
                    let sets = best.iter().zip(own).map(|(&b, v)| Code::Set(b, v)).collect();
                    l.code(Code::If(take, sets));
                });
                let (start, step) = (int(0), int(1));
                let end = extent.clone();
                l.code(Code::For { counter: position, start, end, step, body: search });
                for (i, (&b, &w)) in best.iter().zip(&won).enumerate() {
                    l.code(Code::Set(w, Value::Get(b)));
                    let at = add(out_first.clone(), Value::Get(round));
                    let at = l.place_in_team(out[i].len, at);
                    l.code(Code::StoreShared(out[i].array, at, Value::Get(b)));
                }
            });
            let (start, end, step) = (int(0), int(k as i64), int(1));
            l.code(Code::For { counter: round, start, end, step, body: rounds });
            Ok(())
        })?;
        self.barrier();
        let layout = self.layout(result);
        let mut parts: Vec<Held> = Vec::new();
        for (&s, &dtype) in out.iter().zip(&dtypes) {
            let held = self.fill(name, dtype, result, layout.clone(), |l, _, at| {
                Some(l.read(s, result, at))
            })?;
            parts.push(held);
        }
        self.hold(id, parts[0].clone());
        self.parts.insert(id, parts);
        Ok(())
    }
}
