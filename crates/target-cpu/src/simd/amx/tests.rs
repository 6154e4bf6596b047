use super::*;
use std::arch::x86_64::*;

/// Which states of this thread's registers are in use: those of tiles are bits 17 and 18.
fn in_use() -> u64 {
    #[target_feature(enable = "xsave")]
    fn asked() -> u64 {
        // SAFETY: wherever there are tiles, this register is.
        unsafe { _xgetbv(1) }
    }
    // SAFETY: as above.
    unsafe { asked() & (1 << 17 | 1 << 18) }
}

#[test]
fn tiles_are_released_and_are_a_threads_own() {
    let Some(amx) = Amx::detect() else { return };
    assert_eq!(in_use(), 0);
    // (One that began while tiles are configured would have its maker's.)
    let met = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            met.wait();
            let there = in_use();
            met.wait();
            there
        });
        let configured = Configured::new(amx);
        met.wait();
        met.wait();
        drop(configured);
        assert_eq!(other.join().unwrap(), 0);
    });
    for _ in 0..2 {
        let configured = Configured::new(amx);
        let ones = [0x3f80_3f80u32; 256];
        let mut sums = [f32::NAN; 256];
        // SAFETY: the tiles are configured, and the memory is this function's.
        unsafe {
            zero!(0);
            load!(4, ones.as_ptr(), 64usize);
            load!(6, ones.as_ptr(), 64usize);
            multiply!(0 += 4 * 6);
        }
        assert_ne!(in_use(), 0);
        // SAFETY: as above.
        unsafe { store!(0, sums.as_mut_ptr(), 64usize) };
        assert_eq!(sums, [32.0; 256]);
        drop(configured);
        assert_eq!(in_use(), 0);
    }
}

#[test]
fn products_of_blocks_are_those_of_their_tiles() {
    use super::blocks::{Factor, Sums, product};
    let Some(amx) = Amx::detect() else { return };
    let _configured = Configured::new(amx);
    let bf16 = |n: usize| ((n as f32).to_bits() >> 16) as u16;
    // [32][64] and [32 pairs][32]
    let x: Vec<u16> = (0..32 * 64).map(|i| bf16(i * 7 % 13)).collect();
    let w: Vec<u16> = (0..32 * 32 * 2).map(|i| bf16(i * 5 % 11)).collect();
    for (m, n) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let mut out = vec![f32::NAN; 32 * 40];
        let at = x.as_ptr().cast::<u8>();
        let x_of = Factor { at: [at, at.wrapping_add(16 * 128)], row: 128, step: 64 };
        let at = w.as_ptr().cast::<u8>();
        let w_of = Factor { at: [at, at.wrapping_add(64)], row: 128, step: 16 * 128 };
        // SAFETY: the tiles are configured and inside the factors, the sums inside `out`.
        unsafe {
            let at = out.as_mut_ptr();
            product([m, n], x_of, w_of, 1, Sums { at, row: 160, more: false });
            let [x_of, w_of] =
                [x_of, w_of].map(|of| Factor { at: of.at.map(|at| at.add(of.step)), ..of });
            product([m, n], x_of, w_of, 1, Sums { at, row: 160, more: true });
        }
        for (i, found) in out.iter().enumerate() {
            let (row, column) = (i / 40, i % 40);
            if row >= 16 * m || column >= 16 * n {
                assert!(found.is_nan());
                continue;
            }
            let term = |l: usize| {
                (((row * 64 + l) * 7 % 13) * ((l / 2 * 64 + 2 * column + l % 2) * 5 % 11)) as f32
            };
            assert_eq!(*found, (0..64).map(term).sum::<f32>(), "{m} {n}: {row} {column}");
        }
    }
}

#[test]
fn words_are_turned_and_rows_paired() {
    if Amx::detect().is_none() {
        return;
    }
    let from: Vec<u32> = (0..16 * 20).collect();
    let mut to = vec![0u32; 16 * 18];
    // SAFETY: AVX-512 is there wherever tiles are; sixteen rows of sixteen are inside both.
    unsafe { super::blocks::turn((from.as_ptr().cast(), 80), (to.as_mut_ptr().cast(), 72)) };
    for (i, word) in to.iter().enumerate() {
        let (row, column) = (i / 18, i % 18);
        let expected = if column < 16 { column * 20 + row } else { 0 };
        assert_eq!(*word as usize, expected);
    }
    let rows: Vec<u16> = (0..64).collect();
    let mut to = [0u32; 32];
    // SAFETY: as above.
    unsafe {
        let at = rows.as_ptr().cast::<u8>();
        super::blocks::pairs([at, at.add(64)], to.as_mut_ptr());
    }
    for (k, pair) in (0u32..).zip(to) {
        assert_eq!(pair, k | (k + 32) << 16);
    }
}
