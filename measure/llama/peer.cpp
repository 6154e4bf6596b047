// llama.cpp on the work of `tilewright bench-model`: tokens a second of a prompt in one piece and of decode, batch 1.
//
//   peer MODEL.gguf DEVICE THREADS RUNS      (DEVICE: cpu or cuda)
//
// One line a setting of llama.cpp (micro-batch, flash attention): what was run, then each run's figure. Compare with
// its best setting. A prompt's tokens are spread over the vocabulary, so that mixtures use all their experts.
#include "llama.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int count, char ** arguments) {
    if (count != 5) {
        fprintf(stderr, "peer MODEL.gguf cpu|cuda THREADS RUNS\n");
        return 2;
    }
    const bool gpu = strcmp(arguments[2], "cuda") == 0;
    const int threads = atoi(arguments[3]), runs = atoi(arguments[4]);
    llama_log_set(
        [](ggml_log_level level, const char * text, void *) {
            if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
        },
        nullptr);
    llama_backend_init();
    auto model_settings = llama_model_default_params();
    model_settings.n_gpu_layers = gpu ? 999 : 0;
    llama_model * model = llama_model_load_from_file(arguments[1], model_settings);
    if (!model) return 1;
    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));

    const int decoded = gpu ? 128 : 64;
    const std::vector<int> prompts = gpu ? std::vector<int>{512, 4096} : std::vector<int>{512};
    const std::vector<int> micro_batches = gpu ? std::vector<int>{512, 2048} : std::vector<int>{512};
    std::vector<llama_token> tokens(prompts.back());
    for (size_t i = 0; i < tokens.size(); i++) tokens[i] = (llama_token) (i * 2654435761ull % vocabulary);

    for (int micro_batch : micro_batches) {
        for (auto attention : {LLAMA_FLASH_ATTN_TYPE_ENABLED, LLAMA_FLASH_ATTN_TYPE_DISABLED}) {
            auto settings = llama_context_default_params();
            settings.n_ctx = prompts.back() + 512;
            settings.n_batch = prompts.back();
            settings.n_ubatch = micro_batch;
            settings.n_threads = settings.n_threads_batch = threads;
            settings.flash_attn_type = attention;
            llama_context * context = llama_init_from_model(model, settings);
            if (!context) return 1;
            const auto run = [&](int n) {
                if (llama_decode(context, llama_batch_get_one(tokens.data(), n))) exit(1);
                llama_synchronize(context);
            };
            const auto report = [&](const char * what, int depth, int n, bool whole) {
                printf("micro-batch %d, flash attention %s, %s:", micro_batch,
                       attention == LLAMA_FLASH_ATTN_TYPE_ENABLED ? "on" : "off", what);
                for (int i = 0; i < runs; i++) {
                    llama_memory_clear(llama_get_memory(context), true);
                    if (depth) run(depth);
                    const double begin = now();
                    for (int done = 0; done < n; done += whole ? n : 1) run(whole ? n : 1);
                    printf(" %.1f", n / (now() - begin));
                    fflush(stdout);
                }
                printf(" tokens/s\n");
            };
            run(512);
            for (int i = 0; i < 3; i++) run(1);
            for (int prompt : prompts) {
                char what[32];
                snprintf(what, sizeof what, "prefill of %d", prompt);
                report(what, 0, prompt, true);
            }
            report("decode from an empty cache", 0, decoded, false);
            report("decode at depth 512", 512, decoded, false);
            llama_free(context);
        }
    }
    printf("%s\n", llama_print_system_info());
}
