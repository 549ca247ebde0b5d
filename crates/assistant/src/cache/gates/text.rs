//! A short text as the gates see it: words in plain forms, clauses, and what is written with a capital letter.

use super::language;
use crate::words;

/// Forms that are written as one word and mean several. Apostrophes are folded away before.
#[rustfmt::skip]
const WRITTEN_AS_ONE: &[(&str, &str)] = &[
    ("aint", "is not"), ("arent", "are not"), ("cannot", "can not"), ("cant", "can not"), ("couldnt", "could not"),
    ("didnt", "did not"), ("doesnt", "does not"), ("dont", "do not"), ("hadnt", "had not"), ("hasnt", "has not"),
    ("havent", "have not"), ("isnt", "is not"), ("mustnt", "must not"), ("neednt", "need not"), ("shouldnt", "should not"),
    ("wasnt", "was not"), ("werent", "were not"), ("wont", "will not"), ("wouldnt", "would not"),
    ("dunno", "do not know"), ("gimme", "give me"), ("gonna", "going to"), ("gotta", "have to"), ("lemme", "let me"),
    ("wanna", "want to"), ("tryna", "trying to"), ("kinda", "kind of"), ("sorta", "sort of"),
    ("im", "i am"), ("ive", "i have"), ("youre", "you are"), ("youve", "you have"), ("theyre", "they are"),
    ("theyve", "they have"), ("weve", "we have"), ("hes", "he is"), ("shes", "she is"), ("thats", "that is"),
    ("whats", "what is"), ("whens", "when is"), ("wheres", "where is"), ("whos", "who is"), ("hows", "how is"),
    ("whys", "why is"), ("theres", "there is"), ("heres", "here is"), ("lets", "let us"),
    ("pls", "please"), ("plz", "please"), ("u", "you"), ("ur", "your"), ("r", "are"), ("abt", "about"), ("cuz", "because"),
    ("bc", "because"), ("tmrw", "tomorrow"), ("tmr", "tomorrow"), ("2day", "today"), ("tonite", "tonight"), ("thru", "through"),
    ("wknd", "weekend"), ("wk", "week"), ("yday", "yesterday"), ("somethin", "something"), ("nothin", "nothing"),
    ("mums", "mum"), ("moms", "mum"), ("dads", "dad"), ("todays", "today"), ("yesterdays", "yesterday"), ("tomorrows", "tomorrow"),
    ("weeks", "week"), ("w", "with"), ("wo", "without"),
    ("bday", "birthday"), ("ystrday", "yesterday"), ("tmw", "tomorrow"), ("2nite", "tonight"), ("2moro", "tomorrow"), ("2morrow", "tomorrow"), ("b4", "before"),
    ("fam", "family"), ("bro", "brother"), ("sis", "sister"), ("mam", "mum"), ("wifes", "wife"), ("husbands", "husband"), ("grandmas", "grandma"), ("grandads", "grandad"),
    ("bosss", "boss"), ("dr", "doctor"), ("drs", "doctor"), ("ppl", "people"), ("bf", "boyfriend"), ("gf", "girlfriend"), ("sumthing", "something"), ("wat", "what"),
    ("wot", "what"), ("wen", "when"), ("coz", "because"), ("rn", "now"), ("rly", "really"), ("srsly", "seriously"), ("thx", "thanks"), ("tho", "though"),
    ("noone", "nobody"), ("fortnights", "fortnight"), ("oclock", "clock"),
];

