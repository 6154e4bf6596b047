//! The one printer of C-family code: a [`ThreadProgram`] as CUDA C or as MSL.
//!
//! A [`Dialect`] holds what the languages spell differently. The signature and the body print separately, because the
//! body alone also serves frameworks that write the signature themselves.

mod packed;
mod value;

use std::collections::HashSet;
use std::fmt::Write;
use tilewright_ir::thread::{
    Builtin, Code, MatrixShape, RegisterId, Reuse, Routine, Shuffle, ThreadProgram, Value,
};
use tilewright_ir::{Access, BinaryOp, DType, Literal, ParamId, ParamKind, StoreMode, UnaryOp};
use value::stripped;

/// What a language of the C family spells its own way.
pub trait Dialect {
    /// The type of registers that hold this dtype. Half types are kept as f32 values, rounded when stored.
    fn register_type(&self, dtype: DType) -> &'static str;
    /// The type of this dtype in memory.
    fn storage_type(&self, dtype: DType) -> &'static str;
    /// The type of 64-bit offsets.
    fn offset_type(&self) -> &'static str;
    /// Where the thread is.
    fn builtin(&self, builtin: Builtin, program: &ThreadProgram) -> String;
    /// Another lane's value.
    fn shuffle(&self, shuffle: Shuffle, dtype: DType, value: &str) -> String;
    /// The greatest or least 32-bit integer of all lanes.
    fn extreme(&self, max: bool, value: &str) -> String;
    /// Waits for the group; what its threads wrote to shared memory and to tensors is seen after.
    fn barrier(&self, program: &ThreadProgram) -> &'static str;
    /// Writes to a place in shared memory.
    fn store_shared(&self, place: &str, value: &str, _program: &ThreadProgram) -> String {
        format!("{place} = {value};")
    }
    /// Waits for the subgroup.
    fn subgroup_barrier(&self) -> &'static str;
    /// The declarations of the group's shared arrays, one a line.
    fn shared_arrays(&self, program: &ThreadProgram) -> Vec<String>;
    /// Bytes of shared memory that a launch has to ask for, as the text does not.
    fn asked_at_launch(&self, _program: &ThreadProgram) -> usize {
        0
    }
    /// Words that no name of a program may be, apart from those of C++ and the functions that the printer calls.
    fn reserved(&self) -> &'static [&'static str];
    /// A one-operand op on a register value; `None` where C's own spelling holds.
    fn unary(&self, op: UnaryOp, value: &str) -> String;
    /// The same on an f32, faster, with an error of a few units in the last place; `None` where there is no such form.
    fn fast_unary(&self, _op: UnaryOp, _value: &str) -> Option<String> {
        None
    }
    /// A power of two of an f32, 0 where it is below all normal numbers; `None` where that is no faster.
    fn flushed_exp2(&self, _value: &str) -> Option<String> {
        None
    }
    /// A quotient of f32 values, faster, with an error of a few units in the last place; `None` where there is no such
    /// form.
    fn fast_quotient(&self, _a: &str, _b: &str) -> Option<String> {
        None
    }

    /// 1 + erf(a), as exact as the error function beside 1, where that is cheaper than both.
    fn fast_one_and_erf(&self, _a: &str) -> Option<String> {
        None
    }
    /// The sum of two f32 values that is no part of a fused multiply and add.
    fn apart(&self, a: &str, b: &str) -> String;
    /// A call of a float function of two operands (`pow`, `fmod`).
    fn float_call(&self, op: BinaryOp) -> &'static str;
    /// A register value read from memory.
    fn read_storage(&self, dtype: DType, value: &str) -> String;
    /// What a vector of `lanes` neighbours is as an array, and the register value of lane `l` of that array of `vector`.
    fn read_lanes(&self, dtype: DType, lanes: usize) -> (String, String) {
        let element = self.read_storage(dtype, "vector.lane[l]");
        (format!("{} lane[{lanes}]", self.storage_type(dtype)), element)
    }
    /// True for 16-bit elements that may stay in words of two until they are used.
    fn packs(&self, _dtype: DType) -> bool {
        false
    }
    /// A register value as it is kept in memory.
    fn write_storage(&self, dtype: DType, value: &str) -> String;
    /// The same bits as another type of the same size.
    fn bitcast(&self, from: DType, to: DType, value: &str) -> String;
    /// The type of `lanes` neighbours in memory, of `bytes` bytes together.
    fn vector_type(&self, bytes: usize) -> &'static str;
    /// What lies at `place`, a pointer to a vector of `bytes`, where caches can be told what becomes of it.
    fn read_vector(&self, _place: &str, _reuse: Reuse, _bytes: usize) -> Option<String> {
        None
    }
    /// Writes a vector that nobody reads for long.
    fn write_last(&self, place: &str, vector: &str) -> String {
        format!("*{place} = {vector}")
    }
    /// An atomic update of an element.
    fn atomic(&self, mode: StoreMode, dtype: DType, pointer: &str, value: &str) -> String;
    /// The address space of tensors in casts, with a trailing space if any.
    fn device_space(&self) -> &'static str;
    /// The same of shared arrays.
    fn shared_space(&self) -> &'static str;
    /// Begins to copy `lanes` neighbours from a tensor to shared memory, or zeros where `valid` is false.
    fn copy_async(
        &self,
        to: &str,
        from: &str,
        of: (DType, usize),
        valid: Option<&str>,
    ) -> Vec<String>;
    /// Makes a group of the copies begun since the last; `None` where copies are done when begun.
    fn copy_commit(&self) -> Option<&'static str>;
    /// Waits for all groups of copies but the latest `left`.
    fn copy_wait(&self, left: usize) -> Option<String>;
    /// Reads four 8x8 blocks of half elements; `into` and `from` are pointers.
    fn load_matrix(&self, into: &str, from: &str, transposed: bool) -> String;
    /// Adds a product of fragments; all are pointers.
    fn matrix_multiply(&self, shape: MatrixShape, into: &str, a: &str, b: &str) -> String;
    /// Two floats rounded to a half type in one u32.
    fn pack(&self, dtype: DType, low: &str, high: &str) -> String;
    /// The lines of a routine that all threads of the group run; `value` spells a value. Schedules allow routines on targets
    /// that have them.
    fn routine(
        &self,
        _routine: &Routine,
        _program: &ThreadProgram,
        _value: &dyn Fn(&Value) -> String,
    ) -> Vec<String> {
        vec!["#error this target has no routines".into()]
    }
    /// What the routines of a program need before it.
    fn templates(&self, _program: &ThreadProgram) -> String {
        String::new()
    }
    /// What stands before every program: helper functions.
    fn prelude(&self) -> &'static str;
    /// The declaration of the kernel, up to and with the opening brace. `arguments` is the struct's name.
    fn signature(&self, program: &ThreadProgram, arguments: &str) -> String;
    /// The spelling of infinity and of NaN.
    fn special(&self) -> (&'static str, &'static str);
}

