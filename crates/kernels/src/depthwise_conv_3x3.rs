//! Depthwise convolution of images `[batch, height, width, channels]` with a 3x3 window a channel: stride 1, zeros
//! beyond the border, not flipped (cross-correlation, as neural networks mean it).

use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static DEPTHWISE_CONV_3X3: Entry = Entry {
    name: "depthwise_conv_3x3",
    family: Family::Image,
    summary: "3x3 convolution of each channel by itself",
    formula: "y[i, j, c] = Σ_di,dj∈{-1,0,1} x[i+di, j+dj, c] w[di+1, dj+1, c], zero outside",
    signature: "x: T[batch, height, width, channels], w: T[3, 3, channels] \
                -> y: T[batch, height, width, channels]",
    build: |k, a| depthwise_conv_3x3(k, a["x"], a["w"], a["y"]),
    reference: conv_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[("batch", 1), ("height", 1), ("width", 1), ("channels", 1)]),
        Case::of(&[("batch", 2), ("height", 5), ("width", 7), ("channels", 3)]),
        Case::of(&[("batch", 1), ("height", 2), ("width", 33), ("channels", 64)]),
        Case::of(&[("batch", 1), ("height", 3), ("width", 4), ("channels", 0)]),
        Case::of(&[("batch", 4), ("height", 112), ("width", 112), ("channels", 64)]).bench(),
    ],
    flops: Some(|a| 18.0 * a.tensor("x").len() as f64),
};

/// Convolution in f64, one output after the other.
fn conv_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (height, width, channels) = (a.size("height"), a.size("width"), a.size("channels"));
    let w = a.tensor("w");
    let mut y = Vec::new();
    for image in a.rows("x", height * width * channels) {
        for (i, j, c) in (0..height * width * channels)
            .map(|n| (n / channels / width, n / channels % width, n % channels))
        {
            let mut sum = 0.0;
            for (di, dj) in (0..9).map(|n| (n / 3, n % 3)) {
                // Row i + di - 1 and column j + dj - 1, where they lie inside.
                let (row, column) = (i + di, j + dj);
                if (1..=height).contains(&row) && (1..=width).contains(&column) {
                    let pixel = image[((row - 1) * width + column - 1) * channels + c];
                    sum += pixel * w[(di * 3 + dj) * channels + c];
                }
            }
            y.push(sum);
        }
    }
    vec![y]
}

/// One program a row of an image.
pub fn depthwise_conv_3x3(k: &mut Kernel, x: View, w: View, y: View) {
    let (image, row) = (k.program(), k.programs(y.size(1)));
    let x = x.row(image); // [height, width, channels]
    let width = x.size(1);
    let mut sum = k.full(F32, &[width, x.size(2)], 0.0);
    for (di, dj) in (0..9).map(|n| (n / 3, n % 3)) {
        // Beyond the border a window is 0.
        let window = x.rows(row + (di - 1), 1).rows(dj - 1, width).load(); // [1, width, channels]
        let pixels = window.reshape(&[width, x.size(2)]).to(F32);
        let weight = w.row(di).row(dj).load().to(F32); // [channels]
        sum = sum + pixels * weight;
    }
    y.row(image).row(row).store(sum);
}
