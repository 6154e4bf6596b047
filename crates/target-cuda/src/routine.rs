//! Routines as CUDA C: calls of the templates in `affine_products.cu` and `attention_split.cu`.

use tilewright_ir::DType;
use tilewright_ir::thread::{
    AffineProduct, AffineProducts, Attend, Code, Routine, Rows, SharedId, ThreadProgram, Value,
};

/// The templates that a program needs.
pub(crate) fn templates(program: &ThreadProgram) -> String {
    let mut text = String::new();
    for code in &program.body {
        code.visit(&mut |code| {
            if let Code::Routine(routine) = code {
                text = [
                    include_str!("fragments.cu"),
                    match routine {
                        Routine::AffineProducts(_) => include_str!("affine_products.cu"),
                        Routine::Attend(_) => include_str!("attention_split.cu"),
                    },
                    match routine {
                        Routine::AffineProducts(r) if r.ready.is_some() => {
                            include_str!("affine_row.cu")
                        }
                        _ => "",
                    },
                ]
                .concat();
            }
        });
    }
    text
}

/// How many groups of a program with affine products should run on a multiprocessor at a time: as many threads as their
/// registers allow.
pub(crate) fn groups_beside(program: &ThreadProgram) -> Option<usize> {
    let mut threads = None;
    for code in &program.body {
        if let Code::Routine(routine) = code
            && let Routine::AffineProducts(products) = routine
        {
            threads = Some(32 * products.beside);
        }
    }
    threads.map(|threads| (threads / program.threads).max(1))
}

/// The tensors, by their numbers, that a program reads before it waits for the kernel ahead of it; none when it waits
/// first of all.
pub(crate) fn read_early(program: &ThreadProgram) -> Vec<usize> {
    let mut early = Vec::new();
    for code in &program.body {
        if let Code::Routine(routine) = code
            && let Routine::AffineProducts(products) = routine
            && products.early
        {
            let weights = products.products.iter().flat_map(|p| [&p.w, &p.scales, &p.biases]);
            early.extend(weights.map(|rows| rows.param.index()));
        }
    }
    early
}

/// The lines of a routine; `value` spells a value.
pub(crate) fn lines(
    routine: &Routine,
    program: &ThreadProgram,
    value: &dyn Fn(&Value) -> String,
) -> Vec<String> {
    let text = Text { program, value };
    match routine {
        Routine::AffineProducts(routine) => text.affine_products(routine),
        Routine::Attend(routine) => text.attend(routine),
    }
}

struct Text<'a> {
    program: &'a ThreadProgram,
    value: &'a dyn Fn(&Value) -> String,
}

