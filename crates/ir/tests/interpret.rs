//! The interpreter: what ops give, and every fault it must find, with tensor, element and program.

use tilewright_ir::random::Random;
use tilewright_ir::text::parse;
use tilewright_ir::{
    Argument, DType, Fault, FaultKind, Program, Tensor, Trial, bind, bind_arguments, interpret,
    interpret_trial,
};

fn f32s(shape: &[usize], values: &[f64]) -> Argument {
    Argument::Tensor(Tensor::from_values(DType::F32, shape, values))
}

fn i32s(shape: &[usize], values: &[f64]) -> Argument {
    Argument::Tensor(Tensor::from_values(DType::I32, shape, values))
}

fn u32s(shape: &[usize], values: &[f64]) -> Argument {
    Argument::Tensor(Tensor::from_values(DType::U32, shape, values))
}

fn run(text: &str, arguments: &mut [Argument]) -> Result<(), Box<Fault>> {
    let program: Program = parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let bindings = bind_arguments(&program, arguments).unwrap();
    interpret(&program, arguments, &bindings)
}

/// The elements of `%9` as `body` computes it from `%0`, which holds `x`.
#[track_caller]
fn map(body: &str, x: &[f64]) -> Vec<f64> {
    let ty = body.split("%9: ").nth(1).and_then(|rest| rest.split(" =").next()).unwrap();
    let text = format!(
        "kernel k(x: in f32[n], y: out {ty}) %0: f32[n] = load x[:] {body} store y[:] = %9"
    );
    let program = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let bindings = bind(&program, &[Some(vec![x.len()]), None], &[]).unwrap();
    let dtype = DType::parse(ty.split('[').next().unwrap()).unwrap();
    let y = Tensor::zeros(dtype, &bindings.shapes[1]);
    let mut arguments = [f32s(&[x.len()], x), Argument::Tensor(y)];
    interpret(&program, &mut arguments, &bindings).unwrap_or_else(|e| panic!("{e}\n{text}"));
    arguments[1].tensor().unwrap().values()
}

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Equal, NaN being equal to itself.
#[track_caller]
fn same(a: &[f64], b: &[f64]) {
    let equal =
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
    assert!(equal, "{a:?} is not {b:?}");
}

#[test]
fn softmax_of_rows_of_any_rank() {
    let text = "kernel softmax(x: in f32[*rows, cols], y: out f32[*rows, cols])
        grid rows
        %0: i32 = program 0
        %1: f32[cols] = load x[%0, :]
        %2: f32[1] = reduce_max %1 axis 0
        %3: f32[cols] = sub %1, %2
        %4: f32[cols] = exp %3
        %5: f32[1] = reduce_sum %4 axis 0
        %6: f32[cols] = div %4, %5
        store y[%0, :] = %6";
    for shape in [vec![3], vec![1, 3], vec![2, 1, 3]] {
        let rows = shape.iter().product::<usize>() / 3;
        let x: Vec<f64> = [1.0, 2.0, 3.0].repeat(rows);
        let mut arguments = [f32s(&shape, &x), f32s(&shape, &[])];
        run(text, &mut arguments).unwrap();
        let y = arguments[1].tensor().unwrap().values();
        for (got, expected) in y.iter().zip([0.09003057, 0.24472847, 0.66524096].repeat(rows)) {
            assert!((got - expected).abs() < 1e-7, "{y:?}");
        }
    }
    run(text, &mut [f32s(&[0, 3], &[]), f32s(&[0, 3], &[])]).unwrap();
}

#[test]
fn reductions_and_scans() {
    let x = [3.0, 1.0, 2.0, 4.0];
    same(&map("%9: f32[1] = reduce_sum %0 axis 0", &x), &[10.0]);
    same(&map("%9: f32[1] = reduce_prod %0 axis 0", &x), &[24.0]);
    same(&map("%9: f32[1] = reduce_min %0 axis 0", &x), &[1.0]);
    same(&map("%9: f32[1] = reduce_max %0 axis 0", &[1.0, NAN, 2.0]), &[NAN]);
    same(&map("%9: f32[1] = reduce_max %0 axis 0", &[]), &[-INF]);
    same(&map("%9: f32[1] = reduce_sum %0 axis 0", &[INF, 1.0]), &[INF]);
    same(&map("%9: f32[1] = reduce_sum %0 axis 0", &[1e8, 1.0, -1e8]), &[1.0]);
    same(&map("%9: f32[n] = scan_sum %0 axis 0", &x), &[3.0, 4.0, 6.0, 10.0]);
    same(&map("%9: f32[n] = scan_sum %0 axis 0 exclusive", &x), &[0.0, 3.0, 4.0, 6.0]);
    same(&map("%9: f32[n] = scan_max %0 axis 0 reverse", &x), &[4.0, 4.0, 4.0, 4.0]);
    same(&map("%9: f32[n] = scan_sum %0 axis 0 exclusive reverse", &x), &[7.0, 6.0, 4.0, 0.0]);
}

