//! Fetching ahead: while a batch computes, the lines that the next one will read come into the caches.
//!
//! Reading a long array from end to end needs no help, but a batch reads a few thousand elements of each tensor and
//! then computes on them for a while, in which the memory would have nothing to do. So each tensor's next part is
//! fetched by one of the steps in between, a line for each vector of its work, by the slowest first. A reduction that
//! is alone fetches for itself where that pays: rows are often a page long, and what the hardware fetches by itself
//! ends with the page. A long row is read from memory by the first sweep alone; the others fetch the next row.

use super::Request;
use super::packed::PACKED_SUM;
use crate::step::*;
use tilewright_ir::UnaryOp;

/// Tensors of fewer bytes stay in the caches anyway.
const LARGE: usize = 1 << 20;
/// Steps on fewer elements are over before a line arrives.
const LEAST_ELEMENTS: usize = 256;

/// What a batch reads of a tensor.
struct Stream {
    /// Where the next batch's part lies.
    next: Address,
    /// Bytes from row to row.
    row: isize,
    rows: usize,
    len: usize,
    block: BlockRole,
    /// The number of the step that reads it first.
    reader: usize,
}

/// Lets steps of a bound program fetch what the next batch or block reads.
pub(super) fn fetch_ahead(bound: &mut Bound, request: &Request<'_>) {
    if request.analysis.control {
        return;
    }
    let blocks = bound.main.1 < bound.main.0;
    let next_program = |register: &Register| match request.grid.len().checked_sub(1) {
        Some(last) => register.grid[last] * request.batch as isize,
        None => 0,
    };
    if !blocks {
        for pass in &mut bound.passes {
            chain_packed(&mut pass.blocks, |register| next_program(&bound.registers[register]));
        }
    }
    let block = bound.main.1 as isize;
    let next_block = |register: &Register| register.advance * block;
    let start = bound.passes.iter().position(|pass| !pass.blocks.is_empty()).unwrap_or(0);
    let [first, later @ ..] = &mut bound.passes[start..] else { return };
    // What the first sweep over a long row has read lies in the caches for the others. They have time to fetch what the
    // same sweep will read of the next row.
    let mut read: Vec<Option<usize>> = Vec::new();
    if blocks && !later.is_empty() {
        for stream in streams(&first.blocks, &bound.registers, request, next_program) {
            read.push(bound.registers[stream.next.register as usize].param);
            let steps = later.iter_mut().flat_map(|pass| pass.blocks.iter_mut());
            if stream.block != BlockRole::Fixed {
                give(steps.enumerate(), &stream, usize::MAX);
            }
        }
    }
    for (number, pass) in bound.passes[start..].iter_mut().enumerate() {
        let mut found = match blocks {
            true => streams(&pass.blocks, &bound.registers, request, next_block),
            false => streams(&pass.blocks, &bound.registers, request, next_program),
        };
        found.retain(|stream| {
            number == 0 || !read.contains(&bound.registers[stream.next.register as usize].param)
        });
        for stream in found {
            if give(pass.blocks.iter_mut().enumerate(), &stream, stream.reader) {
                continue;
            }
            // What goes over a row once is a stream, which some CPUs follow better than they are led.
            let fetches_itself = |own: &Invoke| match own.name {
                "argmax" | "argmin" | "top_k" | "drop_out" | "scan_back" => true,
                name => !request.level.follows_streams() && reduces(name),
            };
            match &mut pass.blocks[stream.reader] {
                Step::Invoke(own) if fetches_itself(own) && own.prefetch == NOWHERE => {
                    stream.ask(own);
                }
                _ => {}
            }
        }
    }
}

/// Lets each sum of products with packed weights fetch the first words of the one after it, the last those of the first
/// in the next batch: it fetches its own from one end to the other, and what is beyond the end is another's.
fn chain_packed(steps: &mut [Step], next_program: impl Fn(usize) -> isize) {
    let mut packed: Vec<&mut Invoke> = Vec::new();
    for step in steps {
        match step {
            Step::Invoke(invoke)
                if invoke.name == PACKED_SUM && invoke.inputs[1].register != FRAME =>
            {
                packed.push(invoke);
            }
            _ => {}
        }
    }
    let Some(mut next) = packed.first().map(|first| first.inputs[1]) else { return };
    next.offset += next_program(next.register as usize);
    for own in packed.into_iter().rev() {
        if own.prefetch == NOWHERE {
            own.prefetch = next;
        }
        next = own.inputs[1];
    }
}

impl Stream {
    /// Lets a step fetch it.
    fn ask(&self, host: &mut Invoke) {
        host.prefetch = self.next;
        host.call.prefetch.row = self.row;
    }
}

/// Lets the slowest of the steps that go along with a stream fetch it, other than its reader; false if none does.
fn give<'a>(
    steps: impl Iterator<Item = (usize, &'a mut Step)>,
    stream: &Stream,
    reader: usize,
) -> bool {
    let fits = |number: usize, invoke: &Invoke| {
        number != reader
            && invoke.prefetch == NOWHERE
            && invoke.outer.is_empty()
            && (invoke.call.rows, invoke.call.len) == (stream.rows, stream.len)
            && (invoke.block == BlockRole::Fixed) == (stream.block == BlockRole::Fixed)
    };
    let hosts = steps.filter_map(|(number, step)| match step {
        Step::Invoke(invoke) if fits(number, invoke) => Some(&mut **invoke),
        _ => None,
    });
    let slowest = hosts.filter(|host| work(host.name) > 0).max_by_key(|host| work(host.name));
    match slowest {
        Some(host) => stream.ask(host),
        None => return false,
    }
    true
}