/// The kernel's name in emitted code: apart from the languages' own functions (`exp`, `max`).
pub fn kernel_name(program: &ThreadProgram) -> String {
    format!("tw_kernel_{}", program.name)
}

/// Words of C++, which both languages keep for themselves.
pub(crate) const KEYWORDS: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "const_cast",
    "constexpr",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "nullptr",
    "operator",
    "or",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
    "xor",
];

/// What the printer calls or declares.
const PRINTED: &[&str] = &[
    "abs",
    "all",
    "arguments",
    "faults",
    "fma",
    "l",
    "lane",
    "main",
    "max",
    "min",
    "vector",
    "words",
];

/// `program` with names that the language has no other use for, each unlike every other.
pub fn spelled(program: &ThreadProgram, dialect: &dyn Dialect) -> ThreadProgram {
    let mut program = program.clone();
    let mut taken: HashSet<String> = HashSet::new();
    let mut spell = |name: &mut String| {
        let reserved = |name: &str| {
            KEYWORDS.contains(&name)
                || PRINTED.contains(&name)
                || dialect.reserved().contains(&name)
                || name.starts_with("tw_")
        };
        while reserved(name) || taken.contains(name.as_str()) {
            name.push('_');
        }
        taken.insert(name.clone());
    };
    program.params.iter_mut().for_each(|param| spell(&mut param.name));
    program.dims.iter_mut().for_each(|dim| spell(&mut dim.name));
    program.shared.iter_mut().for_each(|array| spell(&mut array.name));
    program.registers.iter_mut().for_each(|register| spell(&mut register.name));
    program
}

