//! Packed weights against mlx_lm.convert: `convert.py` wrote digests of every tensor that it makes of the checkpoints of
//! floats, and of what mx.quantize makes of some numbers.

use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tilewright_formats::{Affine, Checkpoint, ElementType, TensorFile};
use tilewright_models::Conversion;
use tilewright_nn::Runtime;

/// A line of the table.
struct Line {
    model: String,
    format: Affine,
    dtype: Option<ElementType>,
    tensor: String,
    kind: String,
    shape: String,
    digest: String,
}

fn lines() -> Vec<Line> {
    let table = include_str!("convert.tsv");
    let line = |text: &str| {
        let fields: Vec<&str> = text.split('\t').collect();
        let [model, bits, group, dtype, tensor, kind, shape, digest] = fields[..] else {
            panic!("{text}");
        };
        let dtype = match dtype {
            "float32" => Some(ElementType::F32),
            "bfloat16" => Some(ElementType::BF16),
            "float16" => Some(ElementType::F16),
            _ => None,
        };
        let format = Affine { bits: bits.parse().unwrap(), group: group.parse().unwrap() };
        let [model, tensor, kind, shape, digest] =
            [model, tensor, kind, shape, digest].map(String::from);
        Line { model, format, dtype, tensor, kind, shape, digest }
    };
    table.lines().map(line).collect()
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> String {
    let step = |found: u64, byte: &u8| (found ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The numbers of `convert.py`: -1 .. 1, with rows of zeros, of one value, and of large ones.
fn numbers() -> Vec<f32> {
    let mut state = 1u32;
    let number = |i: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let value = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
        match i / 256 {
            3 => 0.0,
            5 => 0.25,
            7 => value * 1000.0,
            _ => value,
        }
    };
    (0..16 * 256).map(number).collect()
}

#[test]
fn numbers_are_packed_as_mlx_packs_them() {
    let mut seen = 0;
    for line in lines().iter().filter(|line| line.model == "numbers") {
        let dtype = line.dtype.unwrap();
        let values = dtype.floats(&dtype.bytes(&numbers()).unwrap()).unwrap();
        let packed = line.format.quantize(&values);
        let bytes = match line.tensor.as_str() {
            "weight" => packed.words,
            "scales" => dtype.bytes(&packed.scales).unwrap(),
            _ => dtype.bytes(&packed.biases).unwrap(),
        };
        let (tensor, Affine { bits, group }) = (&line.tensor, line.format);
        assert_eq!(digest(&bytes), line.digest, "{tensor}, {bits} bits, {group}, {dtype}");
        seen += 1;
    }
    assert_eq!(seen, 6 * 3 * 3 * 3);
}

fn plan(
    checkpoint: &Checkpoint,
    format: Affine,
    dtype: Option<ElementType>,
) -> tilewright_nn::Result<Conversion<'_>> {
    Conversion::plan(checkpoint, Runtime::open("null")?, format, dtype)
}

/// The checkpoint of floats of that name, with the fields that mlx-lm reads.
fn floats(model: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join(if model == "qwen3_moe" { "convert" } else { "fixtures" }).join(model)
}

/// Families that the mlx-lm which wrote the table, 0.29.1, does not know.
const NOT_IN_MLX_LM: [&str; 1] = ["glm4_moe_lite"];

#[test]
fn checkpoints_are_packed_as_mlx_lm_packs_them() {
    let lines: Vec<Line> = lines().into_iter().filter(|line| line.model != "numbers").collect();
    let mut families = Vec::new();
    for asked in lines.iter().filter(|line| line.tensor == "config.json") {
        let (model, format) = (&asked.model, asked.format);
        let checkpoint = Checkpoint::open(&floats(model)).unwrap_or_else(|e| panic!("{e}"));
        families.push(checkpoint.config().text("model_type").unwrap().unwrap().to_string());
        let conversion = plan(&checkpoint, format, asked.dtype);
        let conversion = conversion.unwrap_or_else(|e| panic!("{model}: {e}"));
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{model}-{}", format.bits));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        conversion.write(&folder, |_| ControlFlow::Continue(())).unwrap();
        let written = TensorFile::open(&folder.join("model.safetensors")).unwrap();
        let own = |line: &&Line| line.model == *model && line.format == format && line.kind != "-";
        let mut expected: Vec<&str> = Vec::new();
        for line in lines.iter().filter(own) {
            let found = written.tensor(&line.tensor).unwrap_or_else(|e| panic!("{model}: {e}"));
            let shape: Vec<String> = found.shape.iter().map(usize::to_string).collect();
            let told = [found.dtype.name(), &shape.join("x"), &digest(&found.bytes)].join(" ");
            let [kind, shape, digest] = [&line.kind, &line.shape, &line.digest];
            assert_eq!(told, format!("{kind} {shape} {digest}"), "{model} {}", line.tensor);
            expected.push(&line.tensor);
        }
        assert_eq!(written.names().collect::<Vec<_>>(), expected, "{model}");
        let told: Value = serde_json::from_str(&asked.digest).unwrap();
        let config: Value = serde_json::from_str(&conversion.config()).unwrap();
        for field in ["quantization", "quantization_config"] {
            assert_eq!(config[field], told, "{model}");
        }
    }
    families.extend(NOT_IN_MLX_LM.map(String::from));
    families.sort();
    families.dedup();
    let all: Vec<&str> =
        tilewright_models::FAMILIES.iter().map(|family| family.model_type).collect();
    assert_eq!(families, all, "each family is converted");
}

#[test]
fn what_is_packed_or_broken_is_refused() {
    let format = Affine { bits: 4, group: 32 };
    let packed = Checkpoint::open(&floats("llama-4bit")).unwrap();
    let error = plan(&packed, format, None).err().unwrap();
    assert!(error.to_string().contains("is packed already, 4 bits in groups of 32"), "{error}");
    let whole = Checkpoint::open(&floats("llama")).unwrap();
    let error = plan(&whole, format, Some(ElementType::I32)).err().unwrap();
    assert!(error.to_string().contains("i32"), "{error}");

    // A NaN in a weight.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nan");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(floats("llama").join("config.json"), folder.join("config.json")).unwrap();
    let mut bytes = std::fs::read(floats("llama").join("model.safetensors")).unwrap();
    let last = bytes.len() - 2;
    bytes[last..].copy_from_slice(&0x7fc0u16.to_le_bytes());
    std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
    let broken = Checkpoint::open(&folder).unwrap();
    let conversion = plan(&broken, format, None).unwrap();
    // Into another folder: the tensors are read from the file while it is written.
    let packed = folder.with_file_name("nan-packed");
    let _ = std::fs::remove_dir_all(&packed);
    std::fs::create_dir_all(&packed).unwrap();
    let error = conversion.write(&packed, |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("holds NaN"), "{error}");
}