impl Text<'_> {
    fn start(&self, rows: &Rows) -> String {
        format!("{} + {}", self.program.params[rows.param.index()].name, (self.value)(&rows.offset))
    }

    fn stride(&self, rows: &Rows) -> String {
        (self.value)(&rows.stride)
    }

    fn shared(&self, id: SharedId) -> &str {
        &self.program.shared[id.0 as usize].name
    }

    fn affine_products(&self, r: &AffineProducts) -> Vec<String> {
        let operand = |field: &str, of: fn(&AffineProduct) -> &Rows| {
            let starts = r.products.iter().map(|p| self.start(of(p))).collect();
            let strides = r.products.iter().map(|p| self.stride(of(p))).collect();
            [
                format!("    of.{field} = {};", chosen(starts)),
                format!("    of.{field}_stride = {};", chosen(strides)),
            ]
        };
        let (bf16, subgroups) = (r.dtype == DType::BF16, self.program.threads / 32);
        let (result, partial) = (self.shared(r.result), self.shared(r.partial));
        let (bits, group, count, steps) = (r.bits, r.group, r.products.len(), r.steps);
        let head = match &r.ready {
            None => format!(
                "tw_affine_products<{bits}, {group}, {}, {bf16}, {}, {count}, {subgroups}, {steps}>\
                 ({result}, {partial}, [&](int product) {{",
                r.tiles, r.aligned
            ),
            Some(_) => "const auto tw_operands = [&](int product) {".into(),
        };
        let mut lines = vec![head, "    tw_affine of;".into()];
        lines.extend(operand("x", |p| &p.x));
        lines.extend(operand("w", |p| &p.w));
        lines.extend(operand("scales", |p| &p.scales));
        lines.extend(operand("biases", |p| &p.biases));
        lines.push("    return of;".into());
        let ends = [&r.groups, &r.rows, &r.columns].map(self.value);
        let [groups, rows, columns] = &ends;
        let wait = if r.early { "tw_wait(); " } else { "" };
        let Some(ready) = &r.ready else {
            lines.push(format!("}}, {groups}, {rows}, {columns}, [&]() {{ {wait}}});"));
            return lines;
        };
        lines.push("};".into());
        let (row, sums) = (self.shared(ready.row), self.shared(ready.sums));
        let (own_row, own_sums) = match ready.rows {
            1 => (0, 0),
            _ => (ready.len / 2, ready.len / group),
        };
        let (weight, eps) = match &r.normed {
            Some(normed) => (self.start(&normed.weight), (self.value)(&normed.eps)),
            None => ("nullptr".into(), "0.0f".into()),
        };
        let whole = steps * 128;
        lines.push(format!(
            "tw_affine_row<{bits}, {group}, {bf16}, {}, {count}, {subgroups}, {steps}>({result}, {}, \
             {partial}, (const unsigned int*){row}, {sums}, {own_row}, {own_sums}, tw_operands, {groups}, \
             {columns}, [&]() {{",
            r.aligned,
            r.capacity() * r.width,
        ));
        lines.push(format!("    const int length = {groups} * {group};"));
        lines.push(format!(
            "    {wait}tw_ready_rows<{bits}, {group}, {bf16}, {subgroups}, {}, {}>((unsigned int*){row}, \
             {sums}, {own_row}, {own_sums}, {partial}, tw_operands, {weight}, {eps}, length, \
             (length + {}) / {whole} * {whole});",
            r.normed.is_some(),
            ready.rows,
            whole - 1,
        ));
        lines.push("});".into());
        lines
    }

    fn attend(&self, r: &Attend) -> Vec<String> {
        let value = self.value;
        let name = |register: tilewright_ir::thread::RegisterId| {
            &self.program.registers[register.0 as usize].name
        };
        let (product, position) = (name(r.product), name(r.position));
        let mut lines = vec!["tw_cache of;".to_string()];
        for (field, rows) in [("q", &r.q), ("keys", &r.keys), ("values", &r.values)] {
            lines.push(format!("of.{field} = {};", self.start(rows)));
            lines.push(format!("of.{field}_stride = {};", self.stride(rows)));
        }
        let numbers =
            [("scale", &r.scale), ("first", &r.first), ("end", &r.end), ("extent", &r.extent)];
        for (field, number) in numbers {
            lines.push(format!("of.{field} = {};", value(number)));
        }
        lines.push(format!(
            "const auto score = [&](float {product}, int {position}) {{ return {}; }};",
            value(&r.score)
        ));
        lines.push(format!(
            "const auto keep = [&](int {position}) {{ return {}; }};",
            value(&r.keep)
        ));
        lines.push("const int program = blockIdx.y * gridDim.x + blockIdx.x;".into());
        lines.push(format!(
            "float* groups = tw_groups + (long long)program * gridDim.z * {};",
            Attend::state_len(r.head_dim, r.queries)
        ));
        lines.push(format!(
            "if (!tw_attend<{}, {}, {}, {}>({}, {}, of, score, keep, blockIdx.z, gridDim.z, groups, \
             tw_arrived + program)) return;",
            r.head_dim,
            r.queries,
            r.dtype == DType::BF16,
            self.program.threads / 32,
            self.shared(r.state),
            self.shared(r.partial),
        ));
        std::iter::once("{".into())
            .chain(lines.into_iter().map(|line| format!("    {line}")))
            .chain(["}".into()])
            .collect()
    }
}

/// The one of these that belongs to the product.
fn chosen(mut of: Vec<String>) -> String {
    if of.iter().all(|text| *text == of[0]) {
        of.truncate(1);
    }
    let last = of.pop().unwrap_or_default();
    let tests = of.iter().enumerate().map(|(i, text)| format!("product == {i} ? {text} : "));
    tests.chain([last]).collect()
}
