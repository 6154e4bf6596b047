//! Random weights: what a model of them takes is known before one is made.

use std::path::Path;
use tilewright_formats::{Affine, Checkpoint};
use tilewright_models::describe;
use tilewright_nn::{DType, Runtime, Weights};

#[test]
fn listed_weights_have_the_bytes_of_those_that_are_made() {
    let runtime = Runtime::open("cpu").unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in [
        "qwen3_moe",
        "gemma2",
        "llama-bias",
        "smollm3",
        "qwen2_moe",
        "deepseek_v3",
        "lfm2-bias",
        "lfm2_moe",
    ] {
        let checkpoint = Checkpoint::open(&fixtures.join(name)).unwrap();
        let decoder = describe(checkpoint.config()).unwrap();
        for format in
            [None, Some(Affine { bits: 4, group: 32 }), Some(Affine { bits: 3, group: 32 })]
        {
            let listed = Weights::random_listed(runtime.clone(), DType::BF16, format);
            let (listed, _) = decoder.list(&listed).unwrap();
            let made = Weights::random(runtime.clone(), DType::BF16, format);
            let (_, made) = decoder.build_listed(made).unwrap();
            assert!(made.iter().any(|part| part.bytes > 0));
            assert_eq!(listed, made, "{name} {format:?}");
        }
    }
}