/// The large tensors that the steps read in place, row by row.
fn streams(
    steps: &[Step],
    registers: &[Register],
    request: &Request<'_>,
    advance: impl Fn(&Register) -> isize,
) -> Vec<Stream> {
    let mut found: Vec<Stream> = Vec::new();
    for (reader, step) in steps.iter().enumerate() {
        let (rows, len, block, operands): (_, _, _, Vec<(Address, isize)>) = match step {
            Step::Invoke(invoke) if invoke.outer.is_empty() => {
                let operands = invoke.inputs.into_iter().zip(invoke.call.inputs.map(|o| o.row));
                (invoke.call.rows, invoke.call.len, invoke.block, operands.collect())
            }
            Step::Native(native) => {
                let loaded = native.operands.iter().zip(&native.loaded);
                let operands = loaded.filter(|(_, loaded)| **loaded).map(|(operand, _)| *operand);
                (native.rows, native.len, native.block, operands.collect())
            }
            _ => continue,
        };
        if rows * len < LEAST_ELEMENTS {
            continue;
        }
        for (at, row) in operands {
            let Some(register) = registers.get(at.register as usize) else { continue };
            let Some(param) = register.param else { continue };
            let extents = request.tensors[param].iter().flatten().map(|part| part.0);
            // An operand with one element a row, or one for all programs, takes up nothing.
            let dense = rows == 1 || row.unsigned_abs() >= len * 4;
            let next = advance(register);
            let known = found.iter().any(|s| s.next.register == at.register);
            if known
                || !dense
                || next.unsigned_abs() < len * 4
                || extents.product::<usize>() * 4 < LARGE
            {
                continue;
            }
            let next = Address { register: at.register, offset: at.offset + next };
            found.push(Stream { next, row, rows, len, block, reader });
        }
    }
    found
}

/// True for the reductions that go over a row once and fetch ahead.
fn reduces(name: &str) -> bool {
    matches!(name, "sum" | "prod" | "max" | "min" | "sum_mul")
}

/// How long a vector takes in a primitive that fetches ahead, roughly; 0 for those that do not.
fn work(name: &str) -> u32 {
    match name {
        "neg" | "abs" | "not" | "floor" | "ceil" | "round" | "trunc" => 1,
        "exp_sub" | "silu" | "silu_mul" | "mish" | "tanh_softplus" | "philox" | "drop_out" => 8,
        "copy" | "load" | "store" | "interleave" | "pick" | "scan" | "scan_back" | "iota"
        | "top_k" | "unpack" | "dot" | "dot_rows" | "argmax" | "argmin" => 0,
        name if UnaryOp::parse(name).is_some() => 8,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Analysis;
    use crate::bind::{TensorLayout, bind};
    use tilewright_ir::{DType, ParamKind};

    /// Gate and up of a batch of 16 rows: gate's end is followed by up's beginning, and up's by the next batch of gate.
    #[test]
    fn packed_sums_fetch_what_the_next_one_reads() {
        let entry = tilewright_kernels::find("fused_quantized_swiglu_gemv").unwrap();
        let constants = [("bits", 4), ("group", 64)];
        let mut program = entry.record(&entry.specialization(DType::BF16, &constants)).unwrap();
        tilewright_passes::pipeline::optimize(&mut program);
        let sizes = [("rows", 1), ("columns", 64), ("groups", 16)];
        let shapes = [vec![1, 1024], vec![64, 128], vec![64, 16], vec![64, 16]];
        let shapes = shapes.iter().chain(&shapes[1..]).map(|shape| Some(shape.clone()));
        let shapes: Vec<_> = shapes.chain([None]).collect();
        let bindings = tilewright_ir::bind(&program, &shapes, &sizes[..0]).unwrap();
        let layout = |k: usize| -> TensorLayout {
            let ParamKind::Tensor { dtype, .. } = program.params[k].kind else { return vec![] };
            let shape = &bindings.kernel_shapes[k];
            let strides = tilewright_target::contiguous_strides(shape);
            let bytes = |(n, s): (&usize, isize)| vec![(*n, s * dtype.size() as isize)];
            shape.iter().zip(strides).map(bytes).collect()
        };
        let layouts: Vec<_> = (0..program.params.len()).map(layout).collect();
        let bound = bind(Request {
            program: &program,
            analysis: &Analysis::of(&program),
            level: crate::simd::Level::best(),
            dims: &bindings.dims,
            grid: &bindings.grid(&program),
            tensors: &layouts,
            careful: &vec![false; layouts.len()],
            overlapping: &vec![false; layouts.len()],
            stream: false,
            native: false,
            batch: 16,
            main: None,
        })
        .unwrap();
        let sums =
            bound.passes.iter().flat_map(|pass| &pass.blocks).filter_map(|step| match step {
                Step::Invoke(invoke) if invoke.name == PACKED_SUM => Some(invoke),
                _ => None,
            });
        let sums: Vec<_> = sums.collect();
        let param = |at: Address| bound.registers[at.register as usize].param.unwrap();
        let [gate, up] = sums[..] else { panic!("{} sums", sums.len()) };
        assert_ne!(param(gate.inputs[1]), param(up.inputs[1]));
        assert_eq!(gate.prefetch, up.inputs[1]);
        let Address { register, offset } = gate.inputs[1];
        assert_eq!(up.prefetch, Address { register, offset: offset + 16 * 512 });
    }
}
