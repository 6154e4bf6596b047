template <typename T, typename U> inline T ceildiv(T a, U b) { return (a + b - 1) / b; }
