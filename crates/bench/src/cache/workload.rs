//! A simulated use: the first 1,000 prompts of 12 people in 30 days, with the truth about each known.
//!
//! The model of use. Each person opens the journal on four days of five, once, at an hour of their own. They begin with a
//! wish for a question (daily); two in three have one wording and keep to it, and one in two asks once more for another
//! question. Four in ten then ask for help with what they are writing (continuation: to go on, how to, to reflect), look at
//! the answer, and ask again within minutes, once or twice, by the same words or others: after closing the window, on the
//! phone, because the answer was too long. On Sundays, and on one day in four, they want a look back (summary), and want it
//! again the same way. One such series in four ends with a request that only looks like it, of the look-alikes that its
//! author wrote, while the kept answer stands under the same guards: what serves it is a false hit. Then they write an
//! entry, and everything that was answered before it is about another journal.
//!
//! Wordings of continuations and summaries are those of the held-out author; wishes are written here. An answer is right
//! if it was made for the same wish or cluster, the same person, and the journal as it is now.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use assistant::cache::{
    CacheOptions, Computed, Context, How, MemoryStore, Mode, Request, SemanticCache, Task,
    common_prompts, lower_95, same_words, upper_95,
};
use engine::encoder::Encoder;
use jiff::{Timestamp, tz::TimeZone};
use journal::EntryId;
use serde::Serialize;

use super::pairs::{Cluster, clusters};
use crate::Result;
use crate::sample::Random;

const USERS: usize = 12;
const DAYS: i64 = 30;
const PROMPTS: usize = 1_000;
/// 2026-11-01, a Sunday, at midnight UTC.
const FIRST: i64 = 1_793_491_200;

/// Wishes for a question, by the shipped prompt that answers them, in words that were not shipped.
#[rustfmt::skip]
const WISHES: &[(&str, &[&str])] = &[
    ("c01", &["what should I write about today?", "Give me a prompt for today.", "any prompt for me today", "I have no idea what to write, give me something", "please suggest something I could write about", "whats todays prompt", "got a topic for my journal entry?", "I need something to write about"]),
    ("c02", &["a morning question please", "give me a prompt for this morning", "something to write about this morning?", "ask me a morning question"]),
    ("c03", &["an evening question please", "give me a prompt for this evening", "something to write about this evening?", "ask me an evening question"]),
    ("c04", &["ask me something about gratitude", "a gratitude prompt please", "prompt me on what I am thankful for", "give me a question about being grateful"]),
    ("c05", &["a prompt about my job", "ask me something about work", "give me a question about work", "something to write about my job?"]),
    ("c06", &["a prompt on my family please", "ask me something about my family", "give me a question about my family"]),
    ("c15", &["ask me about my feelings", "a question about how I feel", "give me a feelings prompt", "help me find words for what I feel"]),
];

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkloadKind {
    /// A question to begin with.
    Daily,
    /// Help with what is being written.
    Continuation,
    /// A look back.
    Summary,
}

/// One prompt.
struct Asked {
    user: usize,
    /// Entries that the person has written so far.
    entries: usize,
    /// Seconds since 1970.
    at: i64,
    kind: WorkloadKind,
    text: String,
    /// The wish or the cluster.
    truth: String,
}

/// What one kind of cache did with the workload.
#[derive(Debug, Clone, Serialize)]
pub struct WorkloadRates {
    /// `exact`, `cosine 0.85`, `companion`.
    pub cache: &'static str,
    /// Answers served.
    pub hits: u64,
    /// Of those, wrong.
    pub false_hits: u64,
    /// One-sided bounds at 95 % of the share of wrong ones among the hits.
    pub false_lower: f64,
    /// See `false_lower`.
    pub false_upper: f64,
    /// Prompts and hits by kind.
    pub by_kind: Vec<(WorkloadKind, u64, u64)>,
}

/// The workload and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct WorkloadFigures {
    /// How many prompts.
    pub prompts: u64,
    /// People.
    pub users: usize,
    /// Days from the first prompt to the last.
    pub days: i64,
    /// Prompts for which an answer to another intent is kept under the same guards, so that a false hit is possible: every
    /// daily one, as all shipped wishes are at hand, and the look-alikes.
    pub tempted: u64,
    /// Each kind of cache.
    pub caches: Vec<WorkloadRates>,
    /// How long the program's cache took for each prompt.
    #[serde(skip)]
    pub(super) looks: Vec<Look>,
}

