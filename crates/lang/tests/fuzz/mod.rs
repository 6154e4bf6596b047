//! Random formulas, and what must hold for each.

use tilewright_lang::DType;
use tilewright_lang::formula::FUNCTIONS;
use tilewright_lang::oneliner::{Elementwise, Layout, OneLinerError, Reduce};
use tilewright_lang::{Formula, FormulaError};

/// Formulas that mutation starts from.
const SEEDS: &[&str] = &[
    "x * tanh(log(1 + exp(x)))",
    "metal::precise::exp(x)",
    "T s = kk_sigmoid(x); g * (s + x * s * ((T)1 - s))",
    "max(acc, fabs(v) * 0x1F) - -INFINITY",
    "exp(x - s1) / s2 >= 1e-5h ? (half)x : x ** 2 ** -1",
    "where(x > 0 and not y < 3, x, select(y, x, isnan(x)))",
    "float a = x, b = a * a; b += 1; return fma(a, b, 0.5f);",
    "static_cast<int>(x) << 3 & ~(uint)y % 7u | as_type<uint>(x) ^ n >> 2",
    "a if b > 0 else c /* and */ || !d && acc",
    "clamp(x, -1.0f, 1.0f) * M_PI_F / (1 + exp(-x))",
    "acc + v * v",
    "acc || v",
];

/// Words and symbols; functions are added to them.
const TOKENS: &[&str] = &[
    "x",
    "y",
    "g",
    "acc",
    "v",
    "s1",
    "0",
    "1",
    "2",
    "-1",
    "0.5f",
    "1e-5h",
    "0xFF",
    "7u",
    "1e999",
    "INFINITY",
    "NAN",
    "M_PI_F",
    "INT_MIN",
    "true",
    "(T)",
    "(float)",
    "(half)",
    "(int)",
    "(bool)",
    "T",
    "float",
    "half",
    "int",
    "uint",
    "uchar",
    "auto",
    "const",
    "unsigned int",
    "return",
    "static_cast<",
    "as_type<",
    ">(",
    "metal::",
    "mx.",
    "fast::",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "<<",
    ">>",
    "<",
    "<=",
    ">",
    ">=",
    "==",
    "!=",
    "&&",
    "||",
    "!",
    "~",
    "&",
    "|",
    "^",
    "?",
    ":",
    "=",
    "+=",
    "*=",
    ";",
    ",",
    "(",
    ")",
    "[",
    "]",
    ".",
    "::",
    "and",
    "or",
    "not",
    "if",
    "else",
    "for",
    "//",
    "/*",
    "*/",
    "++",
    " ",
    "\n",
    "\t",
    "s =",
    "float s =",
    "é",
    "−",
    "∞",
    "\u{0}",
    "\u{200b}",
    "🦀",
];

/// A small generator of random numbers (splitmix64), so that a run repeats from its seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// A generator of formulas: grammar, token soup, and mutations of what was accepted before.
pub struct Generator {
    pub random: Random,
    corpus: Vec<String>,
    words: Vec<&'static str>,
}

/// Accepted formulas that are kept to mutate further.
const KEPT: usize = 512;

impl Generator {
    pub fn new(seed: u64) -> Generator {
        let functions = FUNCTIONS.iter().flat_map(|f| f.names).copied();
        Generator {
            random: Random(seed),
            corpus: SEEDS.iter().map(|s| s.to_string()).collect(),
            words: TOKENS.iter().copied().chain(functions).collect(),
        }
    }

