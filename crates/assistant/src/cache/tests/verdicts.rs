//! What people and audits say of hits, and what follows from it.

use super::*;

const STORED: &str = "please recap the whole holiday trip with Ana and Carla";
const ASKED: &str = "recap please the whole holiday trip with Ana and Carla";

#[test]
fn a_wrong_hit_raises_the_threshold_and_more_than_one_of_them_switch_the_tier_off() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    fn summary(intent: &str) -> Request<'_> {
        request(Task::Summary, intent)
    }
    let id = ask(&cache, &summary(STORED), "a").id.unwrap();
    let nobody = cache.verdict(id, Verdict::Wrong).unwrap();
    assert_eq!(nobody, None, "it served nobody yet");
    assert_eq!(ask(&cache, &summary(ASKED), "b").how, How::Semantic);
    let raised = cache.verdict(id, Verdict::Wrong).unwrap().unwrap();
    assert!(raised >= 0.025, "a margin at least: {raised}");
    let tier = cache.tier();
    assert!(tier.on, "one is a slip: {}", tier.because);
    assert_eq!((tier.complaints.wrong, tier.complaints.served), (1, 1));
    assert_eq!(tier.audit, Audit::of(0, 0), "nothing was audited");
    assert_eq!(
        cache.verdict(id, Verdict::Right).unwrap(),
        Some((raised - 0.0125).max(0.0))
    );
    let complaints = cache.tier().complaints;
    assert_eq!(
        (complaints.wrong, complaints.right),
        (0, 1),
        "the second word counts"
    );
    cache.verdict(id, Verdict::Wrong).unwrap();
    // Its own threshold keeps it from serving, so another answer is the second one.
    let other = |text: &str| text.replace("holiday", "summer");
    let id = ask(&cache, &summary(&other(STORED)), "c").id.unwrap();
    let served = ask(&cache, &summary(&other(ASKED)), "d");
    assert_eq!((served.how, served.id), (How::Semantic, Some(id)));
    cache.verdict(id, Verdict::Wrong).unwrap();
    let tier = cache.tier();
    assert!(
        !tier.on && tier.because.contains("2 of 2 semantic hits were wrong"),
        "{}",
        tier.because
    );
    assert_eq!(
        ask(
            &cache,
            &summary(&other(
                "the whole holiday trip with Ana and Carla, recap please"
            )),
            "e"
        )
        .how,
        How::Miss
    );
}

#[test]
fn complaints_are_held_against_all_hits_and_not_against_those_that_were_judged() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    cache.state().count("by_meaning", 1_000);
    let counts = [("told.wrong".to_owned(), 2)];
    cache.state().store.note(&[], &counts).unwrap();
    assert!(cache.tier().on, "2 of 1,000 are within the bound");
    let counts = [("wrong".to_owned(), 2), ("right".to_owned(), 18)];
    cache.state().store.note(&[], &counts).unwrap();
    let tier = cache.tier();
    assert!(
        !tier.on && tier.because.contains("2 of 20 audited"),
        "{}",
        tier.because
    );
}

#[test]
fn a_wrong_verdict_switches_the_rule_off_for_an_answer() {
    let decider = Decider::default();
    let (one, other) = ("ask me about my job", "a question about work please");
    let (x, y) = (gates::Read::new(one), gates::Read::new(other));
    let decide = |raised| {
        let (x, y) = (
            Side {
                text: one,
                read: &x,
            },
            Side {
                text: other,
                read: &y,
            },
        );
        decider.decide(x, y, 0.5, raised)
    };
    assert!(decide(0.0).serves() && decide(0.0).by_rule);
    assert!(!decide(0.025).serves());
}

#[test]
fn shipped_wishes_can_be_said_to_be_wrong() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    cache.warm("en").unwrap();
    let mut wish = request(Task::Question, "prompt gratitude a me give");
    wish.context.shipped = true;
    wish.context.language = "en".into();
    let served = ask(&cache, &wish, "computed");
    assert_eq!(served.how, How::Shipped);
    let id = served.id.unwrap();
    let kept = cache.kept(id, true).unwrap().unwrap();
    let requests = kept.served.unwrap();
    assert_eq!(
        (requests.len(), requests[0].request.as_str()),
        (1, wish.intent)
    );
    assert!(cache.verdict(id, Verdict::Wrong).unwrap().unwrap() > 0.0);
    let kept = cache.kept(id, true).unwrap().unwrap();
    assert_eq!(kept.served.unwrap()[0].verdict, Some(Verdict::Wrong));
    assert_ne!(ask(&cache, &wish, "computed").id, Some(id));
    assert_eq!(
        cache.audit(1.0, 7, |_| Some(false)).unwrap().open,
        0,
        "never audited"
    );
}

#[test]
fn an_audit_judges_open_hits_once() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let stored = "please recap the whole holiday trip with Ana and Carla";
    ask(&cache, &request(Task::Ask, stored), "a");
    ask(
        &cache,
        &request(
            Task::Ask,
            "recap please the whole holiday trip with Ana and Carla",
        ),
        "b",
    );
    let report = cache
        .audit(1.0, 7, |case| {
            Some(case.answer == "a" && case.stored == stored)
        })
        .unwrap();
    assert_eq!((report.open, report.checked, report.wrong), (1, 1, 0));
    assert_eq!(cache.audit(1.0, 7, |_| Some(false)).unwrap().open, 0);
    assert_eq!(cache.counters().unwrap().audit, Audit::of(0, 1));
}

#[test]
fn what_somebody_called_wrong_no_audit_makes_right_and_forgetting_is_for_good() {
    let clock = Hands::new();
    let cache = cache(CacheOptions::default(), &clock);
    let id = ask(&cache, &request(Task::Ask, STORED), "a").id.unwrap();
    for _ in 0..2 {
        assert_eq!(
            ask(&cache, &request(Task::Ask, ASKED), "b").how,
            How::Semantic
        );
    }
    cache.verdict(id, Verdict::Wrong).unwrap();
    let report = cache.audit(1.0, 7, |_| Some(true)).unwrap();
    assert_eq!(
        (report.checked, report.wrong),
        (1, 0),
        "the other of the two"
    );
    assert_eq!(ask(&cache, &request(Task::Ask, ASKED), "b").how, How::Miss);
    // The verdict holds for what is kept later, when nothing of the first answer is left.
    clock.pass(4_000);
    let id = ask(&cache, &request(Task::Ask, STORED), "c").id.unwrap();
    assert_eq!(ask(&cache, &request(Task::Ask, ASKED), "d").how, How::Miss);
    assert!(cache.kept(id, false).unwrap().is_some());
    let hits = |id| cache.state().store.hits(Some(id)).unwrap().len();
    let again = ask(&cache, &request(Task::Generate, STORED), "f")
        .id
        .unwrap();
    ask(&cache, &request(Task::Generate, ASKED), "g");
    assert_eq!(hits(again), 1, "another kind of work has no lesson");
    let kept = cache.state().store.hits(Some(again)).unwrap();
    assert_eq!(kept[0].text, "", "no audit works it out again");
    cache.forget(again).unwrap();
    assert_eq!(hits(again), 0);
}