/// One look of the program's cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Whether it served.
    pub(super) hit: bool,
    /// Until the answer, or until it was known that there is none.
    pub(super) ms: f64,
}

pub(super) fn measure(encoder: &Encoder) -> Result<WorkloadFigures> {
    let asked = prompts(&clusters());
    let (ours, looks) = ours(&asked, encoder)?;
    let caches = vec![exact(&asked), plain(&asked, encoder), ours];
    Ok(WorkloadFigures {
        prompts: asked.len() as u64,
        users: USERS,
        days: asked
            .last()
            .map_or(0, |last| (last.at - FIRST) / 86_400 + 1),
        tempted: tempted(&asked),
        caches,
        looks,
    })
}

/// The prompts in order of time.
fn prompts(clusters: &[Cluster]) -> Vec<Asked> {
    let mut random = Random(20_261_101);
    let of = |kinds: &[&str]| -> Vec<&Cluster> {
        clusters
            .iter()
            .filter(|c| kinds.contains(&c.kind.as_str()))
            .collect()
    };
    let continuations = of(&["continuation", "howto", "reflect"]);
    let summaries = of(&["summary"]);
    let shipped: HashMap<&str, &Vec<String>> = common_prompts()
        .iter()
        .map(|c| (c.id.as_str(), &c.phrasings))
        .collect();
    let mut all = Vec::new();
    let mut entries = [0_usize; USERS];
    for day in 0..DAYS {
        for (user, entries) in entries.iter_mut().enumerate() {
            if random.below(5) == 0 {
                continue;
            }
            let mut at =
                FIRST + day * 86_400 + (7 + user as i64) * 3_600 + random.below(1_800) as i64;
            let mut push = |at: i64, kind, text: &str, truth: &str| {
                all.push(Asked {
                    user,
                    entries: *entries,
                    at,
                    kind,
                    text: text.to_owned(),
                    truth: truth.to_owned(),
                });
            };
            // Two in three keep to one wish and one wording, half of them to a plain one.
            let habitual = user % 3 != 0;
            let wish = if habitual {
                user % 2 * 3
            } else {
                random.below(WISHES.len())
            };
            let (truth, wordings) = WISHES[wish];
            let wording = if habitual {
                user % wordings.len()
            } else {
                random.below(wordings.len())
            };
            let text = match shipped.get(truth) {
                Some(phrasings) if habitual && user % 4 == 1 => {
                    phrasings[user % phrasings.len()].as_str()
                }
                _ => wordings[wording],
            };
            push(at, WorkloadKind::Daily, text, truth);
            if random.below(2) == 0 {
                at += 40 + random.below(200) as i64;
                push(at, WorkloadKind::Daily, text, truth);
            }
            let mut again = |cluster: &Cluster, kind, at: &mut i64, most: usize| {
                let first = random.below(cluster.same.len());
                push(*at, kind, &cluster.same[first], &cluster.id);
                for _ in 0..=random.below(most) {
                    *at += 60 + random.below(600) as i64;
                    let next = if random.below(2) == 0 {
                        first
                    } else {
                        random.below(cluster.same.len())
                    };
                    push(*at, kind, &cluster.same[next], &cluster.id);
                }
                if random.below(4) == 0 {
                    *at += 60 + random.below(300) as i64;
                    let which = random.below(cluster.different.len());
                    let truth = format!("{} but {which}", cluster.id);
                    push(*at, kind, &cluster.different[which].text, &truth);
                }
            };
            let choice = (day as usize * 7 + user * 13) % continuations.len();
            if (day as usize + user * 3) % 10 < 4 {
                at += 300;
                again(
                    continuations[choice],
                    WorkloadKind::Continuation,
                    &mut at,
                    2,
                );
            }
            if day % 7 == 0 || (day as usize + user).is_multiple_of(4) {
                at += 300;
                let cluster = summaries[(day as usize + user) % summaries.len()];
                again(cluster, WorkloadKind::Summary, &mut at, 2);
            }
            *entries += 1;
        }
    }
    all.sort_by_key(|a| a.at);
    all.truncate(PROMPTS);
    all
}

