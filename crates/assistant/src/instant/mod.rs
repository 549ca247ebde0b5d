//! The instant tier: an encoder, and a reader on top of it: its adapted upper layers where they fit, else heads over
//! its embeddings. Milliseconds an entry, no other model.

mod adapted;
mod adapter;
mod heads;
mod linear;
mod math;
mod reading;

use std::time::Instant as Moment;
use std::{ops::Range, sync::Arc};

use engine::encoder::{Embedding, Encoder};
use journal::{Analysis, Journal, Vectors};
use metrics::Measure;

pub(crate) use math::gelu;

pub use adapted::AdaptedReader;
pub use linear::LinearReader;
pub use reading::{EmotionScore, Passage, Reader, Reading};

use crate::personal::{self, Personal};
use crate::{Error, Result, TIER};

/// Texts go to the encoder in groups of about this many bytes, so that progress is seen and memory stays bounded
/// while the batch is still long enough to keep every thread busy.
const GROUP_BYTES: usize = 64 * 1024;

/// The instant tier, ready to read entries. Cheap to clone; shared between threads.
#[derive(Clone)]
pub struct Instant {
    encoder: Encoder,
    reader: Arc<dyn Reader>,
    model: String,
    personal: Option<Arc<Personal>>,
}

/// What the instant tier says about one text that nobody stores.
#[derive(Clone, Debug)]
pub struct Said {
    /// Sentiment, valence, themes, evidence.
    pub analysis: Analysis,
    /// Words for what is felt, likeliest first, three at most; none where the reader knows no such words.
    pub emotions: Vec<EmotionScore>,
    /// What was read, before a journal's corrections shifted it.
    pub reading: Reading,
}

/// What the instant tier says about one text, with what a journal needs to find it again.
#[derive(Clone, Debug)]
pub struct Analysed {
    /// Sentiment, valence, themes, evidence.
    pub analysis: Analysis,
    /// Words for what is felt, likeliest first, three at most; none where the reader knows no such words.
    pub emotions: Vec<EmotionScore>,
    /// What was read, before a journal's corrections shifted it.
    pub reading: Reading,
    /// Embeddings of the text and of each of its sentences, for search.
    pub vectors: Vectors,
    /// Word pieces read, all of them.
    pub tokens: usize,
}

impl Instant {
    /// The instant tier over `encoder`, with the adapted reader that this build carries, or, where that was trained on
    /// other weights, with its heads.
    pub fn open(encoder: Encoder) -> Result<Self> {
        if let Some(adapted) = AdaptedReader::committed(&encoder)? {
            return Ok(Self::with_reader(encoder, Arc::new(adapted)));
        }
        let heads = LinearReader::committed()?;
        if encoder.dim() != heads.dim() {
            let (got, want) = (encoder.dim(), heads.dim());
            let reason = format!(
                "they read embeddings of {want} numbers, {} makes {got}",
                encoder.model_id()
            );
            return Err(Error::Heads { reason });
        }
        Ok(Self::with_reader(encoder, Arc::new(heads)))
    }

    /// The instant tier over `encoder`, with `reader` in place of the committed ones.
    pub fn with_reader(encoder: Encoder, reader: Arc<dyn Reader>) -> Self {
        let model = format!("{}+{}", encoder.model_id(), reader.id());
        Self {
            encoder,
            reader,
            model,
            personal: None,
        }
    }

    /// The same tier, reading as the corrections in `journal` have taught it.
    pub fn for_journal(&self, journal: &Journal) -> Result<Self> {
        let personal = personal::remembered(journal, &self.model)?.map(Arc::new);
        Ok(Self {
            personal,
            ..self.clone()
        })
    }

