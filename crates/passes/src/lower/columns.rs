//! Sums over rows whose columns lie in the lanes and registers of each subgroup: the threads divide the columns among themselves and
//! each joins what the subgroups have of its own, in order.
//!
//! If each thread joined what it holds for itself, all subgroups would do so with every column. H200, a group of 512 threads that
//! sums a tile of 64 columns: 2 loads and 8 for each thread instead of 128.

use super::collective::{Joiner, Partial};
use super::layout::Layout;
use super::{Lowering, SUBGROUP, add, binary, int, shift_left};
use tilewright_ir::thread::{Builtin, Code, RegisterId, SharedId, Value};
use tilewright_ir::{BinaryOp, DType};

/// So many loads of shared memory of one thread are too many.
const MANY_LOADS: usize = 64;

impl Lowering<'_> {
    /// Joins the accumulators of all subgroups of the team, whose lanes have been joined, where that pays. False where nothing was done.
    pub(super) fn reduce_columns(
        &mut self,
        accumulators: &[RegisterId],
        dtypes: &[DType],
        narrow: &Layout,
        subgroups: &[u32],
        joiner: &Joiner,
    ) -> bool {
        // The lowest lanes tell columns apart, and the others have copies.
        let lanes = narrow.thread.iter().take(SUBGROUP as usize);
        let own = lanes.clone().take_while(|bit| bit.is_some()).count() as u32;
        let in_order = lanes.skip(own as usize).all(Option::is_none);
        let all = subgroups.len() as u32 == self.schedule.team - SUBGROUP;
        let (registers, parts) = (narrow.registers(), 1usize << subgroups.len());
        if own == 0
            || !in_order
            || !all
            || registers * parts < MANY_LOADS
            || self.schedule.teams > 0
        {
            return false;
        }
        let columns = registers << own;
        let (arrays, place) = self.partials(dtypes, columns * parts);
        let at = |part: Value, column: Value| {
            let start = shift_left(part, columns.trailing_zeros());
            add(place.clone(), add(start, column))
        };
        let lane = binary(BinaryOp::And, Value::Builtin(Builtin::Lane), int((1 << own) - 1));
        let lane = self.let_value("column", DType::I32, lane);
        let held = |i: Value| add(shift_left(i, own), lane.clone());
        let read = |arrays: &[SharedId], at: &Value| -> Partial {
            arrays.iter().map(|&array| Value::Shared(array, Box::new(at.clone()))).collect()
        };
        let (write, ()) = self.nested(|l| {
            l.unroll(registers, |l, i| {
                let to = at(Value::Builtin(Builtin::Subgroup), held(i.clone()));
                for (&array, &accumulator) in arrays.iter().zip(accumulators) {
                    let value = Value::Element(accumulator, Box::new(i.clone()));
                    l.code(Code::StoreShared(array, to.clone(), value));
                }
            });
        });
        let copies = Value::Builtin(Builtin::Lane);
        let first = binary(BinaryOp::Lt, copies, int(1 << own));
        match own == SUBGROUP {
            true => write.into_iter().for_each(|code| self.code(code)),
            false => self.code(Code::If(first, write)),
        }
        self.barrier();
        let threads = 1usize << self.schedule.team;
        let sums = self.declared("joined", dtypes);
        let (join, ()) = self.nested(|l| {
            l.unroll(columns.div_ceil(threads), |l, n| {
                let column = add(shift_left(n, l.schedule.team), l.thread.clone());
                let first = at(int(0), column.clone());
                l.assign(&sums, read(&arrays, &first));
                l.unroll(parts - 1, |l, part| {
                    let from = at(add(part, int(1)), column.clone());
                    let before = sums.iter().map(|&sum| Value::Get(sum)).collect();
                    let joined = l.join(joiner, before, read(&arrays, &from));
                    l.assign(&sums, joined);
                });
                for (&array, &sum) in arrays.iter().zip(&sums) {
                    l.code(Code::StoreShared(array, first.clone(), Value::Get(sum)));
                }
            });
        });
        match columns < threads {
            false => join.into_iter().for_each(|code| self.code(code)),
            true => {
                let has_one = binary(BinaryOp::Lt, self.thread.clone(), int(columns as i64));
                self.code(Code::If(has_one, join));
            }
        }
        self.barrier();
        self.unroll(registers, |l, i| {
            let values = read(&arrays, &at(int(0), held(i.clone())));
            for (&accumulator, value) in accumulators.iter().zip(values) {
                l.code(Code::SetElement(accumulator, i.clone(), value));
            }
        });
        true
    }
}
