//! What may follow, looked up in the text so far (prompt lookup decoding, Saxena 2023).
//!
//! A reply that quotes says what stands already in its prompt. So the last tokens are looked for there and in the reply, and
//! what followed them the last time is read together with the last token: a pass over the weights takes nearly as long for a
//! few tokens as for one. What is not chosen after all was read for nothing, so the [`Drafter`] keeps an account of how often
//! that happens and of what a further token costs on this machine, and drafts only as much as pays.

use std::time::Duration;

/// Whether a reply looks up in the text what may follow. The reply is the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lookup {
    /// Not at all.
    Never,
    /// As far as it saves time by the account of this reply.
    #[default]
    WhereItPays,
    /// Wherever something is found.
    Always,
}

/// What came of drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drafted {
    /// Passes over the weights after the prompt.
    pub passes: usize,
    /// Tokens that were read before they were chosen.
    pub tokens: usize,
    /// Those of them that were chosen.
    pub right: usize,
}

/// The longest draft: with the token before it 8 rows, as many as the kernels for few rows take.
const LONGEST: usize = 7;

/// The longest draft before it was measured what a further row takes here: one trial has to cost little.
const LONGEST_TRIAL: usize = 3;

/// Tokens that are looked for, at most: a match of three is worth more than a later one of two.
const MATCHED: usize = 3;

/// How far one more case moves a rate.
const PACE: f64 = 1.0 / 8.0;

/// What a further row adds to a pass of one, as a share of that, before it was measured: 2, 4 and 8 texts at once took
/// 0.97, 1.15 and 1.35 times as long as one (Qwen2.5-1.5B in INT8, docs/decoder-speed.md).
const ROW: f64 = 0.05;

/// The least that a further row is thought to add; nothing is free, whatever two times on a busy machine say.
const LEAST_ROW: f64 = 0.02;

/// Looks up drafts, and keeps the account of one reply.
pub(super) struct Drafter {
    lookup: Lookup,
    /// What was found.
    found: Vec<u32>,
    /// Tokens that matched where it was found: 2 or 3.
    matched: usize,
    /// Tokens of what was found that are read.
    tried: usize,
    /// How often the first token behind 2 and behind 3 matching ones is right, drafted or not,
    first: [f64; 2],
    /// and a further one where those before it were.
    later: f64,
    /// Seconds of a pass of one row.
    single: Option<f64>,
    /// What a further row adds, as a share of that.
    row: f64,
    /// Passes that say so, the assumed one included.
    row_cases: u32,
    drafted: Drafted,
}

impl Drafter {
    pub(super) fn new(lookup: Lookup) -> Drafter {
        Drafter {
            lookup,
            found: Vec::with_capacity(LONGEST),
            matched: 0,
            tried: 0,
            // Guesses to begin with; a dozen cases replace them.
            first: [0.3, 0.5],
            later: 0.75,
            single: None,
            row: ROW,
            row_cases: 1,
            drafted: Drafted::default(),
        }
    }

    /// What came of it so far.
    pub(super) fn drafted(&self) -> Drafted {
        self.drafted
    }

    /// What is to be read behind the last token.
    pub(super) fn draft(&self) -> &[u32] {
        &self.found[..self.tried]
    }

    /// Nothing is read behind the last token after all.
    pub(super) fn drop_draft(&mut self) {
        self.tried = 0;
    }

    /// Looks up what may follow `read` and `token`, and drafts `most` tokens of it at most.
    pub(super) fn look_up(&mut self, read: &[u32], token: u32, most: usize) {
        self.found.clear();
        self.tried = 0;
        if self.lookup == Lookup::Never {
            return;
        }
        let Some((end, matched)) = last_match(read, token) else {
            return;
        };
        self.matched = matched;
        for place in end + 1..=end + LONGEST {
            // Where it runs into the end of the text, it goes round.
            let behind = |place: usize| self.found[place - read.len() - 1];
            let next = match place.cmp(&read.len()) {
                std::cmp::Ordering::Less => read[place],
                std::cmp::Ordering::Equal => token,
                std::cmp::Ordering::Greater => behind(place),
            };
            self.found.push(next);
        }
        self.tried = match self.lookup {
            Lookup::Never => 0,
            Lookup::WhereItPays => self.worth(),
            Lookup::Always => LONGEST,
        }
        .min(most);
    }

    /// The length of draft that gives the most tokens in a time, none if it is not more than without.
    fn worth(&self) -> usize {
        if self.single.is_none() {
            // The first pass is one row, so that there is something to measure the others by.
            return 0;
        }
        let (mut tokens, mut chance) = (1.0, self.first[self.matched - 2]);
        let (mut best, mut length) = (1.0, 0);
        let longest = match self.row_cases {
            1 => LONGEST_TRIAL,
            _ => LONGEST,
        };
        for n in 1..=longest {
            tokens += chance;
            chance *= self.later;
            let gain = tokens / (1.0 + self.row * n as f64);
            if gain > best {
                (best, length) = (gain, n);
            }
        }
        length
    }

    /// Notes what the pass with the draft took.
    pub(super) fn passed(&mut self, took: Duration) {
        self.drafted.passes += 1;
        self.drafted.tokens += self.tried;
        let took = took.as_secs_f64();
        match self.single {
            None if self.tried == 0 => self.single = Some(took),
            None => {}
            Some(single) if self.tried == 0 => {
                // What something else on the machine did to one pass does not count in full.
                self.single = Some(single + PACE * (took.min(2.0 * single) - single));
            }
            Some(single) => {
                let row = ((took / single - 1.0) / self.tried as f64).clamp(LEAST_ROW, 1.0);
                self.row_cases += 1;
                self.row += (row - self.row) * PACE.max(1.0 / f64::from(self.row_cases));
            }
        }
    }

