//! What is asked of a program by whoever knows another way to run it: constants, and the parts of matrix products,
//! whatever changes of shape stand between.

use crate::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, GridAxis, ParamId, ParamKind, Place, Program,
    Stmt, StoreMode, VarId,
};

impl Program {
    /// The expression under changes of shape that move no element of a row.
    pub fn under_shapes(&self, mut id: ExprId) -> ExprId {
        while let ExprKind::Reshape(of) | ExprKind::Broadcast(of) = self.expr(id).kind {
            id = of;
        }
        id
    }

    /// What every element is, where that is a constant.
    pub fn constant(&self, id: ExprId) -> Option<f64> {
        match self.expr(self.under_shapes(id)).kind {
            ExprKind::Const(literal) => Some(literal.value()),
            _ => None,
        }
    }

    /// Type and shape of a parameter, if it is a tensor.
    pub fn tensor(&self, id: ParamId) -> Option<(DType, &[Extent])> {
        match &self.param(id).kind {
            ParamKind::Tensor { dtype, shape, .. } => Some((*dtype, shape)),
            ParamKind::Scalar { .. } => None,
        }
    }
}

/// Weights `q scale + bias`, with a scale and a bias for each group of them, in MLX's affine format.
#[derive(Clone, Copy, Debug)]
pub struct AffineWeights<'a> {
    /// The packed integers q.
    pub words: &'a Place,
    /// What q is multiplied with.
    pub scales: ExprId,
    /// What is added to that.
    pub biases: ExprId,
    /// Bits of one q.
    pub bits: u32,
    /// Weights of a group.
    pub group: usize,
    /// Groups of a row.
    pub groups: Extent,
}

impl<'a> AffineWeights<'a> {
    /// Those that `id` is under changes of shape, in a format that checkpoints have.
    pub fn of(program: &'a Program, id: ExprId) -> Option<AffineWeights<'a>> {
        let under = |id| &program.expr(program.under_shapes(id)).kind;
        let sum = program.under_shapes(id);
        let &[.., groups, Extent::Const(group)] = program.expr(sum).ty.shape.as_slice() else {
            return None;
        };
        let ExprKind::Binary(BinaryOp::Add, a, b) = program.expr(sum).kind else { return None };
        let added = |product: ExprId, biases: ExprId| {
            let ExprKind::Binary(BinaryOp::Mul, a, b) = *under(product) else { return None };
            let multiplied = |q: ExprId, scales: ExprId| {
                let ExprKind::Cast(q) = *under(q) else { return None };
                let ExprKind::Unpack { of, bits } = program.expr(q).kind else { return None };
                let packed = program.expr(of);
                let ExprKind::Load { place: words, .. } = &packed.kind else { return None };
                let found = AffineWeights { words, scales, biases, bits, group, groups };
                (packed.ty.dtype == DType::U32).then_some(found)
            };
            multiplied(a, b).or_else(|| multiplied(b, a))
        };
        let found = added(a, b).or_else(|| added(b, a))?;
        let known = matches!(found.bits, 2 | 3 | 4 | 5 | 6 | 8);
        (known && matches!(found.group, 32 | 64 | 128)).then_some(found)
    }
}

/// A program for each block of a matrix, which adds up the dots of tiles round a loop, stores the sum, and does nothing
/// else.
#[derive(Clone, Copy, Debug)]
pub struct BlockedProduct<'a> {
    program: &'a Program,
    index: ExprId,
    step: usize,
    /// The blocks of rows.
    pub rows: GridAxis,
    /// The blocks of columns.
    pub columns: GridAxis,
    /// Where the loop ends, which begins at 0.
    pub end: Extent,
    /// The tile that stands left in the dot.
    pub left: ExprId,
    /// The tile that stands right in it.
    pub right: ExprId,
    /// The block that is written, `[rows, columns]`.
    pub out: &'a Place,
}

/// What an axis of a tile goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The block of rows of this program.
    Rows,
    /// The block of columns of this program.
    Columns,
    /// The loop, so many elements for one that it counts.
    Loop(usize),
}

