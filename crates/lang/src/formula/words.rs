//! Operands that begin with a word: variables, constants, calls, conversions.

use super::error::{Fault, Span, nearest};
use super::functions::{FUNCTIONS, Function, function, missing};
use super::names;
use super::parse::{Name, Parsed, Parser};
use super::syntax::{Node, NodeId, ScalarType};
use super::token::Token;

/// More than any device passes as arguments; names are looked up in a list.
const MOST_VARIABLES: usize = 64;

impl<'a> Parser<'a> {
    pub(super) fn word_operand(&mut self) -> Parsed {
        let start = self.span();
        let qualified = self.namespaces()?;
        let (word, span) = (self.word(), self.span());
        match word {
            "static_cast" | "reinterpret_cast" | "as_type" => return self.template_call(start),
            _ => {}
        }
        if names::scalar_type(word).is_some() {
            return self.constructor(start);
        }
        self.advance();
        let called = self.is("(");
        let known = self.names.get(word).copied();
        if !called && !qualified {
            if let Some(constant) = names::constant(word) {
                return Ok(self.constant(constant, span));
            }
            return self.variable(word, span);
        }
        if let Some(function) = function(word) {
            return match called {
                true => self.call(function, start),
                false => Err(bare_function(function, span)),
            };
        }
        if let (false, Some(constant)) = (called, names::constant(word)) {
            return Ok(self.constant(constant, start.to(span)));
        }
        if known.is_some() && !qualified {
            let fault = Fault::new(span, format!("`{word}` is a value, not a function"));
            return Err(fault.hint("is `*` missing?"));
        }
        Err(unknown_function(word, span))
    }

    /// Passes over `metal::`, `metal::precise::`, `mx.`; true if there was one.
    fn namespaces(&mut self) -> Parsed<bool> {
        let mut any = false;
        while matches!(self.token_after(1), Token::Symbol("::" | ".")) {
            let (word, span) = (self.word(), self.span());
            let is_member = self.token_after(1) == Token::Symbol(".");
            if !names::is_namespace(word) {
                let what = if is_member { "module" } else { "namespace" };
                let fault = Fault::new(span, format!("unknown {what} `{word}`"));
                // One letter is a value whose member was meant.
                let near = nearest(word, names::namespaces()).filter(|_| word.len() > 1);
                return Err(match near {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None if is_member => {
                        fault.hint("values have no members; write `f(x)` instead of `x.f()`")
                    }
                    None => fault.hint("it can be left out"),
                });
            }
            self.advance();
            self.advance();
            any = true;
            if self.token() != Token::Word {
                let here = self.here();
                return self.fault(format!("expected a name after `{word}`, found {here}"));
            }
        }
        Ok(any)
    }

    fn variable(&mut self, word: &'a str, span: Span) -> Parsed {
        match self.names.get(word).copied() {
            Some(Name::Local(id)) => return Ok(self.push(Node::Local(id), span)),
            Some(Name::Variable(index)) => return Ok(self.push(Node::Variable(index), span)),
            None => {}
        }
        if let Some(function) = function(word) {
            return Err(bare_function(function, span));
        }
        if let Some(why) = names::refused(word) {
            return Err(Fault::new(span, format!("`{word}` has no place here")).hint(why));
        }
        if matches!(word, "and" | "or" | "return" | "const" | "auto") {
            return Err(Fault::new(span, format!("expected a value, found `{word}`")));
        }
        let index = self.variables.len();
        if index >= MOST_VARIABLES {
            let message = format!("a formula has at most {MOST_VARIABLES} free names");
            return Err(Fault::new(span, message));
        }
        self.variables.push((word.into(), span));
        self.names.insert(word, Name::Variable(index));
        Ok(self.push(Node::Variable(index), span))
    }