#[test]
fn inner_axes_are_reduced_too() {
    let matrix = "%1: f32[2, 3] = reshape %2";
    let head = format!("%2: f32[6] = load x[%4..+6] {matrix}");
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let body = |op: &str| format!("%4: i32 = const 0 {head} {op}");
    let sum = body("%5: f32[1, 3] = reduce_sum %1 axis 0 %9: f32[3] = reshape %5");
    same(&map(&sum, &x), &[5.0, 7.0, 9.0]);
    let scan = body("%5: f32[2, 3] = scan_sum %1 axis 0 %9: f32[6] = reshape %5");
    same(&map(&scan, &x), &[1.0, 2.0, 3.0, 5.0, 7.0, 9.0]);
    let turned = body("%5: f32[3, 2] = transpose %1 [1, 0] %9: f32[6] = reshape %5");
    same(&map(&turned, &x), &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let joined = body("%5: f32[2, 6] = concat %1, %1 axis 1 %9: f32[12] = reshape %5");
    same(&map(&joined, &x), &[1., 2., 3., 1., 2., 3., 4., 5., 6., 4., 5., 6.]);
    let middle = body("%5: f32[2, 1] = slice %1 axis 1 from 1 %9: f32[2] = reshape %5");
    same(&map(&middle, &x), &[2.0, 5.0]);
    let product = body(
        "%5: f32[3, 2] = transpose %1 [1, 0] %6: f32[2, 2] = dot %1, %5 %9: f32[4] = reshape %6",
    );
    same(&map(&product, &x), &[14.0, 32.0, 32.0, 77.0]);
    let wide = body(
        "%5: f32[2, 1] = slice %1 axis 1 from 2 %6: f32[2, 3] = add %1, %5 %9: f32[6] = reshape %6",
    );
    same(&map(&wide, &x), &[4.0, 5.0, 6.0, 10.0, 11.0, 12.0]);
}

#[test]
fn ties_go_to_the_lower_position_and_nan_first() {
    let x = [2.0, 7.0, 7.0, NAN, 1.0, 1.0];
    same(&map("%9: u32[1] = argmax %0 axis 0", &x), &[3.0]);
    same(&map("%9: u32[1] = argmin %0 axis 0", &x), &[3.0]);
    let top = "%1: f32[4] = topk %0 k 4";
    same(&map(&format!("{top} %9: f32[4] = cast %1"), &x), &[NAN, 7.0, 7.0, 2.0]);
    same(&map(&format!("{top} %9: u32[4] = part %1 number 1"), &x), &[3.0, 1.0, 2.0, 0.0]);
    let no_nan = [1.0, 5.0, 5.0];
    same(&map("%9: u32[1] = argmax %0 axis 0", &no_nan), &[1.0]);
    same(&map("%9: u32[1] = argmin %0 axis 0", &[3.0, 1.0, 1.0]), &[1.0]);
}

#[test]
fn user_defined_reductions() {
    // The greatest element and how often it occurs.
    let body = "%1: f32[n] = sub %0, %0 %2: f32 = const 1.0 %3: f32[n] = add %1, %2
        %4: f32 = const -inf %5: f32 = const 0.0
        %6: f32[1] = reduce_by %0, %3 axis 0 from %4, %5 (%10: f32, %11: f32; %12: f32, %13: f32) {
          %14: f32 = max %10, %12
          %15: bool = eq %10, %14
          %16: bool = eq %12, %14
          %17: f32 = select %15, %11, %5
          %18: f32 = select %16, %13, %5
          %19: f32 = add %17, %18
          yield %14, %19
        }
        %7: f32[1] = part %6 number 1 %9: f32[2] = concat %6, %7 axis 0";
    same(&map(body, &[2.0, 9.0, 3.0, 9.0, 9.0]), &[9.0, 3.0]);
    let scan =
        "%9: f32[n] = scan_by %0 axis 0 (%1: f32; %2: f32) { %3: f32 = mul %1, %2 yield %3 }";
    same(&map(scan, &[2.0, 3.0, 4.0]), &[2.0, 6.0, 24.0]);
    // The first and the last that were joined, in the order of the scan.
    let order = |how: &str| {
        format!(
            "%5: f32 = const -1.0 %6: f32 = const -2.0
            %1: f32[n] = scan_by %0, %0 axis 0 {how} (%11: f32, %12: f32; %13: f32, %14: f32) {{
              yield %11, %14
            }}
            %2: f32[n] = part %1 number 1 %9: f32[2*n] = concat %1, %2 axis 0"
        )
    };
    let x = [2.0, 3.0, 4.0];
    same(&map(&order(""), &x), &[2.0, 2.0, 2.0, 2.0, 3.0, 4.0]);
    same(&map(&order("reverse"), &x), &[4.0, 4.0, 4.0, 2.0, 3.0, 4.0]);
    same(&map(&order("exclusive %5, %6"), &x), &[-1.0, 2.0, 2.0, -2.0, 2.0, 3.0]);
    same(&map(&order("exclusive %5, %6 reverse"), &x), &[4.0, 4.0, -1.0, 3.0, 4.0, -2.0]);
}

#[test]
fn ranges_fill_past_the_end_and_do_not_store_there() {
    let text = "kernel k(x: in f32[n], y: out f32[n])
        grid n / 4
        %0: i32 = program 0 %1: i32 = const 4 %2: i32 = mul %0, %1
        %3: f32[4] = load x[%2..+4] fill -1.0
        %4: f32[1] = reduce_sum %3 axis 0
        store y[%2..+4] = %4";
    let mut arguments = [f32s(&[6], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), f32s(&[6], &[])];
    run(text, &mut arguments).unwrap();
    same(&arguments[1].tensor().unwrap().values(), &[10.0, 10.0, 10.0, 10.0, 9.0, 9.0]);
    let strided = "%1: i32 = const 1 %9: f32[3] = load x[%1..+3 step 2]";
    same(&map(strided, &[0.0, 1.0, 2.0, 3.0, 4.0]), &[1.0, 3.0, 0.0]);
}

#[test]
fn ranges_fill_before_the_axis_and_do_not_store_there() {
    let x = [1.0, 2.0, 3.0, 4.0];
    let shifted = "%1: i32 = const -2 %9: f32[5] = load x[%1..+5] fill 7.0";
    same(&map(shifted, &x), &[7.0, 7.0, 1.0, 2.0, 3.0]);
    let strided = "%1: i32 = const -3 %9: f32[4] = load x[%1..+4 step 2]";
    same(&map(strided, &x), &[0.0, 0.0, 2.0, 4.0]);
    let apart = "%1: i32 = const -9 %9: f32[3] = load x[%1..+3]";
    same(&map(apart, &x), &[0.0; 3]);
    let text = "kernel k(x: in f32[n], y: inout f32[3])
        %0: f32[n] = load x[:]
        %1: i32 = const -1
        store y[%1..+n] = %0";
    let mut arguments = [f32s(&[3], &[1.0, 2.0, 3.0]), f32s(&[3], &[9.0; 3])];
    run(text, &mut arguments).unwrap();
    same(&arguments[1].tensor().unwrap().values(), &[2.0, 3.0, 9.0]);
}

#[test]
fn gather_pick_unpack_and_loops() {
    let text = "kernel k(x: in f32[r, c], i: in i32[n], y: out f32[n, c])
        %0: i32[n] = load i[:] %1: f32[n, c] = load x[gather %0, :] store y[:, :] = %1";
    let mut arguments =
        [f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), i32s(&[3], &[1.0, 0.0, 1.0]), f32s(&[3, 2], &[])];
    run(text, &mut arguments).unwrap();
    same(&arguments[2].tensor().unwrap().values(), &[3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);

    let text = "kernel k(w: in u32[1], y: out u32[8], z: out u32[4])
        %0: u32[1] = load w[:] %1: u32[8] = unpack %0 bits 4 store y[:] = %1
        %2: u32[4] = unpack %0 bits 8 store z[:] = %2";
    let mut arguments = [u32s(&[1], &[0x8765_4321u32 as f64]), u32s(&[8], &[]), u32s(&[4], &[])];
    run(text, &mut arguments).unwrap();
    same(&arguments[1].tensor().unwrap().values(), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let bytes = [0x21, 0x43, 0x65, 0x87].map(f64::from);
    same(&arguments[2].tensor().unwrap().values(), &bytes);

    let text = "kernel k(y: out i32[])
        var $0: i32
        %0: i32 = const 0 %1: i32 = const 10 set $0 = %0
        for %2 in %0..%1 step 3 { %3: i32 = get $0 %4: i32 = add %3, %2 set $0 = %4
          %5: i32 = const 6 %6: bool = eq %2, %5 when %6 { set $0 = %5 } }
        %7: i32 = get $0 store y[] = %7";
    let mut arguments = [i32s(&[], &[])];
    run(text, &mut arguments).unwrap();
    same(&arguments[0].tensor().unwrap().values(), &[15.0]);
}

#[test]
fn philox_is_a_function_of_position_seed_and_stream() {
    let text = "kernel k(y: out u32[4], seed: scalar u32)
        %0: i32[4] = iota 4 %1: u32[4] = cast %0 %2: u32 = scalar seed %3: u32 = const 0
        %4: u32[4] = philox %1, %2, %3 store y[:] = %4";
    let mut arguments = [u32s(&[4], &[]), Argument::Scalar(0.0)];
    run(text, &mut arguments).unwrap();
    let published = [0x6627_e8d5u32, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8].map(f64::from);
    same(&arguments[0].tensor().unwrap().values(), &published);
}

#[test]
fn strides_are_followed() {
    let text = "kernel k(x: in f32[*rows, cols], y: out f32[*rows, cols]) grid rows
        %0: i32 = program 0 %1: f32[cols] = load x[%0, :] store y[%0, :] = %1";
    let (f32, shape) = (DType::F32, vec![2, 2, 3]);
    // x[i, j, k] = k - i - 10 j of a memory that lies backwards in part, y transposed.
    let mut x = Tensor::from_values(f32, &[24], &(0..24).map(f64::from).collect::<Vec<_>>());
    (x.shape, x.strides, x.offset) = (shape.clone(), vec![-1, 10, 2], 5);
    let mut y = Tensor::zeros(f32, &[12]);
    (y.shape, y.strides) = (shape, vec![1, 2, 4]);
    let expected = x.values();
    assert_eq!(expected[..4], [5.0, 7.0, 9.0, 15.0]);
    let mut arguments = [Argument::Tensor(x), Argument::Tensor(y)];
    run(text, &mut arguments).unwrap();
    same(&arguments[1].tensor().unwrap().values(), &expected);
}

#[test]
fn atomics_join_and_masks_hold_back() {
    let text = "kernel k(i: in i32[n], y: inout f32[m], z: inout i32[m]) grid n
        %0: i32 = program 0 %1: i32 = load i[%0] %2: f32 = const 0.5
        atomic_add y[%1] = %2 atomic_max z[%1] = %0";
    let mut arguments =
        [i32s(&[5], &[0.0, 1.0, 0.0, 0.0, 1.0]), f32s(&[2], &[1.0, 2.0]), i32s(&[2], &[7.0, 0.0])];
    run(text, &mut arguments).unwrap();
    same(&arguments[1].tensor().unwrap().values(), &[2.5, 3.0]);
    same(&arguments[2].tensor().unwrap().values(), &[7.0, 4.0]);
    let text = "kernel k(y: inout f32[n]) %0: f32[n] = load y[:] %1: f32 = const 0.0
        %2: bool[n] = gt %0, %1 store y[:] = %1 if %2";
    let mut arguments = [f32s(&[3], &[-1.0, 2.0, NAN])];
    run(text, &mut arguments).unwrap();
    same(&arguments[0].tensor().unwrap().values(), &[-1.0, 0.0, NAN]);
}

#[track_caller]
fn fault(text: &str, arguments: &mut [Argument]) -> Fault {
    *run(text, arguments).expect_err("a fault")
}

#[test]
fn out_of_bounds_is_found() {
    let text = "kernel k(x: in f32[n], i: in i32[m], y: out f32[m]) grid m
        %0: i32 = program 0 %1: i32 = load i[%0] %2: f32 = load x[%1] store y[%0] = %2";
    let arguments = |i: f64| [f32s(&[4], &[0.0; 4]), i32s(&[2], &[0.0, i]), f32s(&[2], &[])];
    for position in [4.0, -1.0] {
        let found = fault(text, &mut arguments(position));
        assert_eq!(found.kind, FaultKind::OutOfBounds);
        assert_eq!((found.tensor.as_deref(), &found.program), (Some("x"), &Some(vec![1])));
        assert_eq!(found.index, [position as i64]);
        assert!(found.to_string().contains("outside axis 0 of `x`, which has extent 4"), "{found}");
    }
    let gather = text.replace("%1: i32 = load i[%0]", "%1: i32[m] = load i[:]");
    let gather = gather.replace("%2: f32 = load x[%1]", "%2: f32[m] = load x[gather %1]");
    let gather =
        gather.replace("grid m", "").replace("y[%0]", "y[:]").replace("%0: i32 = program 0", "");
    assert_eq!(fault(&gather, &mut arguments(9.0)).kind, FaultKind::OutOfBounds);
    let range =
        text.replace("%2: f32 = load x[%1]", "%3: f32[1] = load x[%1..+1] %2: f32[] = reshape %3");
    run(&range, &mut arguments(-2.0)).unwrap();
    run(&range, &mut arguments(7.0)).unwrap();
    let pick =
        "kernel k(i: in i32[1], y: out i32[1]) %0: i32[1] = load i[:] %1 named: i32[3] = iota 3
        %2: i32[1] = pick %1, %0 store y[:] = %2";
    let found = fault(pick, &mut [i32s(&[1], &[3.0]), i32s(&[1], &[])]);
    assert_eq!((found.kind, found.tensor.as_deref()), (FaultKind::OutOfBounds, Some("named")));
    let top = "kernel k(x: in f32[n], y: out f32[4]) %0: f32[n] = load x[:] %1: f32[4] = topk %0 k 4 store y[:] = %1";
    // This one is told before anything runs.
    let arguments = [f32s(&[3], &[]), f32s(&[4], &[])];
    let error = bind_arguments(&parse(top).unwrap(), &arguments).unwrap_err().to_string();
    assert_eq!(error, "k: the 4 greatest of 3 elements are asked for");
}

#[test]
fn unwritten_memory_is_found() {
    let text = "kernel k(y: out f32[n, 2]) grid n
        %0: i32 = program 0 %1: i32 = const 1 %2: f32 = const 1.0 store y[%0, %1] = %2";
    let found = fault(text, &mut [f32s(&[3, 2], &[])]);
    assert_eq!(found.kind, FaultKind::UnwrittenOutput);
    assert_eq!((found.tensor.as_deref(), &found.index[..]), (Some("y"), &[0, 0][..]));
    assert!(found.to_string().contains("3 elements of `y` were never written"), "{found}");
    let text = "kernel k(y: out f32[2]) %0: i32 = const 0 %1: f32 = const 1.0 store y[%0] = %1
        %2: f32[2] = load y[:] store y[:] = %2";
    let found = fault(text, &mut [f32s(&[2], &[])]);
    assert_eq!((found.kind, &found.index[..]), (FaultKind::UnwrittenRead, &[1][..]));
}

#[test]
fn races_are_found() {
    let case = |body: &str| {
        let text = format!(
            "kernel k(y: inout f32[n]) grid n %0: i32 = program 0 %1: i32 = const 0 \
             %2: f32 = const 1.0 {body}"
        );
        run(&text, &mut [f32s(&[3], &[0.0; 3])]).map_err(|fault| fault.kind)
    };
    let race = Err(FaultKind::Race);
    assert_eq!(case("store y[%1] = %2"), race, "all write one element");
    assert_eq!(case("%3: f32 = load y[%1] store y[%0] = %3"), race, "all read what one writes");
    assert_eq!(
        case("%3: f32[1] = load y[%0..+1] %4: f32[2] = load y[%0..+2] store y[%0] = %2"),
        race
    );
    assert_eq!(case("atomic_add y[%1] = %2 store y[%1] = %2"), race);
    assert_eq!(case("atomic_add y[%1] = %2 %3: f32 = load y[%1]"), race);
    assert_eq!(case("%3: f32 = load y[%1] atomic_add y[%1] = %2"), race);
    assert_eq!(case("%3: f32 = load y[%1]"), Ok(()), "reading is no race");
    assert_eq!(case("%3: f32 = load y[%0] store y[%0] = %3 store y[%0] = %2"), Ok(()));
    assert_eq!(case("atomic_add y[%1] = %2"), Ok(()));
    let text = "kernel k(y: out f32[n]) grid n %0: i32 = program 0 %1: i32 = const 0 \
                %2: f32 = const 1.0 store y[%1] = %2";
    let found = fault(text, &mut [f32s(&[3], &[])]);
    assert_eq!((found.tensor.as_deref(), &found.index[..]), (Some("y"), &[0][..]));
    assert_eq!(found.program, Some(vec![1]));
    assert!(found.to_string().contains("written by program [0]"), "{found}");
    let twice = "kernel k(y: inout f32[n]) %0: i32[2] = iota 2 %1: i32[2] = sub %0, %0 \
                 %2: f32 = const 1.0 store y[gather %1] = %2";
    assert_eq!(fault(twice, &mut [f32s(&[3], &[])]).kind, FaultKind::RepeatedWrite);
}

#[test]
fn arguments_must_fit() {
    let text = "kernel k(x: in f32[n], y: out f32[n], s: scalar f32) %0: f32[n] = load x[:] store y[:] = %0";
    let program = parse(text).unwrap();
    let (x, y) = (f32s(&[2], &[1.0, 2.0]), f32s(&[2], &[]));
    let bindings = bind(&program, &[Some(vec![2]), Some(vec![2]), None], &[]).unwrap();
    let check = |arguments: &mut [Argument]| {
        interpret(&program, arguments, &bindings).map_err(|fault| fault.to_string())
    };
    assert_eq!(check(&mut [x.clone(), y.clone(), Argument::Scalar(1.0)]), Ok(()));
    let error = |arguments: &mut [Argument], expected: &str| {
        let text = check(arguments).unwrap_err();
        assert!(text.contains(expected), "{text}");
    };
    error(&mut [x.clone(), y.clone()], "got 2 arguments for 3 parameters");
    error(&mut [x.clone(), y.clone(), y.clone()], "`s` is a scalar but got a tensor");
    error(
        &mut [Argument::Scalar(0.0), y.clone(), Argument::Scalar(1.0)],
        "`x` is a tensor but got",
    );
    error(
        &mut [u32s(&[2], &[]), y.clone(), Argument::Scalar(1.0)],
        "`x` is u32[2], expected f32[2]",
    );
    let mut short = Tensor::zeros(DType::F32, &[2]);
    short.bytes.truncate(4);
    error(
        &mut [Argument::Tensor(short), y.clone(), Argument::Scalar(1.0)],
        "reaches elements 0..=1",
    );
    let mut overlapping = Tensor::zeros(DType::F32, &[2]);
    overlapping.strides = vec![0];
    error(&mut [x, Argument::Tensor(overlapping), Argument::Scalar(1.0)], "overlap");
    let invalid = parse("kernel k(y: in f32[n]) %0: f32 = const 1.0 store y[:] = %0").unwrap();
    let bindings = bind(&invalid, &[Some(vec![2])], &[]).unwrap();
    let found = interpret(&invalid, &mut [y.clone()], &bindings).unwrap_err();
    assert!(found.to_string().contains("is stored to"), "{found}");
    let forgotten = parse("kernel k(y: out f32[n])").unwrap();
    let found = interpret(&forgotten, &mut [y], &bindings).unwrap_err();
    assert!(found.to_string().contains("never written"), "{found}");
}

#[test]
fn a_trial_moves_the_smallest_numbers_by_their_own_unit() {
    let text = "kernel k(x: in f32[n], y: out f32[n], z: out f32[n])
        %0: f32[n] = load x[:]
        %1: f32[n] = exp %0
        %2: f32[n] = mul %0, %0
        store y[:] = %1
        store z[:] = %2";
    let program: Program = parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let still = [f32s(&[2], &[-100.0, 0.0]), f32s(&[2], &[0.0; 2]), f32s(&[2], &[0.0; 2])];
    let bindings = bind_arguments(&program, &still).unwrap();
    let least = DType::F32.least();
    let (mut lowest, mut highest) = (INF, 0.0f64);
    for seed in 0..40 {
        let random = Random::new(seed);
        let trial = Trial { work: 1 << 20, off: 4.0, random, smooth: false };
        let mut arguments = still.to_vec();
        interpret_trial(&program, &mut arguments, &bindings, trial).unwrap();
        let y = arguments[1].tensor().unwrap().values();
        (lowest, highest) = (lowest.min(y[0]), highest.max(y[0]));
        // What is exactly nothing stays.
        assert_eq!(arguments[2].tensor().unwrap().values()[1], 0.0);
    }
    // e^-100 has 27 units.
    let exact = DType::F32.round((-100.0f64).exp());
    assert!(lowest <= exact - least && highest >= exact + least, "{lowest:e} to {highest:e}");
    assert!(
        exact - lowest <= 3.0 * least && highest - exact <= 3.0 * least,
        "{lowest:e} to {highest:e}"
    );
}

#[test]
fn a_trial_stops_at_a_pole_when_asked_to() {
    let text = "kernel k(x: in f32[n], y: out f32[n])
        %0: f32[n] = load x[:] %1: f32[n] = recip %0 %2: f32[n] = recip %1 store y[:] = %2";
    let tried = |x: f64, smooth| {
        let program = parse(text).unwrap();
        let mut arguments = [f32s(&[1], &[x]), f32s(&[1], &[])];
        let bindings = bind_arguments(&program, &arguments).unwrap();
        let trial = Trial { work: 1 << 20, off: 0.0, random: Random::new(0), smooth };
        interpret_trial(&program, &mut arguments, &bindings, trial).is_ok()
    };
    assert!(tried(2.0, true) && tried(0.0, false));
    assert!(!tried(0.0, true));
}

#[test]
fn a_trial_stops_where_equal_elements_are_ordered_when_asked_to() {
    let text = "kernel k(x: in f32[n], y: out f32[2])
        %0: f32[n] = load x[:] %1: f32[2] = topk %0 k 2 store y[:] = %1";
    let tried = |x: &[f64], smooth| {
        let program = parse(text).unwrap();
        let mut arguments = [f32s(&[x.len()], x), f32s(&[2], &[])];
        let bindings = bind_arguments(&program, &arguments).unwrap();
        let trial = Trial { work: 1 << 20, off: 0.0, random: Random::new(0), smooth };
        interpret_trial(&program, &mut arguments, &bindings, trial).is_ok()
    };
    assert!(tried(&[2.0, 3.0, 1.0, 1.0], true) && tried(&[2.0, 2.0, 1.0], false));
    for tied in [[2.0, 2.0, 1.0], [1.0, 3.0, 1.0]] {
        assert!(!tried(&tied, true), "{tied:?}");
    }
}

#[test]
fn a_trial_stops_where_a_half_overflows_that_a_wider_register_holds() {
    let tried = |op: &str, x: f64| {
        let text = format!(
            "kernel k(x: in f16[n], y: out f16[n])
            %0: f16[n] = load x[:] %1: f16[n] = {op} %2: f16[n] = log %1 store y[:] = %2"
        );
        let program = parse(&text).unwrap();
        let tensor = |values: &[f64]| {
            Argument::Tensor(Tensor::from_values(DType::F16, &[values.len()], values))
        };
        let mut arguments = [tensor(&[x]), tensor(&[0.0])];
        let bindings = bind_arguments(&program, &arguments).unwrap();
        let trial = Trial { work: 1 << 20, off: 0.0, random: Random::new(0), smooth: false };
        interpret_trial(&program, &mut arguments, &bindings, trial).is_ok()
    };
    // 7^7 is 823543.
    assert!(tried("pow %0, %0", 3.0) && !tried("pow %0, %0", 7.0));
    assert!(tried("recip %0", 0.0) && !tried("recip %0", 1e-5), "a pole is one everywhere");
}
