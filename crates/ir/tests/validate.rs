//! The validator: each rule refuses what breaks it, in words; several mistakes come at once; good programs pass.

use tilewright_ir::text::parse_file;
use tilewright_ir::validate;

fn mistakes(text: &str) -> Vec<String> {
    let program = parse_file(text, "k.ir").unwrap_or_else(|e| panic!("{e}\n{text}"));
    match validate(&program) {
        Ok(()) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(|m| m.to_string()).collect(),
    }
}

/// Checks that a kernel over `x` and `y` has exactly this mistake.
#[track_caller]
fn refuses(body: &str, expected: &str) {
    let text = format!(
        "kernel k(x: in f32[rows, cols], ids: in i32[rows], y: out f32[rows, cols], \
         z: inout f32[rows, 8], eps: scalar f32)\ngrid rows\n\
         %0: i32 = program 0\n%1: f32[cols] = load x[%0, :]\n{body}\nstore y[%0, :] = %1"
    );
    let found = mistakes(&text);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "expected {expected:?}, found {found:#?} for\n{body}"
    );
}

#[test]
fn a_good_program_passes() {
    let text = "kernel k(x: in f32[*rows, cols], y: out f32[*rows, cols])
        grid rows
        var $0 total: f32[1]
        %0: i32 = program 0
        %1: f32[cols] = load x[%0, :]
        %2: f32[1] = reduce_sum %1 axis 0
        set $0 = %2
        %3: i32 = const 0
        %4: i32 = const 3
        for %5 in %3..%4 {
          %6: f32[1] = get $0
          %7: f32[1] = add %6, %6
          set $0 = %7
        }
        %8: f32[1] = get $0
        %9: f32[cols] = div %1, %8
        store y[%0, :] = %9";
    assert_eq!(mistakes(text), Vec::<String>::new());
}

#[test]
fn types_follow_the_op_table() {
    refuses("%9: i32[cols] = exp %1", "recorded as i32[cols] but computes f32[cols]");
    refuses(
        "%9: f32[cols] = add %1, %0",
        "`add` needs operands of one type, got f32[cols] and i32",
    );
    refuses("%9: i32 = exp %0", "`exp` takes a float type, not i32");
    refuses("%9: f32[cols] = shl %1, %1", "`shl` takes an integer type");
    refuses("%9: f32[cols] = select %1, %1, %1", "`select` needs a bool condition");
    refuses("%9: i32 = philox %0, %0, %0", "`philox` takes u32");
    refuses("%9: u8[cols] = bitcast %1", "a bit cast keeps the size");
    refuses("%9: i32 = const 2.5", "the literal 2.5 is no i32");
    refuses("%9: f32[cols] = iota cols", "recorded as f32[cols] but computes i32[cols]");
    refuses("%9: f32 = scalar x", "`x` is a tensor");
}

