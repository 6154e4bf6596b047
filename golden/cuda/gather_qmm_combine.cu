// gather_qmm_combine, f32, tokens = 1, experts = 64, columns = 2048, depth = 768

struct gather_qmm_combine_arguments {
    long long act_stride0;
    long long act_stride1;
    long long w_stride0;
    long long w_stride1;
    long long gate_stride0;
    long long indices_stride0;
    long long y_stride0;
    int tokens;
    int depth;
    int experts;
    int columns;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_gather_qmm_combine(const float* __restrict__ act, const float* __restrict__ w, const float* __restrict__ gate, const unsigned int* __restrict__ indices, float* y, const gather_qmm_combine_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[16640];
    float* tile0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 256);
    float* tile2 = (float*)(shared_memory + 0);
    float* tile3 = (float*)(shared_memory + 256);
    float* tile4 = (float*)(shared_memory + 0);
    float* tile5 = (float*)(shared_memory + 256);
    float* tile6 = (float*)(shared_memory + 0);
    float* tile7 = (float*)(shared_memory + 256);
    float* tile8 = (float*)(shared_memory + 0);
    float* tile9 = (float*)(shared_memory + 256);
    float* tile10 = (float*)(shared_memory + 0);
    float* tile11 = (float*)(shared_memory + 256);
    float* tile12 = (float*)(shared_memory + 0);
    float* tile13 = (float*)(shared_memory + 256);
    float* tile14 = (float*)(shared_memory + 0);
    float* tile15 = (float*)(shared_memory + 256);
    const int at = ((int)threadIdx.x & 15) * 4;
    const int at_2 = (int)threadIdx.x >> 4;
    const int product = (int)blockIdx.x * 64;
    float v[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    const float gate_in = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(0)];
    const unsigned int indices_in = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(0)];
    const int rounded = (int)min(indices_in, 2147483647u);
    for (int j = 0; j < arguments.depth; j += 64) {
        float act_in[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in[i] = 0.0f;
        }
        if ((j + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(0) * arguments.act_stride1)) + (long long)((j + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in[l] = vector.lane[l];
            }
        }
        const int index = tw_checked(rounded, arguments.experts, faults, 0);
        float w_in[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in[i * 4] = 0.0f;
            w_in[(i * 4) + 1] = 0.0f;
            w_in[(i * 4) + 2] = 0.0f;
            w_in[(i * 4) + 3] = 0.0f;
            if (((j + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index) * arguments.w_stride0) + ((long long)((j + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile0[at + (i & 3)] = act_in[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile1[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in[i];
        }
        __syncthreads();
        float products[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products[i] = 0.0f;
        }
        for (int k = 0; k < 64; k += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products[i] = fma(tile0[k], tile1[(k * 64) + (at + (i & 3))], products[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_2 = v[i];
            const float fma_x = fma(products[i], gate_in, tile_2);
            v[i] = fma_x;
        }
    }
    const float gate_in_2 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(1)];
    const unsigned int indices_in_2 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(1)];
    const int rounded_2 = (int)min(indices_in_2, 2147483647u);
    for (int j_2 = 0; j_2 < arguments.depth; j_2 += 64) {
        float act_in_2[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in_2[i] = 0.0f;
        }
        if ((j_2 + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(1) * arguments.act_stride1)) + (long long)((j_2 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_2[l] = vector.lane[l];
            }
        }
        const int index_2 = tw_checked(rounded_2, arguments.experts, faults, 0);
        float w_in_2[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in_2[i * 4] = 0.0f;
            w_in_2[(i * 4) + 1] = 0.0f;
            w_in_2[(i * 4) + 2] = 0.0f;
            w_in_2[(i * 4) + 3] = 0.0f;
            if (((j_2 + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index_2) * arguments.w_stride0) + ((long long)((j_2 + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_2[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile2[at + (i & 3)] = act_in_2[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile3[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in_2[i];
        }
        __syncthreads();
        float products_2[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products_2[i] = 0.0f;
        }
        for (int k_2 = 0; k_2 < 64; k_2 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products_2[i] = fma(tile2[k_2], tile3[(k_2 * 64) + (at + (i & 3))], products_2[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_3 = v[i];
            const float fma_x_2 = fma(products_2[i], gate_in_2, tile_3);
            v[i] = fma_x_2;
        }
    }
    const float gate_in_3 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(2)];
    const unsigned int indices_in_3 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(2)];
    const int rounded_3 = (int)min(indices_in_3, 2147483647u);
    for (int j_3 = 0; j_3 < arguments.depth; j_3 += 64) {
        float act_in_3[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in_3[i] = 0.0f;
        }
        if ((j_3 + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(2) * arguments.act_stride1)) + (long long)((j_3 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_3[l] = vector.lane[l];
            }
        }
        const int index_3 = tw_checked(rounded_3, arguments.experts, faults, 0);
        float w_in_3[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in_3[i * 4] = 0.0f;
            w_in_3[(i * 4) + 1] = 0.0f;
            w_in_3[(i * 4) + 2] = 0.0f;
            w_in_3[(i * 4) + 3] = 0.0f;
            if (((j_3 + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index_3) * arguments.w_stride0) + ((long long)((j_3 + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_3[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile4[at + (i & 3)] = act_in_3[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile5[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in_3[i];
        }
        __syncthreads();
        float products_3[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products_3[i] = 0.0f;
        }
        for (int k_3 = 0; k_3 < 64; k_3 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products_3[i] = fma(tile4[k_3], tile5[(k_3 * 64) + (at + (i & 3))], products_3[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_4 = v[i];
            const float fma_x_3 = fma(products_3[i], gate_in_3, tile_4);
            v[i] = fma_x_3;
        }
    }
    const float gate_in_4 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(3)];
    const unsigned int indices_in_4 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(3)];
    const int rounded_4 = (int)min(indices_in_4, 2147483647u);
    for (int j_4 = 0; j_4 < arguments.depth; j_4 += 64) {
        float act_in_4[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in_4[i] = 0.0f;
        }
        if ((j_4 + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(3) * arguments.act_stride1)) + (long long)((j_4 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_4[l] = vector.lane[l];
            }
        }
        const int index_4 = tw_checked(rounded_4, arguments.experts, faults, 0);
        float w_in_4[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in_4[i * 4] = 0.0f;
            w_in_4[(i * 4) + 1] = 0.0f;
            w_in_4[(i * 4) + 2] = 0.0f;
            w_in_4[(i * 4) + 3] = 0.0f;
            if (((j_4 + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index_4) * arguments.w_stride0) + ((long long)((j_4 + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_4[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile6[at + (i & 3)] = act_in_4[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile7[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in_4[i];
        }
        __syncthreads();
        float products_4[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products_4[i] = 0.0f;
        }
        for (int k_4 = 0; k_4 < 64; k_4 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products_4[i] = fma(tile6[k_4], tile7[(k_4 * 64) + (at + (i & 3))], products_4[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_5 = v[i];
            const float fma_x_4 = fma(products_4[i], gate_in_4, tile_5);
            v[i] = fma_x_4;
        }
    }
    const float gate_in_5 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(4)];
    const unsigned int indices_in_5 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(4)];
    const int rounded_5 = (int)min(indices_in_5, 2147483647u);
    for (int j_5 = 0; j_5 < arguments.depth; j_5 += 64) {
        float act_in_5[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in_5[i] = 0.0f;
        }
        if ((j_5 + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(4) * arguments.act_stride1)) + (long long)((j_5 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_5[l] = vector.lane[l];
            }
        }
        const int index_5 = tw_checked(rounded_5, arguments.experts, faults, 0);
        float w_in_5[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in_5[i * 4] = 0.0f;
            w_in_5[(i * 4) + 1] = 0.0f;
            w_in_5[(i * 4) + 2] = 0.0f;
            w_in_5[(i * 4) + 3] = 0.0f;
            if (((j_5 + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index_5) * arguments.w_stride0) + ((long long)((j_5 + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_5[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile8[at + (i & 3)] = act_in_5[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile9[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in_5[i];
        }
        __syncthreads();
        float products_5[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products_5[i] = 0.0f;
        }
        for (int k_5 = 0; k_5 < 64; k_5 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products_5[i] = fma(tile8[k_5], tile9[(k_5 * 64) + (at + (i & 3))], products_5[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_6 = v[i];
            const float fma_x_5 = fma(products_5[i], gate_in_5, tile_6);
            v[i] = fma_x_5;
        }
    }
    const float gate_in_6 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(5)];
    const unsigned int indices_in_6 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(5)];
    const int rounded_6 = (int)min(indices_in_6, 2147483647u);
    for (int j_6 = 0; j_6 < arguments.depth; j_6 += 64) {
        float act_in_6[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in_6[i] = 0.0f;
        }
        if ((j_6 + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(5) * arguments.act_stride1)) + (long long)((j_6 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_6[l] = vector.lane[l];
            }
        }
        const int index_6 = tw_checked(rounded_6, arguments.experts, faults, 0);
        float w_in_6[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in_6[i * 4] = 0.0f;
            w_in_6[(i * 4) + 1] = 0.0f;
            w_in_6[(i * 4) + 2] = 0.0f;
            w_in_6[(i * 4) + 3] = 0.0f;
            if (((j_6 + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index_6) * arguments.w_stride0) + ((long long)((j_6 + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_6[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile10[at + (i & 3)] = act_in_6[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile11[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in_6[i];
        }
        __syncthreads();
        float products_6[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products_6[i] = 0.0f;
        }
        for (int k_6 = 0; k_6 < 64; k_6 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products_6[i] = fma(tile10[k_6], tile11[(k_6 * 64) + (at + (i & 3))], products_6[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_7 = v[i];
            const float fma_x_6 = fma(products_6[i], gate_in_6, tile_7);
            v[i] = fma_x_6;
        }
    }
    const float gate_in_7 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(6)];
    const unsigned int indices_in_7 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(6)];
    const int rounded_7 = (int)min(indices_in_7, 2147483647u);
    for (int j_7 = 0; j_7 < arguments.depth; j_7 += 64) {
        float act_in_7[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in_7[i] = 0.0f;
        }
        if ((j_7 + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(6) * arguments.act_stride1)) + (long long)((j_7 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_7[l] = vector.lane[l];
            }
        }
        const int index_7 = tw_checked(rounded_7, arguments.experts, faults, 0);
        float w_in_7[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in_7[i * 4] = 0.0f;
            w_in_7[(i * 4) + 1] = 0.0f;
            w_in_7[(i * 4) + 2] = 0.0f;
            w_in_7[(i * 4) + 3] = 0.0f;
            if (((j_7 + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index_7) * arguments.w_stride0) + ((long long)((j_7 + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_7[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile12[at + (i & 3)] = act_in_7[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile13[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in_7[i];
        }
        __syncthreads();
        float products_7[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products_7[i] = 0.0f;
        }
        for (int k_7 = 0; k_7 < 64; k_7 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products_7[i] = fma(tile12[k_7], tile13[(k_7 * 64) + (at + (i & 3))], products_7[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_8 = v[i];
            const float fma_x_7 = fma(products_7[i], gate_in_7, tile_8);
            v[i] = fma_x_7;
        }
    }
    const float gate_in_8 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(7)];
    const unsigned int indices_in_8 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(7)];
    const int rounded_8 = (int)min(indices_in_8, 2147483647u);
    for (int j_8 = 0; j_8 < arguments.depth; j_8 += 64) {
        float act_in_8[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            act_in_8[i] = 0.0f;
        }
        if ((j_8 + at) < arguments.depth) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(7) * arguments.act_stride1)) + (long long)((j_8 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_8[l] = vector.lane[l];
            }
        }
        const int index_8 = tw_checked(rounded_8, arguments.experts, faults, 0);
        float w_in_8[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            w_in_8[i * 4] = 0.0f;
            w_in_8[(i * 4) + 1] = 0.0f;
            w_in_8[(i * 4) + 2] = 0.0f;
            w_in_8[(i * 4) + 3] = 0.0f;
            if (((j_8 + (at_2 + ((((i * 4) >> 2) & 3) * 16))) < arguments.depth) && ((product + at) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + ((((long long)(index_8) * arguments.w_stride0) + ((long long)((j_8 + (at_2 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.w_stride1)) + (long long)((product + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_8[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        __syncthreads();
        if (((int)threadIdx.x & 240) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile14[at + (i & 3)] = act_in_8[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile15[((at_2 + (((i >> 2) & 3) * 16)) * 64) + (at + (i & 3))] = w_in_8[i];
        }
        __syncthreads();
        float products_8[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            products_8[i] = 0.0f;
        }
        for (int k_8 = 0; k_8 < 64; k_8 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                products_8[i] = fma(tile14[k_8], tile15[(k_8 * 64) + (at + (i & 3))], products_8[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_9 = v[i];
            const float fma_x_8 = fma(products_8[i], gate_in_8, tile_9);
            v[i] = fma_x_8;
        }
    }
    if (((int)threadIdx.x & 240) == 0) {
        if ((product + at) < arguments.columns) {
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = v[l];
                *(uint4*)(y + (((long long)((int)blockIdx.y) * arguments.y_stride0) + (long long)((product + at)))) = vector.all;
            }
        }
    }
}
