//! Programs on which a target and the interpreter once differed, as mutants and users found them.

mod agree;

use agree::counted;
use tilewright_ir::text::parse;

fn agree(text: &str, inputs: &[&[f64]], dims: &[usize]) -> Vec<Vec<f64>> {
    agree::agree(&parse(text).unwrap(), inputs, dims)
}

#[test]
fn places_may_be_what_threads_found() {
    // The order of a row, scattered by the positions that top-k gave, and gathered by them.
    let scatter = "kernel scatter(x: in f32[*rows, 7], y: out f32[*rows, 7])
        grid rows
        %0: i32 = program 0
        %1: f32[7] = load x[%0, :]
        %2: f32[7] = topk %1 k 7
        %3: u32[7] = part %2 number 1
        store y[%0, gather %3] = %2";
    let x = counted(21);
    let y = agree(scatter, &[&x], &[3]);
    assert_eq!(y[0], x, "each goes back to where it was");
    let gather =
        "kernel gather(x: in f32[*rows, cols], of: in f32[*rows, cols], y: out f32[*rows, 2])
        grid rows
        %0: i32 = program 0
        %1: f32[cols] = load x[%0, :]
        %2: f32[2] = topk %1 k 2
        %3: u32[2] = part %2 number 1
        %4: f32[2] = load of[%0, gather %3]
        store y[%0, :] = %4";
    agree(gather, &[&x, &counted(21)], &[3, 7]);
    let summed = "kernel summed(x: in f32[*rows, cols], of: in f32[cols, 3], y: out f32[*rows, 3])
        grid rows
        %0: i32 = program 0
        %1: f32[cols] = load x[%0, :]
        %2: i32[cols] = cast %1
        %3: i32[cols] = scan_sum %2 axis 0
        %4: f32[cols, 3] = load of[gather %3, :]
        %5: f32[1, 3] = reduce_sum %4 axis 0
        %6: f32[3] = reshape %5
        store y[%0, :] = %6";
    let ones: Vec<f64> = (0..14).map(|i| (i % 7 != 0) as u8 as f64).collect();
    agree(summed, &[&ones, &counted(21)], &[2, 7]);
}

#[test]
fn the_place_of_an_extremum_of_nothing_is_0() {
    for op in ["argmax", "argmin"] {
        let text = format!(
            "kernel k(x: in f32[*rows, cols], y: out u32[*rows])
            grid rows
            %0: i32 = program 0
            %1: f32[cols] = load x[%0, :]
            %2: u32[1] = {op} %1 axis 0
            %3: u32 = reshape %2
            store y[%0] = %3"
        );
        assert_eq!(agree(&text, &[&[]], &[2, 0]), [[0.0, 0.0]]);
        assert_eq!(agree(&text, &[&[3.0, 3.0, f64::INFINITY, 5.0]], &[2, 2])[0].len(), 2);
    }
}

#[test]
fn a_range_may_begin_as_far_out_as_numbers_go() {
    let text = "kernel k(x: in f32[n], start: scalar i32, y: out f32[8])
        %0: i32 = scalar start
        %1: f32[8] = load x[%0..+8 step 3] fill 0.5
        store y[:] = %1";
    for start in [0, 3, i32::MAX - 7, i32::MAX] {
        agree(text, &[&counted(9), &[start as f64]], &[9]);
    }
    let known = text.replace("scalar start", "const 2147483647").replace(", start: scalar i32", "");
    agree(&known, &[&counted(9)], &[9]);
}

#[test]
fn nothing_is_drawn_above_what_is_no_number() {
    let text = "kernel k(x: in f32[n], p: scalar f32, seed: scalar u32, y: out f32[n])
        %0: f32 = scalar p
        %1: u32 = scalar seed
        %2: f32[n] = load x[:]
        %3: i32[n] = iota n
        %4: u32[n] = cast %3
        %5: u32[n] = philox %4, %1, %1
        %6: u32 = const 8
        %7: u32[n] = shr %5, %6
        %8: f32[n] = cast %7
        %9: f32 = const 5.960464477539063e-8
        %10: f32[n] = mul %8, %9
        %11: bool[n] = ge %10, %0
        %12: f32 = const 0.0
        %13: f32[n] = select %11, %2, %12
        store y[:] = %13";
    for p in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.5, 1.0] {
        let kept = agree(text, &[&[1.0; 40], &[p], &[9.0]], &[40])[0].iter().sum::<f64>();
        assert_eq!(kept > 0.0, p < 1.0, "{p}");
    }
}