#[test]
fn shapes_follow_their_ops() {
    refuses(
        "%8: i32[8] = iota 8 %9: f32[8] = cast %8 %10: f32[8] = add %9, %1",
        "[8] and [cols] do not broadcast: 8 is neither cols nor 1",
    );
    refuses("%9: f32[rows, 2] = broadcast %1", "do not broadcast");
    refuses("%9: f32[cols, 2] = reshape %1", "a reshape keeps their number");
    refuses("%9: f32[1] = reduce_sum %1 axis 1", "axis 1, which f32[cols] does not have");
    refuses("%9: f32[cols] = transpose %1 [1]", "no order of the 1 axes");
    refuses("%9: f32[4] = slice %1 axis 0 from 0", "not known to lie inside axis 0");
    refuses("%8: i32[8] = iota 8 %9: i32[4] = slice %8 axis 0 from 5", "not known to lie inside");
    refuses("%8: i32[8] = iota 8 %9: i32[9] = topk %8 k 9", "cannot take 9 of the 8 elements");
    refuses("%9: i32[0] = topk %1 k 0", "k is 0");
    refuses("%9: f32[cols] = dot %1, %1", "`dot` takes tiles [m, k] and [k, n]");
    refuses("%9: f32[cols] = pick %1, %1", "`pick` takes i32 or u32 indices");
    refuses(
        "%8: i32[8] = iota 8 %9: i32[8] = concat %8, %1 axis 0",
        "cannot join i32[8] and f32[cols]",
    );
    refuses("%9: f32[1, 1, 1, 1, cols] = reshape %1", "has 5 axes, a tile has at most 4");
    refuses("%9: i32[99999999] = iota 99999999", "divide it among programs or a loop");
    refuses("%9: i32[cols] = unpack %1 bits 4", "`unpack` takes u8 or u32 words");
    refuses(
        "%8: i32[3] = iota 3 %9: u32[3] = cast %8 %10: i32[6] = unpack %9 bits 9",
        "1 to 8 bits",
    );
    refuses(
        "%8: i32[1] = iota 1 %9: u32[1] = cast %8 %10: i32[6] = unpack %9 bits 5",
        "whole number",
    );
    refuses("%9: f32[2] = topk %1 k 2 %10: u32[2] = part %9 number 2", "no result number 2");
}

#[test]
fn values_stay_in_their_blocks() {
    let in_loop = "%3: i32 = const 0 for %4 in %3..%3 { %5: f32[cols] = exp %1 }";
    refuses(&format!("{in_loop} %6: f32[cols] = exp %5"), "carry it out in a variable (`k.var`)");
    refuses(&format!("{in_loop} %6: i32 = neg %4"), "index of a loop, used outside that loop");
    refuses("%3: bool = const true when %3 { %4: i32 = neg %0 } %5: i32 = neg %4", "k.var");
}

#[test]
fn variables_are_set_first_and_keep_their_type() {
    let with = |body: &str| {
        mistakes(&format!(
            "kernel k(y: out f32[]) var $0 sum: f32 %0: f32 = const 1.0 %1: bool = const true \
             {body} store y[] = %0"
        ))
    };
    assert!(with("%2: f32 = get $0 set $0 = %0")[0].contains("`sum` is read before it is set"));
    assert!(with("when %1 { set $0 = %0 } %2: f32 = get $0")[0].contains("outside the block"));
    assert!(with("when %1 { set $0 = %0 } set $0 = %0")[0].contains("set it before that block"));
    assert!(with("set $0 = %1")[0].contains("`sum` is f32 but is set to bool"));
}

#[test]
fn loops_and_conditions_take_scalars() {
    refuses("for %3 in %0..%1 { }", "the end of a loop is f32[cols], expected i32");
    refuses("for %3 in %0..%0 step 0 { }", "the step of a loop is 0");
    refuses("when %0 { }", "a condition is i32, expected bool");
}

#[test]
fn places_fit_their_tensors() {
    refuses("%3: f32[cols] = load x[%0]", "`x` has 2 axes, [rows, cols]; the place names 1");
    refuses("%3: f32[cols] = load x[%1, :]", "indexed by f32[cols], expected i32");
    refuses("%3: f32[rows, cols] = load x[gather %1, :]", "expected a tile i32[n] or u32[n]");
    refuses("%3: f32[8] = load z[%0, %0..+8 step 0]", "has step 0");
    refuses("%2: i32 = const -1 %3: f32 = load z[%0, %2]", "position -1 is outside axis 1");
    refuses("%2: i32 = const 8 %3: f32 = load z[%0, %2]", "position 8 is outside axis 1 of `z`");
    refuses("%3: i32 = load ids[%0] fill 1.5", "fill value: the literal 1.5 is no i32");
    refuses("%3: f32 = load eps[]", "`eps` is a scalar");
    refuses("%3: f32[cols] = load y[%0, :]", "`y` is loaded before anything is stored to it");
    refuses("%3: i32 = program 1", "grid axis 1 does not exist");
}

