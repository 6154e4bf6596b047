//! Declarations before a formula: `T s = sigmoid(x); s * (1 - s)`.
//!
//! They run in order, once; a name may be given a new value later (`s = s * 2;`, `s += 1;`).

use super::error::Fault;
use super::functions::function;
use super::names;
use super::parse::{Name, Parsed, Parser};
use super::syntax::{Infix, Node, ScalarType};
use super::token::Token;

/// Assignments that join the new value with the old.
static COMPOUND: &[(&str, Infix)] = &[
    ("+=", Infix::Add),
    ("-=", Infix::Subtract),
    ("*=", Infix::Multiply),
    ("/=", Infix::Divide),
    ("%=", Infix::Remainder),
    ("**=", Infix::Power),
    ("<<=", Infix::ShiftLeft),
    (">>=", Infix::ShiftRight),
    ("&=", Infix::BitAnd),
    ("|=", Infix::BitOr),
    ("^=", Infix::BitXor),
];

impl<'a> Parser<'a> {
    /// Declarations and nothing else.
    pub(super) fn prelude(&mut self) -> Parsed<()> {
        while self.token() != Token::End {
            if self.take(";") {
                continue;
            }
            if !self.statement()? {
                let here = self.here();
                let fault =
                    Fault::new(self.span(), format!("expected a declaration, found {here}"));
                return Err(fault.hint("as `float s = sigmoid(x);`"));
            }
        }
        Ok(())
    }

    /// Declarations, then the value, with or without `return` and a last `;`.
    pub(super) fn formula(&mut self) -> Parsed {
        let mut declared = false;
        while self.token() != Token::End {
            if self.take(";") || self.statement()? {
                declared = true;
                continue;
            }
            break;
        }
        if self.token() == Token::Word && self.word() == "return" {
            self.advance();
            declared = true;
        }
        if declared && self.token() == Token::End {
            let fault = Fault::new(self.span(), "the formula ends without a value");
            return Err(fault.hint("the value comes last, as `s = sigmoid(x); x * s`"));
        }
        let root = self.lowest()?;
        while self.take(";") {}
        match self.token() {
            Token::End => Ok(root),
            _ => self.unexpected(),
        }
    }

    /// One declaration or assignment, if one stands here.
    fn statement(&mut self) -> Parsed<bool> {
        if self.token() != Token::Word {
            return Ok(false);
        }
        let start = self.span();
        let mut typed = false;
        while matches!(self.word(), "const" | "constexpr") {
            self.advance();
            typed = true;
        }
        let mut ty = None;
        if self.word() == "auto" {
            self.advance();
            typed = true;
        } else if names::scalar_type(self.word()).is_some()
            && self.token_after(1) == Token::Word
            && !matches!(self.word_after(1), "if" | "and" | "or")
        {
            ty = Some(self.type_name()?);
            typed = true;
        }
        if typed {
            loop {
                self.declarator(ty)?;
                if !self.take(",") {
                    break;
                }
            }
            self.end_of_statement()?;
            return Ok(true);
        }
        let compound = match self.token_after(1) {
            Token::Symbol("=") => None,
            Token::Symbol(symbol) => match COMPOUND.iter().find(|(s, _)| *s == symbol) {
                Some((_, infix)) => Some(*infix),
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        let name = self.word();
        let known = self.names.get(name).copied();
        let old = match (known, compound) {
            (Some(Name::Variable(_)), _) | (None, Some(_)) => {
                let fault = Fault::new(start, format!("`{name}` is an input; it keeps its value"));
                return Err(fault.hint("give the result another name"));
            }
            (None, None) => {
                self.check_new_name(name)?;
                None
            }
            (Some(Name::Local(id)), _) => Some(id),
        };
        self.advance();
        self.advance();
        let mut value = self.lowest()?;
        if let (Some(infix), Some(old)) = (compound, old) {
            let span = start.to(self.span_of(value));
            let old = self.push(Node::Local(old), start);
            value = self.push(Node::Infix(infix, old, value), span);
        }
        self.names.insert(name, Name::Local(value));
        self.end_of_statement()?;
        Ok(true)
    }

    /// `s = value` of a declaration of that type.
    fn declarator(&mut self, ty: Option<ScalarType>) -> Parsed<()> {
        let (name, span) = (self.word(), self.span());
        if self.token() != Token::Word {
            let here = self.here();
            return self.fault(format!("expected a name, found {here}"));
        }
        match self.names.get(name) {
            Some(Name::Local(_)) => {
                let fault = Fault::new(span, format!("`{name}` is declared twice"));
                return Err(fault.hint(format!("a new value is given by `{name} = ..;`")));
            }
            Some(Name::Variable(_)) => {
                return self.fault(format!("`{name}` is used before it is declared"));
            }
            None => self.check_new_name(name)?,
        }
        self.advance();
        if !self.take("=") {
            let here = self.here();
            let fault = Fault::new(self.span(), format!("expected `=`, found {here}"));
            return Err(fault.hint(format!("a name gets its value at once: `{name} = ..;`")));
        }
        let mut value = self.lowest()?;
        if let Some(ty) = ty {
            let span = self.span_of(value);
            value = self.push(Node::Convert(ty, value), span);
        }
        self.names.insert(name, Name::Local(value));
        Ok(())
    }

    fn check_new_name(&self, name: &str) -> Parsed<()> {
        let what = if function(name).is_some() {
            "a function"
        } else if names::constant(name).is_some() {
            "a constant"
        } else if names::scalar_type(name).is_some() {
            "a type"
        } else if names::refused(name).is_some() || matches!(name, "return" | "and" | "or" | "not")
        {
            "a word of the language"
        } else {
            return Ok(());
        };
        let fault = Fault::new(self.span(), format!("`{name}` is {what}"));
        Err(fault.hint("give the value another name"))
    }

    fn end_of_statement(&mut self) -> Parsed<()> {
        if self.take(";") || self.token() == Token::End {
            return Ok(());
        }
        let here = self.here();
        let fault = Fault::new(self.span(), format!("expected `;`, found {here}"));
        match self.token() {
            Token::Word | Token::Int(..) | Token::Float(_) => Err(fault.hint("is `;` missing?")),
            _ => self.unexpected(),
        }
    }
}
