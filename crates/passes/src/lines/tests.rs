use super::apart::next_apart;
use super::*;
use tilewright_ir::random::{Case, Options, random_program};
use tilewright_ir::{Argument, bind_arguments, interpret, text};

/// What a program computes.
fn interpreted(case: &Case, program: &Program) -> Result<Vec<Argument>, String> {
    let mut arguments = case.arguments.clone();
    let bindings = bind_arguments(program, &arguments).map_err(|e| e.to_string())?;
    interpret(program, &mut arguments, &bindings).map_err(|e| e.to_string())?;
    Ok(arguments)
}

/// Runs random programs by line, taking lines for so much longer, in log2, and counts those that have any.
fn agreeing(longer: u32) -> usize {
    let mut changed = 0;
    for seed in 0..6000 {
        let case = random_program(seed, &Options::default());
        let mut program = case.program.clone();
        crate::pipeline::optimize(&mut program);
        let capacity = |e: Extent| match e.value(&case.dims) {
            0 | 1 => 0,
            n => n.ilog2() + longer,
        };
        let Some(lined) = by_line(&program, capacity) else { continue };
        let Ok(right) = interpreted(&case, &program) else { continue };
        changed += 1;
        let found = interpreted(&case, &lined).and_then(|found| case.check(&found, &right));
        found.unwrap_or_else(|why| panic!("{why}\n{program}\nbecame\n{lined}"));
    }
    changed
}

#[test]
fn random_programs_compute_the_same_line_by_line() {
    let changed = agreeing(LONG_LINE);
    assert!(changed > 60, "{changed}");
}

#[test]
fn random_programs_compute_the_same_with_each_line_as_text() {
    let changed = agreeing(RESIDENT);
    assert!(changed > 20, "{changed}");
}

/// Counts the loops over lines of a program and the statements in them.
fn loops(source: &str) -> Vec<usize> {
    let program = text::parse(source).unwrap();
    let lined = by_line(&program, |e| if e == Extent::Const(1) { 0 } else { 10 });
    let body = lined.map(|lined| lined.body).unwrap_or_default();
    let sizes = body.iter().filter_map(|statement| match statement {
        Stmt::For { body, .. } => Some(body.len()),
        _ => None,
    });
    sizes.collect()
}

const HEADER: &str = "kernel t(x: in f32[rows, states, cols], y: out f32[rows, cols], \
                      z: out f32[rows, states])\ngrid rows\n%0: i32 = program 0\n\
                      %1: f32[states, cols] = load x[%0, :, :]\n";

#[test]
fn one_loop_does_what_needs_no_other() {
    let source = format!(
        "{HEADER}%2: f32[states, cols] = scan_sum %1 axis 1\n\
         %3: f32[1, cols] = reduce_sum %2 axis 0\n%4: f32[cols] = reshape %3\n\
         %5: f32[states, cols] = mul %2, %1\n%6: f32[states, 1] = reduce_max %5 axis 1\n\
         %7: f32[states] = reshape %6\nstore y[%0, :] = %4\nstore z[%0, :] = %7\n"
    );
    assert_eq!(loops(&source).len(), 1);
}

#[test]
fn what_depends_on_all_lines_waits_for_them() {
    let source = format!(
        "{HEADER}%2: f32[1, cols] = reduce_max %1 axis 0\n\
         %3: f32[states, cols] = sub %1, %2\n%4: f32[states, cols] = scan_sum %3 axis 1\n\
         %5: f32[1, cols] = reduce_sum %4 axis 0\n%6: f32[cols] = reshape %5\n\
         store y[%0, :] = %6\n"
    );
    assert_eq!(loops(&source).len(), 2);
}

#[test]
fn tiles_that_others_need_whole_stay() {
    let source = format!(
        "{HEADER}%2: f32[states, cols] = scan_sum %1 axis 1\n\
         %3: f32[states, cols] = scan_sum %2 axis 0\n\
         %4: f32[1, cols] = reduce_sum %3 axis 0\n%5: f32[cols] = reshape %4\n\
         store y[%0, :] = %5\n"
    );
    assert_eq!(loops(&source), Vec::<usize>::new());
}

#[test]
fn lines_that_nobody_gathers_are_programs() {
    let source = "kernel t(x: in f32[rows, states, cols], y: out f32[rows, states, cols])\n\
                  grid rows\n%0: i32 = program 0\n%1: f32[states, cols] = load x[%0, :, :]\n\
                  %2: f32[states, cols] = scan_sum %1 axis 1\nstore y[%0, :, :] = %2\n";
    let program = text::parse(source).unwrap();
    let lined = by_line(&program, |e| if e == Extent::Const(1) { 0 } else { 10 }).unwrap();
    assert_eq!(lined.grid.len(), 2);
    assert!(lined.body.iter().all(|s| !matches!(s, Stmt::For { .. })));
}

