//! The few greatest elements of a row that one subgroup holds, by a bound on the least of them.
//!
//! The k-th greatest of the lanes' own maxima is no greater than the k-th greatest element, so elements below it are out.
//! Of a row without order few others are left; these meet in shared memory, one a lane, where each round costs a
//! reduction and no search. Rows with more left (sorted, masked or constant ones) take the rounds over all elements.
//!
//! A thread marks its candidates, a bit each, and reads them again where it can. H200, top-8 of 65536 rows of 2048: 0.141 ms in
//! f32 and 0.118 in bf16; each register handed in under a condition, 0.185 and 0.179. Since, 0.135 and 0.079; bf16 in pairs 0.075,
//! rows of 1024 0.079 instead of 0.095.

use super::collective::literal;
use super::layout::Layout;
use super::map::both;
use super::top::{LEAST, NOWHERE, compare, of_key, select, signed_key, signed_place, winner};
use super::{LowerError, Lowering, SUBGROUP, binary, int, shift_left};
use tilewright_ir::thread::{Builtin, Code, RegisterId, Shuffle, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, Literal, UnaryOp};

/// Lanes of a subgroup, and so the most candidates.
const LANES: usize = 1 << SUBGROUP;

/// The least registers that are worth it.
const LEAST_REGISTERS: usize = 8;

/// Bits of a word.
const WORD: usize = 32;

/// The most elements that are looked for: as many lanes have a maximum each.
const MOST: usize = 16;

/// A top-k in the making.
pub(super) struct TopK<'a> {
    /// What is looked through.
    pub of: ExprId,
    /// Its type and shape, the latter as the layout's axes.
    pub dtype: DType,
    pub shape: &'a [Extent],
    pub layout: &'a Layout,
    pub k: usize,
    /// The registers of the values and positions that are found.
    pub out: [RegisterId; 2],
    pub result: &'a Layout,
}

