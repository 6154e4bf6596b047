//! Columns that lie by sixteens give the same bits as columns that lie one after the other.

use super::*;
use crate::simd::integers::reads_sixteens;
use crate::sixteens::Sixteens;

/// The same rows by sixteens.
fn laid(of: &[u32], [rows, row]: [usize; 2], element: usize) -> Vec<u32> {
    let mut bytes: Vec<u8> = of.iter().flat_map(|word| word.to_le_bytes()).collect();
    let laid = Sixteens::new([rows, row], element, bytes.len()).unwrap();
    laid.lay(&mut bytes, true);
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect()
}

#[test]
fn columns_by_sixteens_give_the_same_bits() {
    if !reads_sixteens() {
        // Nobody lays them so where they are not multiplied faster.
        return;
    }
    let mut random = Random(11);
    let cases = [
        // Columns, groups, their elements, experts.
        (64, 16, 64, 1),
        (16, 2, 32, 1),
        (80, 9, 64, 1),
        (192, 12, 32, 2),
        (128, 65, 64, 1),
        (48, 6, 64, 3),
    ];
    for (columns, groups, group, experts) in cases {
        for rows in [1, 2, 7, 8, 9, 21, 40] {
            for odd in [None, Some(f64::NAN), Some(f64::INFINITY), Some(1e38), Some(1e-38)] {
                if odd.is_some() && rows > 9 && columns != 80 {
                    continue;
                }
                let depth = groups * group;
                let mut x = random.tensor(rows * depth, DType::BF16).values;
                // What is left of the integers counts, too, here and there.
                x.iter_mut().step_by(13).for_each(|x| *x *= 1.0 / 512.0);
                if let Some(odd) = odd {
                    x[(rows - 1) * depth + depth / 2] = odd;
                }
                let x = x.iter().map(|x| DType::BF16.round(*x)).collect();
                let x = Tensor::of(x, DType::BF16);
                let numbers = experts * columns * groups;
                let [scales, biases] = [0; 2].map(|_| random.tensor(numbers, DType::BF16));
                let of_row = depth / 8;
                let all = experts * columns;
                let words: Vec<u32> = (0..all * of_row).map(|_| random.word()).collect();
                let lists = (0..experts).map(|expert| {
                    let own = (0..rows as u32).filter(move |row| *row as usize % experts == expert);
                    own.map(|row| (row, row)).collect::<Vec<_>>()
                });
                let (mut list, mut ends) = (Vec::new(), Vec::new());
                for (expert, own) in lists.enumerate() {
                    list.extend(own);
                    ends.push((expert, list.len()));
                }
                let half = |of: &[u32]| of[..(numbers / 2).max(1)].to_vec();
                let plain = [words, half(&scales.bytes), half(&biases.bytes)];
                let shapes = [([all, of_row], 4), ([all, groups], 2), ([all, groups], 2)];
                let by_sixteens: Vec<Vec<u32>> = plain
                    .iter()
                    .zip(shapes)
                    .map(|(of, (shape, size))| laid(of, shape, size))
                    .collect();
                let problem = |of: &[Vec<u32>], by_sixteens: bool| {
                    let matrix = |k: usize, dtype: DType| {
                        let element = dtype.size() as isize;
                        let row = shapes[k].0[1] as isize * element;
                        Matrix { at: of[k].as_ptr().cast_mut().cast(), row, element, dtype }
                    };
                    let words = matrix(0, DType::U32);
                    let [scales, biases] = [1, 2].map(|k| matrix(k, DType::BF16));
                    let stride = |matrix: &Matrix| matrix.row * columns as isize;
                    Problem {
                        x: x.matrix(depth),
                        y: x.matrix(depth),
                        experts: [stride(&words), stride(&scales), stride(&biases)],
                        factor: Factor::Affine { words, scales, biases, bits: 4, group },
                        depth,
                        columns,
                        rows: list.clone(),
                        ends: ends.clone(),
                        by_sixteens,
                    }
                };
                let best = Level::best();
                for tiles in [None, Amx::detect()] {
                    let [plain, others] = [(&plain[..], false), (&by_sixteens[..], true)]
                        .map(|(of, laid)| results(problem(of, laid), rows, (best, tiles), 2));
                    let some = plain.iter().any(|y| f32::from_bits(*y).abs() > 1e-30);
                    assert!(some || odd.is_some(), "nothing but zeros");
                    let same = plain.iter().zip(&others).all(|(a, b)| {
                        a == b || [a, b].iter().all(|y| f32::from_bits(**y).is_nan())
                    });
                    assert!(same, "{columns} {groups} of {group}, {rows} rows, {odd:?}");
                }
            }
        }
    }
}
