//! `tilewright emit`: the code of a kernel or formula.

use super::{dtype, find, kernel_dtype, settings, specialize, told_by_shapes};
use crate::args::{Setting, ShapeOf};
use crate::failure::Failure;
use crate::formula::{self, BROADCAST};
use crate::table::show_shape;
use clap::ArgMatches;
use std::io::Write;
use tilewright_ir::bind::show_extent;
use tilewright_ir::{
    Access, DType, DimId, ExprKind, Extent, Literal, ParamKind, Program, Stmt, bind, text,
};
use tilewright_kernels::{Entry, Grad};
use tilewright_lang::Specialization;
use tilewright_lang::oneliner::{Broadcast, Layout};
use tilewright_passes::lower::Aim;
use tilewright_passes::{GradOptions, grad};
use tilewright_runtime::emit::{Language, SIZE, emit_for, emit_for_mlx};

/// Prints the program, and with `--grad` the programs of its gradient.
///
/// # Errors
/// For an unknown kernel, dtype or shape, and for targets that this build does not have.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let target = matches.get_one::<String>("target").map_or("ir", String::as_str);
    let mlx = matches.get_flag("mlx");
    if mlx && target == "ir" {
        return Err(Failure::usage(
            "--mlx needs a GPU's language",
            "add --target metal for mx.fast.metal_kernel, or --target cuda for mx.fast.cuda_kernel",
        ));
    }
    let comment = if target == "ir" || mlx { "#" } else { "//" };
    // Printed at the end, so that a gradient that does not exist leaves no half of an answer.
    let mut answer: Vec<u8> = Vec::new();
    let mut sizes = Sizes::default();
    let dtype = dtype(matches)?;
    let mut settings = settings(matches)?;
    let shapes: Vec<ShapeOf> =
        matches.get_many::<ShapeOf>("shape").into_iter().flatten().cloned().collect();
    let shape_of =
        |name: &str| shapes.iter().find(|given| given.name == name).map(|given| &given.shape[..]);
    let name = matches.get_one::<String>("name");
    let (program, by_hand) = match (name, matches.get_one::<String>("expr")) {
        (Some(name), _) => {
            let entry = find(name)?;
            let told = told_by_shapes(entry, &settings, shape_of)?;
            settings.extend(
                told.into_iter().map(|(name, value)| Setting { name, value: value as f64 }),
            );
            let specialized = specialize(entry, kernel_dtype(entry, dtype)?, &settings)?;
            if !shapes.is_empty() {
                let given = &specialized.sizes;
                let program = &specialized.program;
                sizes.told = print_sizes(program, &shapes, given, comment, &mut answer)?;
            }
            sizes.told.extend(specialized.sizes);
            let timed = entry.cases.iter().find(|case| case.bench);
            sizes.timed = timed.map_or(&[], |case| case.sizes);
            let by_hand = by_hand(entry, &specialized.specialization)?;
            (specialized.program, by_hand)
        }
        (None, Some(text)) => {
            let dtype = dtype.unwrap_or(DType::F32);
            for given in &shapes {
                writeln!(answer, "{comment} {}: {}", given.name, show_shape(&given.shape))?;
            }
            let (program, told) = formula_program(text, &settings, dtype, matches, mlx)?;
            sizes.told = told;
            (program, None)
        }
        (None, None) => {
            return Err(Failure::usage(
                "emit needs a kernel or a formula",
                "name a kernel (`tilewright kernels` lists them) or give --expr 'x * sigmoid(x)'",
            ));
        }
    };
    writeln!(answer, "{}", code(&program, target, mlx, &sizes, &[])?.trim_end())?;
    if matches.get_flag("grad") {
        let programs = match by_hand {
            Some(programs) => programs,
            None => {
                let backward = grad(&program, &GradOptions::default());
                backward.map_err(|e| Failure::usage(e.to_string(), "leave --grad out"))?.programs
            }
        };
        let mut zeroed = Vec::new();
        for program in &programs {
            sizes.compute(program);
            // MLX fills what is to be added to by itself.
            if mlx && let Some(name) = zeros(program, &programs) {
                zeroed.push(name.to_string());
                continue;
            }
            writeln!(answer, "\n{}", code(program, target, mlx, &sizes, &zeroed)?.trim_end())?;
            zeroed.retain(|name| program.find_param(name).is_none());
        }
    }
    out.write_all(&answer)?;
    Ok(())
}