#[test]
fn windows_that_overlap_are_written_in_turn() {
    let text = "kernel k(x: in f32[rows, cols], y: out f32[rows, cols])
        %0: i32 = const 0
        %1: i32 = size rows
        for %2 in %0..%1 {
          %3: f32[cols] = load x[%2, :]
          store y[%2..+3, :] = %3
        }";
    let x = counted(40);
    assert_eq!(agree(text, &[&x], &[5, 8])[0], x);
}

#[test]
fn integers_that_a_type_has_no_room_for_do_not_count_on() {
    // 127, 127, 127, ... after 127: no four of these begin at a multiple of four.
    let text = "kernel k(x: in f32[n], seed: scalar u32, y: out u32[n])
        %0: u32 = scalar seed
        %1: f32[n] = load x[:]
        %2: i32[n] = iota n
        %3: i8[n] = cast %2
        %4: u32[n] = cast %3
        %5: u32[n] = philox %4, %0, %0
        store y[:] = %5";
    agree(text, &[&[0.0; 300], &[9.0]], &[300]);
    // 0, 0, ..., 0, 1, 2: nor do these.
    let text = "kernel k(x: in f32[n], seed: scalar u32, y: out u32[n])
        %0: u32 = scalar seed
        %1: f32[n] = load x[:]
        %2: i32[n] = iota n
        %3: i32 = const -8
        %4: i32[n] = add %2, %3
        %5: u32[n] = cast %4
        %6: u32[n] = philox %5, %0, %0
        store y[:] = %6";
    agree(text, &[&[0.0; 300], &[9.0]], &[300]);
}

#[test]
fn what_is_known_to_be_never_reached_is_no_mistake() {
    let text = "kernel k(x: in i32[n], y: out i32[n])
        grid n
        %0: i32 = program 0
        %1: i32 = load x[%0]
        %2: i32 = const 0
        %3: bool = gt %1, %2
        store y[%0] = %1
        when %3 {
          %4: f32 = const -inf
          %5: i32 = cast %4
          store y[%5] = %1
        }";
    agree(text, &[&[-3.0, -1.0]], &[2]);
    let text = "kernel k(x: in f32[rows], y: out f32[rows])
        grid rows
        %0: i32 = program 0
        %1: f32 = load x[%0]
        %2: i32 = const 0
        %3: bool = cast %2
        store y[%0] = %1 if %3";
    agree(text, &[&[]], &[0]);
}

#[test]
fn a_product_that_is_not_stored_is_not_taken_for_the_result() {
    let text = "kernel k(x: in f32[m, k], w: in f32[k, n], y: out f32[m, n])
        grid m / 4, n / 4
        var $0: f32[4, 4]
        %0: i32 = program 0
        %1: i32 = program 1
        %2: i32 = const 4
        %3: i32 = mul %0, %2
        %4: i32 = mul %1, %2
        %5: f32 = const 0.0
        %6: f32[4, 4] = broadcast %5
        set $0 = %6
        %7: i32 = const 0
        %8: i32 = size k
        %9: f32[4, 4] = get $0
        for %10 in %7..%8 step 8 {
          %11: f32[4, 8] = load x[%3..+4, %10..+8]
          %12: f32[8, 4] = load w[%10..+8, %4..+4]
          %13: f32[4, 4] = dot %11, %12
          %14: f32[4, 4] = get $0
          %15: f32[4, 4] = add %14, %13
          set $0 = %15
        }
        store y[%3..+4, %4..+4] = %9";
    let dims = [5, 16, 6];
    assert_eq!(agree(text, &[&counted(80), &counted(96)], &dims), [[0.0; 30]]);
    let last = text.replace("add %14, %13", "add %9, %13").replace("] = %9", "] = %16");
    let last = last.replace("store", "%16: f32[4, 4] = get $0\n store");
    agree(&last, &[&counted(80), &counted(96)], &dims);
}

