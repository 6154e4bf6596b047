//! The bytes of a file, in memory or mapped.

use crate::FormatError;
use memmap2::Mmap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The bytes of a file: read into memory, or mapped read-only.
#[derive(Debug)]
pub struct FileBytes(Source);

#[derive(Debug)]
enum Source {
    Owned(Vec<u8>),
    Mapped(Mmap),
}

impl std::ops::Deref for FileBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Source::Owned(bytes) => bytes,
            Source::Mapped(map) => map,
        }
    }
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> FileBytes {
        FileBytes(Source::Owned(bytes))
    }
}

impl FileBytes {
    /// Reads a regular file.
    pub(crate) fn read(path: &Path) -> Result<FileBytes, FormatError> {
        let (mut file, length) = regular(path)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(length).is_err() {
            return Err(FormatError::new(
                path,
                format!("its {length} bytes do not fit into memory"),
                "split the file, or use a machine with more memory",
            ));
        }
        let read = file.by_ref().take(length as u64).read_to_end(&mut bytes);
        read.map_err(|e| FormatError::io(path, "read it", &e))?;
        Ok(bytes.into())
    }

    /// Maps a regular file: its pages are read when they are used, and are the system's to drop again. Whoever cuts
    /// the file short meanwhile ends the process that reads the lost pages, as for every program that maps files.
    pub(crate) fn map(path: &Path) -> Result<FileBytes, FormatError> {
        let (file, length) = regular(path)?;
        if length == 0 {
            return Ok(Vec::new().into());
        }
        // SAFETY: the mapping is private and read-only, and its bytes are only ever read as plain numbers.
        let map = unsafe { Mmap::map(&file) };
        map.map(|map| FileBytes(Source::Mapped(map)))
            .map_err(|e| FormatError::io(path, "map it into memory", &e))
    }

    /// Lets go of the memory behind some bytes of a mapped file, and of what else is in their pages: they are read anew
    /// should they be used again.
    pub(crate) fn release(&self, range: std::ops::Range<usize>) {
        /// Systems map so much round what is read: Linux from 6.18 on all of a large folio, which is a huge page at most.
        const ROUND: usize = 2 << 20;
        #[cfg(unix)]
        if let Source::Mapped(map) = &self.0
            && range.start < range.end
            && range.end <= map.len()
        {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: pages of a file that nobody writes to hold the same bytes when they are read again. The advice is a
            // wish, of whole pages from that of the first byte on.
            let start = range.start / ROUND * ROUND;
            let end = range.end.next_multiple_of(ROUND).min(map.len());
            let _ = unsafe { map.unchecked_advise_range(advice, start, end - start) };
        }
        #[cfg(not(unix))]
        let _ = range;
    }
}

/// Opens a file that has a length. A pipe or device has none to bound the reading by.
fn regular(path: &Path) -> Result<(File, u64), FormatError> {
    let fail = |e: std::io::Error| FormatError::io(path, "read it", &e);
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() { "a directory" } else { "not a regular file" };
        return Err(FormatError::new(path, format!("is {kind}"), "pass the path of a file"));
    }
    Ok((File::open(path).map_err(fail)?, metadata.len()))
}

/// The text of a file that describes a model: a configuration, an index, a tokenizer.
///
/// # Errors
/// When it cannot be read, is no text, or is longer than any such file.
pub fn read_text(path: &Path) -> Result<String, FormatError> {
    /// Parsed JSON takes many times its text; the longest index of a published model is 5 MB.
    const LONGEST: u64 = 64 << 20;
    let (file, length) = regular(path)?;
    if length > LONGEST {
        let what =
            format!("is {length} bytes long, and a description of a model at most {LONGEST}");
        return Err(FormatError::new(path, what, "is it the right file?"));
    }
    let mut text = String::new();
    let read = file.take(LONGEST).read_to_string(&mut text);
    read.map_err(|e| FormatError::io(path, "read it as text", &e))?;
    Ok(text)
}
