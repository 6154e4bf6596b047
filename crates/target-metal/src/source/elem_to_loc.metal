// The way from an element's number, or its place in the grid, to where it lies.
template <typename Index = int64_t>
inline Index elem_to_loc(Index number, constant const int* shape, constant const int64_t* strides, int ndim) {
    Index place = 0;
    for (int axis = ndim - 1; axis >= 0; axis--) {
        place += number % shape[axis] * (Index)strides[axis];
        number /= shape[axis];
    }
    return place;
}
template <typename Index = int64_t>
inline Index elem_to_loc(uint3 at, constant const int* shape, constant const int64_t* strides, int ndim) {
    Index place = (Index)at.x * (Index)strides[ndim - 1];
    if (ndim > 1) place += (Index)at.y * (Index)strides[ndim - 2];
    Index number = at.z;
    for (int axis = ndim - 3; axis >= 0; axis--) {
        place += number % shape[axis] * (Index)strides[axis];
        number /= shape[axis];
    }
    return place;
}
template <typename Index = int64_t>
inline Index elem_to_loc_1(uint at, constant const int64_t& stride) { return (Index)at * (Index)stride; }
template <typename Index = int64_t>
inline Index elem_to_loc_2(uint2 at, constant const int64_t* strides) {
    return (Index)at.y * (Index)strides[0] + (Index)at.x * (Index)strides[1];
}
template <typename Index = int64_t>
inline Index elem_to_loc_3(uint3 at, constant const int64_t* strides) {
    return (Index)at.z * (Index)strides[0] + (Index)at.y * (Index)strides[1] + (Index)at.x * (Index)strides[2];
}
