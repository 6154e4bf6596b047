//! Names the text of the compiler: what it made of a program is found again as long as it would make the same of it.
//!
//! The text is that of the crates between a recorded program and machine code. Where one does not lie beside this one, the
//! name is empty, and nothing is found again but machine code by its source.

use std::path::{Path, PathBuf};

/// The crates, from this one's folder.
const CRATES: [&str; 4] = ["../ir/src", "../passes/src", "../target/src", "src"];

fn main() {
    let text = CRATES.iter().try_fold(Vec::new(), |mut text, folder| {
        println!("cargo::rerun-if-changed={folder}");
        read(Path::new(folder), &mut text).map(|()| text)
    });
    let name = text.map_or_else(|_| String::new(), |text| format!("{:032x}", fnv(&text)));
    println!("cargo::rustc-env=TILEWRIGHT_COMPILER={name}");
}

/// Adds the names and contents of all files below a folder.
fn read(folder: &Path, text: &mut Vec<u8>) -> std::io::Result<()> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read(&path, text)?;
            continue;
        }
        let content = std::fs::read(&path)?;
        text.extend_from_slice(path.to_string_lossy().as_bytes());
        text.extend_from_slice(&(content.len() as u64).to_le_bytes());
        text.extend_from_slice(&content);
    }
    Ok(())
}

/// FNV-1a of 128 bits (Fowler, Noll and Vo).
fn fnv(text: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}
