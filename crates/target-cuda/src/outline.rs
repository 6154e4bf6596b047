//! What a launch needs to know of a kernel, and which machine code it is: all that is left of lowering a program.
//!
//! Lowering takes longer than everything else that comes before a first launch. Its outcome is kept beside the machine code,
//! by the program, the schedule and the text of the compiler itself, so that the next process neither lowers nor prints.

use crate::cache::Key;
use crate::routine::Early;
use tilewright_ir::thread::{Check, GroupAxis, SharedArray, Split, ThreadProgram};
use tilewright_ir::{DType, DimId, Extent};

/// A kernel without its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outline {
    /// The kernel, but for its parameters and what a thread does.
    pub threads: ThreadProgram,
    /// It waits by itself for what is ahead of it in a graph; what it reads before.
    pub early: Option<Early>,
    /// The hash of its source.
    pub source: u64,
    /// Its machine code.
    pub image: Key,
    /// The same with groups that share work as a cluster, where there are such.
    pub clustered: Option<Key>,
    /// Its groups stay on their multiprocessors.
    pub stays: bool,
}

/// `threads` without parameters, registers and code.
pub(crate) fn emptied(threads: &ThreadProgram) -> ThreadProgram {
    let shared = SharedArray {
        name: String::new(),
        dtype: DType::U8,
        len: threads.shared_bytes(),
        offset: 0,
    };
    ThreadProgram {
        name: threads.name.clone(),
        params: Vec::new(),
        dims: Vec::new(),
        grid: threads.grid.clone(),
        linear: threads.linear,
        threads: threads.threads,
        cluster: threads.cluster,
        resident: 0,
        registers: Vec::new(),
        shared: vec![shared],
        checks: threads.checks.clone(),
        split: threads.split,
        body: Vec::new(),
    }
}

