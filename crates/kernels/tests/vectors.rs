//! Published numbers: inputs and outputs that other systems' tests and documents state literally, checked on the
//! interpreter and on the references.

mod call;

use call::call;

const TWO_ROWS: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
const COUNT: [f64; 4] = [1.0, 2.0, 3.0, 4.0];
const HALVES: [f64; 4] = [0.5, 1.5, 2.5, 3.5];
/// softmax of 1, 2, 3.
const SOFTMAX: [f64; 3] = [0.09003058075904846, 0.2447284758090973, 0.6652409434318542];

#[test]
fn elementwise() {
    call("add").vector("a", &COUNT).vector("b", &HALVES).gives(&[1.5, 3.5, 5.5, 7.5]);
    call("mul").vector("a", &COUNT).vector("b", &HALVES).gives(&[0.5, 3.0, 7.5, 14.0]);
    call("relu").vector("x", &COUNT).gives(&COUNT);
    call("relu").vector("x", &[-1.0, -0.0, 0.0, 2.0]).gives(&[0.0, 0.0, 0.0, 2.0]);
    call("sigmoid").vector("x", &COUNT).gives(&[
        0.7310585975646973,
        0.8807970285415649,
        0.9525741338729858,
        0.9820137619972229,
    ]);
    call("exp").vector("x", &[0.0, 1.0]).gives(&[1.0, std::f64::consts::E]);
}

#[test]
fn activations() {
    let points = [-3.0, -1.0, -0.5, 0.5, 1.0, 3.0];
    call("gelu_tanh")
        .vector("x", &points)
        .gives(&[-0.0036374, -0.1588080, -0.1542860, 0.3457140, 0.8411920, 2.9963626]);
    call("silu")
        .vector("x", &points)
        .gives(&[-0.1422776, -0.2689414, -0.1887703, 0.3112297, 0.7310586, 2.8577224]);
    call("softplus").vector("x", &[-1.0, 1.0]).gives(&[0.3132617, 1.3132617]);
    call("mish").vector("x", &[-1.0, 1.0]).gives(&[-0.3034015, 0.8650984]);
    call("depth_gate_sigmoid").vector("x", &[0.0]).gives(&[4.0]);
}

#[test]
fn activations_do_not_overflow() {
    // The published kernels, log(exp(x) + 1) as written, give infinity past 88.
    call("softplus").vector("x", &[100.0, -100.0]).gives(&[100.0, 0.0]);
    call("mish").vector("x", &[100.0, -100.0]).gives(&[100.0, 0.0]);
}

#[test]
fn gated_units() {
    call("swiglu").tensor("x", &[1, 4], &COUNT).gives(&[2.1931757, 7.0463766]);
    call("geglu").tensor("x", &[1, 4], &COUNT).gives(&[2.5235760, 7.8183908]);
    // A vector is a tensor without leading axes.
    call("swiglu").vector("x", &COUNT).gives(&[2.1931757, 7.0463766]);
    let halves = |name| call(name).vector("gate", &[1.0, 2.0]).vector("up", &[3.0, 4.0]);
    halves("swiglu2").gives(&[2.1931757, 7.0463766]);
    halves("geglu2").gives(&[2.5235760, 7.8183908]);
    halves("silu_mul_residual").vector("residual", &[1.0, -1.0]).gives(&[3.1931757, 6.0463766]);
    let shifted = |name| call(name).vector("x", &[0.0; 4]).vector("bias", &COUNT);
    shifted("bias_swiglu").gives(&[2.1931757, 7.0463766]);
    shifted("bias_geglu").gives(&[2.5235760, 7.8183908]);
}

