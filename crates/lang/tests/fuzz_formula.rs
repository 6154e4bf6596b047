//! No text makes the parser or the recording of a formula panic.

mod fuzz;

use fuzz::{Generator, Outcome, check};

#[test]
fn no_text_is_too_strange() {
    let mut generator = Generator::new(1);
    let mut counts = [0usize; 3];
    for _ in 0..200_000 {
        let text = generator.formula();
        let outcome = check(&text, &mut generator.random);
        counts[outcome as usize] += 1;
        if outcome != Outcome::Refused {
            generator.keep(&text);
        }
    }
    // The generator reaches every part.
    assert!(counts.iter().all(|&n| n > 5_000), "{counts:?}");
}
