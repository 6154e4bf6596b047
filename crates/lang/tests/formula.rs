//! Formula strings: what they record, and what their mistakes look like.

use tilewright_ir::{ExprKind, Literal, Program};
use tilewright_lang::formula::FUNCTIONS;
use tilewright_lang::{DType, Formula, FormulaError, Specialization, Tile, record};

/// Records a formula of variables that are all of shape `[n]` and `dtype`.
fn program_of(formula: &Formula, dtype: DType) -> Result<Program, FormulaError> {
    let inputs: Vec<String> = formula.variables().map(|v| format!("{v}: T[count]")).collect();
    let signature = format!("{} -> result: T[count]", inputs.join(", "));
    let mut result = Ok(());
    let program = record("formula", &signature, &Specialization::of(dtype), |_, a| {
        let variables: Vec<(&str, Tile)> = formula.variables().map(|v| (v, a[v].load())).collect();
        match formula.record(&variables) {
            Ok(tile) => a["result"].store(tile.to(dtype)),
            Err(error) => {
                result = Err(error);
                a["result"].store(0.0);
            }
        }
    });
    result.map(|()| program.unwrap_or_else(|e| panic!("`{formula}`: {e}")))
}

/// The ops that a formula of f32 variables becomes, in order, without loads.
fn ops_of(text: &str, dtype: DType) -> String {
    let formula = Formula::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let program = program_of(&formula, dtype).unwrap_or_else(|e| panic!("{e}"));
    let name = |kind: &ExprKind| match kind {
        ExprKind::Load { .. } => None,
        ExprKind::Const(Literal::Float(x)) => Some(format!("{x}")),
        ExprKind::Const(Literal::Int(x)) => Some(format!("{x}i")),
        ExprKind::Const(Literal::Bool(x)) => Some(format!("{x}")),
        ExprKind::Unary(op, _) => Some(op.name().into()),
        ExprKind::Binary(op, ..) => Some(op.name().into()),
        ExprKind::Ternary(op, ..) => Some(op.name().into()),
        ExprKind::Cast(_) => Some("cast".into()),
        ExprKind::Bitcast(_) => Some("bitcast".into()),
        other => Some(format!("{other:?}")),
    };
    program.exprs.iter().filter_map(|e| name(&e.kind)).collect::<Vec<_>>().join(" ")
}

fn ops(text: &str) -> String {
    ops_of(text, DType::F32)
}

fn fault(text: &str) -> String {
    let error = match Formula::parse(text) {
        Err(error) => error,
        Ok(formula) => program_of(&formula, DType::F32).expect_err(text),
    };
    error.to_string()
}

#[test]
fn the_strings_of_the_seeds_record() {
    assert_eq!(ops("x * tanh(log(1 + exp(x)))"), "softplus tanh mul");
    assert_eq!(ops("metal::exp(x)"), "exp");
    assert_eq!(ops("metal::precise::exp(x)"), "exp");
    assert_eq!(ops("fast::exp(x)"), "exp");
    assert_eq!(ops("kk_sigmoid(x)"), "sigmoid");
    assert_eq!(ops("kk_silu(x)"), "sigmoid mul");
    assert_eq!(ops("acc + v"), "add");
    assert_eq!(ops("max(acc1, x)"), "max");
    assert_eq!(ops("max(a, b)"), "max");
    assert_eq!(ops("acc2 + exp(x - s1)"), "sub exp add");
    assert_eq!(ops("exp(x - s1) / s2"), "sub exp div");
    assert_eq!(ops("a * b"), "mul");
    assert_eq!(ops("g * b"), "mul");
    assert_eq!(ops("-INFINITY"), "-inf");
    assert_eq!(ops("0.0f"), "0");
    assert_eq!(ops("kk_gelu_tanh(x)"), ops("gelu_tanh(x)"));
    assert_eq!(
        ops("T s = kk_sigmoid(x); g * (s + x * s * ((T)1 - s))"),
        "sigmoid mul 1 sub mul add mul"
    );
    // What the seed's expression builder prints.
    assert_eq!(ops("((x > (T)0.0)) ? (x) : ((T)0.0)"), "0 gt 0 select");
    assert_eq!(ops("((T)1.0 + x)"), "1 add");
    assert_eq!(ops("(-(x))"), "neg");
}

