//! Names that somebody may have meant.

/// `names` nearest to `wrong`, for "did you mean": at most a third of its letters differ.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(d, _)| *d <= wrong.chars().count() / 3)
        .min()
        .map(|(_, name)| name)
}

/// Letters to insert, drop or change to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let names = ["softmax", "log_softmax", "silu"];
        assert_eq!(nearest("sotfmax", names), Some("softmax"));
        assert_eq!(nearest("silo", names), Some("silu"));
        assert_eq!(nearest("matmul", names), None);
    }
}
