//! What a person's corrections teach: small shifts of the calibration, fitted on this computer, for this journal.
//!
//! A correction outranks the model for its own entry (the journal sees to that). Beyond it, entries that are read later
//! are read with a shift of each sentiment's and each theme's log-odds. The shifts maximise the likelihood of what the
//! person said under a normal prior around zero: people correct what is wrong and leave what is right, so a handful of
//! corrections must not turn the scales. Nothing of it leaves the journal, and taking corrections back undoes it.

use journal::{Journal, Sentiment};
use serde::{Deserialize, Serialize};

use crate::instant::Reading;
use crate::{Instant, Result, THEMES};

/// Where the journal remembers the shifts.
const REMEMBERED: &str = "instant.personal";
/// Variance of the prior: a shift of half a unit of log-odds is already a strong habit.
const VARIANCE: f32 = 0.25;
/// No habit moves log-odds further than this.
const FURTHEST: f32 = 1.0;
/// Steps of the fit, which is convex and small.
const STEPS: usize = 300;
/// Probabilities closer to 0 or 1 than this say no more than this.
const EDGE: f32 = 1e-4;

/// Shifts of log-odds for one journal, fitted to one model's readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Personal {
    /// The encoder and reader whose readings are shifted.
    model: String,
    /// For positive, neutral, negative.
    sentiment: [f32; 3],
    /// For each of [`THEMES`], in their order.
    themes: Vec<f32>,
}

/// What all corrections of a journal amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Corrections {
    /// Corrected entries.
    pub entries: u64,
    /// Of these, how many say how they feel.
    pub sentiment: u64,
    /// Of these, how many felt otherwise to the model.
    pub sentiment_changed: u64,
    /// Corrected entries that say what they are about.
    pub themes: u64,
    /// Of these, how many were about something else to the model.
    pub themes_changed: u64,
}

/// Counts the corrections, and how often the model had said otherwise.
pub fn corrections(journal: &Journal) -> Result<Corrections> {
    let mut sum = Corrections::default();
    for one in journal.corrections()? {
        let (said, correction) = (one.said.as_ref(), &one.correction);
        sum.entries += 1;
        if let Some(sentiment) = correction.sentiment {
            sum.sentiment += 1;
            sum.sentiment_changed += u64::from(said.is_some_and(|s| s.sentiment != sentiment));
        }
        if let Some(themes) = &correction.themes {
            sum.themes += 1;
            let other = said.is_some_and(|s| {
                s.themes.len() != themes.len() || s.themes.iter().any(|t| !themes.contains(&t.name))
            });
            sum.themes_changed += u64::from(other);
        }
    }
    Ok(sum)
}

