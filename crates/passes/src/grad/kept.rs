//! What a gradient computes once: values that take long, of which the tile of a later stage needs each element for several lines.
//! The first stage stores them where the programs read what they are made of, and the later ones read them there.
//!
//! On an H200, the gradient of `selective_scan`, whose second stage goes through 16 states of each channel by themselves: each
//! would take the softplus of the step anew, which is two fifths of what it computes.

use super::gather::Target;
use super::places::{Reads, Sharing};
use super::places_of;
use super::straight::Straight;
use tilewright_ir::{DType, ExprId, ExprKind, Extent, Place, Program, UnaryOp};

/// A value of the forward program that is stored.
pub(super) struct Kept {
    pub value: ExprId,
    /// Where the programs read what it is made of; theirs alone, and all of that input.
    pub place: Place,
    /// What it is stored in.
    pub target: Target,
}

/// What may be kept, each under a name of its own.
pub(super) fn candidates(forward: &Straight) -> Vec<Kept> {
    let program = &forward.program;
    let long =
        |id: ExprId| program.expr(id).ty.shape.iter().filter(|e| **e != Extent::Const(1)).count();
    let widest = forward.order.iter().map(|&id| long(id)).max().unwrap_or(0);
    let takes_long = |id: ExprId| {
        let ExprKind::Unary(op, _) = program.expr(id).kind else { return false };
        let wide = matches!(program.expr(id).ty.dtype, DType::F32 | DType::F64);
        wide && long(id) > 0 && long(id) < widest && is_slow(op)
    };
    let mut kept = Vec::new();
    for &value in forward.order.iter().filter(|id| takes_long(**id)) {
        let Some(place) = own_place(forward, value) else { continue };
        let mut target = Target::of(program, place.param.index());
        target.name = format!("kept_{}", kept.len());
        target.dtype = program.expr(value).ty.dtype;
        if program.find_param(&target.name).is_none() {
            kept.push(Kept { value, place, target });
        }
    }
    kept
}

/// Where a value is to lie: as an input that it depends on, of its shape, of which each program has its own part.
fn own_place(forward: &Straight, value: ExprId) -> Option<Place> {
    let program = &forward.program;
    let mut known = vec![value];
    let mut next = 0;
    while let Some(&id) = known.get(next) {
        next += 1;
        if let ExprKind::Load { place, .. } = &program.expr(id).kind
            && program.expr(id).ty.shape == program.expr(value).ty.shape
            && is_own(forward, place)
        {
            return Some(place.clone());
        }
        program.expr(id).kind.operands(|operand| {
            if !known.contains(&operand) {
                known.push(operand);
            }
        });
    }
    None
}

/// True where a place is the only one at which an input is read, by each program for itself, and all of them read all of it.
fn is_own(forward: &Straight, place: &Place) -> bool {
    let program: &Program = &forward.program;
    let reads = Reads { program, places: places_of(forward, place.param.index()) };
    let alone = matches!(&reads.places[..], [only] if *only == place);
    alone && reads.sharing() == Sharing::Along(Vec::new()) && reads.cover()
}

/// True for ops of dozens of instructions.
fn is_slow(op: UnaryOp) -> bool {
    use UnaryOp::*;
    matches!(op, Exp | Exp2 | Expm1 | Log | Log2 | Log1p | Sin | Cos | Tanh)
        || matches!(op, Sigmoid | Softplus | Erf)
}
