//! What can go wrong between a program and a machine.

use tilewright_ir::{DType, Error, Program};

/// An error of a target. The message says what happened and, where one exists, the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// The device cannot run such a program.
    Unsupported {
        /// The kernel.
        program: String,
        /// What the device lacks.
        what: String,
    },
    /// The program is as it should be, and takes more of something than the device has, such as memory of a group.
    Limit {
        /// The kernel.
        program: String,
        /// What it needs and what the device has.
        what: String,
    },
    /// An argument does not fit its parameter or its buffer.
    Argument {
        /// The kernel.
        program: String,
        /// The parameter.
        param: String,
        /// What is wrong.
        what: String,
    },
    /// A run-time index left its axis.
    OutOfRange {
        /// The kernel.
        program: String,
        /// The tensor or tile.
        tensor: String,
        /// Which axis.
        axis: usize,
        /// The offending index.
        index: i64,
        /// The extent of the axis.
        extent: usize,
        /// The program instance that used it: its index along each grid axis.
        at: Vec<usize>,
    },
    /// Memory ran out.
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The device, its driver or a worker failed.
    Device(String),
}

impl TargetError {
    /// The error for an argument that does not fit the parameter of that number.
    pub fn argument(program: &Program, number: usize, what: impl Into<String>) -> Self {
        TargetError::Argument {
            program: program.name.clone(),
            param: program.params.get(number).map_or_else(String::new, |param| param.name.clone()),
            what: what.into(),
        }
    }

    /// The error for a dtype that a device does not have.
    pub fn unsupported_dtype(program: &str, device: &str, dtype: DType) -> Self {
        TargetError::Unsupported {
            program: program.into(),
            what: format!("{device} has no {dtype}; it is for references and the interpreter"),
        }
    }
}

impl std::fmt::Display for TargetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TargetError::Unsupported { program, what } | TargetError::Limit { program, what } => {
                write!(f, "{program}: {what}")
            }
            TargetError::Argument { program, param, what } => {
                write!(f, "{program}: `{param}` {what}")
            }
            TargetError::OutOfRange { program, tensor, axis, index, extent, at } => write!(
                f,
                "{program}: index {index} is out of range for axis {axis} of `{tensor}`, \
                 which has extent {extent} (in program {at:?})"
            ),
            TargetError::Memory { bytes } => {
                write!(f, "{:.1} GB of memory are not to be had", *bytes as f64 / 1e9)
            }
            TargetError::Device(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for TargetError {}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Unsupported { .. }
            | TargetError::Limit { .. }
            | TargetError::Argument { .. } => Error::usage(error.to_string()),
            TargetError::Memory { .. } => {
                Error::failure(error.to_string()).help("ask for less: smaller sizes, or half types")
            }
            TargetError::OutOfRange { .. } | TargetError::Device(_) => {
                Error::failure(error.to_string())
            }
        }
    }
}
