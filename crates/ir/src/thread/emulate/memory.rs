//! Who touched what since the last barrier, and the memory that the threads of a group share.

use super::{Fault, GARBAGE, Lanes, Machine, Step, threads};
use crate::thread::{SharedArray, SharedId, ThreadProgram};

/// A thread at a point between barriers.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Visit {
    /// Number over all groups, from 1; 0 is nobody, [`MANY`] several of one subgroup or of several.
    pub thread: u64,
    /// Number over all groups; [`MANY`] several.
    pub subgroup: u64,
    /// Interval between barriers of the group; no two groups share one.
    pub epoch: u64,
    /// Interval between barriers of the subgroup.
    pub subgroup_epoch: u64,
}

pub(super) const MANY: u64 = u64::MAX;

impl Visit {
    /// True when nothing orders the two, by different threads.
    fn races(self, other: Visit) -> bool {
        let apart = match self.subgroup == other.subgroup {
            true => self.epoch != other.epoch || self.subgroup_epoch != other.subgroup_epoch,
            false => self.epoch != other.epoch,
        };
        !apart && self.thread != other.thread
    }
}

/// Who touched an element last.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    writer: Visit,
    reader: Visit,
}

impl Mark {
    /// Notes a read; gives the thread it races with.
    pub fn read(&mut self, visit: Visit) -> Option<u64> {
        let races = self.writer.races(visit);
        self.reader = match self.reader.races(visit) {
            false => visit,
            true if self.reader.subgroup == visit.subgroup => Visit { thread: MANY, ..visit },
            true => Visit { thread: MANY, subgroup: MANY, ..visit },
        };
        races.then_some(self.writer.thread)
    }

    /// Notes a write; gives the thread it races with.
    pub fn write(&mut self, visit: Visit) -> Option<u64> {
        let race = [self.writer, self.reader].into_iter().find(|v| v.races(visit));
        self.writer = visit;
        race.map(|v| v.thread)
    }
}

/// The shared memory of a group. Arrays may overlap: each byte knows whose it is.
#[derive(Default)]
pub(super) struct SharedMemory {
    /// The elements of each array.
    values: Vec<Vec<f64>>,
    bytes: Vec<Byte>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Byte {
    /// The array that was written last, from 1; 0 is none.
    pub owner: u32,
    pub mark: Mark,
    /// A copy to it is under way.
    pub pending: bool,
}

impl SharedMemory {
    /// Memory that nobody has written.
    pub fn new(program: &ThreadProgram) -> SharedMemory {
        SharedMemory {
            values: program.shared.iter().map(|array| vec![f64::NAN; array.len]).collect(),
            bytes: vec![Byte::default(); program.shared_bytes()],
        }
    }

    /// The bytes of an element.
    pub fn span(&mut self, array: &SharedArray, at: f64) -> Result<&mut [Byte], Fault> {
        let (size, len) = (array.dtype.size(), array.len);
        if !(0.0..len as f64).contains(&at) {
            return Err(format!("{}[{at}] is outside, {len}", array.name));
        }
        let first = array.offset + at as usize * size;
        Ok(&mut self.bytes[first..first + size])
    }

    /// Writes an element, rounded to its type.
    pub fn write(
        &mut self,
        id: SharedId,
        array: &SharedArray,
        at: f64,
        value: f64,
        visit: Visit,
    ) -> Result<(), Fault> {
        for byte in self.span(array, at)? {
            if let Some(other) = byte.mark.write(visit) {
                return Err(race(&array.name, at, visit.thread, other));
            }
            if byte.pending {
                return Err(format!("{}[{at}] is written while a copy to it runs", array.name));
            }
            byte.owner = id.0 + 1;
        }
        self.values[id.0 as usize][at as usize] = array.dtype.round(value);
        Ok(())
    }

    /// Reads an element.
    pub fn read(
        &mut self,
        id: SharedId,
        array: &SharedArray,
        at: f64,
        visit: Visit,
    ) -> Result<f64, Fault> {
        for byte in self.span(array, at)? {
            if let Some(other) = byte.mark.read(visit) {
                return Err(race(&array.name, at, visit.thread, other));
            }
            if byte.pending {
                return Err(format!("{}[{at}] is read before its copy is waited for", array.name));
            }
            if byte.owner != 0 && byte.owner != id.0 + 1 {
                return Err(format!("{}[{at}] was overwritten by another array", array.name));
            }
        }
        Ok(self.values[id.0 as usize][at as usize])
    }
}

/// Two threads that touch one element in no order.
pub(super) fn race(name: &str, at: f64, thread: u64, other: u64) -> Fault {
    let other = if other == MANY { "several".into() } else { other.to_string() };
    format!(
        "race: element {at} of {name} is touched by threads {thread} and {other} without a barrier"
    )
}

impl Machine<'_> {
    /// What each thread reads of a shared array.
    pub(super) fn element_of_shared(
        &mut self,
        array: SharedId,
        index: &Lanes,
        active: &[bool],
    ) -> Step<Lanes> {
        let mut all = vec![GARBAGE; active.len()];
        for thread in threads(active) {
            let visit = self.visit(thread);
            let declared = &self.program.shared[array.0 as usize];
            all[thread] = self.shared.read(array, declared, index.at(thread), visit)?;
        }
        Ok(Lanes::Each(all))
    }
}