#[test]
fn a_sum_over_something_else_than_its_length_is_no_mean() {
    // The count is 1 for a truth value and 127 for a byte.
    for narrow in ["bool", "i8"] {
        let text = format!(
            "kernel k(x: in f16[*rows, 64*groups], norm: in f16[64*groups], w: in u32[columns, 8*groups],
                      scales: in f16[columns, groups], biases: in f16[columns, groups], y: out f16[*rows, columns])
            grid rows, columns
            %1: i32 = program 0
            %2: i32 = program 1
            %3: f16[64*groups] = load x[%1, :]
            %4: f32[64*groups] = cast %3
            %5: f32[64*groups] = mul %4, %4
            %6: f32[1] = reduce_sum %5 axis 0
            %7: i32 = size 64*groups
            %8: {narrow} = cast %7
            %9: f32 = cast %8
            %10: f32[1] = div %6, %9
            %0: f32 = const 0.0
            %11: f32[1] = add %10, %0
            %12: f32[1] = rsqrt %11
            %13: f32[64*groups] = mul %4, %12
            %14: f16[64*groups] = load norm[:]
            %15: f32[64*groups] = cast %14
            %16: f32[64*groups] = mul %13, %15
            %17: f16[64*groups] = cast %16
            %18: f32[64*groups] = cast %17
            %19: f16[groups] = load scales[%2, :]
            %20: f32[groups] = cast %19
            %21: f32[groups, 1] = reshape %20
            %22: u32[8*groups] = load w[%2, :]
            %23: u32[64*groups] = unpack %22 bits 4
            %24: f32[64*groups] = cast %23
            %25: f32[groups, 64] = reshape %24
            %26: f32[groups, 64] = mul %25, %21
            %27: f16[groups] = load biases[%2, :]
            %28: f32[groups] = cast %27
            %29: f32[groups, 1] = reshape %28
            %30: f32[groups, 64] = add %26, %29
            %31: f32[64*groups] = reshape %30
            %32: f32[64*groups] = mul %18, %31
            %33: f32[1] = reduce_sum %32 axis 0
            %34: f16[1] = cast %33
            %36: f16 = reshape %34
            store y[%1, %2] = %36"
        );
        // Squares that add up to 64, and to 127, so that the factor is 1/8, and 1.
        let mut x = vec![0.0; 256];
        let (first, sum) =
            if narrow == "bool" { ([4.0; 4], 2.0) } else { ([9.0, 6.0, 3.0, 1.0], 19.0) };
        x[..4].copy_from_slice(&first);
        let words = vec![0x1111_1111u32 as f64; 2 * 32];
        let (ones, zeros) = (vec![1.0; 256], vec![0.0; 8]);
        let made = agree(&text, &[&x, &ones, &words, &ones[..8], &zeros], &[1, 4, 2]);
        assert_eq!(made, [[sum, sum]]);
    }
}

#[test]
fn a_single_element_of_a_window_is_the_same_for_all() {
    let whole = "dims rows, lines, cols, row_blocks = ceil(rows / 4), line_blocks = ceil(lines / 8)
        kernel k(p0: in f32[*rows, lines, cols], p1: in f16[1], p2: in f16[*rows, lines, 2*cols],
            p4: out i8[*rows, lines, 6], p8: out f32[*rows, lines, 2*cols])
        grid rows / 4, lines / 8
        %0: i32 = program 0
        %1: i32 = program 1
        %2: i32[2*cols] = iota 2*cols
        %3: i32 = size 1
        %4: i32[2*cols] = rem %2, %3
        %5: u32[2*cols] = cast %4
        %6: f16[2*cols] = load p1[gather %5]
        %7: f32[2*cols] = cast %6
        %8: i32 = const 3
        %9: f16[4, 8, 6] = load p2[%0..+4, %1..+8, %8..+6 step 3] fill 1.0
        %10: f32[4, 8, 6] = cast %9
        %11: i32 = const 1
        %12: f32[4, 8, 1] = load p0[%0..+4, %1..+8, %11..+1 step 2] fill -1.5
        %13: f32[4, 8, 2*cols] = mul %12, %7
        %14: i8[4, 8, 6] = cast %10
        store p4[%0..+4, %1..+8, :] = %14
        store p8[%0..+4, %1..+8, :] = %13";
    let x = counted(6);
    agree(whole, &[&x, &[2.25], &counted(12)], &[1, 1, 6, 1, 1]);
    let side_by_side = whole.replace("+1 step 2", "+1");
    agree(&side_by_side, &[&x, &[2.25], &counted(12)], &[1, 1, 6, 1, 1]);
}

