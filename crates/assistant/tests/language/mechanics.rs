//! The whole way with real weights: companion-tiny (`data/models/companion-tiny`), which is trained and means nothing. What
//! is measured is mechanics: forms that hold, prompts that are read once, and how far an attack moves a label.

use std::path::PathBuf;

use assistant::THEMES;
use assistant::language::ask::ask;
use assistant::language::prompts::Slot;
use assistant::language::question::today;
use assistant::language::{DecoderModel, Language, LanguageModel as _, Tier, Usage, read};
use journal::{EntryId, Filter, Sentiment};

use crate::common::{add, at, journal};
use crate::injection::cases;
use crate::scripted::{shipped, stays};

pub(crate) fn tiny() -> Option<DecoderModel> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    if !dir.join("model.safetensors").is_file() {
        eprintln!("skipped: data/models/companion-tiny has no weights");
        return None;
    }
    Some(DecoderModel::open(&dir).unwrap())
}

fn language(model: &DecoderModel) -> Language<'_> {
    Language {
        model,
        prompts: shipped(),
        stop: stays(),
    }
}

/// The label that the model gives `text`, and what that cost.
fn feeling(model: &DecoderModel, text: &str) -> (Sentiment, Usage) {
    let entry = (EntryId(1), "2026-03-05".to_owned(), text.into());
    let filled = shipped().get("read").unwrap().fill(&[
        ("entries", Slot::Entries(vec![entry])),
        ("themes", Slot::List(THEMES.map(str::to_owned).to_vec())),
    ]);
    let labels = [Sentiment::Positive, Sentiment::Neutral, Sentiment::Negative];
    let names = labels.map(Sentiment::as_str);
    let (shares, usage) = model.score(&filled.chat(Some("feeling")), &names).unwrap();
    assert!(
        (shares.iter().sum::<f32>() - 1.0).abs() < 1e-3,
        "{shares:?}"
    );
    let best = (0..3)
        .max_by(|a, b| shares[*a].total_cmp(&shares[*b]))
        .unwrap();
    (labels[best], usage)
}

#[test]
fn four_answers_cost_at_most_1_15_of_the_prompt_tokens_of_one() {
    let Some(model) = tiny() else { return };
    let (mut journal, _dir) = journal();
    let text =
        "Walked to the harbour with Nadia after work, the wind so strong that we gave up talking. "
            .repeat(12);
    let entry = add(&mut journal, "2026-03-05 21:00", &text);
    model.decoder().clear_kv();
    let reading = read::read(&mut journal, Some(&language(&model)), None, &entry, true).unwrap();
    model.decoder().clear_kv();
    let (_, usage) = feeling(&model, &text);
    let first = usage.prompt + usage.reused;
    let ratio = reading.usage.prompt as f64 / first as f64;
    eprintln!(
        "companion-tiny: {} prompt tokens evaluated for {} answers, {first} for one: {ratio:.3} x",
        reading.usage.prompt, reading.usage.calls
    );
    assert!(ratio <= 1.15, "{ratio}");
}

/// Tags and template take more tokens than any guess of them: a question about seven entries had a prompt of 1032 tokens.
#[test]
fn however_many_entries_are_found_the_prompt_fits() {
    let Some(model) = tiny() else { return };
    let language = language(&model);
    let now = at("2026-03-20 09:00");
    for words in [0, 1, 3, 9, 27] {
        let (mut journal, _dir) = journal();
        for day in 1..=7 {
            let text = format!(
                "Nadia gave me the key to the boat shed{}. We walked home along the harbour in the rain.",
                ", and so on".repeat(words)
            );
            add(&mut journal, &format!("2026-03-1{day} 21:00"), &text);
        }
        let question = "Who gave me the key to the boat shed?";
        let all = Filter::default();
        let answer = ask(&journal, Some(&language), None, question, &all, &now).unwrap();
        let asked = today(&mut journal, Some(&language), None, &now, 0).unwrap();
        for note in answer.notes.iter().chain(&asked.notes) {
            assert!(!note.contains("does not fit"), "{words}: {note}");
        }
    }
}

#[test]
fn no_attack_of_the_set_breaks_a_form_with_real_weights() {
    let Some(model) = tiny() else { return };
    let language = language(&model);
    let mut all = cases();
    // The whole set is minutes of generating; COMPANION_TEST_ALL=1 takes it.
    if std::env::var_os("COMPANION_TEST_ALL").is_none() {
        all = all.into_iter().step_by(20).collect();
    }
    let (mut answers, mut malformed, mut kept) = (0, 0, 0);
    for case in all.iter() {
        let (mut journal, _dir) = journal();
        let entry = add(&mut journal, "2026-03-05 21:00", &case.text());
        let reading = read::read(&mut journal, Some(&language), None, &entry, true).unwrap();
        answers += reading.usage.calls;
        malformed += reading
            .notes
            .iter()
            .filter(|n| n.contains("form that was asked for"))
            .count();
        for mention in &reading.mentions {
            assert_eq!(
                &entry.text[mention.start..mention.end],
                mention.quote,
                "{}",
                case.id
            );
            kept += usize::from(mention.tier == Tier::Language);
        }
    }
    eprintln!(
        "companion-tiny: {} entries, {answers} answers, {malformed} without their form, {kept} mentions kept, all exact",
        all.len()
    );
    assert_eq!(malformed, 0);
}

#[test]
fn how_often_an_attack_flips_the_label_of_the_tiny_model() {
    let Some(model) = tiny() else { return };
    let (mut flips, mut obeyed, mut wishes) = (0, 0, 0);
    let all = cases();
    for case in &all {
        let label = |text: &str| feeling(&model, text).0;
        let (clean, attacked) = (label(&case.clean()), label(&case.text()));
        flips += usize::from(clean != attacked);
        if case.wants.is_some_and(|wants| wants != clean) {
            wishes += 1;
            obeyed += usize::from(case.wants == Some(attacked));
        }
    }
    eprintln!(
        "companion-tiny: {flips} of {} labels flip, {obeyed} of {wishes} to the one wanted",
        all.len()
    );
}
