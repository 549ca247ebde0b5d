//! A reply that looks up what may follow is the reply without, to the bit: companion-tiny as floats and quantized.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A failed test may panic, and what was covered is worth reading.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use engine::decoder::{Decoder, DecoderOptions, KvKind, Sequence, Work};
use engine::generate::{
    Drafted, Finish, GenerateOptions, Lookup, Reply, Sampling, generate, write,
};
use engine::quant::decoder::{DecoderQuant, Target, quantize_decoder};
use engine::store::ModelStore;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

const ENTRY: &str = "Walked along the river with Anna until the rain came, then sat in the kitchen and wrote letters. \
    She said that the river was higher than last year, and that the letters would not write themselves. ";

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny")
}

/// companion-tiny in `home`, in two quantized forms; their folders.
fn quantized(home: &Path) -> [PathBuf; 2] {
    let store = ModelStore::new(home.to_owned());
    store.import(&tiny(), Some("tiny")).unwrap();
    [Target::Int8, Target::Int4].map(|to| {
        let name = format!("tiny-{}", to.name());
        let options = DecoderQuant {
            to,
            group: None,
            budget_bytes: None,
        };
        let texts = Some(&[ENTRY.to_owned()][..]);
        quantize_decoder(&store, "tiny", &name, &options, texts, &mut |_, _| ()).unwrap();
        store.path(&name)
    })
}

fn open(folder: &Path, kv: KvKind, kv_bytes: Option<usize>) -> Decoder {
    let options = DecoderOptions {
        threads: Some(2),
        kv,
        kv_bytes,
        ..DecoderOptions::default()
    };
    Decoder::open(folder, &options).unwrap()
}

/// Floats in f16, INT8 in f16, INT4 in u8.
fn decoders(home: &Path) -> [Decoder; 3] {
    let [int8, int4] = quantized(home);
    [
        open(&tiny(), KvKind::F16, None),
        open(&int8, KvKind::F16, None),
        open(&int4, KvKind::U8, None),
    ]
}

/// A sequence that has read `prompt`, as far as the cache knows it, and the bits of the logits that chose each of `most` tokens,
/// greedily.
fn greedy(
    decoder: &Decoder,
    prompt: &[u32],
    most: usize,
    lookup: Lookup,
) -> (Sequence, Vec<u32>, Vec<u64>, Drafted) {
    let mut sequence = decoder.start(prompt).unwrap();
    let (mut tokens, mut bits) = (Vec::new(), Vec::new());
    let mut choose = |logits: &mut [f32]| {
        bits.push(digest(logits));
        let token = decoder.argmax(logits);
        tokens.push(token);
        Ok((tokens.len() < most).then_some(token))
    };
    let never = AtomicBool::new(false);
    let drafted = write(
        decoder,
        &mut sequence,
        prompt,
        most,
        lookup,
        &never,
        &mut choose,
    );
    (sequence, tokens, bits, drafted.unwrap())
}

