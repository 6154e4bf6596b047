//! A GGUF file in place of a checkpoint's folder. The tokens are llama.cpp's for the same numbers (`gguf/tiny.py`).

mod support;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::directory;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gguf/tiny.gguf");

/// A text, its tokens, and how llama.cpp goes on.
const SAID: [(&str, &[u64], &[u64]); 3] = [
    (
        "the king",
        &[1, 261, 283],
        &[30, 113, 97, 8, 159, 0, 75, 27, 289, 11, 128, 139, 204, 131, 229, 196, 74, 182, 23, 115],
    ),
    (
        "It's a king's  ring, ünd",
        &[
            1, 284, 76, 286, 42, 291, 264, 283, 42, 291, 284, 284, 293, 278, 47, 284, 198, 191,
            290, 296,
        ],
        &[
            157, 69, 207, 74, 248, 98, 225, 145, 39, 82, 104, 131, 39, 224, 113, 227, 39, 242, 227,
            193,
        ],
    ),
    (
        " the  king\n",
        &[1, 284, 261, 284, 283, 13],
        &[213, 61, 6, 49, 68, 91, 198, 256, 33, 208, 82, 131, 297, 174, 208, 82, 210, 61, 64, 74],
    ),
];

/// The tokens that end an answer: `</s>`, and `<|endoftext|>` and `<|end|>` of Phi.
const ENDS: [u64; 3] = [2, 299, 302];

/// The same of other architectures.
#[rustfmt::skip]
const OTHERS: [(&str, &str, &[u64], &[u64]); 13] = [
    ("gemma", "the king", &[1, 279, 283], &[71, 71, 71, 71, 71, 282, 208, 191, 138, 255, 144, 296, 152, 295, 295, 229, 229, 229, 71, 16]),
    ("gemma", "It's a king's  ring, ünd", &[1, 76, 286, 42, 291, 264, 283, 42, 291, 284, 284, 293, 278, 47, 284, 198, 191, 290, 296], &[47, 278, 65, 101, 101, 101, 101, 101, 101, 101, 101, 101, 101, 101, 101, 101, 16, 290, 232, 203]),
    ("gemma", " the  king\n", &[1, 261, 284, 283, 13], &[55, 42, 179, 133, 105, 272, 272, 272, 272, 272, 272, 26, 26, 26, 45, 73, 295, 13, 69, 55]),
    ("gemma2", "the king", &[1, 279, 283], &[161, 286, 82, 117, 120, 39, 35, 217, 65, 104, 104, 104, 104, 104, 104, 276, 276, 276, 276, 276]),
    ("gemma2", "It's a king's  ring, ünd", &[1, 76, 286, 42, 291, 264, 283, 42, 291, 284, 284, 293, 278, 47, 284, 198, 191, 290, 296], &[259, 259, 225, 225, 259, 259, 259, 259, 259, 259, 259, 259, 259, 259, 259, 259, 259, 259, 259, 259]),
    ("gemma2", " the  king\n", &[1, 261, 284, 283, 13], &[259, 259, 259, 97, 255, 255, 255, 255, 255, 172, 235, 10, 259, 259, 259, 259, 259, 259, 259, 259]),
    ("mixtral", "the king", &[1, 261, 283], &[65, 67, 280, 2, 179, 45, 34, 47, 267, 67, 295, 91, 67, 124, 206, 261, 201, 284, 37, 125]),
    ("mixtral", "It's a king's  ring, ünd", &[1, 284, 76, 286, 42, 291, 264, 283, 42, 291, 284, 284, 293, 278, 47, 284, 198, 191, 290, 296], &[237, 202, 37, 185, 50, 143, 0, 216, 45, 30, 289, 30, 284, 239, 263, 90, 19, 57, 39, 263]),
    ("mixtral", " the  king\n", &[1, 284, 261, 284, 283, 13], &[115, 253, 6, 129, 119, 124, 165, 186, 77, 153, 201, 281, 287, 12, 223, 7, 284, 192, 10, 230]),
    ("phi3", "the king", &[1, 261, 283], &[48, 262, 214, 38, 121, 24, 8, 292, 8, 282, 50, 95, 126, 25, 62, 142, 265, 5, 6, 0]),
    ("phi3", "It's a king's  ring, ünd", &[1, 284, 76, 286, 42, 291, 264, 283, 42, 291, 284, 284, 293, 278, 47, 284, 198, 191, 290, 296], &[129, 75, 299, 122, 179, 254, 255, 168, 215, 106, 231, 286, 6, 12, 11, 253, 258, 145, 199, 238]),
    ("phi3", " the  king\n", &[1, 284, 261, 284, 283, 13], &[153, 232, 214, 22, 196, 77, 294, 262, 126, 22, 177, 209, 84, 34, 1, 231, 45, 55, 118, 45]),
    ("phi3", "<|user|>\n the king<|end|>\n<|assistant|>\n", &[1, 300, 261, 283, 302, 301], &[176, 286, 19, 284, 45, 290, 87, 270, 35, 68, 101, 15, 234, 182, 148, 150, 231, 230, 112, 78]),
];

