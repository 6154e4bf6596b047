//! Configurations and weights that somebody broke: an error each, never a panic, and no memory that no file fills.

use std::path::{Path, PathBuf};
use tilewright_formats::{Checkpoint, Config, ElementType, Tensor, TensorFile, write};
use tilewright_models::describe;
use tilewright_nn::{Runtime, Weights};

/// Numbers that repeat from run to run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// A device that runs nothing.
fn null() -> std::sync::Arc<Runtime> {
    Runtime::open("null").unwrap()
}

/// What nobody expects in a field.
const ABSURD: [&str; 20] = [
    "0",
    "1",
    "-1",
    "3",
    "7",
    "1.5",
    "-0.0",
    "1e308",
    "1e-308",
    "2147483647",
    "2147483648",
    "18446744073709551615",
    "null",
    "true",
    "\"\"",
    "\"silu\"",
    "[]",
    "[1, -2, 1e300]",
    "{}",
    "{\"rope_type\": \"yarn\", \"factor\": 1e300, \"bits\": 4, \"group_size\": 64}",
];

/// Checks everything of a checkpoint that `load` checks, reading no weight; whether it was refused.
fn refused(folder: &Path) -> bool {
    let Ok(checkpoint) = Checkpoint::open(folder) else { return true };
    let Ok(decoder) = describe(checkpoint.config()) else { return true };
    let listed = Weights::listed(&checkpoint, null()).and_then(|weights| decoder.list(&weights));
    let Err(error) = listed else { return false };
    assert!(!error.to_string().is_empty() && error.next_step().is_some(), "{error}");
    true
}

#[test]
fn absurd_fields_are_refused_or_harmless() {
    let (mut dice, mut count) = (Dice(1), 0);
    for folder in fixtures() {
        let checkpoint = Checkpoint::open(&folder).unwrap();
        let config = checkpoint.config();
        for name in config.names() {
            for value in ABSURD {
                let value: serde_json::Value = serde_json::from_str(value).unwrap();
                let mut changed = config.clone().with(name, value);
                // Now and then another field too.
                if dice.below(4) == 0 {
                    let names: Vec<&str> = config.names().collect();
                    let other = names[dice.below(names.len())];
                    let value = serde_json::from_str(ABSURD[dice.below(ABSURD.len())]).unwrap();
                    changed = changed.with(other, value);
                }
                // What could be a model must fit the tensors, or say which does not; making modules takes a while.
                if let (Ok(decoder), 0) = (describe(&changed), dice.below(200)) {
                    let weights = Weights::listed(&checkpoint, null()).unwrap();
                    let _ = decoder.list(&weights);
                }
                count += 1;
            }
        }
    }
    assert!(count > 5000, "{count}");
}

#[test]
fn nested_fields_too() {
    for folder in fixtures() {
        let config = Config::open(&folder.join("config.json")).unwrap();
        for field in ["rope_parameters", "rope_scaling", "quantization"] {
            let Some(object) = config.object(field).unwrap() else { continue };
            for name in object.names() {
                for value in ABSURD {
                    let mut inner: serde_json::Value =
                        serde_json::from_str(&object.to_text()).unwrap();
                    inner[name] = serde_json::from_str(value).unwrap();
                    let changed = config.clone().with(field, inner);
                    let _ = describe(&changed);
                    let _ = tilewright_formats::Quantization::of(&changed);
                }
            }
        }
    }
}

/// Parts of models that take images too; nothing reads them.
const IMAGES: [&str; 2] = ["vision_tower.", "multi_modal_projector."];

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let (mut dice, mut broken) = (Dice(2), 0);
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    for folder in fixtures() {
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir_all(&scratch).unwrap();
        std::fs::copy(folder.join("config.json"), scratch.join("config.json")).unwrap();
        assert!(!refused(&folder), "{} is sound", folder.display());
        let file = TensorFile::open(&folder.join("model.safetensors")).unwrap();
        for _ in 0..6 {
            let mut tensors: Vec<Tensor<'_>> =
                file.names().map(|name| file.tensor(name).unwrap()).collect();
            let read: Vec<usize> = (0..tensors.len())
                .filter(|&i| !IMAGES.iter().any(|part| tensors[i].name.starts_with(part)))
                .collect();
            let chosen = read[dice.below(read.len())];
            let tensor = &mut tensors[chosen];
            match dice.below(5) {
                0 => drop(tensors.remove(chosen)),
                1 => {
                    let flat = tensor.shape.iter().product();
                    tensor.shape = vec![1, flat];
                }
                2 => {
                    // As many bytes of another type.
                    let count = tensor.bytes.len();
                    (tensor.dtype, tensor.shape) = (ElementType::U8, vec![count]);
                }
                3 => (tensor.shape, tensor.bytes) = (vec![0], Vec::new().into()),
                _ => tensor.name = format!("{}x", tensor.name).into(),
            }
            write(&scratch.join("model.safetensors"), &tensors).unwrap();
            assert!(refused(&scratch), "{} with a wrong tensor", folder.display());
            broken += 1;
        }
        // Cut short, and a byte of the header changed.
        let whole = std::fs::read(folder.join("model.safetensors")).unwrap();
        for _ in 0..6 {
            std::fs::write(scratch.join("model.safetensors"), &whole[..dice.below(whole.len())])
                .unwrap();
            assert!(refused(&scratch));
            let mut changed = whole.clone();
            let at = dice.below(400);
            changed[at] ^= 1 << dice.below(8);
            std::fs::write(scratch.join("model.safetensors"), &changed).unwrap();
            let _ = refused(&scratch);
        }
    }
    assert!(broken > 100);
}
