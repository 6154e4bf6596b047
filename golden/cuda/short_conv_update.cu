// short_conv_update, f32, sequences = 1, time = 4096, channels = 2048, batch = 1, rows = 16

struct short_conv_update_arguments {
    long long bcx_stride0;
    long long bcx_stride1;
    long long w_stride0;
    long long state_stride0;
    long long state_stride1;
    long long y_stride0;
    long long y_stride1;
    int sequences;
    int time;
    int channels;
    int batch;
    int rows;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_short_conv_update(const float* __restrict__ bcx, const float* __restrict__ w, const float* __restrict__ bias, const int* __restrict__ slots, const int* __restrict__ positions, float* state, float* y, const short_conv_update_arguments arguments, uint4* faults) {
    const int at = (int)threadIdx.x * 4;
    float bias_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(bias + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const bool test = (int)blockIdx.x >= 2;
    if (test) {
        const int difference = (int)blockIdx.x - 2;
        const int index = tw_checked(difference, arguments.time, faults, 0);
        float bcx_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in[(i * 4) + l] = vector.lane[l];
            }
        }
        const int index_2 = tw_checked(difference, arguments.time, faults, 0);
        float bcx_in_2[8];
        float bcx_in_3[8];
        float bcx_in_4[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_2) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_2[(i * 4) + l] = vector.lane[l];
            }
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)((int)blockIdx.x) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_3[(i * 4) + l] = vector.lane[l];
            }
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)((int)blockIdx.x) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
        float product[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            product[i] = bcx_in[i] * bcx_in_2[i];
        }
        float w_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(w + (((long long)(0) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) w_in[(i * 4) + l] = vector.lane[l];
            }
        }
        float fma_x[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            fma_x[i] = fma(product[i], w_in[i], bias_in[i]);
        }
        const int difference_2 = (int)blockIdx.x - 1;
        const int index_3 = tw_checked(difference_2, arguments.time, faults, 0);
        float bcx_in_5[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_3) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
        const int index_4 = tw_checked(difference_2, arguments.time, faults, 0);
        float bcx_in_6[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_4) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
        float product_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            product_2[i] = bcx_in_5[i] * bcx_in_6[i];
        }
        float w_in_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(w + (((long long)(1) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) w_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
        float fma_x_2[8];
        float product_3[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            fma_x_2[i] = fma(product_2[i], w_in_2[i], fma_x[i]);
            product_3[i] = bcx_in_3[i] * bcx_in_4[i];
        }
        float w_in_3[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(w + (((long long)(2) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) w_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
        float fma_x_3[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            fma_x_3[i] = fma(product_3[i], w_in_3[i], fma_x_2[i]);
        }
        float bcx_in_7[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)((int)blockIdx.x) * arguments.bcx_stride1)) + (long long)((arguments.channels + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_7[(i * 4) + l] = vector.lane[l];
            }
        }
        float product_4[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            product_4[i] = bcx_in_7[i] * fma_x_3[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            float out[4];
            out[0] = product_4[i * 4];
            out[1] = product_4[(i * 4) + 1];
            out[2] = product_4[(i * 4) + 2];
            out[3] = product_4[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + ((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)((int)blockIdx.x) * arguments.y_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
            }
        }
    }
    const bool test_2 = (int)blockIdx.x < 1;
    if (test_2) {
        const int positions_in = positions[(long long)((int)blockIdx.y)];
        const int slots_in = slots[(long long)((int)blockIdx.y)];
        const int difference_3 = positions_in - 1;
        const bool test_3 = difference_3 < 0;
        const int rem = arguments.rows == 0 ? 0 : difference_3 % arguments.rows;
        const int chosen = test_3 ? (-1) : rem;
        const int index_5 = tw_checked(slots_in, arguments.batch, faults, 1);
        float state_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            state_in[i * 4] = 0.0f;
            state_in[(i * 4) + 1] = 0.0f;
            state_in[(i * 4) + 2] = 0.0f;
            state_in[(i * 4) + 3] = 0.0f;
            if ((min(chosen, arguments.rows) >= 0) && (min(chosen, arguments.rows) < arguments.rows)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(state + ((((long long)(index_5) * arguments.state_stride0) + ((long long)(min(chosen, arguments.rows)) * arguments.state_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) state_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        const int difference_4 = positions_in - 2;
        const bool test_4 = difference_4 < 0;
        const int rem_2 = arguments.rows == 0 ? 0 : difference_4 % arguments.rows;
        const int chosen_2 = test_4 ? (-1) : rem_2;
        const int index_6 = tw_checked(slots_in, arguments.batch, faults, 1);
        float state_in_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            state_in_2[i * 4] = 0.0f;
            state_in_2[(i * 4) + 1] = 0.0f;
            state_in_2[(i * 4) + 2] = 0.0f;
            state_in_2[(i * 4) + 3] = 0.0f;
            if ((min(chosen_2, arguments.rows) >= 0) && (min(chosen_2, arguments.rows) < arguments.rows)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(state + ((((long long)(index_6) * arguments.state_stride0) + ((long long)(min(chosen_2, arguments.rows)) * arguments.state_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) state_in_2[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        const bool test_5 = arguments.time > 0;
        if (test_5) {
            float w_in_4[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + (((long long)(0) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_4[(i * 4) + l] = vector.lane[l];
                }
            }
            float fma_x_4[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                fma_x_4[i] = fma(state_in_2[i], w_in_4[i], bias_in[i]);
            }
            float w_in_5[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + (((long long)(1) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_5[(i * 4) + l] = vector.lane[l];
                }
            }
            float fma_x_5[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                fma_x_5[i] = fma(state_in[i], w_in_5[i], fma_x_4[i]);
            }
            const int index_7 = tw_checked(0, arguments.time, faults, 0);
            float bcx_in_8[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_7) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_8[(i * 4) + l] = vector.lane[l];
                }
            }
            const int index_8 = tw_checked(0, arguments.time, faults, 0);
            float bcx_in_9[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_8) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_9[(i * 4) + l] = vector.lane[l];
                }
            }
            float product_5[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                product_5[i] = bcx_in_8[i] * bcx_in_9[i];
            }
            float w_in_6[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + (((long long)(2) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_6[(i * 4) + l] = vector.lane[l];
                }
            }
            float fma_x_6[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                fma_x_6[i] = fma(product_5[i], w_in_6[i], fma_x_5[i]);
            }
            const int index_9 = tw_checked(0, arguments.time, faults, 0);
            float bcx_in_10[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_9) * arguments.bcx_stride1)) + (long long)((arguments.channels + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_10[(i * 4) + l] = vector.lane[l];
                }
            }
            float product_6[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                product_6[i] = bcx_in_10[i] * fma_x_6[i];
            }
            __syncthreads();
            const int index_10 = tw_checked(0, arguments.time, faults, 2);
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                float out_2[4];
                out_2[0] = product_6[i * 4];
                out_2[1] = product_6[(i * 4) + 1];
                out_2[2] = product_6[(i * 4) + 2];
                out_2[3] = product_6[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                    *(uint4*)(y + ((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)(index_10) * arguments.y_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
                }
            }
        }
        const bool test_6 = arguments.time > 1;
        if (test_6) {
            float w_in_7[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + (((long long)(0) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_7[(i * 4) + l] = vector.lane[l];
                }
            }
            float fma_x_7[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                fma_x_7[i] = fma(state_in[i], w_in_7[i], bias_in[i]);
            }
            const int index_11 = tw_checked(0, arguments.time, faults, 0);
            float bcx_in_11[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_11) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_11[(i * 4) + l] = vector.lane[l];
                }
            }
            const int index_12 = tw_checked(0, arguments.time, faults, 0);
            float bcx_in_12[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_12) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_12[(i * 4) + l] = vector.lane[l];
                }
            }
            const int index_13 = tw_checked(1, arguments.time, faults, 0);
            float bcx_in_13[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_13) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_13[(i * 4) + l] = vector.lane[l];
                }
            }
            const int index_14 = tw_checked(1, arguments.time, faults, 0);
            float bcx_in_14[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_14) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_14[(i * 4) + l] = vector.lane[l];
                }
            }
            float product_7[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                product_7[i] = bcx_in_11[i] * bcx_in_12[i];
            }
            float w_in_8[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + (((long long)(1) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_8[(i * 4) + l] = vector.lane[l];
                }
            }
            float fma_x_8[8];
            float product_8[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                fma_x_8[i] = fma(product_7[i], w_in_8[i], fma_x_7[i]);
                product_8[i] = bcx_in_13[i] * bcx_in_14[i];
            }
            float w_in_9[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(w + (((long long)(2) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) w_in_9[(i * 4) + l] = vector.lane[l];
                }
            }
            float fma_x_9[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                fma_x_9[i] = fma(product_8[i], w_in_9[i], fma_x_8[i]);
            }
            const int index_15 = tw_checked(1, arguments.time, faults, 0);
            float bcx_in_15[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_15) * arguments.bcx_stride1)) + (long long)((arguments.channels + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_15[(i * 4) + l] = vector.lane[l];
                }
            }
            float product_9[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                product_9[i] = bcx_in_15[i] * fma_x_9[i];
            }
            __syncthreads();
            const int index_16 = tw_checked(1, arguments.time, faults, 2);
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                float out_3[4];
                out_3[0] = product_9[i * 4];
                out_3[1] = product_9[(i * 4) + 1];
                out_3[2] = product_9[(i * 4) + 2];
                out_3[3] = product_9[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_3[l];
                    *(uint4*)(y + ((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)(index_16) * arguments.y_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
                }
            }
        }
        const int difference_5 = arguments.time - 3;
        const bool test_7 = difference_5 >= 0;
        if (test_7) {
            const int added = positions_in + difference_5;
            const int rem_3 = arguments.rows == 0 ? 0 : added % arguments.rows;
            const int index_17 = tw_checked(difference_5, arguments.time, faults, 0);
            float bcx_in_16[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_17) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_16[(i * 4) + l] = vector.lane[l];
                }
            }
            const int index_18 = tw_checked(difference_5, arguments.time, faults, 0);
            float bcx_in_17[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_18) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_17[(i * 4) + l] = vector.lane[l];
                }
            }
            float product_10[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                product_10[i] = bcx_in_16[i] * bcx_in_17[i];
            }
            __syncthreads();
            const int index_19 = tw_checked(slots_in, arguments.batch, faults, 1);
            const int index_20 = tw_checked(rem_3, arguments.rows, faults, 3);
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                float out_4[4];
                out_4[0] = product_10[i * 4];
                out_4[1] = product_10[(i * 4) + 1];
                out_4[2] = product_10[(i * 4) + 2];
                out_4[3] = product_10[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_4[l];
                    *(uint4*)(state + ((((long long)(index_19) * arguments.state_stride0) + ((long long)(index_20) * arguments.state_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
                }
            }
        }
        const int difference_6 = arguments.time - 2;
        const bool test_8 = difference_6 >= 0;
        if (test_8) {
            const int added_2 = positions_in + difference_6;
            const int rem_4 = arguments.rows == 0 ? 0 : added_2 % arguments.rows;
            const int index_21 = tw_checked(difference_6, arguments.time, faults, 0);
            float bcx_in_18[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_21) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_18[(i * 4) + l] = vector.lane[l];
                }
            }
            const int index_22 = tw_checked(difference_6, arguments.time, faults, 0);
            float bcx_in_19[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_22) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_19[(i * 4) + l] = vector.lane[l];
                }
            }
            float product_11[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                product_11[i] = bcx_in_18[i] * bcx_in_19[i];
            }
            __syncthreads();
            const int index_23 = tw_checked(slots_in, arguments.batch, faults, 1);
            const int index_24 = tw_checked(rem_4, arguments.rows, faults, 3);
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                float out_5[4];
                out_5[0] = product_11[i * 4];
                out_5[1] = product_11[(i * 4) + 1];
                out_5[2] = product_11[(i * 4) + 2];
                out_5[3] = product_11[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_5[l];
                    *(uint4*)(state + ((((long long)(index_23) * arguments.state_stride0) + ((long long)(index_24) * arguments.state_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
                }
            }
        }
        const int difference_7 = arguments.time - 1;
        const bool test_9 = difference_7 >= 0;
        if (test_9) {
            const int added_3 = positions_in + difference_7;
            const int rem_5 = arguments.rows == 0 ? 0 : added_3 % arguments.rows;
            const int index_25 = tw_checked(difference_7, arguments.time, faults, 0);
            float bcx_in_20[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_25) * arguments.bcx_stride1)) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_20[(i * 4) + l] = vector.lane[l];
                }
            }
            const int index_26 = tw_checked(difference_7, arguments.time, faults, 0);
            float bcx_in_21[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(bcx + ((((long long)((int)blockIdx.y) * arguments.bcx_stride0) + ((long long)(index_26) * arguments.bcx_stride1)) + (long long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) bcx_in_21[(i * 4) + l] = vector.lane[l];
                }
            }
            float product_12[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                product_12[i] = bcx_in_20[i] * bcx_in_21[i];
            }
            __syncthreads();
            const int index_27 = tw_checked(slots_in, arguments.batch, faults, 1);
            const int index_28 = tw_checked(rem_5, arguments.rows, faults, 3);
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                float out_6[4];
                out_6[0] = product_12[i * 4];
                out_6[1] = product_12[(i * 4) + 1];
                out_6[2] = product_12[(i * 4) + 2];
                out_6[3] = product_12[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_6[l];
                    *(uint4*)(state + ((((long long)(index_27) * arguments.state_stride0) + ((long long)(index_28) * arguments.state_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
                }
            }
        }
    }
}
