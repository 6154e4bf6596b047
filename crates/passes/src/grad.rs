//! Reverse-mode differentiation of recordings.
//!
//! [`grad`] turns a forward program into a [`Backward`]: a short list of programs that run in order. The first
//! recomputes what it needs of the forward program from the inputs (loads are the cost, maps are cheap), walks it in
//! reverse and stores `d_<input>` where every program owns what it reads. An input that many programs read, such as
//! a norm's weight, is summed in two stages, so that the result does not depend on the order in which programs run:
//! the first stage sums a fixed number of rows each and stores the partial sums, the second adds those in order.
//! So is a table whose rows repeat over the programs, by those programs that read the same row.
//! Where programs read windows that overlap, each element gets what was stored for it at the same shifts back.
//! Rows that are picked by data, as from an embedding, are added one after the other by a program of their own.
//!
//! # Conventions
//!
//! Where the mathematics leaves a choice: `abs` and `sign` give 0 at 0; two equal operands of `max` or `min` have half
//! the slope each, except against a value that depends on no float input, so that `max(x, 0)` gives 0 at 0; equal
//! greatest elements of a row share the slope of its maximum evenly (those of a running or a user-defined one leave
//! it to the first); the branch that a choice does not take has a slope of 0, even where its own is infinite or no
//! number; rounding ops, comparisons and integers stop a gradient.

mod adjoint;
mod gather;
mod kept;
mod places;
mod recurrence;
mod rules;
mod shift;
mod stage;
mod straight;
mod trim;
mod walk;
mod windows;

use gather::Target;
use places::{Reads, Residue, Sharing};
use stage::Stage;
use straight::Straight;
use tilewright_ir::validate::validate;
use tilewright_ir::{Access, ExprKind, Location, ParamKind, Place, Program, StoreMode};

/// What to differentiate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GradOptions {
    /// The inputs whose gradients are wanted; all float tensors that the program reads when absent.
    pub inputs: Option<Vec<String>>,
    /// The outputs that have a cotangent; all float outputs when absent. The others count as constants.
    pub outputs: Option<Vec<String>>,
}

/// The gradient of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Backward {
    /// The programs, to be run in order.
    ///
    /// Parameters are passed by name. A program's inputs are the forward program's inputs, the cotangents
    /// `d_<output>` (with the dtype and shape of the output), and temporaries that an earlier program has made.
    /// Its outputs are the gradients `d_<input>` (with the dtype and shape of the input) and temporaries. A
    /// parameter that a program updates in place was made by an earlier one.
    pub programs: Vec<Program>,
    /// The cotangents that the programs read, as `d_<output>`.
    pub cotangents: Vec<String>,
    /// The gradients that the programs make, as `d_<input>`, in the order of the inputs.
    pub gradients: Vec<String>,
    /// What is passed from one program to a later one and then of no more use.
    pub temporaries: Vec<String>,
}

impl Backward {
    /// A gradient of `forward` that was written by hand: these programs, in order. Parameters have the names that
    /// [`programs`](Self::programs) says; an output that is no gradient of an input is a temporary.
    pub fn by_hand(forward: &Program, programs: Vec<Program>) -> Backward {
        let written = |program: &Program| -> Vec<String> {
            let outputs = tilewright_ir::bind::outputs(program);
            outputs.map(|(_, param)| param.name.clone()).collect()
        };
        let made: Vec<String> = programs.iter().flat_map(written).collect();
        let all = 0..forward.params.len();
        let names = |name: fn(&Program, usize) -> String| -> Vec<String> {
            all.clone().map(|param| name(forward, param)).collect()
        };
        let mut cotangents = names(cotangent_name);
        cotangents.retain(|name| {
            !made.contains(name) && programs.iter().any(|p| p.find_param(name).is_some())
        });
        let mut gradients = names(gradient_name);
        gradients.retain(|name| made.contains(name));
        let temporaries = made.into_iter().filter(|name| !gradients.contains(name)).collect();
        Backward { programs, cotangents, gradients, temporaries }
    }

    /// True where a program reads a temporary of that name.
    fn reads(&self, name: &str) -> bool {
        self.programs.iter().any(|program| {
            program.find_param(name).is_some_and(|param| {
                let kind = &program.param(param).kind;
                matches!(kind, ParamKind::Tensor { access: Access::In, .. })
            })
        })
    }

    /// The same for the gradients `d_<input>` in `wanted` alone: without the programs that only make others.
    ///
    /// # Errors
    /// A name in `wanted` that is no gradient of this.
    pub fn only(mut self, wanted: &[String]) -> Result<Backward, String> {
        if let Some(unknown) = wanted.iter().find(|name| !self.gradients.contains(name)) {
            return Err(unknown.clone());
        }
        // From the end, since a temporary is made before it is read.
        let mut needed: Vec<String> = wanted.to_vec();
        let mut kept = Vec::new();
        for program in self.programs.into_iter().rev() {
            let makes = |param: &tilewright_ir::Param| needed.contains(&param.name);
            if tilewright_ir::bind::outputs(&program).any(|(_, param)| makes(param)) {
                needed.extend(program.params.iter().map(|param| param.name.clone()));
                kept.push(program);
            }
        }
        kept.reverse();
        let used = |name: &String| kept.iter().any(|p: &Program| p.find_param(name).is_some());
        let unwanted = self.gradients.iter().filter(|name| !wanted.contains(name));
        self.temporaries.extend(unwanted.cloned());
        self.temporaries.retain(used);
        self.cotangents.retain(used);
        self.gradients.retain(|name| wanted.contains(name));
        Ok(Backward { programs: kept, ..self })
    }
}

