//! How fast the quantized products are: the matrices of Qwen2.5-1.5B at several numbers of rows.
//!
//! `cargo run --release -p companion-kernels --example products -- [THREADS] [LAYERS] [ROWS,…] [BITS,…] [GROUP]`
//!
//! One row is compared with the bandwidth of a plain read of the same bytes, all layers in turn so that no
//! cache holds them; more rows are given in products (multiply and add) a second.
#![allow(clippy::print_stdout)] // It prints a table.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use kernels::{Kernels, MatMut, PackedQ, QRows, QShape, Transform};

/// Name, outputs, inputs.
const MATRICES: [(&str, usize, usize); 4] = [
    ("qkv", 1536 + 2 * 256, 1536),
    ("o", 1536, 1536),
    ("gate_up", 2 * 8960, 1536),
    ("down", 1536, 8960),
];
const HEAD: (&str, usize, usize) = ("head", 151_936, 1536);

fn main() {
    let numbers = |text: Option<String>, default: &str| -> Vec<usize> {
        text.unwrap_or(default.into())
            .split(',')
            .map(|n| n.parse().expect("a number"))
            .collect()
    };
    let mut arguments = std::env::args().skip(1);
    let threads = numbers(arguments.next(), "2")[0];
    let layers = numbers(arguments.next(), "28")[0];
    let all_rows = numbers(arguments.next(), "1,4,8,64,256");
    let all_bits = numbers(arguments.next(), "8,4");
    let kernels = Kernels::from_env().expect("a kernel of this machine");
    let group = numbers(arguments.next(), "64")[0];
    println!("{} {threads} threads, groups of {group}", kernels.name());
    for bits in all_bits {
        let mut seed = 1;
        let mut matrices: Vec<(&str, PackedQ)> = (0..layers)
            .flat_map(|_| MATRICES)
            .chain([HEAD])
            .map(|(name, n, k)| (name, random((n, k, group), bits as u32, &mut seed)))
            .collect();
        if layers == 0 {
            matrices.remove(0);
        }
        let bytes: usize = matrices.iter().map(|(_, m)| m.view().bytes()).sum();
        let read = time(threads, 5, |thread, _| {
            for (_, matrix) in &matrices {
                let part = share(matrix.codes.len() / 4096, threads, thread);
                std::hint::black_box(
                    kernels.read_through(&matrix.codes[part.start * 4096..part.end * 4096]),
                );
            }
        });
        println!(
            "{bits} bits, {:.2} GB: read {:.1} GB/s",
            bytes as f64 / 1e9,
            bytes as f64 / read / 1e9
        );
        for &rows in &all_rows {
            measure(kernels, threads, &matrices, rows);
        }
    }
}

/// Prints the speed of `rows` rows: of all matrices in turn, and of each kind.
fn measure(kernels: Kernels, threads: usize, matrices: &[(&str, PackedQ)], rows: usize) {
    let group = matrices[0].1.shape.group;
    let inputs: Vec<(usize, QRows)> = [1536, 8960]
        .into_iter()
        .map(|k| {
            let x: Vec<f32> = (0..rows * k)
                .map(|i| ((i * 37) % 101) as f32 - 50.0)
                .collect();
            let mut q = QRows::default();
            q.reset(rows, k, group);
            kernels.quantize_rows(&x, Transform::default(), q.as_mut());
            (k, q)
        })
        .collect();
    let run = |matrix: &PackedQ, thread: usize, out: &mut [f32]| {
        let panels = share(matrix.shape.panels(), threads, thread);
        let columns = panels.len() * 16;
        let (_, x) = &inputs[usize::from(matrix.shape.k == 8960)];
        kernels.matmul_q(
            x,
            0..rows,
            matrix.view(),
            panels,
            None,
            &mut MatMut::new(&mut out[..rows * columns], columns),
        );
    };
    let widest = matrices.iter().map(|(_, m)| m.shape.n).max().expect("some");
    let repeats = if rows > 16 { 3 } else { 5 };
    let mut line = String::new();
    for name in ["", "qkv", "o", "gate_up", "down", "head"] {
        let chosen: Vec<&PackedQ> = matrices
            .iter()
            .filter(|(n, _)| name.is_empty() && *n != "head" || *n == name)
            .map(|(_, m)| m)
            .collect();
        if chosen.is_empty() {
            continue;
        }
        let seconds = time(threads, repeats, |thread, barrier| {
            let mut out = vec![0.0; rows * widest.div_ceil(threads).next_multiple_of(16)];
            for matrix in &chosen {
                run(matrix, thread, &mut out);
                barrier();
            }
        });
        let weights: usize = chosen.iter().map(|m| m.shape.n * m.shape.k).sum();
        let read: usize = chosen.iter().map(|m| m.view().bytes()).sum();
        let name = if name.is_empty() { "layers" } else { name };
        line += &format!(
            "  {name} {:.0} GMAC/s {:.1} GB/s",
            (weights * rows) as f64 / seconds / 1e9,
            read as f64 / seconds / 1e9
        );
    }
    println!("{rows:4} rows:{line}");
}

/// The seconds of the fastest of `repeats` runs of `work` on all threads; it gets the index of its
/// thread and a barrier to call.
fn time(threads: usize, repeats: usize, work: impl Fn(usize, &dyn Fn()) + Sync) -> f64 {
    let arrived = AtomicUsize::new(0);
    let barrier = || {
        let turn = arrived.fetch_add(1, Ordering::AcqRel) / threads;
        while arrived.load(Ordering::Acquire) < (turn + 1) * threads {
            std::hint::spin_loop();
        }
    };
    let run = |thread: usize| {
        let mut best = f64::INFINITY;
        for _ in 0..=repeats {
            barrier();
            let start = Instant::now();
            work(thread, &barrier);
            barrier();
            best = best.min(start.elapsed().as_secs_f64());
        }
        best
    };
    std::thread::scope(|scope| {
        let run = &run;
        (1..threads).for_each(|t| drop(scope.spawn(move || run(t))));
        run(0)
    })
}

/// The part of `total` that is `thread`'s.
fn share(total: usize, threads: usize, thread: usize) -> Range<usize> {
    total * thread / threads..total * (thread + 1) / threads
}

fn random((n, k, group): (usize, usize, usize), bits: u32, seed: &mut u64) -> PackedQ {
    let shape = QShape::new(n, k, group, bits).expect("a known shape");
    let mut packed = PackedQ::zeros(shape).expect("a known shape");
    for bytes in packed.codes.as_chunks_mut::<8>().0 {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695);
        *bytes = (*seed ^ *seed >> 29).to_le_bytes();
    }
    packed.scales.fill(0x2000);
    packed
}
