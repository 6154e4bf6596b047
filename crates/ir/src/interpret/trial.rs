//! Running programs that nobody has read: with an end, and to see how far rounding moves what they compute.

use super::{FaultKind, Machine, Problem, reduction, tile::Tile};
use crate::random::Random;
use crate::tolerance::rounds;
use crate::{BinaryOp, DType, ExprId, ExprKind, ReduceOp, UnaryOp};

/// How a program is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Elements that it may compute.
    pub work: u64,
    /// What each result that is rounded is off by at most, in roundings of its type; 0 for none. This is stochastic
    /// arithmetic (Vignes, "A stochastic arithmetic for reliable scientific computation", 1993).
    pub off: f64,
    /// Where the numbers come from by which they are off.
    pub random: Random,
    /// Stops where there is no slope: at a pole, where a quotient or a logarithm of finite numbers is infinite; at an
    /// infinity that fills what lies past a tensor's end; at equal elements that are ordered; at the square root of 0.
    pub smooth: bool,
}

impl Machine<'_> {
    /// Counts elements that are about to be computed.
    pub(super) fn spend(&mut self, elements: usize) -> Result<(), Problem> {
        let Some(trial) = &mut self.trial else { return Ok(()) };
        match trial.work.checked_sub(elements.max(1) as u64) {
            Some(left) => {
                trial.work = left;
                Ok(())
            }
            None => Err(problem("it did not end within the work that it was given")),
        }
    }

    /// A result as the trial wants it.
    ///
    /// # Errors
    /// When a sum or product may overflow on its way and does not here, where it is made in f64; when a half overflows that
    /// a target may keep as f32 until it is stored.
    pub(super) fn tried(
        &mut self,
        kind: &ExprKind,
        dtype: DType,
        tile: Tile,
    ) -> Result<Tile, Problem> {
        if self.trial.is_none() || !dtype.is_float() {
            return Ok(tile);
        }
        if self.trial.as_ref().is_some_and(|trial| trial.smooth) && self.has_no_slope(kind, &tile) {
            return Err(problem("there is no slope"));
        }
        if dtype == DType::F16 && self.overflows(kind, &tile) {
            return Err(problem("a half overflows"));
        }
        let terms = self.terms(kind);
        if let Some(terms) = &terms {
            let overflows =
                |(end, way): (&f64, &f64)| end.is_finite() && dtype.round(*way).is_infinite();
            if tile.data().iter().zip(terms.data()).any(overflows) {
                return Err(problem("a sum or product overflows on its way"));
            }
        }
        if let ExprKind::Reduce(ReduceOp::Prod, of, axis) = *kind {
            let small = self.value(of).map(|x| if x == 0.0 { 1.0 } else { x.abs().min(1.0) });
            let way = reduction::reduce(ReduceOp::Prod, DType::F64, &small, axis);
            let vanishes = |(end, way): (&f64, &f64)| *end != 0.0 && dtype.round(*way) == 0.0;
            if tile.data().iter().zip(way.data()).any(vanishes) {
                return Err(problem("a product vanishes on its way"));
            }
        }
        let Some(Trial { off, random, .. }) = &mut self.trial else { return Ok(tile) };
        let rounded = rounds(kind) || matches!(kind, ExprKind::Part(..));
        // Some are as they should be, as they may happen to be where they are rounded otherwise.
        if *off == 0.0 || !rounded || random.chance(0.3) {
            return Ok(tile);
        }
        // A sum rounds on its way, where it may be greater than in the end.
        let sums = matches!(
            kind,
            ExprKind::Reduce(ReduceOp::Sum, ..)
                | ExprKind::Scan { op: ReduceOp::Sum, .. }
                | ExprKind::Dot(..)
        );
        let scales = terms.as_ref().filter(|_| sums).unwrap_or(&tile).data().iter();
        let mut moved = |(x, scale): (&f64, &f64)| {
            // Half a unit in the last place; subnormal numbers have one of their own, and 0 is no rounding.
            let least = if *scale == 0.0 { 0.0 } else { dtype.least() / 2.0 };
            let unit = (scale.abs() * dtype.epsilon()).max(least);
            let by = unit * random.signed() * *off;
            match by.is_finite() {
                // What is nothing but rounding is nothing at times.
                true if by.abs() > x.abs() && random.chance(0.3) => 0.0,
                true => dtype.round(x + by),
                false => *x,
            }
        };
        let data = tile.data().iter().zip(scales).map(&mut moved).collect();
        Ok(tile.with_data(data))
    }

    fn has_no_slope(&self, kind: &ExprKind, tile: &Tile) -> bool {
        use UnaryOp::{Log, Log1p, Log2, Recip, Rsqrt};
        match *kind {
            ExprKind::Load { fill, .. } if fill.value().is_infinite() => {
                return tile.data().contains(&fill.value());
            }
            ExprKind::TopK { of, k } => return self.ties(of, k),
            // It is upright there.
            ExprKind::Unary(UnaryOp::Sqrt, _) => return tile.data().contains(&0.0),
            _ => {}
        }
        let has_poles = matches!(
            kind,
            ExprKind::Binary(BinaryOp::Div | BinaryOp::Pow, ..)
                | ExprKind::Unary(Recip | Rsqrt | Log | Log2 | Log1p, _)
        );
        has_poles && self.is_of_finite(kind) && tile.data().iter().any(|x| !x.is_finite())
    }

    /// True when every operand is finite.
    fn is_of_finite(&self, kind: &ExprKind) -> bool {
        let mut finite = true;
        kind.operands(|of| finite &= self.value(of).data().iter().all(|x| x.is_finite()));
        finite
    }

    /// True where finite numbers make an infinity that is only too great for the type: no pole.
    fn overflows(&self, kind: &ExprKind, tile: &Tile) -> bool {
        use UnaryOp::{Log, Log1p, Log2, Recip, Rsqrt};
        let no_zero = |of: ExprId| self.value(of).data().iter().all(|x| *x != 0.0);
        let may = match *kind {
            ExprKind::Unary(Rsqrt | Log | Log2 | Log1p, _) => false,
            ExprKind::Unary(Recip, of)
            | ExprKind::Binary(BinaryOp::Div, _, of)
            | ExprKind::Binary(BinaryOp::Pow, of, _) => no_zero(of),
            ExprKind::Unary(..) | ExprKind::Binary(..) | ExprKind::Ternary(..) => true,
            _ => false,
        };
        may && self.is_of_finite(kind) && tile.data().iter().any(|x| x.is_infinite())
    }

    /// True where one of the `k` greatest elements of a row equals another of the row.
    fn ties(&self, of: ExprId, k: usize) -> bool {
        let of = self.value(of);
        let len = of.last_extent().max(1);
        of.data().chunks(len).any(|row| {
            let mut row = row.to_vec();
            row.sort_by(|a, b| b.total_cmp(a));
            row.windows(2).take(k).any(|pair| pair[0] == pair[1])
        })
    }

    /// What each sum or product is made of: the sum of the magnitudes of the terms, or the product of those above 1.
    fn terms(&self, kind: &ExprKind) -> Option<Tile> {
        let absolute = |of| self.value(of).map(f64::abs);
        let terms = |op, of| match op {
            ReduceOp::Sum => Some(absolute(of)),
            ReduceOp::Prod => Some(self.value(of).map(|x| x.abs().max(1.0))),
            _ => None,
        };
        Some(match *kind {
            ExprKind::Reduce(op, of, axis) => {
                reduction::reduce(op, DType::F64, &terms(op, of)?, axis)
            }
            ExprKind::Scan { op, of, axis, exclusive, reverse } => {
                reduction::scan(op, DType::F64, &terms(op, of)?, axis, exclusive, reverse)
            }
            ExprKind::Dot(a, b) => reduction::dot(DType::F64, &absolute(a), &absolute(b)),
            _ => return None,
        })
    }
}

fn problem(text: &str) -> Problem {
    let text = text.into();
    Problem { kind: FaultKind::Trial, tensor: None, index: Vec::new(), text }
}
