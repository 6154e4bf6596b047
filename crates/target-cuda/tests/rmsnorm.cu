// Root-mean-square norm: one block a row; partial sums of warps meet in shared memory.
const int row = blockIdx.x;
const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
const int D = x_shape[x_ndim - 1];
const float eps_val = eps[0];

float sum_sq = 0.0f;
for (int i = threadIdx.x; i < D; i += blockDim.x) {
    const float val = (float)x[row * D + i];
    sum_sq += val * val;
}
for (int by = 16; by > 0; by /= 2) sum_sq += __shfl_xor_sync(0xffffffffu, sum_sq, by);
__shared__ float shared[32];
if (lane == 0) shared[warp] = sum_sq;
__syncthreads();
if (warp == 0) {
    float p = lane < (blockDim.x + 31) / 32 ? shared[lane] : 0.0f;
    for (int by = 16; by > 0; by /= 2) p += __shfl_xor_sync(0xffffffffu, p, by);
    if (lane == 0) shared[0] = p;
}
__syncthreads();
const float rms = rsqrtf(shared[0] / (float)D + eps_val);
for (int i = threadIdx.x; i < D; i += blockDim.x) {
    out[row * D + i] = (T)((float)x[row * D + i] * rms * (float)w[i]);
}
