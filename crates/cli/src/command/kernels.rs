//! `tilewright kernels`: the catalog, or one kernel.

use super::{find, show_dtypes, signature};
use crate::failure::Failure;
use crate::table::Table;
use clap::ArgMatches;
use serde_json::{Map, Value, json};
use std::io::Write;
use tilewright_ir::Access;
use tilewright_kernels::{CATALOG, Case, Entry, Grad};
use tilewright_lang::Signature;
use tilewright_lang::SignatureParam;

/// Lists the catalog, or describes the kernel that was named.
///
/// # Errors
/// For an unknown name.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let json = matches.get_flag("json");
    match matches.get_one::<String>("name") {
        Some(name) => {
            let entry = find(name)?;
            let signature = signature(entry)?;
            if json {
                writeln!(out, "{:#}", describe_json(entry, &signature))?;
            } else {
                describe(entry, &signature, out)?;
            }
        }
        None if json => {
            let all = CATALOG.iter().map(|e| Ok(describe_json(e, &signature(e)?)));
            writeln!(out, "{:#}", Value::Array(all.collect::<Result<_, Failure>>()?))?;
        }
        None => {
            let mut table = Table::new(&["KERNEL", "FAMILY", "GRADIENT", "SUMMARY"]);
            for entry in CATALOG {
                let gradient = match entry.grad {
                    Grad::Auto => "auto",
                    Grad::By(_) => "by hand",
                    Grad::None(_) => "-",
                };
                table.row([
                    entry.name.into(),
                    family(entry),
                    gradient.into(),
                    entry.summary.into(),
                ]);
            }
            table.print(out)?;
        }
    }
    Ok(())
}

/// The group of a kernel as it is printed.
pub fn family(entry: &Entry) -> String {
    format!("{:?}", entry.family).to_lowercase()
}

/// Whether a constant is in the shape of an input, which tells it where the other sizes there are known.
fn is_told(signature: &Signature, constant: &str) -> bool {
    let inputs = signature.params.iter().filter(|param| param.access != Access::Out);
    let mut axes = inputs.flat_map(|param| param.axes.iter().flatten());
    axes.any(|axis| axis.split(['*', '/']).any(|factor| factor.trim() == constant))
}

fn describe(entry: &Entry, signature: &Signature, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{}: {}\n", entry.name, entry.summary)?;
    for line in entry.formula.lines() {
        writeln!(out, "    {}", line.trim())?;
    }
    writeln!(out)?;
    let mut table = Table::new(&["", "", ""]);
    for (heading, written) in [("input", false), ("output", true)] {
        for param in signature.params.iter().filter(|p| belongs(p, written)) {
            table.row([heading.into(), param.name.clone(), show(param)]);
        }
    }
    for (name, value) in entry.constants {
        let told = if is_told(signature, name) { "from the inputs' shapes, or " } else { "" };
        table.row(["constant".into(), (*name).into(), format!("= {value}; {told}--set {name}=N")]);
    }
    if !entry.dtypes.is_empty() {
        table.row(["dtype".into(), "T".into(), show_dtypes(entry.dtypes)]);
    }
    table.print(out)?;
    match entry.grad {
        Grad::Auto => writeln!(out, "\ngradient: from the recording (--grad)")?,
        Grad::By(kernels) => {
            let names: Vec<&str> = kernels.iter().map(|kernel| kernel.name).collect();
            writeln!(out, "\ngradient: by hand (--grad): {}", names.join(", "))?;
        }
        Grad::None(why) => writeln!(out, "\ngradient: none; {why}")?,
    }
    writeln!(out, "\ntest cases:")?;
    for case in entry.cases {
        let timed = if case.bench { " (timed)" } else { "" };
        writeln!(out, "    {}{timed}", show_case(case))?;
    }
    Ok(())
}

/// Inputs are what the kernel reads, outputs what it writes; a tensor updated in place is both.
fn belongs(param: &SignatureParam, written: bool) -> bool {
    match param.access {
        Access::In => !written,
        Access::Out => written,
        Access::InOut => true,
    }
}

/// `T[*rows, cols]`, `f32 = 1e-6`.
fn show(param: &SignatureParam) -> String {
    let mut text = param.dtype.clone();
    if let Some(axes) = &param.axes {
        let leading = if param.leading { "*" } else { "" };
        text += &format!("[{leading}{}]", axes.join(", "));
    }
    if param.access == Access::InOut {
        text += ", updated in place";
    }
    if let Some(range) = &param.range {
        text += &format!(" in [{}, {})", range.start, range.end);
    }
    match param.default {
        Some(value) if value.fract() == 0.0 => format!("{text} = {value}; --set {}=X", param.name),
        // Debug prints 1e-6 where Display prints 0.000001.
        Some(value) => format!("{text} = {value:?}; --set {}=X", param.name),
        None if param.axes.is_none() => format!("{text}; --set {}=X", param.name),
        None => text,
    }
}

/// `rows=5 cols=1024`.
pub fn show_case(case: &Case) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(case.sizes.iter().map(|(name, value)| format!("{name}={value}")));
    parts.extend(case.constants.iter().map(|(name, value)| format!("{name}={value}")));
    parts.extend(case.scalars.iter().map(|(name, value)| format!("{name}={value}")));
    parts.join(" ")
}

fn describe_json(entry: &Entry, signature: &Signature) -> Value {
    let params = |written: bool| -> Vec<Value> {
        let chosen = signature.params.iter().filter(|p| belongs(p, written));
        chosen.map(param_json).collect()
    };
    let (differentiable, reason) = match entry.grad {
        Grad::Auto | Grad::By(_) => (true, Value::Null),
        Grad::None(why) => (false, why.into()),
    };
    json!({
        "name": entry.name,
        "family": family(entry),
        "summary": entry.summary,
        "formula": entry.formula,
        "signature": entry.signature,
        "inputs": params(false),
        "outputs": params(true),
        "dtypes": entry.dtypes.iter().map(|d| d.name()).collect::<Vec<_>>(),
        "constants": object(entry.constants),
        "gradient": { "available": differentiable, "reason": reason },
        "cases": entry.cases.iter().map(|case| json!({
            "sizes": object(case.sizes),
            "constants": object(case.constants),
            "scalars": object(case.scalars),
            "timed": case.bench,
        })).collect::<Vec<_>>(),
    })
}

fn param_json(param: &SignatureParam) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), param.name.clone().into());
    fields.insert("kind".into(), if param.axes.is_some() { "tensor" } else { "scalar" }.into());
    fields.insert("dtype".into(), param.dtype.clone().into());
    match &param.axes {
        Some(axes) => {
            fields.insert("shape".into(), axes.clone().into());
            fields.insert("leading".into(), param.leading.into());
            fields.insert("in_place".into(), (param.access == Access::InOut).into());
        }
        None => {
            fields.insert("default".into(), param.default.into());
            if let Some(range) = &param.range {
                fields.insert("from".into(), range.start.into());
                fields.insert("below".into(), range.end.into());
            }
        }
    }
    Value::Object(fields)
}

fn object<V: Copy + Into<Value>>(pairs: &[(&str, V)]) -> Value {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).into())).collect()
}