impl Lowering<'_> {
    /// True when [`few_candidates`](Self::few_candidates) serves.
    pub(super) fn has_few_candidates(&self, top: &TopK<'_>) -> bool {
        top.dtype.is_float()
            && top.dtype != DType::F64
            && self.schedule.team == SUBGROUP
            && top.layout.registers() >= LEAST_REGISTERS
            && top.layout.copies().is_empty()
            && top.k <= MOST
    }

    /// Finds the elements where few are left; gives the condition that many are.
    pub(super) fn few_candidates(&mut self, top: &TopK<'_>) -> Result<Value, LowerError> {
        let bound = self.bound(top)?;
        let (registers, last) = (top.layout.registers(), top.layout.capacity.len() - 1);
        let count = self.register("count", DType::I32, None);
        self.code(Code::Declare(count));
        self.code(Code::Set(count, int(0)));
        let marks = match self.is_read(top.of) {
            true => Some(self.mark(top, &bound, count)?),
            false => {
                self.unroll(registers, |l, i| {
                    let open = l.is_candidate(top, &i, &bound)?;
                    let one = select(DType::I32, open, int(1), int(0));
                    l.code(Code::Set(count, super::add(Value::Get(count), one)));
                    Ok::<(), LowerError>(())
                })?;
                None
            }
        };
        // Where each lane's candidates go: after those of the lanes before.
        let place = self.running_count(count);
        let all = Value::Shuffle(Shuffle::Last(SUBGROUP), DType::I32, Box::new(Value::Get(place)));
        let all = self.let_value("candidates", DType::I32, all);
        let before = binary(BinaryOp::Sub, Value::Get(place), Value::Get(count));
        self.code(Code::Set(place, before));
        let values = self.shared("candidate", DType::F32, LANES);
        let positions = self.shared("candidate_at", DType::U32, LANES);
        if self.loops > 0 {
            self.barrier();
        }
        let fits = binary(BinaryOp::Le, all.clone(), int(LANES as i64));
        let (body, result) = self.nested(|l| {
            let hand_in = |l: &mut Self, value: Value, at: Value| {
                let at = Value::Cast { from: DType::I32, to: DType::U32, of: Box::new(at) };
                let to = l.place_in_team(LANES, Value::Get(place));
                vec![
                    Code::StoreShared(values, to.clone(), value),
                    Code::StoreShared(positions, to, at),
                    Code::Set(place, super::add(Value::Get(place), int(1))),
                ]
            };
            match &marks {
                Some(marks) => l.hand_in_marked(top, marks, count, &hand_in)?,
                None => l.unroll(registers, |l, i| {
                    let open = l.is_candidate(top, &i, &bound)?;
                    let value = l.plain_value(top, &i)?;
                    let at = l.position(top.layout, last, &i);
                    let steps = hand_in(l, value, at);
                    l.code(Code::If(open, steps));
                    Ok::<(), LowerError>(())
                })?,
            }
            l.barrier();
            let own = l.register("own", DType::I32, None);
            let own_at = l.register("own_at", DType::U32, None);
            l.code(Code::Declare(own));
            l.code(Code::Declare(own_at));
            l.code(Code::Set(own, int(LEAST)));
            l.code(Code::Set(own_at, nowhere()));
            let from = l.place_in_team(LANES, Value::Builtin(Builtin::Lane));
            let (take, ()) = l.nested(|l| {
                let value = Value::Shared(values, Box::new(from.clone()));
                let value = l.let_value("x", DType::F32, value);
                let key = l.let_value("key", DType::I32, signed_key(value, DType::F32));
                let at = Value::Shared(positions, Box::new(from));
                let at = l.let_value("at", DType::U32, at);
                let (key, at) = signed_place(key, at, top.dtype);
                l.code(Code::Set(own, key));
                l.code(Code::Set(own_at, at));
            });
            l.code(Code::If(binary(BinaryOp::Lt, Value::Builtin(Builtin::Lane), all), take));
            l.rounds_of_candidates(top, own, own_at);
            Ok(())
        });
        result?;
        self.code(Code::If(fits.clone(), body));
        Ok(Value::Unary(UnaryOp::Not, DType::Bool, Box::new(fits)))
    }

    /// The sum of a number of each lane over those of its subgroup up to it.
    pub(super) fn running_count(&mut self, own: RegisterId) -> RegisterId {
        let sum = self.register("place", DType::I32, None);
        self.code(Code::Declare(sum));
        self.code(Code::Set(sum, Value::Get(own)));
        for step in 0..SUBGROUP {
            let by = 1usize << step;
            let other = Value::Shuffle(Shuffle::Up(by), DType::I32, Box::new(Value::Get(sum)));
            let other = self.let_value("other", DType::I32, other);
            let has = binary(BinaryOp::Ge, Value::Builtin(Builtin::Lane), int(by as i64));
            self.code(Code::If(has, vec![Code::Set(sum, super::add(Value::Get(sum), other))]));
        }
        sum
    }

    /// The registers of a row that is compared two elements at a time, in words as they were read, where devices have routines:
    /// half as many instructions, and registers.
    fn in_pairs(&mut self, top: &TopK<'_>) -> Option<RegisterId> {
        self.is_read(top.of).then(|| self.halves_of(top.of, top.layout, top.shape)).flatten()
    }

    /// The registers of a row of bf16 as it was read, where devices have routines and no thread has less of it than others.
    pub(super) fn halves_of(
        &mut self,
        row: ExprId,
        layout: &Layout,
        shape: &[Extent],
    ) -> Option<RegisterId> {
        let row = match self.program.expr(row).kind {
            ExprKind::Cast(of) => of,
            _ => row,
        };
        let read = self.program.expr(row);
        let halves = matches!(read.kind, ExprKind::Load { .. }) && read.ty.dtype == DType::BF16;
        if !self.schedule.routines || !halves || self.valid(layout, shape, &int(0)).is_some() {
            return None;
        }
        self.held_in(row, layout)
    }

    /// True for a row whose elements a thread can read once more.
    pub(super) fn is_read(&self, row: ExprId) -> bool {
        match self.program.expr(row).kind {
            ExprKind::Load { .. } => self.settled.contains(&row),
            ExprKind::Cast(of) => self.is_read(of),
            _ => false,
        }
    }

    /// Marks a thread's candidates, a bit for each of its registers, and counts them. Most threads have none: to hand in what a
    /// register holds would take steps for every register, to read the few again takes them for those alone.
    fn mark(
        &mut self,
        top: &TopK<'_>,
        bound: &Value,
        count: RegisterId,
    ) -> Result<Vec<RegisterId>, LowerError> {
        let registers = top.layout.registers();
        let of_word = registers.min(WORD);
        let mut marks = Vec::new();
        for word in 0..registers / of_word {
            let mark = self.register("marks", DType::I32, None);
            self.code(Code::Declare(mark));
            if let Some(of) = self.in_pairs(top) {
                let (into, from, bound) = (mark, word * WORD, bound.clone());
                self.code(Code::MarkHalves { into, of, from, bound });
            } else {
                self.code(Code::Set(mark, int(0)));
                self.unroll(of_word, |l, i| {
                    let register = super::add(i.clone(), int((word * WORD) as i64));
                    let open = l.is_candidate(top, &register, bound)?;
                    let bit = binary(BinaryOp::Shl, int(1), i);
                    let marked = binary(BinaryOp::Or, Value::Get(mark), bit);
                    l.code(Code::If(open, vec![Code::Set(mark, marked)]));
                    Ok::<(), LowerError>(())
                })?;
            }
            let ones = self.ones(Value::Get(mark));
            self.code(Code::Set(count, super::add(Value::Get(count), ones)));
            marks.push(mark);
        }
        Ok(marks)
    }

    /// How many bits of a word are ones: of pairs, of nibbles, of bytes, of all.
    fn ones(&mut self, word: Value) -> Value {
        let part = |of: &Value, by: i64, mask: i64| {
            let shifted = match by {
                0 => of.clone(),
                by => binary(BinaryOp::Shr, of.clone(), int(by)),
            };
            binary(BinaryOp::And, shifted, int(mask))
        };
        let pairs = binary(BinaryOp::Sub, word.clone(), part(&word, 1, 0x5555_5555));
        let pairs = self.let_value("ones", DType::I32, pairs);
        let nibbles = super::add(part(&pairs, 0, 0x3333_3333), part(&pairs, 2, 0x3333_3333));
        let nibbles = self.let_value("ones", DType::I32, nibbles);
        let bytes = super::add(part(&nibbles, 0, 0x0f0f_0f0f), part(&nibbles, 4, 0x0f0f_0f0f));
        let bytes = self.let_value("ones", DType::I32, bytes);
        let all = part(&binary(BinaryOp::Mul, bytes, int(0x0101_0101)), 24, 0xff);
        self.let_value("ones", DType::I32, all)
    }

    /// Reads the marked elements again, and hands them in.
    fn hand_in_marked(
        &mut self,
        top: &TopK<'_>,
        marks: &[RegisterId],
        count: RegisterId,
        hand_in: &dyn Fn(&mut Self, Value, Value) -> Vec<Code>,
    ) -> Result<(), LowerError> {
        let (rank, program) = (top.layout.capacity.len(), self.program);
        let counter = self.register("n", DType::I32, None);
        let (body, result) = self.nested(|l| {
            // The first word with a mark, and its lowest.
            let (mut word, mut base) =
                (Value::Get(marks[marks.len() - 1]), (marks.len() - 1) * WORD);
            let mut first = int(base as i64);
            for &mark in marks[..marks.len() - 1].iter().rev() {
                base -= WORD;
                let any = binary(BinaryOp::Ne, Value::Get(mark), int(0));
                word = select(DType::I32, any.clone(), Value::Get(mark), word);
                first = select(DType::I32, any, int(base as i64), first);
            }
            let word = l.let_value("word", DType::I32, word);
            let first = l.let_value("first", DType::I32, first);
            let lowest = binary(BinaryOp::And, word.clone(), binary(BinaryOp::Sub, int(0), word));
            let lowest = l.let_value("lowest", DType::I32, lowest);
            // A power of two as a float tells its exponent.
            let bits = |from, to, of| Value::Bitcast { from, to, of: Box::new(of) };
            let power = bits(DType::I32, DType::U32, lowest.clone());
            let power = Value::Cast { from: DType::U32, to: DType::F32, of: Box::new(power) };
            let exponent = binary(BinaryOp::Shr, bits(DType::F32, DType::I32, power), int(23));
            let mut bit = super::add(exponent, int(-127));
            if l.in_pairs(top).is_some() {
                // Of a pair: which, and which of its two.
                bit = l.let_value("bit", DType::I32, bit);
                let pair = binary(BinaryOp::And, bit.clone(), int(15));
                bit = super::add(shift_left(pair, 1), binary(BinaryOp::Shr, bit, int(4)));
            }
            let register = super::add(first.clone(), bit);
            let register = l.let_value("register", DType::I32, register);
            for (number, &mark) in marks.iter().enumerate() {
                let cleared = binary(BinaryOp::Xor, Value::Get(mark), lowest.clone());
                let clear = Code::Set(mark, cleared);
                match marks.len() {
                    1 => l.code(clear),
                    _ => {
                        let own = binary(BinaryOp::Eq, first.clone(), int((number * WORD) as i64));
                        l.code(Code::If(own, vec![clear]));
                    }
                }
            }
            let own = program.expr(top.of).ty.shape.len();
            let at: Vec<Value> =
                (0..rank).map(|axis| l.position(top.layout, axis, &register)).collect();
            let lost = || LowerError(format!("{}: %{} is lost", program.name, top.of.0));
            let value = l.value_at(top.of, &at[rank - own.min(rank)..]).ok_or_else(lost)?;
            let of = Box::new(value);
            let value = Value::Cast { from: top.dtype, to: DType::F32, of };
            let value = l.let_value("x", DType::F32, value);
            let last = at[rank - 1].clone();
            let steps = hand_in(l, value, last);
            steps.into_iter().for_each(|step| l.code(step));
            Ok(())
        });
        let (start, end, step) = (int(0), Value::Get(count), int(1));
        self.code(Code::For { counter, start, end, step, body });
        result
    }

    /// A number that at least k elements are not below.
    fn bound(&mut self, top: &TopK<'_>) -> Result<Value, LowerError> {
        let least = literal(f64::NEG_INFINITY, DType::F32);
        let greatest = self.register("greatest", DType::F32, None);
        self.code(Code::Declare(greatest));
        if let Some(of) = self.in_pairs(top) {
            self.code(Code::ExtremeHalf { max: true, into: greatest, of });
        } else {
            self.code(Code::Set(greatest, least.clone()));
            self.unroll(top.layout.registers(), |l, i| {
                let value = l.plain_value(top, &i)?;
                let value = match l.valid(top.layout, top.shape, &i) {
                    None => value,
                    Some(valid) => select(DType::F32, valid, value, least.clone()),
                };
                let own = Box::new(Value::Get(greatest));
                let larger = Value::Binary(BinaryOp::Max, DType::F32, own, Box::new(value));
                l.code(Code::Set(greatest, larger));
                Ok::<(), LowerError>(())
            })?;
        }
        // The last bits tell lanes with equal maxima apart; without them the bound is only lower.
        let rough = binary(BinaryOp::And, signed_key(Value::Get(greatest), DType::F32), int(!31));
        let mine = self.register("mine", DType::I32, None);
        self.code(Code::Declare(mine));
        let told = binary(BinaryOp::Or, rough, Value::Builtin(Builtin::Lane));
        self.code(Code::Set(mine, told));
        let best = self.register("best", DType::I32, None);
        self.code(Code::Declare(best));
        let round = self.register("round", DType::I32, None);
        let (body, ()) = self.nested(|l| {
            l.code(Code::Set(best, Value::Get(mine)));
            l.subgroup_extreme(best, DType::I32, true);
            let won = binary(BinaryOp::Eq, Value::Get(mine), Value::Get(best));
            l.code(Code::If(won, vec![Code::Set(mine, int(LEAST))]));
        });
        self.code(Code::Unroll(round, top.k, body));
        let bound = of_key(binary(BinaryOp::And, Value::Get(best), int(!31)), DType::F32);
        Ok(self.let_value("bound", DType::F32, bound))
    }

    /// Each round gives the greatest candidate that is left, the first of equal ones.
    fn rounds_of_candidates(&mut self, top: &TopK<'_>, own: RegisterId, own_at: RegisterId) {
        let last = top.result.capacity.len() - 1;
        let round = self.register("round", DType::I32, None);
        let (body, ()) = self.nested(|l| {
            let won = l.register("won", DType::I32, None);
            let won_at = l.register("won_at", DType::U32, None);
            l.code(Code::Declare(won));
            l.code(Code::Declare(won_at));
            l.code(Code::Set(won, Value::Get(own)));
            l.subgroup_extreme(won, DType::I32, true);
            let is_best = binary(BinaryOp::Eq, Value::Get(own), Value::Get(won));
            l.code(Code::Set(won_at, select(DType::U32, is_best, Value::Get(own_at), nowhere())));
            l.subgroup_extreme(won_at, DType::U32, false);
            l.unroll(top.result.registers(), |l, i| {
                let position = l.position(top.result, last, &i);
                let turn = binary(BinaryOp::Eq, position, Value::Get(round));
                let (value, at) = winner([won, won_at].map(Value::Get), top.dtype);
                let sets = vec![
                    Code::SetElement(top.out[0], i.clone(), value),
                    Code::SetElement(top.out[1], i, at),
                ];
                l.code(Code::If(turn, sets));
            });
            let mine = compare(BinaryOp::Eq, DType::U32, Value::Get(own_at), Value::Get(won_at));
            l.code(Code::If(mine, vec![Code::Set(own, int(LEAST))]));
        });
        self.code(Code::Unroll(round, top.k, body));
    }

    /// Makes a register the greatest, or the least, of all lanes' in a subgroup.
    pub(super) fn subgroup_extreme(&mut self, register: RegisterId, dtype: DType, max: bool) {
        let of = Box::new(Value::Get(register));
        self.code(Code::Set(register, Value::Extreme { max, dtype, of }));
    }

    fn plain_value(&mut self, top: &TopK<'_>, register: &Value) -> Result<Value, LowerError> {
        let of = Box::new(self.element(top.of, top.layout, register)?);
        Ok(Value::Cast { from: top.dtype, to: DType::F32, of })
    }

    /// True for an element that may be among the greatest; NaN is.
    fn is_candidate(
        &mut self,
        top: &TopK<'_>,
        register: &Value,
        bound: &Value,
    ) -> Result<Value, LowerError> {
        let value = self.plain_value(top, register)?;
        let below = compare(BinaryOp::Lt, DType::F32, value, bound.clone());
        let open = Value::Unary(UnaryOp::Not, DType::Bool, Box::new(below));
        let valid = self.valid(top.layout, top.shape, register);
        Ok(both(valid, Some(open)).unwrap_or(int(1)))
    }
}

/// The position of no element.
fn nowhere() -> Value {
    Value::Const(Literal::Int(NOWHERE), DType::U32)
}
