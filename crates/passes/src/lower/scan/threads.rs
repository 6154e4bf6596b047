//! What the threads of a row join before each of them, and altogether: over the lanes of a subgroup, then over the subgroups.

use super::super::collective::{Joiner, Partial};
use super::super::{Lowering, SUBGROUP, add, binary, int, shift_left, shift_right};
use tilewright_ir::thread::{Builtin, Code, RegisterId, SharedId, Shuffle, Value};
use tilewright_ir::{BinaryOp, DType, Literal, TernaryOp};

/// So many subgroups' totals are joined by the lanes rather than one after the other, which takes more instructions the more
/// there are.
const JOINED_BY_LANES: usize = 16;

/// How the threads of a row are joined.
pub(super) struct Way<'a> {
    /// Of each component.
    pub dtypes: &'a [DType],
    pub joiner: &'a Joiner<'a>,
    /// What comes before the first thread, if there is such a value.
    pub identity: Option<Partial>,
    /// So many low bits of the thread index tell the threads of a row apart.
    pub bits: u32,
    /// From the last thread to the first.
    pub reverse: bool,
    /// How many of the first threads hold elements of the row, if those that do not would come before them. It may be less
    /// than none, and more than there are.
    pub holding: Option<Value>,
}

/// What the subgroups of a row have joined, in shared memory.
struct Totals {
    /// One a component.
    arrays: Vec<SharedId>,
    /// How many.
    subgroups: usize,
    /// As [`Way::holding`], of subgroups, and no more than there are.
    holding: Option<Value>,
}

