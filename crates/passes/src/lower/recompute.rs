//! Rearranged tiles computed anew from memory, sizes and indices: each register of a thread its own element. What
//! neighbouring elements share is computed once: the word that integers are unpacked of, the index of a lookup.

use super::collective::literal;
use super::exchange::Shared;
use super::map::{aligned, unpacked};
use super::{Held, LowerError, Lowering, add, binary, int, shift_left};
use crate::lower::layout::Layout;
use tilewright_ir::thread::{Code, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, TernaryOp};

/// The most entries of a table that the threads of the smallest team write, one each.
const ENTRIES: usize = 32;

/// Lookups of a thread for which a table in shared memory pays.
const LOOKUPS: usize = 8;

/// A word of packed integers: its value, and the bits before the first that is of interest.
struct Word {
    value: Value,
    shift: Value,
}

impl Lowering<'_> {
    /// Computes a rearranged tile anew.
    pub(super) fn recompute(&mut self, id: ExprId, name: &str) -> Result<(), LowerError> {
        let ty = self.program.expr(id).ty.clone();
        let layout = self.layout(&ty.shape);
        let register = self.register(name, ty.dtype, Some(layout.registers()));
        self.code(Code::Declare(register));
        let table = self.table_in_shared(id, &layout);
        let shared = self.elements_a_word(id, &layout);
        self.unroll(layout.registers() >> shared, |l, number| {
            let first = shift_left(number, shared);
            let word = if shared > 0 { l.word(id, &layout, &first) } else { None };
            l.unroll(1 << shared, |l, lane| {
                let i = add(first.clone(), lane.clone());
                let valid = l.valid(&layout, &aligned(&ty.shape, &layout), &i);
                let (body, result) = l.nested(|l| {
                    let value = match &word {
                        Some(word) => l.lane_of(id, word, lane),
                        None => l.recomputed(id, &layout, &i, table)?,
                    };
                    l.code(Code::SetElement(register, i.clone(), value));
                    Ok::<(), LowerError>(())
                });
                match valid {
                    None => body.into_iter().for_each(|code| l.code(code)),
                    Some(valid) => {
                        l.code(Code::SetElement(register, i, literal(0.0, ty.dtype)));
                        l.code(Code::If(valid, body));
                    }
                }
                result
            })
        })?;
        self.hold(id, Held { register, layout });
        Ok(())
    }

    /// The element of `id` that belongs to a register; may add code to the current block.
    fn recomputed(
        &mut self,
        id: ExprId,
        layout: &Layout,
        register: &Value,
        table: Option<Shared>,
    ) -> Result<Value, LowerError> {
        let ExprKind::Pick { of, indices } = self.program.expr(id).kind else {
            return self.element(id, layout, register);
        };
        let missing = || LowerError(format!("{}: %{} is not at hand", self.program.name, id.0));
        let missing = missing();
        let index = self.element(indices, layout, register)?;
        let index = self.picked(of, indices, index).ok_or_else(|| missing.clone())?;
        // A lookup may ask for it many times.
        let index = self.let_value("index", DType::I32, index);
        if let Some(table) = table {
            let at = self.place_in_team(table.len, index);
            return Ok(Value::Shared(table.array, Box::new(at)));
        }
        if let Some(value) = self.of_table(of, &index) {
            return Ok(value);
        }
        let (rank, own) = (layout.capacity.len(), self.program.expr(of).ty.shape.len());
        let mut at: Vec<Value> =
            (0..rank).map(|axis| self.position(layout, axis, register)).collect();
        let mut at = at.split_off(rank - own.min(rank));
        if let Some(last) = at.last_mut() {
            *last = index;
        }
        self.value_at(of, &at).ok_or(missing)
    }

    /// The table that `id` looks up, if it is written out and a thread looks up often: an entry is then one read instead of
    /// a selection an entry.
    fn table_in_shared(&mut self, id: ExprId, layout: &Layout) -> Option<Shared> {
        let ExprKind::Pick { of, .. } = self.program.expr(id).kind else { return None };
        let mut entries = Vec::new();
        self.entries(of, &mut entries)?;
        let len = entries.len().next_power_of_two();
        if layout.registers() < LOOKUPS || len > ENTRIES {
            return None;
        }
        let dtype = self.program.expr(of).ty.dtype;
        if self.loops > 0 {
            self.barrier();
        }
        let table = Shared { array: self.shared("table", dtype, len), len };
        let thread = self.thread.clone();
        let (mut code, entry) = self.nested(|l| l.of_table(of, &thread));
        let at = self.place_in_team(len, thread.clone());
        code.push(Code::StoreShared(table.array, at, entry?));
        self.code(Code::If(binary(BinaryOp::Lt, thread, int(len as i64)), code));
        self.barrier();
        Some(table)
    }

    /// An entry of a table that is written out, number by number: halved by each bit of the index, the lowest first, so
    /// that there is one comparison a bit. Each selection is a step of its own, since compilers make branches of nested
    /// ones; may add code to the current block.
    fn of_table(&mut self, of: ExprId, index: &Value) -> Option<Value> {
        let mut entries = Vec::new();
        self.entries(of, &mut entries)?;
        let dtype = self.program.expr(of).ty.dtype;
        let mut bit = 1;
        while entries.len() > 1 {
            let own = binary(BinaryOp::And, index.clone(), int(bit));
            let is_odd = self.let_value("odd", DType::Bool, binary(BinaryOp::Ne, own, int(0)));
            let halves = entries.chunks(2).map(|pair| match pair {
                [even, odd] => {
                    let either = Box::new([is_odd.clone(), odd.clone(), even.clone()]);
                    let either = Value::Ternary(TernaryOp::Select, dtype, either);
                    self.let_value("entry", dtype, either)
                }
                // Past the end, which no index is.
                alone => alone[0].clone(),
            });
            entries = halves.collect();
            bit <<= 1;
        }
        entries.pop()
    }

    /// The numbers that a line of joined numbers has; `None` where it is something else.
    fn entries(&mut self, of: ExprId, found: &mut Vec<Value>) -> Option<()> {
        let program = self.program;
        let expr = program.expr(of);
        if expr.ty.shape == [Extent::Const(1)] {
            found.push(self.value_at(of, &[int(0)])?);
            return Some(());
        }
        let ExprKind::Concat(parts, 0) = &expr.kind else { return None };
        parts.iter().try_for_each(|part| self.entries(*part, found))
    }

    /// log2 of how many neighbouring registers hold integers of one word.
    fn elements_a_word(&self, id: ExprId, layout: &Layout) -> u32 {
        let ExprKind::Unpack { of, bits } = self.program.expr(id).kind else { return 0 };
        let width = self.program.expr(of).ty.dtype.size() as u32 * 8;
        match width.is_multiple_of(bits) && (width / bits).is_power_of_two() {
            true => (width / bits).trailing_zeros().min(layout.vector()),
            false => 0,
        }
    }

    /// The word of the integers from register `first` on.
    fn word(&mut self, id: ExprId, layout: &Layout, first: &Value) -> Option<Word> {
        let ExprKind::Unpack { of, bits } = self.program.expr(id).kind else { return None };
        let dtype = self.program.expr(of).ty.dtype;
        let (rank, own) = (layout.capacity.len(), self.program.expr(of).ty.shape.len());
        let mut at: Vec<Value> = (0..rank).map(|axis| self.position(layout, axis, first)).collect();
        let at = at.split_off(rank - own.min(rank));
        let (at, shift, _) = self.packed_at(of, bits, &at)?;
        let value = self.value_at(of, &at)?;
        let value = self.let_value("word", dtype, value);
        let in_word = dtype.size() as u32 * 8 / bits;
        let shift = match in_word.trailing_zeros() == self.elements_a_word(id, layout) {
            true => int(0),
            false => self.let_value("shift", DType::I32, shift),
        };
        Some(Word { value, shift })
    }

    /// Integer number `lane` from the first one of interest of a word.
    fn lane_of(&self, id: ExprId, word: &Word, lane: Value) -> Value {
        let expr = self.program.expr(id);
        let ExprKind::Unpack { of, bits } = expr.kind else { return lane };
        let further = match super::index::constant(&lane) {
            Some(lane) => int(lane * bits as i64),
            None => binary(BinaryOp::Mul, lane, int(bits as i64)),
        };
        let from = self.program.expr(of).ty.dtype;
        let shift = add(word.shift.clone(), further);
        unpacked(word.value.clone(), None, shift, bits, from, expr.ty.dtype)
    }
}