/// How many prompts find something else under their guards.
fn tempted(asked: &[Asked]) -> u64 {
    let mut kept: Vec<Kept> = Vec::new();
    let mut count = 0;
    for a in asked {
        let beside = |k: &Kept| k.may_serve(a) && k.truth != a.truth;
        count += u64::from(a.kind == WorkloadKind::Daily || kept.iter().any(beside));
        kept.push(Kept::of(a));
    }
    count
}

fn rates(cache: &'static str, asked: &[Asked], outcomes: &[Option<bool>]) -> WorkloadRates {
    let hits = outcomes.iter().flatten().count() as u64;
    let false_hits = outcomes.iter().flatten().filter(|right| !**right).count() as u64;
    let kinds = [
        WorkloadKind::Daily,
        WorkloadKind::Continuation,
        WorkloadKind::Summary,
    ];
    let by_kind = kinds.map(|kind| {
        let of: Vec<&Option<bool>> = asked
            .iter()
            .zip(outcomes)
            .filter(|(a, _)| a.kind == kind)
            .map(|(_, o)| o)
            .collect();
        (
            kind,
            of.len() as u64,
            of.iter().filter(|o| o.is_some()).count() as u64,
        )
    });
    WorkloadRates {
        cache,
        hits,
        false_hits,
        false_lower: lower_95(false_hits, hits),
        false_upper: upper_95(false_hits, hits),
        by_kind: by_kind.to_vec(),
    }
}

/// What the others than ours keep: for whom, at which state of the journal, until when.
struct Kept {
    user: usize,
    entries: usize,
    until: i64,
    kind: WorkloadKind,
    truth: String,
}

impl Kept {
    fn of(asked: &Asked) -> Kept {
        Kept {
            user: asked.user,
            entries: asked.entries,
            until: asked.at + 3_600,
            kind: asked.kind,
            truth: asked.truth.clone(),
        }
    }

    fn may_serve(&self, asked: &Asked) -> bool {
        self.user == asked.user
            && self.entries == asked.entries
            && asked.at < self.until
            && self.kind == asked.kind
    }
}

/// Our exact tier alone, without shipped prompts.
fn exact(asked: &[Asked]) -> WorkloadRates {
    let mut kept: HashMap<String, Kept> = HashMap::new();
    let mut outcomes = Vec::new();
    for a in asked {
        // A question is another one each time, so an exact cache of one answer must not serve it twice.
        let found = kept
            .get(&same_words(&a.text))
            .filter(|k| a.kind != WorkloadKind::Daily && k.may_serve(a));
        outcomes.push(found.map(|k| k.truth == a.truth));
        if outcomes.last().is_some_and(Option::is_none) {
            kept.insert(same_words(&a.text), Kept::of(a));
        }
    }
    rates("exact", asked, &outcomes)
}

/// A cosine of 0.85 is enough; with the same guards and the same shipped prompts as ours.
fn plain(asked: &[Asked], encoder: &Encoder) -> WorkloadRates {
    let embed = |text: &str| {
        encoder
            .embed(&[text])
            .pop()
            .map(|e| e.vector)
            .unwrap_or_default()
    };
    let cosine = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
    let shipped: Vec<(Vec<f32>, &str)> = common_prompts()
        .iter()
        .flat_map(|c| c.phrasings.iter().map(|p| (embed(p), c.id.as_str())))
        .collect();
    let mut kept: Vec<(Vec<f32>, Kept)> = Vec::new();
    let mut outcomes = Vec::new();
    for a in asked {
        let vector = embed(&a.text);
        let best = |best: Option<(f32, bool)>, (near, right): (f32, bool)| match best {
            Some((other, _)) if other >= near => best,
            _ => Some((near, right)),
        };
        let found = if a.kind == WorkloadKind::Daily {
            let near = shipped
                .iter()
                .map(|(v, id)| (cosine(v, &vector), *id == a.truth));
            near.fold(None, best)
        } else {
            let near = kept
                .iter()
                .filter(|(_, k)| k.may_serve(a))
                .map(|(v, k)| (cosine(v, &vector), k.truth == a.truth));
            near.fold(None, best)
        };
        let served = found
            .filter(|(near, _)| *near >= super::PLAIN)
            .map(|(_, right)| right);
        if served.is_none() {
            kept.push((vector, Kept::of(a)));
        }
        outcomes.push(served);
    }
    rates("cosine 0.85", asked, &outcomes)
}

