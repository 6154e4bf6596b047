//! Tensors as values: views share memory, writes never show elsewhere.

use half::{bf16, f16};
use tilewright_ir::DType;
use tilewright_tensor::{GradOptions, Scalar, Tensor, kernel, tile_kernel};

fn round_trip<E: Scalar + PartialEq>(values: Vec<E>) {
    let tensor = Tensor::from(values.clone());
    assert_eq!(tensor.dtype(), E::DTYPE);
    assert_eq!(tensor.to_vec::<E>().unwrap(), values);
    let again = Tensor::from_bytes(E::DTYPE, &[values.len()], &tensor.to_bytes().unwrap()).unwrap();
    assert_eq!(again.to_vec::<E>().unwrap(), values);
}

#[test]
fn every_type_goes_in_and_out() {
    round_trip(vec![1.5f32, -0.0, f32::INFINITY]);
    round_trip(vec![1.5f64, 1e300]);
    round_trip(vec![i32::MIN, 7]);
    round_trip(vec![u32::MAX, 7]);
    round_trip(vec![-128i8, 127]);
    round_trip(vec![0u8, 255]);
    round_trip(vec![true, false, true]);
    round_trip(vec![f16::from_f32(1.5), f16::NEG_INFINITY]);
    round_trip(vec![bf16::from_f32(-2.5)]);
    round_trip(Vec::<f32>::new());
}

#[test]
fn views_show_the_right_elements() {
    let x = Tensor::new((0..24).collect::<Vec<i32>>(), &[2, 3, 4]).unwrap();
    let values = |t: &Tensor| t.to_vec::<i32>().unwrap();
    assert_eq!(values(&x.transpose().unwrap())[..6], [0, 4, 8, 1, 5, 9]);
    assert_eq!(x.permute(&[2, 0, 1]).unwrap().shape(), [4, 2, 3]);
    assert_eq!(values(&x.narrow(1, 1, 1).unwrap()), [4, 5, 6, 7, 16, 17, 18, 19]);
    assert_eq!(values(&x.narrow(2, 3, 1).unwrap().flip(1).unwrap()), [11, 7, 3, 23, 19, 15]);
    assert_eq!(values(&x.every(2, 3).unwrap().narrow(0, 1, 1).unwrap()), [12, 15, 16, 19, 20, 23]);
    let row = x.narrow(0, 0, 1).unwrap().narrow(1, 0, 1).unwrap().reshape(&[4]).unwrap();
    assert_eq!(values(&row.broadcast_to(&[2, 4]).unwrap()), [0, 1, 2, 3, 0, 1, 2, 3]);
    let reshaped = x.transpose().unwrap().reshape(&[24]).unwrap();
    assert_eq!(values(&reshaped)[..3], [0, 4, 8]);
    assert!(x.is_contiguous() && !x.transpose().unwrap().is_contiguous());
    assert!(x.as_slice::<i32>().is_some() && x.transpose().unwrap().as_slice::<i32>().is_none());
}

#[test]
fn empty_and_scalar_tensors() {
    let empty = Tensor::zeros(DType::F32, &[0, 3]).unwrap();
    assert!(empty.is_empty() && empty.is_contiguous());
    assert_eq!(empty.transpose().unwrap().to_vec::<f32>().unwrap(), []);
    assert_eq!(empty.flip(0).unwrap().narrow(1, 3, 0).unwrap().len(), 0);
    let scalar = Tensor::full(DType::F16, &[], 2.5).unwrap();
    assert_eq!((scalar.item().unwrap(), scalar.len()), (2.5, 1));
    assert_eq!(scalar.broadcast_to(&[2]).unwrap().to_f64().unwrap(), [2.5, 2.5]);
}

