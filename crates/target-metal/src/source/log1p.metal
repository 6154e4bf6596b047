// log(1 + x): what 1 + x loses of x is a factor of the result.
inline float log1p(float x) {
    const float y = 1.0f + x;
    return y == 1.0f || y == INFINITY ? x : metal::log(y) * (x / (y - 1.0f));
}