impl Outline {
    /// All of it as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        let Outline { threads, early, source, image, clustered, stays } = self;
        out.text(&threads.name);
        out.size(threads.threads);
        out.size(threads.cluster);
        out.size(threads.shared_bytes());
        out.size(usize::from(threads.linear));
        out.list(&threads.grid, |out, axis| {
            out.extent(axis.extent);
            out.size(axis.per_group);
        });
        out.list(&threads.checks, |out, check| {
            out.text(&check.what);
            out.extent(check.extent);
        });
        out.list(threads.split.as_slice(), |out, split| {
            out.extent(split.positions);
            out.size(split.state);
        });
        out.list(early.as_slice(), |out, early| {
            out.list(&early.settled, |out, tensor| out.size(*tensor));
            out.list(&early.older, |out, tensor| out.size(*tensor));
        });
        out.word(*source);
        out.key(*image);
        out.list(clustered.as_slice(), |out, key| out.key(*key));
        out.size(usize::from(*stays));
        out.0
    }

    /// That of such bytes, of a program with so many named sizes; `None` where they are not such.
    pub fn parse(bytes: &[u8], dims: usize) -> Option<Outline> {
        let mut from = Reader { bytes, dims };
        let (name, threads, cluster) = (from.text()?, from.size()?, from.size()?);
        let shared =
            SharedArray { name: String::new(), dtype: DType::U8, len: from.size()?, offset: 0 };
        let linear = from.size()? != 0;
        let grid =
            from.list(|from| Some(GroupAxis { extent: from.extent()?, per_group: from.size()? }))?;
        let checks =
            from.list(|from| Some(Check { what: from.text()?, extent: from.extent()? }))?;
        let split = from.optional(|from| {
            let (positions, state) = (from.extent()?, from.size()?);
            (state > 0).then_some(Split { positions, state })
        })?;
        let early = from.optional(|from| {
            Some(Early { settled: from.list(Reader::size)?, older: from.list(Reader::size)? })
        })?;
        let (source, image) = (from.word()?, from.key()?);
        let clustered = from.optional(Reader::key)?;
        let stays = from.size()? != 0;
        let (params, dims_of, registers, body) = Default::default();
        let threads = ThreadProgram {
            name,
            params,
            dims: dims_of,
            grid,
            linear,
            threads,
            cluster,
            resident: 0,
            registers,
            shared: vec![shared],
            checks,
            split,
            body,
        };
        let outline = Outline { threads, early, source, image, clustered, stays };
        from.bytes.is_empty().then_some(outline)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn word(&mut self, word: u64) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    fn size(&mut self, size: usize) {
        self.word(size as u64);
    }

    fn key(&mut self, key: Key) {
        self.0.extend_from_slice(&key.0.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.size(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        self.size(items.len());
        items.iter().for_each(|item| write(self, item));
    }

    fn extent(&mut self, extent: Extent) {
        let words = match extent {
            Extent::Const(size) => [0, size, 0],
            Extent::Dim { dim, times } => [1, dim.index(), times],
        };
        words.into_iter().for_each(|word| self.size(word));
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// Named sizes that there are.
    dims: usize,
}

impl Reader<'_> {
    fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.word()?).ok()
    }

    fn key(&mut self) -> Option<Key> {
        let (key, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(Key(u128::from_le_bytes(*key)))
    }

    fn text(&mut self) -> Option<String> {
        let len = self.size()?;
        let (text, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = self.size()?;
        let mut items = Vec::new();
        for _ in 0..len {
            items.push(read(self)?);
        }
        Some(items)
    }

    /// What [`Writer::list`] wrote of one or none.
    fn optional<T>(&mut self, read: impl FnMut(&mut Self) -> Option<T>) -> Option<Option<T>> {
        let mut items = self.list(read)?;
        (items.len() <= 1).then(|| items.pop())
    }

    fn extent(&mut self) -> Option<Extent> {
        match [self.size()?, self.size()?, self.size()?] {
            [0, size, 0] => Some(Extent::Const(size)),
            [1, dim, times] if dim < self.dims => {
                Some(Extent::Dim { dim: DimId(u32::try_from(dim).ok()?), times })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline() -> Outline {
        let of_dim = Extent::Dim { dim: DimId(1), times: 3 };
        let threads = ThreadProgram {
            name: "kernel".into(),
            params: Vec::new(),
            dims: Vec::new(),
            grid: vec![
                GroupAxis { extent: of_dim, per_group: 64 },
                GroupAxis { extent: Extent::Const(7), per_group: 1 },
            ],
            linear: true,
            threads: 128,
            cluster: 1,
            resident: 2,
            registers: Vec::new(),
            shared: vec![SharedArray { name: "s".into(), dtype: DType::F32, len: 9, offset: 16 }],
            checks: vec![
                Check { what: "axis 0 of `x`".into(), extent: of_dim },
                Check { what: "axis 1 of `\u{e9}`".into(), extent: Extent::Const(7) },
            ],
            split: Some(Split { positions: of_dim, state: 66 }),
            body: Vec::new(),
        };
        Outline {
            threads: emptied(&threads),
            early: Some(Early { settled: vec![0, 4], older: vec![2] }),
            source: 0x0123_4567_89ab_cdef,
            image: Key(5),
            clustered: Some(Key(u128::MAX)),
            stays: true,
        }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let whole = outline();
        assert_eq!(whole.threads.shared_bytes(), 52);
        assert_eq!(Outline::parse(&whole.bytes(), 2), Some(whole));
        let few = Outline { early: None, clustered: None, stays: false, ..outline() };
        let few = Outline { threads: ThreadProgram { split: None, ..few.threads }, ..few };
        assert_eq!(Outline::parse(&few.bytes(), 2), Some(few));
    }

    #[test]
    fn what_is_not_whole_is_not_read() {
        let bytes = outline().bytes();
        for cut in 0..bytes.len() {
            assert_eq!(Outline::parse(&bytes[..cut], 2), None, "cut after {cut} bytes");
        }
        assert_eq!(Outline::parse(&[&bytes[..], &[0]].concat(), 2), None, "a byte more");
        assert_eq!(Outline::parse(&bytes, 1), None, "a size that the program does not have");
    }
}
