//! The heads of a token that turn before it attends: queries and a key, normed or not, and the value beside the key.
//! What a generic lowering makes of them meets between the halves of a head; whole heads to a subgroup do not.

use super::appended::Appended;
use super::norm::Factor;
use super::{closure, halves, indices, is_input};
use crate::lower::{Lowering, Schedule, int};
use tilewright_ir::table::HashSet;
use tilewright_ir::thread::{HeadNorms, Rows, SharedId, Turned, Value};
use tilewright_ir::{Axis, BinaryOp, DType, ExprId, ExprKind, Extent, ParamId, Place, Program};

/// Features of heads whose halves lie in the two halves of a subgroup, some neighbours a lane.
const FEATURES: [usize; 3] = [64, 128, 256];

/// One tile of heads, understood.
struct Heads<'a> {
    /// From the first feature on.
    place: &'a Place,
    norm: Option<(&'a Place, ExprId)>,
    cos: &'a Place,
    sin: &'a Place,
}

/// All of them.
pub(super) struct Turning<'a> {
    queries: Heads<'a>,
    key: Heads<'a>,
    value: &'a Place,
    dtype: DType,
    head_dim: usize,
    /// Where key and value go.
    caches: [&'a Place; 2],
    /// All that is computed on the way.
    inside: HashSet<ExprId>,
}

impl<'a> Turning<'a> {
    /// What a program makes of `tile`, its queries, and of what it has appended, where that are such heads.
    pub fn of(
        program: &'a Program,
        schedule: &Schedule,
        tile: ExprId,
        appended: &Appended<'a>,
    ) -> Option<Turning<'a>> {
        let dtype = program.expr(tile).ty.dtype;
        let [key, value] = appended.values;
        let (queries, key_heads) = (Heads::of(program, tile)?, Heads::of(program, key)?);
        let ExprKind::Load { place: value_place, .. } = &program.expr(value).kind else {
            return None;
        };
        let &Extent::Const(head_dim) = program.expr(tile).ty.shape.last()? else { return None };
        let (queries_eps, key_eps) = (queries.norm.map(|n| n.1), key_heads.norm.map(|n| n.1));
        let alike = (queries.cos, queries.sin) == (key_heads.cos, key_heads.sin)
            && queries_eps == key_eps
            && is_input(program, value_place)
            && program.expr(value).ty.shape[..] == [Extent::Const(head_dim)]
            && program.expr(key).ty.shape[..] == [Extent::Const(head_dim)]
            && FEATURES.contains(&head_dim);
        let mut inside = HashSet::default();
        [tile, key, value].iter().for_each(|id| closure(program, *id, &mut inside));
        let turning = Turning {
            queries,
            key: key_heads,
            value: value_place,
            dtype,
            head_dim,
            caches: appended.places,
            inside,
        };
        let mut places = HashSet::default();
        for place in turning.places() {
            indices(place).for_each(|(_, id)| closure(program, id, &mut places));
        }
        turning.eps().into_iter().for_each(|id| closure(program, id, &mut places));
        let inside = turning.inside.difference(&places).copied().collect();
        let aligned = turning.places().all(|place| schedule.aligned[place.param.index()]);
        (alike && aligned).then_some(Turning { inside, ..turning })
    }

    /// True for what is computed on the way.
    pub fn computes(&self, id: ExprId) -> bool {
        self.inside.contains(&id)
    }

    /// What is read before the token's own heads are there.
    pub fn early(&self) -> Vec<ParamId> {
        let norms = [&self.queries, &self.key].into_iter().filter_map(|heads| heads.norm);
        let angles = [self.queries.cos, self.queries.sin];
        angles.into_iter().chain(norms.map(|norm| norm.0)).map(|place| place.param).collect()
    }

    fn eps(&self) -> Option<ExprId> {
        self.queries.norm.map(|norm| norm.1)
    }

    fn places(&self) -> impl Iterator<Item = &'a Place> {
        let of = |heads: &Heads<'a>| {
            let own = [heads.place, heads.cos, heads.sin].into_iter();
            own.chain(heads.norm.map(|norm| norm.0))
        };
        of(&self.queries).chain(of(&self.key)).chain([self.value]).chain(self.caches)
    }

    /// The same in the terms of a thread, and the arrays of the queries, the key and the value.
    pub fn lowered(&self, l: &mut Lowering<'_>, queries: usize) -> Option<(Turned, [SharedId; 3])> {
        let one = |l: &mut Lowering<'_>, place: &Place, stride: Value| {
            let inner = place.axes.iter().filter(|axis| !matches!(axis, Axis::At(_))).count();
            let offset = l.offset(place, &vec![int(0); inner])?;
            Some(Rows { param: place.param, offset, stride })
        };
        let none = || Value::Wide(Box::new(int(0)));
        let heads = self.queries.place;
        let stride = Value::Stride(heads.param, heads.axes.len() - 2);
        let q = one(l, heads, stride)?;
        let [key, value, cos, sin] =
            [self.key.place, self.value, self.queries.cos, self.queries.sin]
                .map(|place| one(l, place, none()));
        let norms = match (self.queries.norm, self.key.norm) {
            (Some((queries, eps)), Some((key, _))) => Some(HeadNorms {
                queries: one(l, queries, none())?,
                key: one(l, key, none())?,
                eps: l.known(eps)?,
            }),
            _ => None,
        };
        let [first, second] = self.caches.map(|place| one(l, place, none()));
        let arrays =
            [queries, 1, 1].map(|rows| l.shared("heads", self.dtype, rows * self.head_dim));
        let turned = Turned {
            dtype: self.dtype,
            head_dim: self.head_dim,
            queries,
            q,
            key: key?,
            value: value?,
            norms,
            cos: cos?,
            sin: sin?,
            to: arrays,
            caches: [first?, second?],
        };
        Some((turned, arrays))
    }
}

