//! From tokens to the tree: precedence climbing, with C's precedences.
//!
//! Recursion is bounded by [`DEEPEST`], whatever the text. Where C and Python read one spelling in two ways
//! (`a < b < c`, `a & b == c`), the formula is refused and the hint says how to write either.

use super::error::{Fault, Span, nearest};
use super::names::{self, Constant};
use super::syntax::{Infix, Node, NodeId, Prefix, ScalarType, Tree};
use super::token::{Token, tokens};
use std::collections::{HashMap, HashSet};

/// Operators and parentheses inside each other.
const DEEPEST: usize = 200;

/// Binding powers: an operator takes operands that bind tighter.
mod power {
    pub const LOWEST: u8 = 0;
    /// `a if c else b`
    pub const IF_ELSE: u8 = 1;
    pub const CONDITIONAL: u8 = 2;
    pub const NOT: u8 = 6;
    pub const UNARY: u8 = 15;
    pub const POWER: u8 = 16;
    /// Of a cast: `(T)x ** 2` is `((T)x) ** 2`.
    pub const CAST: u8 = 17;
}

/// Infix operators that group to the left, with their binding powers.
static OPERATORS: &[(&str, Infix, u8)] = &[
    ("||", Infix::Or, 4),
    ("or", Infix::Or, 4),
    ("&&", Infix::And, 5),
    ("and", Infix::And, 5),
    ("|", Infix::BitOr, 7),
    ("^", Infix::BitXor, 8),
    ("&", Infix::BitAnd, 9),
    ("==", Infix::Equal, 10),
    ("!=", Infix::Unequal, 10),
    ("<", Infix::Less, 11),
    ("<=", Infix::LessOrEqual, 11),
    (">", Infix::Greater, 11),
    (">=", Infix::GreaterOrEqual, 11),
    ("<<", Infix::ShiftLeft, 12),
    (">>", Infix::ShiftRight, 12),
    ("+", Infix::Add, 13),
    ("-", Infix::Subtract, 13),
    ("*", Infix::Multiply, 14),
    ("/", Infix::Divide, 14),
    ("%", Infix::Remainder, 14),
];

pub(super) type Parsed<T = NodeId> = Result<T, Fault>;

pub(super) struct Parser<'a> {
    pub text: &'a str,
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    pub nodes: Vec<(Node, Span)>,
    /// Nodes that stand in parentheses of their own.
    grouped: HashSet<usize>,
    pub variables: Vec<(String, Span)>,
    pub names: HashMap<&'a str, Name>,
}

/// What a name of the formula's own stands for.
#[derive(Clone, Copy)]
pub(super) enum Name {
    /// A free name: index into the variables.
    Variable(usize),
    /// A name that a statement gave a value.
    Local(NodeId),
}

/// Parses the declarations of `prelude`, then `text`, which may begin with declarations of its own.
pub(super) fn parse<'a>(prelude: &'a str, text: &'a str) -> Parsed<Tree> {
    let mut parser = Parser {
        text: prelude,
        tokens: tokens(prelude, 0)?,
        at: 0,
        depth: 0,
        nodes: Vec::new(),
        grouped: HashSet::new(),
        variables: Vec::new(),
        names: HashMap::new(),
    };
    parser.prelude()?;
    parser.text = text;
    parser.tokens = tokens(text, 1)?;
    parser.at = 0;
    let root = parser.formula()?;
    Ok(Tree { nodes: parser.nodes, variables: parser.variables, root })
}

impl<'a> Parser<'a> {
    pub fn token(&self) -> Token {
        self.tokens[self.at].0
    }

    pub fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    pub fn token_after(&self, count: usize) -> Token {
        self.tokens.get(self.at + count).map_or(Token::End, |t| t.0)
    }

