use super::*;
use crate::simd::call::Operand;

#[test]
fn what_lies_beyond_the_rows_is_fetched_where_the_call_says() {
    let mut call = Call::new(16, 1024);
    call.inputs[1] = Operand { at: std::ptr::without_provenance_mut(1 << 20), row: 512 };
    let of = |words: Words| words.at.cast::<u8>().wrapping_add(words.ahead).addr();
    let fetched = |call: &Call, row: usize| {
        let eight = eight::all(16, 1).nth(row / 8).unwrap();
        of(Words::of::<AVX2>(call, &eight, row % 8))
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
    // The second of two places, of eight rows each.
    let second = |call: &Call, row: usize| {
        let eight = eight::all(16, 2).nth(row / 4).unwrap();
        of(Words::of::<STREAMS>(call, &eight, row % 4 * 2 + 1))
    };
    for row in 0..4 {
        assert_eq!(second(&call, row), (1 << 20) + 512 * (8 + row) + 2048);
    }
    for row in 4..8 {
        assert_eq!(second(&call, row), (1 << 10) + 512 * (8 + row - 4));
    }
}
