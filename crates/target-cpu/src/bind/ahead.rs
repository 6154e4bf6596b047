//! Fetching ahead: while a batch computes, the lines that the next one will read come into the caches.
//!
//! Reading a long array from end to end needs no help, but a batch reads a few thousand elements of each tensor and
//! then computes on them for a while, in which the memory would have nothing to do. So each tensor's next part is
//! fetched by one of the steps in between, a line for each vector of its work, by the slowest first. A reduction that
//! is alone fetches for itself: rows are often a page long, and what the hardware fetches by itself ends with the page.

use super::Request;
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
    for pass in &mut bound.passes {
        let blocks = bound.main.1 < bound.main.0;
        let advance = |register: &Register| match (blocks, request.grid.len().checked_sub(1)) {
            (true, _) => register.advance * bound.main.1 as isize,
            (false, Some(last)) => register.grid[last] * request.batch as isize,
            (false, None) => 0,
        };
        for stream in streams(&pass.blocks, &bound.registers, request, advance) {
            let fits = |number: usize, invoke: &Invoke| {
                number != stream.reader
                    && invoke.prefetch == NOWHERE
                    && invoke.outer.is_empty()
                    && (invoke.call.rows, invoke.call.len) == (stream.rows, stream.len)
                    && (invoke.block == BlockRole::Fixed) == (stream.block == BlockRole::Fixed)
            };
            let hosts =
                pass.blocks.iter_mut().enumerate().filter_map(|(number, step)| match step {
                    Step::Invoke(invoke) if fits(number, invoke) => Some(&mut **invoke),
                    _ => None,
                });
            let slowest = hosts.filter(|host| work(host.name) > 0).max_by_key(|h| work(h.name));
            let host = match slowest {
                Some(host) => Some(host),
                None => match &mut pass.blocks[stream.reader] {
                    Step::Invoke(own) if reduces(own.name) && own.prefetch == NOWHERE => {
                        Some(&mut **own)
                    }
                    _ => None,
                },
            };
            if let Some(host) = host {
                host.prefetch = stream.next;
                host.call.prefetch.row = stream.row;
            }
        }
    }
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
        let Step::Invoke(invoke) = step else { continue };
        let (rows, len) = (invoke.call.rows, invoke.call.len);
        if !invoke.outer.is_empty() || rows * len < LEAST_ELEMENTS {
            continue;
        }
        for (operand, at) in invoke.call.inputs.iter().zip(invoke.inputs) {
            let Some(register) = registers.get(at.register as usize) else { continue };
            let Some(param) = register.param else { continue };
            let extents = request.tensors[param].iter().flatten().map(|part| part.0);
            // An operand with one element a row, or one for all programs, takes up nothing.
            let dense = rows == 1 || operand.row.unsigned_abs() >= len * 4;
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
            found.push(Stream { next, row: operand.row, rows, len, block: invoke.block, reader });
        }
    }
    found
}

/// True for the reductions that fetch ahead.
fn reduces(name: &str) -> bool {
    matches!(name, "sum" | "prod" | "max" | "min" | "sum_mul" | "argmax" | "argmin" | "top_k")
}

/// How long a vector takes in a primitive that fetches ahead, roughly; 0 for those that do not.
fn work(name: &str) -> u32 {
    match name {
        "neg" | "abs" | "not" | "floor" | "ceil" | "round" | "trunc" => 1,
        "exp_sub" | "silu" | "silu_mul" | "mish" | "tanh_softplus" => 8,
        "copy" | "load" | "store" | "scan" | "iota" | "top_k" | "unpack" | "dot" | "dot_rows"
        | "philox" | "argmax" | "argmin" => 0,
        name if UnaryOp::parse(name).is_some() => 8,
        _ => 1,
    }
}
