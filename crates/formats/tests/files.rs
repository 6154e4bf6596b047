//! Files written and read back, and files that are wrong.

use std::path::{Path, PathBuf};
use tilewright_formats::{ElementType, FormatError, Tensor, TensorFile, replace_file, write};

/// An empty directory of this test alone.
fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A file of this header and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn parse(bytes: Vec<u8>) -> Result<TensorFile, FormatError> {
    TensorFile::parse(Path::new("in.safetensors"), bytes)
}

#[test]
fn what_is_written_reads_back() {
    let path = directory("round-trip").join("a.safetensors");
    let data: Vec<u8> = (0..24).map(|i| i % 2).collect();
    let tensors: Vec<Tensor> = ElementType::ALL
        .iter()
        .map(|e| Tensor::new(e.name(), *e, vec![2, 3], &data[..6 * e.size()]))
        .chain([
            Tensor::new("scalar", ElementType::F32, vec![], &data[..4]),
            Tensor::new("nothing", ElementType::F16, vec![0, 7], &[]),
            Tensor::new("wide", ElementType::F32, vec![0, usize::MAX, 2], &[]),
        ])
        .collect();
    write(&path, &tensors).unwrap();
    let read = TensorFile::open(&path).unwrap();
    assert_eq!(read.names().count(), tensors.len());
    for tensor in &tensors {
        assert_eq!(&read.tensor(&tensor.name).unwrap(), tensor);
    }
    // Every tensor starts at a multiple of its element's size, as readers that map files rely on.
    let bytes = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(header % 8, 0);
}

#[test]
fn long_integers_narrow_or_are_refused() {
    let header = r#"{"t":{"dtype":"I64","shape":[3],"data_offsets":[0,24]}}"#;
    let data = |values: [i64; 3]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let good = parse(file(header, &data([7, -1, i32::MAX as i64]))).unwrap();
    let tensor = good.tensor("t").unwrap();
    assert_eq!(tensor.dtype, ElementType::I32);
    assert_eq!(&tensor.bytes[4..8], (-1i32).to_le_bytes());

    let bad = parse(file(header, &data([7, 3_000_000_000, 1]))).unwrap();
    let error = bad.tensor("t").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("in.safetensors") && text.contains("`t`"), "{text}");
    assert!(text.contains("element 1") && text.contains("3000000000"), "{text}");
}

#[test]
fn each_fault_is_named() {
    let one = r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let overlap = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
                      "b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#;
    let huge = r#"{"t":{"dtype":"F32","shape":[18446744073709551615,9],"data_offsets":[0,8]}}"#;
    let twice = r#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                    "t":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut long = file(one, &[0; 8]);
    long[..8].copy_from_slice(&1000u64.to_le_bytes());
    let mut absurd = file(one, &[0; 8]);
    absurd[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    for (bytes, fault) in [
        (vec![1, 2, 3], "3 bytes long"),
        (b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0".to_vec(), "100 MB"),
        (absurd, "100 MB"),
        (long, "longer than the file"),
        (file(one, &[0; 7]), "not as many"),
        (file(one, &[0; 9]), "not as many"),
        (file("{\"t\":", &[]), "header: EOF"),
        (file("[1]", &[]), "header: "),
        (file(r#"{"t":{"dtype":"F33","shape":[],"data_offsets":[0,4]}}"#, &[0; 4]), "F33"),
        (file(overlap, &[0; 6]), "`b`"),
        (file(huge, &[0; 8]), "64 bits"),
        (file(twice, &[0; 4]), "tensor `t` is there twice"),
        (file(r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4]), "shape"),
    ] {
        let error = parse(bytes).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("in.safetensors: ") && text.contains(fault), "{fault}: {text}");
        assert!(!error.next.is_empty());
    }
}

#[test]
fn tensors_that_kernels_do_not_take_are_refused_when_asked_for() {
    let header = r#"{"b":{"dtype":"BOOL","shape":[2],"data_offsets":[8,10]},
                     "d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#;
    let read = parse(file(header, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 9])).unwrap();
    assert!(read.tensor("d").unwrap_err().to_string().contains("`d` is of type F64"));
    assert!(read.tensor("b").unwrap_err().to_string().contains("element 1 is the byte 9"));
    let missing = read.tensor("x").unwrap_err();
    assert!(missing.to_string().contains("no tensor `x`"));
    assert_eq!(missing.next, "it holds: b, d");
}

#[test]
fn writing_is_all_or_nothing() {
    let directory = directory("all-or-nothing");
    let path = directory.join("out.safetensors");
    std::fs::write(&path, "before").unwrap();
    let error = replace_file(&path, |file| {
        file.write_all(b"half")?;
        Err(std::io::Error::other("the disk is gone"))
    });
    assert!(error.unwrap_err().to_string().contains("the disk is gone"));
    assert_eq!(std::fs::read(&path).unwrap(), b"before");

    let short = Tensor::new("t", ElementType::F32, vec![2], &[0; 4]);
    assert!(write(&path, &[short]).unwrap_err().to_string().contains("`t`: 4 bytes"));
    let twice = Tensor::new("t", ElementType::U8, vec![1], &[0]);
    assert!(write(&path, &[twice.clone(), twice]).unwrap_err().to_string().contains("twice"));
    assert_eq!(std::fs::read(&path).unwrap(), b"before");

    // Nothing else is left in the directory.
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    assert!(write(&directory, &[]).unwrap_err().to_string().contains("is a directory"));
    let missing = write(&directory.join("no/out.safetensors"), &[]).unwrap_err();
    assert!(missing.to_string().contains("cannot write it"), "{missing}");
    assert!(TensorFile::open(&directory).unwrap_err().to_string().contains("is a directory"));
    let missing = TensorFile::open(&directory.join("no")).unwrap_err();
    assert!(missing.to_string().contains("No such file"), "{missing}");
}

#[cfg(unix)]
#[test]
fn devices_are_neither_read_nor_replaced() {
    let error = TensorFile::open(Path::new("/dev/zero")).unwrap_err();
    assert!(error.to_string().contains("not a regular file"));
    let error = write(Path::new("/dev/null"), &[]).unwrap_err();
    assert!(error.to_string().contains("not a regular file"));

    let directory = directory("links");
    let (file, link) = (directory.join("file"), directory.join("link"));
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    write(&link, &[]).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink(), "the link itself was replaced");
    assert!(TensorFile::open(&file).is_ok());
}
