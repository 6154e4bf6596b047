//! Routines as CUDA C: calls of the templates in `affine_products.cu` and `attention_split.cu`.

use tilewright_ir::thread::{
    AffineProduct, AffineProducts, Ahead, Attend, Cached, Choose, Code, Queries, Ready, Routine,
    Rows, SharedId, ThreadProgram, Turned, Value,
};
use tilewright_ir::{Access, DType, ParamKind};

/// True when weights of packed products come through a ring, as groups stay on their multiprocessors.
pub(crate) fn has_ring(program: &ThreadProgram) -> bool {
    let has =
        |code: &Code| matches!(code, Code::Routine(Routine::AffineProducts(r)) if r.ring.is_some());
    program.body.iter().any(has)
}

/// The templates that a program needs.
pub(crate) fn templates(program: &ThreadProgram) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for code in &program.body {
        code.visit(&mut |code| {
            if let Code::Routine(routine) = code {
                let own = match routine {
                    Routine::Choose(_) => [include_str!("choose.cu"), "", ""],
                    Routine::AffineProducts(r) => [
                        include_str!("affine_products.cu"),
                        if r.ready.is_some() { include_str!("affine_row.cu") } else { "" },
                        if r.ring.is_some() { include_str!("affine_ring.cu") } else { "" },
                    ],
                    Routine::Ahead(r) => [
                        include_str!("attention_split.cu"),
                        if r.turned.is_some() { include_str!("attention_turn.cu") } else { "" },
                        "",
                    ],
                    Routine::Attend(_) => [include_str!("attention_split.cu"), "", ""],
                };
                for part in [include_str!("fragments.cu")].into_iter().chain(own) {
                    if !parts.contains(&part) {
                        parts.push(part);
                    }
                }
            }
        });
    }
    parts.concat()
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

/// The tensors, by their numbers, that a program reads before it waits for the kernel ahead of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Early {
    /// Those that no launch of a graph may have written.
    pub settled: Vec<usize>,
    /// Those that the launch ahead may not write; others have ended by then.
    pub older: Vec<usize>,
}

/// What a program reads early; none when it waits first of all.
pub(crate) fn read_early(program: &ThreadProgram) -> Option<Early> {
    let mut early = Early::default();
    for code in &program.body {
        match code {
            Code::Routine(Routine::Choose(choose)) if choose.early => {
                early.older.push(choose.logits.param.index());
            }
            Code::Routine(Routine::AffineProducts(products)) if row_first(program).is_some() => {
                early.older.extend(products.products.iter().map(|p| p.x.param.index()));
                let normed = products.normed.iter().map(|normed| normed.weight.param.index());
                early.settled.extend(normed);
            }
            Code::Routine(Routine::AffineProducts(products)) if products.early => {
                let weights = products.products.iter().flat_map(|p| [&p.w, &p.scales, &p.biases]);
                let normed = products.normed.iter().map(|normed| &normed.weight);
                early.settled.extend(weights.chain(normed).map(|rows| rows.param.index()));
            }
            Code::Routine(Routine::Ahead(ahead)) => {
                let caches = [ahead.cached.keys.param, ahead.cached.values.param];
                early.settled.extend(ahead.early.iter().chain(&caches).map(|param| param.index()));
            }
            _ => {}
        }
    }
    (early != Early::default()).then_some(early)
}

/// The products whose one row is made ready before the program waits: where it waits for logits that choose the weights, the
/// row is what these were made of.
fn row_first(program: &ThreadProgram) -> Option<&AffineProducts> {
    let mut chooses = false;
    for code in &program.body {
        match code {
            Code::Routine(Routine::Choose(choose)) => chooses = !choose.early,
            Code::Routine(Routine::AffineProducts(products)) if chooses && !products.early => {
                return products.ready.as_ref().is_some_and(|r| r.rows == 1).then_some(products);
            }
            _ => {}
        }
    }
    None
}

