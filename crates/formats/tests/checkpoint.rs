//! Checkpoints: what is read, and what is refused with file, field and next step.

use std::path::{Path, PathBuf};
use tilewright_formats::{Affine, Checkpoint, ElementType, Tensor, write};

fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("checkpoint-{test}"));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn tensor(name: &str, dtype: ElementType, shape: &[usize]) -> Tensor<'static> {
    let bytes = shape.iter().product::<usize>() * dtype.size();
    Tensor::owned(name.into(), dtype, shape.to_vec(), (0..bytes).map(|i| i as u8).collect())
}

/// A directory with a configuration, files, and an index that says what `map` says.
fn checkpoint(
    test: &str,
    config: &str,
    files: &[(&str, &[Tensor])],
    map: &[(&str, &str)],
) -> PathBuf {
    let path = directory(test);
    std::fs::write(path.join("config.json"), config).unwrap();
    for (name, tensors) in files {
        write(&path.join(name), tensors).unwrap();
    }
    if !map.is_empty() {
        let entries: Vec<String> = map.iter().map(|(t, f)| format!("{t:?}: {f:?}")).collect();
        let index = format!("{{\"metadata\": {{}}, \"weight_map\": {{{}}}}}", entries.join(", "));
        std::fs::write(path.join("model.safetensors.index.json"), index).unwrap();
    }
    path
}

#[track_caller]
fn refused(path: &Path, fault: &str) {
    let error = Checkpoint::open(path).unwrap_err();
    assert!(error.to_string().contains(fault), "{error}");
    assert!(error.next.len() > 10, "{error}");
}

const QUANTIZED: &str =
    r#"{"quantization": {"group_size": 32, "bits": 3, "b": {"group_size": 64, "bits": 8}}}"#;

#[test]
fn of_a_model_that_takes_images_the_text_counts() {
    let names =
        ["language_model.model.norm.weight", "language_model.lm_head.scales", "vision_tower.w"];
    let tensors = names.map(|name| tensor(name, ElementType::F32, &[3]));
    let config = r#"{"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}, "quantization":
        {"group_size": 32, "bits": 4, "language_model.lm_head": {"group_size": 64, "bits": 8}},
        "tie_word_embeddings": true}"#;
    let path = checkpoint("images", config, &[("model.safetensors", &tensors)], &[]);
    let read = Checkpoint::open(&path).unwrap();
    assert_eq!(read.names().collect::<Vec<_>>(), ["lm_head.scales", "model.norm.weight"]);
    assert!(read.contains("model.norm.weight") && !read.contains(names[0]));
    assert_eq!(read.tensor("model.norm.weight").unwrap().name, "model.norm.weight");
    assert_eq!(read.config().text("model_type").unwrap(), Some("gemma3_text"));
    assert!(read.is_part());
    // There is a head, whatever is said.
    assert_eq!(read.config().flag("tie_word_embeddings").unwrap(), Some(false));
    // Its format is that of 8 bits, whose words are missing.
    let error = read.affine("lm_head", &[1, 64]).unwrap_err().to_string();
    assert!(error.contains("has no tensor `lm_head.weight`"), "{error}");
    // A configuration of that form over tensors of another is what it says itself.
    let plain = [tensor("model.norm.weight", ElementType::F32, &[3])];
    let path = checkpoint("no-images", config, &[("model.safetensors", &plain)], &[]);
    let read = Checkpoint::open(&path).unwrap();
    assert_eq!(read.config().text("model_type").unwrap(), Some("gemma3"));
}

#[test]
fn tensors_come_from_the_files_of_the_index() {
    let (a, b) = (tensor("a.w", ElementType::F32, &[2, 3]), tensor("b", ElementType::BF16, &[4]));
    let files: &[(&str, &[Tensor])] = &[
        ("m-1.safetensors", std::slice::from_ref(&a)),
        ("m-2.safetensors", std::slice::from_ref(&b)),
    ];
    let map = [("a.w", "m-1.safetensors"), ("b", "m-2.safetensors")];
    let path = checkpoint("sharded", "{}", files, &map);
    let read = Checkpoint::open(&path).unwrap();
    assert_eq!(read.names().collect::<Vec<_>>(), ["a.w", "b"]);
    assert_eq!(read.tensor("a.w").unwrap().bytes(), &a.bytes[..]);
    assert_eq!(read.tensor("b").unwrap().shape, [4]);
    let missing = read.tensor("a.x").unwrap_err();
    assert!(missing.to_string().contains("no tensor `a.x`") && missing.next.contains("a.w"));

    let single = checkpoint("single", "{}", &[("model.safetensors", &[a])], &[]);
    assert!(Checkpoint::open(&single).unwrap().contains("a.w"));
}

