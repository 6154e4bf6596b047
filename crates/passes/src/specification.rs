//! Whether a program says what a text says.
//!
//! A target may have code of its own for a whole program: the tile program is its specification. What says the same runs by
//! that code, whatever its name; what does not runs as any other.

use crate::pipeline;
use tilewright_ir::Program;
use tilewright_ir::text::{parse, print};

/// True when `program`, which is optimized, says from its parameters on what `specification` says with these words put in.
pub fn says(program: &Program, specification: &str, words: &[(&str, &str)]) -> bool {
    let put = |text: String, (word, by): &(&str, &str)| text.replace(word, by);
    let text = words.iter().fold(specification.to_string(), put);
    let Ok(mut specified) = parse(&text) else { return false };
    pipeline::optimize(&mut specified);
    let said = |program: &Program| {
        let text = print(&program.compact());
        text.split_once('(').map(|(_, said)| said.to_string())
    };
    said(program) == said(&specified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_count_and_words_do() {
        let text = "dims n\nkernel double(x: in TYPE[n], y: out TYPE[n])\n%0: TYPE[n] = load x[:]\n\
                    %1: TYPE[n] = add %0, %0\nstore y[:] = %1\n";
        let mut program = parse(&text.replace("TYPE", "f32").replace("double", "twice")).unwrap();
        pipeline::optimize(&mut program);
        assert!(says(&program, text, &[("TYPE", "f32")]));
        assert!(!says(&program, text, &[("TYPE", "i32")]));
        assert!(!says(&program, &text.replace("add", "mul"), &[("TYPE", "f32")]));
        assert!(!says(&program, "nothing", &[]));
    }
}