    /// The text of a token, empty at the end.
    pub fn word_after(&self, count: usize) -> &'a str {
        let last = self.tokens.len() - 1;
        let span = self.tokens[(self.at + count).min(last)].1;
        &self.text[span.start..span.end]
    }

    pub fn word(&self) -> &'a str {
        self.word_after(0)
    }

    /// The span of the token before this one.
    pub fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].1
    }

    pub fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    pub fn is(&self, symbol: &str) -> bool {
        matches!(self.token(), Token::Symbol(found) if found == symbol)
    }

    pub fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.advance();
        }
        found
    }

    /// The token here as a message names it.
    pub fn here(&self) -> String {
        match self.token() {
            Token::End => "the end".into(),
            _ => format!("`{}`", self.word()),
        }
    }

    pub fn fault<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Fault::new(self.span(), message))
    }

    pub fn push(&mut self, node: Node, span: Span) -> NodeId {
        self.nodes.push((node, span));
        NodeId(self.nodes.len() - 1)
    }

    pub fn span_of(&self, id: NodeId) -> Span {
        self.nodes[id.0].1
    }

    /// An expression of operators that bind at least as tightly as `least`.
    pub fn expression(&mut self, least: u8) -> Parsed {
        if self.depth >= DEEPEST {
            let message = format!("the formula is nested more than {DEEPEST} deep");
            return Err(Fault::new(self.span(), message).hint("name parts of it: `s = ..;`"));
        }
        self.depth += 1;
        let mut left = self.prefix()?;
        while let Some(joined) = self.infix(left, least)? {
            left = joined;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `left` joined with what follows it, if an operator that binds tightly enough does.
    fn infix(&mut self, left: NodeId, least: u8) -> Parsed<Option<NodeId>> {
        if !matches!(self.token(), Token::Symbol(_) | Token::Word) {
            return Ok(None);
        }
        let word = self.word();
        let span = |parser: &Self, right: NodeId| parser.span_of(left).to(parser.span_of(right));
        if word == "**" && least <= power::POWER {
            self.advance();
            let right = self.expression(power::POWER)?;
            let span = span(self, right);
            return Ok(Some(self.push(Node::Infix(Infix::Power, left, right), span)));
        }
        if word == "?" && least <= power::CONDITIONAL {
            self.advance();
            let yes = self.expression(power::LOWEST)?;
            if !self.take(":") {
                let here = self.here();
                let fault = Fault::new(self.span(), format!("expected `:`, found {here}"));
                return Err(fault.hint("a choice is written `condition ? a : b`"));
            }
            let no = self.expression(power::CONDITIONAL)?;
            let span = span(self, no);
            return Ok(Some(self.push(Node::Conditional(left, yes, no), span)));
        }
        if word == "if" && least <= power::IF_ELSE {
            self.advance();
            let condition = self.expression(power::CONDITIONAL)?;
            if self.word() != "else" {
                let here = self.here();
                return self.fault(format!("expected `else`, found {here}"));
            }
            self.advance();
            let no = self.expression(power::IF_ELSE)?;
            let span = span(self, no);
            return Ok(Some(self.push(Node::Conditional(condition, left, no), span)));
        }
        let Some(&(_, infix, power)) = OPERATORS.iter().find(|(symbol, _, _)| *symbol == word)
        else {
            return Ok(None);
        };
        if power < least {
            return Ok(None);
        }
        let operator = self.span();
        self.advance();
        let right = self.expression(power + 1)?;
        self.refuse_two_readings(infix, operator, left, right)?;
        let span = span(self, right);
        Ok(Some(self.push(Node::Infix(infix, left, right), span)))
    }

    /// Refuses what C and Python read differently.
    fn refuse_two_readings(
        &self,
        infix: Infix,
        operator: Span,
        left: NodeId,
        right: NodeId,
    ) -> Parsed<()> {
        let bare_comparison = |id: NodeId| {
            let comparison = matches!(&self.nodes[id.0].0, Node::Infix(i, ..) if i.is_comparison());
            comparison && !self.grouped.contains(&id.0)
        };
        let (left, right) = (bare_comparison(left), bare_comparison(right));
        if infix.is_comparison() && (left || right) {
            return Err(Fault::new(
                operator,
                "a chain of comparisons means one thing in C, another in Python",
            )
            .hint("write `a < b && b < c`, or add parentheses"));
        }
        if infix.is_bitwise() && (left || right) {
            return Err(Fault::new(
                operator,
                "C and Python group this with the comparison differently",
            )
            .hint("add parentheses"));
        }
        Ok(())
    }

    fn prefix(&mut self) -> Parsed {
        let span = self.span();
        match self.token() {
            Token::Int(value, dtype) => {
                self.advance();
                Ok(self.push(Node::Int(value, dtype), span))
            }
            Token::Float(value) => {
                self.advance();
                Ok(self.push(Node::Float(value), span))
            }
            Token::Word if self.word() == "not" => self.prefix_operator(Prefix::Not, power::NOT),
            Token::Word => self.word_operand(),
            Token::Symbol("-") => self.prefix_operator(Prefix::Minus, power::UNARY),
            Token::Symbol("+") => self.prefix_operator(Prefix::Plus, power::UNARY),
            Token::Symbol("!") => self.prefix_operator(Prefix::Not, power::UNARY),
            Token::Symbol("~") => self.prefix_operator(Prefix::Complement, power::UNARY),
            Token::Symbol("(") => self.parenthesis(),
            Token::Symbol("++" | "--") => {
                let fault = Fault::new(span, "a formula has no increments");
                Err(fault.hint("for two signs in a row put a space between them"))
            }
            Token::Symbol("[" | "{") => self.fault("a formula works on one element at a time"),
            Token::End if self.at == 0 => {
                let fault = Fault::new(span, "the formula is empty");
                Err(fault.hint("write one, as `x * sigmoid(x)`"))
            }
            _ => {
                let here = self.here();
                self.fault(format!("expected a value, found {here}"))
            }
        }
    }

    fn prefix_operator(&mut self, prefix: Prefix, power: u8) -> Parsed {
        let span = self.span();
        self.advance();
        let of = self.expression(power)?;
        let span = span.to(self.span_of(of));
        Ok(self.push(Node::Prefix(prefix, of), span))
    }

    /// `(expression)` or the cast `(type)expression`.
    fn parenthesis(&mut self) -> Parsed {
        let open = self.span();
        if self.token_after(1) == Token::Symbol("(") || self.token_after(1) != Token::Word {
            return self.group(open);
        }
        if names::scalar_type(self.word_after(1)).is_some() {
            let before = self.at;
            self.advance();
            let ty = self.type_name()?;
            if self.take(")") {
                let of = self.expression(power::CAST)?;
                let span = open.to(self.span_of(of));
                return Ok(self.push(Node::Convert(ty, of), span));
            }
            self.at = before;
        }
        self.group(open)
    }

    fn group(&mut self, open: Span) -> Parsed {
        self.advance();
        let inside = self.expression(power::LOWEST)?;
        self.close(open)?;
        self.nodes[inside.0].1 = open.to(self.last_span());
        self.grouped.insert(inside.0);
        Ok(inside)
    }

    /// The `)` of the `(` at `open`.
    pub fn close(&mut self, open: Span) -> Parsed<()> {
        if self.take(")") {
            return Ok(());
        }
        if self.token() == Token::End {
            return Err(Fault::new(open, "this `(` is never closed").hint("`)` is missing"));
        }
        self.unexpected()
    }

    /// What stands where an operator, a comma or the end would be.
    pub fn unexpected<T>(&self) -> Parsed<T> {
        let here = self.here();
        let fault = Fault::new(self.span(), format!("expected an operator, found {here}"));
        Err(match self.token() {
            Token::Word if names::refused(self.word()).is_some() => {
                fault.hint(names::refused(self.word()).unwrap_or_default())
            }
            Token::Int(..) | Token::Float(_) | Token::Word | Token::Symbol("(") => {
                fault.hint("is `*` missing?")
            }
            Token::Symbol(")") => Fault { message: "no `(` for this `)`".into(), ..fault },
            Token::Symbol("=") => fault.hint("equality is `==`"),
            Token::Symbol("++" | "--") => fault.hint("put a space between the two signs"),
            Token::Symbol("[" | ".") => fault.hint("a formula works on one element at a time"),
            Token::Symbol(",") => fault.hint("a comma stands between arguments only"),
            _ => fault,
        })
    }

    /// A type of one or two words, as `float` or `unsigned int`; the caller has seen that the first is one.
    pub fn type_name(&mut self) -> Parsed<ScalarType> {
        let word = self.word();
        let Some(ty) = names::scalar_type(word) else {
            let fault = Fault::new(self.span(), format!("expected a type, found {}", self.here()));
            return Err(match nearest(word, names::types()) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        };
        self.advance();
        if !matches!(word, "unsigned" | "signed") || self.token() != Token::Word {
            return Ok(ty);
        }
        let full = match (word, self.word()) {
            (_, "int") => Some(ty),
            ("unsigned", "char") => names::scalar_type("uchar"),
            ("signed", "char") => names::scalar_type("char"),
            _ => None,
        };
        if full.is_some() {
            self.advance();
        }
        Ok(full.unwrap_or(ty))
    }

    pub fn constant(&mut self, constant: Constant, span: Span) -> NodeId {
        let node = match constant {
            Constant::Float(value) => Node::Float(value),
            Constant::Int(value, dtype) => Node::Int(value, dtype),
            Constant::Bool(value) => Node::Bool(value),
        };
        self.push(node, span)
    }

    pub fn lowest(&mut self) -> Parsed {
        self.expression(power::LOWEST)
    }
}
