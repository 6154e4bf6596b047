//! The meaning of routines. All operands are the same in every thread of the group; the results are there after it, as
//! after a barrier.

use super::{Argument, Lanes, Machine, Step, threads};
use crate::thread::{
    AffineProducts, Attend, Choose, Queries, Routine, Rows, SharedId, Turned, Value,
};
use crate::{DType, StoreMode};

impl Machine<'_> {
    pub(super) fn routine(&mut self, routine: &Routine, active: &[bool]) -> Step<()> {
        if active.contains(&false) {
            return Err("some threads do not reach a routine".into());
        }
        self.epoch += 1;
        match routine {
            Routine::Choose(r) => self.choose(r, active)?,
            Routine::AffineProducts(r) => self.affine_products(r, active)?,
            // What it asks for ahead it asks for again later.
            Routine::Ahead(r) => {
                if let Some(turned) = &r.turned {
                    self.turn(turned, active)?;
                }
            }
            Routine::Attend(r) => self.attend(r, active)?,
        }
        self.epoch += 1;
        Ok(())
    }

    /// A value that all threads agree on.
    fn uniform(&mut self, value: &Value, active: &[bool]) -> Step<f64> {
        let lanes = self.value(value, active)?;
        let first = lanes.at(0);
        match threads(active).all(|t| lanes.at(t) == first) {
            true => Ok(first),
            false => Err("threads disagree on an operand of a routine".into()),
        }
    }

    /// `len` elements of row `row`, from the `from`-th on.
    fn row(
        &mut self,
        of: &Rows,
        row: usize,
        from: usize,
        len: usize,
        active: &[bool],
    ) -> Step<Vec<f64>> {
        let (offset, stride) =
            (self.uniform(&of.offset, active)?, self.uniform(&of.stride, active)?);
        let name = &self.program.params[of.param.index()].name;
        let Argument::Tensor(tensor) = &*self.memory[of.param.index()].argument else {
            return Err(format!("`{name}` is no tensor"));
        };
        let (first, size) = (offset + row as f64 * stride + from as f64, tensor.dtype.size());
        let start = first as usize * size;
        match tensor.bytes.get(start..start + len * size).filter(|_| first >= 0.0) {
            Some(bytes) => Ok(bytes.chunks_exact(size).map(|b| tensor.dtype.read(b)).collect()),
            None => Err(format!("a routine reads elements {first}..+{len} of `{name}`")),
        }
    }

    fn keep(&mut self, array: SharedId, index: usize, value: f64) -> Step<()> {
        let (declared, visit) = (&self.program.shared[array.0 as usize], self.visit(0));
        self.shared.write(array, declared, index as f64, DType::F32.round(value), visit)
    }

    /// `len` elements of shared memory.
    fn kept(&mut self, array: SharedId, from: usize, len: usize) -> Step<Vec<f64>> {
        let (declared, visit) = (&self.program.shared[array.0 as usize], self.visit(0));
        let mut element = |at| self.shared.read(array, declared, at as f64, visit);
        (from..from + len).map(&mut element).collect()
    }

    fn choose(&mut self, r: &Choose, active: &[bool]) -> Step<()> {
        let logits = self.row(&r.logits, 0, 0, r.experts, active)?;
        // NaN counts as greatest; a stable sort leaves equal ones in order.
        let key = |i: &usize| logits[*i] + 0.0;
        let is_nan = |i: &usize| logits[*i].is_nan();
        let mut order: Vec<usize> = (0..r.experts).collect();
        order.sort_by(|a, b| is_nan(b).cmp(&is_nan(a)).then(key(b).total_cmp(&key(a))));
        order.truncate(r.k);
        let summed = if r.normalize { order.clone() } else { (0..r.experts).collect() };
        let greatest = logits[order[0]];
        let weight = |i: &usize| (logits[*i] - greatest).exp();
        let total: f64 = summed.iter().map(weight).sum();
        for (at, i) in order.iter().enumerate() {
            let (declared, visit) = (&self.program.shared[r.positions.0 as usize], self.visit(0));
            self.shared.write(r.positions, declared, at as f64, *i as f64, visit)?;
            self.keep(r.weights, at, weight(i) / total)?;
        }
        Ok(())
    }

    fn affine_products(&mut self, r: &AffineProducts, active: &[bool]) -> Step<()> {
        let count = |n: f64| n.max(0.0) as usize;
        let rows = count(self.uniform(&r.rows, active)?).min(r.capacity());
        let columns = count(self.uniform(&r.columns, active)?).min(r.width);
        let groups = count(self.uniform(&r.groups, active)?);
        let words = groups * r.group * r.bits as usize / 32;
        for (number, product) in r.products.iter().enumerate() {
            for column in 0..columns {
                let w = self.row(&product.w, column, 0, words, active)?;
                let scales = self.row(&product.scales, column, 0, groups, active)?;
                let biases = self.row(&product.biases, column, 0, groups, active)?;
                let bit = |i: usize| (w[i / 32] as u32 >> (i % 32)) & 1;
                let weight = |l: usize| {
                    let first = l * r.bits as usize;
                    let q = (0..r.bits as usize).fold(0, |q, j| q | bit(first + j) << j);
                    q as f64 * scales[l / r.group] + biases[l / r.group]
                };
                for row in 0..rows {
                    let mut x = self.row(&product.x, row, 0, groups * r.group, active)?;
                    if let Some(normed) = &r.normed {
                        let weight = self.row(&normed.weight, 0, 0, x.len(), active)?;
                        let eps = self.uniform(&normed.eps, active)?;
                        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
                        let factor = (mean + eps).sqrt().recip();
                        let terms = x.iter_mut().zip(&weight);
                        terms.for_each(|(x, w)| *x = r.dtype.round(*x * factor * w));
                    }
                    let sum: f64 = x.iter().enumerate().map(|(l, x)| x * weight(l)).sum();
                    let at = (number * r.capacity() + row) * r.width + column;
                    self.keep(r.result, at, sum)?;
                }
            }
        }
        Ok(())
    }

    fn turn(&mut self, r: &Turned, active: &[bool]) -> Step<()> {
        let half = r.head_dim / 2;
        let (cos, sin) =
            (self.row(&r.cos, 0, 0, half, active)?, self.row(&r.sin, 0, 0, half, active)?);
        for number in 0usize..r.queries + 2 {
            let (from, at, to) = match number.checked_sub(r.queries) {
                None => (&r.q, number, r.to[0]),
                Some(0) => (&r.key, 0, r.to[1]),
                Some(_) => (&r.value, 0, r.to[2]),
            };
            let mut head = self.row(from, at, 0, r.head_dim, active)?;
            if number <= r.queries {
                if let Some(norms) = &r.norms {
                    let weight = if number < r.queries { &norms.queries } else { &norms.key };
                    let weight = self.row(weight, 0, 0, r.head_dim, active)?;
                    let eps = self.uniform(&norms.eps, active)?;
                    let mean = head.iter().map(|x| x * x).sum::<f64>() / head.len() as f64;
                    let factor = (mean + eps).sqrt().recip();
                    let terms = head.iter_mut().zip(&weight);
                    terms.for_each(|(x, w)| *x = r.dtype.round(*x * factor * w));
                }
                for i in 0..half {
                    let (a, b) = (head[i], head[i + half]);
                    head[i] = a * cos[i] - b * sin[i];
                    head[i + half] = a * sin[i] + b * cos[i];
                }
            }
            for (i, x) in head.iter().enumerate() {
                self.keep(to, at * r.head_dim + i, r.dtype.round(*x))?;
            }
            let Some(cache) = number.checked_sub(r.queries).map(|i| &r.caches[i]) else { continue };
            let first = self.uniform(&cache.offset, active)?;
            let one: Vec<bool> = (0..active.len()).map(|thread| thread == 0).collect();
            for (i, x) in head.iter().enumerate() {
                let (at, x) = (Lanes::Same(first + i as f64), Lanes::Same(*x));
                self.store(cache.param.index(), &at, &x, StoreMode::Set, &one)?;
            }
        }
        Ok(())
    }

    fn attend(&mut self, r: &Attend, active: &[bool]) -> Step<()> {
        let (first, end) =
            (self.uniform(&r.cached.first, active)?, self.uniform(&r.cached.end, active)?);
        let extent = self.uniform(&r.cached.extent, active)?;
        let scale = self.uniform(&r.scale, active)?;
        for query in 0..r.queries {
            let q = match &r.q {
                Queries::Rows(rows) => self.row(rows, query, 0, r.cached.head_dim, active)?,
                Queries::Shared(array) => {
                    self.kept(*array, query * r.cached.head_dim, r.cached.head_dim)?
                }
            };
            let (mut scores, mut values) = (Vec::new(), Vec::new());
            for position in first as usize..end.max(first) as usize {
                let inside = (position as f64) < extent;
                let row = |of: &Rows, machine: &mut Self| match inside {
                    true => machine.row(of, position, 0, r.cached.head_dim, active),
                    false => Ok(vec![0.0; r.cached.head_dim]),
                };
                let key = row(&r.cached.keys, self)?;
                let product: f64 = q.iter().zip(&key).map(|(q, k)| q * k).sum();
                self.registers[r.product.0 as usize][0] =
                    Lanes::Same(DType::F32.round(product * scale));
                self.registers[r.cached.position.0 as usize][0] = Lanes::Same(position as f64);
                scores.push(self.uniform(&r.score, active)?);
                values.push(match self.uniform(&r.cached.keep, active)? != 0.0 {
                    true => row(&r.cached.values, self)?,
                    false => vec![0.0; r.cached.head_dim],
                });
            }
            let greatest =
                scores.iter().copied().fold(f64::NEG_INFINITY, |a, b| match a.is_nan() {
                    true => a,
                    false if b.is_nan() => b,
                    false => a.max(b),
                });
            let base = if greatest == f64::NEG_INFINITY { 0.0 } else { greatest };
            let weights: Vec<f64> = scores.iter().map(|s| (s - base).exp()).collect();
            let features = r.queries * r.cached.head_dim;
            self.keep(r.state, features + query, greatest)?;
            self.keep(r.state, features + r.queries + query, weights.iter().sum())?;
            for d in 0..r.cached.head_dim {
                let mixed = weights.iter().zip(&values).map(|(w, v)| w * v[d]).sum();
                self.keep(r.state, query * r.cached.head_dim + d, mixed)?;
            }
        }
        Ok(())
    }
}
