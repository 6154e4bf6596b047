//! Aligned tables for people.

use std::io::{self, Write};

/// Rows under headings, each column as wide as its widest cell.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    heading: String,
    right: bool,
}

impl Table {
    /// A table of these columns; a heading that starts with `>` is that of a column aligned right, as numbers are.
    pub fn new(headings: &[&str]) -> Table {
        let column = |heading: &&str| match heading.strip_prefix('>') {
            Some(heading) => Column { heading: heading.into(), right: true },
            None => Column { heading: (*heading).into(), right: false },
        };
        Table { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the last column are left out.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Writes the headings and the rows, two spaces between columns, nothing after the last.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let headings: Vec<String> = self.columns.iter().map(|c| c.heading.clone()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|i| {
                let cells = self.rows.iter().chain([&headings]).filter_map(|row| row.get(i));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let plain = headings.iter().all(String::is_empty);
        for row in (!plain).then_some(&headings).into_iter().chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), column) in row.iter().zip(&widths).zip(&self.columns) {
                let cell = match column.right {
                    true => format!("{cell:>width$}  "),
                    false => format!("{cell:<width$}  "),
                };
                line.push_str(&cell);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Bytes as people read them: `16.0 MiB`.
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A shape as people write it: `8x1024`, `scalar` when there is no axis.
pub fn show_shape(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".into();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_no_line_ends_in_spaces() {
        let mut table = Table::new(&["name", ">ms", ""]);
        table.row(["a".into(), "10.5".into(), "Σ".into()]);
        table.row(["long".into(), "1.5".into(), "".into()]);
        let mut out = Vec::new();
        table.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "name    ms\na     10.5  Σ\nlong   1.5\n");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(show_bytes(17), "17 B");
        assert_eq!(show_bytes(16 << 20), "16.0 MiB");
        assert_eq!(show_shape(&[8, 1024]), "8x1024");
        assert_eq!(show_shape(&[]), "scalar");
    }
}
