//! The axes of a tensor that are a row of a reduction.

/// Which axes are a row: the last one, unless others are named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Over {
    axes: Option<Vec<isize>>,
    all: bool,
    keeps: bool,
}

impl Over {
    pub(super) fn axes(&mut self, axes: &[isize]) {
        (self.axes, self.all) = (Some(axes.to_vec()), false);
    }

    pub(super) fn all(&mut self) {
        self.all = true;
    }

    pub(super) fn keep(&mut self) {
        self.keeps = true;
    }

    /// True when the result of a reduction has these axes with extent 1.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// The axes of a tensor of `rank` axes that stay and those that are a row, both in order.
    ///
    /// # Errors
    /// When it has no such axis, or one is named twice.
    pub fn of(&self, rank: usize) -> Result<(Vec<usize>, Vec<usize>), String> {
        let named = match &self.axes {
            _ if self.all => (0..rank as isize).collect(),
            None => vec![-1],
            Some(axes) => axes.clone(),
        };
        let mut row = Vec::with_capacity(named.len());
        for axis in named {
            let place = if axis < 0 { axis + rank as isize } else { axis };
            let place = usize::try_from(place).ok().filter(|&place| place < rank);
            let place =
                place.ok_or_else(|| format!("a tensor of {rank} axes has no axis {axis}"))?;
            if row.contains(&place) {
                return Err(format!("axis {place} is named twice"));
            }
            row.push(place);
        }
        row.sort_unstable();
        Ok(((0..rank).filter(|axis| !row.contains(axis)).collect(), row))
    }
}

#[cfg(test)]
mod tests {
    use super::Over;

    #[test]
    fn axes_count_from_either_end() {
        let over = |axes: &[isize]| Over { axes: Some(axes.to_vec()), ..Over::default() };
        assert_eq!(Over::default().of(3), Ok((vec![0, 1], vec![2])));
        assert_eq!(over(&[-1, 0]).of(3), Ok((vec![1], vec![0, 2])));
        assert_eq!(over(&[]).of(2), Ok((vec![0, 1], vec![])));
        assert_eq!(Over { all: true, ..Over::default() }.of(0), Ok((vec![], vec![])));
        assert_eq!(over(&[2]).of(2).unwrap_err(), "a tensor of 2 axes has no axis 2");
        assert_eq!(over(&[-3]).of(2).unwrap_err(), "a tensor of 2 axes has no axis -3");
        assert_eq!(over(&[1, -1]).of(2).unwrap_err(), "axis 1 is named twice");
        assert!(Over::default().of(0).is_err());
    }
}