/// The lines of a routine; `value` spells a value.
pub(crate) fn lines(
    routine: &Routine,
    program: &ThreadProgram,
    value: &dyn Fn(&Value) -> String,
) -> Vec<String> {
    let text = Text { program, value };
    match routine {
        Routine::Choose(routine) => text.choose(routine),
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

    fn choose(&self, r: &Choose) -> Vec<String> {
        let Choose { experts, k, normalize, .. } = r;
        let (positions, weights) = (self.shared(r.positions), self.shared(r.weights));
        let (bf16, logits) = (r.dtype == DType::BF16, self.start(&r.logits));
        let mut lines = Vec::new();
        if let Some(products) = row_first(self.program)
            && let Some(ready) = self.ready(products)
        {
            lines.extend(ready.parts());
            lines.push(ready.load(true));
            lines.push(ready.make(true, true));
            lines.push("tw_wait();".into());
        }
        lines.push(format!(
            "tw_choose<{bf16}, {experts}, {k}, {normalize}, {}>({positions}, {weights}, {logits});",
            self.reads(r.weights)
        ));
        lines
    }

    /// True when the program reads an array, other than by its routines.
    fn reads(&self, array: SharedId) -> bool {
        let is_it = |value: &Value| matches!(value, Value::Shared(of, _) if *of == array);
        let mut found = false;
        for code in &self.program.body {
            code.visit(&mut |code| found |= code.values().any(|value| value.any(&is_it)));
        }
        found
    }

    fn affine_products(&self, r: &AffineProducts) -> Vec<String> {
        let operand = |field: &str, of: fn(&AffineProduct) -> &Rows| {
            let starts = r.products.iter().map(|p| self.start(of(p))).collect();
            let strides = r.products.iter().map(|p| self.stride(of(p))).collect();
            [
                format!("    of.{field} = {};", self.by_product(starts)),
                format!("    of.{field}_stride = {};", chosen(strides)),
            ]
        };
        let (bf16, subgroups) = (r.dtype == DType::BF16, self.program.threads / 32);
        let (result, partial) = (self.shared(r.result), self.shared(r.partial));
        let (bits, group, steps) = (r.bits, r.group, r.steps);
        // Blocks of columns of each product.
        let blocks = r.width / AffineProducts::COLUMNS;
        let count = r.products.len() * blocks;
        let head = match &r.ready {
            None => format!(
                "tw_affine_products<{bits}, {group}, {}, {bf16}, {}, {count}, {subgroups}, {steps}, {}>\
                 ({result}, {partial}, [&](int product) {{",
                r.tiles, r.aligned, r.slots
            ),
            Some(_) => "const auto tw_operands = [&](int product) {".into(),
        };
        let mut lines = vec![head, "    tw_affine of;".into()];
        lines.extend(operand("x", |p| &p.x));
        lines.extend(operand("w", |p| &p.w));
        lines.extend(operand("scales", |p| &p.scales));
        lines.extend(operand("biases", |p| &p.biases));
        if lines.iter().any(|line| line.contains("tw_expert")) {
            lines.splice(1..1, self.expert_of_product());
        }
        lines.push("    return of;".into());
        let ends = [&r.groups, &r.rows, &r.columns].map(self.value);
        let [groups, rows, columns] = &ends;
        let wait = if r.early { "tw_wait(); " } else { "" };
        let Some(ready) = &r.ready else {
            lines.push(format!("}}, {groups}, {rows}, {columns}, [&]() {{ {wait}}});"));
            return lines;
        };
        lines.push("};".into());
        let Some(own) = self.ready(r) else { return lines };
        let is_ready = row_first(self.program).is_some();
        // Two rounds at once, where none is under way before the wait, or where they belong to rows of their own.
        let rounds = match (count * ready.len / (steps * 128)).div_ceil(subgroups) {
            rounds if r.early && ready.rows > 1 => {
                if rounds <= 2 {
                    rounds
                } else {
                    4
                }
            }
            // Where there are registers for two.
            2.. if r.early && r.steps == 2 && r.beside <= 16 => 5,
            2 if r.early => 3,
            // One after the other.
            5.. => 3,
            rounds => rounds,
        };
        if !is_ready {
            lines.extend(own.parts());
        }
        let ahead = rounds == 5 && r.ring.is_none();
        // What is asked for first comes first: the rows, unless they are still being made.
        if !r.early && !is_ready {
            lines.push(own.load(false));
        }
        let columns_of_all = r.capacity() * r.width;
        match &r.ring {
            Some(ring) => lines.push(format!(
                "tw_affine_ring<{bits}, {group}, {bf16}, {count}, {blocks}, {}, {}, {steps}, {}, {}>({result}, {columns_of_all}, \
                 {partial}, {}, (unsigned int*){}, {}, {}, tw_operands, {groups}, {columns}, [&]() {{",
                ring.makers,
                subgroups - ring.makers,
                ring.slots,
                r.slots,
                self.shared(ring.room),
                own.row,
                ready.len * Ready::BYTES / 4,
                own.sums,
            )),
            None => lines.push(format!(
            "tw_affine_row<{bits}, {group}, {bf16}, {}, {count}, {blocks}, {subgroups}, {steps}, {rounds}, {}>({result}, {}, \
             {partial}, (const unsigned int*){}, {}, {}, {}, tw_operands, {groups}, {columns}, [&]() {{",
            r.aligned,
            r.slots,
            columns_of_all,
            own.row,
            own.sums,
            own.own_row,
            own.own_sums,
        )),
        }
        if r.early {
            lines.push(format!("    {} tw_wait();", own.load_weights()));
        }
        if ahead {
            lines.push(format!("    {}", own.load_rows(false)));
        }
        lines.push("}, [&]() {".into());
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
        if !is_ready {
            lines.push(format!("    {}", own.make(ahead || !r.early, false)));
        }
        lines.push("});".into());
        lines
    }

    /// The array of chosen experts, where product i is that of the i-th.
    fn experts(&self) -> Option<SharedId> {
        self.program.body.iter().find_map(|code| match code {
            Code::Routine(Routine::Choose(choose)) => Some(choose.positions),
            _ => None,
        })
    }

    /// Declares the expert of a product, of which [`by_product`](Self::by_product) makes use.
    fn expert_of_product(&self) -> Option<String> {
        let experts = self.shared(self.experts()?);
        Some(format!("    const int tw_expert = (int)min({experts}[product], 2147483647u);"))
    }

    /// The register that holds the i-th expert, widened.
    fn expert(&self, i: usize) -> Option<&str> {
        let experts = self.experts()?;
        let mut picked = None;
        for code in &self.program.body {
            match code {
                Code::Let(register, Value::Shared(array, index))
                    if *array == experts
                        && matches!(**index, Value::Const(at, _) if at.value() == i as f64) =>
                {
                    picked = Some(*register);
                }
                Code::Let(register, Value::Cast { of, .. })
                    if picked.is_some_and(|picked| **of == Value::Get(picked)) =>
                {
                    return Some(&self.program.registers[register.0 as usize].name);
                }
                _ => {}
            }
        }
        None
    }

    /// The one of these, a text for each product, that belongs to the product: one text, where they differ in the number of
    /// the product alone, or in its expert.
    fn by_product(&self, texts: Vec<String>) -> String {
        let with = |change: &dyn Fn(usize, &str) -> String| {
            let mut changed = texts.iter().enumerate().map(|(i, text)| change(i, text));
            let first = changed.next()?;
            changed.all(|text| text == first).then_some(first)
        };
        let expert = |i: usize, text: &str| match self.expert(i) {
            Some(name) => text.replace(&format!("({name}, "), "(tw_expert, "),
            None => text.into(),
        };
        let number = |i: usize, text: &str| {
            text.replace(&format!("((long long)({i}) * "), "((long long)(product) * ")
        };
        let one = with(&|_, text| text.into()).or_else(|| with(&expert)).or_else(|| with(&number));
        one.unwrap_or_else(|| chosen(texts))
    }

    /// How the rows of products are made ready, if they are.
    fn ready(&self, r: &AffineProducts) -> Option<MadeReady> {
        let ready = r.ready.as_ref()?;
        let rows = self.by_product(r.products.iter().map(|p| self.start(&p.x)).collect());
        let (own_row, own_sums) = match ready.rows {
            1 => (0, 0),
            _ => (ready.len * Ready::BYTES / 4, ready.len / r.group * Ready::SUMS),
        };
        let (weight, eps) = match &r.normed {
            Some(normed) => (self.start(&normed.weight), (self.value)(&normed.eps)),
            None => ("nullptr".into(), "0.0f".into()),
        };
        let (groups, whole) = ((self.value)(&r.groups), r.steps * 128);
        let length = format!("{groups} * {}", r.group);
        Some(MadeReady {
            rows,
            row: self.shared(ready.row).into(),
            sums: self.shared(ready.sums).into(),
            partial: self.shared(r.partial).into(),
            own_row,
            own_sums,
            weight,
            eps,
            padded: format!("({length} + {}) / {whole} * {whole}", whole - 1),
            length,
            format: format!("{}, {}, {}", r.bits, r.group, r.dtype == DType::BF16),
            normed: r.normed.is_some(),
            count: ready.rows,
            len: ready.len,
            subgroups: r.ring.as_ref().map_or(self.program.threads / 32, |ring| ring.makers),
            makers: r.ring.is_some(),
            most: if r.normed.is_some() { 4 } else { 8 },
        })
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
        if let Some(turned) = &r.turned {
            lines.extend(self.before_turning(turned));
        }
        lines.push("tw_wait();".into());
        // What the launch before may have made is not known to the compiler until now.
        let early: Vec<usize> = r.early.iter().map(|param| param.index()).collect();
        for (number, param) in self.program.params.iter().enumerate() {
            let input = matches!(param.kind, ParamKind::Tensor { access: Access::In, .. });
            if input && !early.contains(&number) {
                lines.push(format!("asm volatile(\"\" : \"+l\"({})::\"memory\");", param.name));
            }
        }
        if let Some(turned) = &r.turned {
            lines.extend(self.turning(turned));
        }
        lines
    }

    /// What turning needs besides the heads, asked for.
    fn before_turning(&self, r: &Turned) -> Vec<String> {
        let mut lines = vec!["tw_heads tw_own;".to_string()];
        let mut field = |name: &str, text: String| lines.push(format!("tw_own.{name} = {text};"));
        field("cos", self.start(&r.cos));
        field("sin", self.start(&r.sin));
        if let Some(norms) = &r.norms {
            field("q_weight", self.start(&norms.queries));
            field("key_weight", self.start(&norms.key));
            field("eps", (self.value)(&norms.eps));
        }
        lines.push(format!(
            "tw_turning<{}, {}, {}, {}, {}> tw_turns;",
            r.head_dim,
            r.queries,
            self.program.threads / 32,
            r.dtype == DType::BF16,
            r.norms.is_some()
        ));
        lines.push("tw_turns.load(tw_own);".into());
        lines
    }

    fn turning(&self, r: &Turned) -> Vec<String> {
        let mut lines = Vec::new();
        let mut field = |name: &str, text: String| lines.push(format!("tw_own.{name} = {text};"));
        field("q", self.start(&r.q));
        field("q_stride", self.stride(&r.q));
        field("key", self.start(&r.key));
        field("value", self.start(&r.value));
        for (name, array) in ["to_q", "to_key", "to_value"].into_iter().zip(r.to) {
            field(name, self.shared(array).into());
        }
        for (name, cache) in ["key_cache", "value_cache"].into_iter().zip(&r.caches) {
            field(name, self.start(cache));
        }
        lines.push("tw_turns.turn(tw_own);".into());
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
            "if (!tw_attend<{}, {}, {}, {}, {}, {}>({}, {}, {}, of, tw_first, score, keep, blockIdx.z, gridDim.z, \
             groups, tw_arrived + program)) return;",
            r.cached.head_dim,
            r.queries,
            r.dtype == DType::BF16,
            self.program.threads / 32,
            r.fresh.is_some(),
            r.parted.is_some(),
            self.shared(r.state),
            self.shared(r.parted.unwrap_or(r.state)),
            self.shared(r.partial),
        ));
        std::iter::once("{".into())
            .chain(lines.into_iter().map(|line| format!("    {line}")))
            .chain(["}".into()])
            .collect()
    }
}