impl<'a> BlockedProduct<'a> {
    /// That of `program`, if it is one.
    pub fn of(program: &'a Program) -> Option<BlockedProduct<'a>> {
        let &[rows, columns] = program.grid.as_slice() else { return None };
        let (mut variable, mut looped, mut stored) = (None, None, None);
        let mut last = Vec::new();
        for statement in &program.body {
            match statement {
                Stmt::Let(id) => {
                    // It computes positions and tiles only.
                    let kind = &program.expr(*id).kind;
                    (!matches!(kind, ExprKind::Load { .. } | ExprKind::Dot(..))).then_some(())?;
                    if matches!(kind, ExprKind::Get(_)) && looped.is_some() {
                        last.push(*id);
                    }
                }
                Stmt::Set(var, value) if variable.is_none() && looped.is_none() => {
                    (program.constant(*value)? == 0.0).then_some(())?;
                    variable = Some(*var);
                }
                Stmt::For { .. } if looped.is_none() && stored.is_none() => {
                    looped = Some(statement)
                }
                Stmt::Store { place, value, mask: None, mode: StoreMode::Set, .. }
                    if stored.is_none() && looped.is_some() =>
                {
                    stored = Some((place, *value));
                }
                _ => return None,
            }
        }
        let (sum, (out, value)) = (variable?, stored?);
        let Some(Stmt::For { index, start, end, step, body }) = looped else { return None };
        let ExprKind::Size(end) = program.expr(*end).kind else { return None };
        let (left, right) = sum_of_dots(program, body, sum)?;
        let (index, step) = (*index, *step);
        let found = BlockedProduct { program, index, step, rows, columns, end, left, right, out };
        let whole = program.constant(*start)? == 0.0
            && is_one_of(program, value, &last)
            && found.lies(out, [Side::Rows, Side::Columns]);
        whole.then_some(found)
    }

    /// True when a block of a matrix goes along these sides.
    pub fn lies(&self, place: &Place, sides: [Side; 2]) -> bool {
        match place.axes.as_slice() {
            [a, b] => self.goes(a, sides[0]) && self.goes(b, sides[1]),
            _ => false,
        }
    }

    fn goes(&self, axis: &Axis, side: Side) -> bool {
        let Axis::Range { start, len: Extent::Const(len), step: 1 } = *axis else { return false };
        let begins = |is: &dyn Fn(ExprId) -> bool, times: usize| {
            let product = match self.program.expr(start).kind {
                ExprKind::Binary(BinaryOp::Mul, a, b) => {
                    let of = |a, b| is(a) && self.program.constant(b) == Some(times as f64);
                    of(a, b) || of(b, a)
                }
                _ => false,
            };
            product || times == 1 && is(start)
        };
        let blocks = |number: usize, axis: GridAxis| {
            let is = |id| self.program.expr(id).kind == ExprKind::Program(number);
            len == axis.block && begins(&is, axis.block)
        };
        match side {
            Side::Rows => blocks(0, self.rows),
            Side::Columns => blocks(1, self.columns),
            Side::Loop(times) => len == self.step * times && begins(&|id| id == self.index, times),
        }
    }
}

/// The operands of the dot that the body of a loop adds to `sum`, if it does nothing else.
fn sum_of_dots(program: &Program, body: &[Stmt], sum: VarId) -> Option<(ExprId, ExprId)> {
    let kind = |id: ExprId| &program.expr(id).kind;
    let (mut dot, mut here) = (None, Vec::new());
    for statement in body {
        match statement {
            Stmt::Let(id) => here.push(*id),
            Stmt::Set(var, value) if *var == sum && dot.is_none() => {
                let ExprKind::Binary(BinaryOp::Add, a, b) = *kind(*value) else { return None };
                let (old, of) = match (kind(a), kind(b)) {
                    (ExprKind::Get(var), ExprKind::Dot(x, y)) if *var == sum => (a, (*x, *y)),
                    (ExprKind::Dot(x, y), ExprKind::Get(var)) if *var == sum => (b, (*x, *y)),
                    _ => return None,
                };
                // What the variable was before the loop is no sum.
                dot = here.contains(&old).then_some(of);
                dot?;
            }
            _ => return None,
        }
    }
    dot
}

/// True for one of `values`, rounded or not.
fn is_one_of(program: &Program, id: ExprId, values: &[ExprId]) -> bool {
    let of = match program.expr(id).kind {
        ExprKind::Cast(of) => of,
        _ => id,
    };
    values.contains(&of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse;

    #[test]
    fn a_product_stores_the_sum_that_the_loop_leaves() {
        let product = "kernel k(x: in f32[m, k], w: in f32[k, n], y: out f32[m, n])
            grid m / 4, n / 4
            var $0: f32[4, 4]
            %0: i32 = program 0
            %1: i32 = program 1
            %2: i32 = const 4
            %3: i32 = mul %0, %2
            %4: i32 = mul %1, %2
            %5: f32 = const 0.0
            %6: f32[4, 4] = broadcast %5
            set $0 = %6
            %7: i32 = const 0
            %8: i32 = size k
            %9: f32[4, 4] = get $0
            for %10 in %7..%8 step 8 {
              %11: f32[4, 8] = load x[%3..+4, %10..+8]
              %12: f32[8, 4] = load w[%10..+8, %4..+4]
              %13: f32[4, 4] = dot %11, %12
              %14: f32[4, 4] = get $0
              %15: f32[4, 4] = add %14, %13
              set $0 = %15
            }
            %16: f32[4, 4] = get $0
            store y[%3..+4, %4..+4] = %16";
        let found = |text: &str| BlockedProduct::of(&parse(text).unwrap()).is_some();
        assert!(found(product));
        assert!(!found(&product.replace("] = %16", "] = %9")), "what it was before the loop");
        assert!(!found(&product.replace("add %14, %13", "add %9, %13")), "begun anew each round");
    }
}
