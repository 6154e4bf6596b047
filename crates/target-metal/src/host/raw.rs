//! Kernels whose MSL somebody wrote, on the host.

use super::{Bytes, Compiler, launch, reach};
use crate::source::sign;
use tilewright_target::TargetError;
use tilewright_target::source::{Slot, SourceKernel, SourceLaunch, SourceTensor, kernel_name};

/// Builds and runs a kernel's Metal body.
pub fn run(
    compiler: &Compiler,
    kernel: &SourceKernel,
    launched: &SourceLaunch<'_>,
) -> Result<(), TargetError> {
    let told = |e: TargetError| TargetError::Device(format!("{}: {e}", kernel.name));
    let signed = sign(kernel, launched)?;
    let text = without_pointers(&signed.text);
    let built = compiler.build(&text, &kernel_name(kernel), &signed.parameters).map_err(told)?;
    let mut buffers = Vec::with_capacity(signed.slots.len());
    for slot in &signed.slots {
        buffers.push(match *slot {
            Slot::Input(i) => tensor(&kernel.inputs[i], &launched.inputs[i], false)?,
            Slot::Output(i) => tensor(&kernel.outputs[i], &launched.outputs[i], true)?,
            Slot::Shape(_) | Slot::Strides(_) | Slot::Rank(_) => {
                let element = if matches!(slot, Slot::Strides(_)) { 8 } else { 4 };
                let bytes = slot.injected(launched).unwrap_or_default();
                plain(slot.name(kernel), element, bytes)
            }
        });
    }
    let count = |axes: [usize; 3]| -> Result<[u32; 3], TargetError> {
        let mut out = [0; 3];
        for (to, n) in out.iter_mut().zip(axes) {
            *to = u32::try_from(n)
                .map_err(|_| TargetError::Device(format!("{}: too many threads", kernel.name)))?;
        }
        Ok(out)
    };
    let (grid, group) = (count(launched.grid)?, count(launched.group)?);
    let results = launch(&built, grid, group, 1, &buffers).map_err(told)?;
    for (output, bytes) in launched.outputs.iter().zip(&results) {
        let Some(host) = output.region.buffer.host() else {
            return Err(TargetError::Device(format!(
                "{}: an output is not host memory",
                kernel.name
            )));
        };
        // SAFETY: as many bytes as `tensor` read there; the caller of `launch_source` gives outputs to this call alone.
        unsafe {
            let to = host.as_ptr().add(output.region.offset * output.dtype.size());
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }
    Ok(())
}

/// The text without the word `threadgroup` where it says what a pointer or a reference leads to: on the host that word
/// makes memory, and pointers are a thread's own. As many spaces stand there, so that places in messages stay.
fn without_pointers(text: &str) -> String {
    const WORD: &str = "threadgroup";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(WORD) {
        let (before, after) = (&rest[..at], &rest[at + WORD.len()..]);
        out.push_str(before);
        let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let whole = !part(out.chars().next_back()) && !part(after.chars().next());
        match whole && leads_elsewhere(after) {
            true => out.extend(std::iter::repeat_n(' ', WORD.len())),
            false => out.push_str(WORD),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// True where a type, perhaps with arguments, is followed by what makes it one of pointers or references.
fn leads_elsewhere(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        let word =
            rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        let skipped = match rest.as_bytes() {
            _ if word > 0 => word,
            [b':', b':', ..] => 2,
            [b'<', ..] => {
                let mut depth = 0usize;
                let end = rest.find(|c| {
                    depth = match c {
                        '<' => depth + 1,
                        '>' => depth - 1,
                        _ => depth,
                    };
                    depth == 0
                });
                let Some(end) = end else { return false };
                end + 1
            }
            [b'(', ..] => return rest[1..].trim_start().starts_with(['*', '&']),
            _ => return rest.starts_with(['*', '&']),
        };
        rest = rest[skipped..].trim_start();
    }
}

fn plain(name: String, element: usize, bytes: Vec<u8>) -> Bytes {
    Bytes { name, written: false, faults: false, element, shift: 0, origin: 0, bytes }
}

/// The bytes from a tensor's least element in memory to its greatest.
fn tensor(name: &str, of: &SourceTensor<'_>, written: bool) -> Result<Bytes, TargetError> {
    let (strides, size) = (of.strides(), of.dtype.size());
    // Elements that strides lead back to lie before the first.
    let back = |(n, stride): (&usize, &isize)| (n.max(&1) - 1) * stride.min(&0).unsigned_abs();
    let origin = of.shape.iter().zip(&strides).map(back).sum::<usize>() * size;
    let Some(start) = (of.region.offset * size).checked_sub(origin) else {
        return Err(TargetError::Device(format!("`{name}` begins before its memory")));
    };
    let mut bytes = vec![0; reach(of.shape, &strides) * size];
    of.region.buffer.read(start, &mut bytes)?;
    let shift = start % 64;
    let element = of.element();
    Ok(Bytes { name: name.into(), written, faults: false, element, shift, origin, bytes })
}

#[cfg(test)]
mod tests {
    use super::without_pointers;

    #[test]
    fn memory_stays_and_pointers_to_it_are_plain() {
        let kept = [
            "threadgroup float buf[64];",
            "threadgroup vec<float, 4> buf[N * 2], more[3];",
            "threadgroup metal::atomic<uint> count;",
            "threadgroup_barrier(mem_flags::mem_threadgroup); float x = a * b;",
            "float threads_per_threadgroup = 1 * x;",
            "threadgroup float a; a * b;",
            "threadgroup",
            "threadgroup vec<",
        ];
        for text in kept {
            assert_eq!(without_pointers(text), text);
        }
        for (text, plain) in [
            ("(threadgroup float* p, int n)", "(            float* p, int n)"),
            ("const threadgroup T *b", "const             T *b"),
            ("threadgroup const T& b", "            const T& b"),
            ("T threadgroup* b", "T            * b"),
            ("threadgroup float (&b)[32]", "            float (&b)[32]"),
            (
                "threadgroup metal::vec<vec<T, 2>, 4>\n*p",
                "            metal::vec<vec<T, 2>, 4>\n*p",
            ),
            (
                "threadgroup float x; f((threadgroup float*)x)",
                "threadgroup float x; f((            float*)x)",
            ),
        ] {
            assert_eq!(without_pointers(text), plain);
        }
    }
}
