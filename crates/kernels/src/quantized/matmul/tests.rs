//! Every kernel against the definition, to the bit.

use super::*;
use crate::quantized::{PackedQ, QShape, Transform, pack_q};
use crate::testing::{Random, every_kernel};

fn rows_of(kernels: Kernels, x: &[f32], shape: QShape) -> QRows {
    let mut rows = QRows::default();
    rows.reset(x.len() / shape.k, shape.k, shape.group);
    kernels.quantize_rows(x, Transform::default(), rows.as_mut());
    rows
}

fn product(kernels: Kernels, x: &QRows, w: &PackedQ, bias: Option<&[f32]>) -> Vec<f32> {
    let mut out = vec![9.0; x.rows() * w.shape.n];
    kernels.matmul_q(
        x,
        0..x.rows(),
        w.view(),
        0..w.shape.panels(),
        bias,
        &mut MatMut::new(&mut out, w.shape.n),
    );
    out
}

/// Random codes and scales, which cost nothing to find.
fn random_matrix(random: &mut Random, n: usize, k: usize, group: usize, bits: u32) -> PackedQ {
    let shape = QShape::new(n, k, group, bits).expect("a known shape");
    let mut packed = PackedQ::zeros(shape).expect("a known shape");
    packed
        .codes
        .iter_mut()
        .for_each(|c| *c = random.next() as u8);
    packed.scales.iter_mut().for_each(|s| {
        // Of both signs, from 2^-8 to 2^-5.
        *s = (random.next() as u16 & 0x8fff) | 0x1c00;
    });
    packed
}

#[test]
fn has_the_bits_of_the_definition_at_every_height_width_and_depth() {
    let heights = (1..=40).chain([47, 64, 65, 100, 291]);
    for (kernels, rows) in every_kernel(heights) {
        for (n, k, group) in [
            (5, 8, 32),
            (16, 64, 64),
            (48, 96, 32),
            (80, 192, 64),
            (39, 320, 64),
            (33, 300, 128),
            (112, 512, 64),
            // More than one block of the kernel for many rows, the last one short; 1, 2 and 3 panels left.
            (80, 1088, 32),
            (90, 1100, 64),
            (112, 1300, 128),
        ] {
            for bits in [4, 8] {
                let mut random = Random::new((rows * n) as u64);
                let w = random_matrix(&mut random, n, k, group, bits);
                let bias = random.floats(n);
                let bias = (rows % 2 == 0).then_some(&bias[..]);
                let x = rows_of(kernels, &random.floats(rows * k), w.shape);
                assert_eq!(
                    product(kernels, &x, &w, bias),
                    product(Kernels::scalar(), &x, &w, bias),
                    "{kernels:?} {rows}x{k}x{n}, {bits} bits in groups of {group}"
                );
            }
        }
    }
}

#[test]
fn is_near_the_float_product() {
    for (kernels, rows) in every_kernel([1, 13, 33]) {
        for (bits, near) in [(8, 0.2), (4, 2.4)] {
            let (n, k, group) = (64, 384, 64);
            let mut random = Random::new(5);
            let (w, x) = (random.floats(n * k), random.floats(rows * k));
            let packed = pack_q(&w, n, k, group, bits, None).expect("sizes fit");
            let x8 = rows_of(kernels, &x, packed.shape);
            let got = product(kernels, &x8, &packed, None);
            for row in 0..rows {
                for column in 0..n {
                    let want: f32 = (0..k).map(|i| x[row * k + i] * w[column * k + i]).sum();
                    let error = (got[row * n + column] - want).abs();
                    assert!(error < near, "{kernels:?}, {bits} bits: {error}");
                }
            }
        }
    }
}

/// The largest codes on both sides: sums in 16 bits that saturated would be far off.
#[test]
fn nothing_saturates_at_the_extremes() {
    for (kernels, rows) in every_kernel([1, 7, 16, 33]) {
        for bits in [4, 8] {
            for group in [32, 64, 128] {
                for byte in [0_u8, 255] {
                    for sign in [1.0, -1.0] {
                        let (n, k) = (32, 256);
                        let shape = QShape::new(n, k, group, bits).expect("a known shape");
                        let w = PackedQ {
                            shape,
                            codes: vec![byte; shape.code_bytes()],
                            scales: vec![0x3c00; shape.scale_count()],
                        };
                        let x = rows_of(kernels, &vec![sign * 127.0; rows * k], shape);
                        let weight = w.view().code(0, 0);
                        assert_eq!(
                            weight,
                            match (bits, byte) {
                                (8, 0) => -128,
                                (8, _) => 127,
                                (_, 0) => -8,
                                (_, _) => 7,
                            }
                        );
                        let want = sign * 127.0 * k as f32 * weight as f32;
                        for got in product(kernels, &x, &w, None) {
                            assert_eq!(got, want, "{kernels:?}, {bits} bits, groups of {group}");
                        }
                    }
                }
            }
        }
    }
}

/// A row alone, in any batch and in any slice of columns has the same bits.
#[test]
fn a_row_does_not_depend_on_its_company() {
    for (kernels, rows) in every_kernel([2, 11, 17, 33, 70]) {
        for bits in [4, 8] {
            let (n, k, group) = (139, 256, 64);
            let mut random = Random::new(rows as u64);
            let w = random_matrix(&mut random, n, k, group, bits);
            let (x, bias) = (random.floats(rows * k), random.floats(n));
            let together = rows_of(kernels, &x, w.shape);
            let all = product(kernels, &together, &w, Some(&bias));
            for row in 0..rows {
                let alone = rows_of(kernels, &x[row * k..][..k], w.shape);
                let got = product(kernels, &alone, &w, Some(&bias));
                assert_eq!(got, all[row * n..][..n], "{kernels:?} row {row} of {rows}");
            }
            for part in [0..1, 1..2, 0..rows, rows / 2..rows] {
                for panels in [0..1, 1..4, 3..9, 8..9, 2..2] {
                    let columns = panels.start * PANEL..(panels.end * PANEL).min(n);
                    let mut out = vec![0.0; part.len() * columns.len().max(1)];
                    if columns.is_empty() {
                        continue;
                    }
                    kernels.matmul_q(
                        &together,
                        part.clone(),
                        w.view(),
                        panels,
                        Some(&bias),
                        &mut MatMut::new(&mut out, columns.len()),
                    );
                    for (got, row) in out.chunks(columns.len()).zip(part.clone()) {
                        assert_eq!(got, &all[row * n..][columns.clone()], "{kernels:?} {row}");
                    }
                }
            }
        }
    }
}
