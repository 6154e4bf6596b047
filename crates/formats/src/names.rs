//! Names of a JSON object, those that are there twice among them: where the last would silently stand for all.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// The first name of an object that an earlier entry has already; `None` also for a text that is none.
pub(crate) fn repeated(json: &[u8]) -> Option<String> {
    serde_json::Deserializer::from_slice(json).deserialize_map(Repeated).ok().flatten()
}

struct Repeated;

impl<'de> Visitor<'de> for Repeated {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut seen, mut found) = (BTreeSet::new(), None);
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if !seen.insert(name.clone()) {
                found = found.or(Some(name));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn the_first_that_was_there_is_told() {
        assert_eq!(repeated(br#"{"a": {"b": 1}, "b": 2, "c": [3]}"#), None);
        assert_eq!(repeated(br#"{"a": 1, "b": {}, "\u0061": 2, "b": 3}"#), Some("a".into()));
        assert_eq!(repeated(b"[1, 1]"), None);
        assert_eq!(repeated(b"{"), None);
    }
}
