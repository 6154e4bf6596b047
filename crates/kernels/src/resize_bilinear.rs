//! Bilinear resizing of images `[batch, height, width, channels]` with half-pixel centres: the value at output row i is
//! taken at input row (i + 1/2) height / out_height - 1/2, clamped to the image, between its two neighbours; likewise
//! for columns. (PyTorch's `align_corners=False`.)

use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Size, Tile, View};

/// The catalog's row.
pub static RESIZE_BILINEAR: Entry = Entry {
    name: "resize_bilinear",
    family: Family::Image,
    summary: "bilinear resizing with half-pixel centres",
    formula: "y[i, j] = mix of the four neighbours of x at ((i+½) h/h' - ½, (j+½) w/w' - ½), clamped",
    signature: "x: T[batch, height, width, channels] -> y: T[batch, out_height, out_width, channels]",
    build: |k, a| resize_bilinear(k, a["x"], a["y"]),
    reference: resize_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[
            ("batch", 1),
            ("height", 1),
            ("width", 1),
            ("channels", 1),
            ("out_height", 1),
            ("out_width", 1),
        ]),
        Case::of(&[
            ("batch", 2),
            ("height", 7),
            ("width", 5),
            ("channels", 3),
            ("out_height", 13),
            ("out_width", 3),
        ]),
        Case::of(&[
            ("batch", 1),
            ("height", 4),
            ("width", 4),
            ("channels", 3),
            ("out_height", 0),
            ("out_width", 2),
        ]),
        Case::of(&[
            ("batch", 1),
            ("height", 17),
            ("width", 31),
            ("channels", 8),
            ("out_height", 17),
            ("out_width", 64),
        ]),
        Case::of(&[
            ("batch", 4),
            ("height", 480),
            ("width", 640),
            ("channels", 3),
            ("out_height", 224),
            ("out_width", 224),
        ])
        .bench(),
    ],
    flops: None,
};

/// Resizing in f64, one pixel after the other.
fn resize_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (height, width, channels) = (a.size("height"), a.size("width"), a.size("channels"));
    let (out_height, out_width) = (a.size("out_height"), a.size("out_width"));
    let neighbours = |i: usize, size: usize, out: usize| {
        let at = ((i as f64 + 0.5) * size as f64 / out as f64 - 0.5).clamp(0.0, size as f64 - 1.0);
        (at as usize, (at as usize + 1).min(size - 1), at.fract())
    };
    let mix = |a: f64, b: f64, share: f64| a * (1.0 - share) + b * share;
    let mut y = Vec::new();
    for image in a.rows("x", height * width * channels) {
        for i in 0..out_height {
            let (top, bottom, down) = neighbours(i, height, out_height);
            for j in 0..out_width {
                let (left, right, across) = neighbours(j, width, out_width);
                for c in 0..channels {
                    let pixel = |i: usize, j: usize| image[(i * width + j) * channels + c];
                    let upper = mix(pixel(top, left), pixel(top, right), across);
                    let lower = mix(pixel(bottom, left), pixel(bottom, right), across);
                    y.push(mix(upper, lower, down));
                }
            }
        }
    }
    vec![y]
}

/// The two input positions next to each output position, and the share of the second. In integers, since f32 would
/// lose the fraction of a large position: (2i + 1) size - out counts in units of 1 / (2 out). Exact while
/// 2 size out < 2³¹.
fn neighbours(position: Tile, size: Size, out: Size) -> (Tile, Tile, Tile) {
    let place = ((position * 2 + 1) * size - out).max(0);
    let unit = 2 * out;
    let last = size.tile() - 1;
    let first = (place / unit).min(last);
    (first, (first + 1).min(last), (place % unit).to(F32) / unit)
}

/// One program a row of an output image.
pub fn resize_bilinear(k: &mut Kernel, x: View, y: View) {
    let (image, row) = (k.program(), k.programs(y.size(1)));
    let x = x.row(image); // [height, width, channels]
    let y = y.row(image);
    let (top, bottom, down) = neighbours(row, x.size(0), y.size(0));
    let columns = y.size(1);
    let (left, right, across) = neighbours(k.iota(columns), x.size(1), columns); // [out_width]
    let across = across.column(); // [out_width, 1]
    let mixed = |row: Tile| {
        let (left, right) = (x.row(row).gather(left).load(), x.row(row).gather(right).load());
        left.to(F32) * (1.0 - across) + right.to(F32) * across // [out_width, channels]
    };
    y.row(row).store(mixed(top) * (1.0 - down) + mixed(bottom) * down);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_gives_the_published_vector() {
        let sizes =
            [("height", 2), ("width", 3), ("channels", 1), ("out_height", 3), ("out_width", 4)];
        let case = sizes.iter().fold(Inputs::default(), |a, (name, size)| a.with_size(name, *size));
        let y = resize_f64(&case.with_tensor("x", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).remove(0);
        let expected = [1.0, 1.625, 2.375, 3.0, 2.5, 3.125, 3.875, 4.5, 4.0, 4.625, 5.375, 6.0];
        assert!(y.iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-12), "{y:?}");
    }
}
