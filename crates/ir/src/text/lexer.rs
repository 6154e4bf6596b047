//! Words, numbers, labels and signs of the text form.

use super::ParseError;

/// One token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name or keyword.
    Word(&'a str),
    /// A number as written, without sign.
    Number(&'a str),
    /// A quoted name, without the quotes, escapes still in place.
    Quoted(&'a str),
    /// `%12`.
    Value(u32),
    /// `$3`.
    Variable(u32),
    /// `(`, `..` and the like.
    Sign(&'static str),
    /// After the last token.
    End,
}

const SIGNS: [&str; 15] =
    ["..", "(", ")", "[", "]", "{", "}", ",", ":", ";", "=", "*", "/", "-", "+"];

/// Reads one token after another.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Where the next token starts, in bytes.
    at: usize,
    /// Where the last token started.
    pub start: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Lexer { text, at: 0, start: 0 }
    }

    /// The next token, or where the text holds none.
    pub fn next(&mut self) -> Result<Token<'a>, ParseError> {
        self.skip_blank();
        self.start = self.at;
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Token::Word(self.take(|c| c.is_ascii_alphanumeric() || c == '_')));
        }
        if first.is_ascii_digit() {
            return Ok(Token::Number(self.number()));
        }
        if first == '%' || first == '$' {
            self.at += 1;
            let digits = self.take(|c| c.is_ascii_digit());
            return match (digits.parse(), first) {
                (Ok(number), '%') => Ok(Token::Value(number)),
                (Ok(number), _) => Ok(Token::Variable(number)),
                (Err(_), _) => Err(self.error(format!("expected a number after `{first}`"))),
            };
        }
        if first == '"' {
            return self.quoted();
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => Err(self.error(format!("`{first}` has no meaning here"))),
        }
    }

    /// An error at the start of the last token.
    pub fn error(&self, text: impl Into<String>) -> ParseError {
        let before = &self.text[..self.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let source = self.text[line_start..].lines().next().unwrap_or("");
        ParseError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            text: text.into(),
            source: source.into(),
        }
    }

    fn skip_blank(&mut self) {
        loop {
            self.take(char::is_whitespace);
            if !self.text[self.at..].starts_with('#') {
                return;
            }
            self.take(|c| c != '\n');
        }
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Digits, a fraction, an exponent. A `..` after the digits is not a fraction.
    fn number(&mut self) -> &'a str {
        let start = self.at;
        let digit = |c: char| c.is_ascii_digit();
        self.take(digit);
        let rest = &self.text[self.at..];
        if rest.starts_with('.') && !rest.starts_with("..") {
            self.at += 1;
            self.take(digit);
        }
        let exponent = self.text[self.at..].strip_prefix(['e', 'E']);
        if let Some(exponent) = exponent {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if digits.starts_with(digit) {
                self.at = self.text.len() - digits.len();
                self.take(digit);
            }
        }
        &self.text[start..self.at]
    }

    fn quoted(&mut self) -> Result<Token<'a>, ParseError> {
        let inside = &self.text[self.at + 1..];
        let mut escaped = false;
        for (i, c) in inside.char_indices() {
            match c {
                '"' if !escaped => {
                    self.at += i + 2;
                    return Ok(Token::Quoted(&inside[..i]));
                }
                '\\' if !escaped => escaped = true,
                _ => escaped = false,
            }
        }
        Err(self.error("this quoted name has no end"))
    }
}

impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(text) | Token::Number(text) => write!(f, "`{text}`"),
            Token::Quoted(text) => write!(f, "`\"{text}\"`"),
            Token::Value(number) => write!(f, "`%{number}`"),
            Token::Variable(number) => write!(f, "`${number}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
            Token::End => f.write_str("the end"),
        }
    }
}

/// A name in quotes.
pub(super) fn quote(name: &str) -> String {
    let mut quoted = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// The name that [`quote`] has put in quotes.
pub(super) fn unquote(inside: &str) -> String {
    let mut name = String::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => name.push('\n'),
                Some('r') => name.push('\r'),
                Some(other) => name.push(other),
                None => {}
            },
            c => name.push(c),
        }
    }
    name
}
