#!/usr/bin/env python3
"""Writes splits.json: a byte-level vocabulary whose merges go across every kind of border, texts, and their tokens for
each name of a splitting. The tokens are those of the `tokenizers` library for the chain in the `tokenizer.json` of the
models that the name was made for; `default` is llama.cpp's own, whose tokens it has.

    python splits.py            needs tokenizers, gguf and llama-cpp-python, and says where llama.cpp differs
"""

import json
import pathlib
import tempfile

import gguf
from llama_cpp import Llama
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
ENDS = r"\s*[\r\n]+|\s+(?!\S)|\s+"


def tiktoken(digits):
    """GPT-4's pattern, with as many digits as Llama 3, Qwen 2 or MiniCPM 5 take together."""
    return rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{ENDS}"


def cased(digits, contractions=""):
    """GPT-4o's and Tekken's."""
    word = r"[^\r\n\p{L}\p{N}]?"
    return (f"{word}{UPPER}*{LOWER}+{contractions}|{word}{UPPER}+{LOWER}*{contractions}|{digits}"
            rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{ENDS}")


# Cased letters by their numbers, in pairs of first and last.
CASED = """41-5a 61-7a b5 c0-d6 d8-f6 f8-1ba 1bc-1bf 1c4-293 295-2af 370-373 376 377 37b-37d 37f 386 388-38a 38c 38e-3a1
3a3-3f5 3f7-481 48a-52f 531-556 10a0-10c5 13a0-13f5 13f8-13fd 1c90-1cba 1cbd-1cbf 1d00-1d2b 1d6b-1d77 1d79-1d9a 1e00-1f15
1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fbc 1fbe 1fc2-1fc4 1fc6-1fcc 1fd0-1fd3
1fd6-1fdb 1fe0-1fec 1ff2-1ff4 1ff6-1ffc 2102 2107 210a-2113 2115 2119-211d 2124 2126 2128 212a-212d 212f-2134 2139
213c-213f 2145-2149 214e 2183 2184 2c00-2c7b 2c7e-2ce4 2ceb-2cee 2cf2 2cf3 a640-a66d a680-a69b a722-a76f a771-a787
a78b-a78e ab70-abbf fb00-fb06 fb13-fb17 ff21-ff3a ff41-ff5a 10400-1044f 104b0-104d3 104d8-104fb 10c80-10cb2 10cc0-10cf2
118a0-118df 1e900-1e943"""


def letters(ranges):
    return "".join("-".join(f"\\x{{{end}}}" for end in one.split("-")) for one in ranges.split())


def at(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


DIGITS = pre_tokenizers.Digits(individual_digits=True)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
OWN = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
LLAMA, QWEN = at(tiktoken(r"\p{N}{1,3}")), at(tiktoken(r"\p{N}"))
BLOOM = at(r" ?[^(\s|[.,!?…。，、।۔،])]+")
IDEOGRAPHS = at("[一-龥ࠀ-一가-\ud7ff]+")

# The chain of each name, and whether characters are composed first and pieces that are tokens stay whole.
CHAINS = {
    "llama-bpe": ([LLAMA, BYTES], False, True),
    "smaug-bpe": ([LLAMA, BYTES], False, False),
    "dbrx": ([pre_tokenizers.Split(Regex(tiktoken(r"\p{N}{1,3}")), "removed", invert=True), BYTES], False, False),
    "minicpm5": ([at(r"\p{N}{1,3}"), at(tiktoken(r"\p{N}+")), BYTES], False, True),
    "qwen2": ([QWEN, BYTES], True, False),
    "stablelm2": ([QWEN, BYTES], False, False),
    "seed-coder": ([at(tiktoken(r"\p{N}{1}").replace(r"\p{N}]+[\r\n]*", r"\p{N}\r\n]+")), BYTES], False, False),
    "gpt-4o": ([at(cased(r"\p{N}{1,3}", CONTRACTIONS + "?")), BYTES], False, False),
    "tekken": ([at(cased(r"\p{N}")), BYTES], False, True),
    "deepseek-llm": ([at("[\r\n]"), at(rf"\s?[{letters(CASED)}]+"),
                      at("\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+"), at(r"\s+$"), IDEOGRAPHS, DIGITS, BYTES], False, False),
    "deepseek-coder": ([at("[\r\n]"), at(r"\s?\p{L}+"), at(r"\s?\p{P}+"), IDEOGRAPHS, DIGITS, BYTES], False, False),
    "deepseek-v3": ([at(r"\p{N}{1,3}"), at("[一-龥\u3040-ゟ゠-ヿ]+"), at(
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{ENDS}"), BYTES], False, False),
    "gpt-2": ([OWN], False, False),
    "olmo": ([OWN], True, False),
    "smollm": ([DIGITS, OWN], False, False),
    "command-r": ([DIGITS, OWN], True, False),
    "falcon": ([pre_tokenizers.Punctuation("contiguous"), OWN, pre_tokenizers.Digits(individual_digits=False),
                at("[0-9][0-9][0-9]")], False, False),
    "bloom": ([BLOOM, BYTES], False, False),
    "viking": ([BLOOM, DIGITS, BYTES], False, False),
    "default": None,
}

TEXTS = [
    "Hello world, it's 12345 o'clock: 3.14 and 1,000,000!", "I'M SURE they'll say it'S fine; don't you've'd?",
    "a  b   c    \n\n\n  d\t\te \r\n\r\n f\n", "trailing spaces   ", "   ", "\n", " \n \n", "x\n\n\n", "1 22 333 4444 55555 a1b22",
    "fooBar FooBAR fooBARbaz HTTPServer iPhone", "def f(x):\n    return x**2  # x^2 <= 10 | y+1~z\n",
    "!!! ??? ... --- ((x)) [[y]] {{z}} `code` $5 + $6 = <11>", "path/to/file//\n\n/x/", "(a/b)/\n", "日本語のテキスト、カタカナー。漢字123と",
    "你好，世界！这是 一个 测试。", "한국어 텍스트 가나다", "Привет мир ΑΒΓ αβγ Ὗώ ῼ ﬁ", "Grüße, naïve café, e\u0301 n\u0303a",
    "हिन्दी भाषा। नमस्ते", "مرحبا بالعالم، كيف؟ ١٢٣", "½ ² Ⅷ ٣٤ 𝟙𝟚𝟛", "😀👍🏽 emoji 🦙🦙", "tab\there\u00a0nbsp\u3000wide",
    "a.b.c 1.2.3 'quoted' ''double'' 'sword 'Then", "#tag @user %d &amp; *x* _y_ \\z ~", "მხედრული ქართული ᲛᲮ",
]


def vocabulary():
    """Trained on the texts without any border."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = BYTES
    trainer = trainers.BpeTrainer(
        vocab_size=1400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    pieces = [text[at:at + size] for text in TEXTS for size in (2, 3, 5) for at in range(len(text))]
    tokenizer.train_from_iterator(pieces, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def main():
    vocab, merges = vocabulary()
    tokens = sorted(vocab, key=vocab.get)
    found = {}
    for name, chain in CHAINS.items():
        theirs = by_llama(tokens, merges, name)
        if chain is None:
            found[name] = theirs
            continue
        steps, composes, whole = chain
        tokenizer = Tokenizer(models.BPE(vocab, merges, ignore_merges=whole))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
        tokenizer.decoder = decoders.ByteLevel()
        if composes:
            tokenizer.normalizer = normalizers.NFC()
        found[name] = [tokenizer.encode(text).ids for text in TEXTS]
        for text, ours, other in zip(TEXTS, found[name], theirs):
            if ours != other:
                print(f"{name}: {text!r}: {[tokens[i] for i in ours]}, llama.cpp {[tokens[i] for i in other]}")
    file = dict(tokens=tokens, merges=[" ".join(pair) for pair in merges], texts=TEXTS, ids=found)
    path = pathlib.Path(__file__).with_name("splits.json")
    path.write_text(json.dumps(file, ensure_ascii=False, separators=(",", ":")).replace('"texts"', '\n"texts"')
                    .replace('"ids"', '\n"ids"').replace('"merges"', '\n"merges"') + "\n")
    borders = len({json.dumps(ids) for ids in found.values()})
    print(f"{len(found)} names, {borders} of them different, {len(tokens)} tokens")


def by_llama(tokens, merges, name):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/vocabulary.gguf"
        out = gguf.GGUFWriter(path, "llama")
        out.add_tokenizer_model("gpt2")
        out.add_tokenizer_pre(name)
        out.add_token_list(tokens)
        out.add_token_types([1] * len(tokens))
        out.add_token_merges([" ".join(pair) for pair in merges])
        out.add_bos_token_id(0)
        out.add_eos_token_id(0)
        out.add_add_bos_token(False)
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_tensors_to_file()
        out.close()
        model = Llama(path, vocab_only=True, verbose=False)
        return [model.tokenize(text.encode(), add_bos=False, special=False) for text in TEXTS]


if __name__ == "__main__":
    main()
