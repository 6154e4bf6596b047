//! Parsing programs: signature and statements.

use super::ParseError;
use super::lexer::{Lexer, Token, unquote};
use super::printer::{access_word, store_word};
use crate::validate::MAX_DEPTH;
use crate::{
    Access, Axis, DType, Dim, DimId, DimRule, Expr, ExprId, ExprKind, Extent, GridAxis, Literal,
    Location, Param, ParamId, ParamKind, Place, Program, Shape, Stmt, StoreMode, Type, VarId,
    Variable,
};
use std::borrow::Cow;
use std::collections::HashMap;

type Result<T> = std::result::Result<T, ParseError>;

/// Reads a whole text.
pub(super) fn program(text: &str, file: Option<&str>) -> Result<Program> {
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    let mut parser = Parser {
        lexer,
        token,
        file: file.map(|name| Cow::Owned(name.to_string())),
        program: Program::default(),
        values: HashMap::new(),
        vars: HashMap::new(),
        depth: 0,
        dims_are_declared: false,
    };
    parser.header()?;
    let body = parser.body()?;
    parser.program.body = body;
    match parser.token {
        Token::End => Ok(parser.program),
        _ => Err(parser.unexpected("a statement")),
    }
}

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token under the cursor.
    pub token: Token<'a>,
    file: Option<Cow<'static, str>>,
    pub program: Program,
    /// Expressions by their label.
    values: HashMap<u32, ExprId>,
    /// Variables by their label.
    vars: HashMap<u32, VarId>,
    depth: usize,
    dims_are_declared: bool,
}

impl<'a> Parser<'a> {
    pub fn error(&self, text: impl Into<String>) -> ParseError {
        self.lexer.error(text)
    }

    pub fn unexpected(&self, expected: &str) -> ParseError {
        self.error(format!("expected {expected}, found {}", self.token))
    }

    /// The author's line of what starts under the cursor.
    pub fn here(&self) -> Option<Location> {
        let file = self.file.clone()?;
        let at = self.lexer.error("");
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Some(Location { file, line: number(at.line), column: number(at.column) })
    }