#[test]
fn random_programs_compute_the_same_with_a_program_a_line() {
    let mut changed = 0;
    for seed in 0..30_000 {
        let case = random_program(seed, &Options::default());
        let mut program = case.program.clone();
        crate::pipeline::optimize(&mut program);
        let Some(mut apart) = next_apart(&program) else { continue };
        remove_dead(&mut apart);
        let Ok(right) = interpreted(&case, &program) else { continue };
        changed += 1;
        let found = interpreted(&case, &apart).and_then(|found| case.check(&found, &right));
        found.unwrap_or_else(|why| panic!("{why}\n{program}\nbecame\n{apart}"));
    }
    assert!(changed > 20, "{changed}");
}

/// The grid and the loads of a program that was cut into programs.
fn apart(source: &str) -> Option<String> {
    let apart = by_program(&text::parse(source).unwrap())?.to_string();
    let kept = apart.lines().filter(|l| l.starts_with("grid") || l.contains("load"));
    Some(kept.map(|l| l.trim()).collect::<Vec<_>>().join("; "))
}

#[test]
fn broadcast_maps_and_reductions_become_programs() {
    let maps = "kernel t(x: in f32[a, b, c], y: in f32[1, b, 1], z: out f32[a, b, c])
        %0: f32[a, b, c] = load x[:, :, :]
        %1: f32[1, b, 1] = load y[:, :, :]
        %2: f32[a, b, c] = mul %0, %1
        store z[:, :, :] = %2";
    assert_eq!(
        apart(maps).unwrap(),
        "grid a, b; %2: f32[1, 1, 1] = load y[:, %1..+1, :]; \
         %3: f32[1, 1, c] = load x[%0..+1, %1..+1, :]"
    );
    let rows = "kernel t(x: in f32[rows, n], y: out f32[rows, n], s: out f32[rows])
        %0: f32[rows, n] = load x[:, :]
        %1: f32[rows, 1] = reduce_sum %0 axis 1
        %2: f32[rows, n] = div %0, %1
        store y[:, :] = %2
        %3: f32[rows] = reshape %1
        store s[:] = %3";
    assert_eq!(apart(rows).unwrap(), "grid rows; %1: f32[1, n] = load x[%0..+1, :]");
}

#[test]
fn what_lies_flat_becomes_programs_too() {
    let blocks = "kernel t(x: in u8[64*n], s: in f32[n], y: out f32[128*n])
        %0: u8[64*n] = load x[:]
        %1: u32[128*n] = unpack %0 bits 4
        %2: f32[128*n] = cast %1
        %3: f32[n, 128] = reshape %2
        %4: f32[n] = load s[:]
        %5: f32[n, 1] = reshape %4
        %6: f32[n, 128] = mul %3, %5
        %7: f32[128*n] = reshape %6
        store y[:] = %7";
    assert_eq!(
        apart(blocks).unwrap(),
        "grid n; %3: u8[64] = load x[%2..+64]; %7: f32[1] = load s[%0..+1]"
    );
}

#[test]
fn what_needs_all_lines_stays_one_program() {
    let header = "kernel t(x: in f32[a, b], y: out f32[a, b])
        %0: f32[a, b] = load x[:, :]\n";
    for rest in [
        "%1: f32[1, b] = reduce_sum %0 axis 0\n%2: f32[a, b] = sub %0, %1\nstore y[:, :] = %2",
        "%1: f32[a, b] = scan_sum %0 axis 0\nstore y[:, :] = %1",
        "%1: f32[b, a] = transpose %0 [1, 0]\n%2: f32[a, b] = reshape %1\nstore y[:, :] = %2",
        "store y[:, :] = %0\n%1: f32[a, b] = load y[:, :]\n%2: f32[a, b] = add %0, %1\n\
         store y[:, :] = %2",
    ] {
        assert_eq!(apart(&format!("{header}{rest}")), None, "{rest}");
    }
}

/// The mask of one line's store, which another scan's lines are computed beside, is not lost.
#[test]
fn masks_go_line_by_line_with_what_they_mask() {
    let source = "kernel t(x: in f32[states, cols], w: in f32[states, cols], y: inout f32[states, cols], \
                  z: out f32[states, cols])\n\
                  %1: f32[states, cols] = load x[:, :]\n%2: f32[states, cols] = load w[:, :]\n\
                  %3: bool[states, cols] = is_nan %2\n\
                  %4: f32[states, cols] = scan_sum %1 axis 1\n\
                  %5: f32[states, cols] = scan_sum %2 axis 1\n\
                  store y[:, :] = %4 if %3\nstore z[:, :] = %5\n";
    let program = text::parse(source).unwrap();
    let lined = by_line(&program, |e| if e == Extent::Const(1) { 0 } else { 10 }).unwrap();
    assert!(text::print(&lined).contains(" if %"), "{lined}");
}

#[test]
fn reductions_over_the_outermost_axis_become_programs_of_columns() {
    let source = "kernel t(x: in f32[rows, n], s: out f32[n])
        %0: f32[rows, n] = load x[:, :]
        %1: f32[1, n] = reduce_sum %0 axis 0
        %2: f32[n] = reshape %1
        store s[:] = %2";
    assert_eq!(apart(source), None);
    let program = by_inner_program(&text::parse(source).unwrap()).unwrap().to_string();
    assert!(program.contains("grid n"), "{program}");
    assert!(program.contains("f32[rows, 1] = load x[:, %0..+1]"), "{program}");
    assert!(program.contains("store s[%0..+1]"), "{program}");
}
