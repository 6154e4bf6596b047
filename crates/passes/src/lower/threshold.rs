//! Many of the greatest elements of a row, by a key that k elements are not below: it is found bit by bit, each time by
//! counting how many elements are not below. These are handed in to shared memory, where each counts how many come before it,
//! and goes to that place. Where elements are equal, so that no key does, of the equal ones the first that are missing are
//! handed in.
//!
//! That takes 32 counts whatever k is, where rounds take k searches. On an H200 the 64 greatest of 9,536 by 1024 threads, in ms:
//! 0.127 in rounds, 0.044 so; of 16384 rows of 1024 0.45 and 0.24; of 65536 rows of 2048 the 32 greatest 1.71 and 2.44, so there
//! rounds stay. Tried: no more counts once k elements are left (0.033, but 0.39 for the rows of 1024), and up to 2 k elements
//! handed in, for which a dozen counts do (0.034 and 0.98).

use super::candidates::TopK;
use super::collective::Joiner;
use super::map::both;
use super::top::{LEAST, compare, select, signed_key, signed_place, winner};
use super::{LowerError, Lowering, SUBGROUP, add, binary, cluster, int};
use tilewright_ir::thread::{Builtin, Code, RegisterId, SharedId, Shuffle, Value};
use tilewright_ir::{BinaryOp, DType, Literal, ReduceOp};

/// The least k that is worth it.
const LEAST_K: usize = 32;

/// The most that a group keeps in shared memory for it, in bytes.
const MOST_SHARED: usize = 8 << 10;

/// Bytes of a key and a position.
const BYTES: usize = 8;

/// Bits of a key.
const KEY_BITS: u32 = 32;

