//! Named sizes: given by the caller, or following from others.

use crate::DimId;

/// A named size that is bound at launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Dim {
    /// Its name in signatures and messages.
    pub name: String,
    /// How it gets its value.
    pub rule: DimRule,
}

/// How a [`Dim`] gets its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimRule {
    /// From the shapes of the arguments, or by name.
    Free,
    /// `ceil(dim / by)`, so that a partition of rows depends on their number alone.
    CeilDiv {
        /// The divided size.
        dim: DimId,
        /// Elements a part.
        by: usize,
        /// The greatest that it becomes: parts are longer then.
        most: Option<usize>,
    },
    /// `ceil(dim / by)` for another size: how often so many fit in it. 0 where that is 0.
    Quotient {
        /// The divided size.
        dim: DimId,
        /// The size that divides it.
        by: DimId,
    },
}

impl DimRule {
    /// The sizes that this one follows from.
    pub fn of(self) -> impl Iterator<Item = DimId> {
        let (dim, by) = match self {
            DimRule::Free => (None, None),
            DimRule::CeilDiv { dim, .. } => (Some(dim), None),
            DimRule::Quotient { dim, by } => (Some(dim), Some(by)),
        };
        dim.into_iter().chain(by)
    }

    /// The value that follows from those of the other sizes; `None` for a free one.
    pub fn value(self, size: impl Fn(DimId) -> usize) -> Option<usize> {
        match self {
            DimRule::Free => None,
            DimRule::CeilDiv { dim, by, most } => {
                Some(size(dim).div_ceil(by.max(1)).min(most.unwrap_or(usize::MAX)))
            }
            DimRule::Quotient { dim, by } => match size(by) {
                0 => Some(0),
                by => Some(size(dim).div_ceil(by)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_is_rounded_up() {
        let rule = DimRule::Quotient { dim: DimId(0), by: DimId(1) };
        for (dim, by, expected) in [(0, 3, 0), (6, 3, 2), (7, 3, 3), (2, 3, 1), (5, 0, 0)] {
            assert_eq!(rule.value(|id| [dim, by][id.index()]), Some(expected), "{dim} / {by}");
        }
        assert_eq!(rule.of().collect::<Vec<_>>(), [DimId(0), DimId(1)]);
        assert_eq!(DimRule::Free.value(|_| 1), None);
    }
}
