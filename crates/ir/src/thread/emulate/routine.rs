//! The meaning of routines. All operands are the same in every thread of the group; the results are there after it, as
//! after a barrier.

use super::{Argument, Lanes, Machine, Step, threads};
use crate::DType;
use crate::thread::{AffineProducts, Attend, Queries, Routine, Rows, SharedId, Value};

impl Machine<'_> {
    pub(super) fn routine(&mut self, routine: &Routine, active: &[bool]) -> Step<()> {
        if active.contains(&false) {
            return Err("some threads do not reach a routine".into());
        }
        self.epoch += 1;
        match routine {
            Routine::AffineProducts(r) => self.affine_products(r, active)?,
            // It computes nothing, and asks for nothing that is not there.
            Routine::Ahead(_) => {}
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
