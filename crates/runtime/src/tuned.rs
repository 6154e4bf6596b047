//! Schedules that were found by measuring: rows by device, kernel and bucket of sizes, with all timings.
//!
//! Rows of the devices that we had ship with the program; those that `tilewright tune` finds are kept beside what was
//! compiled, and are preferred. A row says nothing of another source than the one that was timed.

use crate::targets::cache_folder;
use crate::{Error, Result};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tilewright_target::tuned::{Found, Tuned};

/// What ships.
const SHIPPED: &str = include_str!("../../../record/tuned.tsv");

/// The first line of a file of rows.
const HEADING: &str =
    "device\tkernel and sizes\tschedule\tsource\tmilliseconds of each schedule, spread";

/// The greatest file of rows that is read.
const BOUND: u64 = 16 << 20;

/// What was measured of one kernel and bucket of sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The device's name.
    pub device: String,
    /// Kernel, types and sizes, as the device puts them.
    pub bucket: String,
    /// The schedule that was kept.
    pub schedule: String,
    /// The hash of its source.
    pub source: u64,
    /// Every schedule that was timed, the default one first.
    pub timings: Vec<Measured>,
}

/// The times of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The schedule.
    pub schedule: String,
    /// The median, in milliseconds.
    pub median: f64,
    /// (third quartile - first quartile) / median.
    pub spread: f64,
}

/// What a win must exceed beside the spread: a smaller one is not worth another source.
const LEAST_WIN: f64 = 0.02;

/// Which of the schedules to keep: the fastest, if it wins over the first by more than 2 % and by more time than either's
/// quartiles are apart; else the first.
pub fn best(timings: &[Measured]) -> usize {
    let Some(default) = timings.first() else { return 0 };
    let fastest =
        (0..timings.len()).min_by(|&a, &b| timings[a].median.total_cmp(&timings[b].median));
    let fastest = fastest.unwrap_or(0);
    // As shares of the first's time: what takes next to none may be spread over several times that.
    let share = timings[fastest].median / default.median;
    let needed = LEAST_WIN.max(default.spread).max(timings[fastest].spread * share);
    if 1.0 - share > needed { fastest } else { 0 }
}

impl Row {
    fn line(&self) -> String {
        let mut line =
            format!("{}\t{}\t{}\t{:016x}\t", self.device, self.bucket, self.schedule, self.source);
        for (i, Measured { schedule, median, spread }) in self.timings.iter().enumerate() {
            let between = if i > 0 { "; " } else { "" };
            let _ = write!(line, "{between}{schedule}: {median:.5} {:.1}%", spread * 100.0);
        }
        line
    }

    fn parse(line: &str) -> Option<Row> {
        let mut fields = line.split('\t');
        let (device, bucket) = (fields.next()?.to_string(), fields.next()?.to_string());
        let schedule = fields.next()?.to_string();
        let source = u64::from_str_radix(fields.next()?, 16).ok()?;
        let measured = |text: &str| {
            let (schedule, times) = text.split_once(": ")?;
            let (median, spread) = times.split_once(' ')?;
            let spread = spread.strip_suffix('%')?.parse::<f64>().ok()? / 100.0;
            Some(Measured { schedule: schedule.into(), median: median.parse().ok()?, spread })
        };
        let timings = fields.next()?.split("; ").map(measured).collect::<Option<Vec<_>>>()?;
        Some(Row { device, bucket, schedule, source, timings })
    }
}

/// Rows, the latest of each device and bucket.
#[derive(Debug, Default)]
pub struct Table {
    rows: Mutex<HashMap<(String, String), Row>>,
    /// Where rows are added.
    file: Option<PathBuf>,
}

impl Table {
    /// What ships, and over it what was measured here.
    pub fn known() -> Arc<Table> {
        static KNOWN: OnceLock<Arc<Table>> = OnceLock::new();
        let known = KNOWN.get_or_init(|| {
            let file = cache_folder("tuned").map(|folder| folder.join("schedules.tsv"));
            let table = Table { rows: Mutex::default(), file };
            table.read(SHIPPED);
            if let Some(text) = table.file.as_ref().and_then(read_bounded) {
                table.read(&text);
            }
            Arc::new(table)
        });
        known.clone()
    }