#[test]
fn windows_may_begin_before_their_axis() {
    // A causal convolution of rows, its taps along the time; the windows of a program of its own; every other position.
    let x = counted(30);
    let causal = "kernel causal(x: in f32[*rows, time], w: in f32[3], y: out f32[*rows, time])
        grid rows
        %0: i32 = program 0
        %1: i32 = const -2
        %2: f32[time] = load x[%0, %1..+time]
        %3: i32 = const -1
        %4: f32[time] = load x[%0, %3..+time] fill 0.5
        %5: i32 = const 0
        %6: f32 = load w[%5]
        %7: f32[time] = mul %2, %6
        %8: f32[time] = add %7, %4
        store y[%0, :] = %8";
    for rows in [1, 2, 6] {
        agree(causal, &[&x, &[2.0, 3.0, 4.0]], &[rows, 30 / rows]);
    }
    let around = "kernel around(x: in f32[n, 2], y: out f32[n, 5])
        grid n
        %0: i32 = program 0
        %1: i32 = const 2
        %2: i32 = sub %0, %1
        %3: f32[5, 2] = load x[%2..+5, :] fill -1.0
        %4: f32[5, 1] = reduce_sum %3 axis 1
        %5: f32[5] = reshape %4
        store y[%0, :] = %5";
    agree(around, &[&x], &[15]);
    let apart = "kernel apart(x: in f32[n], from: in i32[rows], y: out f32[rows, 9])
        grid rows
        %0: i32 = program 0
        %1: i32 = load from[%0]
        %2: f32[9] = load x[%1..+9 step 3] fill 8.0
        store y[%0, :] = %2";
    let from = [-40.0, -25.0, -24.0, -7.0, -1.0, 0.0, 2.0, 29.0, 31.0, -2147483648.0];
    agree(apart, &[&x, &from], &[30, 10]);
    let both = "kernel both(x: in f32[n, n], y: out f32[n, 4, 4])
        grid n
        %0: i32 = program 0
        %1: i32 = const -1
        %2: i32 = add %0, %1
        %3: f32[4, 4] = load x[%2..+4, %1..+4]
        store y[%0, :, :] = %3";
    agree(both, &[&counted(36)], &[6]);
    let stored = "kernel stored(x: in f32[rows, n], y: inout f32[rows, n])
        grid rows
        %0: i32 = program 0
        %1: f32[n] = load x[%0, :]
        %2: i32 = const -3
        store y[%0, %2..+n] = %1";
    agree(stored, &[&x, &vec![9.0; 30]], &[2, 15]);
}

#[test]
fn a_mask_may_be_what_is_stored() {
    let text = "kernel k(x: in bool[n, 1], y: inout f16[*rows, n, 1])
        grid rows
        %0: i32 = program 0
        %1: bool[n, 1] = load x[:, :] fill true
        %2: f16[n, 1] = cast %1
        store y[%0, :, :] = %2 if %1";
    for n in [1, 7, 300, 4099, 8192, 8198, 20000] {
        let x: Vec<f64> = (0..n).map(|i| (i % 3 == 1) as u8 as f64).collect();
        for rows in [1, 2] {
            agree(text, &[&x, &vec![0.5; rows * n]], &[n, rows]);
        }
    }
}

#[test]
fn rows_that_are_looked_up_may_lie_in_any_order() {
    // Each row is read twice. Of 8 elements a batch has many programs.
    let program = parse(
        "kernel k(source: in i32[entries, n], index: in i32[rows], y: out i32[rows, n])
        grid rows
        %0: i32 = program 0
        %1: i32 = load index[%0]
        %2: i32[n] = load source[%1, :]
        %3: i32[n] = mul %2, %2
        %4: i32[n] = sub %3, %2
        store y[%0, :] = %4",
    )
    .unwrap();
    let (entries, n, rows) = (700, 8, 600);
    let orders: [fn(usize) -> usize; 6] = [
        |row| row,
        |row| row + 100,
        |row| 650 - row,
        |row| row % 75,
        |row| 2 * row % 699,
        // One row in a batch out of its place, and not at its ends.
        |row| if row % 50 == 23 { 0 } else { row },
    ];
    let dims: Vec<usize> = program
        .dims
        .iter()
        .map(|dim| match &*dim.name {
            "entries" => entries,
            "n" => n,
            _ => rows,
        })
        .collect();
    for order in orders {
        let index: Vec<f64> = (0..rows).map(|row| order(row) as f64).collect();
        agree::agree(&program, &[&agree::counted(entries * n), &index], &dims);
    }
}
