// gather_add, f32, entries = 16384, rows = 16384, cols = 1024

struct gather_add_arguments {
    long long source_stride0;
    long long other_stride0;
    long long y_stride0;
    int entries;
    int cols;
    int rows;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_gather_add(const float* __restrict__ source, const unsigned int* __restrict__ index, const float* __restrict__ other, float* y, const gather_add_arguments arguments, uint4* faults) {
    const int at = (int)threadIdx.x * 4;
    const unsigned int index_in = index[(long long)((int)blockIdx.x)];
    const int rounded = (int)min(index_in, 2147483647u);
    const int index_2 = tw_checked(rounded, arguments.entries, faults, 0);
    float source_in[8];
    float other_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(source + (((long long)(index_2) * arguments.source_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 512))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) source_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(other + (((long long)((int)blockIdx.x) * arguments.other_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 512))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) other_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float added[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        added[i] = source_in[i] + other_in[i];
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = added[i * 4];
        out[1] = added[(i * 4) + 1];
        out[2] = added[(i * 4) + 2];
        out[3] = added[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 512))))) = vector.all;
        }
    }
}
