//! Programs that this target has text of its own for, as a whole. The tile program is the specification: what says the same
//! runs by the text, whatever its name, and by the generic lowering where the text cannot take its tensors.

use crate::attention::Attention;
use crate::grouped::Grouped;
use crate::launch::CudaExecutable;
use tilewright_ir::text::{parse, print};
use tilewright_ir::{Bindings, Program};
use tilewright_passes::pipeline;
use tilewright_target::{Argument, TargetError};

/// A text that a program may run by.
pub(crate) enum Specified {
    Grouped(Grouped),
    Attention(Attention),
}

impl Specified {
    /// That of `program`, which is optimized, if there is one; `architecture` as the compiler names it.
    pub fn of(program: &Program, architecture: &str) -> Option<Specified> {
        let grouped = Grouped::of(program).map(Specified::Grouped);
        grouped.or_else(|| Attention::of(program, architecture).map(Specified::Attention))
    }
}

impl CudaExecutable {
    /// Runs the program by a text of this target's own; false when it is to run by the lowering.
    pub fn by_specification(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<bool, TargetError> {
        match &self.specified {
            Some(Specified::Grouped(grouped)) => {
                self.multiply_grouped(grouped, bindings, arguments)
            }
            Some(Specified::Attention(attention)) => self.attend(attention, bindings, arguments),
            None => Ok(false),
        }
    }
}

/// True when `program` says from its parameters on what the text `specification` says with these words put in, both
/// optimized.
pub(crate) fn says(program: &Program, specification: &str, words: &[(&str, &str)]) -> bool {
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