/// The cache of the program, with its defaults: one hour, 100 entries for each person.
fn ours(asked: &[Asked], encoder: &Encoder) -> Result<(WorkloadRates, Vec<Look>)> {
    let now = Arc::new(AtomicI64::new(FIRST));
    let mut caches = Vec::new();
    for _ in 0..USERS {
        let hands = Arc::clone(&now);
        let clock = move || {
            let at = Timestamp::from_second(hands.load(Ordering::Relaxed))
                .unwrap_or(Timestamp::UNIX_EPOCH);
            at.to_zoned_datetime(TimeZone::UTC)
        };
        let cache = SemanticCache::over(
            Box::new(MemoryStore::default()),
            Some(encoder),
            CacheOptions::default(),
        )?;
        let cache = cache.with_clock(Arc::new(clock));
        cache.warm("en")?;
        caches.push(cache);
    }
    let (mut outcomes, mut looks) = (Vec::new(), Vec::new());
    for a in asked {
        now.store(a.at, Ordering::Relaxed);
        let daily = a.kind == WorkloadKind::Daily;
        let request = Request {
            task: match a.kind {
                WorkloadKind::Daily => Task::Question,
                WorkloadKind::Continuation => Task::Generate,
                WorkloadKind::Summary => Task::Summary,
            },
            intent: &a.text,
            context: Context {
                user: a.user.to_string(),
                language: "en".to_owned(),
                sources: if daily {
                    Vec::new()
                } else {
                    vec![(EntryId(a.entries as i64), 1)]
                },
                shipped: daily,
                ..Context::default()
            },
        };
        let made = format!("{} {} {}", a.truth, a.user, a.entries);
        let (begun, mut looked) = (Instant::now(), None);
        let computed = || {
            looked = Some(begun.elapsed());
            Ok::<_, Infallible>(Computed::from(made.as_str()))
        };
        let served = match caches[a.user].get_or_compute(&request, Mode::Use, computed) {
            Ok(served) => served,
            Err(never) => match never {},
        };
        looks.push(Look {
            hit: looked.is_none(),
            ms: looked.unwrap_or_else(|| begun.elapsed()).as_secs_f64() * 1e3,
        });
        outcomes.push(match served.how {
            How::Miss | How::Bypassed(_) => None,
            How::Shipped => {
                let wish = common_prompts().iter().find(|c| c.id == a.truth);
                let questions = wish.map(|c| c.questions()).unwrap_or_default();
                let shipped = served
                    .id
                    .and_then(|id| caches[a.user].kept(id, true).ok().flatten());
                // The very wish, not only a question that two wishes share.
                let same_wish = shipped.is_some_and(|k| k.answer.as_deref() == Some(&a.truth));
                Some(
                    same_wish
                        && questions
                            .iter()
                            .any(|q| Some(&q.id) == served.question.as_ref()),
                )
            }
            _ => Some(served.answer == made),
        });
    }
    Ok((rates("companion", asked, &outcomes), looks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workload_is_what_it_is_said_to_be() {
        let all = prompts(&clusters());
        assert_eq!(all.len(), PROMPTS);
        assert!(all.windows(2).all(|w| w[0].at <= w[1].at));
        let users: std::collections::HashSet<usize> = all.iter().map(|a| a.user).collect();
        assert_eq!(users.len(), USERS);
        for kind in [
            WorkloadKind::Daily,
            WorkloadKind::Continuation,
            WorkloadKind::Summary,
        ] {
            assert!(
                all.iter().filter(|a| a.kind == kind).count() >= 100,
                "{kind:?}"
            );
        }
        let alike = all.iter().filter(|a| a.truth.contains(" but ")).count();
        assert!(alike >= 40, "{alike} look-alikes");
        let daily = all.iter().filter(|a| a.kind == WorkloadKind::Daily).count();
        assert!(tempted(&all) as usize >= daily + alike);
        assert!(all.last().unwrap().at - FIRST > 28 * 86_400);
        for (id, _) in WISHES {
            assert!(common_prompts().iter().any(|c| c.id == *id));
        }
    }
}
