//! Gradients of scans and of user-defined reductions.
//!
//! A scan is the recurrence `y[i] = c(y[i-1], x[i])`, where `i - 1` comes before `i` in its order. With the Jacobians
//! `A[i] = ∂c/∂y[i-1]` and `B[i] = ∂c/∂x[i]`, the adjoint of `y[i]` is `s[i] = g[i] + A[i+1]ᵀ s[i+1]`, and `d_x = Bᵀ s`. What
//! comes from later elements, `t[i] = A[i]ᵀ (g[i] + t[i+1])`, is a scan of affine maps in the other direction, whose
//! exclusive form gives `t[i+1]`: nothing is moved. An exclusive scan's `g[i]` belongs to `y[i-1]`, so that there
//! `s[i] = u[i+1]` with `u[i] = g[i] + A[i]ᵀ u[i+1]`. Only entries that can differ from zero are carried: for
//! `h[i] = a[i] h[i-1] + b[i]`, joined as the pair `(a, b)`, those are one slope and one sum.
//!
//! A reduction is `c(c(P[i], x[i]), S[i])` for every `i`, with the joined elements `P` before and `S` after it, which
//! two exclusive scans give. Reverse mode through these two joins yields `d_x[i]` for each `i` alone.
//!
//! The functions themselves are differentiated by the same rules as kernels: their bodies are laid out on tiles and
//! walked in reverse.

use super::adjoint::{Adjoint, Sweep, Ties};
use super::straight::Straight;
use tilewright_ir::{BinaryOp, Combine, DType, ExprId, ExprKind, Extent, ReduceOp, Type};

