//! The text form of programs: what `emit --target ir` shows, and what tests are written in.
//!
//! ```text
//! kernel softmax(x: in f32[*rows, cols], y: out f32[*rows, cols])
//! grid rows
//! %0 row: i32 = program 0
//! %1: f32[cols] = load x[%0, :]
//! %2: f32[1] = reduce_max %1 axis 0
//! %3: f32[cols] = sub %1, %2
//! %4: f32[cols] = exp %3
//! %5: f32[1] = reduce_sum %4 axis 0
//! %6: f32[cols] = div %4, %5
//! store y[%0, :] = %6
//! ```
//!
//! Each `%` line evaluates one expression (a [`Stmt::Let`]); numbers are labels. Line breaks and
//! indentation mean nothing, `#` starts a comment. Besides expressions there are
//!
//! ```text
//! dims rows, cols, parts = ceil(rows / 64)     before `kernel`, where the parameters alone do not tell; ceil(rows / 64, 512) is at most 512, ceil(rows / cols) is 0 where cols is
//! var $0 acc: f32[64]                          before the body
//! set $0 = %4
//! store y[%0, %1..+64 step 2, gather %3] = %4 if %5
//! atomic_add y[%0] = %4                        also atomic_max, atomic_min
//! for %7 i in %1..%2 step 4 { .. }
//! when %8 { .. }
//! %9: f32[1] = reduce_by %4 axis 0 from %5 (%6: f32; %7: f32) { %8: f32 = add %6, %7 yield %8 }
//! ```
//!
//! [`print()`] and [`parse`] are inverses on programs as [`Program::compact`] leaves them: every expression is used,
//! in the order of the arena, and the author's lines, which text does not hold, are gone.

mod expression;
mod lexer;
mod parser;
mod printer;

use crate::{ExprId, Place, Program, Stmt};

pub(crate) use printer::default_fill;
pub use printer::print;

/// Why a text is no program, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// What was expected.
    pub text: String,
    /// The line itself.
    pub source: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "line {}, column {}: {}", self.line, self.column, self.text)?;
        writeln!(f, "  {}", self.source)?;
        write!(f, "  {}^", " ".repeat(self.column - 1))
    }
}

impl std::error::Error for ParseError {}

/// Reads a program. It is not yet known to be valid; see [`crate::validate()`].
///
/// # Errors
/// The first place that does not fit the grammar or names what is not there.
pub fn parse(text: &str) -> Result<Program, ParseError> {
    parser::program(text, None)
}

/// As [`parse`], and gives each expression and store its place in `file` as the author's line.
///
/// # Errors
/// As [`parse`].
pub fn parse_file(text: &str, file: &str) -> Result<Program, ParseError> {
    parser::program(text, Some(file))
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&print(self))
    }
}

impl Program {
    /// The same program with its expressions numbered in the order of the body, without those that nothing
    /// evaluates, and without the author's lines.
    pub fn compact(&self) -> Program {
        let mut compact = Compact {
            from: self,
            ids: vec![None; self.exprs.len()],
            program: Program { exprs: Vec::new(), body: Vec::new(), ..self.clone() },
        };
        let body = compact.block(&self.body);
        compact.program.body = body;
        compact.program.vars.iter_mut().for_each(|var| var.at = None);
        compact.program
    }
}

struct Compact<'a> {
    from: &'a Program,
    ids: Vec<Option<ExprId>>,
    program: Program,
}

impl Compact<'_> {
    /// Moves an expression and the body of its combine function, whose operands have been moved.
    fn define(&mut self, id: ExprId) -> ExprId {
        if let Some(Some(known)) = self.ids.get(id.index()) {
            return *known;
        }
        let Some(expr) = self.from.exprs.get(id.index()) else { return id };
        let mut expr = expr.clone();
        expr.at = None;
        // A function of an invalid program may contain the very expression it belongs to.
        self.ids[id.index()] = Some(id);
        if let Some(combine) = expr.kind.combine_mut() {
            let lists =
                [&mut combine.left, &mut combine.right, &mut combine.body, &mut combine.results];
            for id in lists.into_iter().flatten() {
                *id = self.define(*id);
            }
        }
        expr.kind.map_operands(|operand| self.known(operand));
        self.program.exprs.push(expr);
        let new = ExprId(self.program.exprs.len() as u32 - 1);
        self.ids[id.index()] = Some(new);
        new
    }

    fn known(&self, id: ExprId) -> ExprId {
        self.ids.get(id.index()).copied().flatten().unwrap_or(id)
    }

    fn place(&self, place: &Place) -> Place {
        let mut place = place.clone();
        place.map_operands(|id| self.known(id));
        place
    }

    fn block(&mut self, body: &[Stmt]) -> Vec<Stmt> {
        body.iter()
            .map(|stmt| match stmt {
                Stmt::Let(id) => Stmt::Let(self.define(*id)),
                Stmt::Set(var, value) => Stmt::Set(*var, self.known(*value)),
                Stmt::Store { place, value, mask, mode, .. } => Stmt::Store {
                    place: self.place(place),
                    value: self.known(*value),
                    mask: mask.map(|mask| self.known(mask)),
                    mode: *mode,
                    at: None,
                },
                Stmt::For { index, start, end, step, body } => Stmt::For {
                    start: self.known(*start),
                    end: self.known(*end),
                    index: self.define(*index),
                    step: *step,
                    body: self.block(body),
                },
                Stmt::When { condition, body } => {
                    Stmt::When { condition: self.known(*condition), body: self.block(body) }
                }
            })
            .collect()
    }
}
