//! What comes next, fetched while a thread has nothing to do.
//!
//! A step of decode reads all weights once, and between its products the memory would idle: a norm is computed by one
//! thread, and the others wait. What followed a launch in the step before follows it again, so that who waits fetches what
//! it will read then, as much as its cache holds. A guess that was wrong costs nothing but the fetching.
//!
//! Tried without gain (a token of decode, two threads of a Zen 4, both ways by turns in one process): to go on from what
//! was fetched while a product is computed, across its end to what comes behind, a lead that two of three blocks keep up;
//! a thirteenth slower where memory is fast, and no faster where it is slow.

use crate::simd::map::prefetch_far;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Tensors of a launch that are fetched, at most: words, scales and biases of three matrices.
const PIECES: usize = 9;
/// Launches that come next, of which something is fetched.
const LAUNCHES: usize = 2;
/// Lines that are asked for between two looks at whether there is work.
const AT_ONCE: usize = 8;
/// Bytes of a line of the caches.
const LINE: usize = 64;
/// Launches that are remembered, more than a model has.
const REMEMBERED: usize = 1 << 12;

/// A tensor that some chunks of a launch read their own parts of.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where the part of the first of them begins.
    at: *const u8,
    /// The first of these chunks, and the one past the last.
    chunks: (usize, usize),
    /// Bytes from the part of a chunk to that of the next.
    step: isize,
    /// Bytes of each piece of a part.
    bytes: usize,
    /// The pieces, and bytes from one to the next.
    pieces: (usize, isize),
}

/// What a launch reads from memory.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    /// By what the launch is known again.
    key: usize,
    pieces: [Piece; PIECES],
    count: usize,
    /// Its chunks, and the runs in which they are cut for the threads.
    chunks: usize,
    runs: usize,
}

// SAFETY: the addresses are never followed, only named in prefetches.
unsafe impl Send for Reads {}
// SAFETY: as above.
unsafe impl Sync for Reads {}

impl Reads {
    /// Nothing, in so many chunks, of which each of so many runs has its neighbours. A launch is known by the address of its
    /// first tensor.
    pub fn new<T>(first: *const T, chunks: usize, runs: usize) -> Reads {
        let none =
            Piece { at: std::ptr::null(), chunks: (0, 0), step: 0, bytes: 0, pieces: (1, 0) };
        Reads { key: first as usize, pieces: [none; PIECES], count: 0, chunks, runs: runs.max(1) }
    }

    /// Adds a tensor: where the first chunk's part begins, bytes from chunk to chunk, and those of a part.
    pub fn push(&mut self, at: *const u8, step: isize, bytes: usize) {
        self.push_for(0..self.chunks, at, step, bytes, (1, 0));
    }

    /// Adds a tensor that only these chunks read, in so many pieces of so many bytes, and so far apart.
    pub fn push_for(
        &mut self,
        chunks: Range<usize>,
        at: *const u8,
        step: isize,
        bytes: usize,
        pieces: (usize, isize),
    ) {
        let chunks = (chunks.start, chunks.end);
        if let Some(piece) = self.pieces.get_mut(self.count) {
            *piece = Piece { at, chunks, step, bytes, pieces };
            self.count += 1;
        }
    }
}

/// What the next launches read, where that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Next([Option<Reads>; LAUNCHES]);

impl Next {
    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }
}

/// Which launch comes after which.
#[derive(Default)]
pub struct Order(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// What came after a launch.
    after: HashMap<usize, Reads>,
    last: Option<usize>,
}

impl Order {
    /// Notes a launch; what came after it last time.
    pub fn note(&self, reads: &Reads) -> Next {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = known.last.replace(reads.key) {
            if known.after.len() >= REMEMBERED {
                known.after.clear();
            }
            known.after.insert(last, *reads);
        }
        let mut next = Next::default();
        let mut key = reads.key;
        for to in &mut next.0 {
            *to = known.after.get(&key).copied();
            key = to.map_or(0, |next| next.key);
        }
        next
    }
}

/// The fetching of what one thread will read.
#[derive(Debug)]
pub struct Fetching {
    next: Next,
    worker: usize,
    launch: usize,
    /// Chunks of the launch that are done, of its own run and those behind it.
    chunks: usize,
    piece: usize,
    /// Bytes of the piece that are asked for.
    done: usize,
    /// Bytes that may still be.
    left: usize,
}

impl Fetching {
    /// For the thread of that number, up to so many bytes.
    pub fn new(next: Next, worker: usize, most: usize) -> Fetching {
        Fetching { next, worker, launch: 0, chunks: 0, piece: 0, done: 0, left: most }
    }

    /// Asks for some lines; false where nothing is left to ask for.
    pub fn some(&mut self) -> bool {
        (0..AT_ONCE).all(|_| match self.line() {
            Some(at) => {
                prefetch_far(at);
                true
            }
            None => false,
        })
    }