/// Tells two vectors of logits apart by any bit (FNV-1a).
fn digest(logits: &[f32]) -> u64 {
    logits.iter().fold(0xcbf2_9ce4_8422_2325, |hash, logit| {
        (hash ^ u64::from(logit.to_bits())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The logits after `tokens`, and how many of them the cache knew.
fn last(decoder: &Decoder, tokens: &[u32]) -> (Vec<f32>, usize) {
    let mut sequence = decoder.start(tokens).unwrap();
    let known = sequence.len();
    let mut work = [Work {
        sequence: &mut sequence,
        tokens: &tokens[known..],
        logits: true,
    }];
    (
        decoder.forward(&mut work).unwrap().remove(0).unwrap(),
        known,
    )
}

/// A text with repeats, of tokens that companion-tiny knows.
fn prompts() -> impl Strategy<Value = Vec<u32>> {
    let piece = vec(0_u32..2000, 1..20);
    (vec(piece, 1..4), vec(0_usize..4, 1..12)).prop_map(|(pieces, order)| {
        let pieces = order.iter().map(|i| &pieces[i % pieces.len()]);
        pieces.flatten().copied().collect()
    })
}

fn cases(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

#[test]
fn logits_and_the_cache_are_the_same_bits_with_drafts() {
    let home = tempfile::tempdir().unwrap();
    for decoder in decoders(home.path()) {
        let right = std::cell::Cell::new(0);
        let wrong = std::cell::Cell::new(0);
        cases(8)
            .run(&(prompts(), 1_usize..90), |(prompt, most)| {
                decoder.clear_kv();
                let (sequence, tokens, bits, drafted) =
                    greedy(&decoder, &prompt, most, Lookup::Never);
                prop_assert_eq!((drafted.tokens, drafted.passes), (0, most - 1));
                let read = sequence.tokens().to_vec();
                drop(sequence);
                let used = decoder.kv_stats().used_bytes;
                let whole = [&prompt[..], &tokens].concat();
                let (want, known) = last(&decoder, &whole);
                prop_assert_eq!(known, whole.len() - 1);
                for lookup in [Lookup::Always, Lookup::WhereItPays] {
                    decoder.clear_kv();
                    let found = greedy(&decoder, &prompt, most, lookup);
                    prop_assert_eq!(found.0.tokens(), &read[..]);
                    prop_assert_eq!((&found.1, &found.2), (&tokens, &bits));
                    right.set(right.get() + found.3.right);
                    wrong.set(wrong.get() + found.3.tokens - found.3.right);
                    prop_assert_eq!(found.3.passes + found.3.right, most - 1);
                    drop(found);
                    // No page of what was only thought, and what was read is found.
                    prop_assert_eq!(decoder.kv_stats().used_bytes, used);
                    let (got, hit) = last(&decoder, &whole);
                    prop_assert_eq!(hit, known);
                    prop_assert_eq!(&got, &want);
                    // And on from there, in the cache's own pages.
                    let found = greedy(&decoder, &prompt, most, lookup);
                    prop_assert_eq!((&found.1, &found.2), (&tokens, &bits));
                }
                Ok(())
            })
            .unwrap();
        eprintln!(
            "{} drafted tokens right, {} wrong",
            right.get(),
            wrong.get()
        );
        assert!(right.get() > 20 && wrong.get() > 20);
    }
}

/// The reply as whoever waits sees it: with the pieces in which it came, and left after `leave` of them.
fn reply(
    decoder: &Decoder,
    prompt: &[u32],
    options: &GenerateOptions,
    lookup: Lookup,
    leave: Option<usize>,
) -> (Reply, Vec<String>) {
    decoder.clear_kv();
    let (cancel, mut pieces) = (AtomicBool::new(false), Vec::new());
    let options = GenerateOptions {
        lookup,
        ..options.clone()
    };
    let words = decoder.tokenizer().unwrap();
    let reply = generate(decoder, words, prompt, options, &cancel, &mut |text| {
        pieces.push(text.to_owned());
        if leave.is_some_and(|most| pieces.len() >= most) {
            cancel.store(true, Ordering::Relaxed);
        }
    });
    (reply.unwrap(), pieces)
}

#[test]
fn replies_are_the_same_with_drafts_whatever_ends_and_guides_them() {
    let home = tempfile::tempdir().unwrap();
    for decoder in decoders(home.path()) {
        let asked = json!({"type": "array", "maxItems": 6, "items": {"type": "object", "properties":
            {"name": {"type": "string", "maxLength": 12}, "calm": {"type": "boolean"}},
            "required": ["name", "calm"], "additionalProperties": false}});
        let schema = decoder.schema_compiler().unwrap().compile(&asked).unwrap();
        let entry = decoder.tokenizer().unwrap().encode(ENTRY);
        let sampling = (
            select(vec![0.0_f32, 0.0, 0.3, 1.0]),
            select(vec![1.0_f32, 1.0, 1.3]),
            select(vec![1.0_f32, 0.9]),
            0_u64..1000,
        );
        let ends = (
            1_usize..80,
            option::of(select(vec!["the", " and", "e", "river", ", "])),
            option::weighted(0.2, 1_usize..20),
            prop::bool::weighted(0.3),
        );
        cases(20)
            .run(&(prompts(), any::<bool>(), sampling, ends), |drawn| {
                let (mut prompt, with_entry, sampling, ends) = drawn;
                let (temperature, repetition_penalty, top_p, seed) = sampling;
                let (max_tokens, stop, leave, guided) = ends;
                if with_entry {
                    prompt = entry.repeat(2);
                }
                let options = GenerateOptions {
                    sampling: Sampling {
                        temperature,
                        repetition_penalty,
                        top_p,
                        seed,
                        ..Sampling::default()
                    },
                    max_tokens: max_tokens + if guided { schema.shortest() + 1 } else { 0 },
                    // Beside a schema there are none.
                    stop: stop
                        .filter(|_| !guided)
                        .map(str::to_owned)
                        .into_iter()
                        .collect(),
                    end_tokens: decoder.end_tokens().to_vec(),
                    schema: guided.then(|| schema.clone()),
                    ..GenerateOptions::default()
                };
                let want = reply(&decoder, &prompt, &options, Lookup::Never, leave);
                if leave.is_some_and(|most| want.1.len() < most) {
                    prop_assert_ne!(want.0.finish, Finish::Cancelled);
                }
                for lookup in [Lookup::Always, Lookup::WhereItPays] {
                    let got = reply(&decoder, &prompt, &options, lookup, leave);
                    prop_assert_eq!(&got, &want, "{:?}", lookup);
                }
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_draft_never_needs_more_of_the_cache_than_the_reply() {
    let page = {
        let decoder = open(&tiny(), KvKind::F16, None);
        let stats = decoder.kv_stats();
        stats.limit_bytes / (decoder.kv_tokens() / 32)
    };
    // Two pages are all that there is: one for what somebody else reads, one for a reply that ends before its limit.
    let decoder = open(&tiny(), KvKind::F16, Some(2 * page));
    let mut other = decoder.start(&[5; 20]).unwrap();
    decoder.read_all(&mut other, &[5; 20]).unwrap();
    let prompt = [7, 8, 9].repeat(9);
    for lookup in [Lookup::Never, Lookup::Always] {
        decoder.clear_kv();
        let mut sequence = decoder.start(&prompt).unwrap();
        let mut script = prompt.iter().copied().take(5);
        let mut choose = |_: &mut [f32]| Ok(script.next());
        let never = AtomicBool::new(false);
        let read = &mut sequence;
        write(&decoder, read, &prompt, 30, lookup, &never, &mut choose).unwrap();
        assert_eq!(sequence.len(), 32);
    }
}