    /// Adds the rows of a text; lines that are none are passed over, as those of another version would be.
    fn read(&self, text: &str) {
        for row in text.lines().filter_map(Row::parse) {
            self.insert(row);
        }
    }

    fn insert(&self, row: Row) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.insert((row.device.clone(), row.bucket.clone()), row);
    }

    /// Adds a row and writes those of this machine to its file, whose path comes back; `None` when there is no folder for
    /// such files. Other processes wait meanwhile, and lines that are no rows, as those of another version, stay.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, row: Row) -> Result<Option<PathBuf>> {
        self.insert(row.clone());
        let Some(file) = &self.file else { return Ok(None) };
        let written = (|| {
            let folder = file.parent().unwrap_or(file);
            std::fs::create_dir_all(folder)?;
            // Whoever reads the file and writes it anew has it for itself; the lock ends with the handle.
            let lock = std::fs::File::create(folder.join("schedules.lock"))?;
            lock.lock()?;
            let before = read_bounded(file).unwrap_or_default();
            let of_another = |line: &&str| {
                let old = Row::parse(line);
                old.is_none_or(|old| old.device != row.device || old.bucket != row.bucket)
            };
            let lines = before.lines().filter(|line| !line.is_empty() && *line != HEADING);
            let mut lines: Vec<String> = lines.filter(of_another).map(String::from).collect();
            lines.push(row.line());
            let beside = folder.join("schedules.draft");
            std::fs::write(&beside, sorted(lines))?;
            std::fs::rename(&beside, file)
        })();
        let wrong = |e| Error::failure(format!("{}: cannot be written: {e}", file.display()));
        written.map_err(wrong)?;
        Ok(Some(file.clone()))
    }
}

impl Tuned for Table {
    fn find(&self, device: &str, bucket: &str) -> Option<Found> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get(&(device.to_string(), bucket.to_string()))?;
        Some(Found { schedule: row.schedule.clone(), source: row.source })
    }
}

/// Rows as a file, sorted.
pub fn text(rows: &[Row]) -> String {
    sorted(rows.iter().map(Row::line).collect())
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    format!("{HEADING}\n{}\n", lines.join("\n"))
}