#[test]
fn precedence_is_c_s() {
    for (written, grouped) in [
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c", "(a / b) * c"),
        ("-a * b", "(-a) * b"),
        ("-a ** 2", "-(a ** 2)"),
        ("a ** b ** c", "a ** (b ** c)"),
        ("2 ** -a", "2 ** (-a)"),
        ("(T)a ** 3", "((T)a) ** 3"),
        ("a < b && c < d || d < a", "((a < b) && (c < d)) || (d < a)"),
        ("a < b and c < d or d < a", "((a < b) && (c < d)) || (d < a)"),
        ("not a < b", "!(a < b)"),
        ("!a + b", "(!a) + b"),
        ("a < b ? a : b < c ? b : c", "a < b ? a : (b < c ? b : c)"),
        ("a if a < b else b if b < c else c", "a < b ? a : (b < c ? b : c)"),
        ("a + b < c * d", "(a + b) < (c * d)"),
        ("(a)", "a"),
        ("a % b * c", "(a % b) * c"),
        ("return a + b;", "a + b"),
        ("a /* times */ * b", "a * b"),
    ] {
        assert_eq!(ops(written), ops(grouped), "{written}");
    }
    let int = |text: &str| ops_of(text, DType::I32);
    for (written, grouped) in [
        ("a | b ^ c & d", "a | (b ^ (c & d))"),
        ("a & b << 1 + c", "a & (b << (1 + c))"),
        ("~a & b", "(~a) & b"),
        ("(a & b) == c", "((a & b) == c)"),
    ] {
        assert_eq!(int(written), int(grouped), "{written}");
    }
}

#[test]
fn types_follow_c() {
    let int = |text: &str| ops_of(text, DType::I32);
    assert_eq!(int("n / 2"), "2i div");
    assert_eq!(int("n / 2.0"), "cast 2 div cast");
    assert_eq!(int("(n > 1) + (n > 2)"), "1i gt 2i gt cast cast add");
    assert_eq!(int("n & 0xF"), "15i and");
    assert_eq!(int("!n"), "0i ne not cast");
    assert_eq!(int("~(n > 0)"), "0i gt cast not");
    assert_eq!(int("n ** 3"), "mul mul");
    assert_eq!(int("(T)1 - n"), "1i sub", "T is the type of integer variables");
    assert_eq!(int("abs(n)"), "abs");
    assert_eq!(int("exp(n)"), "cast exp cast");
    assert_eq!(ops_of("b ? 1 : 2", DType::Bool), "1i 2i select cast");
    assert_eq!(ops_of("n + 1", DType::U8), "cast 1i add cast");
    assert_eq!(ops_of("-n", DType::U32), "neg");
    // Arithmetic on half is in f32; `half(..)` rounds and goes on.
    assert_eq!(ops_of("x + 1", DType::F16), "cast 1 add cast");
    assert_eq!(ops("half(x) + 1"), "cast cast 1 add");
    assert_eq!(ops("(int)x % 3"), "cast 3i rem cast");
    assert_eq!(ops("static_cast<uchar>(x)"), "cast cast cast");
    assert_eq!(ops("as_type<uint>(x) >> 31"), "bitcast 31i shr cast");
    assert_eq!(
        ops("as_type<float>(as_type<int>(x) & 0x7fffffff)"),
        "bitcast 2147483647i and bitcast"
    );
}

#[test]
fn numbers_of_the_text_fold() {
    assert_eq!(ops("1 + 2 * 3"), "7i cast");
    assert_eq!(ops("x * (2.0f / 4)"), "0.5 mul");
    assert_eq!(ops("x + 6 / 2"), "3 add");
    assert_eq!(ops("x - -1"), "-1 sub");
    assert_eq!(ops("x ** 2"), "mul");
    assert_eq!(ops("pow(x, 4)"), "mul mul");
    assert_eq!(ops("x ** -1"), "recip");
    assert_eq!(ops("x ** 0.5"), "0.5 pow");
    assert_eq!(ops("x ** 0"), "1");
    assert_eq!(ops("x ** 100"), "100 pow");
}

#[test]
fn unstable_spellings_become_stable_ops() {
    assert_eq!(ops("log(1 + exp(x))"), "softplus");
    assert_eq!(ops("metal::log(metal::exp(x) + (T)1)"), "softplus");
    assert_eq!(ops("T e = exp(x); log(1.0f + e)"), "softplus");
    assert_eq!(ops("log(1 + x)"), "log1p");
    assert_eq!(ops("log(exp(x) + exp(y))"), ops("logaddexp(x, y)"));
    assert_eq!(ops("T e = exp(x * 2); log(e + metal::exp(y))"), ops("logaddexp(x * 2, y)"));
    assert_eq!(ops("exp(x) - 1"), "expm1");
    assert_eq!(ops("1 / (1 + exp(-x))"), "sigmoid");
    assert_eq!(ops("1.0f / (1.0f + exp(x))"), "neg sigmoid");
    assert_eq!(ops("x / (1 + exp(-x))"), "sigmoid mul");
    // Near misses stay as they are written.
    assert_eq!(ops("log(2 + exp(x))"), "exp 2 add log");
    assert_eq!(ops("exp(x) - 2"), "exp 2 sub");
    assert_eq!(ops("log2(1 + x)"), "1 add log2");
}