#[test]
fn stores_fit_their_places() {
    refuses("store x[%0, :] = %1", "the input `x` is stored to");
    refuses("store z[%0, :] = %1", "f32[cols] is stored to a place of `z` that is f32[8]");
    refuses("store z[%0, %0] = %0", "a value of type i32 is stored to `z`, which is f32");
    refuses("store y[%0, :] = %1 if %1", "the mask of a store is bool");
    refuses("atomic_add y[%0, :] = %1", "an output holds nothing yet: declare it in-out");
}

#[test]
fn combine_functions_are_pure_scalar_arithmetic() {
    let by =
        |body: &str| format!("%3: f32 = const 0.0 %4: f32[1] = reduce_by %1 axis 0 from {body}");
    refuses(
        &by("%3 (%5: f32; %6: f32) { %7: i32 = program 0 %8: f32 = cast %7 yield %8 }"),
        "not pure scalar arithmetic",
    );
    refuses(
        &format!(
            "%2: f32 = cast %0 {}",
            by("%3 (%5: f32; %6: f32) { %8: f32 = add %5, %2 yield %8 }")
        ),
        "uses %2 from outside",
    );
    refuses(
        &by("%3 (%5: i32; %6: f32) { yield %6 }"),
        "a left value of `reduce_by`'s function is i32",
    );
    refuses(&by("%3 (%5: f32; %6: f32) { %8: bool = lt %5, %6 yield %8 }"), "a result value");
    refuses(&by("%3, %3 (%5: f32; %6: f32) { yield %6 }"), "1 components but 2 identities");
    assert_eq!(
        mistakes(
            "kernel k(x: in f32[n], y: out f32[1], e: scalar f32) %1: f32[n] = load x[:] \
             %3: f32 = const 0.0 %4: f32[1] = reduce_by %1 axis 0 from %3 (%5: f32; %6: f32) { \
             %7: f32 = scalar e %8: f32 = add %5, %6 %9: f32 = fma %8, %7, %3 yield %9 } \
             store y[:] = %4"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn declarations_are_checked() {
    let one = |text: &str, expected: &str| {
        let found = mistakes(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:#?}");
    };
    one("kernel k(y: out f32[n])", "the output `y` is never stored");
    one("kernel k(x: in f32[n], x: in f32[n])", "the name `x` is used for two");
    one("kernel k(n: in f32[n])", "the name `n` is used for two");
    one("kernel k(x: in f32[n]) grid n, n, n, n", "the grid has 4 axes");
    one("kernel k(x: in f32[n]) grid n / 0", "the block of grid axis 0 is 0");
    one("kernel k(s: scalar i32 = 0.5)", "default of `s`: the literal 0.5 is no i32");
    one("dims n, p = ceil(n / 0) kernel k(x: in f32[n])", "divided by 0");
    let text = "dims n, m, p = ceil(n / m) kernel k(x: in f32[n, m], y: in f32[p])";
    let mut late = tilewright_ir::text::parse(text).unwrap();
    late.dims.swap(1, 2);
    let found = validate(&late).unwrap_err();
    let expected = "derived from a size that is not declared before it";
    assert!(found.iter().any(|mistake| mistake.to_string().contains(expected)), "{found:?}");
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line() {
    let found = mistakes(
        "kernel k(x: in f32[n], y: out f32[n])\n\
         %0: f32[n] = load x[:]\n\
         %1: i32[n] = exp %0\n\
         %2: f32[n] = shl %0, %0\n\
         store x[:] = %0",
    );
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("k.ir:3:1: "), "{found:#?}");
    assert!(found[1].starts_with("k.ir:4:1: "));
    assert!(found[2].starts_with("k.ir:5:1: ") && found[2].contains("input `x` is stored to"));
    assert!(found[3].contains("`y` is never stored"));
}