/// Why a program has no gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct GradError {
    /// The kernel.
    pub kernel: String,
    /// What stands in the way.
    pub what: String,
    /// The author's line.
    pub at: Option<Location>,
}

impl GradError {
    fn new(program: &Program, what: impl Into<String>, at: Option<Location>) -> GradError {
        GradError { kernel: program.name.clone(), what: what.into(), at }
    }
}

impl std::fmt::Display for GradError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "kernel `{}` cannot be differentiated: {} has no gradient",
            self.kernel, self.what
        )?;
        match &self.at {
            Some(at) => write!(f, "\n  --> {at}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for GradError {}

/// Differentiates `program`, a valid one.
///
/// Arithmetic is in f32 (f64 where the program computes in f64), whatever the storage type. At
/// kinks and ties the [conventions](self#conventions) hold. An input that the program updates in place counts as two: its value before, whose
/// gradient is `d_<name>_before`, and its value after, whose cotangent is `d_<name>`.
///
/// # Errors
/// When a loop, a branch, an atomic or an op without a gradient lies between an input and an output, naming it and
/// the author's line; when an option names no input or output.
pub fn grad(program: &Program, options: &GradOptions) -> Result<Backward, GradError> {
    let mut simple = program.clone();
    crate::optimize(&mut simple);
    let forward = Straight::of(&simple)?;
    let inputs = wanted_inputs(&forward, options)?;
    let outputs = wanted_outputs(&forward, options)?;
    for &input in &inputs {
        refuse_partial_update(&forward, input)?;
    }
    for &output in &outputs {
        refuse_shared_elements(&forward, output)?;
    }
    if outputs.is_empty() {
        return Err(GradError::new(program, "a kernel without float outputs", None));
    }
    let mut backward = Backward {
        programs: Vec::new(),
        cotangents: outputs.iter().map(|&o| cotangent_name(&forward.program, o)).collect(),
        gradients: inputs.iter().map(|&i| gradient_name(&forward.program, i)).collect(),
        temporaries: Vec::new(),
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut own = Vec::new();
    for &input in &inputs {
        let places = places_of(&forward, input);
        if places.is_empty() {
            let target = Target::of(&forward.program, input);
            backward.programs.push(target.zeros(&forward.program, &target.name, target.dtype));
            continue;
        }
        let reads = Reads { program: &forward.program, places };
        let mut sharing = reads.sharing();
        // A program that adds up many elements for each of a table's stores what is little beside what it reads.
        if let Sharing::Residues(..) = sharing
            && stage::chunk_of(&forward.program, |param| param == input) == 1
        {
            sharing = Sharing::Scattered;
        }
        let covered = match sharing {
            Sharing::Residues(..) => reads.residues_cover(),
            _ => reads.cover(),
        };
        let (along, residue) = match &sharing {
            Sharing::Along(axes) => (axes.clone(), None),
            Sharing::Residues(axes, residue) => (axes.clone(), Some(*residue)),
            Sharing::Windows | Sharing::Scattered => (Vec::new(), None),
        };
        let member = Member { input, sharing, covered };
        if along.is_empty() {
            own.push(member);
            continue;
        }
        match groups.iter_mut().find(|g| g.along == along && g.residue == residue) {
            Some(group) => group.members.push(member),
            None => groups.push(Group { along, residue, members: vec![member] }),
        }
    }
    if groups.is_empty() && !own.is_empty() {
        groups.push(Group::default());
    }
    if let Some(first) = groups.first_mut() {
        first.members.splice(0..0, own);
        first.members.sort_by_key(|m| m.input);
    }
    let mut kept = if groups.len() > 1 { kept::candidates(&forward) } else { Vec::new() };
    let mut backward = loop {
        let mut made = backward.clone();
        for (number, group) in groups.iter().enumerate() {
            let stage = Stage { forward: &forward, outputs: &outputs, group, number, kept: &kept };
            stage.emit(&mut made)?;
        }
        for made in &mut made.programs {
            crate::optimize(made);
            trim::trim(made);
        }
        // What no later stage needs is not kept.
        let before = kept.len();
        kept.retain(|kept| made.reads(&kept.target.name));
        if kept.len() == before {
            break made;
        }
    };
    for made in &backward.programs {
        validate(made).map_err(|mistakes| {
            let texts: Vec<String> = mistakes.iter().map(|m| m.to_string()).collect();
            GradError::new(program, format!("this form ({})", texts.join("; ")), None)
        })?;
    }
    // What no program reads in the end is no input of the gradient.
    let reads = |name: &String| backward.programs.iter().any(|p| p.find_param(name).is_some());
    backward.cotangents.retain(reads);
    Ok(backward)
}

/// Inputs whose gradients one first-stage program makes.
#[derive(Debug, Default)]
struct Group {
    /// The grid axes that the shared members are summed along; empty when there are none.
    along: Vec<usize>,
    /// Of one of these axes only programs whose numbers leave the same remainder are summed.
    residue: Option<Residue>,
    members: Vec<Member>,
}

/// An input and how its gradient comes together.
#[derive(Debug)]
struct Member {
    /// Its parameter.
    input: usize,
    sharing: Sharing,
    /// The programs read every element of it.
    covered: bool,
}

impl Member {
    /// True where several programs read an element of it, and what they say is summed in two stages.
    fn is_summed(&self) -> bool {
        match &self.sharing {
            Sharing::Along(axes) | Sharing::Residues(axes, _) => !axes.is_empty(),
            Sharing::Windows | Sharing::Scattered => false,
        }
    }
}

/// Checks that what is updated in place is replaced whole, so that its value before is one thing and its value after
/// another.
fn refuse_partial_update(forward: &Straight, param: usize) -> Result<(), GradError> {
    let stores: Vec<_> = forward.stores.iter().filter(|s| s.place.param.index() == param).collect();
    let Some(first) = stores.first() else { return Ok(()) };
    let whole = stores.iter().all(|s| s.mask.is_none() && s.mode == StoreMode::Set);
    let places = stores.iter().map(|s| &s.place).collect();
    let reads = Reads { program: &forward.program, places };
    if whole && reads.cover() {
        return Ok(());
    }
    let name = &forward.program.params[param].name;
    let what = format!("an update of some elements of `{name}`");
    Err(GradError::new(&forward.program, what, first.at.clone()))
}

/// Checks that no store replaces some of the elements that another has stored: which of the two an element depends on would
/// have to be told.
fn refuse_shared_elements(forward: &Straight, param: usize) -> Result<(), GradError> {
    let stores: Vec<_> = forward.stores.iter().filter(|s| s.place.param.index() == param).collect();
    for (number, later) in stores.iter().enumerate().filter(|(_, s)| s.mode == StoreMode::Set) {
        for earlier in &stores[..number] {
            let places = vec![&earlier.place, &later.place];
            let pair = Reads { program: &forward.program, places };
            if earlier.place != later.place && !pair.are_disjoint() {
                let name = &forward.program.params[param].name;
                let what = format!("two stores to `{name}` that may share elements");
                return Err(GradError::new(&forward.program, what, later.at.clone()));
            }
        }
    }
    Ok(())
}

/// The places at which the program reads a parameter, each once.
fn places_of(forward: &Straight, param: usize) -> Vec<&Place> {
    let mut places: Vec<&Place> = Vec::new();
    for &id in &forward.order {
        if let ExprKind::Load { place, .. } = &forward.program.expr(id).kind
            && place.param.index() == param
            && !places.contains(&place)
        {
            places.push(place);
        }
    }
    places
}

/// The name of the cotangent of an output.
fn cotangent_name(program: &Program, param: usize) -> String {
    format!("d_{}", program.params[param].name)
}

/// The name of the gradient of an input.
fn gradient_name(program: &Program, param: usize) -> String {
    let Some(found) = program.params.get(param) else { return String::new() };
    match found.kind {
        ParamKind::Tensor { access: Access::InOut, .. } => {
            format!("d_{}_before", found.name)
        }
        _ => format!("d_{}", found.name),
    }
}

fn wanted_inputs(forward: &Straight, options: &GradOptions) -> Result<Vec<usize>, GradError> {
    let program = &forward.program;
    let reads = forward.reads();
    let float = |i: usize| match program.params[i].kind {
        ParamKind::Tensor { dtype, access, .. } => dtype.is_float() && access != Access::Out,
        ParamKind::Scalar { .. } => false,
    };
    let Some(names) = &options.inputs else {
        return Ok(reads.into_iter().filter(|&i| float(i)).collect());
    };
    let mut wanted = Vec::new();
    for name in names {
        match program.find_param(name).map(|p| p.index()).filter(|&i| float(i)) {
            Some(i) if !wanted.contains(&i) => wanted.push(i),
            Some(_) => {}
            None => {
                let what = format!("`{name}`, which is no float tensor that it reads,");
                return Err(GradError::new(program, what, None));
            }
        }
    }
    wanted.sort_unstable();
    Ok(wanted)
}

fn wanted_outputs(forward: &Straight, options: &GradOptions) -> Result<Vec<usize>, GradError> {
    let floats: Vec<usize> = forward.float_outputs().collect();
    if let Some(names) = &options.outputs {
        let known = |name: &String| floats.iter().any(|&i| forward.program.params[i].name == *name);
        if let Some(name) = names.iter().find(|n| !known(n)) {
            let what = format!("`{name}`, which is no float output,");
            return Err(GradError::new(&forward.program, what, None));
        }
    }
    let wanted = |i: &usize| {
        let name = &forward.program.params[*i].name;
        options.outputs.as_ref().is_none_or(|names| names.contains(name))
    };
    Ok(floats.into_iter().filter(wanted).collect())
}