impl<'a> Heads<'a> {
    /// `(a cos - b sin, a sin + b cos)` rounded to a half type, of the halves a and b of whole heads.
    fn of(program: &'a Program, id: ExprId) -> Option<Heads<'a>> {
        let kind = |id: ExprId| &program.expr(id).kind;
        let ExprKind::Cast(joined) = *kind(id) else { return None };
        let ExprKind::Concat(parts, axis) = kind(joined) else { return None };
        let [first, second] = parts[..] else { return None };
        let rank = program.expr(joined).ty.shape.len();
        let ExprKind::Binary(BinaryOp::Sub, a_cos, b_sin) = *kind(first) else { return None };
        let ExprKind::Binary(BinaryOp::Add, a_sin, b_cos) = *kind(second) else { return None };
        let factors = |id: ExprId| match *kind(id) {
            ExprKind::Binary(BinaryOp::Mul, x, y) => Some((x, y)),
            _ => None,
        };
        let ((a, cos), (b, sin)) = (factors(a_cos)?, factors(b_sin)?);
        let ((a2, sin2), (b2, cos2)) = (factors(a_sin)?, factors(b_cos)?);
        let same = (a, b, cos, sin) == (a2, b2, cos2, sin2) && *axis + 1 == rank;
        let half = &program.expr(a).ty.shape.last()?.clone();
        let angle = |id: ExprId| {
            let expr = program.expr(id);
            let ExprKind::Load { place, .. } = &expr.kind else { return None };
            let whole = place.axes.last() == Some(&Axis::All);
            (whole && is_input(program, place) && expr.ty.shape[..] == [*half]).then_some(place)
        };
        let &Extent::Const(half) = half else { return None };
        let dtype = program.expr(id).ty.dtype;
        let (low, high) = (half_of(program, a, dtype, 0)?, half_of(program, b, dtype, half)?);
        let whole = match program.tensor(low.0.param)?.1.last() {
            Some(&Extent::Const(dim)) => dim == 2 * half,
            _ => false,
        };
        let outer = |place: &Place| place.axes[..place.axes.len() - 1].to_vec();
        let alike = outer(low.0) == outer(high.0)
            && low.0.param == high.0.param
            && match (&low.1, &high.1) {
                (None, None) => true,
                (Some(a), Some(b)) => a.0.param == b.0.param && a.1 == b.1,
                _ => false,
            };
        let (cos, sin) = (angle(cos)?, angle(sin)?);
        (same && whole && alike).then_some(Heads { place: low.0, norm: low.1, cos, sin })
    }
}

/// A half of heads and where it lies in them, and the weight and eps of their norm.
type Half<'a> = (&'a Place, Option<(&'a Place, ExprId)>);

/// The half that begins at feature `start`.
fn half_of<'a>(program: &'a Program, id: ExprId, dtype: DType, start: usize) -> Option<Half<'a>> {
    let kind = |id: ExprId| &program.expr(id).kind;
    let part = |id: ExprId| {
        let (place, found) = halves(program, id)?;
        let Axis::Range { start: from, step: 1, .. } = *place.axes.last()? else { return None };
        (found == dtype && program.constant(from) == Some(start as f64)).then_some(place)
    };
    if let Some(place) = part(id) {
        return Some((place, None));
    }
    let ExprKind::Cast(rounded) = *kind(id) else { return None };
    let ExprKind::Cast(normed) = *kind(rounded) else { return None };
    let ExprKind::Binary(BinaryOp::Mul, scaled, weight) = *kind(normed) else { return None };
    let ExprKind::Binary(BinaryOp::Mul, x, factor) = *kind(scaled) else { return None };
    let (place, weight) = (part(x)?, part(weight)?);
    let factor = Factor::of(program, factor)?;
    let of_the_same = match (factor.x.axes.split_last(), place.axes.split_last()) {
        (Some((last, outer)), Some((_, own))) => *last == Axis::All && outer == own,
        _ => false,
    };
    let of_the_same = of_the_same && factor.x.param == place.param && factor.dtype == dtype;
    let rounded_to = program.expr(rounded).ty.dtype == dtype;
    (of_the_same && rounded_to).then_some((place, Some((weight, factor.eps))))
}