#[test]
fn wrong_views_say_what_is_wrong() {
    let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    for (error, part) in [
        (x.reshape(&[3]).unwrap_err(), "[2, 2] to [3]"),
        (x.permute(&[0, 0]).unwrap_err(), "each of 2 axes"),
        (x.narrow(1, 1, 2).unwrap_err(), "axis 1, which has extent 2"),
        (x.narrow(2, 0, 0).unwrap_err(), "no axis 2"),
        (x.broadcast_to(&[3, 2]).unwrap_err(), "[2, 2] to [3, 2]"),
        (x.to_vec::<i32>().unwrap_err(), "convert it first"),
        (Tensor::new(vec![1.0f32], &[2]).unwrap_err(), "1 values for shape [2]"),
        (Tensor::zeros(DType::F32, &[usize::MAX, 4]).unwrap_err(), "too large"),
        (Tensor::from([1i32, 2]).transpose().unwrap_err(), "no two axes"),
        (x.item().unwrap_err(), "4 elements"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn printing_shows_the_edges() {
    let x = Tensor::new((0..40).map(|i| i as f32 / 4.0).collect::<Vec<_>>(), &[2, 20]).unwrap();
    assert_eq!(
        x.to_string(),
        "f32[2, 20] [[0, 0.250000, 0.500000, ..., 4.25000, 4.50000, 4.75000],\n \
         [5, 5.25000, 5.50000, ..., 9.25000, 9.50000, 9.75000]]"
    );
    assert_eq!(Tensor::full(DType::F32, &[], 1e-7).unwrap().to_string(), "f32[] 1.00000e-7");
}

#[test]
fn kernels_take_any_rank_and_strides() {
    let softmax = kernel("softmax").unwrap();
    let x = Tensor::new((0..24).map(|i| (i % 7) as f32).collect::<Vec<_>>(), &[2, 3, 4]).unwrap();
    let swapped = x.permute(&[1, 0, 2]).unwrap();
    let y = softmax.call(&[&swapped]).unwrap();
    let expected = softmax.call(&[&swapped.contiguous().unwrap()]).unwrap();
    assert_eq!(y.shape(), [3, 2, 4]);
    assert_eq!(y.to_vec::<f32>().unwrap(), expected.to_vec::<f32>().unwrap());
    assert_eq!(softmax.call(&[&x.transpose().unwrap()]).unwrap().shape(), [2, 4, 3]);
    assert_eq!(
        softmax.call(&[&Tensor::from(vec![1.0f32, 1.0])]).unwrap().to_f64().unwrap(),
        [0.5, 0.5]
    );
    assert_eq!(
        softmax.call(&[&Tensor::zeros(DType::F32, &[0, 5]).unwrap()]).unwrap().shape(),
        [0, 5]
    );
    let half = softmax.call(&[&x.to(DType::F16).unwrap()]).unwrap();
    assert_eq!(half.dtype(), DType::F16);
    let stats = softmax.stats();
    assert_eq!((stats.misses, stats.hits, stats.launches), (2, 4, 6));
}

fn increment() -> tilewright_tensor::Callable {
    tile_kernel("increment", "x: &T[*rows, cols], by: f32 = 1", |k, a| {
        let row = k.program();
        a["x"].row(row).store(a["x"].row(row).load() + a.scalar("by"));
    })
    .unwrap()
}

#[test]
fn updates_in_place_do_not_show_in_other_tensors() {
    let increment = increment();
    let mut x = Tensor::from([[1.0f32, 2.0]]);
    let before = x.clone();
    increment.bind().output("x", &mut x).scalar("by", 3.0).run().unwrap();
    assert_eq!(x.to_f64().unwrap(), [4.0, 5.0]);
    assert_eq!(before.to_f64().unwrap(), [1.0, 2.0]);
    let address = x.as_slice::<f32>().unwrap().as_ptr();
    increment.bind().output("x", &mut x).run().unwrap();
    assert_eq!(x.to_f64().unwrap(), [5.0, 6.0]);
    assert_eq!(x.as_slice::<f32>().unwrap().as_ptr(), address, "nobody shared it: in place");
    let after = increment.call(&[&x]).unwrap();
    assert_eq!((after.to_f64().unwrap(), x.to_f64().unwrap()), (vec![6.0, 7.0], vec![5.0, 6.0]));
    // Half of a tensor is a copy of its own once it is written.
    let mut half = x.narrow(1, 1, 1).unwrap();
    increment.bind().output("x", &mut half).run().unwrap();
    assert_eq!((half.to_f64().unwrap(), x.to_f64().unwrap()), (vec![7.0], vec![5.0, 6.0]));
}

#[test]
fn preallocated_outputs_are_written_in_place_unless_shared() {
    let softmax = kernel("softmax").unwrap();
    let x = Tensor::from([[1.0f32, 1.0]]);
    let mut y = Tensor::zeros(DType::F32, &[1, 2]).unwrap();
    let address = y.as_slice::<f32>().unwrap().as_ptr();
    softmax.call_into(&[&x], &mut [&mut y]).unwrap();
    assert_eq!(y.as_slice::<f32>().unwrap(), [0.5, 0.5]);
    assert_eq!(y.as_slice::<f32>().unwrap().as_ptr(), address);
    let shared = y.clone();
    softmax.call_into(&[&Tensor::from([[0.0f32, f32::NEG_INFINITY]])], &mut [&mut y]).unwrap();
    assert_eq!(y.to_f64().unwrap(), [1.0, 0.0]);
    assert_eq!(shared.to_f64().unwrap(), [0.5, 0.5]);
    // The output may be the input's own memory: it is given new memory.
    let mut z = x.clone();
    softmax.call_into(&[&x], &mut [&mut z]).unwrap();
    assert_eq!((x.to_f64().unwrap(), z.to_f64().unwrap()), (vec![1.0, 1.0], vec![0.5, 0.5]));
}

#[test]
fn wrong_calls_say_what_is_wrong() {
    let softmax = kernel("softmax").unwrap();
    let x = Tensor::from([[1.0f32, 1.0]]);
    let mut wrong_shape = Tensor::zeros(DType::F32, &[2, 2]).unwrap();
    let mut wrong_dtype = Tensor::zeros(DType::F16, &[1, 2]).unwrap();
    for (error, part) in [
        (kernel("sotfmax").unwrap_err(), "did you mean `softmax`?"),
        (softmax.call(&[]).unwrap_err(), "0 input tensors, expected 1\nits inputs are x"),
        (softmax.call(&[&x.to(DType::I32).unwrap()]).unwrap_err(), "T is one of f32, f16, bf16"),
        (
            softmax.call(&[&Tensor::full(DType::F32, &[], 1.0).unwrap()]).unwrap_err(),
            "[*rows, cols]",
        ),
        (softmax.bind().input("z", &x).run().unwrap_err(), "no parameter `z`"),
        (softmax.bind().input("y", &x).run().unwrap_err(), "`y` is an output"),
        (softmax.bind().input("x", &x).scalar("x", 1.0).run().unwrap_err(), "is a tensor"),
        (softmax.bind().input("x", &x).size("n", 1).run().unwrap_err(), "no size `n`"),
        (softmax.bind().run().unwrap_err(), "`x` is missing"),
        (softmax.call_into(&[&x], &mut [&mut wrong_shape]).unwrap_err(), "`y` has shape [2, 2]"),
        (softmax.call_into(&[&x], &mut [&mut wrong_dtype]).unwrap_err(), "`y` has dtype f16"),
        (tile_kernel("k", "x: T[n]", |_, _| {}).unwrap_err(), "no output"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn gradients_are_callables_of_several_programs() {
    let gradient = kernel("rmsnorm").unwrap().grad().unwrap();
    let x = Tensor::from([[1.0f32, 2.0, 3.0, 4.0]]);
    let (weight, dy) = (Tensor::from([1.0f32; 4]), Tensor::from([[1.0f32, 0.0, 0.0, 0.0]]));
    let call = gradient.bind().input("x", &x).input("weight", &weight).input("d_y", &dy);
    let made = call.run().unwrap();
    let names: Vec<&str> = made.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["d_x", "d_weight"]);
    let close = |a: &Tensor, b: [f64; 4]| {
        a.to_f64().unwrap().iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    };
    assert!(close(&made["d_x"], [0.3529767, -0.0243432, -0.0365148, -0.0486864]), "{made:?}");
    assert!(close(&made["d_weight"], [0.3651483, 0.0, 0.0, 0.0]), "{made:?}");
    assert_eq!(made["d_weight"].shape(), [4]);
    let error = kernel("argmax").unwrap().grad().unwrap_err().to_string();
    assert!(error.contains("argmax"), "{error}");
    assert!(gradient.grad().unwrap_err().to_string().contains("no gradient of its own"));
}

#[test]
fn scattered_gradients_of_half_types_have_a_sum_of_their_own() {
    // One callable for both: f32 sums in place, half types in f32 before they round.
    let gradient = kernel("gather").unwrap().grad().unwrap();
    let index = Tensor::from([2u32, 0, 2]);
    for dtype in [DType::F32, DType::F16, DType::BF16, DType::F32] {
        let source = Tensor::zeros(dtype, &[3, 2]).unwrap();
        let dy = Tensor::from_f64(dtype, &[3, 2], &[1.0, 2.0, 3.0, 4.0, 0.5, 0.25]).unwrap();
        let call = gradient.bind().input("source", &source).input("index", &index);
        let made = call.input("d_y", &dy).run().unwrap().single().unwrap();
        assert_eq!((made.dtype(), made.shape()), (dtype, &[3, 2][..]));
        assert_eq!(made.to_f64().unwrap(), [3.0, 4.0, 0.0, 0.0, 1.5, 2.25]);
    }
}

#[test]
fn gradients_have_the_leading_axes_of_what_they_are_of() {
    // The program that makes d_x adds partial sums and reads no input.
    let gradient = kernel("matvec").unwrap().grad().unwrap();
    let x = Tensor::from_f64(DType::F32, &[2, 1, 3, 2], &[1.0; 12]).unwrap();
    let w = Tensor::from([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]);
    let dy = Tensor::full(DType::F32, &[2, 1, 3, 4], 1.0).unwrap();
    let call = || gradient.bind().input("x", &x).input("w", &w).input("d_y", &dy);
    let made = call().run().unwrap();
    assert_eq!(made["d_x"].shape(), x.shape());
    let mut mine = Tensor::zeros(DType::F32, x.shape()).unwrap();
    call().output("d_x", &mut mine).run().unwrap();
    for d_x in [&mine, &made["d_x"]] {
        assert_eq!(d_x.to_f64().unwrap(), [16.0, 20.0].repeat(6));
    }
    let mut other = Tensor::zeros(DType::F32, &[3, 2, 2]).unwrap();
    let error = call().output("d_x", &mut other).run().err().unwrap().to_string();
    assert!(error.contains("`d_x` has shape [3, 2, 2]"), "{error}");
}

#[test]
fn a_gradient_written_by_hand_is_used_and_narrowed() {
    let matmul = kernel("matmul").unwrap();
    let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    let w = Tensor::from([[5.0f32, 6.0], [7.0, 8.0]]);
    let d_y = Tensor::from([[1.0f32, 0.0], [0.0, 2.0]]);
    let gradient = matmul.grad().unwrap();
    let call = gradient.bind().input("x", &x).input("w", &w).input("d_y", &d_y);
    let outputs = call.run().unwrap();
    let values = |name: &str| outputs.get(name).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(values("d_x"), [5.0, 7.0, 12.0, 16.0], "d_y wᵀ");
    assert_eq!(values("d_w"), [1.0, 6.0, 2.0, 8.0], "xᵀ d_y");
    let of = |input: &str| GradOptions { inputs: Some(vec![input.into()]), outputs: None };
    let only = matmul.grad_with(&of("w")).unwrap();
    let d_w = only.bind().input("x", &x).input("d_y", &d_y).run().unwrap().single().unwrap();
    assert_eq!(d_w.to_vec::<f32>().unwrap(), [1.0, 6.0, 2.0, 8.0]);
    let error = matmul.grad_with(&of("bias")).unwrap_err().to_string();
    assert!(error.contains("input `bias`"), "{error}");
}

#[test]
fn a_row_that_data_name_and_the_first_one_are_two_places() {
    // The first is found when the program runs, the second before.
    let apart = tile_kernel("apart", "x: f32[rows, cols], i: i32[n] -> y: f32[n, cols]", |k, a| {
        let n = k.program();
        let named = a["x"].row(a["i"].at(n).load()).load();
        a["y"].row(n).store(named - a["x"].row(0).load());
    });
    let x = Tensor::from([[1.0f32, 2.0], [10.0, 30.0], [500.0, 800.0]]);
    let y = apart.unwrap().call(&[&x, &Tensor::from([2i32, 0, 1])]).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [499.0, 798.0, 0.0, 0.0, 9.0, 28.0]);

    let onto = tile_kernel("onto", "x: &f32[rows, cols], i: i32[n]", |k, a| {
        for j in k.range(0, a["i"].size(0)) {
            let named = a["x"].row(a["i"].at(j).load()).load();
            a["x"].row(0).store(named * 2.0);
        }
    });
    let call = onto.unwrap();
    let y = call.call(&[&x, &Tensor::from([1i32, 2])]).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [1000.0, 1600.0, 10.0, 30.0, 500.0, 800.0]);
}

#[test]
fn a_number_times_packed_weights_is_no_product_of_rows() {
    let signature =
        "x: f32[1], w: u32[columns, 16], s: f32[columns, 2], b: f32[columns, 2] -> y: f32[columns]";
    let spread = tile_kernel("spread", signature, |k, a| {
        let column = k.program();
        let q = a["w"].row(column).load().unpack(4).to(DType::F32);
        let q = q.reshape(&[2.into(), 64.into()]);
        let weights = q * a["s"].row(column).load().column() + a["b"].row(column).load().column();
        let weights = weights.reshape(&[128.into()]);
        a["y"].at(column).store((a["x"].load() * weights).row_sum());
    });
    let w = Tensor::full(DType::U32, &[3, 16], 0x1111_1111u32 as f64).unwrap();
    let (s, b) =
        (Tensor::full(DType::F32, &[3, 2], 0.5).unwrap(), Tensor::zeros(DType::F32, &[3, 2]));
    let y = spread.unwrap().call(&[&Tensor::from([3.0f32]), &w, &s, &b.unwrap()]).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [192.0; 3]);
}