/// The text by which the rows of products are made ready.
struct MadeReady {
    rows: String,
    row: String,
    sums: String,
    partial: String,
    own_row: usize,
    own_sums: usize,
    weight: String,
    eps: String,
    length: String,
    padded: String,
    format: String,
    normed: bool,
    count: usize,
    len: usize,
    subgroups: usize,
    /// These are not all of the group.
    makers: bool,
    /// Parts of a thread's that may be under way at once; a norm's weight has as many.
    most: usize,
}

impl MadeReady {
    fn parts(&self) -> [String; 2] {
        let MadeReady { rows, len, count, subgroups, most, .. } = self;
        [
            format!("const auto tw_row_of = [&](int product) {{ return {rows}; }};"),
            format!("tw_parts<{len}, {count}, {subgroups}, {most}> tw_x, tw_weights;"),
        ]
    }

    fn load_weights(&self) -> String {
        match self.normed {
            true => format!("tw_weights.load({}, {}, 0);", self.weight, self.length),
            false => String::new(),
        }
    }

    /// `older` says that the launch ahead has not been waited for.
    fn load_rows(&self, older: bool) -> String {
        let MadeReady { length, padded, .. } = self;
        format!("tw_x.load_rows<{older}>(tw_row_of, {length}, {padded} / 8, 0);")
    }

    fn load(&self, older: bool) -> String {
        format!("{} {}", self.load_weights(), self.load_rows(older))
    }

    fn make(&self, loaded: bool, older: bool) -> String {
        let MadeReady {
            row, sums, own_row, own_sums, partial, weight, eps, length, padded, ..
        } = self;
        let MadeReady { format, normed, count, len, subgroups, makers, most, .. } = self;
        format!(
            "tw_ready_rows<{format}, {subgroups}, {normed}, {count}, {len}, {most}, {loaded}, {older}, {makers}>((unsigned int*){row}, {sums}, \
             {own_row}, {own_sums}, {partial}, tw_row_of, tw_x, tw_weights, {weight}, {eps}, {length}, {padded});"
        )
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