    /// The arguments in parentheses, and the span of the closing one.
    fn arguments(&mut self) -> Parsed<Vec<NodeId>> {
        let open = self.span();
        self.advance();
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.lowest()?);
            if !self.take(",") {
                break;
            }
        }
        self.close(open)?;
        Ok(arguments)
    }

    fn call(&mut self, function: &'static Function, start: Span) -> Parsed {
        let arguments = self.arguments()?;
        let span = start.to(self.last_span());
        if !function.arguments.contains(&arguments.len()) {
            let (least, most) = (function.arguments.start(), function.arguments.end());
            let count = match (least, most) {
                (1, 1) => "1 argument".into(),
                (a, b) if a == b => format!("{a} arguments"),
                (a, b) if *b <= 3 => format!("{a} or {b} arguments"),
                (a, b) => format!("{a} to {b} arguments"),
            };
            let (name, got) = (function.name(), arguments.len());
            return Err(Fault::new(span, format!("`{name}` takes {count}, not {got}"))
                .hint(format!("as `{}`", function.form)));
        }
        Ok(self.push(Node::Call(function, arguments), span))
    }

    /// `float(x)`, as a cast.
    fn constructor(&mut self, start: Span) -> Parsed {
        let word = self.word();
        let ty = self.type_name()?;
        if !self.is("(") {
            let fault =
                Fault::new(start.to(self.last_span()), format!("`{word}` is a type, not a value"));
            return Err(fault.hint(format!("a cast is written `({word})x`")));
        }
        self.conversion(start, |of| Node::Convert(ty, of))
    }

    /// `static_cast<T>(x)` and `as_type<uint>(x)`.
    fn template_call(&mut self, start: Span) -> Parsed {
        let word = self.word();
        self.advance();
        let usage = || format!("as `{word}<float>(x)`");
        if !self.take("<") {
            let here = self.here();
            let fault = Fault::new(self.span(), format!("expected `<`, found {here}"));
            return Err(fault.hint(usage()));
        }
        let ty = self.type_name()?;
        if !self.take(">") || !self.is("(") {
            let here = self.here();
            let fault = Fault::new(self.span(), format!("expected `>(`, found {here}"));
            return Err(fault.hint(usage()));
        }
        match word {
            "as_type" => self.conversion(start, |of| Node::Reinterpret(ty, of)),
            "static_cast" => self.conversion(start, |of| Node::Convert(ty, of)),
            _ => Err(Fault::new(start, "a formula works on values, not on memory")
                .hint("the same bits as another type are `as_type<..>(x)`")),
        }
    }

    fn conversion(&mut self, start: Span, node: impl FnOnce(NodeId) -> Node) -> Parsed {
        let arguments = self.arguments()?;
        let span = start.to(self.last_span());
        match arguments.as_slice() {
            [of] => Ok(self.push(node(*of), span)),
            other => {
                Err(Fault::new(span, format!("a conversion takes 1 value, not {}", other.len())))
            }
        }
    }
}

fn bare_function(function: &Function, span: Span) -> Fault {
    let name = function.name();
    Fault::new(span, format!("`{name}` is a function, not a value"))
        .hint(format!("write `{}`", function.form))
}

fn unknown_function(word: &str, span: Span) -> Fault {
    let fault = Fault::new(span, format!("unknown name `{word}`"));
    if let Some(why) = missing(word).or_else(|| names::refused(word)) {
        return fault.hint(why);
    }
    let known = FUNCTIONS.iter().flat_map(|f| f.names).copied().chain(names::types());
    match nearest(word, known) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint("there is no function of that name"),
    }
}

/// The scalar types that hold bits to reinterpret.
pub(super) fn bits_of(ty: ScalarType) -> Option<tilewright_ir::DType> {
    use tilewright_ir::DType;
    match ty {
        ScalarType::Float => Some(DType::F32),
        ScalarType::Rounded(dtype) => Some(dtype),
        ScalarType::Exact(dtype @ (DType::I32 | DType::U32)) => Some(dtype),
        _ => None,
    }
}
