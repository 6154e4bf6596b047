//! Operands in shared memory: rows of 16-byte chunks, permuted so that rows that a subgroup reads together lie in
//! different banks.

use super::super::map::{aligned, both};
use super::super::{Held, LowerError, Lowering, add, binary, int, run, shift_left, shift_right};
use crate::lower::layout::{Layout, Run};
use crate::lower::schedule::ceil_log2;
use tilewright_ir::thread::{Code, SharedId, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Stmt, TernaryOp};

/// A tile of floats in shared memory, one or several in a ring.
#[derive(Clone, Debug)]
pub(in crate::lower) struct Tile {
    /// The array of all tiles of the ring.
    pub array: SharedId,
    /// log2 of the bytes of an element.
    pub size: u32,
    /// log2 of the rows.
    pub rows: u32,
    /// log2 of the columns.
    pub columns: u32,
    /// The tile of the ring that is read; `None` when there is one.
    pub slot: Option<Value>,
}

/// log2 of the bytes of a row that lie together: all banks.
const PANEL: u32 = 7;

/// log2 of the bytes of a chunk.
const CHUNK: u32 = 4;

impl Tile {
    /// log2 of the columns of a whole panel; panels of more columns lie after each other.
    fn whole(&self) -> u32 {
        PANEL - self.size
    }

    /// log2 of the columns of a panel.
    fn panel(&self) -> u32 {
        self.columns.min(self.whole())
    }

    /// The bits of a row that permute its chunks, moved to where they do.
    pub fn turn(&self, row: Value) -> Value {
        let (panel, chunk) = (self.panel(), CHUNK - self.size);
        let turned =
            Run { from: self.whole() - panel, count: panel.saturating_sub(chunk), to: chunk };
        if self.size < 2 {
            return run(turned, row);
        }
        // Threads read rows four apart together, and neighbours.
        let further = shift_right(row.clone(), 2);
        run(turned, binary(BinaryOp::Xor, row, further))
    }

    /// The index of an element whose column is `fixed ^ moving`, in bits that do not meet; `fixed` is turned already.
    pub fn index(&self, row: Value, (fixed, moving): (Value, Value)) -> Value {
        let panel = self.panel();
        let within = |v: Value| run(Run { from: 0, count: panel, to: 0 }, v);
        let column = match (super::super::index::constant(&moving), self.columns > self.whole()) {
            (Some(0), false) => fixed.clone(),
            (_, false) => binary(BinaryOp::Xor, fixed.clone(), moving.clone()),
            _ => binary(BinaryOp::Xor, within(fixed.clone()), within(moving.clone())),
        };
        let at = add(shift_left(row, panel), column);
        let at = match self.columns > self.whole() {
            false => at,
            true => {
                let number = add(shift_right(fixed, panel), shift_right(moving, panel));
                add(shift_left(number, panel + self.rows), at)
            }
        };
        match &self.slot {
            None => at,
            Some(slot) => add(shift_left(slot.clone(), self.rows + self.columns), at),
        }
    }

    /// The index of an element.
    pub fn place(&self, row: Value, column: Value) -> Value {
        let turned = binary(BinaryOp::Xor, column, self.turn(row.clone()));
        self.index(row, (turned, int(0)))
    }
}