    /// Notes that `token` was chosen after `at` tokens of the draft; whether the draft goes on with it.
    pub(super) fn proves(&mut self, at: usize, token: u32) -> bool {
        let Some(thought) = self.found.get(at) else {
            return false;
        };
        let right = *thought == token;
        let rate = match at {
            0 => &mut self.first[self.matched - 2],
            _ => &mut self.later,
        };
        *rate += (f64::from(u8::from(right)) - *rate) * PACE;
        let right = right && at < self.tried;
        self.drafted.right += usize::from(right);
        right
    }
}

/// Where `read` last says the same as the end of `read` and `token`, for as many tokens as it can: the place of the last
/// of them and their number, 2 or [`MATCHED`].
fn last_match(read: &[u32], token: u32) -> Option<(usize, usize)> {
    let before = read.len().checked_sub(1)?;
    let mut pair = None;
    for end in (1..read.len()).rev() {
        if read[end] != token || read[end - 1] != read[before] {
            continue;
        }
        if end >= 2 && read[end - 2] == read[before - 1] {
            return Some((end, MATCHED));
        }
        pair = pair.or(Some((end, MATCHED - 1)));
    }
    pair
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `drafter` finds behind `text`.
    fn found(drafter: &mut Drafter, text: &[u32]) -> Vec<u32> {
        let (token, read) = text.split_last().expect("a text");
        drafter.look_up(read, *token, usize::MAX);
        drafter.found.clone()
    }

    #[test]
    fn the_last_and_longest_match_is_followed_and_goes_round() {
        let mut drafter = Drafter::new(Lookup::Always);
        let cases: [(&[u32], &[u32]); 7] = [
            (&[1], &[]),
            (&[1, 2], &[]),
            (&[1, 2, 3, 4], &[]),
            // Two match, the last time before 9.
            (&[1, 2, 8, 1, 2, 9, 5, 5, 5, 1, 2], &[9, 5, 5, 5, 1, 2, 9]),
            // Three match earlier than two.
            (&[7, 1, 2, 8, 1, 2, 9, 7, 1, 2], &[8, 1, 2, 9, 7, 1, 2]),
            (&[1, 2, 1, 2], &[1, 2, 1, 2, 1, 2, 1]),
            (&[6, 6, 6], &[6, 6, 6, 6, 6, 6, 6]),
        ];
        for (text, want) in cases {
            assert_eq!(found(&mut drafter, text), want, "{text:?}");
        }
    }

    #[test]
    fn a_draft_is_no_longer_than_what_may_come() {
        let mut drafter = Drafter::new(Lookup::Always);
        for most in 0..10 {
            drafter.look_up(&[1, 2, 3, 4, 1], 2, most);
            assert_eq!(drafter.draft().len(), most.min(LONGEST));
        }
        drafter.drop_draft();
        assert!(drafter.draft().is_empty());
        let mut never = Drafter::new(Lookup::Never);
        assert!(found(&mut never, &[1, 2, 1, 2]).is_empty());
    }

    /// Time that `passes` passes take where each finds something behind two matching tokens, whose first `right` tokens are
    /// chosen, and a further row costs `row`: for each token, that of a pass of one row being 1.
    fn time_a_token(row: f64, right: usize, passes: usize) -> f64 {
        let mut drafter = Drafter::new(Lookup::WhereItPays);
        let (mut time, mut tokens) = (0.0, 0);
        for _ in 0..passes {
            drafter.look_up(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 1], 2, usize::MAX);
            let took = 1.0 + row * drafter.draft().len() as f64;
            drafter.passed(Duration::from_secs_f64(took / 1000.0));
            time += took;
            let chosen = (3..3 + right as u32).chain([0]);
            for (at, token) in chosen.enumerate() {
                tokens += 1;
                if !drafter.proves(at, token) {
                    break;
                }
            }
        }
        assert_eq!(drafter.drafted().passes, passes);
        assert_eq!(drafter.drafted().right + passes, tokens);
        time / tokens as f64
    }

    #[test]
    fn what_never_comes_true_costs_less_than_a_hundredth_of_a_reply_and_what_does_pays() {
        // A reply of 500 tokens that finds something misleading every time.
        for row in [0.02, 0.05, 0.1, 0.3, 1.0] {
            let loss = time_a_token(row, 0, 500) - 1.0;
            assert!(loss < 0.01, "{row}: {loss}");
        }
        for (row, right, least) in [(0.05, 6, 4.0), (0.05, 1, 1.6), (0.3, 6, 2.0)] {
            let gain = 1.0 / time_a_token(row, right, 500);
            assert!(gain > least, "{row} {right}: {gain}");
        }
        // Where rows are not cheaper together, nothing is lost either.
        for right in 0..7 {
            assert!(time_a_token(1.0, right, 500) < 1.02, "{right}");
        }
    }

    #[test]
    fn drafts_that_were_given_up_come_back_when_the_text_begins_to_repeat() {
        let mut drafter = Drafter::new(Lookup::WhereItPays);
        let tries = |drafter: &mut Drafter, token: u32| {
            drafter.look_up(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 1], 2, usize::MAX);
            let tried = drafter.draft().len();
            let took = 1.0 + 0.1 * tried as f64;
            drafter.passed(Duration::from_secs_f64(took));
            drafter.proves(0, token);
            tried
        };
        assert_eq!(tries(&mut drafter, 0), 0, "the first pass is the measure");
        assert!(tries(&mut drafter, 0) > 0);
        assert!((0..30).any(|_| tries(&mut drafter, 0) == 0));
        assert!((0..30).any(|_| tries(&mut drafter, 3) > 3));
    }
}
