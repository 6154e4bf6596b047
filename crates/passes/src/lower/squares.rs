//! Sums of squares in one order, however a row is spread over registers and threads.
//!
//! A norm is a kernel of its own, or part of one that holds the row in another way: queries of some heads, a row that is
//! multiplied next. Both are to give the same bits. Neighbours are added, then neighbouring sums, up to [`BLOCK`] elements;
//! blocks are added one after the other. Squares are rounded before.

use super::map::aligned;
use super::{Held, LowerError, Lowering, SUBGROUP, add, binary, int, shift_left};
use crate::lower::layout::Layout;
use tilewright_ir::thread::{Builtin, Code, RegisterId, Shuffle, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind};

/// log2 of the elements that are added in pairs. `tw_ready_rows` in CUDA C counts on it.
const BLOCK: u32 = 8;

/// How the elements of a row lie, from the least bit of their position on.
struct Spread {
    /// Neighbours in the registers of a thread, log2.
    near: u32,
    /// Lanes, log2.
    lanes: u32,
    /// Subgroups, log2.
    subgroups: u32,
    /// More registers, log2.
    far: u32,
}

impl Spread {
    /// How `axis` lies; `None` where its bits are in another order.
    fn of(layout: &Layout, axis: usize) -> Option<Spread> {
        let registers = layout.register_bits(axis);
        let threads = layout.thread_bits(axis);
        let bits_of = |bits: Vec<u32>| bits.iter().enumerate().all(|(i, bit)| *bit == i as u32);
        let register = layout.register.iter().take(registers.len()).map(|bit| bit.bit);
        let thread = layout.thread.iter().take(threads.len()).flatten().map(|bit| bit.bit);
        if !bits_of(registers.clone()) || !bits_of(threads.clone()) {
            return None;
        }
        let register: Vec<u32> = register.collect();
        let near = register.iter().zip(0..).take_while(|(bit, i)| **bit == *i).count();
        let far = register[near..].iter().copied();
        let near_to_far: Vec<u32> = (0..near as u32).chain(thread).chain(far).collect();
        let in_order = near_to_far.iter().zip(0..).all(|(bit, i)| *bit == i);
        let (lanes, all) = (threads.len().min(SUBGROUP as usize), layout.thread.len());
        // Other subgroups of the team have no other rows.
        let whole = threads.len() <= SUBGROUP as usize || threads.len() == all;
        (in_order && whole).then_some(Spread {
            near: near as u32,
            lanes: lanes as u32,
            subgroups: (threads.len() - lanes) as u32,
            far: (registers.len() - near) as u32,
        })
    }
}

