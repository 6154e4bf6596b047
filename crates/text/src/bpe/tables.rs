//! What a byte-pair encoding is made of, as its file lists it, kept in little memory: pieces by string and by number, and
//! merges in order.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

/// Strings and their numbers.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    text: String,
    /// By number: the number, and where its string begins and ends in `text`.
    places: Vec<[u32; 3]>,
    /// Open addressing: one more than a place, 0 where there is none. A power of two long.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl Pieces {
    fn at(&self, place: usize) -> &str {
        let [_, start, end] = self.places[place];
        &self.text[start as usize..end as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, u32)> {
        (0..self.places.len()).map(|place| (self.at(place), self.places[place][0]))
    }

    /// The slots where a string is looked for, in order.
    fn slots_of(&self, piece: &str) -> impl Iterator<Item = usize> + use<> {
        let last = self.slots.len().wrapping_sub(1);
        let first = self.hasher.hash_one(piece) as usize;
        (0..self.slots.len()).map(move |step| first.wrapping_add(step) & last)
    }

    pub(super) fn id(&self, piece: &str) -> Option<u32> {
        for slot in self.slots_of(piece) {
            let place = (self.slots[slot] as usize).checked_sub(1)?;
            if self.at(place) == piece {
                return Some(self.places[place][0]);
            }
        }
        None
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        let place = self.places.binary_search_by_key(&id, |[id, ..]| *id);
        place.ok().map(|place| self.at(place))
    }

    /// Makes what strings are found by; of a string that is there twice, the last counts.
    fn index(&mut self) {
        // By string, in the file's order.
        let mut order: Vec<u32> = (0..self.places.len() as u32).collect();
        order.sort_by(|a, b| self.at(*a as usize).cmp(self.at(*b as usize)).then(a.cmp(b)));
        let mut kept = vec![true; self.places.len()];
        for pair in order.windows(2) {
            kept[pair[0] as usize] = self.at(pair[0] as usize) != self.at(pair[1] as usize);
        }
        drop(order);
        let mut kept = kept.into_iter();
        self.places.retain(|_| kept.next() == Some(true));
        self.places.sort_by_key(|[id, ..]| *id);
        self.places.shrink_to_fit();
        self.text.shrink_to_fit();
        self.slots = vec![0; (self.places.len() * 3 / 2 + 1).next_power_of_two()];
        for place in 0..self.places.len() {
            let free = self.slots_of(self.at(place)).find(|slot| self.slots[*slot] == 0);
            if let Some(free) = free {
                self.slots[free] = place as u32 + 1;
            }
        }
    }
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pieces;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of tokens and their numbers")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pieces, M::Error> {
                let mut pieces = Pieces::default();
                while let Some((piece, id)) = map.next_entry::<String, u32>()? {
                    let start = pieces.text.len() as u32;
                    pieces.text.push_str(&piece);
                    let end = u32::try_from(pieces.text.len());
                    let end = end.map_err(|_| M::Error::custom("the tokens are too long"))?;
                    pieces.places.push([id, start, end]);
                }
                pieces.index();
                Ok(pieces)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Pairs of strings, in order.
#[derive(Default)]
pub(super) struct Merges {
    text: String,
    /// Where the left and the right string of each end.
    ends: Vec<[u32; 2]>,
}

impl Merges {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = [&str; 2]> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|[_, end]| *end));
        starts.zip(&self.ends).map(|(start, [middle, end])| {
            let [start, middle, end] = [start, *middle, *end].map(|at| at as usize);
            [&self.text[start..middle], &self.text[middle..end]]
        })
    }
}

impl<'de> Deserialize<'de> for Merges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Merges;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list of pairs of tokens")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Merges, S::Error> {
                let mut merges = Merges::default();
                while let Some(Pair(pair)) = list.next_element()? {
                    let Some([left, right]) = pair else { continue };
                    merges.text.push_str(&left);
                    let middle = merges.text.len();
                    merges.text.push_str(&right);
                    let ends = [u32::try_from(middle), u32::try_from(merges.text.len())];
                    let [Ok(middle), Ok(end)] = ends else {
                        return Err(S::Error::custom("the merges are too long"));
                    };
                    merges.ends.push([middle, end]);
                }
                Ok(merges)
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

/// Two strings in a list, or with a space between them; nothing for the line in which older files told their version.
struct Pair(Option<[String; 2]>);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pair;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("two tokens")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pair, E> {
                if text.starts_with("#version") {
                    return Ok(Pair(None));
                }
                match text.split_once(' ') {
                    Some((left, right)) if !right.contains(' ') => {
                        Ok(Pair(Some([left.into(), right.into()])))
                    }
                    _ => Err(E::custom(format!("`{text}` is no pair of tokens"))),
                }
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Pair, S::Error> {
                let (left, right) = (list.next_element()?, list.next_element()?);
                match (left, right, list.next_element::<String>()?) {
                    (Some(left), Some(right), None) => Ok(Pair(Some([left, right]))),
                    _ => Err(S::Error::custom("a merge is of two tokens")),
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
