//! Names of registers in the emitted text.

use std::collections::HashSet;
use tilewright_ir::Program;

/// Words that the C family, or the text around a kernel's body, uses itself.
const WORDS: &str = "abs alignas arguments asm atomicAdd auto bool break case char class const constant continue \
    default delete device do double else enum extern false faults float fma for friend goto half if inline int kernel \
    long max min namespace new operator private register return shared_memory short signed sizeof static struct \
    switch template thread threadgroup throw true try typedef typename uint union unsigned using virtual void \
    volatile while";

/// The names that are taken.
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Those of the parameters, and words of the language.
    pub fn new(program: &Program) -> Names {
        let words = WORDS.split_whitespace().map(str::to_string);
        Names(words.chain(program.params.iter().map(|p| p.name.clone())).collect())
    }

    /// The name, or the first of `name_2`, `name_3`, ... that is free; taken from now on.
    pub fn unique(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_string()).chain(numbered);
        let free = names.find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}
