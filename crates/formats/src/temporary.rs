//! Files and folders under way: they have another name until they are whole, and none stays behind.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this process has under way.
static UNDER_WAY: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn under_way() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // A panic elsewhere cannot leave the set half changed.
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes everything under way, for a process that is about to end because somebody interrupts it. As long as the
/// result lives, nothing new is begun and nothing takes its name.
#[must_use = "end the process before others go on"]
pub fn abandon() -> Abandoned {
    let mut all = under_way();
    for path in std::mem::take(&mut *all) {
        remove(&path);
    }
    Abandoned { _all: all }
}

/// See [`abandon`].
#[derive(Debug)]
pub struct Abandoned {
    _all: MutexGuard<'static, BTreeSet<PathBuf>>,
}

/// A file or folder under way; removed when dropped before it took its name.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// A new file in the directory of `target`.
    pub(crate) fn file(target: &Path) -> Result<(Temporary, File)> {
        Temporary::beside(target, |path| OpenOptions::new().write(true).create_new(true).open(path))
    }

    /// A new folder in the directory of `target`.
    pub(crate) fn folder(target: &Path) -> Result<Temporary> {
        Ok(Temporary::beside(target, |path| std::fs::create_dir(path))?.0)
    }

    fn beside<T>(target: &Path, make: impl Fn(&Path) -> Result<T>) -> Result<(Temporary, T)> {
        let name = target.file_name().ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        let name = name.to_string_lossy();
        let mut all = under_way();
        let mut attempt = 0u32;
        loop {
            let unique = format!(".{name}.{}-{attempt}.tmp", std::process::id());
            let path = target.with_file_name(unique);
            match make(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
                Err(e) => return Err(e),
                Ok(made) => {
                    all.insert(path.clone());
                    return Ok((Temporary { path }, made));
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name.
    pub(crate) fn rename(self, target: &Path) -> Result<()> {
        let mut all = under_way();
        std::fs::rename(&self.path, target)?;
        all.remove(&self.path);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if under_way().remove(&self.path) {
            remove(&self.path);
        }
    }
}

fn remove(path: &Path) {
    // The reason why it is removed is the one to tell.
    let _ = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
}