    /// The next line.
    fn line(&mut self) -> Option<*const u8> {
        loop {
            let reads = self.next.0.get(self.launch)?.as_ref()?;
            if self.left < LINE {
                return None;
            }
            if self.chunks >= reads.chunks {
                (self.launch, self.chunks) = (self.launch + 1, 0);
                continue;
            }
            let Some(&Piece { at, chunks: (from, to), step, bytes, pieces: (pieces, apart) }) =
                reads.pieces[..reads.count].get(self.piece)
            else {
                (self.chunks, self.piece) = (self.chunks + 1, 0);
                continue;
            };
            let first = start(self.worker % reads.runs, reads.runs, reads.chunks);
            let chunk = (first + self.chunks) % reads.chunks;
            if self.done >= bytes * pieces || !(from..to).contains(&chunk) {
                (self.piece, self.done) = (self.piece + 1, 0);
                continue;
            }
            let (piece, inside) = (self.done / bytes, self.done % bytes);
            let part = at.wrapping_offset((chunk - from) as isize * step);
            let line = part.wrapping_offset(piece as isize * apart).wrapping_add(inside);
            // The last line of a piece may be part of one.
            self.done += LINE.min(bytes - inside);
            self.left -= LINE;
            return Some(line);
        }
    }
}

/// The first chunk of a run, of so many runs of nearly the same length.
pub fn start(run: usize, runs: usize, chunks: usize) -> usize {
    chunks / runs * run + run.min(chunks % runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A launch of two tensors in chunks of 128 and 64 bytes.
    fn launch(first: usize, chunks: usize) -> Reads {
        let at = first as *const u8;
        let mut reads = Reads::new(at, chunks, 2);
        reads.push(at, 128, 128);
        reads.push((first + 1_000_000) as *const u8, 4096, 64);
        reads
    }

    #[test]
    fn what_came_after_a_launch_comes_after_it_again() {
        let order = Order::default();
        let keys = |next: Next| next.0.map(|reads| reads.map_or(0, |reads| reads.key));
        let [a, b, c] = [1 << 12, 2 << 12, 3 << 12].map(|first| launch(first, 4));
        for one in [&a, &b, &c] {
            assert!(order.note(one).is_empty());
        }
        assert_eq!(keys(order.note(&a)), [b.key, c.key]);
        assert_eq!(keys(order.note(&c)), [a.key, c.key], "what was seen last counts");
        for number in 0..2 * REMEMBERED {
            order.note(&launch(number << 20, 4));
        }
        assert!(order.0.lock().unwrap().after.len() <= REMEMBERED);
    }

    #[test]
    fn each_thread_asks_for_its_own_chunks_first() {
        let (a, b) = (launch(0, 3), launch(1 << 30, 1));
        let next = Next([Some(a), Some(b)]);
        let lines = |worker: usize, most: usize| -> Vec<usize> {
            let mut fetching = Fetching::new(next, worker, most);
            std::iter::from_fn(|| fetching.line()).map(|at| at as usize).collect()
        };
        let chunk = |k: usize| [128 * k, 128 * k + 64, 1_000_000 + 4096 * k];
        let last = [1 << 30, (1 << 30) + 64, (1 << 30) + 1_000_000];
        assert_eq!(lines(0, 1 << 20), [chunk(0), chunk(1), chunk(2), last].as_flattened());
        assert_eq!(lines(1, 1 << 20), [chunk(2), chunk(0), chunk(1), last].as_flattened());
        assert_eq!(lines(1, 4 * LINE + 1), [2 * 128, 2 * 128 + 64, 1_000_000 + 8192, 0]);
        // Chunks of different tensors, each with its own.
        let mut apart = Reads::new(std::ptr::null::<u8>(), 3, 1);
        apart.push_for(0..1, 4096 as *const u8, 64, 64, (1, 0));
        apart.push_for(1..3, 8192 as *const u8, 128, 64, (1, 0));
        let mut fetching = Fetching::new(Next([Some(apart), None]), 0, 1 << 20);
        let lines: Vec<usize> =
            std::iter::from_fn(|| fetching.line()).map(|at| at as usize).collect();
        assert_eq!(lines, [4096, 8192, 8192 + 128]);
        // Pieces of two lines, far apart.
        let mut pieces = Reads::new(std::ptr::null::<u8>(), 2, 1);
        pieces.push_for(0..2, 4096 as *const u8, 96, 96, (2, 1 << 16));
        let mut fetching = Fetching::new(Next([Some(pieces), None]), 0, 1 << 20);
        let lines: Vec<usize> =
            std::iter::from_fn(|| fetching.line()).map(|at| at as usize).collect();
        let chunk = |at: usize| [at, at + 64, at + (1 << 16), at + (1 << 16) + 64];
        assert_eq!(lines, [chunk(4096), chunk(4096 + 96)].as_flattened());
        assert!(!Fetching::new(next, 0, 0).some());
        assert!(!Fetching::new(Next::default(), 0, 1 << 20).some());
    }
}
