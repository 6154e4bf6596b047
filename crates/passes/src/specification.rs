//! Whether a program says what a text says.
//!
//! A target may have code of its own for a whole program: the tile program is its specification. What says the same runs by
//! that code, whatever its name; what does not runs as any other.

use crate::pipeline;
use tilewright_ir::text::{parse, print};
use tilewright_ir::{DType, Extent, ParamId, Program};

/// True when `program`, which is optimized, says from its parameters on what `specification` says with these words put in.
pub fn says(program: &Program, specification: &str, words: &[(&str, &str)]) -> bool {
    let put = |text: String, (word, by): &(&str, &str)| text.replace(word, by);
    let text = words.iter().fold(specification.to_string(), put);
    let Ok(mut specified) = parse(&text) else { return false };
    pipeline::optimize(&mut specified);
    let said = |program: &Program| {
        let text = print(&program.compact());
        text.split_once('(').map(|(_, said)| said.to_string())
    };
    said(program) == said(&specified)
}

/// Causal attention of many queries over all keys, in a half type: the tile program in `attention.ir`, for so many query
/// heads a key head and features a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CausalAttention {
    /// The half type of all tensors.
    pub dtype: DType,
    /// Query heads of a key head.
    pub group: usize,
    /// Features of a head.
    pub head_dim: usize,
    /// The heads of a query lie side by side in the result.
    pub merged: bool,
    /// Scores are kept inside a bound: `cap tanh(score / cap)`, the scalar after the scale.
    pub capped: bool,
}

impl CausalAttention {
    /// That which `program`, which is optimized, is.
    pub fn of(program: &Program) -> Option<CausalAttention> {
        let capped = match program.params.len() {
            6 => false,
            7 => true,
            _ => return None,
        };
        let (dtype, shape) = program.tensor(ParamId(0))?;
        let [_, Extent::Dim { times: group, .. }, queries, Extent::Const(head_dim)] = *shape else {
            return None;
        };
        if !matches!(dtype, DType::F16 | DType::BF16) {
            return None;
        }
        let merged =
            program.tensor(ParamId(program.params.len() as u32 - 1))?.1.get(1) == Some(&queries);
        let (laid, placed) = match merged {
            false => ("batch, GROUP*kv_heads, queries", "%2, %3, %6..+64"),
            true => ("batch, queries, GROUP*kv_heads", "%2, %6..+64, %3"),
        };
        let (cap, bound, scores) = match capped {
            false => ("", "", "%39: f32[64, 64] = mul %38, %0"),
            true => (
                " softcap: scalar f32 = 50.0,",
                "%89: f32 = scalar softcap\n",
                "%90: f32[64, 64] = mul %38, %0\n%91: f32[64, 64] = div %90, %89\n\
                 %92: f32[64, 64] = tanh %91\n%39: f32[64, 64] = mul %92, %89",
            ),
        };
        let words = [
            ("CAP", cap),
            ("BOUND", bound),
            ("SCORES", scores),
            ("TYPE", dtype.name()),
            ("LAID", laid),
            ("PLACED", placed),
            ("GROUP", &group.to_string()),
            ("DIM", &head_dim.to_string()),
        ];
        let is_one = says(program, include_str!("specification/attention.ir"), &words);
        is_one.then_some(CausalAttention { dtype, group, head_dim, merged, capped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_count_and_words_do() {
        let text = "dims n\nkernel double(x: in TYPE[n], y: out TYPE[n])\n%0: TYPE[n] = load x[:]\n\
                    %1: TYPE[n] = add %0, %0\nstore y[:] = %1\n";
        let mut program = parse(&text.replace("TYPE", "f32").replace("double", "twice")).unwrap();
        pipeline::optimize(&mut program);
        assert!(says(&program, text, &[("TYPE", "f32")]));
        assert!(!says(&program, text, &[("TYPE", "i32")]));
        assert!(!says(&program, &text.replace("add", "mul"), &[("TYPE", "f32")]));
        assert!(!says(&program, "nothing", &[]));
    }
}