    /// Steps to the next token; the one before.
    pub fn advance(&mut self) -> Result<Token<'a>> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// Steps over a sign or word if it is next.
    pub fn accept(&mut self, text: &str) -> Result<bool> {
        let found = matches!(self.token, Token::Sign(s) | Token::Word(s) if s == text);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub fn expect(&mut self, text: &str) -> Result<()> {
        match self.accept(text)? {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{text}`"))),
        }
    }

    pub fn word(&mut self, what: &str) -> Result<&'a str> {
        match self.token {
            Token::Word(word) => {
                self.advance()?;
                Ok(word)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    pub fn integer(&mut self, what: &str) -> Result<usize> {
        match self.token {
            Token::Number(digits) => match digits.parse() {
                Ok(number) => {
                    self.advance()?;
                    Ok(number)
                }
                Err(_) => Err(self.error(format!("{digits} is no {what}"))),
            },
            _ => Err(self.unexpected(what)),
        }
    }

    /// `a, b, c` of anything.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept(",")? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A value that stands above.
    pub fn value(&mut self) -> Result<ExprId> {
        let Token::Value(label) = self.token else { return Err(self.unexpected("a value")) };
        let Some(&id) = self.values.get(&label) else {
            return Err(self.error(format!("%{label} is not computed above")));
        };
        self.advance()?;
        Ok(id)
    }

    /// A label that is not taken yet.
    pub fn fresh_label(&mut self) -> Result<u32> {
        let Token::Value(label) = self.token else { return Err(self.unexpected("a value")) };
        if self.values.contains_key(&label) {
            return Err(self.error(format!("%{label} is computed twice")));
        }
        self.advance()?;
        Ok(label)
    }

    /// Adds an expression under its label.
    pub fn define(&mut self, label: u32, expr: Expr) -> ExprId {
        self.program.exprs.push(expr);
        let id = ExprId(self.program.exprs.len() as u32 - 1);
        self.values.insert(label, id);
        id
    }

    /// The author's name, if one stands here; `end` is the word that cannot be one.
    pub fn optional_name(&mut self, end: &str) -> Result<Option<String>> {
        let name = match self.token {
            Token::Word(word) if word != end => word.to_string(),
            Token::Quoted(inside) => unquote(inside),
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(name))
    }

    pub fn variable(&mut self) -> Result<VarId> {
        let Token::Variable(label) = self.token else {
            return Err(self.unexpected("a variable"));
        };
        let Some(&var) = self.vars.get(&label) else {
            return Err(self.error(format!("${label} is not declared above")));
        };
        self.advance()?;
        Ok(var)
    }

    pub fn dtype(&mut self) -> Result<DType> {
        match self.token {
            Token::Word(word) => match DType::parse(word) {
                Some(dtype) => {
                    self.advance()?;
                    Ok(dtype)
                }
                None => Err(self.error(format!("there is no element type `{word}`"))),
            },
            _ => Err(self.unexpected("an element type")),
        }
    }

    pub fn ty(&mut self) -> Result<Type> {
        let dtype = self.dtype()?;
        let shape = match self.accept("[")? {
            true => self.shape()?,
            false => Vec::new(),
        };
        Ok(Type { dtype, shape })
    }

    /// Extents up to `]`, after `[`.
    fn shape(&mut self) -> Result<Shape> {
        if self.accept("]")? {
            return Ok(Vec::new());
        }
        let shape = self.list(Self::extent)?;
        self.expect("]")?;
        Ok(shape)
    }

    pub fn extent(&mut self) -> Result<Extent> {
        let times = match self.token {
            Token::Number(_) => {
                let number = self.integer("size")?;
                if !self.accept("*")? {
                    return Ok(Extent::Const(number));
                }
                number
            }
            _ => 1,
        };
        Ok(Extent::Dim { dim: self.dim()?, times })
    }

    /// A named size; a new one where the signature declares them.
    fn dim(&mut self) -> Result<DimId> {
        let Token::Word(name) = self.token else { return Err(self.unexpected("a size")) };
        let dims = &mut self.program.dims;
        let known = dims.iter().position(|dim| dim.name == name);
        let index = match known {
            Some(index) => index,
            None if !self.dims_are_declared => {
                dims.push(Dim { name: name.into(), rule: DimRule::Free });
                dims.len() - 1
            }
            None => return Err(self.error(format!("there is no size named `{name}`"))),
        };
        self.advance()?;
        Ok(DimId(index as u32))
    }

    pub fn param(&mut self) -> Result<ParamId> {
        let Token::Word(name) = self.token else { return Err(self.unexpected("a parameter")) };
        let Some(param) = self.program.find_param(name) else {
            return Err(self.error(format!("there is no parameter named `{name}`")));
        };
        self.advance()?;
        Ok(param)
    }

    pub fn literal(&mut self) -> Result<Literal> {
        let negative = self.accept("-")?;
        let literal = match self.token {
            Token::Word("true") if !negative => Literal::Bool(true),
            Token::Word("false") if !negative => Literal::Bool(false),
            Token::Word("inf") if negative => Literal::Float(f64::NEG_INFINITY),
            Token::Word("inf") => Literal::Float(f64::INFINITY),
            Token::Word("nan") if !negative => Literal::Float(f64::NAN),
            Token::Number(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                let magnitude: i128 = digits.parse().unwrap_or(i128::MAX);
                let value = if negative { -magnitude } else { magnitude };
                let fits = i64::try_from(value);
                Literal::Int(fits.map_err(|_| self.error("this integer is too large"))?)
            }
            Token::Number(digits) => match digits.parse::<f64>() {
                Ok(x) => Literal::Float(if negative { -x } else { x }),
                Err(_) => return Err(self.error(format!("`{digits}` is no number"))),
            },
            _ => return Err(self.unexpected("a number, `inf`, `nan`, `true` or `false`")),
        };
        self.advance()?;
        Ok(literal)
    }

    fn header(&mut self) -> Result<()> {
        if self.accept("dims")? {
            self.list(Self::declared_dim)?;
            self.dims_are_declared = true;
        }
        self.expect("kernel")?;
        self.program.name = self.word("the name of the kernel")?.into();
        self.expect("(")?;
        if !self.accept(")")? {
            self.list(Self::declared_param)?;
            self.expect(")")?;
        }
        self.dims_are_declared = true;
        if self.accept("grid")? {
            self.program.grid = self.list(|parser| {
                let extent = parser.extent()?;
                let block = match parser.accept("/")? {
                    true => parser.integer("block")?,
                    false => 1,
                };
                Ok(GridAxis { extent, block })
            })?;
        }
        while self.accept("var")? {
            let at = self.here();
            let Token::Variable(label) = self.token else {
                return Err(self.unexpected("a variable"));
            };
            if self.vars.contains_key(&label) {
                return Err(self.error(format!("${label} is declared twice")));
            }
            self.advance()?;
            let name = self.optional_name("")?;
            self.expect(":")?;
            let ty = self.ty()?;
            self.vars.insert(label, VarId(self.program.vars.len() as u32));
            self.program.vars.push(Variable { ty, at, name });
        }
        Ok(())
    }

    fn declared_dim(&mut self) -> Result<()> {
        let name = self.word("the name of a size")?;
        let mut rule = DimRule::Free;
        if self.accept("=")? {
            self.expect("ceil")?;
            self.expect("(")?;
            let dim = self.earlier_dim()?;
            self.expect("/")?;
            if let Token::Word(_) = self.token {
                rule = DimRule::Quotient { dim, by: self.earlier_dim()? };
            } else {
                let by = self.integer("divisor")?;
                let most = self.accept(",")?.then(|| self.integer("greatest value")).transpose()?;
                rule = DimRule::CeilDiv { dim, by, most };
            }
            self.expect(")")?;
        }
        self.program.dims.push(Dim { name: name.into(), rule });
        Ok(())
    }

    /// The name of a size that is declared already.
    fn earlier_dim(&mut self) -> Result<DimId> {
        let Token::Word(of) = self.token else { return Err(self.unexpected("a size")) };
        let Some(of) = self.program.dims.iter().position(|dim| dim.name == of) else {
            return Err(self.error(format!("there is no size named `{of}` before this one")));
        };
        self.advance()?;
        Ok(DimId(of as u32))
    }

    fn declared_param(&mut self) -> Result<()> {
        let name = self.word("the name of a parameter")?.to_string();
        self.expect(":")?;
        let accesses = [Access::In, Access::Out, Access::InOut];
        let word = self.token;
        let access = accesses.into_iter().find(|a| word == Token::Word(access_word(*a)));
        let kind = match access {
            Some(access) => {
                self.advance()?;
                let dtype = self.dtype()?;
                self.expect("[")?;
                let leading = self.accept("*")?;
                let shape = self.shape()?;
                ParamKind::Tensor { dtype, shape, leading, access }
            }
            None if self.accept("scalar")? => {
                let dtype = self.dtype()?;
                let default = match self.accept("=")? {
                    true => Some(self.literal()?.value()),
                    false => None,
                };
                ParamKind::Scalar { dtype, default }
            }
            None => return Err(self.unexpected("`in`, `out`, `inout` or `scalar`")),
        };
        self.program.params.push(Param { name, kind });
        Ok(())
    }

    /// Counts one more block or function inside the others; text could nest them without end.
    pub fn deepen(&mut self) -> Result<()> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(self.error(format!("blocks are nested more than {MAX_DEPTH} deep"))),
            false => Ok(()),
        }
    }

    pub fn surface(&mut self) {
        self.depth -= 1;
    }

    /// Statements up to what is none.
    fn body(&mut self) -> Result<Vec<Stmt>> {
        let mut body = Vec::new();
        while let Some(stmt) = self.stmt()? {
            body.push(stmt);
        }
        Ok(body)
    }

    fn block(&mut self) -> Result<Vec<Stmt>> {
        self.expect("{")?;
        self.deepen()?;
        let body = self.body()?;
        self.surface();
        match self.accept("}")? {
            true => Ok(body),
            false => Err(self.unexpected("a statement or `}`")),
        }
    }

    fn stmt(&mut self) -> Result<Option<Stmt>> {
        let at = self.here();
        let word = match self.token {
            Token::Value(_) => return Ok(Some(Stmt::Let(self.labelled_expression()?))),
            Token::Word(word) => word,
            _ => return Ok(None),
        };
        let stmt = match word {
            "set" => {
                self.advance()?;
                let var = self.variable()?;
                self.expect("=")?;
                Stmt::Set(var, self.value()?)
            }
            "for" => {
                self.advance()?;
                let at = self.here();
                let label = self.fresh_label()?;
                let name = self.optional_name("in")?;
                self.expect("in")?;
                let start = self.value()?;
                self.expect("..")?;
                let end = self.value()?;
                let step = if self.accept("step")? { self.integer("step")? } else { 1 };
                let ty = Type { dtype: DType::I32, shape: Vec::new() };
                let index = self.define(label, Expr { kind: ExprKind::LoopIndex, ty, at, name });
                Stmt::For { index, start, end, step, body: self.block()? }
            }
            "when" => {
                self.advance()?;
                Stmt::When { condition: self.value()?, body: self.block()? }
            }
            _ => {
                use StoreMode::*;
                let modes = [Set, AtomicAdd, AtomicMax, AtomicMin];
                let Some(mode) = modes.into_iter().find(|mode| store_word(*mode) == word) else {
                    return Err(self.unexpected("a statement"));
                };
                self.advance()?;
                let place = self.place()?;
                self.expect("=")?;
                let value = self.value()?;
                let mask = if self.accept("if")? { Some(self.value()?) } else { None };
                Stmt::Store { place, value, mask, mode, at }
            }
        };
        Ok(Some(stmt))
    }

    pub fn place(&mut self) -> Result<Place> {
        let param = self.param()?;
        self.expect("[")?;
        let mut axes = Vec::new();
        if !self.accept("]")? {
            axes = self.list(Self::axis)?;
            self.expect("]")?;
        }
        Ok(Place { param, axes })
    }

    fn axis(&mut self) -> Result<Axis> {
        if self.accept(":")? {
            return Ok(Axis::All);
        }
        if self.accept("gather")? {
            return Ok(Axis::Gather(self.value()?));
        }
        let start = self.value()?;
        if !self.accept("..")? {
            return Ok(Axis::At(start));
        }
        self.expect("+")?;
        let len = self.extent()?;
        let step = if self.accept("step")? { self.integer("step")? } else { 1 };
        Ok(Axis::Range { start, len, step })
    }
}
