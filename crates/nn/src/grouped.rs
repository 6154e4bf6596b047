//! Many tokens through a mixture of experts: the tokens of each expert are put side by side, so that its weights meet
//! all of them in one product. Everything is counted and placed on the device; the host waits for nothing.

use crate::linear::FEW_ROWS;
use crate::unpacked::dequantize;
use crate::{DType, Kernels, MoeShape, Result, Tensor};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// Rows of one expert that a program multiplies: what an expert has fewer of in its last block is work for nothing, but
/// large blocks read the weights less often.
const BLOCKS: [usize; 4] = [32, 48, 64, 128];

/// Rows that each expert has on average up to which blocks are the first and the second of [`BLOCKS`], where those pay: most
/// experts have one block then.
const FEW: [usize; 2] = [22, 36];

/// Rows that each expert has on average from which on blocks are large. On an H100, 128 experts of 256 rows each on
/// average and 768 columns of 2048 weights: 0.402 ms in large blocks, 0.440 in small ones.
const MANY: usize = 128;

/// The first of [`BLOCKS`] for products that only take large ones well.
const LARGE: usize = 2;

/// Rows that each expert has on average from which on sorting pays: experts read their weights once a block, and before
/// that once a token.
const ROWS: usize = 2;

/// The kernels around the experts' products.
pub(crate) struct Grouped {
    shape: MoeShape,
    /// The device gains by it at all.
    sorts: bool,
    /// The products of all three projections take small blocks.
    small: bool,
    count: Callable,
    place: [Callable; BLOCKS.len()],
    dispatch: Callable,
    combine: Callable,
}

/// Where each token's rows are, and whose each block of rows is.
pub(crate) struct Rows {
    rows: Tensor,
    /// Which of [`BLOCKS`].
    size: usize,
    /// `u32[blocks]`.
    owners: Tensor,
}

impl Grouped {
    /// Those of a mixture of `shape`; `small` says whether all its products [take](Product::takes_small) small blocks.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(kernels: &Kernels, shape: MoeShape, small: bool) -> Result<Grouped> {
        let k = [("k", shape.per_token)];
        Ok(Grouped {
            shape,
            sorts: kernels.unpacks_from() != usize::MAX,
            small,
            count: kernels.get("expert_counts", &[])?,
            place: each(|block| kernels.get("expert_rows", &[block]))?,
            dispatch: kernels.get("moe_dispatch_rows", &k)?,
            combine: kernels.get("moe_combine_rows", &k)?,
        })
    }

    /// True when so many tokens are worth sorting.
    pub fn pays(&self, tokens: usize) -> bool {
        let MoeShape { experts, per_token, .. } = self.shape;
        self.sorts && tokens > FEW_ROWS && tokens * per_token >= ROWS * experts
    }

    /// The rows of the tokens whose experts are `indices` `u32[tokens, k]`, for products of `dtype`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn rows(&self, indices: &Tensor, dtype: DType) -> Result<Rows> {
        let (slots, experts) = (indices.len(), self.shape.experts);
        let counts = self.count.bind().input("indices", indices).size("experts", experts);
        let counts = counts.run()?.single()?;
        let small = FEW.iter().position(|few| slots <= few * experts);
        let size = match small.filter(|_| self.small && dtype != DType::F32) {
            Some(small) => small,
            None => LARGE + usize::from(slots >= MANY * experts),
        };
        let blocks = (slots / BLOCKS[size] + experts).min(slots);
        let placed = self.place[size].bind().input("indices", indices).input("counts", &counts);
        let [rows, owners] = placed.size("blocks", blocks).run()?.pair()?;
        Ok(Rows { rows, size, owners })
    }

    /// The tokens `[tokens, depth]` in those rows.
    ///
    /// # Errors
    /// When the device fails.
    pub fn sorted(&self, x: &Tensor, to: &Rows) -> Result<Tensor> {
        let call = self.dispatch.bind().input("x", x).input("rows", &to.rows);
        call.size("places", to.owners.len() * BLOCKS[to.size]).run()?.single()
    }

    /// The weighted sum of each token's rows of `x`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn combined(&self, x: &Tensor, weights: &Tensor, from: &Rows) -> Result<Tensor> {
        self.combine.call(&[&from.rows, weights, x])
    }
}

/// The product of blocks of rows, each with the weight of the expert that owns it.
pub(crate) struct Product {
    /// The weight is multiplied as it is packed.
    packed: bool,
    /// What makes a packed weight floats, where the product takes floats alone.
    dequantize: Option<Callable>,
    multiply: [Callable; BLOCKS.len()],
}

impl Product {
    /// With float weights.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn dense(kernels: &Kernels) -> Result<Product> {
        let multiply = each(|block| kernels.get("grouped_linear", &[block]))?;
        Ok(Product { packed: false, dequantize: None, multiply })
    }

    /// With packed weights: as they are in the format that devices multiply at once, as floats in the others.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn packed(kernels: &Kernels, format: Affine) -> Result<Product> {
        let constants = [("bits", format.bits), ("group", format.group)];
        if format != (Affine { bits: 4, group: 64 }) {
            let dequantize = Some(dequantize(kernels, format)?);
            return Ok(Product { dequantize, ..Product::dense(kernels)? });
        }
        let multiply = each(|block| {
            kernels.get("grouped_quantized_linear", &[constants[0], constants[1], block])
        })?;
        Ok(Product { packed: true, dequantize: None, multiply })
    }

    /// True where small blocks of halves cost less than large ones.
    pub fn takes_small(&self) -> bool {
        self.packed
    }

    /// `x` `[rows, depth]` times the weight, in its kernels' order: `[rows, columns]`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn of(&self, x: &Tensor, weight: &[Tensor], rows: &Rows) -> Result<Tensor> {
        let multiply = &self.multiply[rows.size];
        let weight: Vec<&Tensor> = weight.iter().collect();
        match &self.dequantize {
            Some(dequantize) => multiply.call(&[x, &rows.owners, &dequantize.call(&weight)?]),
            None => multiply.call(&[[x, &rows.owners].as_slice(), &weight].concat()),
        }
    }
}

/// A kernel for each size of blocks.
fn each(
    kernel: impl Fn((&'static str, usize)) -> Result<Callable>,
) -> Result<[Callable; BLOCKS.len()]> {
    let [a, b, c, d] = BLOCKS.map(|block| kernel(("block", block)));
    Ok([a?, b?, c?, d?])
}
