//! Routines as CUDA C: calls of the templates in `affine_products.cu` and `attention_split.cu`.

use tilewright_ir::thread::{
    AffineProduct, AffineProducts, Ahead, Attend, Cached, Code, Queries, Routine, Rows, SharedId,
    ThreadProgram, Value,
};
use tilewright_ir::{Access, DType, ParamKind};

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
                        Routine::Ahead(_) | Routine::Attend(_) => {
                            include_str!("attention_split.cu")
                        }
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
        match code {
            Code::Routine(Routine::AffineProducts(products)) if products.early => {
                let weights = products.products.iter().flat_map(|p| [&p.w, &p.scales, &p.biases]);
                let normed = products.normed.iter().map(|normed| &normed.weight);
                early.extend(weights.chain(normed).map(|rows| rows.param.index()));
            }
            Code::Routine(Routine::Ahead(ahead)) => {
                let caches = [ahead.cached.keys.param, ahead.cached.values.param];
                early.extend(ahead.early.iter().chain(&caches).map(|param| param.index()));
            }
            _ => {}
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
        Routine::Ahead(routine) => text.ahead(routine),
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
        let rows: Vec<String> = r.products.iter().map(|p| self.start(&p.x)).collect();
        let rows = chosen(rows);
        lines.push(format!("const auto tw_row_of = [&](int product) {{ return {rows}; }};"));
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
        // Two rounds at once, where none is under way before the wait.
        let rounds = match (count * ready.len / whole).div_ceil(subgroups) {
            2 if r.early => 3,
            rounds => rounds,
        };
        let (length, len) = (format!("{groups} * {group}"), ready.len);
        let padded = format!("({length} + {}) / {whole} * {whole}", whole - 1);
        let parts = format!("tw_parts<{len}, {}, {subgroups}>", ready.rows);
        lines.push(format!("{parts} tw_x, tw_weights;"));
        let weights = format!("tw_weights.load({weight}, {length}, 0);");
        let weights = if r.normed.is_some() { weights.as_str() } else { "" };
        // What is asked for first comes first: the rows, unless they are still being made.
        if !r.early {
            lines.push(format!("{weights} tw_x.load_rows(tw_row_of, {length}, {padded} / 8, 0);"));
        }
        lines.push(format!(
            "tw_affine_row<{bits}, {group}, {bf16}, {}, {count}, {subgroups}, {steps}, {rounds}>({result}, {}, \
             {partial}, (const unsigned int*){row}, {sums}, {own_row}, {own_sums}, tw_operands, {groups}, \
             {columns}, [&]() {{",
            r.aligned,
            r.capacity() * r.width,
        ));
        if r.early {
            lines.push(format!("    {weights} tw_wait();"));
        }
        // What is needed at the end comes meanwhile.
        let later = r.finished_with.iter().map(|(param, offset)| {
            let name = &self.program.params[param.index()].name;
            format!("tw_touch({name} + {}); ", (self.value)(offset))
        });
        let later: String = later.collect();
        if !later.is_empty() {
            let width = r.width;
            lines.push(format!("    if (threadIdx.x < min({width}, {columns})) {{ {later}}}"));
        }
        lines.push(format!(
            "    tw_ready_rows<{bits}, {group}, {bf16}, {subgroups}, {}, {}, {len}, {}>((unsigned int*){row}, \
             {sums}, {own_row}, {own_sums}, {partial}, tw_row_of, tw_x, tw_weights, {weight}, {eps}, \
             {length}, {padded});",
            r.normed.is_some(),
            ready.rows,
            !r.early,
        ));
        lines.push("});".into());
        lines
    }

    /// The first keys and values, asked for, and the wait.
    fn ahead(&self, r: &Ahead) -> Vec<String> {
        let value = self.value;
        let position = &self.program.registers[r.cached.position.0 as usize].name;
        let mut lines = vec!["tw_cache tw_early;".to_string()];
        lines.extend(self.cache("tw_early", &r.cached));
        lines.push(self.first_of(r.cached.head_dim));
        lines.push(format!(
            "tw_first.load(tw_early, [&](int {position}) {{ return {}; }}, blockIdx.z, gridDim.z);",
            value(&r.cached.keep)
        ));
        lines.push("tw_wait();".into());
        // What the launch before may have made is not known to the compiler until now.
        let early: Vec<usize> = r.early.iter().map(|param| param.index()).collect();
        for (number, param) in self.program.params.iter().enumerate() {
            let input = matches!(param.kind, ParamKind::Tensor { access: Access::In, .. });
            if input && !early.contains(&number) {
                lines.push(format!("asm volatile(\"\" : \"+l\"({})::\"memory\");", param.name));
            }
        }
        lines
    }

    /// What a warp has of its first keys and values.
    fn first_of(&self, head_dim: usize) -> String {
        format!("tw_tile<{head_dim}, {}> tw_first;", self.program.threads / 32)
    }

    /// Where the caches of `name` lie.
    fn cache(&self, name: &str, of: &Cached) -> Vec<String> {
        let mut lines = Vec::new();
        for (field, rows) in [("keys", &of.keys), ("values", &of.values)] {
            lines.push(format!("{name}.{field} = {};", self.start(rows)));
            lines.push(format!("{name}.{field}_stride = {};", self.stride(rows)));
        }
        for (field, number) in [("first", &of.first), ("end", &of.end), ("extent", &of.extent)] {
            lines.push(format!("{name}.{field} = {};", (self.value)(number)));
        }
        lines
    }

    fn attend(&self, r: &Attend) -> Vec<String> {
        let value = self.value;
        let name = |register: tilewright_ir::thread::RegisterId| {
            &self.program.registers[register.0 as usize].name
        };
        let (product, position) = (name(r.product), name(r.cached.position));
        let mut lines = vec!["tw_cache of;".to_string()];
        lines.extend(self.cache("of", &r.cached));
        let (q, q_stride) = match &r.q {
            Queries::Rows(q) => (self.start(q), self.stride(q)),
            Queries::Shared(array) => (self.shared(*array).into(), r.cached.head_dim.to_string()),
        };
        lines.push(format!("of.q = {q};"));
        lines.push(format!("of.q_stride = {q_stride};"));
        lines.push(format!("of.scale = {};", value(&r.scale)));
        if let Some(fresh) = &r.fresh {
            lines.push(format!("of.fresh = {};", value(&fresh.position)));
            lines.push(format!("of.fresh_key = {};", self.shared(fresh.key)));
            lines.push(format!("of.fresh_value = {};", self.shared(fresh.value)));
        }
        lines.push(format!(
            "const auto score = [&](float {product}, int {position}) {{ return {}; }};",
            value(&r.score)
        ));
        lines.push(format!(
            "const auto keep = [&](int {position}) {{ return {}; }};",
            value(&r.cached.keep)
        ));
        if r.fresh.is_none() {
            lines.push(self.first_of(r.cached.head_dim));
            lines.push("tw_first.load(of, keep, blockIdx.z, gridDim.z);".into());
        }
        lines.push("const int program = blockIdx.y * gridDim.x + blockIdx.x;".into());
        lines.push(format!(
            "float* groups = tw_groups + (long long)program * gridDim.z * {};",
            Attend::state_len(r.cached.head_dim, r.queries)
        ));
        lines.push(format!(
            "if (!tw_attend<{}, {}, {}, {}, {}>({}, {}, of, tw_first, score, keep, blockIdx.z, gridDim.z, \
             groups, tw_arrived + program)) return;",
            r.cached.head_dim,
            r.queries,
            r.dtype == DType::BF16,
            self.program.threads / 32,
            r.fresh.is_some(),
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