    pub fn formula(&mut self) -> String {
        match self.random.below(16) {
            0..=5 => self.expression(5),
            6..=7 => {
                let count = 1 + self.random.below(24);
                (0..count).map(|_| self.random.pick(&self.words)).collect::<Vec<_>>().join(" ")
            }
            8 => {
                let count = self.random.below(40);
                let bytes: Vec<u8> = (0..count).map(|_| self.random.next() as u8).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            9 if self.random.below(50) == 0 => {
                let count = self.random.below(400);
                self.random.pick(&self.words).repeat(count)
            }
            _ => self.mutated(),
        }
    }

    /// Keeps an accepted formula for later mutation.
    pub fn keep(&mut self, text: &str) {
        if text.len() > 400 || self.random.below(20) != 0 {
            return;
        }
        match self.corpus.len() < KEPT {
            true => self.corpus.push(text.into()),
            false => {
                let place = SEEDS.len() + self.random.below(KEPT - SEEDS.len());
                self.corpus[place] = text.into();
            }
        }
    }

    /// A formula of the grammar, mostly well typed.
    fn expression(&mut self, depth: usize) -> String {
        let kind = if depth == 0 { 0 } else { self.random.below(12) };
        let part = |generator: &mut Self| generator.expression(depth.saturating_sub(1));
        match kind {
            0..=1 => self
                .random
                .pick(&["x", "y", "n", "acc", "v", "0.5f", "2", "-INFINITY", "7u", "1"])
                .into(),
            2..=4 => {
                let symbols = [
                    "+", "-", "*", "/", "+", "*", "%", "**", "<", ">=", "==", "&&", "||", "&", "|",
                    "<<",
                ];
                let (a, op, b) = (part(self), self.random.pick(&symbols), part(self));
                format!("({a}) {op} ({b})")
            }
            5 => format!(
                "{}({})",
                self.random.pick(&["-", "!", "~", "(T)", "(int)", "half"]),
                part(self)
            ),
            6 => {
                format!("({}) > ({}) ? ({}) : ({})", part(self), part(self), part(self), part(self))
            }
            7 => format!("T s = {}; s * s + ({})", part(self), part(self)),
            _ => {
                let function = &FUNCTIONS[self.random.below(FUNCTIONS.len())];
                let count = 1 + self.random.below(3);
                let arguments: Vec<String> = (0..count).map(|_| part(self)).collect();
                format!("{}({})", function.names[0], arguments.join(", "))
            }
        }
    }

    fn mutated(&mut self) -> String {
        let place = self.random.below(self.corpus.len());
        let mut text: Vec<char> = self.corpus[place].chars().collect();
        for _ in 0..1 + self.random.below(4) {
            let at = self.random.below(text.len() + 1);
            let to = (at + self.random.below(8)).min(text.len());
            match self.random.below(5) {
                0 => drop(text.drain(at..to)),
                1 => {
                    let word = self.random.pick(&self.words);
                    text.splice(at..at, word.chars());
                }
                2 => {
                    let word = self.random.pick(&self.words);
                    text.splice(at..to, word.chars());
                }
                3 => {
                    let piece: Vec<char> = text[at..to].to_vec();
                    let other = self.random.below(text.len() + 1);
                    text.splice(other..other, piece);
                }
                _ => {
                    let other = self.random.below(self.corpus.len());
                    let other: Vec<char> = self.corpus[other].chars().collect();
                    let from = self.random.below(other.len() + 1);
                    text.splice(at..to, other[from..].iter().copied());
                }
            }
            text.truncate(2000);
        }
        text.into_iter().collect()
    }
}

/// What became of a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The text was refused.
    Refused,
    /// It parsed, but its types do not fit.
    Mistyped,
    /// It was recorded as a valid program.
    Recorded,
}

/// Checks everything that must hold for any text.
///
/// # Panics
/// When something does not.
pub fn check(text: &str, random: &mut Random) -> Outcome {
    let formula = match Formula::parse(text) {
        Ok(formula) => formula,
        Err(error) => {
            check_error(&error);
            return Outcome::Refused;
        }
    };
    let dtypes = [
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::I32,
        DType::U32,
        DType::U8,
        DType::I8,
        DType::Bool,
        DType::F64,
    ];
    let only = (random.below(2) == 0).then(|| dtypes[random.below(dtypes.len())]);
    let elementwise = Elementwise::from_formula(formula);
    let count = elementwise.inputs().len();
    let each: Vec<DType> =
        (0..count).map(|_| only.unwrap_or(dtypes[random.below(dtypes.len())])).collect();
    let outcome = match elementwise.program(&each, &Layout::flat(count)) {
        Ok(_) => Outcome::Recorded,
        Err(OneLinerError::Formula(error)) => {
            check_error(&error);
            Outcome::Mistyped
        }
        Err(OneLinerError::Call(_)) => Outcome::Mistyped,
        // The evaluator checks types itself: what the recorder finds is a fault of the evaluator.
        Err(OneLinerError::Record(error)) => {
            let expected =
                |m: &str| m.contains("ops unrolled") || m.contains("used for two parameters");
            assert!(error.messages().all(expected), "{text}\n{each:?}\n{error}");
            Outcome::Mistyped
        }
    };
    if text.contains("acc") {
        let reduce = Reduce::formulas("0", text).expect("it parsed before");
        match reduce.program(only.unwrap_or(DType::F32)) {
            Ok(_) => {}
            Err(OneLinerError::Formula(error)) => check_error(&error),
            Err(error) => panic!("{text}\n{only:?}\n{error}"),
        }
    }
    outcome
}

fn check_error(error: &FormulaError) {
    let (text, span) = (error.formula(), error.span());
    assert!(span.start <= span.end && span.end <= text.len(), "{error:?}");
    assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{error:?}");
    let shown = error.to_string();
    assert!(shown.chars().count() < 1000, "{shown}");
    assert!(!error.message().is_empty());
}
