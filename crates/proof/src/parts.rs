//! Work over many elements on all cores: results of a gigabyte are compared as often as there are schedules.

use std::ops::Range;

/// Fewer elements are not worth a thread.
const LEAST: usize = 1 << 16;

/// What `work` makes of each part of `0 .. len`, in order; all parts but the last are whole numbers of `unit`.
pub(crate) fn in_parts<T: Send>(
    len: usize,
    unit: usize,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = len.div_ceil(cores).max(LEAST).next_multiple_of(unit.max(1));
    let mut ranges = (0..len).step_by(part).map(|start| start..len.min(start + part));
    let Some(first) = ranges.next() else { return Vec::new() };
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = ranges.map(|range| scope.spawn(move || work(range))).collect();
        let mut made = vec![work(first)];
        for other in others {
            made.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_in_order_and_cover_everything() {
        for len in [0, 1, LEAST, LEAST + 1, 5 * LEAST + 3] {
            let parts = in_parts(len, 1000, |range| range);
            let mut next = 0;
            for part in &parts {
                assert_eq!((part.start, part.start % 1000), (next, 0));
                next = part.end;
            }
            assert_eq!(next, len);
        }
    }
}