/// The sizes that a text is made for.
#[derive(Default)]
struct Sizes {
    /// By the user's word; the first of each name counts.
    told: Vec<(String, usize)>,
    /// Those that the kernel is timed with.
    timed: &'static [(&'static str, usize)],
    /// Those that an earlier program computes of others, and a later one of a gradient takes as they are.
    computed: Vec<(String, Aim)>,
}

impl Sizes {
    /// A size, and whether another may be meant; [`SIZE`] where nothing tells it.
    fn aim(&self, name: &str) -> Aim {
        if let Some((_, size)) = self.told.iter().find(|(known, _)| known == name) {
            return Aim { size: *size, others: false };
        }
        if let Some((_, aim)) = self.computed.iter().find(|(known, _)| known == name) {
            return *aim;
        }
        let timed = self.timed.iter().find(|(known, _)| *known == name);
        Aim { size: timed.map_or(SIZE, |(_, size)| *size), others: true }
    }

    /// Notes what a program computes.
    fn compute(&mut self, program: &Program) {
        for dim in &program.dims {
            let aim = |of: DimId| self.aim(&program.dims[of.index()].name);
            if let Some(size) = dim.rule.value(|of| aim(of).size) {
                let others = dim.rule.of().any(|of| aim(of).others);
                self.computed.push((dim.name.clone(), Aim { size, others }));
            }
        }
    }
}

/// The tensor that a program does nothing but fill with zeros, for another one to change it in place.
fn zeros<'a>(program: &'a Program, programs: &[Program]) -> Option<&'a str> {
    let effects = program.body.iter().filter(|statement| !matches!(statement, Stmt::Let(_)));
    let [Stmt::Store { place, value, mask: None, .. }] = effects.collect::<Vec<_>>()[..] else {
        return None;
    };
    let ExprKind::Const(zero) = program.expr(*value).kind else { return None };
    let name = &program.param(place.param).name;
    let changes = |other: &Program| {
        let param = other.find_param(name).map(|id| &other.param(id).kind);
        matches!(param, Some(ParamKind::Tensor { access: Access::InOut, .. }))
    };
    (zero == Literal::Float(0.0) && programs.iter().any(changes)).then_some(name)
}

/// The text of a program for a target. A GPU's is made for a range of sizes. `zeroed` are tensors that hold zeros before.
fn code(
    program: &Program,
    target: &str,
    mlx: bool,
    sizes: &Sizes,
    zeroed: &[String],
) -> Result<String, Failure> {
    if target == "ir" {
        return Ok(text::print(program));
    }
    let language = if target == "metal" { Language::Metal } else { Language::Cuda };
    // What is called from Python meets sizes that it was not emitted for.
    let size = |name: &str| {
        let aim = sizes.aim(name);
        Aim { others: mlx && aim.others, ..aim }
    };
    let text = match mlx {
        false => emit_for(program, language, size),
        true => emit_for_mlx(program, language, zeroed, size),
    };
    text.map_err(|e| match e.next_step() {
        Some(_) => {
            let next = "give smaller shapes, as --shape x=8x1024, or see its IR with --target ir";
            Failure::work(e.what(), next)
        }
        None => Failure::usage(e.what(), "leave --mlx out for the whole kernel"),
    })
}