/// The exit status, stdout and stderr of the program with that folder for what it keeps.
fn tilewright(kept: &str, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tilewright"));
    let output = command.args(args).env("TILEWRIGHT_CACHE", kept).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn generated(kept: &str, model: &str, prompt: &str) -> (Value, String) {
    let args = ["generate", "--json", "--dtype", "f32", "--max-tokens", "20", "--model", model];
    let (status, out, said) = tilewright(kept, &[&args[..], &["--prompt", prompt]].concat());
    assert_eq!(status, 0, "{said}");
    (serde_json::from_str::<Value>(&out).unwrap()["answers"][0].clone(), said)
}

fn copied(folder: &Path) -> PathBuf {
    let file = folder.join("tiny.gguf");
    std::fs::copy(TINY, &file).unwrap();
    file
}

#[test]
fn a_file_runs_as_llama_cpp_runs_it() {
    let kept = directory("gguf-runs");
    let kept = kept.to_str().unwrap();
    for (prompt, tokens, continued) in SAID {
        let (answer, _) = generated(kept, TINY, prompt);
        assert_eq!(answer["prompt_tokens"], serde_json::json!(tokens), "{prompt:?}");
        assert_eq!(answer["tokens"], serde_json::json!(continued), "{prompt:?}");
    }
}

#[test]
fn files_of_other_architectures_do() {
    let kept = directory("gguf-others");
    for (name, prompt, tokens, continued) in OTHERS {
        let file = TINY.replace("tiny.gguf", &format!("tiny-{name}.gguf"));
        let (answer, _) = generated(kept.to_str().unwrap(), &file, prompt);
        assert_eq!(answer["prompt_tokens"], serde_json::json!(tokens), "{name}: {prompt:?}");
        // Where the model ends its answer, we do; it was made to go on.
        let said = continued.split(|token| ENDS.contains(token)).next().unwrap();
        assert_eq!(answer["tokens"], serde_json::json!(said), "{name}: {prompt:?}");
    }
}

#[test]
fn a_file_is_imported_once_and_again_when_it_changes() {
    let here = directory("gguf-once");
    let (file, kept) = (copied(&here), here.join("kept"));
    let (model, kept) = (file.to_str().unwrap(), kept.to_str().unwrap());
    let count = || std::fs::read_dir(Path::new(kept).join("imported")).unwrap().count();
    let (first, said) = generated(kept, model, "the king");
    assert!(said.contains("was imported into"), "{said}");
    // The folder that holds it, and no configuration, stands for it.
    let (second, said) = generated(kept, here.to_str().unwrap(), "the king");
    assert!(!said.contains("imported"), "{said}");
    assert_eq!(first, second);
    assert_eq!(count(), 1);
    // Longer by what a reader passes over.
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend([0; 32]);
    std::fs::write(&file, bytes).unwrap();
    let (third, said) = generated(kept, model, "the king");
    assert!(said.contains("was imported into"), "{said}");
    assert_eq!(first, third);
    assert_eq!(count(), 1, "what was made of the file before is gone");
}

#[test]
fn without_a_place_to_keep_it_the_way_to_make_one_is_told() {
    let (status, _, said) = tilewright("", &["generate", "--model", TINY, "--prompt", "x"]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("TILEWRIGHT_CACHE") && said.contains("tilewright convert"), "{said}");
}

#[test]
fn one_of_several_files_is_asked_for() {
    let here = directory("gguf-several");
    let file = copied(&here);
    std::fs::copy(&file, here.join("other.gguf")).unwrap();
    let (status, _, said) =
        tilewright("", &["generate", "--model", here.to_str().unwrap(), "--prompt", "x"]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("pass one of its 2 GGUF files"), "{said}");
}

#[test]
fn the_files_of_one_model_count_as_one() {
    let here = directory("gguf-parts");
    for number in 1..=3 {
        std::fs::copy(TINY, here.join(format!("tiny-{number:05}-of-00003.gguf"))).unwrap();
    }
    let kept = directory("gguf-parts-kept");
    let (kept, model) = (kept.to_str().unwrap(), here.to_str().unwrap());
    generated(kept, model, "the king");
    std::fs::copy(TINY, here.join("tiny-00001-of-00002.gguf")).unwrap();
    let (status, _, said) = tilewright(kept, &["generate", "--model", model, "--prompt", "x"]);
    assert!(status == 1 && said.contains("pass one of its 2 GGUF files"), "{said}");
}

#[test]
fn what_a_file_holds_is_told_in_words_and_in_json() {
    let (status, told, _) = tilewright("", &["inspect", TINY, "--tensors", "--values"]);
    assert_eq!(status, 0);
    for part in ["llama", "Q5_1", "blk.1.ffn_up.weight", "floats are finite", "runs", "yes"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (status, json, _) = tilewright("", &["inspect", TINY, "--tensors", "--values", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &json["runs"], &json["reason"]), (0, &true.into(), &Value::Null));
    assert_eq!(json["facts"]["architecture"], "llama");
    assert!(json["facts"]["values"].as_str().unwrap().contains("finite"), "{json}");
    let tensors = json["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), 21);
    assert_eq!(tensors[0]["name"], "blk.0.attn_k.weight");
    assert_eq!(tensors[0]["type"], "Q5_0");
}
