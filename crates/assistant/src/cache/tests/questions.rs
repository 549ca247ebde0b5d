//! Questions: each is shown once in thirty days, whichever wish finds it.

use super::*;
use crate::prompt::{bank, embedded_text};

#[test]
fn questions_are_varied_and_rest_for_thirty_days() {
    let clock = Hands::new();
    let options = CacheOptions {
        ttl: SignedDuration::from_hours(24 * 90),
        ..CacheOptions::default()
    };
    let cache = cache(options, &clock);
    let question = request(Task::Question, "something about rivers");
    let several = || {
        Ok::<_, std::convert::Infallible>(Computed {
            answers: vec!["one".into(), "two".into(), "three".into()],
            ..Computed::default()
        })
    };
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(
            cache
                .get_or_compute(&question, Mode::Use, several)
                .unwrap()
                .answer,
        );
    }
    seen.sort();
    assert_eq!(seen, ["one", "three", "two"]);
    assert_eq!(ask(&cache, &question, "four").how, How::Miss, "all rest");
    clock.pass(31 * 86_400);
    // Another week is another key: the guard that keeps questions current.
    assert_eq!(ask(&cache, &question, "five").how, How::Miss);
}

/// What a wish finds: these questions of the bank.
fn finds(places: &[usize]) -> impl FnOnce() -> Result<Computed, std::convert::Infallible> {
    let answers = places.iter().map(|at| text(*at)).collect();
    move || {
        Ok(Computed {
            answers,
            ..Computed::default()
        })
    }
}

fn text(at: usize) -> String {
    embedded_text(&bank()[at])
}

#[test]
fn two_wishes_that_find_the_same_question_do_not_show_it_twice() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let rivers = request(Task::Question, "something about rivers");
    let lakes = request(Task::Question, "a word on all the lakes of Finland");
    let show = |wish: &Request<'_>, found: &[usize]| {
        let served = cache.get_or_compute(wish, Mode::Use, finds(found));
        served.unwrap().answer
    };
    assert_eq!(show(&rivers, &[0, 1, 2]), text(0));
    assert_eq!(show(&lakes, &[0, 1]), text(1), "the first one rests");
    assert_eq!(
        show(&rivers, &[]),
        text(2),
        "and so does the second one now"
    );
    // What was counted may go; what was shown was shown.
    cache.clear(true).unwrap();
    assert_eq!(show(&rivers, &[2, 1, 0, 3]), text(3));
}

#[test]
fn a_question_that_was_found_is_not_shipped_after_it_and_the_other_way_round() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    cache.warm("en").unwrap();
    let mut shipped = request(Task::Question, "give me a gratitude prompt");
    shipped.context.shipped = true;
    shipped.context.language = "en".into();
    let common = common_prompts().iter().find(|c| c.id == "c04").unwrap();
    let all: Vec<usize> = common
        .questions()
        .iter()
        .filter_map(|q| bank().iter().position(|other| other.id == q.id))
        .collect();
    let (last, others) = all.split_last().unwrap();
    for at in others {
        let wish = format!("something like number {at}");
        let wish = request(Task::Question, &wish);
        let served = cache.get_or_compute(&wish, Mode::Use, finds(&[*at]));
        assert_eq!(served.unwrap().answer, text(*at));
    }
    let served = ask(&cache, &shipped, "computed");
    assert_eq!((served.how, served.answer), (How::Shipped, text(*last)));
    let wish = request(Task::Question, "yet another one");
    let served = cache.get_or_compute(&wish, Mode::Use, finds(&[*last, all.len()]));
    assert_ne!(served.unwrap().answer, text(*last));
    assert_eq!(ask(&cache, &shipped, "computed").how, How::Miss, "all rest");
}

#[test]
fn shipped_prompts_answer_on_the_first_day_and_not_twice() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    assert!(cache.warm("en").unwrap() >= 100);
    assert_eq!(cache.warm("en").unwrap(), cache.list(true).unwrap().len());
    let mut wish = request(Task::Question, "Give me a prompt for today!");
    assert_eq!(
        ask(&cache, &wish, "computed").how,
        How::Miss,
        "only where the caller allows it"
    );
    wish.context.shipped = true;
    wish.context.language = "en".into();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let served = ask(&cache, &wish, "computed");
        assert_eq!(served.how, How::Shipped);
        seen.push(served.question.unwrap());
        clock.pass(86_400);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}