impl Lowering<'_> {
    /// The join of the threads before this one with the condition that there are any (`None`: it is the identity where
    /// there are none), and that of all, where a row `goes_on` behind them.
    pub(super) fn scan_threads(
        &mut self,
        own: &[RegisterId],
        way: &Way,
        goes_on: bool,
    ) -> ((Partial, Option<Value>), Partial) {
        let Way { dtypes, joiner, bits, reverse, .. } = *way;
        if bits == 0 && way.identity.is_none() {
            let never = Value::Const(Literal::Bool(false), DType::Bool);
            return ((gets(own), Some(never)), gets(own));
        }
        let lanes = bits.min(SUBGROUP);
        let mask = (1i64 << lanes) - 1;
        let lane = binary(BinaryOp::And, Value::Builtin(Builtin::Lane), int(mask));
        let lane = self.let_value("lane", DType::I32, lane);
        // Past the last lane of this subgroup that holds elements.
        let end = way.holding.clone().map(|holding| {
            let own = match bits > SUBGROUP {
                true => {
                    let before = shift_left(self.subgroup_of_row(bits, reverse).0, SUBGROUP);
                    binary(BinaryOp::Sub, holding, before)
                }
                false => holding,
            };
            self.let_value("end", DType::I32, binary(BinaryOp::Min, own, int(mask + 1)))
        });
        let has = |by: i64| match (reverse, &end) {
            (false, _) => binary(BinaryOp::Ge, lane.clone(), int(by)),
            (true, None) => binary(BinaryOp::Le, lane.clone(), int(mask - by)),
            (true, Some(end)) => binary(BinaryOp::Lt, add(lane.clone(), int(by)), end.clone()),
        };
        let shuffle = |by: usize| if reverse { Shuffle::Down(by) } else { Shuffle::Up(by) };
        let running = self.declared("running", dtypes);
        self.assign(&running, gets(own));
        for step in (0..lanes).map(|s| 1usize << s) {
            let other = self.shuffled("other", dtypes, shuffle(step), gets(&running));
            let joined = self.join(joiner, other, gets(&running));
            let joined = self.select_parts(dtypes, Some(has(step as i64)), joined, gets(&running));
            self.assign(&running, joined);
        }
        let before = match &way.identity {
            Some(identity) => {
                let other = self.shuffled("other", dtypes, shuffle(1), gets(&running));
                let below = self.select_parts(dtypes, Some(has(1)), other, identity.clone());
                self.let_values("below", dtypes, below)
            }
            None => self.shuffled("below", dtypes, shuffle(1), gets(&running)),
        };
        let any = way.identity.is_none().then(|| has(1));
        if bits <= SUBGROUP {
            let last = if reverse { Shuffle::First(lanes) } else { Shuffle::Last(lanes) };
            let total = match goes_on {
                true => self.shuffled("total", dtypes, last, gets(&running)),
                false => Partial::new(),
            };
            return ((before, any), total);
        }
        let subgroups = 1usize << (bits - SUBGROUP);
        let arrays: Vec<_> = dtypes.iter().map(|&d| self.shared("total", d, subgroups)).collect();
        self.barrier();
        let (slot, has_total) = self.subgroup_of_row(bits, reverse);
        let stores = arrays.iter().zip(gets(&running));
        let stores = stores.map(|(&array, v)| Code::StoreShared(array, slot.clone(), v)).collect();
        self.code(Code::If(has_total, stores));
        self.barrier();
        let totals = Totals { arrays, subgroups, holding: self.subgroups_holding(way, subgroups) };
        let end = totals.holding.clone().unwrap_or(int(subgroups as i64));
        let [base, all] = match way.identity.is_some() || subgroups < JOINED_BY_LANES {
            true => self.totals_in_turn(&totals, way, &slot),
            false => {
                let ahead = match reverse {
                    false => slot.clone(),
                    true => before_end(&end, slot.clone()),
                };
                let mut first = |count: &Value| self.totals_by_lanes(&totals, way, &lane, count);
                [first(&ahead), if goes_on { first(&end) } else { Partial::new() }]
            }
        };
        let Some(any) = any else {
            return ((self.join(joiner, base, before), None), all);
        };
        // Of the first subgroup the lanes before; else the subgroups before, and the lanes before if there are any.
        let later = match reverse {
            false => binary(BinaryOp::Gt, slot, int(0)),
            true => binary(BinaryOp::Lt, add(slot, int(1)), end),
        };
        let joined = self.join(joiner, base.clone(), before.clone());
        let with_lanes = self.select_parts(dtypes, Some(any.clone()), joined, base);
        let before = self.select_parts(dtypes, Some(later.clone()), with_lanes, before);
        ((before, Some(or(any, later))), all)
    }

    /// How many of the first subgroups hold elements of the row, where that matters.
    fn subgroups_holding(&mut self, way: &Way, subgroups: usize) -> Option<Value> {
        let holding = way.holding.clone()?;
        let rounded = shift_right(add(holding, int((1i64 << SUBGROUP) - 1)), SUBGROUP);
        let most = binary(BinaryOp::Min, rounded, int(subgroups as i64));
        Some(self.let_value("subgroups", DType::I32, most))
    }

    /// Which of the subgroups that hold a row of `bits` low bits of the thread index this one is, and the condition that a
    /// thread has joined all that its subgroup has: its last lane, or the first where it goes in `reverse`.
    fn subgroup_of_row(&self, bits: u32, reverse: bool) -> (Value, Value) {
        let own = Value::Builtin(Builtin::Subgroup);
        let lane = if reverse { 0 } else { (1i64 << SUBGROUP) - 1 };
        if self.schedule.team == bits {
            return (own, binary(BinaryOp::Eq, Value::Builtin(Builtin::Lane), int(lane)));
        }
        // Where the row does not need all subgroups, the others hold copies.
        let subgroups = 1i64 << (bits - SUBGROUP);
        let above = !((1i64 << bits) - 1) | ((1i64 << SUBGROUP) - 1);
        let above = above & ((1i64 << self.schedule.team) - 1);
        let first = binary(BinaryOp::And, self.thread.clone(), int(above));
        let has_total = binary(BinaryOp::Eq, first, int(lane));
        (binary(BinaryOp::And, own, int(subgroups - 1)), has_total)
    }

    /// The join of the subgroups' totals before that of `slot`, and that of all, one after the other by each thread.
    fn totals_in_turn(&mut self, totals: &Totals, way: &Way, slot: &Value) -> [Partial; 2] {
        let Way { dtypes, joiner, reverse, .. } = *way;
        let joins = ["base", "all"].map(|name| -> Vec<RegisterId> {
            dtypes.iter().map(|&d| self.register(name, d, None)).collect()
        });
        let [base, all] = &joins;
        let end = totals.holding.clone().unwrap_or(int(totals.subgroups as i64));
        let ordered = |k: Value| if reverse { before_end(&end, k) } else { k };
        let start = match &way.identity {
            Some(identity) => identity.clone(),
            None => self.total_at(totals, dtypes, &ordered(int(0))),
        };
        for registers in &joins {
            registers.iter().for_each(|&register| self.code(Code::Declare(register)));
            self.assign(registers, start.clone());
        }
        let begun = i64::from(way.identity.is_none());
        self.unroll(totals.subgroups - begun as usize, |l, k| {
            let k = ordered(add(k, int(begun)));
            let value = l.total_at(totals, dtypes, &k);
            let order = if reverse { BinaryOp::Gt } else { BinaryOp::Lt };
            let earlier = binary(order, k.clone(), slot.clone());
            let joined = l.join(joiner, gets(base), value.clone());
            let joined = l.select_parts(dtypes, Some(earlier), joined, gets(base));
            l.assign(base, joined);
            let joined = l.join(joiner, gets(all), value);
            let is_one = totals.holding.is_some().then(|| binary(BinaryOp::Ge, k, int(0)));
            let joined = l.select_parts(dtypes, is_one, joined, gets(all));
            l.assign(all, joined);
        });
        [gets(base), gets(all)]
    }

    /// The join of the `count` totals that come first in order, by the lanes of every subgroup: they lie at the end of its
    /// lanes, or of each run of as many as there are subgroups.
    fn totals_by_lanes(
        &mut self,
        totals: &Totals,
        way: &Way,
        lane: &Value,
        count: &Value,
    ) -> Partial {
        let Way { dtypes, joiner, reverse, .. } = *way;
        let subgroups = totals.subgroups;
        let own = binary(BinaryOp::And, lane.clone(), int(subgroups as i64 - 1));
        let empty = binary(BinaryOp::Sub, int(subgroups as i64), count.clone());
        let k = self.let_value("k", DType::I32, binary(BinaryOp::Sub, own, empty));
        let place = binary(BinaryOp::Max, k.clone(), int(0));
        let end = totals.holding.clone().unwrap_or(int(subgroups as i64));
        let place = if reverse { before_end(&end, place) } else { place };
        let first = self.total_at(totals, dtypes, &place);
        let running = self.declared("base", dtypes);
        self.assign(&running, first);
        for step in (0..subgroups.ilog2()).map(|s| 1usize << s) {
            let other = self.shuffled("other", dtypes, Shuffle::Up(step), gets(&running));
            let joined = self.join(joiner, other, gets(&running));
            let has = binary(BinaryOp::Ge, k.clone(), int(step as i64));
            let joined = self.select_parts(dtypes, Some(has), joined, gets(&running));
            self.assign(&running, joined);
        }
        self.shuffled("base", dtypes, Shuffle::Last(subgroups.ilog2()), gets(&running))
    }

    /// The total of subgroup `k`; any of them where the row does not reach so far.
    fn total_at(&mut self, totals: &Totals, dtypes: &[DType], k: &Value) -> Partial {
        let k = match totals.holding {
            Some(_) => binary(BinaryOp::Max, k.clone(), int(0)),
            None => k.clone(),
        };
        let at = |&array: &SharedId| Value::Shared(array, Box::new(k.clone()));
        let parts = totals.arrays.iter().map(at).collect();
        self.let_values("part", dtypes, parts)
    }

    pub(in crate::lower) fn declared(&mut self, name: &str, dtypes: &[DType]) -> Vec<RegisterId> {
        let registers: Vec<_> = dtypes.iter().map(|&d| self.register(name, d, None)).collect();
        registers.iter().for_each(|&register| self.code(Code::Declare(register)));
        registers
    }

    fn shuffled(&mut self, name: &str, dtypes: &[DType], shuffle: Shuffle, of: Partial) -> Partial {
        let other = of.into_iter().zip(dtypes);
        let other = other.map(|(v, &d)| Value::Shuffle(shuffle, d, Box::new(v))).collect();
        self.let_values(name, dtypes, other)
    }

    /// The components of `yes` or of `no`; `None` stands for a condition that holds.
    pub(super) fn select_parts(
        &mut self,
        dtypes: &[DType],
        condition: Option<Value>,
        yes: Partial,
        no: Partial,
    ) -> Partial {
        let Some(condition) = condition else { return yes };
        let select = |((yes, no), &dtype): ((Value, Value), &DType)| {
            Value::Ternary(TernaryOp::Select, dtype, Box::new([condition.clone(), yes, no]))
        };
        yes.into_iter().zip(no).zip(dtypes).map(select).collect()
    }

    pub(super) fn let_values(&mut self, name: &str, dtypes: &[DType], values: Partial) -> Partial {
        let values = values.into_iter().zip(dtypes);
        values.map(|(value, &dtype)| self.let_value(name, dtype, value)).collect()
    }

    /// Sets registers, all values read before any is set.
    pub(in crate::lower) fn assign(&mut self, registers: &[RegisterId], values: Partial) {
        let dtypes: Vec<DType> =
            registers.iter().map(|r| self.registers[r.0 as usize].dtype).collect();
        let values = match registers.len() {
            1 => values,
            _ => self.let_values("next", &dtypes, values),
        };
        for (&register, value) in registers.iter().zip(values) {
            self.code(Code::Set(register, value));
        }
    }

    pub(super) fn assign_elements(
        &mut self,
        registers: &[RegisterId],
        at: &Value,
        values: Partial,
    ) {
        for (&register, value) in registers.iter().zip(values) {
            self.code(Code::SetElement(register, at.clone(), value));
        }
    }
}

pub(super) fn gets(registers: &[RegisterId]) -> Partial {
    registers.iter().map(|&register| Value::Get(register)).collect()
}

pub(super) fn or(a: Value, b: Value) -> Value {
    Value::Binary(BinaryOp::Or, DType::Bool, Box::new(a), Box::new(b))
}

/// The place that is `k` before the last, of those before `end`.
fn before_end(end: &Value, k: Value) -> Value {
    binary(BinaryOp::Sub, binary(BinaryOp::Sub, end.clone(), int(1)), k)
}
