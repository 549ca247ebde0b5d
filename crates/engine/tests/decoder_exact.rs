//! A quantized decoder says the same to the bit on every instruction set and number of threads, alone, in pieces, beside
//! other texts and from the cache (docs/decisions/0011): companion-tiny in each of its quantized forms.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A failed test may panic.

use std::path::Path;

use engine::decoder::{Decoder, DecoderOptions, KvKind, Sequence, Work};
use engine::quant::decoder::{DecoderQuant, Target, quantize_decoder};
use engine::store::ModelStore;
use kernels::Isa;
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};

/// Few and short: how well it is rounded does not matter here.
const TEXTS: [&str; 2] = [
    "Walked along the river with Anna until the rain came, then sat in the kitchen and wrote letters.",
    "A bad night. The meeting went on for three hours, and nobody said what everybody thought.",
];

/// The logits after `tokens`, as bits; read `step` at a time, with `company` beside the first piece.
fn read(decoder: &Decoder, tokens: &[u32], step: usize, company: &[u32]) -> Vec<u32> {
    let mut sequence = decoder.start(tokens).unwrap();
    let mut other: Option<Sequence> =
        (!company.is_empty()).then(|| decoder.start(company).unwrap());
    let mut last = None;
    let rest = &tokens[sequence.len()..];
    for piece in rest.chunks(step) {
        let mut work = Vec::new();
        if let Some(other) = &mut other {
            let tokens = &company[other.len()..];
            if !tokens.is_empty() {
                work.push(Work {
                    sequence: other,
                    tokens,
                    logits: true,
                });
            }
        }
        work.push(Work {
            sequence: &mut sequence,
            tokens: piece,
            logits: true,
        });
        last = decoder.forward(&mut work).unwrap().pop().unwrap();
    }
    last.unwrap().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn quantized_decoders_give_the_same_bits_on_every_machine_and_in_any_company() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::new(home.path().to_owned());
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    store.import(&from, Some("tiny")).unwrap();
    let texts = TEXTS.map(String::from);
    let available: Vec<Isa> = Isa::ALL
        .into_iter()
        .filter(|isa| isa.is_available())
        .collect();
    let forms = [
        (Target::Int8, KvKind::F16),
        (Target::Int4, KvKind::U8),
        (Target::Mixed, KvKind::F16),
    ];
    for (to, kv) in forms {
        let name = format!("tiny-{}", to.name());
        let options = DecoderQuant {
            to,
            group: None,
            budget_bytes: None,
        };
        quantize_decoder(
            &store,
            "tiny",
            &name,
            &options,
            Some(&texts),
            &mut |_, _| (),
        )
        .unwrap();
        let open = |isa: Isa, threads: usize| {
            let options = DecoderOptions {
                threads: Some(threads),
                kernel: Some(isa),
                kv,
                exact: true,
                ..DecoderOptions::default()
            };
            Decoder::open(&store.path(&name), &options).unwrap()
        };
        let definition = open(Isa::Scalar, 1);
        let others: Vec<(Isa, usize, Decoder)> = (available.iter())
            .flat_map(|isa| [1, 2, 3].map(|threads| (*isa, threads, open(*isa, threads))))
            .collect();
        let cases = Config {
            cases: 6,
            failure_persistence: None,
            ..Config::default()
        };
        // One row is another kernel than four, nine or forty, so lengths and pieces cross those bounds.
        let inputs = (
            vec(0_u32..2000, 1..70),
            1_usize..50,
            vec(0_u32..2000, 1..20),
        );
        TestRunner::new(cases)
            .run(&inputs, |(tokens, step, company)| {
                definition.clear_kv();
                let want = read(&definition, &tokens, tokens.len(), &[]);
                for (isa, threads, decoder) in &others {
                    let told = format!("{name} {isa} {threads} threads, {step} at a time");
                    decoder.clear_kv();
                    assert_eq!(read(decoder, &tokens, step, &[]), want, "{told}");
                    // Once more, from the pages that the first time left.
                    assert_eq!(read(decoder, &tokens, step, &[]), want, "{told}: hit");
                    decoder.clear_kv();
                    let found = read(decoder, &tokens, step, &company);
                    assert_eq!(found, want, "{told}: in company");
                }
                Ok(())
            })
            .unwrap();
    }
}
