//! Maps over more elements than an index of a kernel counts: they are launched piece by piece.

use crate::bind::{Bindings, MOST};
use crate::{Axis, DimId, ExprKind, Extent, ParamKind, Place, Program, Stmt, StoreMode};

/// The size along which a call of `program` may be cut into several: it is a map of tensors that have this one axis, and
/// no element depends on where it stands.
pub fn divisible(program: &Program) -> Option<DimId> {
    let first = program.params.iter().find_map(|param| match &param.kind {
        ParamKind::Tensor { shape, .. } => Some(shape.as_slice()),
        ParamKind::Scalar { .. } => None,
    });
    let Some([Extent::Dim { dim, times: 1 }]) = first else { return None };
    let along = |place: &Place| {
        let ParamKind::Tensor { shape, .. } = &program.param(place.param).kind else {
            return false;
        };
        *shape == [Extent::Dim { dim: *dim, times: 1 }] && place.axes == [Axis::All]
    };
    let is_map = program.body.iter().all(|statement| match statement {
        Stmt::Let(id) => match &program.expr(*id).kind {
            ExprKind::Load { place, .. } => along(place),
            ExprKind::Const(_)
            | ExprKind::Scalar(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Ternary(..)
            | ExprKind::Cast(_)
            | ExprKind::Bitcast(_)
            | ExprKind::Broadcast(_) => true,
            _ => false,
        },
        Stmt::Store { place, mode: StoreMode::Set, .. } => along(place),
        _ => false,
    });
    (program.grid.is_empty() && is_map).then_some(*dim)
}

/// A call cut along the one axis of its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Elements of all pieces together.
    elements: usize,
    /// Those of each but the last.
    whole: (usize, Bindings),
    last: Bindings,
}

impl Pieces {
    /// Those of a call whose axis holds more than `most` elements, [`MOST`] of which a kernel counts; `None` when it needs no cutting,
    /// or cannot be cut.
    pub fn of(program: &Program, call: &Bindings, most: usize) -> Option<Pieces> {
        let too_long = call.dims.iter().position(|&size| size > most.min(MOST))?;
        let dim = divisible(program).filter(|dim| dim.index() == too_long)?;
        let elements = call.dims[dim.index()];
        // A power of two for the real limit: pieces begin where vectors do.
        let length = most / 2 + 1;
        let piece = |length: usize| {
            let mut piece = call.clone();
            piece.dims[dim.index()] = length;
            program.derive(&mut piece.dims);
            for (shapes, kernel) in piece.shapes.iter_mut().zip(&mut piece.kernel_shapes) {
                // Every tensor has this axis alone, the caller's leading ones joined to it.
                if !kernel.is_empty() {
                    (*shapes, *kernel) = (vec![length], vec![length]);
                }
            }
            piece
        };
        let rest = elements - (elements - 1) / length * length;
        Some(Pieces { elements, whole: (length, piece(length)), last: piece(rest) })
    }

    /// Where each piece begins, and its sizes.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Bindings)> {
        let (length, whole) = &self.whole;
        (0..self.elements).step_by(*length).map(move |start| {
            (start, if start + length < self.elements { whole } else { &self.last })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bind, text};

    const MAP: &str = "kernel f(x: in f32[*n], a: scalar f32, y: out f32[*n])\n%0: f32[n] = load x[:]\n%1: f32 = scalar a\n\
                       %2: f32[n] = mul %0, %1\nstore y[:] = %2\n";

    fn bound(program: &Program, elements: usize) -> Result<Bindings, crate::BindError> {
        bind(program, &[Some(vec![elements]), None, None], &[])
    }

    #[test]
    fn a_map_is_cut_and_nothing_is_left_out() {
        let map = text::parse(MAP).expect("a kernel");
        for (elements, starts) in
            [(2503, vec![0, 500, 1000, 1500, 2000, 2500]), (1000, vec![0, 500])]
        {
            let call = bound(&map, elements).expect("sizes");
            let pieces = Pieces::of(&map, &call, 999).expect("pieces");
            let found: Vec<usize> = pieces.iter().map(|(start, _)| start).collect();
            assert_eq!(found, starts);
            let sum: usize = pieces.iter().map(|(_, piece)| piece.kernel_shapes[0][0]).sum();
            assert_eq!(sum, elements);
            assert!(pieces.iter().all(|(_, piece)| piece.shapes[1].is_empty()));
        }
        assert_eq!(Pieces::of(&map, &bound(&map, 999).expect("sizes"), 999), None);
    }

    #[test]
    fn more_elements_than_an_index_counts_are_a_map_s_alone() {
        let map = text::parse(MAP).expect("a kernel");
        assert!(bound(&map, MOST + 1).is_ok());
        let where_it_stands = MAP
            .replace("%1: f32 = scalar a", "%1: i32[n] = iota n")
            .replace("mul %0, %1", "add %0, %0");
        let other = text::parse(&where_it_stands).expect("a kernel");
        let error = bound(&other, MOST + 1).expect_err("too many");
        assert!(error.0.contains("more than the 2147483647"), "{error}");
        assert!(Pieces::of(&other, &bound(&other, 2000).expect("sizes"), 999).is_none());
    }
}
