//! The one list of targets.

use crate::emulator::EmulatorDevice;
use crate::tuned::Table;
use crate::{Error, Result, cache, interpreter::InterpreterDevice};
use std::path::PathBuf;
use std::sync::Arc;
use tilewright_target::Device;
use tilewright_target::null::NullDevice;
use tilewright_target_cpu::CpuDevice;
use tilewright_target_cuda::CudaDevice;
use tilewright_target_metal::host::MslHostDevice;

/// A machine that kernels can run on.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, as `--device` takes it.
    pub name: &'static str,
    /// What it is, in one line.
    pub doc: &'static str,
    /// Opens its device, or says what is missing here.
    pub open: fn() -> Result<Arc<dyn Device>>,
    /// What it is for.
    pub role: Role,
}

/// What a target is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To compute with; every check includes it.
    Computes,
    /// To check the code of other targets with, by running it on the host.
    Checks,
    /// To time what is not arithmetic: it runs nothing.
    Idles,
}

/// Every target; the first is the default. A new backend is a crate and a row here.
pub static TARGETS: &[Target] = &[
    Target {
        name: "cpu",
        doc: "this machine's cores",
        open: || Ok(Arc::new(CpuDevice::new())),
        role: Role::Computes,
    },
    Target {
        name: "cuda",
        doc: "an NVIDIA GPU, through its driver and NVRTC",
        open: || Ok(Arc::new(CudaDevice::open(0, cache_folder("cuda"), Table::known())?)),
        role: Role::Computes,
    },
    Target { name: "metal", doc: "an Apple GPU, through Metal", open: metal, role: Role::Computes },
    Target {
        name: "interpreter",
        doc: "the reference: one element at a time in f64, finds races and unwritten elements",
        open: || Ok(Arc::new(InterpreterDevice::new())),
        role: Role::Computes,
    },
    Target {
        name: "emulator",
        doc: "the GPU lowering: every thread stepped through on the host, finds races between threads",
        open: || Ok(Arc::new(EmulatorDevice::new())),
        role: Role::Checks,
    },
    Target {
        name: "msl-host",
        doc: "the emitted MSL: built unchanged by a C++ compiler, every thread run on the host",
        open: || Ok(Arc::new(MslHostDevice::open(&cache::folder("msl-host"))?)),
        role: Role::Checks,
    },
    Target {
        name: "null",
        doc: "compiles everything and runs nothing, to time what is not arithmetic",
        open: || Ok(Arc::new(NullDevice::new())),
        role: Role::Idles,
    },
];

#[cfg(any(target_os = "macos", tilewright_typecheck))]
fn metal() -> Result<Arc<dyn Device>> {
    Ok(Arc::new(tilewright_target_metal::MetalDevice::open(&cache::folder("metal"))?))
}

#[cfg(not(any(target_os = "macos", tilewright_typecheck)))]
fn metal() -> Result<Arc<dyn Device>> {
    let error = Error::failure("Metal: this is no Mac");
    Err(error.help(
        "`tilewright emit --target metal` prints MSL anywhere, --device msl-host runs it here",
    ))
}

/// The target of that name.
///
/// # Errors
/// When there is none; the message lists those there are.
pub fn find(name: &str) -> Result<&'static Target> {
    TARGETS.iter().find(|t| t.name == name).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
        let error = Error::usage(format!("there is no device `{name}`"));
        error.help(format!("devices are {}", names.join(", ")))
    })
}

/// Where things of a kind are kept that can be made anew, such as what a target compiled: below `TILEWRIGHT_CACHE`, or
/// the user's folder for such files; nowhere if that is unknown, or if the variable is empty.
pub fn cache_folder(kind: &str) -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let folder = given("TILEWRIGHT_CACHE").or_else(|| {
        let user = given("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let user = user.or_else(|| given("HOME").map(|home| home.join(".cache")));
        user.map(|user| user.join("tilewright"))
    });
    folder.filter(|folder| !folder.as_os_str().is_empty()).map(|folder| folder.join(kind))
}