/// Fits the shifts to every correction of `journal`, as `instant` reads the entries now, and remembers them there.
pub fn learn(journal: &mut Journal, instant: &Instant) -> Result<()> {
    let corrections = journal.corrections()?;
    if corrections.is_empty() {
        return Ok(journal.set_meta(REMEMBERED, None)?);
    }
    let mut texts = Vec::with_capacity(corrections.len());
    for one in &corrections {
        texts.push(journal.get(one.entry)?.text);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let read = instant.read(&texts)?;
    let (mut moods, mut about) = (Vec::new(), Vec::new());
    for (one, read) in corrections.iter().zip(&read) {
        if let Some(sentiment) = one.correction.sentiment {
            moods.push((read.reading.sentiment, place(sentiment)));
        }
        if let Some(themes) = &one.correction.themes {
            about.push((read.reading.themes.as_slice(), themes.as_slice()));
        }
    }
    let personal = Personal {
        model: instant.model().to_owned(),
        sentiment: sentiment_shift(&moods),
        themes: (0..THEMES.len()).map(|t| theme_shift(t, &about)).collect(),
    };
    let json = serde_json::to_string(&personal).expect("names and numbers");
    Ok(journal.set_meta(REMEMBERED, Some(&json))?)
}

/// The shifts that `journal` remembers, where they were fitted to what `model` reads.
pub(crate) fn remembered(journal: &Journal, model: &str) -> Result<Option<Personal>> {
    let json = journal.meta(REMEMBERED)?;
    // What another release wrote is as good as nothing: the next correction fits it anew.
    let personal: Option<Personal> = json.and_then(|json| serde_json::from_str(&json).ok());
    Ok(personal.filter(|p| p.model == model && p.themes.len() == THEMES.len()))
}

impl Personal {
    /// `reading` as this journal's person would have it. A sentiment that only the shift decides is an unsure one.
    pub(crate) fn shift(&self, reading: &Reading) -> Reading {
        let mut shifted = reading.clone();
        shifted.sentiment = weigh(reading.sentiment, self.sentiment);
        shifted.unsure |= likeliest(shifted.sentiment) != likeliest(reading.sentiment);
        for (p, shift) in shifted.themes.iter_mut().zip(&self.themes) {
            *p = moved(*p, *shift);
        }
        shifted
    }
}

/// The index of a sentiment in a reading.
fn place(sentiment: Sentiment) -> usize {
    match sentiment {
        Sentiment::Positive => 0,
        Sentiment::Neutral => 1,
        Sentiment::Negative => 2,
    }
}

fn likeliest(p: [f32; 3]) -> usize {
    (0..3).fold(0, |best, i| if p[i] > p[best] { i } else { best })
}

/// Three probabilities with their log-odds shifted.
fn weigh(p: [f32; 3], shift: [f32; 3]) -> [f32; 3] {
    let raised: [f32; 3] = std::array::from_fn(|i| p[i] * shift[i].exp());
    let sum: f32 = raised.iter().sum();
    if sum > 0.0 {
        raised.map(|p| p / sum)
    } else {
        p
    }
}

/// One probability with its log-odds shifted. A shift of nothing changes nothing, to the bit.
fn moved(p: f32, shift: f32) -> f32 {
    if shift == 0.0 || p <= 0.0 || p >= 1.0 {
        return p;
    }
    let odds = p / (1.0 - p) * shift.exp();
    odds / (1.0 + odds)
}

/// The likeliest shifts of three probabilities, given what each should have been.
fn sentiment_shift(seen: &[([f32; 3], usize)]) -> [f32; 3] {
    let mut shift = [0.0f32; 3];
    // The curvature is at most one for each observation and the prior's: this rate cannot overshoot.
    let rate = 1.0 / (seen.len() as f32 + 1.0 / VARIANCE);
    for _ in 0..STEPS {
        let mut slope = shift.map(|s| -s / VARIANCE);
        for (p, truth) in seen {
            let now = weigh(p.map(|p| p.max(EDGE)), shift);
            for i in 0..3 {
                slope[i] += f32::from(u8::from(i == *truth)) - now[i];
            }
        }
        for i in 0..3 {
            shift[i] += rate * slope[i];
        }
    }
    shift.map(|s| s.clamp(-FURTHEST, FURTHEST))
}

/// The likeliest shift of one theme, given in which entries the person saw it.
fn theme_shift(theme: usize, seen: &[(&[f32], &[String])]) -> f32 {
    let mut shift = 0.0f32;
    let rate = 1.0 / (seen.len() as f32 / 4.0 + 1.0 / VARIANCE);
    for _ in 0..STEPS {
        let mut slope = -shift / VARIANCE;
        for (p, themes) in seen {
            let truth = themes.iter().any(|name| name == THEMES[theme]);
            slope += f32::from(u8::from(truth)) - moved(p[theme].clamp(EDGE, 1.0 - EDGE), shift);
        }
        shift += rate * slope;
    }
    shift.clamp(-FURTHEST, FURTHEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(sentiment: [f32; 3]) -> Reading {
        Reading {
            sentiment,
            unsure: false,
            ..Reading::blank()
        }
    }

    #[test]
    fn one_correction_moves_little_and_many_move_no_further_than_the_limit() {
        let seen = ([0.7, 0.2, 0.1], 2);
        let once = sentiment_shift(&[seen]);
        assert!(
            once[2] > 0.05 && once[2] < 0.35 && once[0] < 0.0,
            "{once:?}"
        );
        let often = sentiment_shift(&[seen; 500]);
        assert!(often.iter().all(|s| s.abs() <= FURTHEST), "{often:?}");
        assert!(often[2] > once[2]);
    }

    #[test]
    fn corrections_that_agree_with_the_model_move_it_towards_what_it_said() {
        let shift = sentiment_shift(&[([0.6, 0.3, 0.1], 0), ([0.5, 0.4, 0.1], 0)]);
        assert!(shift[0] > 0.0 && shift[1] < 0.0, "{shift:?}");
        assert_eq!(sentiment_shift(&[]), [0.0; 3]);
    }

    #[test]
    fn a_theme_that_is_always_taken_away_is_named_less_and_others_stay() {
        let mut themes = vec![0.02; THEMES.len()];
        themes[0] = 0.6;
        let none: Vec<String> = Vec::new();
        let seen = vec![(themes.as_slice(), none.as_slice()); 6];
        assert!(moved(0.55, theme_shift(0, &seen)) < 0.5);
        assert!(theme_shift(5, &seen).abs() < 0.1);
    }

    #[test]
    fn a_sentiment_that_only_the_shift_decides_is_unsure() {
        let personal = Personal {
            model: "m".into(),
            sentiment: [-0.5, 0.0, 0.5],
            themes: vec![0.0; THEMES.len()],
        };
        let close = personal.shift(&reading([0.45, 0.2, 0.35]));
        assert!(close.sentiment[2] > close.sentiment[0] && close.unsure);
        let clear = personal.shift(&reading([0.9, 0.06, 0.04]));
        assert!(clear.sentiment[0] > 0.8 && !clear.unsure);
        assert!((close.sentiment.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
