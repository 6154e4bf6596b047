//! From text to tokens.

use super::error::{Fault, Span};
use tilewright_ir::DType;

/// A longer text is refused before it costs anything.
pub(super) const LONGEST_TEXT: usize = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token {
    /// A whole number and its type, i32 or u32.
    Int(i64, DType),
    Float(f64),
    /// A name, type or keyword: the text of the token's span.
    Word,
    Symbol(&'static str),
    /// Past the last token.
    End,
}

/// Every symbol, longer ones before their beginnings. Some are known only to be refused with a hint.
static SYMBOLS: &[&str] = &[
    "<<=", ">>=", "**=", "**", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "::", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", "++", "--", "->", "+", "-", "*", "/", "%", "<", ">", "=",
    "!", "~", "&", "|", "^", "?", ":", ";", ",", "(", ")", ".", "[", "]", "{", "}", "@",
];

/// The tokens of `text`, with [`Token::End`] as the last.
pub(super) fn tokens(text: &str, source: usize) -> Result<Vec<(Token, Span)>, Fault> {
    let span = |start, end| Span { source, start, end };
    if text.len() > LONGEST_TEXT {
        let length = text.len();
        return Err(Fault::new(
            span(0, 0),
            format!("a formula has at most {LONGEST_TEXT} bytes, this one has {length}"),
        ));
    }
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let byte = bytes[at];
        if byte.is_ascii_whitespace() {
            at += 1;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let Some(length) = comment.find("*/") else {
                return Err(Fault::new(span(at, at + 2), "this comment is never closed")
                    .hint("it ends with `*/`"));
            };
            at += length + 4;
        } else if rest.starts_with("//") {
            return Err(Fault::new(
                span(at, at + 2),
                "`//` is a comment in C and a division in Python",
            )
            .hint("write `floor(a / b)`, or a comment as `/* .. */`"));
        } else if byte.is_ascii_alphabetic() || byte == b'_' {
            let length = word_length(rest);
            found.push((Token::Word, span(at, at + length)));
            at += length;
        } else if byte.is_ascii_digit()
            || (byte == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit))
        {
            let (token, length) = number(rest, at, source)?;
            found.push((token, span(at, at + length)));
            at += length;
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            found.push((Token::Symbol(symbol), span(at, at + symbol.len())));
            at += symbol.len();
        } else {
            return Err(strange(rest, span(at, at)));
        }
    }
    found.push((Token::End, span(text.len(), text.len())));
    Ok(found)
}

fn word_length(text: &str) -> usize {
    let end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    text.find(end).unwrap_or(text.len())
}

/// A character that no formula has. Typeset mathematics is worth a word.
fn strange(rest: &str, at: Span) -> Fault {
    let character = rest.chars().next().unwrap_or(' ');
    let span = Span { end: at.start + character.len_utf8(), ..at };
    let fault = Fault::new(span, format!("unexpected character `{}`", character.escape_debug()));
    match character {
        '−' | '–' => fault.hint("write `-`"),
        '×' | '·' | '∙' | '⋅' => fault.hint("write `*`"),
        '÷' => fault.hint("write `/`"),
        '²' => fault.hint("write `** 2`"),
        '√' => fault.hint("write `sqrt(..)`"),
        '∞' => fault.hint("write `INFINITY`"),
        'π' => fault.hint("write `M_PI_F`"),
        '≤' => fault.hint("write `<=`"),
        '≥' => fault.hint("write `>=`"),
        '≠' => fault.hint("write `!=`"),
        _ => fault,
    }
}

