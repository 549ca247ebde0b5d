use proptest::prelude::*;

use super::*;
use kernels::{KvBlock, KvBlockMut, KvShape};

const SHAPE: PageShape = PageShape {
    layers: 1,
    heads: KvShape {
        heads: 1,
        kv_heads: 1,
        width: 2,
    },
    kind: KvKind::F32,
};

/// Room for `limit` pages and a byte, of which `kept` are kept.
fn pages(limit: usize, kept: usize) -> Room {
    Room {
        bytes: limit * SHAPE.bytes() + 1,
        kept_bytes: kept * SHAPE.bytes() + 1,
    }
}

/// What stands in a page for the last of `tokens`: it depends on all of them.
fn mark(tokens: &[u32]) -> f32 {
    tokens
        .iter()
        .fold(1_u32, |m, t| m.wrapping_mul(31).wrapping_add(*t + 1))
        .wrapping_rem(1 << 20) as f32
}

/// Reads `tokens` as a network would.
fn read(sequence: &mut Sequence, tokens: &[u32]) -> Result<()> {
    sequence.reserve(tokens.len())?;
    let mut all = sequence.tokens().to_vec();
    let columns = SHAPE.heads.columns();
    for token in tokens {
        let at = all.len();
        all.push(*token);
        let page = &mut sequence.pages_mut()[at / KV_TOKENS];
        let page = Arc::get_mut(page).expect("reserved pages are nobody else's");
        let KvBlockMut::F32 { values, .. } = page.layer_mut(0).remove(0) else {
            panic!("f32 was asked for")
        };
        values[at % KV_TOKENS * columns] = mark(&all);
    }
    sequence.extend(tokens);
    Ok(())
}

/// Whether every page holds what its tokens ask for.
fn check(sequence: &Sequence) {
    for at in 0..sequence.len() {
        let KvBlock::F32 { values, .. } = sequence.pages[at / KV_TOKENS].block(0, 0) else {
            panic!("f32 was asked for")
        };
        let want = mark(&sequence.tokens()[..=at]);
        assert_eq!(values[at % KV_TOKENS * SHAPE.heads.columns()], want, "{at}");
    }
}

#[test]
fn a_second_reader_finds_the_prefix_token_by_token() {
    let cache = KvCache::new(SHAPE, pages(100, 100));
    let text: Vec<u32> = (0..75).collect();
    let mut first = cache.start(&text);
    assert!(first.is_empty());
    read(&mut first, &text).expect("there is room");
    let full = cache.start(&text);
    assert_eq!(
        full.len(),
        64,
        "full pages are shown while the sequence lives"
    );
    drop((first, full));
    assert_eq!(
        cache.start(&text).len(),
        74,
        "the last token is always read"
    );
    let mut other = text.clone();
    other[70] = 1000;
    let mut second = cache.start(&other);
    assert_eq!(second.len(), 70);
    read(&mut second, &other[70..]).expect("there is room");
    check(&second);
    drop(second);
    assert_eq!(cache.start(&text).len(), 74);
    assert_eq!(cache.start(&other).len(), 74);
}

#[test]
fn forks_share_pages_until_they_part() {
    let cache = KvCache::new(SHAPE, pages(100, 100));
    let mut origin = cache.start(&[]);
    read(&mut origin, &(0..40).collect::<Vec<_>>()).expect("there is room");
    let mut forks: Vec<_> = (0..3).map(|_| origin.fork()).collect();
    assert_eq!(cache.stats().used_bytes, 2 * SHAPE.bytes());
    for (i, fork) in (100..).zip(&mut forks) {
        read(fork, &[i, i + 1]).expect("there is room");
    }
    read(&mut origin, &[7]).expect("there is room");
    assert_eq!(cache.stats().used_bytes, 5 * SHAPE.bytes());
    forks.iter().chain([&origin]).for_each(check);
}

