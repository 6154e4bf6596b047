//! GGUF files, as llama.cpp writes them: metadata, and tensors in blocks with scales of their own
//! (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).

use crate::blocks::Block;
use crate::{Config, FileBytes, FormatError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Values of the metadata, those in lists included. The largest vocabularies come with three lists of 260 000.
const MOST_VALUES: usize = 4 << 20;
/// Lists in lists; no file that is published has any.
const DEEPEST: usize = 4;
const MOST_AXES: u32 = 4;

/// Files of one model; the most that are published are some dozens.
const MOST_FILES: usize = 4096;

/// A GGUF file, its header parsed and checked; or several that hold the tensors of one model.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    files: Vec<FileBytes>,
    metadata: Config,
    tensors: BTreeMap<String, Stored>,
}

#[derive(Debug)]
struct Stored {
    /// Which of the files holds it.
    file: usize,
    block: Block,
    shape: Vec<usize>,
    range: Range<usize>,
}

/// A tensor of a GGUF file.
#[derive(Clone, Debug)]
pub struct BlockTensor<'a> {
    /// How its elements are stored.
    pub block: Block,
    /// Axes, outermost first.
    pub shape: &'a [usize],
    /// Its blocks, row by row.
    pub bytes: &'a [u8],
}

impl Gguf {
    /// Maps a file, and where it is the first of several, the others beside it. They must not change meanwhile.
    ///
    /// # Errors
    /// When one cannot be read, is no GGUF file of version 2 or 3, its header does not fit its bytes, or it is a later one
    /// of several.
    pub fn map(path: &Path) -> Result<Gguf, FormatError> {
        let mut whole = Gguf::of_bytes(path, FileBytes::map(path)?)?;
        let Some([number, files]) = whole.part()? else { return Ok(whole) };
        let first = part_path(path, number, files, 0);
        if number != 0 {
            let next = match first {
                Some(first) => format!("pass the first: {}", first.display()),
                None => "pass the first".into(),
            };
            return Err(FormatError::new(path, format!("is file {} of {files}", number + 1), next));
        }
        for number in 1..files {
            let path = part_path(path, 0, files, number).ok_or_else(|| {
                let what =
                    format!("is the first of {files} files, and its name does not tell theirs");
                FormatError::new(path, what, format!("call it NAME-00001-of-{files:05}.gguf"))
            })?;
            let more = Gguf::of_bytes(&path, FileBytes::map(&path)?)?;
            if more.part()? != Some([number, files]) {
                let what = format!("is not file {} of {files}, as its name says", number + 1);
                return Err(FormatError::new(&path, what, "download it again"));
            }
            whole.add(more)?;
        }
        let told = whole.metadata.size("split.tensors.count")?;
        match told.filter(|told| *told != whole.tensors.len()) {
            Some(told) => {
                let what = format!("and its parts hold {} of {told} tensors", whole.tensors.len());
                Err(FormatError::new(path, what, "download them again"))
            }
            None => Ok(whole),
        }
    }

    /// Which it is of how many files, where there are several.
    fn part(&self) -> Result<Option<[usize; 2]>, FormatError> {
        let files = self.metadata.size("split.count")?.unwrap_or(1);
        if files > MOST_FILES {
            let next = format!("at most {MOST_FILES} are read");
            return Err(self.metadata.error("split.count", &format!("is {files}"), next));
        }
        let number = self.metadata.size("split.no")?.unwrap_or(0);
        Ok((files > 1).then_some([number, files]))
    }

    /// Takes the tensors of another file.
    fn add(&mut self, more: Gguf) -> Result<(), FormatError> {
        for (name, stored) in more.tensors {
            if self.tensors.contains_key(&name) {
                let what = format!("tensor `{name}` is in an earlier file too");
                return Err(FormatError::new(&more.path, what, "download the files again"));
            }
            self.tensors.insert(name, Stored { file: self.files.len(), ..stored });
        }
        self.files.extend(more.files);
        Ok(())
    }