#[test]
fn reductions() {
    call("sum").vector("x", &TWO_ROWS).gives(&[21.0]);
    call("sum").tensor("x", &[2, 3], &TWO_ROWS).gives(&[6.0, 15.0]);
    call("sum").tensor("x", &[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).gives(&[5.0, 7.0, 9.0]);
    call("mean").vector("x", &TWO_ROWS).gives(&[3.5]);
    call("max").vector("x", &TWO_ROWS).gives(&[6.0]);
    call("std")
        .tensor("x", &[2, 4], &[1.0, 2.0, 3.0, 4.0, 7.0, 7.0, 7.0, 7.0])
        .gives(&[1.1180344, 0.001]);
    call("var").vector("x", &COUNT).gives(&[1.25]);
    call("argmax").tensor("x", &[2, 3], &[1.0, 5.0, 2.0, 10.0, 2.0, 3.0]).gives(&[1.0, 0.0]);
    call("cumsum").tensor("x", &[2, 3], &TWO_ROWS).gives(&[1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
}

#[test]
fn the_lowest_position_wins_and_a_nan_is_first() {
    const NAN: f64 = f64::NAN;
    let rows = [2.0, 7.0, 7.0, 1.0, NAN, 9.0, 3.0, NAN, -1.0, -5.0, -1.0, -5.0];
    call("argmax").tensor("x", &[3, 4], &rows).gives(&[1.0, 0.0, 0.0]);
    call("argmin").tensor("x", &[3, 4], &rows).gives(&[3.0, 0.0, 1.0]);
    let ties = call("topk").constant("k", 3).tensor(
        "x",
        &[2, 4],
        &[2.0, 7.0, 7.0, 7.0, 1.0, 1.0, 0.0, 1.0],
    );
    ties.run().gives("indices", &[1.0, 2.0, 3.0, 0.0, 1.0, 3.0]);
    let nan = call("topk").constant("k", 3).vector("x", &[f64::INFINITY, 1.0, NAN, NAN]);
    nan.run().gives("indices", &[2.0, 3.0, 0.0]);
}

#[test]
fn top_k() {
    let rows = [1.0, 5.0, 2.0, 10.0, 3.0, 9.0, 1.0, 4.0, 3.0, 8.0];
    call("topk")
        .constant("k", 3)
        .tensor("x", &[2, 5], &rows)
        .run()
        .gives("values", &[10.0, 5.0, 3.0, 9.0, 8.0, 4.0])
        .gives("indices", &[3.0, 1.0, 4.0, 0.0, 4.0, 2.0]);
}

#[test]
fn softmax_and_its_kin() {
    let rows = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0];
    call("softmax").tensor("x", &[2, 3], &rows).gives(&[SOFTMAX, SOFTMAX].concat());
    // Over the first axis of the same matrix: equal columns.
    call("softmax").tensor("x", &[3, 2], &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]).gives(&[0.5; 6]);
    let logs = SOFTMAX.map(f64::ln);
    call("log_softmax").vector("x", &[1.0, 2.0, 3.0]).gives(&logs);
    call("logsumexp").tensor("x", &[2, 3], &TWO_ROWS).gives(&[3.4076060, 6.4076060]);
    let kept = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    call("masked_softmax")
        .tensor("x", &[2, 3], &[1.0, 2.0, 10.0, 1.0, 2.0, 3.0])
        .tensor("mask", &[2, 3], &kept)
        .gives(&[0.2689414, 0.7310586, 0.0, 0.0, 0.0, 0.0]);
    call("scale_mask_softmax")
        .scalar("scale", 0.5)
        .tensor("x", &[2, 3], &[2.0, 4.0, 20.0, 1.0, 2.0, 3.0])
        .tensor("mask", &[2, 3], &kept)
        .gives(&[0.2689414, 0.7310586, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn infinite_rows() {
    let low = f64::NEG_INFINITY;
    call("logsumexp").tensor("x", &[2, 2], &[low, low, low, 3.0]).run().gives("y", &[low, 3.0]);
    call("softmax").vector("x", &[low, 0.0]).gives(&[0.0, 1.0]);
    let masked =
        call("masked_softmax").vector("x", &[low, 0.0, 5.0]).vector("mask", &[1.0, 1.0, 0.0]);
    masked.gives(&[0.0, 1.0, 0.0]);
    let all = call("masked_softmax").vector("x", &[low, low]).vector("mask", &[1.0, 0.0]);
    all.gives(&[0.0, 0.0]);
}

#[test]
fn norms() {
    let rms = [0.3651483, 0.7302967, 1.0954450, 1.4605934];
    let standard = [-1.3416354, -0.4472118, 0.4472118, 1.3416354];
    call("rmsnorm").vector("x", &COUNT).vector("weight", &[1.0; 4]).gives(&rms);
    call("rmsnorm_no_weight").vector("x", &COUNT).gives(&rms);
    let affine = |name| call(name).vector("weight", &[1.0; 4]).vector("bias", &[0.0; 4]);
    affine("layernorm").vector("x", &COUNT).gives(&standard);
    call("layernorm_no_weight").vector("x", &COUNT).gives(&standard);
    let parts = |c: call::Call| c.vector("x", &HALVES).vector("residual", &[0.5; 4]);
    parts(call("rmsnorm_residual").vector("weight", &[1.0; 4]))
        .run()
        .gives("y", &rms)
        .gives("sum", &COUNT);
    parts(call("add_rmsnorm").vector("weight", &[1.0; 4])).gives(&rms);
    parts(affine("layernorm_residual")).run().gives("y", &standard).gives("sum", &COUNT);
    parts(affine("add_layernorm")).gives(&standard);
    // No cancellation: the mean is 4096 times the deviation.
    let far = call("layernorm_no_weight").vector("x", &COUNT.map(|x| x + 4096.0));
    far.gives(&standard);
}

#[test]
fn advantages_of_groups() {
    let rewards = [1.0, 0.0, 1.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0];
    let one = 0.999998;
    call("grpo_advantage_norm").tensor("rewards", &[3, 4], &rewards).gives(&[
        one, -one, one, -one, 0.0, 0.0, 0.0, 0.0, -0.5773487, -0.5773487, -0.5773487, 1.7320462,
    ]);
}

#[test]
fn recurrent_step() {
    let step = || {
        call("fused_recurrent_step")
            .vector("h", &COUNT)
            .vector("weight", &[1.0; 4])
            .vector("gate", &[0.5, 0.5, 1.0, 1.0])
    };
    step().scalar("alpha", 0.1).gives(&[1.0107771, 2.0246428, 3.0820933, 4.1185452]);
    step().scalar("alpha", 0.0).gives(&COUNT);
}

#[test]
fn cross_entropy() {
    let logits =
        |name| call(name).tensor("logits", &[2, 3], &TWO_ROWS).vector("target", &[2.0, 0.0]);
    logits("softmax_cross_entropy").gives(&[0.4076060, 2.4076060]);
    logits("softmax_cross_entropy_grad")
        .run()
        .gives("loss", &[0.4076060, 2.4076060])
        .gives("dlogits", &[0.0900306, 0.2447285, -0.3347590, -0.9099694, 0.2447285, 0.6652409]);
    let ignored = call("softmax_cross_entropy_grad")
        .tensor("logits", &[2, 3], &TWO_ROWS)
        .vector("target", &[2.0, -100.0])
        .scalar("scale", 10.0);
    ignored
        .run()
        .gives("loss", &[0.4076060, 0.0])
        .gives("dlogits", &[0.900306, 2.447285, -3.347590, 0.0, 0.0, 0.0]);
}

#[test]
fn dropout_keeps_the_share_it_promises() {
    let ones = vec![1.0; 10_000];
    for (seed, p) in [(42.0, 0.5), (7.0, 0.1)] {
        let y = call("dropout").vector("x", &ones).scalar("seed", seed).scalar("p", p).values();
        let zeros = y.iter().filter(|y| **y == 0.0).count() as f64;
        let deviation = (10_000.0 * p * (1.0 - p)).sqrt();
        assert!((zeros - 10_000.0 * p).abs() < 5.0 * deviation, "{zeros} zeros at p = {p}");
        let kept = y.iter().find(|y| **y != 0.0).copied().unwrap_or(0.0);
        assert!((kept - 1.0 / (1.0 - p)).abs() < 1e-6);
    }
    let draw = |seed, offset| {
        call("dropout").vector("x", &ones).scalar("seed", seed).scalar("offset", offset).values()
    };
    assert_eq!(draw(1.0, 0.0), draw(1.0, 0.0));
    assert_ne!(draw(1.0, 0.0), draw(2.0, 0.0));
    assert_ne!(draw(1.0, 0.0), draw(1.0, 1.0));
    call("dropout").vector("x", &COUNT).scalar("p", 0.0).gives(&COUNT);
    call("dropout").vector("x", &COUNT).scalar("p", 1.0).gives(&[0.0; 4]);
}

#[test]
fn gather_and_scatter() {
    let table = |name| call(name).tensor("source", &[3, 2], &TWO_ROWS).vector("index", &[2.0, 0.0]);
    table("gather").gives(&[5.0, 6.0, 1.0, 2.0]);
    table("gather_add").tensor("other", &[2, 2], &COUNT).gives(&[6.0, 8.0, 4.0, 6.0]);
    call("scatter_add")
        .vector("index", &[1.0, 0.0, 1.0])
        .tensor("updates", &[3, 2], &TWO_ROWS)
        .size("entries", 3)
        .gives(&[3.0, 4.0, 6.0, 8.0, 0.0, 0.0]);
}

#[test]
fn rotary_embedding() {
    // Position 1 of 2, theta 10000, four features: angles 1 and 0.01. Position 0 turns nothing.
    let angles = [0.0, 0.0, 1.0, 0.01f64];
    let turned = |name| {
        call(name)
            .tensor("x", &[2, 4], &[COUNT, COUNT].concat())
            .tensor("cos", &[2, 2], &angles.map(f64::cos))
            .tensor("sin", &[2, 2], &angles.map(f64::sin))
    };
    let half = [-1.9841106, 1.9599007, 2.4623779, 4.0197997];
    let interleaved = [-1.1426397, 1.9220756, 2.9598507, 4.0297995];
    turned("apply_rope").gives(&[COUNT, half].concat());
    turned("apply_rope_interleaved").gives(&[COUNT, interleaved].concat());
    let at = |name| turned(name).vector("positions", &[1.0, 1.0]);
    at("apply_rope_at").gives(&[half, half].concat());
    at("apply_rope_interleaved_at").gives(&[interleaved, interleaved].concat());
}

#[test]
fn expert_gating() {
    let gate =
        |name| call(name).constant("experts", 4).constant("k", 2).tensor("x", &[1, 4], &COUNT);
    let renormalized = gate("topk_gating_softmax").run();
    renormalized.gives("indices", &[3.0, 2.0]).gives("weights", &[0.7310586, 0.2689414]);
    let full = gate("topk_gating_softmax").constant("norm_topk_prob", 0).run();
    full.gives("indices", &[3.0, 2.0]).gives("weights", &[0.6439143, 0.2368828]);
    let biased = gate("topk_gating_softmax_bias").vector("bias", &[0.0, 0.0, 1.0, 0.0]).run();
    biased.gives("indices", &[2.0, 3.0]).gives("weights", &[0.6576376, 0.3423624]);
}

#[test]
fn deepseek_router() {
    for experts in [256, 384] {
        let route = |x: Vec<f64>, bias: Vec<f64>| {
            call("deepseek_router_topk_sigmoid")
                .constant("experts", experts)
                .constant("groups", 1)
                .constant("top_groups", 1)
                .tensor("x", &[1, experts], &x)
                .vector("bias", &bias)
                .run()
        };
        let zeros = vec![0.0; experts];
        route(zeros.clone(), zeros.clone())
            .gives("indices", &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
            .gives("weights", &[0.125; 8]);
        let chosen = [0, 7, 13, 64, 127, 128, experts - 2, experts - 1];
        let mut bias = zeros;
        chosen.iter().for_each(|&expert| bias[expert] = 10.0);
        let ramp = (0..experts).map(|i| -2.0 + 4.0 * i as f64 / (experts - 1) as f64).collect();
        // A greater logit means a greater affinity, so they come from the last to the first.
        let descending: Vec<f64> = chosen.iter().rev().map(|&expert| expert as f64).collect();
        route(ramp, bias).gives("indices", &descending);
    }
    let mut bias = vec![0.0; 256];
    [0, 1, 32, 33, 64, 65, 96].iter().for_each(|&expert: &usize| bias[expert] = 10.0);
    bias[224] = 9.0;
    call("deepseek_router_topk_sigmoid")
        .tensor("x", &[1, 256], &[0.0; 256])
        .vector("bias", &bias)
        .run()
        .gives("weights", &[0.125; 8])
        .gives("indices", &[0.0, 1.0, 32.0, 33.0, 64.0, 65.0, 96.0, 2.0]);
}

#[test]
fn adamw() {
    call("adamw_step")
        .vector("p", &[1.0, -2.0, 3.0, -4.0])
        .vector("g", &[0.1, -0.2, 0.3, -0.4])
        .vector("m", &[0.0; 4])
        .vector("v", &[0.0; 4])
        .scalar("lr", 0.1)
        .scalar("step", 1.0)
        .run()
        .gives("p", &[0.89900001, -1.898000005, 2.8970000033, -3.8960000025]);
}

#[test]
fn bits() {
    let bits = [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1].map(f64::from);
    call("pack_bits").vector("x", &bits).gives(&[77.0, 166.0]);
    let bits = [0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0].map(f64::from);
    call("unpack_bits").vector("x", &[0b10110010, 0b01011100].map(f64::from)).gives(&bits);
}

#[test]
fn quantized_formats() {
    let scaled = |name, x: &[u8], scale| {
        call(name)
            .vector("x", &x.iter().map(|&x| x as f64).collect::<Vec<_>>())
            .scalar("scale", scale)
    };
    scaled("dequantize_fp8_e4m3", &[0x2A, 0xAA, 0x35], 0.5).gives(&[0.15625, -0.15625, 0.40625]);
    scaled("dequantize_fp8_e4m3", &[0x7E, 0x01], 1.0).gives(&[448.0, 2f64.powi(-9)]);
    scaled("dequantize_fp8_e5m2", &[0x29, 0xA9, 0x3C], 0.5).gives(&[0.01953125, -0.01953125, 0.5]);
    scaled("dequantize_fp8_e5m2", &[0x7B], 1.0).gives(&[57344.0]);
    scaled("dequantize_int4", &[0x21, 0xBA], 0.5).gives(&[0.5, 1.0, 5.0, 5.5]);
    scaled("dequantize_nf4", &[0x10, 0xF3], 0.25).gives(&[-0.25, -0.1740482, -0.0987294, 0.25]);
    let bytes = [-8.0, -1.0, 0.0, 3.0, 7.0];
    let int8 = |name, scale| call(name).vector("x", &bytes).scalar("scale", scale);
    int8("dequantize_int8", 0.25).gives(&[-2.0, -0.25, 0.0, 0.75, 1.75]);
    let silu = [-0.2480204, -0.0475021, 0.0, 0.1723328, 0.4677314];
    int8("dequantize_silu_int8", 0.1).gives(&silu);
    call("dequantize_blockwise_int4")
        .constant("block", 4)
        .vector("x", &[0x21, 0xBA, 0x07, 0xF0].map(f64::from))
        .vector("scales", &[1.0, 0.5])
        .gives(&[1.0, 2.0, 10.0, 11.0, 3.5, 0.0, 0.0, 7.5]);
    call("dequantize_blockwise")
        .constant("block", 4)
        .vector("x", &[1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0])
        .vector("scales", &[0.5, 2.0])
        .gives(&[0.5, -1.0, 1.5, -2.0, 10.0, -12.0, 14.0, -16.0]);
}

#[test]
fn nf4_table() {
    let table = [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ];
    let nibbles = [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE].map(f64::from);
    call("dequantize_nf4").vector("x", &nibbles).scalar("scale", 1.0).gives(&table);
}

#[test]
fn affine_four_bits_of_mlx() {
    // The 32 values (i - 10) / 8 as MLX packs them. Each is stored to the nearest multiple of the scale.
    let words = [0xbccddeefu32, 0x8899aaab, 0x44556677, 0x00112233].map(f64::from);
    let (scale, bias) = (-0.2625f32 as f64, 2.625);
    let integers: Vec<f64> =
        (0..32).map(|i| (((i - 10) as f64 / 8.0 - bias) / -0.2625).round_ties_even()).collect();
    let values: Vec<f64> = integers.iter().map(|q| q * scale + bias).collect();
    call("dequantize_affine")
        .constant("group", 32)
        .tensor("w", &[1, 4], &words)
        .tensor("scales", &[1, 1], &[scale])
        .tensor("biases", &[1, 1], &[bias])
        .gives(&values);
    let x: Vec<f64> = (0..32).map(|i| (i % 5) as f64 - 2.0).collect();
    call("quantized_matvec")
        .constant("group", 32)
        .tensor("x", &[1, 32], &x)
        .tensor("w", &[1, 4], &words)
        .tensor("scales", &[1, 1], &[scale])
        .tensor("biases", &[1, 1], &[bias])
        .gives(&[x.iter().zip(&values).map(|(x, w)| x * w).sum()]);
}

/// Queries of a sequence of three tokens and two heads, which share one head of keys and values. Decoding them one by
/// one, each over the cache so far, is causal attention.
#[test]
fn grouped_causal_attention() {
    let queries = [[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, -1.0], [0.0, 2.0, 2.0, 0.0]];
    let keys = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    let values = TWO_ROWS;
    let outputs =
        [[1.0, 2.0, 1.0, 2.0], [2.0, 3.0, 1.3911406, 2.3911406], [3.6748496, 4.6748496, 3.0, 4.0]];
    let decode = |batch: usize| {
        call("decode_attention")
            .constant("head_dim", 2)
            .constant("group", 2)
            .scalar("scale", 0.5f64.sqrt())
            .tensor("q", &[batch, 2, 2], &queries.concat()[(3 - batch) * 4..])
    };
    decode(3)
        .tensor("keys", &[3, 1, 3, 2], &[keys; 3].concat())
        .tensor("values", &[3, 1, 3, 2], &[values; 3].concat())
        .vector("lens", &[1.0, 2.0, 3.0])
        .gives(&outputs.concat());
    // The last token over a window of two.
    decode(1)
        .tensor("keys", &[1, 1, 2, 2], &keys[2..])
        .tensor("values", &[1, 1, 2, 2], &values[2..])
        .vector("lens", &[2.0])
        .gives(&[4.0, 5.0, 4.6088594, 5.6088594]);
}
