// The greatest and the least value of a type, infinities among those of floats.
template <typename T> struct Limits {
    static constexpr constant T max = metal::numeric_limits<T>::max();
    static constexpr constant T min = metal::numeric_limits<T>::lowest();
    static constexpr constant T finite_max = max;
    static constexpr constant T finite_min = min;
};
#define TW_LIMITS_OF_FLOAT(T) \
    template <> struct Limits<T> { \
        static constexpr constant T max = metal::numeric_limits<T>::infinity(); \
        static constexpr constant T min = -metal::numeric_limits<T>::infinity(); \
        static constexpr constant T finite_max = metal::numeric_limits<T>::max(); \
        static constexpr constant T finite_min = -metal::numeric_limits<T>::max(); \
    };
TW_LIMITS_OF_FLOAT(half)
TW_LIMITS_OF_FLOAT(float)
#if __METAL_VERSION__ >= 310
TW_LIMITS_OF_FLOAT(bfloat)
#endif
