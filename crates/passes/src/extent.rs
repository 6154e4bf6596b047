//! Arithmetic on sizes, where one [`Extent`] can say the result.

use tilewright_ir::Extent;

/// a + b
pub(crate) fn add(a: Extent, b: Extent) -> Option<Extent> {
    match (a, b) {
        (Extent::Const(0), x) | (x, Extent::Const(0)) => Some(x),
        (Extent::Const(a), Extent::Const(b)) => Some(Extent::Const(a.checked_add(b)?)),
        (Extent::Dim { dim, times }, Extent::Dim { dim: other, times: more }) if dim == other => {
            Some(Extent::Dim { dim, times: times.checked_add(more)? })
        }
        _ => None,
    }
}

/// a - b, when b is not greater
pub(crate) fn subtract(a: Extent, b: Extent) -> Option<Extent> {
    match (a, b) {
        (a, b) if a == b => Some(Extent::Const(0)),
        (a, Extent::Const(0)) => Some(a),
        (Extent::Const(a), Extent::Const(b)) => Some(Extent::Const(a.checked_sub(b)?)),
        (Extent::Dim { dim, times }, Extent::Dim { dim: other, times: less })
            if dim == other && less < times =>
        {
            Some(Extent::Dim { dim, times: times - less })
        }
        _ => None,
    }
}

/// a * n
pub(crate) fn scale(a: Extent, n: usize) -> Extent {
    match a {
        _ if n == 0 => Extent::Const(0),
        Extent::Const(a) => Extent::Const(a.saturating_mul(n)),
        Extent::Dim { dim, times } => Extent::Dim { dim, times: times.saturating_mul(n) },
    }
}