impl Sweep<'_> {
    /// The adjoint of a running product, maximum or minimum.
    pub(super) fn scan(
        &mut self,
        id: ExprId,
        (op, exclusive, reverse): (ReduceOp, bool, bool),
        of: ExprId,
        g: Adjoint,
    ) -> Result<(), String> {
        let shape = self.shape(id);
        let value = self.plain(g);
        let g = self.full(value, &shape);
        let x = self.value(of);
        let axis = shape.len() - 1;
        let kind = ExprKind::Scan { op, of: x, axis, exclusive: true, reverse };
        let before = self.out.emit(kind, None);
        let one = self.out.constant(self.out.ty(before).dtype, 1.0);
        let (keeps, takes) = match op {
            ReduceOp::Prod => (x, before),
            _ => {
                let stays = if op == ReduceOp::Max { BinaryOp::Ge } else { BinaryOp::Le };
                let stays = self.out.binary(stays, before, x);
                (self.out.keep_where(stays, one), self.out.drop_where(stays, one))
            }
        };
        let sums = self.recurrence(&[g], &[vec![Some(keeps)]], exclusive, !reverse);
        let d_x = self.out.mul(takes, sums[0]);
        self.send_value(of, d_x, &shape);
        Ok(())
    }

    /// The adjoint of a user-defined scan; `g` has the adjoints of its components.
    pub(super) fn scan_by(
        &mut self,
        id: ExprId,
        of: &[ExprId],
        (axis, exclusive, reverse): (usize, bool, bool),
        combine: &Combine,
        g: &[Option<Adjoint>],
    ) -> Result<(), String> {
        let shape = self.shape(id);
        if axis + 1 != shape.len() {
            return Err("a user-defined scan along an axis that is not the last".into());
        }
        let is_float: Vec<bool> = of.iter().map(|&of| self.dtype_of(of).is_float()).collect();
        let wide = of.iter().any(|&of| self.dtype_of(of) == DType::F64);
        let dtype = if wide { DType::F64 } else { DType::F32 };
        let (zero, one) = (self.out.constant(dtype, 0.0), self.out.constant(dtype, 1.0));
        let mut given = vec![None; of.len()];
        for part in (0..of.len()).filter(|&part| is_float[part]) {
            let value = g[part].map(|g| self.plain(g));
            // A component that nothing reads.
            given[part] = value.filter(|&value| self.out.splat(value) != Some(0.0));
        }
        let elements: Vec<ExprId> = of.iter().map(|&id| self.recomputed(id)).collect();
        let before = match exclusive {
            true => {
                let scan = self.recomputed(id);
                (0..of.len()).map(|part| self.part(scan, part)).collect()
            }
            false => {
                // The first element joins nothing, so that what it gets here is left out below.
                let dtypes = elements.iter().map(|&x| self.out.ty(x).dtype).collect::<Vec<_>>();
                let first = dtypes.iter().map(|&dtype| self.out.constant(dtype, 0.0)).collect();
                let map = self.map;
                let outer = |id: ExprId| map[id.index()].unwrap_or(id);
                let copy = self.out.copy_combine(&self.forward.program, combine, outer);
                self.before_each(&elements, copy, first, reverse)
            }
        };
        // The components whose adjoints are carried, and the rows of the Jacobians at each.
        let mut carried: Vec<usize> = (0..of.len()).filter(|&part| given[part].is_some()).collect();
        let (mut keeps, mut takes) = (Vec::new(), Vec::new());
        while keeps.len() < carried.len() {
            let mut unit = vec![None; of.len()];
            unit[carried[keeps.len()]] = Some(one);
            let (by_left, by_right) = self.join(combine, &before, &elements, &unit)?;
            for part in (0..of.len()).filter(|&part| by_left[part].is_some()) {
                if !carried.contains(&part) {
                    carried.push(part);
                }
            }
            keeps.push(by_left);
            takes.push(by_right);
        }
        let (mut g, mut transposed) = (Vec::new(), Vec::new());
        for &part in &carried {
            let value = given[part].unwrap_or(zero);
            g.push(self.full(value, &shape));
            let column = keeps.iter().map(|row| row[part].map(|slope| self.out.cast(slope, dtype)));
            transposed.push(column.collect());
        }
        let sums = self.recurrence(&g, &transposed, exclusive, !reverse);
        let start = self.is_first(&shape, reverse);
        for part in (0..of.len()).filter(|&part| is_float[part]) {
            let mut total: Option<ExprId> = None;
            for ((&row, slopes), &sum) in carried.iter().zip(&takes).zip(&sums) {
                // The first element joins nothing.
                let at_start = if row == part { one } else { zero };
                let slope = match slopes[part] {
                    Some(slope) => self.out.cast(slope, dtype),
                    None if row == part => zero,
                    None => continue,
                };
                let slope = self.out.select(start, at_start, slope);
                let term = self.out.mul(slope, sum);
                total = Some(total.map_or(term, |total| self.out.add(total, term)));
            }
            if let Some(total) = total {
                let total = self.out.cast(total, Self::dtype(self.dtype_of(of[part])));
                self.send_value(of[part], total, &shape);
            }
        }
        Ok(())
    }

    /// The adjoint of a user-defined reduction; `g` has the adjoints of its components.
    pub(super) fn reduce_by(
        &mut self,
        of: &[ExprId],
        axis: usize,
        combine: &Combine,
        identity: &[ExprId],
        g: &[Option<Adjoint>],
    ) -> Result<(), String> {
        let shape = self.shape(of[0]);
        if axis + 1 != shape.len() {
            return Err("a user-defined reduction over an axis that is not the last".into());
        }
        let (source, map) = (&self.forward.program, self.map);
        let outer = |id: ExprId| map[id.index()].unwrap_or(id);
        let x: Vec<ExprId> = of.iter().map(|&id| self.recomputed(id)).collect();
        let units: Vec<ExprId> = identity.iter().map(|&id| self.recomputed(id)).collect();
        let forward = self.out.copy_combine(source, combine, outer);
        let copy = self.out.copy_combine(source, combine, outer);
        // From the end, the right partial result is the one that comes first.
        let backward = Combine { left: copy.right, right: copy.left, ..copy };
        let before = self.before_each(&x, forward, units.clone(), false);
        let after = self.before_each(&x, backward, units, true);
        let joined = self.lay_out(combine, &before, &x).1;
        let g: Vec<Option<ExprId>> = g.iter().map(|g| g.map(|g| self.plain(g))).collect();
        let (d_joined, _) = self.join(combine, &joined, &after, &g)?;
        let (_, d_x) = self.join(combine, &before, &x, &d_joined)?;
        for (&of, d_x) in of.iter().zip(d_x) {
            if let Some(d_x) = d_x {
                self.send_value(of, d_x, &shape);
            }
        }
        Ok(())
    }

    /// The components of what a scan of `of` has joined before each element; the first gets `first`.
    fn before_each(
        &mut self,
        of: &[ExprId],
        combine: Combine,
        first: Vec<ExprId>,
        reverse: bool,
    ) -> Vec<ExprId> {
        let axis = self.out.shape(of[0]).len().saturating_sub(1);
        let (of, count) = (of.to_vec(), of.len());
        let kind = ExprKind::ScanBy { of, axis, combine, exclusive: Some(first), reverse };
        let scan = self.out.emit(kind, None);
        (0..count).map(|part| self.part(scan, part)).collect()
    }

    /// Component `part` of a scan or reduction.
    fn part(&mut self, first: ExprId, part: usize) -> ExprId {
        match part {
            0 => first,
            _ => self.out.emit(ExprKind::Part(first, part), None),
        }
    }

    /// The adjoint `s` of what a scan joins, from those of its results and from how much each result keeps of the one before
    /// it, a matrix by rows, transposed; `None` is zero. `reverse` is the direction of the adjoints.
    fn recurrence(
        &mut self,
        g: &[ExprId],
        keeps: &[Vec<Option<ExprId>>],
        exclusive: bool,
        reverse: bool,
    ) -> Vec<ExprId> {
        let Some(&one) = g.first() else { return Vec::new() };
        let ty = self.out.ty(one).clone();
        let zero = self.out.constant(ty.dtype, 0.0);
        let zeros = self.out.broadcast(zero, &ty.shape);
        let entries = reachable(keeps);
        let mut of = Vec::new();
        for &(row, column) in &entries {
            of.push(match keeps[row][column] {
                Some(entry) => self.out.broadcast(entry, &ty.shape),
                None => zeros,
            });
        }
        if exclusive {
            of.extend(g);
        } else {
            for row in keeps {
                let terms = row.iter().zip(g).filter_map(|(&entry, &g)| Some((entry?, g)));
                let moved = terms.fold(None, |total: Option<ExprId>, (entry, g)| {
                    let term = self.out.mul(entry, g);
                    Some(total.map_or(term, |total| self.out.add(total, term)))
                });
                of.push(moved.map_or(zeros, |moved| self.out.broadcast(moved, &ty.shape)));
            }
        }
        let combine = self.affine(&entries, g.len(), ty.dtype);
        let first = vec![zero; of.len()];
        let mut sums = self.before_each(&of, combine, first, reverse).split_off(entries.len());
        if !exclusive {
            for (sum, &g) in sums.iter_mut().zip(g) {
                *sum = self.out.add(g, *sum);
            }
        }
        sums
    }

    /// Joins `s -> M s + v` on the left with another on the right, which is applied after it. Its components are the
    /// `entries` of the matrix, then the `count` of the vector.
    fn affine(&mut self, entries: &[(usize, usize)], count: usize, dtype: DType) -> Combine {
        let zero = self.out.constant(dtype, 0.0);
        let program = &mut self.out.program;
        let scalar = Type { dtype, shape: Vec::new() };
        let mut push = |kind| program.push(kind, scalar.clone(), None);
        let size = entries.len() + count;
        let [left, right] =
            [(); 2].map(|()| (0..size).map(|_| push(ExprKind::Argument)).collect::<Vec<_>>());
        let entry = |row, column| entries.iter().position(|&at| at == (row, column));
        let mut body = Vec::new();
        let mut op = |op, a, b| {
            let id = push(ExprKind::Binary(op, a, b));
            body.push(id);
            id
        };
        let mut products = |factors: &mut dyn Iterator<Item = (ExprId, ExprId)>| {
            factors.fold(None, |total, (a, b)| {
                let term = op(BinaryOp::Mul, a, b);
                Some(total.map_or(term, |total| op(BinaryOp::Add, total, term)))
            })
        };
        let mut results = Vec::new();
        for &(row, column) in entries {
            let pair = |inner| Some((left[entry(inner, column)?], right[entry(row, inner)?]));
            results.push(products(&mut (0..count).filter_map(pair)).unwrap_or(zero));
        }
        let moved: Vec<Option<ExprId>> = (0..count)
            .map(|row| {
                let pair = |inner| Some((right[entry(row, inner)?], left[entries.len() + inner]));
                products(&mut (0..count).filter_map(pair))
            })
            .collect();
        for (row, moved) in moved.into_iter().enumerate() {
            let offset = right[entries.len() + row];
            results.push(moved.map_or(offset, |moved| op(BinaryOp::Add, moved, offset)));
        }
        Combine { left, right, body, results }
    }

    /// Lays the body of a function out on tiles. Gives what each of its expressions became (over [`Sweep::map`]) and
    /// the results.
    fn lay_out(
        &mut self,
        combine: &Combine,
        left: &[ExprId],
        right: &[ExprId],
    ) -> (Vec<Option<ExprId>>, Vec<ExprId>) {
        let mut map = self.map.to_vec();
        let arguments = combine.left.iter().chain(&combine.right);
        for (argument, &tile) in arguments.zip(left.iter().chain(right)) {
            map[argument.index()] = Some(tile);
        }
        for &id in &combine.body {
            let expr = self.forward.program.expr(id);
            let mut kind = expr.kind.clone();
            kind.map_operands(|operand| map[operand.index()].unwrap_or(operand));
            let hint = Type { dtype: expr.ty.dtype, shape: Vec::new() };
            map[id.index()] = Some(match kind {
                ExprKind::Cast(a) => self.out.cast(a, hint.dtype),
                kind => self.out.emit(kind, Some(hint)),
            });
        }
        let results = combine.results.iter().map(|r| map[r.index()].unwrap_or(ExprId(0))).collect();
        (map, results)
    }

    /// Reverse mode through one call of a function on tiles: the adjoints of its left and right arguments from those
    /// of its results.
    fn join(
        &mut self,
        combine: &Combine,
        left: &[ExprId],
        right: &[ExprId],
        results: &[Option<ExprId>],
    ) -> Result<(Vec<Option<ExprId>>, Vec<Option<ExprId>>), String> {
        let (map, _) = self.lay_out(combine, left, right);
        // The function's expressions as a program of their own, with the shapes that they have on these tiles.
        let mut program = self.forward.program.clone();
        let arguments: Vec<ExprId> = combine.left.iter().chain(&combine.right).copied().collect();
        let mut active = vec![false; program.exprs.len()];
        for &id in arguments.iter().chain(&combine.body) {
            let expr = &mut program.exprs[id.index()];
            if let Some(tile) = map[id.index()] {
                expr.ty.shape = self.out.shape(tile).to_vec();
            }
            let mut reached = arguments.contains(&id);
            expr.kind.operands(|operand| reached |= active[operand.index()]);
            active[id.index()] = reached && expr.ty.dtype.is_float();
        }
        let inner = Straight { program, order: combine.body.clone(), stores: Vec::new() };
        let mut sweep = Sweep::new(&inner, &mut *self.out, &map, &active, Ties::First);
        for (&result, g) in combine.results.iter().zip(results) {
            if let Some(g) = *g {
                let shape = sweep.shape(result);
                sweep.send_value(result, g, &shape);
            }
        }
        for &id in combine.body.iter().rev() {
            if active[id.index()]
                && let Some(adjoint) = sweep.take(id)
            {
                sweep.propagate(id, adjoint)?;
            }
        }
        let mut taken = |ids: &[ExprId]| -> Vec<Option<ExprId>> {
            ids.iter().map(|&id| sweep.take(id).map(|adjoint| sweep.plain(adjoint))).collect()
        };
        Ok((taken(&combine.left), taken(&combine.right)))
    }

    /// True at the first position, in order, of the last axis.
    fn is_first(&mut self, shape: &[Extent], reverse: bool) -> ExprId {
        let last = shape.len() - 1;
        let positions = self.out.positions(shape[last], last, shape.len());
        let first = match reverse {
            false => self.out.index(0),
            true => {
                let (count, one) = (self.out.size(shape[last]), self.out.index(1));
                self.out.sub(count, one)
            }
        };
        self.out.binary(BinaryOp::Eq, positions, first)
    }
}

/// The entries of a matrix, and those that its powers have besides.
fn reachable(matrix: &[Vec<Option<ExprId>>]) -> Vec<(usize, usize)> {
    let count = matrix.len();
    let mut reached: Vec<Vec<bool>> =
        matrix.iter().map(|row| row.iter().map(Option::is_some).collect()).collect();
    for inner in 0..count {
        for row in 0..count {
            for column in 0..count {
                reached[row][column] |= reached[row][inner] && reached[inner][column];
            }
        }
    }
    let all = (0..count).flat_map(|row| (0..count).map(move |column| (row, column)));
    all.filter(|&(row, column)| reached[row][column]).collect()
}