/// Ways of speaking in which a word does not mean what it says alone; what they are read as.
#[rustfmt::skip]
const WAYS_OF_SPEAKING: &[(&str, &str)] = &[
    ("i do not know what", "what"), ("do not know what", "what"), ("do not know how", "how"), ("i do not know why", "why"),
    ("do not know why", "why"), ("not sure what", "what"), ("not sure how", "how"), ("not sure why", "why"),
    ("not sure where", "where"), ("no idea what", "what"), ("no idea how", "how"), ("no idea why", "why"), ("no idea where", "where"),
    ("no clue what", "what"), ("no clue why", "why"), ("no clue how", "how"), ("can not think of anything to", "what to"),
    ("can not think what to", "what to"), ("can not decide what to", "what to"), ("can not work out", "what"),
    ("can not figure out", "what"), ("can not tell", "what"), ("can not see", "what"), ("do not understand", "what"), ("do not get", "what"),
    ("do not have a topic", "what topic"), ("have no topic", "what topic"), ("nothing comes to mind", "what to"),
    ("no ideas", "what"), ("no idea", "what"), ("can not remember when", "when"), ("can not remember what", "what"), ("can not remember where", "where"), ("can not remember who", "who"),
    ("can not remember how", "how"), ("can not remember if", "whether"), ("do not remember when", "when"), ("do not remember what", "what"), ("do not remember", "what"),
    ("can not recall", "what"), ("do not know if", "whether"), ("not sure if", "whether"), ("not sure whether", "whether"), ("or not", ""), ("not only", ""), ("no matter", ""), ("why not", "why not"),
    ("do not mind", ""), ("no rush", ""), ("nothing fancy", ""), ("nothing too", ""), ("not too", ""), ("not very", "not"),
    ("no more than", "most"), ("no longer than", "most"), ("not more than", "most"), ("can not wait", "excited"),
    ("can not help", "keep"), ("is not it", ""), ("do not you think", ""), ("could not be better", "good"), ("would not mind", ""),
    ("can not stop", "keep"), ("can not seem to", "can not"), ("no doubt", ""), ("if you do not mind", ""), ("could you not", "could you"),
    ("do not let me", "not"), ("no fluff", ""), ("no waffle", ""), ("all of a sudden", ""), ("at all", ""), ("all right", "fine"),
    ("after all", ""), ("first of all", ""), ("above all", ""), ("not to mention", ""), ("day to day", ""), ("every now and then", "sometimes"),
    ("now and then", "sometimes"), ("for once", ""), ("at once", ""), ("at first", ""), ("first thing", "early"), ("last thing", "late"), ("at last", ""),
    ("one of", ""), ("one more", "another"), ("no one", "nobody"), ("any one", "anyone"), ("each other", ""), ("one another", ""),
    ("this one", ""), ("that one", ""), ("which one", "which"), ("a lot", "much"), ("lots of", "much"), ("more or less", ""),
    ("at least", ""), ("at most", ""), ("right now", "now"), ("right away", ""), ("the other day", "recently"), ("these days", "recently"), ("of late", "recently"),
    ("as of late", "recently"), ("so far", ""), ("over and over", "repeatedly"), ("again and again", "repeatedly"), ("keep going", "continue"),
    ("go on", "continue"), ("carry on", "continue"), ("carry over", "carry"), ("sum up", "summarise"), ("boil down", "summarise"), ("wrap up", "summarise"),
    ("in short", "summarise"), ("in a nutshell", "summarise"), ("in brief", "summarise"), ("tl dr", "summarise"), ("to do", "todo"), ("second guess", "doubt"), ("second guessing", "doubting"),
];

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// In lower case, without apostrophes; what is written as one is taken apart.
    pub(super) form: String,
    /// Its stem, for comparing.
    pub(super) stem: String,
    /// Which clause of the text it is in.
    pub(super) clause: usize,
    /// Written with a capital letter where no sentence begins.
    pub(super) capital: bool,
}

/// A text, taken apart once for all gates.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// Its words in order, ways of speaking replaced.
    pub(super) words: Vec<Word>,
    /// It is in another language than English, as far as its words tell.
    pub(super) foreign: bool,
}

impl Text {
    pub(super) fn read(raw: &str) -> Text {
        let mut words = Vec::new();
        let (mut clause, mut end, mut begins) = (0, 0, true);
        let mut capitals = 0;
        for span in words::spans(raw) {
            let between = &raw[end..span.start];
            if end > 0
                && between.contains([
                    '.', '!', '?', ';', ':', ',', '\n', '(', ')', '\u{2014}', '\u{2013}',
                ])
            {
                clause += 1;
                begins = between.contains(['.', '!', '?', '\n', ':']);
            }
            end = span.end;
            let surface = &raw[span];
            let upper = surface.chars().next().is_some_and(char::is_uppercase);
            capitals += usize::from(upper && !begins);
            push(&mut words, surface, clause, upper && !begins);
            begins = false;
        }
        // A heading in capitals says nothing about names.
        if capitals * 2 > words.len() {
            words.iter_mut().for_each(|w: &mut Word| w.capital = false);
        }
        let mut text = Text {
            words,
            foreign: false,
        };
        text.foreign = language::is_foreign(&text);
        text.replace_ways_of_speaking();
        text
    }

    /// Whether a word of this form is there.
    pub(super) fn has(&self, form: &str) -> bool {
        self.words.iter().any(|w| w.form == form)
    }

    /// Whether one of these forms is there.
    pub(super) fn has_any(&self, forms: &[&str]) -> bool {
        self.words.iter().any(|w| forms.contains(&w.form.as_str()))
    }

    /// Whether these words stand behind one another somewhere.
    pub(super) fn has_phrase(&self, phrase: &str) -> bool {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        self.words
            .windows(phrase.len())
            .any(|w| w.iter().zip(&phrase).all(|(w, p)| w.form == *p))
    }

    /// Stems of the words that carry meaning, each once, sorted.
    pub(super) fn content(&self) -> Vec<&str> {
        let mut stems: Vec<&str> = self
            .words
            .iter()
            .filter(|w| !super::lexicon::is_function_word(&w.form))
            .map(|w| w.stem.as_str())
            .collect();
        stems.sort_unstable();
        stems.dedup();
        stems
    }

