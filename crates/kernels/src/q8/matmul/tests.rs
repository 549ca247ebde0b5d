//! Every kernel against the definition.

use super::*;
use crate::q8::{Codes, PackedQ8, pack};
use crate::testing::{Random, every_kernel};

fn activations(kernels: Kernels, x: &[f32], k: usize, group: usize, codes: Codes) -> Activations {
    let mut to = Activations::default();
    to.reset(x.len() / k, k, if codes.per_group { group } else { k });
    kernels.quantize(x, &vec![1.0; k], codes.max, to.as_mut());
    to
}

fn product(
    kernels: Kernels,
    x: &Activations,
    w: &PackedQ8,
    bias: &[f32],
    then: Activation,
) -> Vec<f32> {
    let mut out = vec![0.0; x.rows() * w.n];
    let view = w.view();
    kernels.matmul_q8(
        x,
        0..x.rows(),
        view,
        0..view.panels(),
        bias,
        then,
        &mut MatMut::new(&mut out, w.n),
    );
    out
}

fn close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= tolerance * want.abs().max(1.0),
            "{what}, element {i}: {got}, expected {want}"
        );
    }
}

#[test]
fn agrees_with_the_definition_at_every_tile_height_and_width() {
    for (kernels, rows) in every_kernel((0..15).chain([24, 25, 37])) {
        for (n, k, group) in [
            (16, 8, 8),
            (5, 16, 8),
            (48, 64, 64),
            (80, 128, 32),
            (39, 384, 128),
        ] {
            for codes in [
                kernels.codes(),
                Codes {
                    max: 127,
                    per_group: false,
                },
                Codes {
                    max: 127,
                    per_group: true,
                },
            ] {
                let mut random = Random::new((rows * n) as u64);
                let w = pack(&random.floats(n * k), n, k, group).expect("sizes fit");
                let bias = random.floats(n);
                let x = activations(kernels, &random.floats(rows * k), k, group, codes);
                for then in [Activation::None, Activation::Gelu] {
                    let got = product(kernels, &x, &w, &bias, then);
                    let want = product(Kernels::scalar(), &x, &w, &bias, then);
                    close(
                        &got,
                        &want,
                        1e-5,
                        &format!("{kernels:?} {rows}x{k}x{n} {codes:?} {then:?}"),
                    );
                }
            }
        }
    }
}

#[test]
fn is_near_the_float_product() {
    for (kernels, rows) in every_kernel([1, 13]) {
        let (n, k, group) = (64, 384, 128);
        let mut random = Random::new(5);
        let (w, x) = (random.floats(n * k), random.floats(rows * k));
        let packed = pack(&w, n, k, group).expect("sizes fit");
        let got = product(
            kernels,
            &activations(kernels, &x, k, group, kernels.codes()),
            &packed,
            &vec![0.0; n],
            Activation::None,
        );
        for row in 0..rows {
            for column in 0..n {
                let want: f32 = (0..k).map(|i| x[row * k + i] * w[column * k + i]).sum();
                assert!(
                    (got[row * n + column] - want).abs() < 0.4,
                    "{kernels:?} {row} {column}"
                );
            }
        }
    }
}

/// The largest codes on both sides: 16-bit sums that saturated would be far off.
#[test]
fn nothing_saturates_at_the_extremes() {
    for (kernels, _) in every_kernel([0]) {
        let (n, k, group) = (32, 256, 128);
        for sign in [1.0, -1.0] {
            let packed = pack(&vec![sign; n * k], n, k, group).expect("sizes fit");
            assert!(packed.codes.iter().all(|c| c.unsigned_abs() == 63));
            let x = activations(kernels, &vec![1.0; 7 * k], k, group, kernels.codes());
            assert!(x.codes().iter().all(|c| *c == kernels.codes().max));
            let got = product(kernels, &x, &packed, &vec![0.0; n], Activation::None);
            close(
                &got,
                &vec![sign * k as f32; 7 * n],
                1e-5,
                &format!("{kernels:?}"),
            );
        }
    }
}

/// A row alone, in any batch and in any slice of columns has the same bits.
#[test]
fn a_row_does_not_depend_on_its_company() {
    for (kernels, rows) in every_kernel([2, 11, 12, 13, 30]) {
        let (n, k, group) = (112, 256, 64);
        let mut random = Random::new(rows as u64);
        let packed = pack(&random.floats(n * k), n, k, group).expect("sizes fit");
        let (x, bias) = (random.floats(rows * k), random.floats(n));
        let together = activations(kernels, &x, k, group, kernels.codes());
        let all = product(kernels, &together, &packed, &bias, Activation::Gelu);
        for row in 0..rows {
            let alone = activations(kernels, &x[row * k..][..k], k, group, kernels.codes());
            let got = product(kernels, &alone, &packed, &bias, Activation::Gelu);
            assert_eq!(got, all[row * n..][..n], "{kernels:?} row {row} of {rows}");
            for panels in [0..1, 1..4, 3..7, 6..7] {
                let columns = panels.start * PANEL..panels.end * PANEL;
                let mut part = vec![0.0; columns.len()];
                kernels.matmul_q8(
                    &together,
                    row..row + 1,
                    packed.view(),
                    panels,
                    &bias,
                    Activation::Gelu,
                    &mut MatMut::new(&mut part, columns.len()),
                );
                assert_eq!(
                    part,
                    all[row * n..][columns],
                    "{kernels:?} row {row} of {rows}"
                );
            }
        }
    }
}