#[test]
fn declarations_name_parts() {
    assert_eq!(ops("float s = exp(x), t = s * s; s + t"), "exp mul add");
    assert_eq!(ops("auto s = exp(x); s *= 2; s = s + 1; return s;"), "exp 2 mul 1 add");
    assert_eq!(ops("s = exp(x); const float t = 3; s + t"), "exp 3 add");
    assert_eq!(ops("int n = x; unsigned int m = n; m * x"), "cast bitcast cast mul");
    assert_eq!(ops("float unused = sin(x); x + x"), "add", "what no value needs is not recorded");
    let formula = Formula::with_prelude("T s = kk_sigmoid(x)", "g * s").unwrap();
    assert_eq!(formula.variables().collect::<Vec<_>>(), ["x", "g"]);
}

#[test]
fn every_function_records_at_every_count_of_arguments() {
    for function in FUNCTIONS {
        for name in function.names {
            for count in 0..=5 {
                let names = ["a", "b", "c", "d", "e"];
                let mut arguments = names[..count].join(", ");
                if matches!(*name, "where" | "select") {
                    arguments = arguments.replacen('a', "a > 0", 1);
                }
                let text = format!("{name}({arguments})");
                match Formula::parse(&text) {
                    Ok(formula) => drop(program_of(&formula, DType::F32).expect(&text)),
                    Err(error) => assert!(error.message().contains(" takes "), "{error}"),
                }
            }
        }
    }
}

#[test]
fn select_finds_its_condition() {
    assert_eq!(ops("where(x > 0, x, 0)"), ops("x > 0 ? x : 0"));
    assert_eq!(ops("select(x > 0, x, y)"), ops("x > 0 ? x : y"));
    assert_eq!(ops("select(y, x, x > 0)"), "0 gt select");
    assert!(fault("select(x, y, x)").contains("no condition"));
    assert!(fault("where(x > 0, x, y > 0)").contains("truth values"));
}

#[test]
fn an_error_shows_the_formula_with_a_caret() {
    for (text, shown) in [
        ("x * tahn(x)", "unknown name `tahn`\n  x * tahn(x)\n      ^^^^ did you mean `tanh`?"),
        (
            "metal::sigmod(x)",
            "unknown name `sigmod`\n  metal::sigmod(x)\n         ^^^^^^ did you mean `sigmoid`?",
        ),
        (
            "metla::exp(x)",
            "unknown namespace `metla`\n  metla::exp(x)\n  ^^^^^ did you mean `metal`?",
        ),
        (
            "clamp(x, 1)",
            "`clamp` takes 3 arguments, not 2\n  clamp(x, 1)\n  ^^^^^^^^^^^ as `clamp(x, low, high)`",
        ),
        ("elu()", "`elu` takes 1 or 2 arguments, not 0\n  elu()\n  ^^^^^ as `elu(x, alpha = 1)`"),
        ("tanh(log(1 + x)", "this `(` is never closed\n  tanh(log(1 + x)\n      ^ `)` is missing"),
        ("x + 1)", "no `(` for this `)`\n  x + 1)\n       ^"),
        ("x y", "expected an operator, found `y`\n  x y\n    ^ is `*` missing?"),
        ("2x", "`2x` is not a number\n  2x\n  ^^ to multiply, write `* x`"),
        ("", "the formula is empty\n  write one, as `x * sigmoid(x)`"),
        ("  ", "the formula is empty\n  write one, as `x * sigmoid(x)`"),
        ("x +", "expected a value, found the end\n  x +\n     ^"),
        ("x + * 2", "expected a value, found `*`\n  x + * 2\n      ^"),
        ("exp * x", "`exp` is a function, not a value\n  exp * x\n  ^^^ write `exp(x)`"),
        ("x(1 + x)", "unknown name `x`\n  x(1 + x)\n  ^ there is no function of that name"),
        (
            "y * x + x(1)",
            "`x` is a value, not a function\n  y * x + x(1)\n          ^ is `*` missing?",
        ),
        (
            "x < y < z",
            "a chain of comparisons means one thing in C, another in Python\n  x < y < z\n        ^ write `a < b && b < c`, or add parentheses",
        ),
        (
            "1 / 2",
            "1 / 2 is 0 in C and a fraction in Python\n  1 / 2\n  ^^^^^ write `1.0 / 2.0` for the fraction",
        ),
        (
            "x ^ 2",
            "this is a float; bits are of integers\n  x ^ 2\n  ^ a power is written `x ** 2` or `pow(x, 2)`",
        ),
        (
            "x & (1.5f)",
            "this is a float; bits are of integers\n  x & (1.5f)\n  ^ convert it with `(int)`, or its bits with `as_type<int>(..)`",
        ),
        (
            "x = 2",
            "the formula ends without a value\n  x = 2\n       ^ the value comes last, as `s = sigmoid(x); x * s`",
        ),
        (
            "x == 1 = y",
            "expected an operator, found `=`\n  x == 1 = y\n         ^ equality is `==`",
        ),
        (
            "float x",
            "expected `=`, found the end\n  float x\n         ^ a name gets its value at once: `x = ..;`",
        ),
        (
            "float exp = 1; x",
            "`exp` is a function\n  float exp = 1; x\n        ^^^ give the value another name",
        ),
        (
            "x ? 1",
            "expected `:`, found the end\n  x ? 1\n       ^ a choice is written `condition ? a : b`",
        ),
        (
            "for (;;) x",
            "unknown name `for`\n  for (;;) x\n  ^^^ a formula has no loops or jumps; record a kernel for those",
        ),
        (
            "softmax(x)",
            "unknown name `softmax`\n  softmax(x)\n  ^^^^^^^ a formula works on one element at a time; use `reduce`, `map_reduce` or a row kernel",
        ),
        (
            "x.exp()",
            "unknown module `x`\n  x.exp()\n  ^ values have no members; write `f(x)` instead of `x.f()`",
        ),
        (
            "x[0]",
            "expected an operator, found `[`\n  x[0]\n   ^ a formula works on one element at a time",
        ),
        (
            "float + x",
            "`float` is a type, not a value\n  float + x\n  ^^^^^ a cast is written `(float)x`",
        ),
        ("(long)x", "`long` has no place here\n  (long)x\n   ^^^^ integers have 32 bits here"),
        ("x − 1", "unexpected character `−`\n  x − 1\n    ^ write `-`"),
        (
            "float s = 1;\ns + tahn(x)",
            "unknown name `tahn` (line 2)\n  s + tahn(x)\n      ^^^^ did you mean `tanh`?",
        ),
        ("5 / 0", "division by zero\n  5 / 0\n  ^^^^^"),
        (
            "x / y & 1 == 0",
            "C and Python group this with the comparison differently\n  x / y & 1 == 0\n        ^ add parentheses",
        ),
    ] {
        assert_eq!(fault(text), shown, "{text}");
    }
}

