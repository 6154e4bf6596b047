//! Every family against its peers: `fixtures.py` wrote tiny checkpoints and what transformers (floats) and mlx-lm
//! (packed weights) make of them, in f32.

use std::path::{Path, PathBuf};
use tilewright_formats::{Checkpoint, TensorFile};
use tilewright_models::{FAMILIES, find, load};
use tilewright_nn::{Cache, DType, Logits, Model, Runtime, Tensor};

/// Largest difference over largest value: what f32 in another order gives is a thousandth of this.
const CLOSE: f32 = 1e-3;

/// What a peer makes of a checkpoint.
struct Expected {
    tokens: Vec<u32>,
    /// `[tokens, vocabulary]`.
    logits: Vec<f32>,
    greedy: Vec<u32>,
}

impl Expected {
    fn open(folder: &Path) -> Expected {
        let file = TensorFile::open(&folder.join("expected.safetensors")).unwrap();
        let words = |name: &str| -> Vec<u32> {
            let tensor = file.tensor(name).unwrap();
            tensor.bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
        };
        let logits = words("logits").into_iter().map(f32::from_bits).collect();
        Expected { tokens: words("tokens"), logits, greedy: words("greedy") }
    }
}

/// A checkpoint and what its peer makes of it.
struct Fixture {
    name: String,
    model: Model,
    tokens: Vec<u32>,
    logits: Vec<f32>,
    greedy: Vec<u32>,
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn fixtures() -> impl Iterator<Item = Fixture> {
    folders().into_iter().map(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let checkpoint = Checkpoint::open(&folder).unwrap_or_else(|e| panic!("{e}"));
        let runtime = Runtime::open("cpu").unwrap();
        let model = load(&checkpoint, runtime, Some(DType::F32));
        let model = model.unwrap_or_else(|e| panic!("{name}: {e}"));
        let Expected { tokens, logits, greedy } = Expected::open(&folder);
        Fixture { name, model, tokens, logits, greedy }
    })
}

impl Fixture {
    fn cache(&self, slots: usize) -> Cache {
        self.model.cache(slots, self.tokens.len() + self.greedy.len()).unwrap()
    }

    fn prefill(&self, cache: &mut Cache, slot: usize, ids: &[u32]) -> Vec<f32> {
        let logits = self.model.prefill(cache, slot, ids, Logits::All);
        values(&logits.unwrap_or_else(|e| panic!("{}: {e}", self.name)).unwrap())
    }

    /// The logits after the token at `position`.
    fn row<'a>(&self, logits: &'a [f32], position: usize) -> &'a [f32] {
        let vocabulary = self.model.shape().vocabulary;
        &logits[position * vocabulary..][..vocabulary]
    }
}

fn values(logits: &Tensor) -> Vec<f32> {
    logits.to_vec::<f32>().unwrap()
}

fn argmax(row: &[f32]) -> u32 {
    (0..row.len()).rev().max_by(|&i, &j| row[i].total_cmp(&row[j])).unwrap() as u32
}

#[track_caller]
fn close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let greatest = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    let difference = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
    let worst = difference.fold(0f32, f32::max) / greatest;
    assert!(worst < CLOSE, "{name}: logits differ by {worst:.2e}");
}

#[test]
fn every_family_has_a_fixture() {
    let read = |folder: &PathBuf| Checkpoint::open(folder).unwrap_or_else(|e| panic!("{e}"));
    let seen: Vec<&str> = folders()
        .iter()
        .map(|folder| find(read(folder).config()).unwrap_or_else(|e| panic!("{e}")).model_type)
        .collect();
    for family in FAMILIES {
        assert!(
            seen.contains(&family.model_type),
            "{} is compared with nothing",
            family.model_type
        );
    }
    assert!(FAMILIES.is_sorted_by_key(|family| family.model_type));
}

#[test]
fn logits_are_those_of_the_peers() {
    for fixture in fixtures() {
        let found = fixture.prefill(&mut fixture.cache(1), 0, &fixture.tokens);
        close(&fixture.name, &found, &fixture.logits);
    }
}

#[test]
fn greedy_continuations_are_those_of_the_peers() {
    for fixture in fixtures() {
        let mut cache = fixture.cache(1);
        let logits = fixture.prefill(&mut cache, 0, &fixture.tokens);
        let mut found = vec![argmax(fixture.row(&logits, fixture.tokens.len() - 1))];
        while found.len() < fixture.greedy.len() {
            let last = found.last().copied();
            let logits = fixture.model.decode(&mut cache, &[last]).unwrap();
            found.push(argmax(&values(&logits)));
        }
        assert_eq!(found, fixture.greedy, "{}", fixture.name);
    }
}