    /// Name of the tier, as analyses carry it.
    pub fn tier() -> &'static str {
        TIER
    }

    /// Encoder and reader that make the analyses, as they record it.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The encoder whose vectors are stored and searched.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Analyses and embeds `texts`, in order. Every text counts whole, however long; blank text gets the reading of
    /// a blank: neutral, unsure, without themes. `on_done` is told how many texts are finished.
    pub fn analyse(&self, texts: &[&str], on_done: &mut dyn FnMut(usize)) -> Result<Vec<Analysed>> {
        let begun = Moment::now();
        let mut all = Vec::with_capacity(texts.len());
        let mut rest = texts;
        while !rest.is_empty() {
            let (group, later) = rest.split_at(group_len(rest));
            all.extend(self.group(group)?);
            on_done(all.len());
            rest = later;
        }
        if texts.len() == 1 {
            metrics::time(Measure::Analysis, begun.elapsed());
        }
        Ok(all)
    }

    /// Analyses `texts` without making the vectors that only search needs: a third of the work, where the reader can do
    /// without them. What is said is the same as [`Instant::analyse`] says.
    pub fn read(&self, texts: &[&str]) -> Result<Vec<Said>> {
        let mut all = Vec::with_capacity(texts.len());
        let mut rest = texts;
        while !rest.is_empty() {
            let (group, later) = rest.split_at(group_len(rest));
            if self.reader.needs_vectors() {
                all.extend(self.group(group)?.into_iter().map(Said::from));
            } else {
                let sentences: Vec<_> = group.iter().map(|t| crate::sentences(t)).collect();
                let passages: Vec<Passage<'_>> = group
                    .iter()
                    .zip(&sentences)
                    .map(|(text, sentences)| Passage {
                        text,
                        sentences,
                        entry: &[],
                        vectors: &[],
                    })
                    .collect();
                all.extend(self.say(&passages)?);
            }
            rest = later;
        }
        Ok(all)
    }

    /// What the reader says of `passages`, shifted by what the journal taught.
    fn say(&self, passages: &[Passage<'_>]) -> Result<Vec<Said>> {
        let readings = self.reader.read(passages);
        if readings.len() != passages.len() {
            let (expected, got) = (passages.len(), readings.len());
            return Err(Error::Reader {
                reader: self.reader.id().to_owned(),
                expected,
                got,
            });
        }
        let one = |(reading, passage): (Reading, &Passage<'_>)| Said {
            analysis: match &self.personal {
                Some(personal) => personal.shift(&reading),
                None => reading.clone(),
            }
            .analysis(passage.sentences, &self.model),
            emotions: reading.emotion_words(),
            reading,
        };
        Ok(readings.into_iter().zip(passages).map(one).collect())
    }

    /// Texts that share one ragged call of the encoder.
    fn group(&self, texts: &[&str]) -> Result<Vec<Analysed>> {
        let sentences: Vec<Vec<Range<usize>>> = texts.iter().map(|t| crate::sentences(t)).collect();
        let mut inputs: Vec<&str> = Vec::new();
        for (text, spans) in texts.iter().zip(&sentences) {
            if !is_single(text, spans) {
                inputs.push(text);
            }
            inputs.extend(spans.iter().map(|s| &text[s.clone()]));
        }
        let mut embeddings = self.encoder.embed(&inputs).into_iter();
        let embedded: Vec<(Embedding, Vec<Vec<f32>>)> = texts
            .iter()
            .zip(&sentences)
            .map(|(text, spans)| {
                let mut take = |n: usize| embeddings.by_ref().take(n).collect::<Vec<_>>();
                let (whole, parts) = if is_single(text, spans) {
                    (take(1), None)
                } else {
                    (take(1), Some(take(spans.len())))
                };
                let whole = whole
                    .into_iter()
                    .next()
                    .expect("the encoder returns one embedding a text");
                let parts = parts.map_or_else(
                    || vec![whole.vector.clone()],
                    |p| p.into_iter().map(|e| e.vector).collect(),
                );
                (whole, parts)
            })
            .collect();
        let passages: Vec<Passage<'_>> = texts
            .iter()
            .zip(&sentences)
            .zip(&embedded)
            .map(|((text, sentences), (whole, vectors))| Passage {
                text,
                sentences,
                entry: &whole.vector,
                vectors,
            })
            .collect();
        let said = self.say(&passages)?;
        Ok(said
            .into_iter()
            .zip(sentences)
            .zip(embedded)
            .map(|((said, spans), (whole, parts))| Analysed {
                analysis: said.analysis,
                emotions: said.emotions,
                reading: said.reading,
                tokens: whole.tokens,
                vectors: Vectors {
                    model: self.encoder.model_id().to_owned(),
                    entry: whole.vector,
                    sentences: spans.into_iter().zip(parts).collect(),
                },
            })
            .collect())
    }

    /// The embedding of a query or any other single text.
    pub(crate) fn embed(&self, text: &str) -> Vec<f32> {
        self.encoder
            .embed(&[text])
            .pop()
            .map(|e| e.vector)
            .unwrap_or_default()
    }
}

impl From<Analysed> for Said {
    fn from(analysed: Analysed) -> Said {
        Said {
            analysis: analysed.analysis,
            emotions: analysed.emotions,
            reading: analysed.reading,
        }
    }
}

/// True where the entry is its only sentence, so that one embedding serves as both.
fn is_single(text: &str, sentences: &[Range<usize>]) -> bool {
    matches!(sentences, [only] if text[only.clone()].len() == text.trim().len())
}

/// How many of `texts`, at least one, make up a group.
fn group_len(texts: &[&str]) -> usize {
    let mut bytes = 0;
    let fits = texts.iter().take_while(|t| {
        bytes += t.len();
        bytes <= GROUP_BYTES
    });
    fits.count().max(1)
}
