//! Times programs in IR text on the CPU device, each beside a copy of as many bytes, and prints their schedules.
//!
//! ```text
//! tilewright emit softmax --target ir > softmax.ir
//! cargo run --release -p tilewright-target-cpu --example time_program -- softmax.ir rows=16384 cols=1024
//! ```
//!
//! `THREADS=n` sets the threads, `STREAM=n` the bytes of outputs from which they are written past the caches,
//! `SHOW=schedule` prints the steps, `ALONE=n` runs n seconds without any copies, for a profiler. Inputs are numbers between -3 and 3; u32 and i32
//! inputs count up to the number after `index=`. Times are the least and the median of the repetitions; programs that
//! share a machine with others are judged by the least.

use std::time::Instant;
use tilewright_ir::{Access, DType, ParamKind, bind, text};
use tilewright_target::{Argument, Buffer, Device, Region};
use tilewright_target_cpu::{CpuDevice, CpuOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (files, sizes): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| !argument.contains('='));
    let sizes: Vec<(&str, usize)> = sizes
        .iter()
        .filter_map(|size| size.split_once('=').and_then(|(k, v)| Some((k, v.parse().ok()?))))
        .collect();
    let index = sizes.iter().find(|(name, _)| *name == "index").map_or(1, |(_, n)| *n);
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<usize>().ok());
    let usual = CpuOptions::default();
    let device = CpuDevice::with(CpuOptions {
        threads: number("THREADS").unwrap_or(usual.threads),
        stream_from: number("STREAM"),
        ..usual
    });
    let copy = text::parse(
        "dims n\nkernel copy(x: in f32[n], y: out f32[n])\n%0: f32[n] = load x[:]\nstore y[:] = %0\n",
    )
    .map_err(|e| format!("{e:?}"))?;
    for file in files {
        let source = std::fs::read_to_string(file)?;
        let program = text::parse(&source).map_err(|e| format!("{e:?}"))?;
        let known: Vec<(&str, usize)> = sizes
            .iter()
            .copied()
            .filter(|(n, _)| program.dims.iter().any(|d| d.name == *n))
            .collect();
        let shapes = vec![None; program.params.len()];
        let bindings = bind(&program, &shapes, &known)?;
        let mut bytes = 0;
        let mut buffers: Vec<Option<Box<dyn Buffer>>> = Vec::new();
        for (param, shape) in program.params.iter().zip(&bindings.shapes) {
            let ParamKind::Tensor { dtype, access, .. } = param.kind else {
                buffers.push(None);
                continue;
            };
            let elements: usize = shape.iter().product();
            let mut content = vec![0u8; elements * dtype.size()];
            for (i, element) in content.chunks_exact_mut(dtype.size()).enumerate() {
                // Multiples alone would spread so evenly that selections meet no row as random ones are.
                let noise = (i as u32 + 1).wrapping_mul(2_654_435_769);
                let noise = (noise ^ noise >> 15).wrapping_mul(0x85eb_ca6b);
                let noise = (noise ^ noise >> 13) >> 8;
                let value = match dtype {
                    DType::U32 | DType::I32 => (noise as usize % index.max(1)) as f64,
                    _ => noise as f64 / 2_796_202.0 - 3.0,
                };
                dtype.write(value, element);
            }
            let mut buffer = device.allocate(content.len())?;
            buffer.write(0, &content)?;
            bytes += content.len() * if access == Access::InOut { 2 } else { 1 };
            buffers.push(Some(buffer));
        }
        let passed: Vec<Argument<'_>> = program
            .params
            .iter()
            .zip(&buffers)
            .map(|(param, buffer)| match (&param.kind, buffer) {
                (ParamKind::Scalar { default, .. }, _) => Argument::Scalar(default.unwrap_or(1.0)),
                (_, Some(buffer)) => Argument::Tensor(Region::whole(&**buffer)),
                (ParamKind::Tensor { .. }, None) => unreachable!("every tensor has a buffer"),
            })
            .collect();
        let n = bytes / 8;
        let copy_bindings = bind(&copy, &[Some(vec![n]), Some(vec![n])], &[])?;
        let mut pair = [device.allocate(n * 4)?, device.allocate(n * 4)?];
        // Memory that was never written is read from a cache.
        pair[0].write(0, &vec![1; n * 4])?;
        let copy_passed = [0, 1].map(|k| Argument::Tensor(Region::whole(&*pair[k])));
        let (executable, copier) = (device.compile(&program)?, device.compile(&copy)?);
        let (mut times, mut copies) = (Vec::new(), Vec::new());
        let alone = std::env::var("ALONE").ok().and_then(|n| n.parse::<f64>().ok());
        let begin = Instant::now();
        while times.len() < 5 || begin.elapsed().as_secs_f64() < alone.unwrap_or(1.5) {
            let start = Instant::now();
            // SAFETY: the buffers are this function's own.
            unsafe { executable.launch(&bindings, &passed) }?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if alone.is_some() {
                continue;
            }
            let start = Instant::now();
            // SAFETY: as above.
            unsafe { copier.launch(&copy_bindings, &copy_passed) }?;
            copies.push(start.elapsed().as_secs_f64() * 1e3);
        }
        if std::env::var("SHOW").is_ok() {
            println!("{}", executable.describe());
        }
        times.sort_by(f64::total_cmp);
        copies.sort_by(f64::total_cmp);
        println!(
            "{:28} least {:8.4} ms  median {:8.4} ms  {:6.1} GB/s  {:4.0} % of a copy",
            program.name,
            times[0],
            times[times.len() / 2],
            bytes as f64 / times[0] / 1e6,
            copies.first().map_or(f64::NAN, |copy| copy / times[0] * 100.0)
        );
    }
    Ok(())
}