fn read_bounded(file: &PathBuf) -> Option<String> {
    let small = std::fs::metadata(file).ok()?.len() <= BOUND;
    let bytes = small.then(|| std::fs::read(file).ok()).flatten()?;
    // A damaged line is passed over, and the others are not.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(schedule: &str, median: f64, spread: f64) -> Measured {
        Measured { schedule: schedule.into(), median, spread }
    }

    #[test]
    fn a_switch_must_pay_more_than_noise() {
        let of = |times: &[(f64, f64)]| {
            let timings: Vec<_> = times.iter().map(|(m, s)| measured("s", *m, *s)).collect();
            best(&timings)
        };
        assert_eq!(of(&[(1.0, 0.0), (0.99, 0.0)]), 0, "1 % is too little");
        assert_eq!(of(&[(1.0, 0.0), (0.97, 0.0), (0.95, 0.0)]), 2);
        assert_eq!(of(&[(1.0, 0.06), (0.95, 0.0)]), 0, "within the spread of the default");
        assert_eq!(of(&[(1.0, 0.0), (0.95, 0.06)]), 0, "within its own spread");
        assert_eq!(
            of(&[(1.0, 0.01), (0.001, 1.02)]),
            1,
            "of next to no time, a spread matters little"
        );
        assert_eq!(of(&[(1.0, 0.0), (1.5, 0.0)]), 0);
        assert_eq!(of(&[]), 0);
    }

    #[test]
    fn rows_are_read_as_they_are_written_and_damage_is_passed_over() {
        let row = |bucket: &str| Row {
            device: "NVIDIA H200".into(),
            bucket: bucket.into(),
            schedule: "team=256 teams=1 vector=4".into(),
            source: 0x0123_4567_89ab_cdef,
            timings: vec![
                measured("team=128 teams=1 vector=4", 0.25, 0.125),
                measured("team=256 teams=1 vector=4", 0.125, 0.0),
            ],
        };
        let rows = [row("softmax f32,f32 rows=2^16 cols=2^11"), row("silu f32,f32 n=2^24")];
        let written = text(&rows);
        let table = Table::default();
        table.read(&format!("{written}half a row\tand no more\n\u{1F600}\n"));
        for row in &rows {
            let found = table.find(&row.device, &row.bucket).unwrap();
            assert_eq!((&found.schedule, found.source), (&row.schedule, row.source));
            assert_eq!(Row::parse(&row.line()).as_ref(), Some(row));
        }
        assert_eq!(table.rows.lock().unwrap().len(), 2);
        assert_eq!(table.find("NVIDIA A100", &rows[0].bucket), None);
        for cut in 0..written.len() {
            Table::default().read(&written[..cut]);
        }
    }

    #[test]
    fn what_is_kept_is_found_and_replaces_what_was() {
        let folder = std::env::temp_dir().join(format!("tilewright-tuned-{}", std::process::id()));
        let file = folder.join("schedules.tsv");
        let table = Table { rows: Mutex::default(), file: Some(file.clone()) };
        let row = |source| Row {
            device: "GPU".into(),
            bucket: "k f32 n=2^4".into(),
            schedule: "team=32 teams=1 vector=1".into(),
            source,
            timings: vec![measured("team=32 teams=1 vector=1", 1.0, 0.0)],
        };
        assert_eq!(table.keep(row(1)).unwrap().as_deref(), Some(&*file));
        table.keep(row(2)).unwrap();
        let again = Table::default();
        again.read(&std::fs::read_to_string(&file).unwrap());
        assert_eq!(again.find("GPU", "k f32 n=2^4").unwrap().source, 2);
        std::fs::remove_dir_all(folder).unwrap();
    }

    fn one(bucket: &str, source: u64) -> Row {
        Row {
            device: "GPU".into(),
            bucket: bucket.into(),
            schedule: "team=32 teams=1 vector=1".into(),
            source,
            timings: vec![measured("team=32 teams=1 vector=1", 1.0, 0.0)],
        }
    }

    #[test]
    fn a_damaged_line_costs_no_other_and_stays() {
        let folder =
            std::env::temp_dir().join(format!("tilewright-damaged-{}", std::process::id()));
        let file = folder.join("schedules.tsv");
        std::fs::create_dir_all(&folder).unwrap();
        let mut bytes = text(&[one("a", 1), one("b", 2)]).into_bytes();
        bytes.extend(b"GPU\xff\xfe\tof a later version\n");
        std::fs::write(&file, bytes).unwrap();
        let table = Table { rows: Mutex::default(), file: Some(file.clone()) };
        table.keep(one("c", 3)).unwrap();
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(kept.contains("of a later version"), "{kept}");
        let again = Table::default();
        again.read(&kept);
        for (bucket, source) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(again.find("GPU", bucket).unwrap().source, source);
        }
        assert_eq!(kept.lines().count(), 5, "{kept}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn who_keeps_rows_at_once_loses_none() {
        let folder =
            std::env::temp_dir().join(format!("tilewright-at-once-{}", std::process::id()));
        let file = folder.join("schedules.tsv");
        // Each has a table of its own, as each process has.
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = Table { rows: Mutex::default(), file: Some(file.clone()) };
                scope.spawn(move || {
                    for i in 0..25 {
                        table.keep(one(&format!("{thread} {i}"), i)).unwrap();
                    }
                });
            }
        });
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(kept.lines().filter_map(Row::parse).count(), 100);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn every_shipped_line_is_a_row() {
        let lines = SHIPPED.lines().skip(1).filter(|line| !line.is_empty());
        for line in lines {
            assert!(Row::parse(line).is_some(), "{line}");
        }
        assert!(SHIPPED.starts_with(HEADING));
    }
}
