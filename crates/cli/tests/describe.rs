//! The commands that tell: kernels, devices, emit, help.

mod support;

use std::io::Read;
use std::process::{Command, Stdio};
use support::tilewright;

#[test]
fn the_catalog_is_listed_and_described() {
    let list = tilewright(&["kernels"]).ok();
    assert!(list.lines().next().is_some_and(|l| l.starts_with("KERNEL")));
    assert!(list.contains("softmax over the last axis"), "{list}");
    let one = tilewright(&["kernels", "softmax"]).ok();
    assert!(one.contains("T[*rows, cols]") && one.contains("test cases:"), "{one}");

    let one = tilewright(&["kernels", "attention"]).ok();
    assert!(one.contains("= 4; from the inputs' shapes, or --set group=N"), "{one}");
    assert!(one.contains("= 1; --set causal=N"), "{one}");

    let all = tilewright(&["kernels", "--json"]).json();
    let names: Vec<&str> =
        all.as_array().unwrap().iter().map(|k| k["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"softmax"));
    for name in names {
        let kernel = tilewright(&["kernels", name, "--json"]).json();
        assert_eq!(kernel["name"], name);
        assert!(!kernel["formula"].as_str().unwrap().is_empty());
        assert!(!kernel["outputs"].as_array().unwrap().is_empty(), "{name}");
        assert!(!kernel["cases"].as_array().unwrap().is_empty(), "{name}");
        for input in kernel["inputs"].as_array().unwrap() {
            assert!(input["dtype"].is_string() && input["name"].is_string(), "{name}");
        }
    }
}

#[test]
fn devices_say_what_they_can_and_what_is_missing() {
    let text = tilewright(&["devices"]).ok();
    assert!(
        text.contains("interpreter") && text.contains("metal: Metal: this is no Mac"),
        "{text}"
    );
    let json = tilewright(&["devices", "--json"]).json();
    let available = |name: &str| {
        let row = json.as_array().unwrap().iter().find(|d| d["device"] == name).unwrap();
        row["available"].as_bool().unwrap()
    };
    assert!(available("interpreter") && !available("metal") && available("emulator"));
    assert!(text.contains("\n    emulator: the GPU lowering") && text.contains("\n    msl-host: "));
}

#[test]
fn kernels_and_formulas_are_emitted_as_cuda_c() {
    let text = tilewright(&["emit", "softmax", "--target", "cuda", "--grad"]).ok();
    for part in ["void __launch_bounds__(", "tw_kernel_softmax(", "tw_kernel_softmax_grad("] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let text = tilewright(&["emit", "--expr", "x * sigmoid(x)", "--target", "cuda"]).ok();
    assert!(text.contains("tw_sigmoid("), "{text}");
    // 1024 groups of 64 would be more than a program can share: the sizes it is timed with are not.
    let text =
        tilewright(&["emit", "quantized_matvec", "--target", "cuda", "--grad", "--dtype", "f16"]);
    assert!(text.ok().contains("tw_kernel_quantized_matvec_grad_2("));
}

#[test]
fn kernels_are_emitted_for_mlx() {
    let metal = ["emit", "rmsnorm", "--target", "metal", "--mlx", "--dtype", "bf16"];
    let text = tilewright(&metal).ok();
    for part in [
        "RMSNORM_KERNEL = mx.fast.metal_kernel(",
        "input_names=[\"x\", \"weight\", \"eps_number\"]",
        "arguments = { (long)(x_shape[1])",
        "def rmsnorm(x, weight, eps=1e-6):",
        "x.reshape(-1, x.shape[-1]).astype(mx.bfloat16)",
        "grid=(-(-rows // 4) * 128, 1, 1)",
        "output_dtypes=[mx.bfloat16]",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("[[buffer"), "the signature is MLX's: {text}");
    // What it is not emitted for is refused, and so are shapes that contradict each other.
    for part in [
        "# This text is right where cols is at most 1024 and a multiple of 8.",
        "if not (cols <= 1024 and cols % 8 == 0):",
        "(\"x\", inputs[0], (rows, cols)), (\"weight\", inputs[1], (cols,))",
        // Inputs of fewer than 8 elements are in constant memory.
        "tw_vector<uint4>(x + ",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Sizes that were told are the text's own.
    let told = tilewright(&[&metal[..], &["--shape", "x=3x1000"]].concat()).ok();
    assert!(told.contains("if not (cols <= 1024 and cols % 8 == 0):"), "{told}");
    let told = tilewright(&[&metal[..], &["--shape", "x=3x1024"]].concat()).ok();
    assert!(told.contains("if not (cols == 1024):"), "{told}");
    // A size that no input tells is an argument.
    for target in ["metal", "cuda"] {
        let text = tilewright(&["emit", "scatter_add", "--target", target, "--mlx"]).ok();
        for part in [
            "entries_number[0]",
            "\"entries_number\"],",
            ", entries):",
            "mx.array([entries], dtype=mx.int32)]",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let text = tilewright(&["emit", "rmsnorm", "--target", "cuda", "--mlx", "--dtype", "f16"]).ok();
    assert!(text.contains("mx.fast.cuda_kernel("), "{text}");
    assert!(text.contains("const unsigned short* x = (const unsigned short*)x_array;"), "{text}");
    // More shared memory than a text may declare is asked for, and faults are noted in words of MLX's.
    let text = tilewright(&["emit", "linear", "--target", "cuda", "--mlx"]).ok();
    assert!(text.contains("    shared_memory=98304,\n"), "{text}");
    // Vectors of a line depend on it, though no tile is as long.
    assert!(text.contains("if not (depth % 4 == 0):"), "{text}");
    let text = tilewright(&["emit", "gather", "--target", "cuda", "--mlx"]).ok();
    assert!(text.contains("uint4* faults = (uint4*)faults_array;"), "{text}");
    // Names are the kernel's own, though C has another use for them.
    let text = tilewright(&["emit", "apply_rope", "--target", "metal", "--mlx"]).ok();
    assert!(text.contains("def apply_rope(x, cos, sin):"), "{text}");
    // A gradient's functions stand in one file with the kernel's, each with a kernel of its own.
    let text =
        tilewright(&["emit", "rmsnorm", "--target", "metal", "--mlx", "--grad", "--dtype", "f32"])
            .ok();
    let functions: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("def ")).collect();
    assert!(functions.len() > 1, "{functions:?}");
    for function in functions {
        let object = format!("{}_KERNEL", function[..function.find('(').unwrap()].to_uppercase());
        assert_eq!(text.matches(&format!("\n{object} = mx.fast.")).count(), 1, "{object}");
        assert_eq!(text.matches(&format!(" = {object}(\n")).count(), 1, "{object}");
    }
    // What a gradient adds to is an output that MLX fills with zeros, and no program has to.
    for target in ["metal", "cuda"] {
        let gather = ["emit", "gather", "--target", target, "--mlx", "--grad"];
        let text = tilewright(&gather).ok();
        for part in [
            "# Adds to `d_source`, which MLX fills with zeros.",
            "def gather_grad_scatter_d_source(index, d_y, entries):",
            "input_names=[\"index\", \"d_y\", \"entries_number\"]",
            "output_shapes=[(entries, cols), (4,)],",
            "        init_value=0,\n",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("grad_zero"), "{text}");
        assert!(
            !tilewright(&["emit", "cumsum", "--target", target, "--mlx"])
                .ok()
                .contains("init_value")
        );
    }
    // Sizes that one program of a gradient computes are the next one's own.
    let grad = ["emit", "norm_routed_qmm_swiglu", "--target", "cuda", "--mlx", "--grad"];
    let grad = [&grad[..], &["--set", "experts=1", "--set", "k=1"]].concat();
    let text = tilewright(&grad).ok();
    assert!(text.contains("if not (columns_16 % 4 == 0):"), "{text}");
    let text = tilewright(&[&grad[..], &["--set", "columns=16"]].concat()).ok();
    assert!(!text.contains("if not (columns_16 %"), "{text}");
    // A slice may begin anywhere where vectors are read by elements; elsewhere the text says what it may not.
    let whole = "# Inputs begin at multiples of 16 bytes";
    let text = tilewright(&metal).ok();
    assert!(
        text.contains("typedef typename tw_word<sizeof(T)>::type word;") && !text.contains(whole)
    );
    assert!(tilewright(&["emit", "rmsnorm", "--target", "cuda", "--mlx"]).ok().contains(whole));
    // Inputs of a formula come as they are: axes are not joined, and leading ones may be absent.
    let formula = ["emit", "--expr", "x*2+y", "--target", "metal", "--mlx"];
    let shapes = ["--shape", "x=3x5x7", "--shape", "y=7"];
    let text = tilewright(&[&formula[..], &shapes[..]].concat()).ok();
    for part in [
        "if x.ndim != 3:",
        "if not 1 <= y.ndim <= 3:",
        "y.reshape((1,) * (3 - y.ndim) + tuple(y.shape))",
        "if not (n2 <= 8):",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Sizes are told by their own axes, whichever input has them first.
    let shapes = ["--shape", "x=4x1x9", "--shape", "y=6x9"];
    let text = tilewright(&[&formula[..], &shapes[..]].concat()).ok();
    assert!(text.contains("if not (n2 <= 16):"), "{text}");
    for (args, fault) in [
        (&["emit", "adamw_step", "--target", "metal", "--mlx"][..], "changes `p` in place"),
        (&["emit", "softmax", "--mlx"], "--mlx needs a GPU's language"),
    ] {
        tilewright(args).fails(2, fault);
    }
}

#[test]
fn kernels_and_formulas_are_emitted_as_msl() {
    let text = tilewright(&["emit", "softmax", "--target", "metal", "--grad"]).ok();
    assert!(
        text.contains("void tw_kernel_softmax(\n    const device float* x [[buffer(0)]]"),
        "{text}"
    );
    assert_eq!(
        text.matches("[[kernel, max_total_threads_per_threadgroup(128)]]").count(),
        2,
        "{text}"
    );
    assert!(text.contains("simd_shuffle_xor") && !text.contains("__"), "{text}");
    let text = tilewright(&["emit", "rmsnorm", "--target", "metal", "--dtype", "bf16"]).ok();
    assert!(text.contains("const device bfloat* x") && text.contains("(bfloat)("), "{text}");
    let text = tilewright(&["emit", "--expr", "thread * kernel", "--target", "metal"]).ok();
    assert!(
        text.contains("const device float* thread_") && text.contains("float* kernel_"),
        "{text}"
    );
}

#[test]
fn every_kernel_is_emitted_as_ir() {
    for kernel in tilewright(&["kernels", "--json"]).json().as_array().unwrap() {
        let name = kernel["name"].as_str().unwrap();
        let text = tilewright(&["emit", name, "--target", "ir"]).ok();
        assert!(text.contains(&format!("kernel {name}(")), "{text}");
        tilewright_ir::text::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let shaped = tilewright(&["emit", "softmax", "--dtype", "f16", "--shape", "x=4x8x1024"]).ok();
    assert!(shaped.starts_with("# rows = 32\n# cols = 1024\n"), "{shaped}");
    assert!(shaped.contains("x: in f16[*rows, cols]"), "{shaped}");
}

#[test]
fn formulas_are_emitted_with_their_gradients() {
    let mish = tilewright(&["emit", "--expr", "x * tanh(log(1 + exp(x)))", "--grad"]).ok();
    assert!(mish.contains("= softplus %") && mish.contains("d_x: out f32[*n]"), "{mish}");
    let half = tilewright(&["emit", "--expr", "-x", "--dtype", "bf16"]).ok();
    assert!(half.contains("x: in bf16[*n]"), "{half}");
    // Constants that a shape tells need not be set.
    let gating = ["emit", "topk_gating_softmax", "--shape", "x=5x64", "--set", "k=4"];
    let gating = tilewright(&gating).ok();
    assert!(gating.contains("x: in f32[*tokens, 64]"), "{gating}");
    let wide = tilewright(&["emit", "--expr", "x + b", "--shape", "x=2x3", "--shape", "b=3"]).ok();
    assert!(wide.contains("b: in f32[1, n1]"), "{wide}");
}

#[test]
fn help_is_there_for_every_command() {
    let help = tilewright(&["--help"]).ok();
    for command in ["tour", "devices", "kernels", "emit", "eval", "run", "test", "bench"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing:\n{help}");
        let own = tilewright(&[command, "--help"]).ok();
        assert!(own.contains(&format!("Usage: tilewright {command}")), "{own}");
    }
    assert!(tilewright(&["--version"]).ok().starts_with("tilewright 0."));
}

#[test]
fn wrong_use_names_the_fault() {
    for (args, status, fault) in [
        (&["kernel"][..], 2, "`kernels`"),
        (&["kernels", "sofmax"], 2, "did you mean `softmax`?"),
        (&["kernels", "softmax", "--jsn"], 2, "--jsn"),
        (&["emit"], 2, "--expr"),
        (&["emit", "softmax", "--target", "ptx"], 2, "ptx"),
        (&["emit", "softmax", "--dtype", "f33"], 2, "no dtype `f33`"),
        (&["emit", "softmax", "--dtype", "i8"], 2, "not made for i8"),
        (&["emit", "softmax", "--shape", "x=8xq"], 2, "`q`"),
        (&["emit", "softmax", "--shape", "z=8x4"], 2, "no tensor `z`"),
        (&["emit", "softmax", "--shape", "x=8x4", "--shape", "y=8x5"], 2, "`y` has shape"),
        (&["emit", "softmax", "--set", "k=3"], 2, "`k`"),
        (&["emit", "softmax", "--set", "k"], 2, "NAME=VALUE"),
        (&["emit", "softmax", "--set", "k=1", "--set", "k=2"], 2, "set twice"),
        (&["run", "softmax"], 2, "--in"),
        (&["emit", "--expr", ""], 2, "empty"),
        (&["emit", "--expr", "x *"], 2, "x *\n"),
        (&["emit", "--expr", "x * sigmod(x)"], 2, "did you mean `sigmoid`?"),
        (&["emit", "--expr", "x & 1"], 2, "this is a float"),
        (&["emit", "--expr", "a", "--set", "a=1"], 2, "no input"),
        (&["emit", "--expr", "x", "--set", "b=1"], 2, "no `b`"),
        (&["emit", "--expr", "x", "--shape", "b=1"], 2, "no input `b`"),
        (&["emit", "--expr", "x + b", "--shape", "x=2x3", "--shape", "b=2"], 2, "broadcast"),
        (&["emit", "softmax", "--expr", "x"], 2, "cannot be used with"),
        (&["emit", "argmax", "--grad"], 2, "argmax"),
    ] {
        tilewright(args).fails(status, fault);
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tilewright"))
        .args(["kernels", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

/// Its sizes are those that it is timed with, more than one group of a GPU holds.
#[test]
fn gradients_of_blocks_are_emitted_for_no_particular_shape() {
    for name in ["dequantize_blockwise", "dequantize_blockwise_int4"] {
        for target in ["cuda", "metal"] {
            for mlx in [&[][..], &["--mlx"]] {
                let words = [&["emit", name, "--grad", "--target", target], mlx].concat();
                let text = tilewright(&words).ok();
                assert!(text.contains("d_scales"), "{text}");
            }
        }
    }
}