    /// Parses a file that is already in memory; `path` is for error messages.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Gguf, FormatError> {
        Gguf::of_bytes(path, bytes.into())
    }

    /// True for a file that begins as GGUF files do.
    pub fn is_one(path: &Path) -> bool {
        use std::io::Read;
        let mut magic = [0; 4];
        let file = std::fs::metadata(path).is_ok_and(|data| data.is_file());
        file && std::fs::File::open(path).is_ok_and(|mut f| f.read_exact(&mut magic).is_ok())
            && magic == *b"GGUF"
    }

    fn of_bytes(path: &Path, bytes: FileBytes) -> Result<Gguf, FormatError> {
        let mut reader = Reader { path, bytes: &bytes, at: 0, values: 0 };
        if reader.take(4)? != b"GGUF" {
            return Err(FormatError::new(path, "does not begin with GGUF", "is it a GGUF file?"));
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            let what = format!("is of version {version}; 2 and 3 are known");
            return Err(FormatError::new(path, what, "convert it again with a newer llama.cpp"));
        }
        let (tensors, fields) = (reader.count(24)?, reader.count(13)?);
        let mut metadata = Config::parse(path, "{}")?;
        for _ in 0..fields {
            let name = reader.text()?;
            let kind = reader.u32()?;
            let value = reader.value(kind, 0)?;
            metadata = metadata.with(&name, value);
        }
        let mut listed = Vec::new();
        for _ in 0..tensors {
            let name = reader.text()?;
            let axes = reader.u32()?;
            if axes > MOST_AXES {
                return Err(reader.wrong(format!("tensor `{name}` has {axes} axes")));
            }
            let mut shape = Vec::new();
            for _ in 0..axes {
                let size = reader.u64()?;
                let size = usize::try_from(size).ok().filter(|size| *size <= i32::MAX as usize);
                shape.push(
                    size.ok_or_else(|| reader.wrong(format!("tensor `{name}` is too large")))?,
                );
            }
            // The innermost axis comes first there.
            shape.reverse();
            listed.push((name, shape, reader.u32()?, reader.u64()?));
        }
        let alignment = metadata.size("general.alignment")?.unwrap_or(32).max(1);
        let start = reader.at.next_multiple_of(alignment);
        let mut found = BTreeMap::new();
        for (name, shape, kind, offset) in listed {
            let wrong = |what: &str| {
                let next = "the file may be incomplete: copy or download it again";
                FormatError::new(path, format!("tensor `{name}` {what}"), next)
            };
            let Some(block) = Block::of(kind) else {
                let known = Block::ALL.map(Block::name).join(", ");
                let what = format!("tensor `{name}` is of type {kind}, which is not supported");
                return Err(FormatError::new(path, what, format!("types that are: {known}")));
            };
            let length = block.bytes_of(&shape).ok_or_else(|| wrong("has no whole blocks"))?;
            let from = usize::try_from(offset).ok().and_then(|offset| start.checked_add(offset));
            let range = from.and_then(|from| Some(from..from.checked_add(length)?));
            let range = range.filter(|range| range.end <= bytes.len());
            let range = range.ok_or_else(|| wrong("lies beyond the end of the file"))?;
            if found.insert(name.clone(), Stored { file: 0, block, shape, range }).is_some() {
                return Err(wrong("is there twice"));
            }
        }
        let mut ranges: Vec<&Range<usize>> = found.values().map(|t| &t.range).collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        if ranges.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return Err(FormatError::new(path, "tensors overlap", "write the file again"));
        }
        Ok(Gguf { path: path.into(), metadata, tensors: found, files: vec![bytes] })
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says besides tensors, by names as `general.architecture`.
    pub fn metadata(&self) -> &Config {
        &self.metadata
    }

    /// The names of the tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of that name, if the file holds one.
    pub fn tensor(&self, name: &str) -> Option<BlockTensor<'_>> {
        let stored = self.tensors.get(name)?;
        let file = self.files.get(stored.file)?;
        let bytes = file.get(stored.range.clone()).unwrap_or_default();
        Some(BlockTensor { block: stored.block, shape: &stored.shape, bytes })
    }
}

/// The path of file `number` of several, by that of one whose number is `known`: `NAME-00001-of-00003.gguf` is the first of
/// three.
fn part_path(path: &Path, known: usize, files: usize, number: usize) -> Option<PathBuf> {
    let end = |number: usize| format!("-{:05}-of-{files:05}.gguf", number + 1);
    let name = path.file_name()?.to_str()?;
    Some(path.with_file_name(format!("{}{}", name.strip_suffix(&end(known))?, end(number))))
}

/// A place in the header.
struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    /// Values read so far.
    values: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, what: String) -> FormatError {
        FormatError::new(self.path, what, "is it a whole GGUF file? copy or download it again")
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.wrong("ends within its header".into()))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A number of things of at least `least` bytes each, which the rest of the file can hold.
    fn count(&mut self, least: usize) -> Result<usize, FormatError> {
        let count = self.u64()?;
        let room = (self.bytes.len() - self.at) / least.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= room => Ok(count),
            _ => Err(self.wrong(format!("its header counts {count} of what it cannot hold"))),
        }
    }

    fn text(&mut self) -> Result<String, FormatError> {
        let length = self.count(1)?;
        let bytes = self.take(length)?;
        // Tokens may be parts of characters, which no text can hold; such tokens are not looked at.
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, FormatError> {
        self.values += 1;
        if self.values > MOST_VALUES || depth > DEEPEST {
            return Err(self.wrong(format!("its metadata holds more than {MOST_VALUES} values")));
        }
        Ok(match kind {
            0 => u8::from_le_bytes(self.array()?).into(),
            1 => i8::from_le_bytes(self.array()?).into(),
            2 => u16::from_le_bytes(self.array()?).into(),
            3 => i16::from_le_bytes(self.array()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.array()?).into(),
            6 => f32::from_le_bytes(self.array()?).into(),
            7 => (self.array::<1>()?[0] != 0).into(),
            8 => self.text()?.into(),
            9 => {
                let of = self.u32()?;
                let count = self.count(1)?;
                let mut list = Vec::new();
                for _ in 0..count {
                    list.push(self.value(of, depth + 1)?);
                }
                list.into()
            }
            10 => self.u64()?.into(),
            11 => i64::from_le_bytes(self.array()?).into(),
            12 => f64::from_le_bytes(self.array()?).into(),
            other => return Err(self.wrong(format!("its metadata holds a value of type {other}"))),
        })
    }
}
