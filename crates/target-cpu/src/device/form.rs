//! What schedules and layouts are remembered by.

use super::laid;
use tilewright_ir::Bindings;
use tilewright_target::Argument;

/// What a schedule was made for.
pub(super) struct Key {
    pub dims: Vec<usize>,
    pub form: Form,
    pub careful: u64,
    pub stream: bool,
}

impl Key {
    pub fn fits(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
        careful: u64,
        stream: bool,
    ) -> bool {
        self.dims == bindings.dims
            && self.careful == careful
            && self.stream == stream
            && self.form.fits(bindings, arguments)
    }
}

/// The shapes of a call's arguments, the strides of those that have some, and those whose rows lie by sixteens.
pub(super) struct Form {
    shapes: Vec<Vec<usize>>,
    strides: Vec<Option<Vec<isize>>>,
    laid: Vec<bool>,
}

/// Rows that lie by sixteens are told from others.
fn is_laid(argument: &Argument<'_>) -> bool {
    matches!(argument, Argument::Tensor(region) if laid(region.buffer).is_some())
}

impl Form {
    pub fn of(bindings: &Bindings, arguments: &[Argument<'_>]) -> Form {
        let strides = |argument: &Argument<'_>| match argument {
            Argument::Tensor(region) => region.strides.map(<[isize]>::to_vec),
            Argument::Scalar(_) => None,
        };
        Form {
            shapes: bindings.shapes.clone(),
            strides: arguments.iter().map(strides).collect(),
            laid: arguments.iter().map(is_laid).collect(),
        }
    }

    pub fn fits(&self, bindings: &Bindings, arguments: &[Argument<'_>]) -> bool {
        self.shapes == bindings.shapes
            && self.strides.iter().zip(arguments).all(|(own, argument)| match argument {
                Argument::Tensor(region) => own.as_deref() == region.strides,
                Argument::Scalar(_) => own.is_none(),
            })
            && self.laid.iter().zip(arguments).all(|(own, argument)| *own == is_laid(argument))
    }
}
