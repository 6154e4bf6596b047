//! A tensor in print: dtype, shape, and a few elements of each axis.

use crate::Tensor;
use std::fmt;
use tilewright_ir::bind::show_shape;

/// Elements shown at either end of a longer axis.
const EDGE: usize = 3;

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} ", self.dtype(), show_shape(self.shape()))?;
        show(self, f, 1)
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn show(tensor: &Tensor, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
    let Some(&extent) = tensor.shape().first() else {
        return match tensor.item() {
            Ok(value) => number(value, f),
            Err(_) => f.write_str("?"),
        };
    };
    f.write_str("[")?;
    let mut separate = false;
    for i in 0..extent {
        let skipped = extent > 2 * EDGE && (EDGE..extent - EDGE).contains(&i);
        if skipped && i > EDGE {
            continue;
        }
        if separate && tensor.rank() > 1 {
            write!(f, ",\n{:depth$}", "")?;
        } else if separate {
            f.write_str(", ")?;
        }
        separate = true;
        if skipped {
            f.write_str("...")?;
            continue;
        }
        match tensor.narrow(0, i, 1) {
            Ok(row) => show(&row.without_first_axis(), f, depth + 1)?,
            Err(_) => f.write_str("?")?,
        }
    }
    f.write_str("]")
}

fn number(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = value.abs();
    if value == value.trunc() && size < 1e9 {
        write!(f, "{value}")
    } else if (1e-4..1e6).contains(&size) {
        let digits = 5 - (size.log10().floor() as i32).clamp(-4, 5);
        write!(f, "{value:.*}", digits as usize)
    } else {
        write!(f, "{value:.5e}")
    }
}
