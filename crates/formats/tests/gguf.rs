//! GGUF files: what is read from them, and what is refused.

use std::path::Path;
use tilewright_formats::{Block, Gguf, TensorFile};

/// Bytes of a header under way.
#[derive(Default)]
struct Header(Vec<u8>);

impl Header {
    fn u32(mut self, value: u32) -> Header {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Header {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn text(self, text: &str) -> Header {
        let mut header = self.u64(text.len() as u64);
        header.0.extend(text.as_bytes());
        header
    }
}

/// A sound file: a text, a number, a list, and two tensors.
fn sound() -> Vec<u8> {
    let header = Header(b"GGUF".to_vec()).u32(3).u64(2).u64(3);
    let header = header.text("general.architecture").u32(8).text("llama");
    let header = header.text("llama.block_count").u32(4).u32(2);
    let header = header.text("list").u32(9).u32(8).u64(2).text("a").text("bc");
    let header = header.text("x").u32(2).u64(2).u64(3).u32(0).u64(0);
    let header = header.text("packed").u32(2).u64(32).u64(2).u32(2).u64(32);
    let mut bytes = header.0;
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    let start = bytes.len();
    bytes.extend([1f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()));
    bytes.resize(start + 32, 0);
    bytes.extend((0..36).map(|i| i as u8));
    bytes
}

/// File `number` of several: one tensor of a number, its own.
fn part(number: u64, files: u32, name: &str) -> Vec<u8> {
    let header = Header(b"GGUF".to_vec()).u32(3).u64(1).u64(3);
    let header = header.text("split.no").u32(10).u64(number);
    let header = header.text("split.count").u32(4).u32(files);
    let header = header.text("split.tensors.count").u32(5).u32(2);
    let header = header.text(name).u32(1).u64(1).u32(0).u64(0);
    let mut bytes = header.0;
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend((number as f32).to_le_bytes());
    bytes
}

fn parse(bytes: Vec<u8>) -> Result<Gguf, tilewright_formats::FormatError> {
    Gguf::parse(Path::new("model.gguf"), bytes)
}

#[test]
fn several_files_are_one_model() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gguf-parts");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let path = |number: usize| folder.join(format!("m-{number:05}-of-00002.gguf"));
    let write = |number: usize, bytes: Vec<u8>| std::fs::write(path(number), bytes).unwrap();
    let refused = |path: &Path| Gguf::map(path).map(drop).unwrap_err().to_string();
    write(1, part(0, 2, "a"));
    assert!(refused(&path(1)).contains("m-00002-of-00002.gguf: cannot read it"));
    write(2, part(1, 2, "b"));
    let whole = Gguf::map(&path(1)).unwrap();
    assert_eq!(whole.names().collect::<Vec<_>>(), ["a", "b"]);
    for (name, value) in [("a", 0.0), ("b", 1.0)] {
        let tensor = whole.tensor(name).unwrap();
        assert_eq!(tensor.block.floats(tensor.bytes), [value]);
    }
    let later = Gguf::map(&path(2)).unwrap_err();
    assert!(later.what.contains("is file 2 of 2"), "{later}");
    assert!(later.next.contains("m-00001-of-00002.gguf"), "{later}");
    write(2, part(1, 2, "a"));
    assert!(refused(&path(1)).contains("tensor `a` is in an earlier file too"));
    write(2, part(0, 2, "b"));
    assert!(refused(&path(1)).contains("is not file 2 of 2"));
    write(2, part(1, 2, "b"));
    let renamed = folder.join("other.gguf");
    std::fs::rename(path(1), &renamed).unwrap();
    assert!(refused(&renamed).contains("its name does not tell theirs"));
    write(1, part(0, u32::MAX, "a"));
    assert!(refused(&path(1)).contains("`split.count`"));
}

#[test]
fn a_file_says_what_it_holds() {
    let file = parse(sound()).unwrap();
    let metadata = file.metadata();
    assert_eq!(metadata.text("general.architecture"), Ok(Some("llama")));
    assert_eq!(metadata.size("llama.block_count"), Ok(Some(2)));
    assert_eq!(metadata.texts("list"), Ok(Some(vec!["a".into(), "bc".into()])));
    assert_eq!(file.names().collect::<Vec<_>>(), ["packed", "x"]);
    let x = file.tensor("x").unwrap();
    assert_eq!((x.block, x.shape), (Block::F32, &[3, 2][..]));
    assert_eq!(x.block.floats(x.bytes), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let packed = file.tensor("packed").unwrap();
    assert_eq!((packed.block, packed.shape, packed.bytes.len()), (Block::Q4_0, &[2, 32][..], 36));
    assert!(file.tensor("absent").is_none());
}

#[test]
fn blocks_hold_what_llama_cpp_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gguf/blocks.safetensors");
    let file = TensorFile::open(&path).unwrap();
    let mut compared = 0;
    for block in Block::ALL {
        let Ok(bytes) = file.tensor(&format!("{}.bytes", block.name())) else { continue };
        let expected = file.tensor(&format!("{}.floats", block.name())).unwrap();
        let expected = expected.dtype.floats(&expected.bytes).unwrap();
        assert_eq!(block.floats(&bytes.bytes), expected, "{}", block.name());
        assert_eq!(block.bytes_of(&[expected.len()]), Some(bytes.bytes.len()));
        compared += 1;
        let Some(affine) = block.affine() else { continue };
        let groups = block.groups(&bytes.bytes);
        assert_eq!(groups.scales.len(), expected.len() / affine.group);
        // The words, unpacked as MLX does.
        let words = groups.words(affine.bits);
        let bit = |at: usize| (words[at / 8] >> (at % 8)) & 1;
        let integer =
            |i: usize| (0..affine.bits).map(|b| bit(i * affine.bits + b) << b).sum::<u8>();
        for (i, x) in expected.iter().enumerate() {
            let found = groups.scales[i / 32] * integer(i) as f32 + groups.biases[i / 32];
            assert_eq!(found, *x, "{} at {i}", block.name());
        }
    }
    assert_eq!(compared, 12);
    assert_eq!(Block::Q4_K.bytes_of(&[3, 128]), None);
    assert_eq!(Block::F32.bytes_of(&[usize::MAX, 3]), None);
}

#[test]
fn each_fault_is_named() {
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = sound();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let find = |what: &str| {
        let file = sound();
        file.windows(what.len()).position(|window| window == what.as_bytes()).unwrap()
    };
    let most = u64::MAX.to_le_bytes();
    let packed = find("packed") + 6;
    for (bytes, fault) in [
        (b"GGUF".to_vec(), "ends within its header"),
        (changed(0, b"GGML"), "does not begin with GGUF"),
        (changed(4, &[9]), "version 9"),
        (changed(8, &most), "cannot hold"),
        (changed(16, &most), "cannot hold"),
        (changed(find("general") - 8, &most), "cannot hold"),
        (changed(packed + 4, &[31]), "no whole blocks"),
        (changed(packed + 12, &most), "too large"),
        (changed(packed + 20, &[99]), "type 99"),
        (changed(packed + 24, &most), "beyond the end"),
        (changed(packed + 24, &[0]), "overlap"),
        (changed(packed, &[200]), "200 axes"),
        (sound()[..sound().len() - 1].to_vec(), "beyond the end"),
    ] {
        let error = parse(bytes).unwrap_err();
        assert!(error.to_string().contains(fault), "expected {fault}: {error}");
        assert!(error.to_string().starts_with("model.gguf: ") && !error.next.is_empty());
    }
}

#[test]
fn damaged_files_never_panic() {
    let mut state = 11u64;
    let mut below = |n: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n.max(1)
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..30_000 {
        let mut bytes = sound();
        for _ in 0..1 + below(3) {
            let at = below(bytes.len());
            match below(4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = [0, 1, 127, 128, 255][below(5)],
                2 => bytes[at] ^= 1 << below(8),
                _ => {
                    let end = (at + 8).min(bytes.len());
                    bytes[at..end].fill([0, 255][below(2)]);
                }
            }
        }
        match parse(bytes) {
            Ok(file) => {
                read += 1;
                for tensor in file.names().filter_map(|name| file.tensor(name)) {
                    let _ = (tensor.block.floats(tensor.bytes), tensor.block.groups(tensor.bytes));
                }
            }
            Err(error) => {
                refused += 1;
                assert!(!error.what.is_empty() && !error.next.is_empty());
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} {refused}");
}