#[test]
fn prefill_is_the_same_in_chunks_and_step_by_step() {
    for fixture in fixtures() {
        let (mut cache, mut found) = (fixture.cache(1), Vec::new());
        for chunk in [&fixture.tokens[..9], &fixture.tokens[9..10], &fixture.tokens[10..17]] {
            found.extend(fixture.prefill(&mut cache, 0, chunk));
        }
        for token in &fixture.tokens[17..] {
            let logits = fixture.model.decode(&mut cache, &[Some(*token)]).unwrap();
            found.extend(values(&logits));
        }
        close(&fixture.name, &found, &fixture.logits);
    }
}

#[test]
fn a_sequence_in_a_batch_is_the_same_as_alone() {
    for fixture in fixtures() {
        let (mut cache, tokens) = (fixture.cache(3), &fixture.tokens);
        let lens = [3, 20, 11];
        for (slot, len) in lens.iter().enumerate() {
            let found = fixture.prefill(&mut cache, slot, &tokens[..*len]);
            let expected = &fixture.logits[..found.len()];
            close(&fixture.name, &found, expected);
        }
        // Slot 2 pauses for a step, as a sequence does that has ended.
        for step in 0..4 {
            let ids: Vec<Option<u32>> = (0..3)
                .map(|slot| (slot != 2 || step != 1).then(|| tokens[cache.len(slot)]))
                .collect();
            let places = [0, 1, 2].map(|slot| cache.len(slot));
            let logits = values(&fixture.model.decode(&mut cache, &ids).unwrap());
            for slot in (0..3).filter(|slot| ids[*slot].is_some()) {
                let expected = fixture.row(&fixture.logits, places[slot]);
                close(&fixture.name, fixture.row(&logits, slot), expected);
            }
        }
        assert_eq!([0, 1, 2].map(|slot| cache.len(slot)), [7, 24, 14]);
    }
}

#[test]
fn a_sequence_that_goes_back_goes_on_as_it_did() {
    for fixture in fixtures() {
        let (mut cache, tokens) = (fixture.cache(1), &fixture.tokens);
        fixture.prefill(&mut cache, 0, &tokens[..18]);
        for token in &tokens[18..] {
            fixture.model.decode(&mut cache, &[Some(*token)]).unwrap();
        }
        let forgets = !fixture.model.shape().states.is_empty();
        for back in [tokens.len() - 5, 3] {
            cache.truncate(0, back);
            // What convolutions saw of the first tokens is no longer there.
            let held = if forgets && back == 3 { 0 } else { back };
            assert_eq!(cache.len(0), held, "{}", fixture.name);
            let found = fixture.prefill(&mut cache, 0, &tokens[held..]);
            let first = held * fixture.model.shape().vocabulary;
            close(&fixture.name, &found, &fixture.logits[first..]);
        }
        let over = fixture.model.prefill(&mut cache, 0, &[1; 80], Logits::None).unwrap_err();
        assert!(over.to_string().contains("do not fit a cache"), "{over}");
    }
}

#[test]
fn half_precision_stays_near() {
    for folder in folders() {
        let checkpoint = Checkpoint::open(&folder).unwrap();
        let model = load(&checkpoint, Runtime::open("cpu").unwrap(), Some(DType::BF16)).unwrap();
        let expected = Expected::open(&folder);
        let mut cache = model.cache(1, 64).unwrap();
        let logits = model.prefill(&mut cache, 0, &expected.tokens, Logits::All).unwrap().unwrap();
        let vocabulary = model.shape().vocabulary;
        let power = |row: &mut dyn Iterator<Item = f32>| row.map(|x| x * x).sum::<f32>();
        let found = values(&logits);
        let rows = found.chunks(vocabulary).zip(expected.logits.chunks(vocabulary));
        let mut errors: Vec<f32> = rows
            .map(|(found, expected)| {
                let error = power(&mut found.iter().zip(expected).map(|(f, e)| f - e));
                (error / power(&mut expected.iter().copied())).sqrt()
            })
            .collect();
        errors.sort_by(f32::total_cmp);
        // Neighbours are 2^-8 apart, and some hundred roundings, of weights and between kernels, add up like
        // random steps. The median, because a router may send a token to another expert, which is no error of rounding.
        let median = errors[errors.len() / 2];
        assert!(median < 2f32.powi(-8) * 10.0, "{}: {median:.4}", folder.display());
    }
}

#[test]
fn a_window_of_one_layer_only_is_not_that_of_all() {
    let gemma2 = fixtures().find(|fixture| fixture.name == "gemma2").unwrap();
    let described = folders().iter().find(|f| f.ends_with("gemma2")).map(|folder| {
        let checkpoint = Checkpoint::open(folder).unwrap();
        tilewright_models::describe(checkpoint.config()).unwrap().windows
    });
    assert_eq!(described, Some(vec![Some(8), None]));
    assert_eq!(gemma2.model.shape().layers.len(), 2);
}