/// The complete source of a program.
pub fn source(program: &ThreadProgram, dialect: &dyn Dialect) -> String {
    let program = &spelled(program, dialect);
    let mut out = String::new();
    out.push_str(dialect.prelude());
    out.push_str(&dialect.templates(program));
    out.push('\n');
    let arguments = format!("{}_arguments", program.name);
    let _ = writeln!(out, "struct {arguments} {{");
    for (name, ty) in argument_fields(program, dialect) {
        let _ = writeln!(out, "    {ty} {name};");
    }
    out.push_str("};\n\n");
    out.push_str(&dialect.signature(program, &arguments));
    out.push('\n');
    out.push_str(&body(program, dialect));
    out.push_str("}\n");
    out
}

/// The fields of the struct of run-time sizes, strides and scalars, in order: first the 64-bit strides of each tensor's
/// axes but the last, then the sizes as i32, then the scalars.
pub fn argument_fields(
    program: &ThreadProgram,
    dialect: &dyn Dialect,
) -> Vec<(String, &'static str)> {
    let mut fields = Vec::new();
    for param in &program.params {
        if let ParamKind::Tensor { shape, .. } = &param.kind {
            let axes = shape.len().saturating_sub(1);
            fields.extend(
                (0..axes).map(|a| (format!("{}_stride{a}", param.name), dialect.offset_type())),
            );
        }
    }
    for dim in &program.dims {
        fields.push((dim.name.clone(), "int"));
    }
    for param in &program.params {
        if let ParamKind::Scalar { dtype, .. } = param.kind {
            fields.push((param.name.clone(), dialect.register_type(dtype)));
        }
    }
    if fields.is_empty() {
        fields.push(("unused".into(), "int"));
    }
    fields
}

/// The statements of a program.
pub fn body(program: &ThreadProgram, dialect: &dyn Dialect) -> String {
    let packed = packed::packed(program, dialect);
    let mut printer = Printer { program, dialect, packed, out: String::new(), indent: 1 };
    for declaration in dialect.shared_arrays(program) {
        printer.line(&declaration);
    }
    printer.block(&program.body);
    printer.out
}

struct Printer<'a> {
    program: &'a ThreadProgram,
    dialect: &'a dyn Dialect,
    /// Registers that hold words of two elements.
    packed: HashSet<RegisterId>,
    out: String,
    indent: usize,
}

