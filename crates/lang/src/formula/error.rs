//! What is wrong with a formula, shown under its own text.

use std::fmt;

/// A piece of one of a formula's texts: bytes `start .. end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// 0 for the prelude, 1 for the formula itself.
    pub source: usize,
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// From the start of `self` to the end of `other`. Names of a prelude keep spans of their own text, so two
    /// spans that are not of one text do not join.
    pub fn to(self, other: Span) -> Span {
        match self.source == other.source {
            true => Span { end: other.end.max(self.end), ..self },
            false => self,
        }
    }
}

/// A mistake before its text is attached.
#[derive(Debug)]
pub(super) struct Fault {
    pub message: String,
    pub span: Span,
    pub hint: Option<String>,
}

impl Fault {
    pub fn new(span: Span, message: impl Into<String>) -> Fault {
        Fault { message: shortened(message.into()), span, hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Fault {
        Fault { hint: Some(shortened(hint.into())), ..self }
    }
}

/// A line without its middle when it quotes a name or number that nobody would read to the end.
fn shortened(line: String) -> String {
    const LONGEST: usize = 240;
    const KEPT: usize = 80;
    let count = line.chars().count();
    if count <= LONGEST {
        return line;
    }
    let beginning: String = line.chars().take(KEPT).collect();
    let end: String = line.chars().skip(count - KEPT).collect();
    format!("{beginning}…{end}")
}

/// What is wrong with a formula, and where in it.
///
/// Shown, it has the formula with carets under the fault:
///
/// ```
/// let error = tilewright_lang::Formula::parse("x * tahn(x)").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "unknown name `tahn`\n  x * tahn(x)\n      ^^^^ did you mean `tanh`?"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaError {
    message: String,
    hint: Option<String>,
    text: String,
    start: usize,
    end: usize,
    role: Option<String>,
}

impl FormulaError {
    pub(super) fn new(fault: Fault, text: &str) -> FormulaError {
        let Fault { message, span, hint } = fault;
        let start = span.start.min(text.len());
        let end = span.end.clamp(start, text.len());
        FormulaError { message, hint, text: text.into(), start, end, role: None }
    }

    /// Names the formula among several, as `pass 1, update`.
    pub(crate) fn of(self, role: &str) -> FormulaError {
        FormulaError { role: Some(role.into()), ..self }
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be right, where that can be guessed.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The whole text that holds the fault.
    pub fn formula(&self) -> &str {
        &self.text
    }

    /// Which bytes of [`formula`](Self::formula) are at fault; empty where something is missing.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }
}

impl std::error::Error for FormulaError {}

impl From<FormulaError> for tilewright_ir::Error {
    fn from(error: FormulaError) -> Self {
        tilewright_ir::Error::usage(error.to_string())
    }
}

/// A longer line shows the part around the fault only.
const LINE_SHOWN: usize = 96;

impl fmt::Display for FormulaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(role) = &self.role {
            write!(f, "{role}: ")?;
        }
        f.write_str(&self.message)?;
        let line_start = self.text[..self.start].rfind('\n').map_or(0, |i| i + 1);
        let line_end =
            self.text[self.start..].find('\n').map_or(self.text.len(), |i| self.start + i);
        // A caret stands under a character, so columns are counted in characters; one that has no shape is a space.
        let line: Vec<char> = self.text[line_start..line_end]
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let from = self.text[line_start..self.start].chars().count();
        let to = from + self.text[self.start..self.end.min(line_end)].chars().count();
        let first = match line.len() > LINE_SHOWN {
            true => from.saturating_sub(LINE_SHOWN / 2).min(line.len() - LINE_SHOWN),
            false => 0,
        };
        let last = line.len().min(first + LINE_SHOWN);
        let shown: String = line[first..last].iter().collect();
        let (before, after) =
            (if first > 0 { "…" } else { "" }, if last < line.len() { "…" } else { "" });
        let number = self.text[..self.start].matches('\n').count() + 1;
        if self.text.trim_end().contains('\n') {
            write!(f, " (line {number})")?;
        }
        if !shown.trim().is_empty() {
            let indent = from - first + before.chars().count();
            let carets = (to.min(last).saturating_sub(from)).max(1);
            write!(f, "\n  {before}{}{after}", shown.trim_end())?;
            write!(f, "\n  {}{}", " ".repeat(indent), "^".repeat(carets))?;
            if let Some(hint) = &self.hint {
                write!(f, " {hint}")?;
            }
        } else if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

/// The known name nearest to `word`, if one is near enough to be what was meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 32;
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let limit = match word.len() {
        0..=2 => 1,
        n => (n / 3).max(1),
    };
    known
        .into_iter()
        .map(|name| (distance(&lower, &name.to_ascii_lowercase()), name))
        // Of a short word no letter would be left.
        .filter(|(far, name)| *far <= limit && *far < word.len().max(name.len()))
        .min_by_key(|(far, name)| (*far, name.len().abs_diff(word.len())))
        .map(|(_, name)| name)
}

/// Edit distance with exchanges of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let same = (a[i - 1] != b[j - 1]) as usize;
            row[j] = (above[j - 1] + same).min(above[j] + 1).min(row[j - 1] + 1);
            let exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if exchanged {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, far) in
            [("tahn", "tanh", 1), ("", "abc", 3), ("exp", "exp", 0), ("sigmod", "sigmoid", 1)]
        {
            assert_eq!(distance(a, b), far, "{a} {b}");
            assert_eq!(distance(b, a), far, "{b} {a}");
        }
        assert_eq!(nearest("tahn", ["tan", "tanh", "exp"]), Some("tanh"));
        assert_eq!(nearest("TANH", ["tanh"]), Some("tanh"));
        assert_eq!(nearest("wavelet", ["tanh"]), None);
        assert_eq!(nearest("q", ["x"]), None);
        assert_eq!(nearest(&"a".repeat(1000), ["x"]), None);
    }

    #[test]
    fn a_long_line_shows_the_part_around_the_fault() {
        let text = format!("{} + tahn(x) + {}", "x + ".repeat(100), "x + ".repeat(100));
        let start = text.find("tahn").unwrap();
        let span = Span { source: 1, start, end: start + 4 };
        let shown = FormulaError::new(Fault::new(span, "here"), &text).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].chars().count() <= LINE_SHOWN + 4, "{shown}");
        let column = lines[2].find('^').unwrap();
        let under: String = lines[1].chars().skip(column).take(4).collect();
        assert_eq!(under, "tahn", "{shown}");
    }

    #[test]
    fn a_fault_on_a_later_line_is_shown_with_its_number() {
        let text = "float s = 1;\n\ts + tahn(x)";
        let start = text.find("tahn").unwrap();
        let span = Span { source: 1, start, end: start + 4 };
        let shown = FormulaError::new(Fault::new(span, "here"), text).to_string();
        assert_eq!(shown, "here (line 2)\n   s + tahn(x)\n       ^^^^");
    }
}
