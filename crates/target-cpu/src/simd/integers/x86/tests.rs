use super::*;
use crate::simd::call::Operand;

#[test]
fn what_lies_beyond_the_rows_is_fetched_where_the_call_says() {
    let mut call = Call::new(16, 1024);
    call.inputs[1] = Operand { at: std::ptr::without_provenance_mut(1 << 20), row: 512 };
    let fetched = |call: &Call, row: usize| {
        let words = Words::of::<AVX2>(call, row);
        words.at.cast::<u8>().wrapping_add(words.ahead).addr()
    };
    for row in 0..16 {
        assert_eq!(fetched(&call, row), (1 << 20) + 512 * row + 3072);
    }
    call.prefetch.at = std::ptr::without_provenance_mut(1 << 10);
    for row in 0..10 {
        assert_eq!(fetched(&call, row), (1 << 20) + 512 * row + 3072);
    }
    for row in 10..16 {
        assert_eq!(fetched(&call, row), (1 << 10) + 512 * (row - 10));
    }
}
