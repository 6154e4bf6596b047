//! The layouts in which checkpoints hold the experts of a layer: one by one, put together as mlx-lm does, gates and ups of all
//! in one tensor as transformers does, and packed one by one as older ones of MLX. They are the same model.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tilewright_formats::{Affine, Checkpoint, Tensor, TensorFile, write};
use tilewright_models::{Conversion, load};
use tilewright_nn::{DType, Logits, Runtime};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("experts").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn logits(folder: &Path) -> Result<Vec<f32>, String> {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let model = load(&checkpoint, Runtime::open("cpu").unwrap(), Some(DType::F32));
    let model = model.map_err(|e| e.to_string())?;
    let ids: Vec<u32> = (0..40).map(|k| k * 7 % 64).collect();
    let mut cache = model.cache(1, ids.len()).unwrap();
    let logits = model.prefill(&mut cache, 0, &ids, Logits::All).unwrap().unwrap();
    Ok(logits.to_vec::<f32>().unwrap())
}

#[test]
fn fused_experts_convert_to_the_same_bytes() {
    for (plain, fused) in [("mixtral", "mixtral_fused"), ("qwen3_moe", "qwen3_moe_fused")] {
        assert_eq!(logits(&fixture(plain)).unwrap(), logits(&fixture(fused)).unwrap(), "{plain}");
        let converted = |name: &str| {
            let (from, to) = (fixture(name), folder(&format!("{name}-packed")));
            let checkpoint = Checkpoint::open(&from).unwrap();
            let format = Affine { bits: 4, group: 32 };
            let null = Runtime::open("null").unwrap();
            let plan = Conversion::plan(&checkpoint, null, format, None).unwrap();
            assert!(plan.unused().is_empty(), "{name}: {:?}", plan.unused());
            plan.write(&to, |_| ControlFlow::Continue(())).unwrap();
            std::fs::read(to.join("model.safetensors")).unwrap()
        };
        assert!(converted(plain) == converted(fused), "{plain}");
    }
}

/// A copy of a fixture whose tensors `change` renames, cuts and copies.
fn changed(
    from: &str,
    name: &str,
    change: impl Fn(&str, &[usize], &[u8]) -> Vec<(String, Vec<usize>, Vec<u8>)>,
) -> PathBuf {
    let to = folder(name);
    std::fs::copy(fixture(from).join("config.json"), to.join("config.json")).unwrap();
    let file = TensorFile::open(&fixture(from).join("model.safetensors")).unwrap();
    let mut all = Vec::new();
    for name in file.names() {
        let tensor = file.tensor(name).unwrap();
        for (name, shape, bytes) in change(name, &tensor.shape, &tensor.bytes) {
            all.push((name, tensor.dtype, shape, bytes));
        }
    }
    let all: Vec<Tensor<'_>> = all
        .iter()
        .map(|(name, dtype, shape, bytes)| Tensor {
            name: name.as_str().into(),
            dtype: *dtype,
            shape: shape.clone(),
            bytes: bytes.as_slice().into(),
        })
        .collect();
    write(&to.join("model.safetensors"), &all).unwrap();
    to
}

/// `switch_mlp` of mixtral cut into experts.
fn cut(name: &str, shape: &[usize], bytes: &[u8]) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let Some((layer, rest)) = name.split_once("switch_mlp.") else {
        return vec![(name.into(), shape.to_vec(), bytes.to_vec())];
    };
    let (projection, kind) = rest.split_once('.').unwrap();
    let one = match projection {
        "gate_proj" => "w1",
        "up_proj" => "w3",
        _ => "w2",
    };
    let pieces = bytes.chunks(bytes.len() / shape[0]).enumerate();
    let name = |expert| format!("{layer}experts.{expert}.{one}.{kind}");
    pieces.map(|(k, piece)| (name(k), shape[1..].to_vec(), piece.to_vec())).collect()
}

#[test]
fn experts_may_be_packed_one_by_one() {
    let whole = logits(&fixture("mixtral-4bit")).unwrap();
    assert_eq!(logits(&changed("mixtral-4bit", "each", cut)).unwrap(), whole);
    // One of them is missing, or of another width.
    let lacking = changed("mixtral-4bit", "lacking", |name, shape, bytes| {
        let mut cut = cut(name, shape, bytes);
        cut.retain(|(name, ..)| !name.contains("layers.1.block_sparse_moe.experts.3.w3.scales"));
        cut
    });
    let error = logits(&lacking).unwrap_err();
    assert!(error.contains("experts.3.w3` is not packed, the experts before it are"), "{error}");
}

#[test]
fn what_is_fused_otherwise_is_refused() {
    let turned = changed("mixtral_fused", "turned", |name, shape, bytes| {
        let mut shape = shape.to_vec();
        if name.ends_with("gate_up_proj") {
            shape.swap(1, 2);
        }
        vec![(name.into(), shape, bytes.to_vec())]
    });
    let error = logits(&turned).unwrap_err();
    assert!(error.contains("gate_up_proj` has shape [4, 32, 64]"), "{error}");
    assert!(error.contains("config.json makes it [4, 64, 32]"), "{error}");
}
