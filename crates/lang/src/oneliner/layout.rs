//! How the inputs of an elementwise call lie against each other.

use tilewright_ir::bind::{MOST, show_shape};

/// Which axes each input has at full extent, and which at extent 1: what an elementwise recording is specialized
/// for. Sizes are run-time values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// By input, by axis: true where the input has the common extent, false where it has 1.
    full: Vec<Vec<bool>>,
}

impl Layout {
    /// One axis, which each of `inputs` inputs has in full: contiguous tensors of one shape, flattened.
    pub fn flat(inputs: usize) -> Layout {
        Layout { full: vec![vec![true]; inputs] }
    }

    /// A layout by input and axis: true where the input has the common extent, false where it has 1.
    ///
    /// # Errors
    /// When the inputs differ in rank, or an axis is 1 for each of them.
    pub fn new(full: Vec<Vec<bool>>) -> Result<Layout, String> {
        let rank = full.first().map_or(0, Vec::len);
        if rank == 0 || full.iter().any(|axes| axes.len() != rank) {
            return Err("a layout has the same axes, one or more, for each input".into());
        }
        match (0..rank).find(|&axis| full.iter().all(|axes| !axes[axis])) {
            Some(axis) => Err(format!("no input of the layout has axis {axis} in full")),
            None => Ok(Layout { full }),
        }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.full.first().map_or(1, Vec::len)
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.full.len()
    }

    /// Whether each axis of input `input` has the common extent.
    pub fn axes(&self, input: usize) -> &[bool] {
        self.full.get(input).map_or(&[], Vec::as_slice)
    }

    /// True when every input has every element, in one axis.
    pub fn is_flat(&self) -> bool {
        self.rank() == 1 && self.full.iter().all(|axes| axes[0])
    }
}

/// NumPy broadcasting of some tensors, with neighbouring axes joined where that changes no address: what to record
/// and what to pass.
///
/// ```
/// use tilewright_lang::oneliner::{Broadcast, Layout};
///
/// // A bias on the last axis of a [2, 3, 8] tensor: the first two axes are one.
/// let b = Broadcast::of(&[(&[2, 3, 8], None), (&[8], None)])?;
/// assert_eq!(b.shape, [2, 3, 8]);
/// assert_eq!(b.layout, Layout::new(vec![vec![true, true], vec![false, true]])?);
/// assert_eq!(b.extents, [6, 8]);
/// assert_eq!(b.inputs[1], [1, 8]);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The shape of the result, as the caller sees it.
    pub shape: Vec<usize>,
    /// What to record.
    pub layout: Layout,
    /// The shape of the result over the joined axes.
    pub extents: Vec<usize>,
    /// The shape of each input over the joined axes.
    pub inputs: Vec<Vec<usize>>,
    /// The strides of each input over the joined axes; `None` where it is row-major.
    pub strides: Vec<Option<Vec<isize>>>,
}

impl Broadcast {
    /// Broadcasts tensors of these shapes and strides (`None` for row-major) against each other. The result is
    /// row-major.
    ///
    /// # Errors
    /// When two extents of an axis differ and neither is 1, or strides are not one an axis.
    pub fn of(tensors: &[(&[usize], Option<&[isize]>)]) -> Result<Broadcast, String> {
        let rank = tensors.iter().map(|(shape, _)| shape.len()).max().unwrap_or(0);
        let mut shape = vec![1; rank];
        let mut aligned = Vec::new();
        for (own, strides) in tensors {
            let strides = match strides {
                Some(given) if given.len() != own.len() => {
                    return Err(format!("shape {} has {} strides", show_shape(own), given.len()));
                }
                Some(given) => given.to_vec(),
                None => row_major(own),
            };
            let pad = rank - own.len();
            let extents: Vec<usize> = [vec![1; pad], own.to_vec()].concat();
            for (common, &extent) in shape.iter_mut().zip(&extents) {
                match (*common, extent) {
                    (a, b) if a == b => {}
                    (1, b) => *common = b,
                    (_, 1) => {}
                    _ => {
                        let shapes: Vec<String> =
                            tensors.iter().map(|(shape, _)| show_shape(shape)).collect();
                        return Err(format!("shapes {} do not broadcast", shapes.join(" and ")));
                    }
                }
            }
            aligned.push((extents, [vec![0; pad], strides].concat()));
        }
        // Axes as (extent, per input: its stride, or nothing where it has extent 1), those of extent 1 left out.
        let mut axes: Vec<(usize, Vec<Option<isize>>)> = Vec::new();
        for (axis, &extent) in shape.iter().enumerate().filter(|(_, e)| **e != 1) {
            let strides: Vec<Option<isize>> = aligned
                .iter()
                .map(|(own, strides)| (own[axis] == extent).then_some(strides[axis]))
                .collect();
            if let Some((outer, outer_strides)) = axes.last_mut() {
                let joins = outer_strides.iter().zip(&strides).all(|pair| match pair {
                    (Some(a), Some(b)) => b.checked_mul(extent as isize) == Some(*a),
                    (None, None) => true,
                    _ => false,
                });
                let whole = outer.checked_mul(extent).filter(|whole| *whole <= MOST);
                if let (true, Some(whole)) = (joins, whole) {
                    (*outer, *outer_strides) = (whole, strides);
                    continue;
                }
            }
            axes.push((extent, strides));
        }
        if axes.is_empty() {
            axes.push((1, vec![Some(1); tensors.len()]));
        }
        let by_input = |index: usize| axes.iter().map(move |(e, strides)| (*e, strides[index]));
        let mut result = Broadcast {
            shape,
            layout: Layout { full: Vec::new() },
            extents: axes.iter().map(|(extent, _)| *extent).collect(),
            inputs: Vec::new(),
            strides: Vec::new(),
        };
        for index in 0..tensors.len() {
            result.layout.full.push(by_input(index).map(|(_, s)| s.is_some()).collect());
            let own: Vec<usize> = by_input(index).map(|(e, s)| s.map_or(1, |_| e)).collect();
            let strides: Vec<isize> = by_input(index).map(|(_, s)| s.unwrap_or(0)).collect();
            let plain = row_major(&own);
            let same = own.iter().zip(&strides).zip(&plain).all(|((e, a), b)| *e == 1 || a == b);
            result.inputs.push(own);
            result.strides.push((!same).then_some(strides));
        }
        Ok(result)
    }

