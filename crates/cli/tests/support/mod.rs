//! Runs the binary and makes its files.

#![allow(dead_code)] // Each test file uses a part.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tilewright_formats::{ElementType, Tensor, TensorFile, write};

/// What a run of the binary left behind.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Stdout of a run that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert_eq!(self.stderr, "", "a successful run is silent on stderr");
        self.stdout
    }

    /// Stdout as JSON, of a run that must have succeeded.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).expect("stdout is JSON")
    }

    /// A run that must have failed with `status`, in two lines that mention `fault`.
    #[track_caller]
    pub fn fails(self, status: i32, fault: &str) {
        assert_eq!(self.status, status, "expected {fault}\n{self:?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        let first = lines.first().copied().unwrap_or_default();
        let last = lines.last().copied().unwrap_or_default();
        assert!(first.starts_with("error: "), "{self:?}");
        assert!(last.starts_with("help: ") && last.len() > 10, "{self:?}");
        assert!(self.stderr.contains(fault), "expected {fault}\n{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Runs the binary in `directory`.
pub fn tilewright_in(directory: &Path, args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_tilewright"))
        .args(args)
        .current_dir(directory)
        .env_remove("SHOW")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    Run {
        status: output.status.code().expect("not killed by a signal"),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// Runs the binary where it needs no file.
pub fn tilewright(args: &[&str]) -> Run {
    tilewright_in(Path::new(env!("CARGO_TARGET_TMPDIR")), args)
}

/// An empty directory of one test alone.
pub fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a directory for the test");
    path
}

/// An f32 tensor for a file.
pub fn floats(name: &str, shape: &[usize], values: &[f32]) -> Tensor<'static> {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Tensor::owned(name.into(), ElementType::F32, shape.to_vec(), bytes)
}

/// An i32 tensor for a file.
pub fn integers(name: &str, shape: &[usize], values: &[i32]) -> Tensor<'static> {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Tensor::owned(name.into(), ElementType::I32, shape.to_vec(), bytes)
}

/// Writes `in.safetensors` in `directory`.
pub fn put(directory: &Path, tensors: &[Tensor<'_>]) {
    write(&directory.join("in.safetensors"), tensors).expect("the input is written");
}

/// The f32 tensor of that name in `out.safetensors`, with its shape.
#[track_caller]
pub fn get(directory: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let file = TensorFile::open(&directory.join("out.safetensors")).expect("an output file");
    let tensor = file.tensor(name).expect("an output");
    assert_eq!(tensor.dtype, ElementType::F32);
    let values = tensor.bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
    (tensor.shape.clone(), values.collect())
}

/// Asserts that two lists agree to `tolerance`.
#[track_caller]
pub fn near(got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{got:?}\n{expected:?}");
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance,
            "element {i}: {a}, expected {b}\n{got:?}\n{expected:?}"
        );
    }
}

/// Lets a command hear a signal that who runs the tests ignores, as nohup does: programs that it starts would go on to.
#[cfg(unix)]
pub fn hears(command: &mut Command, signal: libc::c_int) -> &mut Command {
    use std::os::unix::process::CommandExt;
    let heard = move || {
        // SAFETY: changes what the signal does, in the new process alone.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: `signal` is one of the calls that are allowed there.
    unsafe { command.pre_exec(heard) }
}
