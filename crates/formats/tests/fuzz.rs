//! The reader against damaged files: an error or a tensor that lies inside the file, never a panic.

use std::path::Path;
use tilewright_formats::{Config, Index, Quantization, TensorFile};

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn seed_file() -> Vec<u8> {
    let header = concat!(
        r#"{"__metadata__":{"format":"pt"},"#,
        r#""long":{"dtype":"I64","shape":[2,2],"data_offsets":[0,32]},"#,
        r#""half":{"dtype":"F16","shape":[4],"data_offsets":[32,40]},"#,
        r#""flag":{"dtype":"BOOL","shape":[3,1],"data_offsets":[40,43]},"#,
        r#""none":{"dtype":"U8","shape":[0,5],"data_offsets":[43,43]}}"#
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([0; 43]);
    bytes
}

/// One to four faults: bits, bytes, lengths, pieces of JSON, cuts and copies.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    const PIECES: &[&str] = &[
        "-1",
        "18446744073709551615",
        "99999999999999999999",
        "1e400",
        "null",
        "[]",
        "{}",
        "\"",
        "F64",
        "F4",
        "\\u0000",
        "\u{e9}",
        ",",
        "0",
        "[0,0]",
        "\"shape\":[]",
        "9223372036854775807",
    ];
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes.extend(std::iter::repeat_n(random.next() as u8, random.below(16))),
            4 if bytes.len() >= 8 => {
                let shift = random.below(64);
                bytes[..8].copy_from_slice(&(random.next() >> shift).to_le_bytes());
            }
            5 => {
                let piece = PIECES[random.below(PIECES.len())].as_bytes();
                let end = (at + random.below(piece.len() + 2)).min(bytes.len());
                let change = piece.len() as i64 - (end - at) as i64;
                bytes.splice(at..end, piece.iter().copied());
                // Keep the header's length right in most files, so that the fault itself is reached.
                if bytes.len() >= 8 && random.below(4) > 0 {
                    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap_or_default());
                    let length = length.wrapping_add_signed(change);
                    bytes[..8].copy_from_slice(&length.to_le_bytes());
                }
            }
            _ => {
                let end = (at + random.below(24)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let (mut opened, mut refused) = (0, 0);
    for seed in 0..200_000 {
        let mut bytes = seed_file();
        damage(&mut bytes, &mut Random(seed));
        let length = bytes.len();
        match TensorFile::parse(Path::new("fuzz.safetensors"), bytes) {
            Err(error) => {
                refused += 1;
                assert!(!error.next.is_empty(), "seed {seed}: {error}");
            }
            Ok(file) => {
                opened += 1;
                for name in file.names() {
                    if let Ok(tensor) = file.tensor(name) {
                        let count: usize = tensor.shape.iter().product();
                        assert_eq!(tensor.bytes.len(), count * tensor.dtype.size(), "seed {seed}");
                        assert!(tensor.bytes.len() <= length, "seed {seed}");
                    }
                }
            }
        }
    }
    // Both sides were exercised: a fuzzer that only ever sees one proves nothing of the other.
    assert!(opened > 2_000 && refused > 50_000, "opened {opened}, refused {refused}");
}

/// Faults in JSON text that keep it text.
fn damage_text(text: &str, random: &mut Random) -> String {
    const PIECES: &[&str] = &[
        "-1",
        "18446744073709551615",
        "1e999",
        "null",
        "[]",
        "{}",
        "\"",
        "\\",
        "../",
        "\u{0}",
        ",",
        "0.5",
        "true",
        "[[[[",
        "\"bits\":",
        "\u{1f600}",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(4) {
        let at = random.below(chars.len());
        let end = (at + random.below(8)).min(chars.len());
        match random.below(4) {
            0 => chars.truncate(at),
            1 => {
                let copy = chars[at..end].to_vec();
                let to = random.below(chars.len() + 1);
                chars.splice(to..to, copy);
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                chars.splice(at..end, piece.chars());
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn damaged_descriptions_never_panic() {
    let index = r#"{"metadata": {"total_size": 8}, "weight_map": {"a": "m.safetensors", "b": "n.safetensors"}}"#;
    let config = r#"{"quantization": {"group_size": 64, "bits": 4, "x.y": {"group_size": 32, "bits": 8}, "z": false}}"#;
    let (mut read, mut refused) = (0, 0);
    for seed in 0..100_000 {
        let mut random = Random(seed);
        let path = Path::new("fuzz.json");
        match Index::parse(path, &damage_text(index, &mut random)) {
            Ok(index) => {
                read += 1;
                // Whatever the index says, no file of it lies elsewhere.
                assert!(
                    index.files().all(|f| Path::new(f).components().count() == 1),
                    "seed {seed}"
                );
            }
            Err(error) => {
                refused += 1;
                assert!(!error.next.is_empty(), "seed {seed}: {error}");
            }
        }
        let parsed = Config::parse(path, &damage_text(config, &mut random));
        if let Ok(Some(quantization)) = parsed.and_then(|config| Quantization::of(&config)) {
            assert!(quantization.format("x.y").is_none_or(|format| format.bits <= 8));
        }
    }
    assert!(read > 1_000 && refused > 10_000, "read {read}, refused {refused}");
}