    /// The layout of the tensors that were broadcast, which have these shapes, with no axes joined: for a caller that passes
    /// them as they are.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn apart(&self, shapes: &[&[usize]]) -> Result<Layout, String> {
        let full = shapes.iter().map(|own| {
            let pad = self.shape.len() - own.len();
            let axes = self.shape.iter().enumerate();
            axes.map(move |(axis, &e)| e == if axis < pad { 1 } else { own[axis - pad] })
        });
        Layout::new(full.map(Iterator::collect).collect())
    }
}

fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1].saturating_mul(shape[axis + 1] as isize);
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tensors: &[(&[usize], Option<&[isize]>)]) -> Broadcast {
        Broadcast::of(tensors).unwrap()
    }

    #[test]
    fn contiguous_tensors_of_one_shape_are_flat() {
        let b = of(&[(&[2, 3, 4], None), (&[2, 3, 4], None)]);
        assert_eq!(b.layout, Layout::flat(2));
        assert_eq!((b.extents, b.strides), (vec![24], vec![None, None]));
        let one = of(&[(&[], None)]);
        assert_eq!((one.layout, one.shape, one.extents), (Layout::flat(1), vec![], vec![1]));
        assert_eq!(of(&[(&[3, 0, 2], None)]).extents, [0]);
        assert_eq!(of(&[(&[1, 5, 1], None)]).layout, Layout::flat(1));
    }

    #[test]
    fn axes_stay_apart_where_the_caller_passes_tensors_as_they_are() {
        let apart = |a: &[usize], b: &[usize]| of(&[(a, None), (b, None)]).apart(&[a, b]).unwrap();
        let layout = apart(&[2, 3, 8], &[8]);
        assert_eq!(layout, Layout { full: vec![vec![true; 3], vec![false, false, true]] });
        // An axis that is 1 for all is one that all have.
        let layout = apart(&[2, 1, 8], &[1, 1]);
        assert_eq!(layout, Layout { full: vec![vec![true; 3], vec![false, true, false]] });
    }

    #[test]
    fn axes_join_only_where_addresses_stay() {
        // A transposed matrix beside a plain one.
        let b = of(&[(&[4, 6], Some(&[1, 4])), (&[4, 6], None)]);
        assert_eq!(b.extents, [4, 6]);
        assert_eq!(b.strides, [Some(vec![1, 4]), None]);
        // Every second row: rows join with nothing.
        assert_eq!(of(&[(&[4, 6], Some(&[12, 1]))]).extents, [4, 6]);
        // Every second element of all: one axis with stride 2.
        let b = of(&[(&[4, 6], Some(&[12, 2]))]);
        assert_eq!((b.extents, b.strides), (vec![24], vec![Some(vec![2])]));
        // An axis of extent 1 may have any stride.
        assert_eq!(of(&[(&[4, 1], Some(&[1, 77]))]).strides, [None]);
    }

    #[test]
    fn broadcasting_is_numpy_s() {
        let b = of(&[(&[2, 1, 4], None), (&[3, 1], None), (&[], None)]);
        assert_eq!(b.shape, [2, 3, 4]);
        assert_eq!(b.inputs, [vec![2, 1, 4], vec![1, 3, 1], vec![1, 1, 1]]);
        assert_eq!(of(&[(&[5], None), (&[1], None)]).inputs, [vec![5], vec![1]]);
        assert_eq!(of(&[(&[0], None), (&[1], None)]).shape, [0]);
        let error = Broadcast::of(&[(&[2, 3], None), (&[4], None)]).unwrap_err();
        assert_eq!(error, "shapes [2, 3] and [4] do not broadcast");
        assert!(Broadcast::of(&[(&[2, 3], Some(&[1]))]).is_err());
    }

    #[test]
    fn a_layout_needs_each_axis_of_some_input() {
        assert!(Layout::new(vec![vec![true, false], vec![false, false]]).is_err());
        assert!(Layout::new(vec![vec![true], vec![true, true]]).is_err());
        assert!(Layout::new(vec![]).is_err());
    }
}
