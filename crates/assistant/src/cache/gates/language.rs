//! Whether the other gates can read a text at all: their word lists are English, and so are the judge's pairs.
//!
//! A text in another language passes every list, and its negation with it. So it is served for the same words only. What
//! stands here knows a few words of neighbouring languages, tells English by its function words, and refuses where neither
//! is seen in a text that is long enough to have some.

use super::lexicon::is_function_word;
use super::text::Text;
use super::{Verdict, said};

/// Frequent words that are none of English, in the order of their letters: German, Dutch, French, Spanish, Portuguese, Italian, Scandinavian and Polish.
#[rustfmt::skip]
const OTHER: &[&str] = &[
    "aan", "aber", "acho", "adesso", "agora", "ahora", "aiuto", "ajuda", "alles", "altijd", "amici", "anche", "ancora", "andare", "aqui", "att", "auch",
    "auf", "aujourdhui", "aus", "avec", "avere", "avez", "avoir", "ayer", "ayuda", "bedre", "bei", "beim", "bien", "bisschen", "bitte", "buono", "ces",
    "cette", "chaque", "che", "cierto", "como", "cosa", "cuando", "cuanto", "dag", "dagen", "dann", "dans", "dasselbe", "dat", "dein", "deine", "denn",
    "dentro", "depois", "deze", "dich", "dir", "doch", "doen", "domani", "donde", "dormir", "dormire", "durch", "ein", "eine", "einen", "einer", "elles",
    "ellos", "entre", "eram", "erst", "eso", "estaba", "estar", "estou", "estoy", "etwas", "euch", "eux", "faire", "fatto", "fazer", "feliz", "femme",
    "fikk", "frau", "freund", "freunde", "fue", "gaan", "ganz", "gegen", "gehen", "geht", "geist", "gern", "gestern", "gibt", "habe", "haben", "haber",
    "hacer", "hago", "hatte", "heb", "hebben", "heeft", "het", "heute", "hier", "hij", "hoje", "hoy", "hva", "hvad", "hvordan", "hvorfor", "ich", "idag",
    "igen", "ihm", "ihn", "ihr", "ihre", "ikke", "immer", "inte", "ist", "jaar", "jag", "jak", "jamais", "jeg", "jego", "jest", "jestem", "jetzt", "jij",
    "jour", "jours", "jullie", "kann", "kannst", "kein", "keine", "kiedy", "komme", "konnte", "leur", "loro", "maar", "machen", "maintenant", "mais",
    "mann", "mehr", "mein", "meine", "meinem", "meinen", "meiner", "mejor", "meu", "mich", "mij", "mijn", "minha", "mio", "mir", "mit", "mnie", "moet",
    "moi", "muchas", "mucho", "muito", "musste", "mutter", "muy", "nach", "nao", "nicht", "nichts", "nie", "niet", "niks", "noch", "noche", "notte",
    "nous", "nuit", "nunca", "nur", "oder", "oggi", "ohne", "ook", "oui", "perche", "pero", "peu", "peut", "peux", "piu", "porque", "posso", "pourquoi",
    "puede", "puedo", "pues", "quand", "quando", "quanto", "quel", "quelle", "quem", "querer", "quero", "questa", "questo", "quien", "quiero", "quoi",
    "rien", "sagen", "schlafen", "schon", "sehr", "seht", "sein", "seine", "sempre", "sich", "siempre", "sind", "slapen", "sobre", "soir", "sont",
    "stato", "suis", "tambien", "tengo", "tenho", "tiene", "todos", "toujours", "trop", "tudo", "tutto", "uit", "und", "uns", "unser", "vandaag", "vater",
    "viel", "voce", "voi", "voor", "vous", "waar", "wann", "waren", "warum", "weil", "welche", "wenn", "wer", "werden", "wie", "wieder", "wij", "wir",
    "wird", "woche", "wochen", "worden", "wurde", "zijn", "zou", "zum", "zur", "zwei",
];