    /// The form of the word at `at`, or nothing beyond the ends.
    pub(super) fn form(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |w| w.form.as_str())
    }

    fn replace_ways_of_speaking(&mut self) {
        let mut at = 0;
        while at < self.words.len() {
            let found = WAYS_OF_SPEAKING
                .iter()
                .filter(|(way, _)| self.starts(at, way))
                .max_by_key(|(way, _)| way.len());
            let Some((way, meant)) = found else {
                at += 1;
                continue;
            };
            let length = way.split(' ').count();
            let clause = self.words[at].clause;
            let meant: Vec<Word> = meant
                .split_whitespace()
                .map(|form| word(form.to_owned(), clause, false))
                .collect();
            let next = at + meant.len();
            self.words.splice(at..at + length, meant);
            at = next;
        }
    }

    fn starts(&self, at: usize, way: &str) -> bool {
        let mut words = self.words[at..].iter();
        way.split(' ')
            .all(|form| words.next().is_some_and(|w| w.form == form))
    }
}

/// The share of meaningful stems that two texts have in common, of all that either has.
pub(super) fn overlap(a: &Text, b: &Text) -> f64 {
    let (a, b) = (a.content(), b.content());
    let common = a.iter().filter(|s| b.contains(s)).count();
    let all = a.len() + b.len() - common;
    if all == 0 {
        1.0
    } else {
        common as f64 / all as f64
    }
}

fn push(words: &mut Vec<Word>, surface: &str, clause: usize, capital: bool) {
    // "mum's" is mum, "it's" is two words, "i'll" is no illness.
    let mut lower = surface
        .to_lowercase()
        .replace(['\u{2019}', '\u{2018}', '\u{02bc}'], "'");
    for (ending, meant) in [
        ("'ll", "will"),
        ("'re", "are"),
        ("'ve", "have"),
        ("'m", "am"),
        ("'d", "would"),
    ] {
        if let Some(stem) = lower.strip_suffix(ending) {
            words.push(word(words::fold(stem), clause, capital));
            words.push(word(meant.to_owned(), clause, false));
            return;
        }
    }
    if let Some(stem) = lower.strip_suffix("'s") {
        let is = [
            "it", "that", "what", "who", "how", "where", "when", "why", "he", "she", "there",
            "here",
        ];
        if is.contains(&stem) {
            words.push(word(words::fold(stem), clause, capital));
            words.push(word("is".to_owned(), clause, false));
            return;
        }
        if stem != "let" {
            lower = stem.to_owned();
        }
    }
    let folded = words::fold(&lower);
    if let Ok(found) = WRITTEN_AS_ONE_SORTED.binary_search_by_key(&folded.as_str(), |(one, _)| one)
    {
        for part in WRITTEN_AS_ONE_SORTED[found].1.split(' ') {
            words.push(word(part.to_owned(), clause, false));
        }
        return;
    }
    for part in folded.split('-').filter(|p| !p.is_empty()) {
        words.push(word(part.to_owned(), clause, capital));
    }
}

static WRITTEN_AS_ONE_SORTED: std::sync::LazyLock<Vec<(&str, &str)>> =
    std::sync::LazyLock::new(|| {
        let mut all = WRITTEN_AS_ONE.to_vec();
        all.sort_unstable();
        all
    });

fn word(form: String, clause: usize, capital: bool) -> Word {
    Word {
        stem: super::lexicon::stem(&form),
        form,
        clause,
        capital,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(raw: &str) -> String {
        let text = Text::read(raw);
        let forms: Vec<&str> = text.words.iter().map(|w| w.form.as_str()).collect();
        forms.join(" ")
    }

    #[test]
    fn contractions_are_taken_apart_and_possessives_lose_their_s() {
        for (raw, want) in [
            ("I can't sleep", "i can not sleep"),
            (
                "it\u{2019}s mum's idea, i'll see",
                "it is mum idea i will see",
            ),
            ("dunno what to write", "what to write"),
            ("I'm not sure what to write", "i am what to write"),
            ("sum up my week pls", "summarise my week please"),
        ] {
            assert_eq!(forms(raw), want, "{raw}");
        }
    }

    #[test]
    fn capitals_count_where_no_sentence_begins() {
        let text = Text::read("Saw Ana. Then Ben came");
        let names: Vec<&str> = text
            .words
            .iter()
            .filter(|w| w.capital)
            .map(|w| w.form.as_str())
            .collect();
        assert_eq!(names, ["ana", "ben"]);
        assert!(
            Text::read("Weekly Summary Please")
                .words
                .iter()
                .all(|w| !w.capital)
        );
    }
}
