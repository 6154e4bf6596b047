//! Values of the interpreter, and the ops that move elements without computing.

use std::rc::Rc;

/// A tile: elements in row-major order as f64, whatever the dtype. Results `1, 2, ..` of an expression with several
/// follow in `parts`.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    shape: Vec<usize>,
    data: Data,
    parts: Option<Rc<Vec<Tile>>>,
}

/// Scalars, which are most of the values, need no allocation.
#[derive(Clone, Debug)]
enum Data {
    One([f64; 1]),
    Many(Rc<Vec<f64>>),
}

impl Tile {
    /// A stand-in where validation excludes that a value is missing.
    pub const NOTHING: Tile = Tile { shape: Vec::new(), data: Data::One([0.0]), parts: None };

    pub fn scalar(value: f64) -> Tile {
        Tile { shape: Vec::new(), data: Data::One([value]), parts: None }
    }

    pub fn new(shape: Vec<usize>, data: Vec<f64>) -> Tile {
        let data = match (&shape[..], &data[..]) {
            ([], &[value]) => Data::One([value]),
            _ => Data::Many(Rc::new(data)),
        };
        Tile { shape, data, parts: None }
    }

    /// The first of several results.
    pub fn with_parts(self, parts: Vec<Tile>) -> Tile {
        Tile { parts: Some(Rc::new(parts)), ..self }
    }

    /// Other elements in the same shape; other results stay.
    pub fn with_data(self, data: Vec<f64>) -> Tile {
        Tile { parts: self.parts, ..Tile::new(self.shape, data) }
    }

    pub fn map(&self, apply: impl Fn(f64) -> f64) -> Tile {
        Tile::new(self.shape.clone(), self.data().iter().map(|&x| apply(x)).collect())
    }

    pub fn part(&self, part: usize) -> Tile {
        let parts = self.parts.as_ref();
        parts.and_then(|parts| parts.get(part - 1)).cloned().unwrap_or(Tile::NOTHING)
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub fn data(&self) -> &[f64] {
        match &self.data {
            Data::One(value) => value,
            Data::Many(values) => values,
        }
    }

    pub fn last_extent(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The tile seen as `[outer, extent, inner]` round `axis`.
    pub fn lanes(&self, axis: usize) -> (usize, usize, usize) {
        let inner = self.shape[axis + 1..].iter().product();
        (self.shape[..axis].iter().product(), self.shape[axis], inner)
    }

    pub fn broadcast(&self, shape: &[usize]) -> Tile {
        if self.shape == shape {
            return self.clone();
        }
        let missing = shape.len() - self.shape.len();
        let own = row_major(&self.shape);
        let strides: Vec<usize> = (0..shape.len())
            .map(|axis| match axis.checked_sub(missing) {
                Some(i) if self.shape[i] != 1 => own[i],
                _ => 0,
            })
            .collect();
        self.strided(shape.to_vec(), &strides, 0)
    }

    pub fn reshape(&self, shape: Vec<usize>) -> Tile {
        Tile { shape, data: self.data.clone(), parts: None }
    }

    pub fn transpose(&self, order: &[usize]) -> Tile {
        let own = row_major(&self.shape);
        let strides: Vec<usize> = order.iter().map(|&axis| own[axis]).collect();
        self.strided(order.iter().map(|&axis| self.shape[axis]).collect(), &strides, 0)
    }

    pub fn slice(&self, axis: usize, start: usize, shape: Vec<usize>) -> Tile {
        let own = row_major(&self.shape);
        self.strided(shape, &own, start * own[axis])
    }

    /// The elements at `start + Σ index * stride` under `shape`.
    fn strided(&self, shape: Vec<usize>, strides: &[usize], start: usize) -> Tile {
        let data = self.data();
        let elements = shape.iter().product();
        let mut result = Vec::with_capacity(elements);
        let (Some((&last, outer)), Some((&step, outer_strides))) =
            (shape.split_last(), strides.split_last())
        else {
            return Tile::new(shape, vec![data[start]]);
        };
        let mut index = vec![0; outer.len()];
        while result.len() < elements {
            let base: usize = index.iter().zip(outer_strides).map(|(i, s)| i * s).sum();
            result.extend((0..last).map(|i| data[start + base + i * step]));
            advance(&mut index, outer);
        }
        Tile::new(shape, result)
    }

    pub fn concat(parts: &[&Tile], axis: usize, shape: Vec<usize>) -> Tile {
        let outer: usize = shape[..axis].iter().product();
        let mut data = Vec::with_capacity(shape.iter().product());
        for row in 0..outer {
            for part in parts {
                let (_, extent, inner) = part.lanes(axis);
                let run = extent * inner;
                data.extend_from_slice(&part.data()[row * run..(row + 1) * run]);
            }
        }
        Tile::new(shape, data)
    }

    /// Elements picked along the last axis; the first position out of range as error.
    pub fn pick(&self, indices: &Tile, shape: Vec<usize>) -> Result<Tile, i64> {
        let (n, picks) = (self.last_extent(), indices.last_extent());
        let data = indices.data().iter().enumerate().map(|(i, &position)| {
            let inside = position >= 0.0 && position < n as f64;
            let row = i / picks.max(1);
            if inside { Ok(self.data()[row * n + position as usize]) } else { Err(position as i64) }
        });
        Ok(Tile::new(shape, data.collect::<Result<_, _>>()?))
    }

    /// Unsigned integers of `bits` bits from words of `word` bytes, least significant first.
    pub fn unpack(&self, word: usize, bits: u32, shape: Vec<usize>) -> Tile {
        let words = self.last_extent();
        let mask = (1u64 << bits) - 1;
        let mut data = Vec::with_capacity(shape.iter().product());
        for row in self.data().chunks_exact(words.max(1)) {
            let bytes: Vec<u8> =
                row.iter().flat_map(|&w| (w as u32).to_le_bytes().into_iter().take(word)).collect();
            for position in (0..bytes.len() * 8).step_by(bits as usize) {
                let low = bytes[position / 8] as u64;
                let high = bytes.get(position / 8 + 1).copied().unwrap_or(0) as u64;
                data.push((((high << 8 | low) >> (position % 8)) & mask) as f64);
            }
        }
        Tile::new(shape, data)
    }
}

/// Row-major strides.
pub(super) fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The next index in row-major order; back to zero at the end.
pub(super) fn advance(index: &mut [usize], shape: &[usize]) {
    for axis in (0..index.len()).rev() {
        index[axis] += 1;
        if index[axis] < shape[axis] {
            return;
        }
        index[axis] = 0;
    }
}
