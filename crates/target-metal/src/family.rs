//! What Apple's GPUs can do, by family: Metal's feature set tables.

use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{DType, ParamKind, Program};
use tilewright_passes::lower::{Schedule, lower};
use tilewright_target::TargetError;

/// A family of GPUs, with the limits that a kernel must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Metal's number: Apple7 and so on.
    pub apple: u32,
    /// The chips in it.
    pub chips: &'static str,
    /// Bytes of threadgroup memory that a group may declare.
    pub threadgroup_bytes: usize,
    /// Threads of a group.
    pub threads: usize,
    /// Buffers that a kernel may take.
    pub buffers: usize,
    /// `simdgroup_matrix` products in hardware.
    pub matrices: bool,
    /// Matrix products and arithmetic of `bfloat` in hardware; older families widen it.
    pub bfloat: bool,
}

/// Every family that has what Tilewright needs: subgroups of 32 with shuffles and reductions. The last is the newest.
pub static FAMILIES: &[Family] = &[
    Family { apple: 7, chips: "A14, M1", bfloat: false, ..NEWEST },
    Family { apple: 8, chips: "A15, A16, M2", bfloat: false, ..NEWEST },
    Family { apple: 9, chips: "A17 Pro, M3, M4", ..NEWEST },
    NEWEST,
];

/// What the newest family has, and so what emitted text may use at most.
pub const NEWEST: Family = Family {
    apple: 10,
    chips: "A19, M5",
    threadgroup_bytes: 32 << 10,
    threads: 1024,
    buffers: 31,
    matrices: true,
    bfloat: true,
};

impl Family {
    /// `program` as threads of such a GPU.
    ///
    /// # Errors
    /// When it has no such form, or breaks a limit.
    pub fn lower(
        &self,
        program: &Program,
        schedule: &Schedule,
    ) -> Result<ThreadProgram, TargetError> {
        let (name, said) =
            (|| program.name.clone(), |what: &str| format!("cannot run on Metal: {what}"));
        let threads = lower(program, schedule).map_err(|e| TargetError::Unsupported {
            program: name(),
            what: said(&e.to_string()),
        })?;
        self.check(&threads)
            .map_err(|what| TargetError::Limit { program: name(), what: said(&what) })?;
        Ok(threads)
    }

    /// Checks that a group of `program` fits.
    ///
    /// # Errors
    /// Names the limit that it breaks.
    pub fn check(&self, program: &ThreadProgram) -> Result<(), String> {
        let tensors = program.params.iter().filter_map(|p| match p.kind {
            ParamKind::Tensor { dtype, .. } => Some(dtype),
            ParamKind::Scalar { .. } => None,
        });
        let buffers = tensors.clone().count() + 1 + usize::from(!program.checks.is_empty());
        let (shared, threads) = (program.shared_bytes(), program.threads);
        let double = tensors.chain(program.registers.iter().map(|r| r.dtype));
        if double.into_iter().any(|dtype| dtype == DType::F64) {
            return Err("Metal has no f64".into());
        }
        let limits = [
            (shared, self.threadgroup_bytes, "bytes of threadgroup memory"),
            (threads, self.threads, "threads a group"),
            (buffers, self.buffers, "buffers"),
        ];
        match limits.into_iter().find(|(need, have, _)| need > have) {
            Some((need, have, what)) => Err(format!("needs {need} {what}, Metal has {have}")),
            None => Ok(()),
        }
    }
}
