//! Text form: printing and parsing are inverses, errors point at their place, no text makes the parser panic.

use tilewright_ir::text::{parse, parse_file, print};
use tilewright_ir::validate;

/// Every construct of the language.
const EVERYTHING: &str = r#"dims rows, cols, parts = ceil(rows / 64), turns = ceil(parts / cols)
kernel everything(x: in f32[*rows, cols], w: in u8[2*cols], y: out f16[*rows, cols], z: inout f32[cols], ids: in i32[rows], eps: scalar f32 = 1e-5, seed: scalar u32)
grid rows, cols / 64, parts
var $0 acc: f32[cols]
var $1 "odd \"name\"\n": i32
%0 row: i32 = program 0
%1: f32[cols] = load x[%0, :] fill -inf
%2 start: i32 = const 0
%3: i32 = const 4
%4: f32 = const -1.5
%5: bool = const true
%6: f32 = scalar eps
%7: i32 = size 2*cols
%8: i32[16] = iota 16
%9: f32[16] = load z[gather %8]
%10: f32[64] = load x[%0, %2..+64 step 2]
%11: f32[cols] = exp %1
%12: f32[cols] = add %11, %6
%13: bool[cols] = lt %12, %4
%14: f32[cols] = select %13, %12, %1
%15: f16[cols] = cast %14
%16: i32[cols] = bitcast %14
%17: f32[1, cols] = reshape %14
%18: f32[8, cols] = broadcast %17
%19: f32[cols, 8] = transpose %18 [1, 0]
%20: f32[cols, 4] = slice %19 axis 1 from 4
%21: f32[cols, 12] = concat %19, %20 axis 1
%22: i32[1, 4] = const 0
"#;

fn roundtrip(text: &str) {
    let program = parse(text).unwrap_or_else(|e| panic!("{e}"));
    let printed = print(&program);
    let again = parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
    assert_eq!(program, again, "{printed}");
    assert_eq!(program, program.compact());
    assert_eq!(printed, print(&again));
}

#[test]
fn every_construct_comes_back() {
    roundtrip(EVERYTHING);
    roundtrip(STATEMENTS);
    assert_eq!(print(&parse(EVERYTHING).unwrap()), EVERYTHING.trim_end());
    assert_eq!(print(&parse(STATEMENTS).unwrap()), STATEMENTS.trim_end());
}

/// Statements and the expressions with parts.
const STATEMENTS: &str = r#"kernel statements(x: in f32[n], c: inout i32[n], s: out f32[])
var $0 best: f32[1]
%0: f32[n] = load x[:]
%1: f32[1] = reduce_max %0 axis 0
set $0 = %1
%2: i32 = const 0
%3: i32 = const 9
for %4 i in %2..%3 step 4 {
  %5: f32[1] = get $0
  set $0 = %5
  %6: bool = eq %4, %2
  when %6 {
    %7: i32 = load c[%4]
    atomic_add c[%4] = %7
    atomic_max c[%4] = %7 if %6
    atomic_min c[%4] = %7
  }
}
%8: f32 = const 0.0
%15: f32[1] = reduce_by %0, %0 axis 0 from %8, %8 (%9 a: f32, %10: f32; %11: f32, %12: f32) {
  %13: f32 = add %9, %11
  %14: f32 = max %10, %12
  yield %13, %14
}
%16: f32[1] = part %15 number 1
%19: f32[n] = scan_by %0 axis 0 (%17: f32; %18: f32) {
  yield %18
}
%20: f32[n] = scan_sum %19 axis 0 exclusive reverse
%21: u32[1] = argmin %20 axis 0
%22: f32[4] = topk %0 k 4
%23: u32[4] = part %22 number 1
%24: f32[4] = pick %0, %23
%25: f32[2, 2] = reshape %24
%26: f32[2, 2] = dot %25, %25
%27: u32[4] = load c[%2..+4] fill 7
%28: i32[32] = unpack %27 bits 4
%29: f32 = const 0.5
%32: f32[n] = scan_by %0 axis 0 exclusive %29 reverse (%30: f32; %31: f32) {
  yield %31
}
store s[] = %16
"#;

#[test]
fn locations_are_kept_when_asked_for() {
    let program =
        parse_file("kernel k(y: out f32[])\n  %0: f32 = const 1.0\nstore y[] = %0", "k.ir");
    let at = program.unwrap().exprs[0].at.clone().unwrap();
    assert_eq!(at.to_string(), "k.ir:2:3");
}

#[test]
fn errors_point_at_their_place() {
    let error = |text: &str| parse(text).unwrap_err();
    let e = error("kernel k(y: out f32[n])\n%0: f32[n] = expo %1");
    assert_eq!((e.line, e.column), (2, 14));
    assert_eq!(
        e.to_string(),
        "line 2, column 14: expected an op, found `expo`\n  %0: f32[n] = expo %1\n  \
         \u{20}            ^"
    );
    for (text, expected) in [
        ("", "expected `kernel`, found the end"),
        ("kernel", "expected the name of the kernel, found the end"),
        ("kernel k(x: f32[n])", "expected `in`, `out`, `inout` or `scalar`"),
        ("kernel k(x: in f31[n])", "no element type `f31`"),
        ("kernel k()\n%0: f32[m] = iota m", "no size named `m`"),
        ("kernel k()\n%0: f32 = exp %1", "%1 is not computed above"),
        ("kernel k()\n%0: f32 = const 1.0 %0: f32 = const 1.0", "%0 is computed twice"),
        ("kernel k()\nstore y[] = %0", "no parameter named `y`"),
        ("kernel k()\nset $0 = %0", "$0 is not declared above"),
        ("kernel k()\n%0: i32 = const 99999999999999999999", "too large"),
        ("kernel k()\n%0: bool = const true when %0 { ", "expected a statement or `}`"),
        ("kernel k() \u{3b1}", "`\u{3b1}` has no meaning here"),
        ("kernel k() \"", "no end"),
        ("kernel k() %x", "expected a number after `%`"),
        ("kernel k() }", "expected a statement, found `}`"),
    ] {
        let e = error(text);
        assert!(e.text.contains(expected), "{text:?} gives {e}");
    }
    let deep = "kernel k()\n%0: bool = const true ".to_string() + &"when %0 { ".repeat(100_000);
    assert!(error(&deep).text.contains("nested more than"));
}

/// Random edits of good texts: each is read or refused, none panics, and what is read can be printed and validated.
#[test]
fn no_text_makes_the_parser_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below.max(1)
    };
    let fragments: Vec<&str> =
        EVERYTHING.split_inclusive(' ').chain(STATEMENTS.split_inclusive(' ')).collect();
    let mut accepted = 0;
    for round in 0..20_000 {
        let mut text = if round % 2 == 0 { EVERYTHING } else { STATEMENTS }.to_string();
        for _ in 0..1 + random(3) {
            let mut at = random(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match random(4) {
                0 => text.truncate(at),
                1 => text.insert_str(at, fragments[random(fragments.len())]),
                2 => drop(text.remove(at)),
                _ => text.insert(at, char::from(random(128) as u8)),
            }
            if text.is_empty() {
                text.push(' ');
            }
        }
        if let Ok(program) = parse(&text) {
            accepted += 1;
            let _ = validate(&program);
            let printed = print(&program);
            let again = parse(&printed).unwrap_or_else(|e| panic!("{e}\nfrom {text}"));
            assert_eq!(print(&again), print(&program.compact()));
        }
    }
    assert!(accepted > 500, "only {accepted} of the edited texts were programs");
}