#[test]
fn an_error_in_a_prelude_shows_the_prelude() {
    let error = Formula::with_prelude("T s = kk_sigmod(x);", "g * s").unwrap_err();
    assert_eq!(error.formula(), "T s = kk_sigmod(x);");
    assert_eq!(error.hint(), Some("did you mean `kk_sigmoid`?"));
    let error = Formula::with_prelude("x + 1", "g").unwrap_err();
    assert!(error.to_string().contains("expected a declaration"), "{error}");
}

#[test]
fn depth_and_length_are_bounded() {
    for text in [
        "(".repeat(100_000),
        "-".repeat(60_000) + "x",
        "!".repeat(60_000),
        "x ? ".repeat(10_000),
        "exp(".repeat(10_000),
        "(T)".repeat(10_000),
        "x ** ".repeat(10_000),
        "x if ".repeat(10_000),
        "not ".repeat(10_000),
        "1e999".repeat(10_000),
        "x".repeat(60_000) + "(1)",
    ] {
        let error = Formula::parse(&text).unwrap_err().to_string();
        assert!(error.len() < 1000, "{error}");
    }
    let many: String = (0..9_000).map(|i| format!("+v{i}")).collect();
    assert!(Formula::parse(&many).unwrap_err().message().contains("at most 64 free names"));
    // Long but flat is fine, and a long chain costs no stack.
    let long = "x + ".repeat(10_000) + "x";
    assert_eq!(
        program_of(&Formula::parse(&long).unwrap(), DType::F32).unwrap().exprs.len(),
        10_001
    );
    let nested = "(".repeat(150) + "x" + &")".repeat(150);
    assert!(Formula::parse(&nested).is_ok());
}

#[test]
fn a_fault_inside_a_kernel_is_a_mistake_with_the_authors_line() {
    let formula = Formula::parse("x + w").unwrap();
    let error = record("k", "x: T[n] -> y: T[n]", &Specialization::of(DType::F32), |_, a| {
        a["y"].store(formula.tile(&[("x", a["x"].load())]));
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("unknown name `w`") && error.contains("tests/formula.rs:"), "{error}");
    // And so is everything that the formula records.
    let program = program_of(&Formula::parse("mish(x)").unwrap(), DType::F32).unwrap();
    for expr in &program.exprs {
        let file = &expr.at.as_ref().unwrap().file;
        assert!(file.ends_with("tests/formula.rs"), "{file}");
    }
}