#[test]
fn broken_directories_are_refused() {
    refused(&directory("x").join("absent"), "does not exist");
    refused(&directory("empty"), "config.json");
    refused(&checkpoint("no-tensors", "{}", &[], &[]), "neither model.safetensors nor");
    let a = [tensor("a", ElementType::F32, &[2])];
    let one: &[(&str, &[Tensor])] = &[("model.safetensors", &a)];
    refused(&checkpoint("json", "{", one, &[]), "is not JSON");
    for escape in ["../model.safetensors", "/etc/passwd", "a\\b.safetensors", "config.json", ""] {
        let path = checkpoint("escape", "{}", one, &[("a", escape)]);
        refused(&path, "weight_map.a");
    }
    refused(&checkpoint("gone", "{}", one, &[("a", "other.safetensors")]), "other.safetensors");
    refused(&checkpoint("mixed", "{}", one, &[("b", "model.safetensors")]), "holds `b`");
    let cut = checkpoint("cut", "{}", one, &[]);
    let bytes = std::fs::read(cut.join("model.safetensors")).unwrap();
    for length in [0, 7, 20, bytes.len() - 1] {
        std::fs::write(cut.join("model.safetensors"), &bytes[..length]).unwrap();
        refused(&cut, "model.safetensors");
    }
}

#[cfg(unix)]
#[test]
fn links_may_lead_out_but_not_in_circles() {
    let path = checkpoint("links", "{}", &[], &[("a", "m.safetensors")]);
    // A download cache keeps the bytes elsewhere and links to them.
    let blob = directory("blobs").join("0123");
    write(&blob, &[tensor("a", ElementType::F32, &[2])]).unwrap();
    std::os::unix::fs::symlink(&blob, path.join("m.safetensors")).unwrap();
    assert!(Checkpoint::open(&path).unwrap().contains("a"));
    std::fs::remove_file(path.join("m.safetensors")).unwrap();
    std::os::unix::fs::symlink("m.safetensors", path.join("m.safetensors")).unwrap();
    refused(&path, "m.safetensors: cannot read it");
}

#[test]
fn quantized_weights_are_checked_against_their_format() {
    let weight = |shape: &[usize], scales: &[usize], kind| {
        [
            tensor("a.weight", ElementType::U32, shape),
            tensor("a.scales", kind, scales),
            tensor("a.biases", kind, scales),
        ]
    };
    let open = |tensors: &[Tensor]| {
        Checkpoint::open(&checkpoint("affine", QUANTIZED, &[("model.safetensors", tensors)], &[]))
            .unwrap()
    };
    let good = open(&weight(&[5, 6], &[5, 2], ElementType::BF16));
    let affine = good.affine("a", &[5, 64]).unwrap().unwrap();
    assert_eq!(affine.format, Affine { bits: 3, group: 32 });
    assert!(good.affine("b", &[5, 64]).unwrap().is_none());
    for (shape, fault) in [
        (&[5, 96][..], "`a.weight` has shape"),
        (&[5, 65], "no multiple"),
        (&[4, 64], "`a.weight` has shape"),
        (&[1, 5, 64], "`a.weight` has shape"),
        (&[5, usize::MAX / 32 * 32], "`a.weight` has shape"),
    ] {
        let error = good.affine("a", shape).unwrap_err();
        assert!(error.to_string().contains(fault), "{shape:?}: {error}");
    }
    let integers = open(&weight(&[5, 6], &[5, 2], ElementType::I32));
    assert!(integers.affine("a", &[5, 64]).unwrap_err().to_string().contains("float"));
    let [w, s, _] = weight(&[5, 6], &[5, 2], ElementType::F16);
    assert!(open(&[w, s]).affine("a", &[5, 64]).unwrap_err().to_string().contains("`a.biases`"));
}