impl Lowering<'_> {
    /// True when [`above_threshold`](Self::above_threshold) serves.
    pub(super) fn has_threshold(&self, top: &TopK<'_>) -> bool {
        let schedule = self.schedule;
        let last = top.layout.capacity.len() - 1;
        let all = (0..schedule.team).eq(top.layout.thread_bits(last));
        top.k >= LEAST_K
            && top.k > top.layout.registers()
            && top.dtype.is_float()
            && top.dtype != DType::F64
            && all
            && schedule.team >= SUBGROUP
            && (schedule.team == SUBGROUP || schedule.teams == 0)
            && cluster::groups_of(schedule.team) == 0
            && top.layout.without(last).registers() == 1
            && (2 * top.k * BYTES) << schedule.teams <= MOST_SHARED
    }

    /// Finds the greatest elements.
    pub(super) fn above_threshold(&mut self, top: &TopK<'_>) -> Result<(), LowerError> {
        let (registers, last) = (top.layout.registers(), top.layout.capacity.len() - 1);
        let keys = self.register("key", DType::I32, Some(registers));
        self.code(Code::Declare(keys));
        self.unroll(registers, |l, i| {
            let key = l.key_of(top, &i)?;
            // Zeros are equal.
            let (key, _) = signed_place(key, Value::Const(Literal::Int(0), DType::U32), top.dtype);
            let key = match l.valid(top.layout, top.shape, &i) {
                None => key,
                Some(valid) => select(DType::I32, valid, key, int(LEAST)),
            };
            l.code(Code::SetElement(keys, i, key));
            Ok::<(), LowerError>(())
        })?;
        let key = |i: &Value| Value::Element(keys, Box::new(i.clone()));
        self.loops += 1;
        // The greatest key that k elements are not below.
        let least = self.by_bits("least", KEY_BITS, int(LEAST), |l, with_bit| {
            let count = l.count(top, |_, i| binary(BinaryOp::Ge, key(&i), with_bit.clone()));
            binary(BinaryOp::Ge, count, int(top.k as i64))
        });
        let least = || Value::Get(least);
        let above = self.count(top, |_, i| binary(BinaryOp::Gt, key(&i), least()));
        let missing = binary(BinaryOp::Sub, int(top.k as i64), above);
        let missing = self.let_value("missing", DType::I32, missing);
        let equal = self.count(top, |_, i| binary(BinaryOp::Eq, key(&i), least()));
        // The position of the last of the equal ones that are taken; all are where as many are missing.
        let end = self.register("end", DType::I32, None);
        self.code(Code::Declare(end));
        self.code(Code::Set(end, int(i32::MAX.into())));
        let (search, ()) = self.nested(|l| {
            let bits = registers.trailing_zeros() + l.schedule.team;
            let found = l.by_bits("position", bits, int(0), |l, with_bit| {
                let before = l.count(top, |l, i| {
                    let at = l.position(top.layout, last, &i);
                    let is_equal = binary(BinaryOp::Eq, key(&i), least());
                    let is_before = binary(BinaryOp::Lt, at, with_bit.clone());
                    compare(BinaryOp::And, DType::Bool, is_equal, is_before)
                });
                binary(BinaryOp::Lt, before, missing.clone())
            });
            l.code(Code::Set(end, Value::Get(found)));
        });
        self.code(Code::If(binary(BinaryOp::Gt, equal, missing), search));
        self.loops -= 1;
        let taken = |l: &mut Self, i: &Value| {
            let at = l.position(top.layout, last, i);
            let is_equal = binary(BinaryOp::Eq, key(i), least());
            let is_before = binary(BinaryOp::Le, at, Value::Get(end));
            let is_above = binary(BinaryOp::Gt, key(i), least());
            let is_one = compare(BinaryOp::And, DType::Bool, is_equal, is_before);
            let is_taken = compare(BinaryOp::Or, DType::Bool, is_above, is_one);
            both(l.valid(top.layout, top.shape, i), Some(is_taken)).unwrap_or(int(1))
        };
        let place = self.places(top, &taken);
        let handed = [("taken", DType::I32), ("taken_at", DType::U32)]
            .map(|(name, dtype)| self.shared(name, dtype, top.k));
        if self.loops > 0 {
            self.barrier();
        }
        self.unroll(registers, |l, i| {
            let is_taken = taken(l, &i);
            let (body, done) = l.nested(|l| {
                let raw = l.key_of(top, &i)?;
                let raw = l.let_value("x", DType::I32, raw);
                let at = l.position(top.layout, last, &i);
                let at = Value::Cast { from: DType::I32, to: DType::U32, of: Box::new(at) };
                let (key, at) = signed_place(raw, at, top.dtype);
                let to = l.place_in_team(top.k, Value::Get(place));
                l.code(Code::StoreShared(handed[0], to.clone(), key));
                l.code(Code::StoreShared(handed[1], to, at));
                l.code(Code::Set(place, add(Value::Get(place), int(1))));
                Ok::<(), LowerError>(())
            });
            l.code(Code::If(is_taken, body));
            done
        })?;
        self.barrier();
        self.in_order(top, handed);
        Ok(())
    }

    /// The key of a register's element, -0 before 0.
    fn key_of(&mut self, top: &TopK<'_>, register: &Value) -> Result<Value, LowerError> {
        let value = self.element(top.of, top.layout, register)?;
        let value = self.let_value("x", top.dtype, value);
        Ok(signed_key(value, top.dtype))
    }

    /// The greatest integer of so many bits for which `holds`, from the greatest bit on, which is turned as that of keys with a sign
    /// is; no bit stands for `zero`, and if it holds for one it does for those before.
    fn by_bits(
        &mut self,
        name: &str,
        bits: u32,
        zero: Value,
        holds: impl FnOnce(&mut Self, &Value) -> Value,
    ) -> RegisterId {
        let found = self.register(name, DType::I32, None);
        self.code(Code::Declare(found));
        self.code(Code::Set(found, zero));
        let counter = self.register("bit", DType::I32, None);
        let (body, ()) = self.nested(|l| {
            let place = binary(BinaryOp::Sub, int(i64::from(bits) - 1), Value::Get(counter));
            let bit = binary(BinaryOp::Shl, int(1), place);
            let with_bit = binary(BinaryOp::Xor, Value::Get(found), bit);
            let with_bit = l.let_value("with_bit", DType::I32, with_bit);
            let holds = holds(l, &with_bit);
            l.code(Code::If(holds, vec![Code::Set(found, with_bit)]));
        });
        let (start, end, step) = (int(0), int(bits.into()), int(1));
        self.code(Code::For { counter, start, end, step, body });
        found
    }

    /// How many elements of the team's do `test`.
    fn count(&mut self, top: &TopK<'_>, test: impl FnOnce(&mut Self, Value) -> Value) -> Value {
        let last = top.layout.capacity.len() - 1;
        let count = self.own_count(top, test);
        let (narrow, bits) = (top.layout.without(last), top.layout.thread_bits(last));
        let joiner = Joiner::Op(ReduceOp::Sum, DType::I32);
        self.reduce_threads(&[count], &[DType::I32], &narrow, &bits, &joiner, &[int(0)]);
        Value::Get(count)
    }

    /// How many of a thread's own do.
    fn own_count(
        &mut self,
        top: &TopK<'_>,
        test: impl FnOnce(&mut Self, Value) -> Value,
    ) -> RegisterId {
        let count = self.register("count", DType::I32, None);
        self.code(Code::Declare(count));
        self.code(Code::Set(count, int(0)));
        self.unroll(top.layout.registers(), |l, i| {
            let does = test(l, i);
            let one = select(DType::I32, does, int(1), int(0));
            l.code(Code::Set(count, add(Value::Get(count), one)));
        });
        count
    }

    /// Where each thread's elements of those `taken` go: after those of the threads before.
    fn places(&mut self, top: &TopK<'_>, taken: &dyn Fn(&mut Self, &Value) -> Value) -> RegisterId {
        let own = self.own_count(top, |l, i| taken(l, &i));
        let place = self.running_count(own);
        let subgroups = 1usize << (self.schedule.team - SUBGROUP);
        if subgroups > 1 {
            let of = Box::new(Value::Get(place));
            let all = Value::Shuffle(Shuffle::Last(SUBGROUP), DType::I32, of);
            let all = self.let_value("all", DType::I32, all);
            let counts = self.shared("counts", DType::I32, subgroups);
            if self.loops > 0 {
                self.barrier();
            }
            let first = binary(BinaryOp::Eq, Value::Builtin(Builtin::Lane), int(0));
            let subgroup = Value::Builtin(Builtin::Subgroup);
            self.code(Code::If(first, vec![Code::StoreShared(counts, subgroup.clone(), all)]));
            self.barrier();
            self.unroll(subgroups, |l, i| {
                let before = binary(BinaryOp::Lt, i.clone(), subgroup);
                let count = Value::Shared(counts, Box::new(i));
                let count = select(DType::I32, before, count, int(0));
                l.code(Code::Set(place, add(Value::Get(place), count)));
            });
        }
        self.code(Code::Set(place, binary(BinaryOp::Sub, Value::Get(place), Value::Get(own))));
        place
    }

    /// Gives the registers of the result what was handed in, in order.
    fn in_order(&mut self, top: &TopK<'_>, handed: [SharedId; 2]) {
        let read = |l: &Self, array: SharedId, at: Value| {
            Value::Shared(array, Box::new(l.place_in_team(top.k, at)))
        };
        let ordered = [("ordered", DType::I32), ("ordered_at", DType::U32)]
            .map(|(name, dtype)| self.shared(name, dtype, top.k));
        let counter = self.register("n", DType::I32, None);
        let (body, ()) = self.nested(|l| {
            let key = read(l, handed[0], Value::Get(counter));
            let key = l.let_value("own", DType::I32, key);
            let at = read(l, handed[1], Value::Get(counter));
            let at = l.let_value("own_at", DType::U32, at);
            let rank = l.register("rank", DType::I32, None);
            l.code(Code::Declare(rank));
            l.code(Code::Set(rank, int(0)));
            let other = l.register("other", DType::I32, None);
            let (count, ()) = l.nested(|l| {
                let key_of_other = read(l, handed[0], Value::Get(other));
                let key_of_other = l.let_value("x", DType::I32, key_of_other);
                let at_of_other = read(l, handed[1], Value::Get(other));
                let is_before = compare(BinaryOp::Lt, DType::U32, at_of_other, at.clone());
                let is_equal = binary(BinaryOp::Eq, key_of_other.clone(), key.clone());
                let is_before = compare(BinaryOp::And, DType::Bool, is_equal, is_before);
                let is_greater = binary(BinaryOp::Gt, key_of_other, key.clone());
                let comes_before = compare(BinaryOp::Or, DType::Bool, is_greater, is_before);
                let one = select(DType::I32, comes_before, int(1), int(0));
                l.code(Code::Set(rank, add(Value::Get(rank), one)));
            });
            let (start, end, step) = (int(0), int(top.k as i64), int(1));
            l.code(Code::For { counter: other, start, end, step, body: count });
            let to = l.place_in_team(top.k, Value::Get(rank));
            l.code(Code::StoreShared(ordered[0], to.clone(), key));
            l.code(Code::StoreShared(ordered[1], to, at));
        });
        let (start, end) = (self.thread.clone(), int(top.k as i64));
        let step = int(1 << self.schedule.team);
        self.code(Code::For { counter, start, end, step, body });
        self.barrier();
        let last = top.result.capacity.len() - 1;
        self.unroll(top.result.registers(), |l, i| {
            let at = l.position(top.result, last, &i);
            // What is no element of the result is any.
            let at = binary(BinaryOp::Min, at, int(top.k as i64 - 1));
            let found = ordered.map(|array| read(l, array, at.clone()));
            let (value, at) = winner(found, top.dtype);
            l.code(Code::SetElement(top.out[0], i.clone(), value));
            l.code(Code::SetElement(top.out[1], i, at));
        });
    }
}
