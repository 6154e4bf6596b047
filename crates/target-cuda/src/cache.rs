//! Machine code on disk: what was compiled once is read the next time.
//!
//! A file is named by a hash of what it was made from: for machine code the source, the architecture and the version of
//! NVRTC, for an outline the program, the schedule and the text of our own compiler too. It is written beside its place and
//! then moved there, so a reader finds it whole or not at all; one that is damaged is compiled anew. The oldest go
//! when there is too much.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Bytes that a folder holds at most.
const BOUND: u64 = 256 << 20;

/// What every file begins with.
const MAGIC: &[u8; 8] = b"twcubin2";

/// A folder of machine code.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    bound: u64,
}

/// What machine code was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub u128);

impl Key {
    /// The key of all that it depends on.
    pub fn of<const PARTS: usize>(parts: [&str; PARTS]) -> Key {
        Key(fnv(parts.map(str::as_bytes)))
    }
}

impl Cache {
    /// The cache in `folder`, which is made when something is kept.
    pub fn new(folder: PathBuf) -> Cache {
        Cache { folder, bound: BOUND }
    }

    fn path(&self, key: Key) -> PathBuf {
        self.folder.join(format!("{:032x}.cubin", key.0))
    }

    /// What was kept by that key, if it is there and whole.
    pub fn find(&self, key: Key) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(key)).ok()?;
        let rest = bytes.strip_prefix(MAGIC)?;
        let (owner, rest) = rest.split_first_chunk::<16>()?;
        let (sum, image) = rest.split_first_chunk::<16>()?;
        let whole =
            u128::from_le_bytes(*owner) == key.0 && u128::from_le_bytes(*sum) == fnv([image]);
        whole.then(|| image.to_vec())
    }

    /// Keeps it. A folder that cannot be written keeps nothing, which only costs time.
    pub fn keep(&self, key: Key, image: &[u8]) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let beside = self.folder.join(format!("{:032x}.{}.{number}", key.0, std::process::id()));
        let mut bytes = Vec::with_capacity(40 + image.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&key.0.to_le_bytes());
        bytes.extend_from_slice(&fnv([image]).to_le_bytes());
        bytes.extend_from_slice(image);
        let kept = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&beside, &bytes))
            .and_then(|()| fs::rename(&beside, self.path(key)));
        match kept {
            Ok(()) => self.keep_bound(),
            Err(_) => drop(fs::remove_file(&beside)),
        }
    }

    /// Removes the oldest files where there are more bytes than allowed, until half of that is left.
    fn keep_bound(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                let path = entry.path();
                is_ours(&path).then(|| Some((about.modified().ok()?, about.len(), path)))?
            })
            .collect();
        let mut total: u64 = files.iter().map(|(_, len, _)| len).sum();
        if total <= self.bound {
            return;
        }
        files.sort();
        for (_, len, path) in files {
            if total <= self.bound / 2 {
                break;
            }
            // Another process may have removed it.
            let _ = fs::remove_file(path);
            total -= len;
        }
    }
}

/// True for the names that a cache gives, unfinished files included.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (key, rest) = name.split_once('.').unwrap_or_default();
    key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()) && !rest.is_empty()
}

/// FNV-1a of 128 bits (Fowler, Noll and Vo), eight bytes at a time, of parts and their lengths: not against an attacker,
/// who could write the folder anyway.
fn fnv<const PARTS: usize>(parts: [&[u8]; PARTS]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = OFFSET;
    let mut take = |word: u64| hash = (hash ^ u128::from(word)).wrapping_mul(PRIME);
    for part in parts {
        let (words, rest) = part.as_chunks::<8>();
        words.iter().for_each(|word| take(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| take(u64::from(*byte)));
        take(part.len() as u64);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tilewright-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let folder = folder("kept");
        let cache = Cache::new(folder.clone());
        let key = Key::of(["source", "sm_90", "13.0"]);
        assert_eq!(cache.find(key), None);
        cache.keep(key, b"machine code");
        assert_eq!(cache.find(key).as_deref(), Some(&b"machine code"[..]));
        for other in [
            Key::of(["source ", "sm_90", "13.0"]),
            Key::of(["source", "sm_80", "13.0"]),
            Key::of(["source", "sm_90", "12.8"]),
        ] {
            assert_ne!(other, key);
            assert_eq!(cache.find(other), None);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn damaged_files_are_not_used() {
        let folder = folder("damaged");
        let cache = Cache::new(folder.clone());
        let key = Key::of(["source", "sm_90", "13.0"]);
        cache.keep(key, b"machine code");
        let whole = fs::read(cache.path(key)).unwrap();
        for cut in 0..whole.len() {
            fs::write(cache.path(key), &whole[..cut]).unwrap();
            assert_eq!(cache.find(key), None, "cut after {cut} bytes");
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(cache.path(key), &flipped).unwrap();
            assert_eq!(cache.find(key), None, "byte {at} flipped");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_oldest_go_first_and_strangers_stay() {
        let folder = folder("bound");
        let cache = Cache { folder: folder.clone(), bound: 1000 };
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("notes.txt"), [0; 5000]).unwrap();
        let key = |n: usize| Key::of([&n.to_string(), "sm_90", "13.0"]);
        for n in 0..10 {
            cache.keep(key(n), &[n as u8; 200]);
            let file = fs::File::options().write(true).open(cache.path(key(n))).unwrap();
            let age = std::time::Duration::from_secs(100 - n as u64);
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        let there: Vec<usize> = (0..10).filter(|&n| cache.find(key(n)).is_some()).collect();
        assert!(!there.is_empty() && there.len() < 5, "{there:?}");
        assert!(there.contains(&9) && !there.contains(&0), "{there:?}");
        assert!(folder.join("notes.txt").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_reader_beside_writers_finds_it_whole_or_not_at_all() {
        let folder = folder("atomic");
        let cache = Cache::new(folder.clone());
        let key = Key::of(["source", "sm_90", "13.0"]);
        let image = vec![7u8; 300_000];
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..20).for_each(|_| cache.keep(key, &image)));
            }
            // Until the first write there is no file; after it every read must find a whole one.
            let mut there = false;
            for _ in 0..200 {
                let present = cache.path(key).exists();
                let found = cache.find(key);
                assert!(found.as_ref().is_none_or(|found| *found == image));
                assert!(found.is_some() || !(there || present), "a file in parts was seen");
                there |= found.is_some();
            }
        });
        assert_eq!(cache.find(key), Some(image));
        // Nothing half made is left, and what a killed process left does not count as a kernel.
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::rename(cache.path(key), folder.join(format!("{:032x}.1.0", key.0))).unwrap();
        assert_eq!(cache.find(key), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_keeps_nothing() {
        let cache = Cache::new(PathBuf::from("/proc/nowhere"));
        let key = Key::of(["source", "sm_90", "13.0"]);
        cache.keep(key, b"machine code");
        assert_eq!(cache.find(key), None);
    }
}