/// The number at the start of `text`, which has a digit there or after its point.
fn number(text: &str, at: usize, source: usize) -> Result<(Token, usize), Fault> {
    let bytes = text.as_bytes();
    let digits = |from: usize, is: fn(&u8) -> bool| {
        from + bytes[from..].iter().take_while(|b| is(b)).count()
    };
    let fault = |length: usize, message: String| {
        Fault::new(Span { source, start: at, end: at + length }, message)
    };
    let radix = match bytes.get(..2) {
        Some(b"0x" | b"0X") => 16,
        Some(b"0b" | b"0B") => 2,
        _ => 10,
    };
    if radix != 10 {
        let end =
            digits(2, if radix == 16 { u8::is_ascii_hexdigit } else { |b| b"01".contains(b) });
        let total = end + word_length(&text[end..]);
        let suffix = &text[end..total];
        let value = i64::from_str_radix(&text[2..end], radix)
            .ok()
            .filter(|v| *v <= u32::MAX as i64 && matches!(suffix, "" | "u" | "U"));
        return match value {
            Some(value) => Ok((whole(value, !suffix.is_empty()), total)),
            None => Err(fault(total, format!("`{}` is not a number of 32 bits", &text[..total]))),
        };
    }
    let mut end = digits(0, u8::is_ascii_digit);
    let mut is_float = false;
    if bytes.get(end) == Some(&b'.') {
        is_float = true;
        end = digits(end + 1, u8::is_ascii_digit);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-')) as usize;
        let exponent = digits((end + 1 + sign).min(bytes.len()), u8::is_ascii_digit);
        if exponent > end + 1 + sign {
            is_float = true;
            end = exponent;
        }
    }
    let total = end + word_length(&text[end..]);
    let (mantissa, suffix) = (&text[..end], &text[end..total]);
    if is_float || matches!(suffix, "f" | "F" | "h" | "H" | "bf" | "BF") {
        // C has `1.0f` but not `1f`; nothing else could be meant by it.
        let value = mantissa.parse::<f64>().ok();
        let value = value.and_then(|v| match suffix {
            "" => Some(v),
            "f" | "F" => Some(DType::F32.round(v)),
            "h" | "H" => Some(DType::F16.round(v)),
            "bf" | "BF" => Some(DType::BF16.round(v)),
            _ => None,
        });
        return match value {
            Some(value) => Ok((Token::Float(value), total)),
            None => Err(malformed(
                fault(total, format!("`{}` is not a number", &text[..total])),
                suffix,
            )),
        };
    }
    if mantissa.len() > 1 && mantissa.starts_with('0') {
        let message = format!("`{mantissa}` is octal in C and an error in Python");
        return Err(fault(total, message).hint("write it without the leading 0"));
    }
    if !matches!(suffix, "" | "u" | "U") {
        return Err(malformed(
            fault(total, format!("`{}` is not a number", &text[..total])),
            suffix,
        ));
    }
    let unsigned = !suffix.is_empty();
    let most = if unsigned { u32::MAX as i64 } else { i32::MAX as i64 };
    match mantissa.parse::<i64>() {
        Ok(value) if value <= most => Ok((whole(value, unsigned), total)),
        _ => Err(fault(total, format!("`{mantissa}` does not fit an integer of 32 bits"))
            .hint(format!("write `{mantissa}.0` for a float"))),
    }
}

fn malformed(fault: Fault, suffix: &str) -> Fault {
    match suffix {
        "l" | "L" | "ll" | "LL" | "ul" | "UL" => fault.hint("integers have 32 bits here"),
        "j" => fault.hint("there are no complex numbers here"),
        _ if suffix.starts_with('e') || suffix.starts_with('E') => {
            fault.hint("an exponent is written as `1e-5`")
        }
        _ => fault.hint(format!("to multiply, write `* {suffix}`")),
    }
}

/// As in C, a hexadecimal number that i32 lacks is u32.
fn whole(value: i64, unsigned: bool) -> Token {
    match unsigned || value > i32::MAX as i64 {
        true => Token::Int(value, DType::U32),
        false => Token::Int(value, DType::I32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Token {
        let found = tokens(text, 1).unwrap_or_else(|f| panic!("{text}: {}", f.message));
        assert_eq!(found.len(), 2, "{text}: {found:?}");
        found[0].0
    }

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0.0f", 0.0),
            ("1.", 1.0),
            ("1.f", 1.0),
            (".5", 0.5),
            ("1e-5", 1e-5),
            ("1E+2", 100.0),
            ("2f", 2.0),
            ("1.5bf", 1.5),
            ("0.1f", 0.1f32 as f64),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(one(text), Token::Float(value), "{text}");
        }
        assert!(matches!(one("1e-5h"), Token::Float(v) if v != 1e-5 && (v - 1e-5).abs() < 1e-7));
        assert_eq!(one("0"), Token::Int(0, DType::I32));
        assert_eq!(one("7u"), Token::Int(7, DType::U32));
        assert_eq!(one("0xFF"), Token::Int(255, DType::I32));
        assert_eq!(one("0xffffffff"), Token::Int(u32::MAX as i64, DType::U32));
        assert_eq!(one("0b101"), Token::Int(5, DType::I32));
    }

    #[test]
    fn what_is_no_number_says_so() {
        for (text, part) in [
            ("2x", "`2x` is not a number"),
            ("1e", "`1e` is not a number"),
            ("1L", "`1L`"),
            ("017", "octal"),
            ("0x", "`0x`"),
            ("0x1ffffffff", "32 bits"),
            ("99999999999999999999", "32 bits"),
            ("2147483648", "32 bits"),
            ("a // b", "`//`"),
            ("/* a", "never closed"),
            ("2 × x", "`×`"),
            ("\u{0}", "unexpected character"),
        ] {
            let message = tokens(text, 1).unwrap_err().message;
            assert!(message.contains(part), "{text}: {message}");
        }
        assert!(tokens(&"x".repeat(LONGEST_TEXT + 1), 1).is_err());
    }
}
