//! The whole path from text to vector on a tiny seeded model: f32 and INT8, every kernel.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic, and a skipped one says so.

mod common;

use common::{SIZES, cosine, kernels_here, open, store_with_tiny};

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "the day",
        "we walked by the river, i think!",
        "???",
        "ünïcode 日本 🎉 x",
        "\0",
        "[CLS] [MASK]",
    ]
    .map(String::from)
    .to_vec();
    texts.extend((1..40).map(|n| "the river walk ".repeat(n)));
    texts.push("we walked ".repeat(300));
    texts.push("x".repeat(5000));
    texts
}

#[test]
fn every_text_has_a_vector_of_length_one_and_true_counts() {
    for size in SIZES {
        let (_home, store) = store_with_tiny(size);
        for name in ["tiny", "tiny-int8"] {
            for isa in kernels_here() {
                let encoder = open(&store, name, 2, isa);
                let texts = texts();
                let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
                let embeddings = encoder.embed(&refs);
                assert_eq!(embeddings.len(), texts.len());
                for (text, embedding) in texts.iter().zip(&embeddings) {
                    let length: f32 = embedding.vector.iter().map(|v| v * v).sum();
                    assert!((length - 1.0).abs() < 1e-4, "{name} {isa} {length}");
                    assert_eq!(embedding.vector.len(), encoder.dim());
                    assert_eq!(embedding.tokens, encoder.count_tokens(text));
                    assert_eq!(embedding.chunks > 1, embedding.tokens > 254);
                }
                assert_eq!(embeddings[0].tokens, 0);
                // `max_input_chars_per_word`: one unknown piece.
                assert_eq!(embeddings.last().unwrap().tokens, 1);
            }
        }
    }
}

#[test]
fn a_text_has_the_same_bits_alone_and_in_any_batch() {
    for size in SIZES {
        let (_home, store) = store_with_tiny(size);
        let texts = texts();
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let reversed: Vec<&str> = refs.iter().rev().copied().collect();
        for name in ["tiny", "tiny-int8"] {
            for isa in kernels_here() {
                let one = open(&store, name, 1, isa);
                let four = open(&store, name, 4, isa);
                let all = four.embed(&refs);
                let mut backwards = four.embed(&reversed);
                backwards.reverse();
                assert_eq!(all, backwards, "{name} {isa}");
                assert_eq!(all, one.embed(&refs), "{name} {isa}: one thread");
                for (text, together) in refs.iter().zip(&all) {
                    assert_eq!(
                        &four.embed(&[text])[0],
                        together,
                        "{name} {isa}: {} bytes",
                        text.len()
                    );
                }
            }
        }
    }
}

#[test]
fn kernels_and_types_agree_with_the_scalar_f32_answer() {
    for size in SIZES {
        let (_home, store) = store_with_tiny(size);
        let texts = texts();
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let want = open(&store, "tiny", 1, kernels::Isa::Scalar).embed(&refs);
        for isa in kernels_here() {
            let floats = open(&store, "tiny", 2, isa).embed(&refs);
            let bytes = open(&store, "tiny-int8", 2, isa).embed(&refs);
            for ((want, float), byte) in want.iter().zip(&floats).zip(&bytes) {
                for (w, f) in want.vector.iter().zip(&float.vector) {
                    assert!((w - f).abs() < 1e-5, "{isa}: {w} {f}");
                }
                // Random weights in groups of 24 to 128: far coarser than a trained model's.
                let cosine = cosine(&want.vector, &byte.vector);
                assert!(cosine > 0.99, "{isa}: {cosine}");
            }
        }
    }
}

#[test]
fn progress_counts_up_to_all_texts() {
    let (_home, store) = store_with_tiny(SIZES[0]);
    let encoder = open(&store, "tiny-int8", 2, kernels::Isa::detect());
    let texts = vec!["a day"; 600];
    let mut seen = Vec::new();
    let embeddings = encoder.embed_with_progress(&texts, &mut |done| seen.push(done));
    assert_eq!(embeddings.len(), 600);
    assert!(
        seen.is_sorted() && seen.len() > 1 && seen.last() == Some(&600),
        "{seen:?}"
    );
    assert!(encoder.embed(&[]).is_empty());
}

#[test]
fn several_threads_may_share_an_encoder() {
    let (_home, store) = store_with_tiny(SIZES[0]);
    let encoder = open(&store, "tiny-int8", 3, kernels::Isa::detect());
    let want = encoder.embed(&["we walked", "the day"]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(encoder.clone().embed(&["we walked", "the day"]), want);
                }
            });
        }
    });
}