impl Lowering<'_> {
    /// Room for a ring of tiles for an operand.
    fn ring(&mut self, id: ExprId, tiles: usize) -> Tile {
        let ty = &self.program.expr(id).ty;
        let log2 = |axis: usize| ty.shape[axis].constant().map_or(0, ceil_log2);
        let (rows, columns, dtype) = (log2(0), log2(1), ty.dtype);
        let array = self.shared("operand", dtype, tiles << (rows + columns));
        Tile { array, size: dtype.size().trailing_zeros(), rows, columns, slot: None }
    }

    /// The layout in which the threads of a group copy a tile, in vectors of `2^vector` elements.
    fn copying(&self, tile: &Tile, vector: u32) -> Layout {
        let mut capacity = vec![0; self.rank];
        (capacity[self.rank - 2], capacity[self.rank - 1]) = (tile.rows, tile.columns);
        Layout::canonical(&capacity, self.schedule.team, vector)
    }

    /// Begins to copy the block that a load names; elements outside the tensor become zeros.
    fn copy(&mut self, id: ExprId, tile: &Tile) -> Result<(), LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        let ExprKind::Load { place, .. } = &expr.kind else {
            return Err(LowerError(format!("{}: %{} is no load", program.name, id.0)));
        };
        let missing = || LowerError(format!("{}: an index of a load is not known", program.name));
        let vector = self.vector_of(place, CHUNK - tile.size, expr.ty.dtype);
        let layout = self.copying(tile, vector);
        let vector = layout.vector().min(vector);
        let (code, result) = self.nested(|l| {
            l.unroll(layout.registers() >> vector, |l, i| {
                let first = shift_left(i, vector);
                let at = [l.rank - 2, l.rank - 1].map(|axis| l.position(&layout, axis, &first));
                let valid = l.valid(&layout, &aligned(&expr.ty.shape, &layout), &first);
                let valid = both(valid, l.inside(place, &at));
                let offset = l.offset(place, &at).ok_or_else(missing)?;
                let [row, column] = at;
                let index = tile.place(row, column);
                l.code(match vector {
                    0 => {
                        let value = Value::Load { param: place.param, offset: Box::new(offset) };
                        let value = match valid {
                            None => value,
                            Some(valid) => or_zero(valid, value, expr.ty.dtype),
                        };
                        Code::StoreShared(tile.array, index, value)
                    }
                    _ => Code::CopyAsync {
                        to: tile.array,
                        index,
                        param: place.param,
                        offset,
                        lanes: 1 << vector,
                        valid,
                    },
                });
                Ok(())
            })
        });
        result?;
        match self.first_holder(&layout) {
            None => code.into_iter().for_each(|c| self.code(c)),
            Some(first) => self.code(Code::If(first, code)),
        }
        Ok(())
    }

    /// Brings a load to shared memory, here and now.
    pub(in crate::lower) fn stage(&mut self, id: ExprId) -> Result<(), LowerError> {
        let tile = self.ring(id, 1);
        if self.loops > 0 {
            self.barrier();
        }
        self.copy(id, &tile)?;
        self.code(Code::CopyCommit);
        self.code(Code::CopyWait(0));
        self.barrier();
        self.tiles.insert(id, tile);
        Ok(())
    }

    /// Writes a tile that lies in registers to shared memory.
    pub(super) fn share_operand(&mut self, id: ExprId) -> Result<Tile, LowerError> {
        let program = self.program;
        let (wide, ty) = (self.unrounded(id), program.expr(id).ty.clone());
        let tile = self.ring(id, 1);
        if self.loops > 0 {
            self.barrier();
        }
        let held = self.held.get(&wide).and_then(|h| h.first());
        let layout = held.map_or_else(|| self.layout(&ty.shape), |h| h.layout.clone());
        // Elements that no tile has are zeros, since products along them are summed too.
        let (code, result) = self.nested(|l| {
            l.unroll(layout.registers(), |l, i| {
                let value = l.element(wide, &layout, &i)?;
                let valid = l.valid(&layout, &aligned(&ty.shape, &layout), &i);
                let value = match valid {
                    None => value,
                    Some(valid) => or_zero(valid, value, program.expr(wide).ty.dtype),
                };
                let row = l.position(&layout, l.rank - 2, &i);
                let column = l.position(&layout, l.rank - 1, &i);
                l.code(Code::StoreShared(tile.array, tile.place(row, column), value));
                Ok(())
            })
        });
        result?;
        match self.first_holder(&layout) {
            None => code.into_iter().for_each(|c| self.code(c)),
            Some(first) => self.code(Code::If(first, code)),
        }
        self.barrier();
        Ok(tile)
    }

    /// What a rounding to a half type that only dots need rounds: they round it themselves.
    pub(super) fn unrounded(&self, id: ExprId) -> ExprId {
        match self.program.expr(id).kind {
            ExprKind::Cast(wide) if self.plan.consumed.contains(&id) => wide,
            _ => id,
        }
    }

    /// Lowers a loop whose loads run ahead: while a round multiplies, the copies of the next ones are under way.
    ///
    /// Round r waits for its own copies, meets the other threads, which are then done with round r - 1, and begins the
    /// copies of round r + stages - 1 in the tiles that round r - 1 has read.
    pub(in crate::lower) fn pipelined(
        &mut self,
        statement: &Stmt,
        loads: &[ExprId],
    ) -> Result<(), LowerError> {
        let Stmt::For { index, start, end, step, body } = statement else { return Ok(()) };
        let stages = self.schedule.matrix.as_ref().map_or(2, |m| m.stages);
        let start_value = self.scalar(*start)?;
        let start = self.let_value("first", DType::I32, start_value);
        let end_value = self.scalar(*end)?;
        let end = self.let_value("end", DType::I32, end_value);
        let scalar = self.layout(&[]);
        let ring: Vec<(ExprId, Tile)> =
            loads.iter().map(|id| (*id, self.ring(*id, stages))).collect();
        let (slot, free) =
            (self.register("slot", DType::I32, None), self.register("free", DType::I32, None));
        for (register, value) in [(slot, 0), (free, stages - 1)] {
            self.code(Code::Declare(register));
            self.code(Code::Set(register, int(value as i64)));
        }
        if self.loops > 0 {
            self.barrier();
        }
        // The copies of the round whose index is that value, if there is one.
        let round = |l: &mut Self, at: Value, slot: Value| {
            let next = l.let_value("next", DType::I32, at);
            let Value::Get(register) = next else { return Ok(()) };
            let (code, result) = l.scope(|l| {
                l.held.insert(*index, vec![Held { register, layout: scalar.clone() }]);
                ring.iter().try_for_each(|(id, tile)| {
                    l.copy(*id, &Tile { slot: Some(slot.clone()), ..tile.clone() })
                })
            });
            l.code(Code::If(binary(BinaryOp::Lt, next, end.clone()), code));
            l.code(Code::CopyCommit);
            result
        };
        for ahead in 0..stages.saturating_sub(1) {
            round(self, add(start.clone(), int((ahead * step) as i64)), int(ahead as i64))?;
        }
        let counter = self.register("j", DType::I32, None);
        self.hold(*index, Held { register: counter, layout: scalar.clone() });
        self.loops += 1;
        let (code, result) = self.scope(|l| {
            if stages > 1 {
                l.code(Code::CopyWait(stages - 2));
            }
            l.barrier();
            let far = ((stages - 1) * step) as i64;
            let held = l.held.remove(index).unwrap_or_default();
            round(l, add(Value::Get(counter), int(far)), Value::Get(free))?;
            l.held.insert(*index, held);
            if stages == 1 {
                l.code(Code::CopyWait(0));
                l.barrier();
            }
            for (id, tile) in &ring {
                l.tiles.insert(*id, Tile { slot: Some(Value::Get(slot)), ..tile.clone() });
            }
            let rest: Vec<Stmt> = body
                .iter()
                .filter(|s| !matches!(s, Stmt::Let(id) if loads.contains(id)))
                .cloned()
                .collect();
            l.block(&rest)?;
            l.code(Code::Set(free, Value::Get(slot)));
            let next = add(Value::Get(slot), int(1));
            let last = binary(BinaryOp::Eq, next.clone(), int(stages as i64));
            let wrapped =
                Value::Ternary(TernaryOp::Select, DType::I32, Box::new([last, int(0), next]));
            l.code(Code::Set(slot, wrapped));
            Ok(())
        });
        self.loops -= 1;
        let step = int(*step as i64);
        self.code(Code::For { counter, start, end, step, body: code });
        // What follows may use the memory of the ring.
        self.barrier();
        result
    }
}

fn or_zero(valid: Value, value: Value, dtype: DType) -> Value {
    let zero = super::super::collective::literal(0.0, dtype);
    Value::Ternary(TernaryOp::Select, dtype, Box::new([valid, value, zero]))
}