/// Function words of English that are words of one of those languages too, and tell nothing.
const BOTH: &[&str] = &[
    "a", "all", "am", "an", "as", "at", "be", "do", "done", "for", "had", "has", "he", "i", "in",
    "is", "let", "me", "no", "of", "on", "one", "or", "over", "own", "so", "some", "up", "was",
    "we",
];

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    let (other_a, other_b) = (scripts(a), scripts(b));
    if other_a != other_b {
        let differ = |one: &[&str], of: &[&str]| {
            let first = one.iter().find(|word| !of.contains(word));
            first.copied().unwrap_or_default().to_owned()
        };
        let (one, other) = (differ(&other_a, &other_b), differ(&other_b, &other_a));
        return Verdict::Refuse(said("language", &one, &other));
    }
    match a.foreign || b.foreign {
        true => Verdict::Refuse(
            "language: this is not English, which is all that the rules and the judge can read"
                .to_owned(),
        ),
        false => Verdict::Pass,
    }
}

/// The words that are not written in Latin letters.
fn scripts(text: &Text) -> Vec<&str> {
    let forms = text.words.iter().map(|w| w.form.as_str());
    forms
        .filter(|form| form.chars().any(is_other_script))
        .collect()
}

/// Letters beyond Latin with its extensions.
fn is_other_script(c: char) -> bool {
    c.is_alphabetic()
        && !matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{2b0}'..='\u{36f}')
}

/// Whether a text is in another language than English, as far as its words tell. Asked once for a text, which is then
/// compared with many.
pub(super) fn is_foreign(text: &Text) -> bool {
    let words = &text.words;
    if scripts(text).len() * 2 > words.len() {
        return true;
    }
    let count = |is: &dyn Fn(&str) -> bool| words.iter().filter(|w| is(&w.form)).count();
    let other = count(&|form| OTHER.binary_search(&form).is_ok());
    let english = count(&|form| is_function_word(form) && !BOTH.contains(&form));
    let any = count(&is_function_word);
    (other > 0 && other >= english) || (words.len() >= 4 && any == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(a: &str, b: &str) -> bool {
        matches!(look(&Text::read(a), &Text::read(b)), Verdict::Refuse(_))
    }

    #[test]
    fn words_are_in_order() {
        assert!(OTHER.is_sorted());
    }

    #[test]
    fn another_language_is_served_for_the_same_words_only() {
        for (a, b) in [
            ("ich kann heute nicht schlafen", "heute kann ich schlafen"),
            (
                "ein Gedanke mit meiner Mutter",
                "ein Gedanke mit meinem Vater",
            ),
            ("puedo dormir", "no puedo dormir"),
            ("je ne peux pas dormir", "je peux dormir"),
            ("ik kan niet slapen", "ik kan slapen"),
            (
                "\u{6211}\u{5988}\u{5988}\u{6628}\u{5929}\u{4e3a}\u{4ec0}\u{4e48}\u{751f}\u{6c14}",
                "\u{6211}\u{7238}\u{7238}\u{6628}\u{5929}\u{4e3a}\u{4ec0}\u{4e48}\u{751f}\u{6c14}",
            ),
            (
                "\u{43f}\u{43e}\u{447}\u{435}\u{43c}\u{443} \u{44f} \u{43d}\u{435} \u{441}\u{43f}\u{43b}\u{44e}",
                "\u{43f}\u{43e}\u{447}\u{435}\u{43c}\u{443} \u{44f} \u{441}\u{43f}\u{43b}\u{44e}",
            ),
            (
                "en saa unta t\u{e4}n\u{e4}\u{e4}n taas",
                "saan unta t\u{e4}n\u{e4}\u{e4}n taas",
            ),
            (
                "dinner with \u{5988}\u{5988} was good",
                "was dinner with \u{7238}\u{7238} good",
            ),
        ] {
            assert!(refuses(a, b), "{a} | {b}");
            assert!(refuses(b, a), "{b} | {a}");
        }
    }

    #[test]
    fn english_with_a_word_from_elsewhere_is_english() {
        for (a, b) in [
            (
                "what did I write about the caf\u{e9} in Lisbon",
                "tell me what I wrote on the caf\u{e9} in Lisbon",
            ),
            ("gratitude prompt", "a gratitude question"),
            ("recap of my week", "weekly summary"),
            (
                "how was dinner with Jos\u{e9}",
                "how did dinner with Jos\u{e9} go",
            ),
            (
                "sum up my Tag der Arbeit hike",
                "give me a summary of the Tag der Arbeit hike",
            ),
            ("am I too hard on myself", "too hard on myself?"),
        ] {
            assert!(!refuses(a, b), "{a} | {b}");
        }
    }
}
