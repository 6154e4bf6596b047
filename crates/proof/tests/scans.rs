//! Scans of tiles along each of their axes, by ops and by functions, of lines short and long: every target agrees with the
//! interpreter.

mod agree;

use tilewright_ir::text::parse;

/// Lines and their lengths: of one subgroup and of several, of a block of registers and of several, of one of the CPU and of more.
const SIZES: &[(usize, usize)] = &[
    (1, 1),
    (3, 2),
    (2, 5),
    (5, 31),
    (40, 9),
    (3, 64),
    (2, 70),
    (9, 130),
    (4, 513),
    (3, 1500),
    (1, 9000),
    (200, 33),
];

/// Rows that go block by block: blocks of one element, and several.
const LONG: &[(usize, usize)] = &[(2, 16_385), (1, 40_000), (3, 24_577)];

/// Runs the scan `scanned` of `%1`, a tile of `rows` lines of `cols`, as it is and for lines that lie across.
fn check(scanned: &str) {
    for (shape, axis) in [("[rows, cols]", 1), ("[cols, rows]", 0), ("[rows, 1, cols]", 2)] {
        let line = scanned.replace("AXIS", &axis.to_string()).replace("SHAPE", shape);
        let whole = shape.split(',').map(|_| ":").collect::<Vec<_>>().join(", ");
        let text = format!(
            "kernel k(x: in i32{shape}, y: out i32{shape})
            %1: i32{shape} = load x[{whole}]
            {line}
            store y[{whole}] = %9"
        );
        let program = parse(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        for &(rows, cols) in SIZES {
            let mut dims = Vec::new();
            for dim in &program.dims {
                dims.push(if dim.name == "rows" { rows } else { cols });
            }
            agree::agree(&program, &[&agree::counted(rows * cols)], &dims);
        }
    }
}

#[test]
fn by_ops() {
    for op in ["sum", "max"] {
        for how in ["", " exclusive", " reverse", " exclusive reverse"] {
            let scanned = format!("%9: i32SHAPE = scan_{op} %1 axis AXIS{how}");
            check(&scanned);
            check_long(&scanned);
        }
    }
}

/// As [`check`], of rows that are too long for registers, one a program.
fn check_long(scanned: &str) {
    let line = scanned.replace("AXIS", "0").replace("SHAPE", "[cols]");
    let text = format!(
        "kernel k(x: in i32[rows, cols], y: out i32[rows, cols])
        grid rows
        %0: i32 = program 0
        %1: i32[cols] = load x[%0, :]
        {line}
        store y[%0, :] = %9"
    );
    let program = parse(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    for &(rows, cols) in LONG {
        agree::agree(&program, &[&agree::counted(rows * cols)], &[rows, cols]);
    }
}

/// As [`check`], in each way that a scan by a function of `parts` components goes.
fn check_ways(parts: usize, scanned: &str) {
    let constants = "%30: i32 = const 7 %31: i32 = const -5 %32: i32 = const 11";
    let exclusive = format!(" exclusive {}", ["%30", "%31", "%32"][..parts].join(", "));
    for way in ["", " reverse", &exclusive, &format!("{exclusive} reverse")] {
        let along = scanned.replace("axis AXIS", &format!("axis AXIS{way}"));
        let scanned = format!("{constants} {along}");
        check(&scanned);
        check_long(&scanned);
    }
}

#[test]
fn by_a_function_that_does_not_commute() {
    // h <- a h + b, modulo 2^32: a depends on the element too.
    check_ways(
        2,
        "%2: i32 = const 3
        %3: i32SHAPE = mul %1, %2
        %4: i32SHAPE = scan_by %1, %3 axis AXIS (%20: i32, %21: i32; %22: i32, %23: i32) {
          %24: i32 = mul %20, %22
          %25: i32 = mul %21, %22
          %26: i32 = add %25, %23
          yield %24, %26
        }
        %9: i32SHAPE = part %4 number 1",
    );
}

#[test]
fn by_a_function_whose_results_change_places() {
    // The first and the last element, and how many: the last comes first.
    check_ways(
        3,
        "%2: i32 = const 1
        %3: i32SHAPE = broadcast %2
        %4: i32SHAPE = scan_by %1, %1, %3 axis AXIS
          (%20: i32, %21: i32, %22: i32; %23: i32, %24: i32, %25: i32) {
          %26: i32 = add %22, %25
          yield %20, %24, %26
        }
        %5: i32SHAPE = part %4 number 1
        %6: i32SHAPE = part %4 number 2
        %7: i32SHAPE = mul %4, %6
        %9: i32SHAPE = add %7, %5",
    );
}