/// The program of a formula whose inputs are all of `dtype`, and its sizes where they follow from the shapes. Inputs whose
/// shapes are not given have one shape. `apart`: the inputs are passed as they are, with no axes joined.
fn formula_program(
    text: &str,
    settings: &[Setting],
    dtype: DType,
    matches: &ArgMatches,
    apart: bool,
) -> Result<(Program, Vec<(String, usize)>), Failure> {
    let spec = formula::parse(text, settings)?;
    let inputs = spec.inputs();
    let record = |layout: &Layout| {
        let program = spec.program(&vec![dtype; inputs.len()], layout);
        program.map_err(formula::wrong)
    };
    let shapes = formula::shapes(matches, &inputs)?;
    let shape_of = |input: &&str| formula::shape_of(&shapes, input);
    let Some(given) = inputs.iter().map(shape_of).collect::<Option<Vec<&[usize]>>>() else {
        return Ok((record(&Layout::flat(inputs.len()))?, Vec::new()));
    };
    let mismatch = |error: String| Failure::usage(error, BROADCAST);
    let joined: Vec<_> = given.iter().map(|shape| (*shape, None)).collect();
    let broadcast = Broadcast::of(&joined).map_err(mismatch)?;
    let (layout, extents) = match apart && !broadcast.layout.is_flat() {
        true => (broadcast.apart(&given).map_err(mismatch)?, broadcast.shape),
        false => (broadcast.layout, broadcast.extents),
    };
    let program = record(&layout)?;
    let sizes = sizes_of_output(&program, &extents);
    Ok((program, sizes))
}

/// The sizes of a formula's program, whose output has these extents: sizes are in the order in which inputs have them.
fn sizes_of_output(program: &Program, extents: &[usize]) -> Vec<(String, usize)> {
    let Some(ParamKind::Tensor { shape, .. }) = program.params.last().map(|out| &out.kind) else {
        return Vec::new();
    };
    let axes = shape.iter().zip(extents);
    let sized = axes.filter_map(|(extent, size)| match extent {
        Extent::Dim { dim, .. } => Some((program.dims[dim.index()].name.clone(), *size)),
        Extent::Const(_) => None,
    });
    sized.collect()
}

/// The programs of the gradient, where they are written by hand.
fn by_hand(
    entry: &Entry,
    specialization: &Specialization,
) -> Result<Option<Vec<Program>>, Failure> {
    let Grad::By(kernels) = entry.grad else { return Ok(None) };
    let recorded = kernels.iter().map(|kernel| kernel.record(specialization));
    let programs: Result<_, _> = recorded.collect();
    programs.map(Some).map_err(|e| Failure::usage(e.to_string(), "leave --grad out"))
}

/// Checks the shapes against the program, prints the sizes that follow as comments, and returns them.
fn print_sizes(
    program: &Program,
    shapes: &[ShapeOf],
    sizes: &[(String, usize)],
    comment: &str,
    out: &mut dyn Write,
) -> Result<Vec<(String, usize)>, Failure> {
    let mut given: Vec<Option<Vec<usize>>> = vec![None; program.params.len()];
    for ShapeOf { name, shape } in shapes {
        let tensors = program.params.iter().filter(|p| matches!(p.kind, ParamKind::Tensor { .. }));
        match program.find_param(name) {
            Some(id) if matches!(program.param(id).kind, ParamKind::Tensor { .. }) => {
                given[id.index()] = Some(shape.clone());
            }
            _ => {
                let names: Vec<&str> = tensors.map(|p| p.name.as_str()).collect();
                return Err(Failure::usage(
                    format!("{} has no tensor `{name}`", program.name),
                    format!("its tensors are {}", names.join(", ")),
                ));
            }
        }
    }
    let sizes: Vec<(&str, usize)> = sizes.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let bound = bind(program, &given, &sizes).map_err(|e| {
        Failure::usage(e.to_string(), format!("see `tilewright kernels {}`", program.name))
    })?;
    for (dim, value) in program.dims.iter().zip(&bound.dims) {
        writeln!(out, "{comment} {} = {value}", dim.name)?;
    }
    let grid: Vec<String> = program
        .grid
        .iter()
        .zip(bound.grid(program))
        .map(|(axis, programs)| match axis.block {
            1 => format!("{} = {programs}", show_extent(program, axis.extent)),
            block => format!("{} by {block} = {programs}", show_extent(program, axis.extent)),
        })
        .collect();
    if !grid.is_empty() {
        writeln!(out, "{comment} programs: {}", grid.join(", "))?;
    }
    let names = program.dims.iter().map(|dim| dim.name.clone());
    Ok(names.zip(bound.dims).collect())
}