#[test]
fn says_what_is_missing_when_the_bytes_do_not_suffice() {
    let cache = KvCache::new(SHAPE, pages(3, 3));
    assert_eq!(cache.capacity(), 3 * KV_TOKENS);
    let mut held = cache.start(&[]);
    read(&mut held, &[1; 40]).expect("there is room");
    let mut other = cache.start(&[]);
    let error = read(&mut other, &[2; 40]).expect_err("one page is left");
    assert!(matches!(error, Error::KvFull { tokens: 40, .. }), "{error}");
    assert_eq!(cache.stats().used_bytes, 2 * SHAPE.bytes());
    read(&mut other, &[2; 32]).expect("one page is left");
    drop(held);
    // The tree gives up what `held` left.
    read(&mut other, &[3; 40]).expect("there is room again");
    check(&other);
}

#[test]
fn pages_are_made_when_needed_and_only_some_are_kept() {
    let cache = KvCache::new(SHAPE, pages(10, 3));
    let made = || cache.lock().made;
    assert_eq!(made(), 0);
    let mut short = cache.start(&[]);
    read(&mut short, &[1; 40]).expect("there is room");
    assert_eq!(made(), 2);
    drop(short);
    // What is kept makes room before more pages are made.
    let mut long = cache.start(&[]);
    read(&mut long, &[2; 96]).expect("there is room");
    assert_eq!((made(), cache.start(&[1; 40]).len()), (3, 0));
    read(&mut long, &[2; 200]).expect("there is room");
    assert_eq!(made(), 10);
    check(&long);
    read(&mut long, &[2; 40]).expect_err("there are no more than ten");
    drop(long);
    assert_eq!((made(), cache.stats().idle_bytes), (3, 3 * SHAPE.bytes()));
    assert_eq!(cache.start(&[2; 200]).len(), 96, "the beginning is kept");
}

/// A step of a user of the cache.
#[derive(Debug, Clone)]
enum Step {
    Start(Vec<u32>),
    Read(usize, Vec<u32>),
    Fork(usize),
    Truncate(usize, usize),
    End(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few tokens, so that prefixes are often shared.
    let text = || prop::collection::vec(0_u32..2, 1..90);
    let long = prop::collection::vec(Just(0_u32), 1..90);
    let step = prop_oneof![
        prop_oneof![text(), long].prop_map(Step::Start),
        (any::<usize>(), text()).prop_map(|(i, t)| Step::Read(i, t)),
        any::<usize>().prop_map(Step::Fork),
        (any::<usize>(), 0_usize..90).prop_map(|(i, n)| Step::Truncate(i, n)),
        any::<usize>().prop_map(Step::End),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn no_page_is_lost_shared_in_writing_or_given_away(steps in steps(), limit in 4_usize..30, kept in 1_usize..30) {
        let cache = KvCache::new(SHAPE, pages(limit, kept.min(limit)));
        let mut live: Vec<Sequence> = Vec::new();
        for step in steps {
            let pick = |i: usize| i % live.len().max(1);
            match step {
                Step::Start(text) => {
                    let mut sequence = cache.start(&text);
                    let known = sequence.len();
                    prop_assert!(known < text.len());
                    prop_assert_eq!(sequence.tokens(), &text[..known]);
                    // A refusal leaves the sequence as it was.
                    let _ = read(&mut sequence, &text[known..]);
                    live.push(sequence);
                }
                _ if live.is_empty() => {}
                Step::Read(i, text) => {
                    let at = pick(i);
                    let sequence = &mut live[at];
                    let before = sequence.len();
                    if read(sequence, &text).is_err() {
                        prop_assert_eq!(sequence.len(), before);
                    }
                }
                Step::Fork(i) => {
                    let fork = live[pick(i)].fork();
                    live.push(fork);
                }
                Step::Truncate(i, length) => {
                    let at = pick(i);
                    live[at].truncate(length);
                }
                Step::End(i) => drop(live.remove(pick(i))),
            }
            live.iter().for_each(check);
            let stats = cache.stats();
            prop_assert!(stats.used_bytes <= stats.limit_bytes);
            let held: std::collections::HashSet<_> =
                live.iter().flat_map(|s| s.pages.iter().map(Arc::as_ptr)).collect();
            prop_assert_eq!(stats.used_bytes, held.len() * SHAPE.bytes() + stats.idle_bytes);
        }
        live.clear();
        prop_assert_eq!(cache.stats().used_bytes, cache.stats().idle_bytes);
        prop_assert!(cache.stats().used_bytes <= kept * SHAPE.bytes());
        cache.clear();
        prop_assert_eq!(cache.stats().used_bytes, 0);
    }
}