impl Lowering<'_> {
    /// Sums `of` along `axis`, if it is the square of something, or rows are short, and lies in order.
    pub(super) fn sum_of_squares(
        &mut self,
        of: ExprId,
        axis: usize,
        name: &str,
    ) -> Result<Option<Held>, LowerError> {
        let expr = self.program.expr(of);
        let is_square = matches!(expr.kind, ExprKind::Binary(BinaryOp::Mul, a, b) if a == b);
        // Short rows are joined so, in the order of the threads of a subgroup that had one element each.
        let is_short = self.schedule.team < SUBGROUP;
        // A cluster has its own order: no kernel beside holds such rows in another way.
        let in_cluster = super::cluster::groups_of(self.schedule.team) > 0;
        if !(is_square || is_short) || expr.ty.dtype != DType::F32 || in_cluster {
            return Ok(None);
        }
        let shape = expr.ty.shape.clone();
        let layout = self.layout(&shape);
        let axis = axis + self.rank - shape.len();
        let Some(spread) = Spread::of(&layout, axis) else { return Ok(None) };
        let narrow = layout.without(axis);
        self.bring_near(of, &layout)?;
        let what = if is_square { "squares" } else { "sums" };
        let sums = self.register(what, DType::F32, Some(layout.registers()));
        self.code(Code::Declare(sums));
        self.unroll(layout.registers(), |l, i| {
            let value = l.element(of, &layout, &i)?;
            match l.valid(&layout, &aligned(&shape, &layout), &i) {
                None => l.code(Code::SetElement(sums, i, value)),
                Some(valid) => {
                    l.code(Code::SetElement(sums, i.clone(), zero()));
                    let set = Code::SetElement(sums, i, value);
                    l.code(Code::If(valid, vec![set]));
                }
            }
            Ok::<(), LowerError>(())
        })?;
        let rows = narrow.registers();
        let Spread { mut near, lanes, subgroups, mut far } = spread;
        for bit in 0..near {
            self.add_pairs(sums, rows << (near + far - bit - 1), bit);
        }
        for bit in 0..lanes {
            self.unroll(rows << far, |l, i| {
                let at = shift_left(i, near);
                let own = element(sums, at.clone());
                let other =
                    Value::Shuffle(Shuffle::Xor(1 << bit), DType::F32, Box::new(own.clone()));
                l.code(Code::SetElement(sums, at, apart(own, other)));
            });
        }
        let total = self.register(name, DType::F32, Some(rows));
        self.code(Code::Declare(total));
        if subgroups == 0 {
            while far > 0 && near + lanes < BLOCK {
                self.add_pairs(sums, rows << (far - 1), near);
                (near, far) = (near + 1, far - 1);
            }
            self.unroll(rows, |l, i| {
                l.code(Code::SetElement(total, i.clone(), zero()));
                l.unroll(1 << far, |l, block| {
                    let at = add(shift_left(i.clone(), near + far), shift_left(block, near));
                    let sum = apart(element(total, i.clone()), element(sums, at));
                    l.code(Code::SetElement(total, i, sum));
                });
            });
        } else {
            let (chunks, pairs) = (far + subgroups, BLOCK.saturating_sub(near + lanes));
            let (shared, place) = self.partials(&[DType::F32], rows << chunks);
            let shared = shared[0];
            let (write, ()) = self.nested(|l| {
                l.unroll(rows << far, |l, i| {
                    let subgroup = Value::Builtin(Builtin::Subgroup);
                    let at = add(shift_left(i.clone(), subgroups), subgroup);
                    let at = add(place.clone(), at);
                    let value = element(sums, shift_left(i, near));
                    l.code(Code::StoreShared(shared, at, value));
                });
            });
            let first = binary(BinaryOp::Eq, Value::Builtin(Builtin::Lane), int(0));
            self.code(Code::If(first, write));
            self.barrier();
            let pairs = pairs.min(chunks);
            self.unroll(rows, |l, i| {
                l.code(Code::SetElement(total, i.clone(), zero()));
                l.unroll(1 << (chunks - pairs), |l, block| {
                    let start = add(shift_left(i.clone(), chunks), shift_left(block, pairs));
                    let start = add(place.clone(), start);
                    let read = |at: usize| {
                        let at = add(start.clone(), int(at as i64));
                        Value::Shared(shared, Box::new(at))
                    };
                    let sum = apart(element(total, i.clone()), in_pairs(0, 1 << pairs, &read));
                    l.code(Code::SetElement(total, i, sum));
                });
            });
        }
        Ok(Some(Held { register: total, layout: narrow }))
    }

    /// `sums[i << bit + 1] += sums[(i << bit + 1) + (1 << bit)]`, `count` times.
    fn add_pairs(&mut self, sums: RegisterId, count: usize, bit: u32) {
        self.unroll(count, |l, i| {
            let at = shift_left(i, bit + 1);
            let other = element(sums, add(at.clone(), int(1 << bit)));
            l.code(Code::SetElement(sums, at.clone(), apart(element(sums, at), other)));
        });
    }
}

/// The sum of `len` values from `start` on, neighbours first.
fn in_pairs(start: usize, len: usize, read: &impl Fn(usize) -> Value) -> Value {
    match len {
        1 => read(start),
        _ => apart(in_pairs(start, len / 2, read), in_pairs(start + len / 2, len / 2, read)),
    }
}

fn element(of: RegisterId, at: Value) -> Value {
    Value::Element(of, Box::new(at))
}

fn apart(a: Value, b: Value) -> Value {
    Value::Apart(Box::new([a, b]))
}

fn zero() -> Value {
    super::collective::literal(0.0, DType::F32)
}