impl Printer<'_> {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{:1$}{text}", "", 4 * self.indent);
    }

    fn name(&self, register: RegisterId) -> &str {
        &self.program.registers[register.0 as usize].name
    }

    fn dtype(&self, register: RegisterId) -> DType {
        self.program.registers[register.0 as usize].dtype
    }

    fn param(&self, id: ParamId) -> (&str, DType) {
        let param = &self.program.params[id.index()];
        match param.kind {
            ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. } => {
                (&param.name, dtype)
            }
        }
    }

    fn braced(&mut self, head: &str, body: &[Code]) {
        self.line(&format!("{head} {{"));
        self.indent += 1;
        self.block(body);
        self.indent -= 1;
        self.line("}");
    }

    fn block(&mut self, body: &[Code]) {
        let mut codes = body.iter().peekable();
        while let Some(code) = codes.next() {
            match (code, codes.peek()) {
                // A declaration and its first value are one line.
                (Code::Declare(register), Some(Code::Set(set, value))) if register == set => {
                    let ty = self.dialect.register_type(self.dtype(*register));
                    self.line(&format!("{ty} {} = {};", self.name(*register), self.bare(value)));
                    codes.next();
                }
                _ => self.code(code),
            }
        }
    }

    /// A value where nothing around binds tighter.
    fn bare(&self, value: &Value) -> String {
        stripped(self.value(value))
    }

    /// The index of lane `l` of a vector that begins there.
    fn place(&self, first: &Value) -> String {
        match first {
            Value::Const(Literal::Int(0), _) => "l".into(),
            first => format!("{} + l", self.value(first)),
        }
    }

    /// The address of an element.
    fn sum(&self, name: &str, index: &Value) -> String {
        match index {
            Value::Const(Literal::Int(0), _) => name.into(),
            index => format!("{name} + {}", self.value(index)),
        }
    }

    /// Lines in a scope of their own.
    fn scope(&mut self, lines: &[String]) {
        self.line("{");
        self.indent += 1;
        lines.iter().for_each(|line| self.line(line));
        self.indent -= 1;
        self.line("}");
    }

    fn code(&mut self, code: &Code) {
        match code {
            Code::Declare(register) if self.packed.contains(register) => {
                let len = self.program.registers[register.0 as usize].len.unwrap_or(0) / 2;
                self.line(&format!("unsigned int {}[{len}];", self.name(*register)));
            }
            Code::Declare(register) => {
                let ty = self.dialect.register_type(self.dtype(*register));
                let len = self.program.registers[register.0 as usize].len;
                let array = len.map(|n| format!("[{n}]")).unwrap_or_default();
                self.line(&format!("{ty} {}{array};", self.name(*register)));
            }
            Code::Let(register, value) => {
                let ty = self.dialect.register_type(self.dtype(*register));
                self.line(&format!("const {ty} {} = {};", self.name(*register), self.bare(value)));
            }
            Code::Set(register, value) => {
                self.line(&format!("{} = {};", self.name(*register), self.bare(value)));
            }
            Code::SetElement(register, index, value) if self.packed.contains(register) => {
                let (word, half) = self.word_of(*register, index);
                let value = match value {
                    Value::Element(from, at) => {
                        let (word, half) = self.word_of(*from, at);
                        format!("tw_half({word}, {half})")
                    }
                    _ => "0u".into(),
                };
                self.line(&format!("tw_put_half({word}, {half}, {value});"));
            }
            Code::SetElement(register, index, value) => {
                let (index, value) = (self.bare(index), self.bare(value));
                match self.program.registers[register.0 as usize].len {
                    Some(_) => self.line(&format!("{}[{index}] = {value};", self.name(*register))),
                    None => self.line(&format!("{} = {value};", self.name(*register))),
                }
            }
            Code::LoadVector { into, index, param, offset, lanes, reuse } => {
                let (name, dtype) = self.param(*param);
                let space = self.dialect.device_space();
                let vector = self.dialect.vector_type(dtype.size() * lanes);
                let offset = self.value(offset);
                let (lane, element) = self.dialect.read_lanes(dtype, *lanes);
                let (index, element, count) = match self.packed.contains(into) {
                    true => (self.word_place(index), "vector.word[l]".into(), lanes / 2),
                    false => (self.place(index), element, *lanes),
                };
                let into = self.name(*into);
                let place = format!("(const {space}{vector}*)({name} + {offset})");
                let read = self.dialect.read_vector(&place, *reuse, dtype.size() * lanes);
                let read = read.unwrap_or_else(|| format!("*{place}"));
                let lines = [
                    format!("union {{ {vector} all; {lane}; }} vector;"),
                    format!("vector.all = {read};"),
                    "_Pragma(\"unroll\")".into(),
                    format!("for (int l = 0; l < {count}; l++) {into}[{index}] = {element};"),
                ];
                self.scope(&lines);
            }
            Code::LoadShared { into, index, from, at, lanes } => {
                let array = &self.program.shared[from.0 as usize];
                let vector = self.dialect.vector_type(array.dtype.size() * lanes);
                let space = self.dialect.shared_space();
                let (from, index) = (self.sum(&array.name, at), self.place(index));
                let (lane, element) = self.dialect.read_lanes(array.dtype, *lanes);
                let into = self.name(*into);
                let lines = [
                    format!("union {{ {vector} all; {lane}; }} vector;"),
                    format!("vector.all = *(const {space}{vector}*)({from});"),
                    "_Pragma(\"unroll\")".into(),
                    format!("for (int l = 0; l < {lanes}; l++) {into}[{index}] = {element};"),
                ];
                self.scope(&lines);
            }
            Code::StoreVector { param, offset, from, index, lanes, last } => {
                let (name, dtype) = self.param(*param);
                let (storage, space) =
                    (self.dialect.storage_type(dtype), self.dialect.device_space());
                let vector = self.dialect.vector_type(dtype.size() * lanes);
                let (offset, index) = (self.value(offset), self.place(index));
                let element = format!("{}[{index}]", self.name(*from));
                let element = self.dialect.write_storage(dtype, &element);
                let place = format!("({space}{vector}*)({name} + {offset})");
                let write = match last {
                    true => self.dialect.write_last(&place, "vector.all"),
                    false => format!("*{place} = vector.all"),
                };
                let lines = [
                    format!("union {{ {vector} all; {storage} lane[{lanes}]; }} vector;"),
                    "_Pragma(\"unroll\")".into(),
                    format!("for (int l = 0; l < {lanes}; l++) vector.lane[l] = {element};"),
                    format!("{write};"),
                ];
                self.scope(&lines);
            }
            Code::Philox { into, index, position, seed, stream } => {
                let (position, seed) = (self.bare(position), self.bare(seed));
                let (stream, index) = (self.bare(stream), self.place(index));
                let into = self.name(*into);
                let lines = [
                    format!(
                        "const tw_words words = tw_philox_block({position}, {seed}, {stream});"
                    ),
                    "_Pragma(\"unroll\")".into(),
                    format!("for (int l = 0; l < 4; l++) {into}[{index}] = words.word[l];"),
                ];
                self.scope(&lines);
            }
            Code::Store { param, offset, value, mode } => {
                let (name, dtype) = self.param(*param);
                let text = match mode {
                    StoreMode::Set => {
                        let value = self.dialect.write_storage(dtype, &self.value(value));
                        format!("{name}[{}] = {};", self.bare(offset), stripped(value))
                    }
                    mode => {
                        let (offset, value) = (self.value(offset), self.value(value));
                        self.dialect.atomic(*mode, dtype, &format!("{name} + {offset}"), &value)
                    }
                };
                self.line(&text);
            }
            Code::StoreShared(array, index, value) => {
                let array = &self.program.shared[array.0 as usize];
                let value = self.dialect.write_storage(array.dtype, &self.value(value));
                let place = format!("{}[{}]", array.name, self.bare(index));
                self.line(&self.dialect.store_shared(&place, &stripped(value), self.program));
            }
            Code::CopyAsync { to, index, param, offset, lanes, valid } => {
                let (name, dtype) = self.param(*param);
                let to = self.sum(&self.program.shared[to.0 as usize].name, index);
                let from = self.sum(name, offset);
                let valid = valid.as_ref().map(|valid| self.bare(valid));
                let of = (dtype, *lanes);
                let lines = self.dialect.copy_async(&to, &from, of, valid.as_deref());
                match lines.as_slice() {
                    [line] => self.line(line),
                    lines => self.scope(lines),
                }
            }
            Code::ExtremeHalf { .. } | Code::MarkHalves { .. } => self.halves(code),
            Code::CopyCommit => {
                self.dialect.copy_commit().into_iter().for_each(|text| self.line(text))
            }
            Code::CopyWait(left) => {
                self.dialect.copy_wait(*left).into_iter().for_each(|text| self.line(&text))
            }
            Code::LoadMatrix { into, index, from, at, transposed } => {
                let into = self.sum(self.name(*into), index);
                let from = self.sum(&self.program.shared[from.0 as usize].name, at);
                self.line(&self.dialect.load_matrix(&into, &from, *transposed));
            }
            Code::MatrixMultiply { shape, into, index, a, b } => {
                let into = self.sum(self.name(*into), index);
                let (a, b) = (self.sum(self.name(a.0), &a.1), self.sum(self.name(b.0), &b.1));
                self.line(&self.dialect.matrix_multiply(*shape, &into, &a, &b));
            }
            Code::Routine(routine) => {
                let value = |value: &Value| self.value(value);
                let lines = self.dialect.routine(routine, self.program, &value);
                lines.iter().for_each(|line| self.line(line));
            }
            Code::Barrier => self.line(self.dialect.barrier(self.program)),
            Code::SubgroupBarrier => self.line(self.dialect.subgroup_barrier()),
            Code::Unroll(counter, count, body) => {
                let i = self.name(*counter).to_string();
                self.line("_Pragma(\"unroll\")");
                self.braced(&format!("for (int {i} = 0; {i} < {count}; {i}++)"), body);
            }
            Code::For { counter, start, end, step, body } => {
                let i = self.name(*counter).to_string();
                let (start, end, step) = (self.value(start), self.value(end), self.value(step));
                self.braced(&format!("for (int {i} = {start}; {i} < {end}; {i} += {step})"), body);
            }
            Code::If(condition, body) => {
                let condition = self.bare(condition);
                self.braced(&format!("if ({condition})"), body);
            }
        }
    }
}

/// True for parameters that the kernel writes.
pub fn is_written(kind: &ParamKind) -> bool {
    matches!(kind, ParamKind::Tensor { access: Access::Out | Access::InOut, .. })
}
