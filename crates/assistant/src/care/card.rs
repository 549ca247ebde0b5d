//! The card: fixed sentences and numbers, by language and country. Nothing in it depends on the entry.

use serde::Serialize;

/// What is shown, from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Card {
    /// The language it is in, two letters.
    pub language: &'static str,
    /// The country whose numbers it names, two capital letters; empty where it knows none there.
    pub country: &'static str,
    /// What the card is for.
    pub opening: &'static str,
    /// Whom to call, in order.
    pub lines: Vec<Line>,
    /// That it is a fixed card, and how to switch it off.
    pub closing: &'static str,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Who answers.
    pub name: &'static str,
    /// What to dial, or where to look.
    pub number: &'static str,
}

/// A country's emergency number and its lines for people in despair or in danger.
struct Country {
    code: &'static str,
    language: &'static str,
    emergency: &'static str,
    lines: &'static [(&'static str, &'static str)],
}

/// Words of one language.
struct Words {
    code: &'static str,
    opening: &'static str,
    emergency: &'static str,
    elsewhere: &'static str,
    closing: &'static str,
}

/// Numbers as the services publish them; `docs/security.md` says how far they can be relied on.
#[rustfmt::skip]
const COUNTRIES: &[Country] = &[
    Country { code: "US", language: "en", emergency: "911", lines: &[("988 Suicide & Crisis Lifeline (call or text)", "988"), ("National Domestic Violence Hotline", "1-800-799-7233")] },
    Country { code: "CA", language: "en", emergency: "911", lines: &[("988 Suicide Crisis Helpline (call or text)", "988")] },
    Country { code: "GB", language: "en", emergency: "999", lines: &[("Samaritans", "116 123"), ("Refuge, domestic abuse", "0808 2000 247")] },
    Country { code: "IE", language: "en", emergency: "112", lines: &[("Samaritans", "116 123"), ("Women's Aid", "1800 341 900")] },
    Country { code: "AU", language: "en", emergency: "000", lines: &[("Lifeline", "13 11 14"), ("1800RESPECT", "1800 737 732")] },
    Country { code: "NZ", language: "en", emergency: "111", lines: &[("Need to talk?", "1737")] },
    Country { code: "ZA", language: "en", emergency: "112", lines: &[("SADAG Suicide Crisis Line", "0800 567 567")] },
    Country { code: "IN", language: "en", emergency: "112", lines: &[("Tele-MANAS", "14416")] },
    Country { code: "DE", language: "de", emergency: "112", lines: &[("Telefonseelsorge", "0800 111 0 111"), ("Hilfetelefon Gewalt gegen Frauen", "116 016")] },
    Country { code: "AT", language: "de", emergency: "112", lines: &[("Telefonseelsorge", "142"), ("Frauenhelpline gegen Gewalt", "0800 222 555")] },
    Country { code: "CH", language: "de", emergency: "112", lines: &[("Die Dargebotene Hand", "143")] },
    Country { code: "FR", language: "fr", emergency: "112", lines: &[("Numéro national de prévention du suicide", "3114"), ("Violences Femmes Info", "3919")] },
    Country { code: "BE", language: "fr", emergency: "112", lines: &[("Prévention du suicide", "0800 32 123"), ("Zelfmoordlijn", "1813")] },
    Country { code: "ES", language: "es", emergency: "112", lines: &[("Línea de atención a la conducta suicida", "024"), ("Violencia de género", "016")] },
    Country { code: "NL", language: "nl", emergency: "112", lines: &[("113 Zelfmoordpreventie", "113"), ("Veilig Thuis", "0800 2000")] },
    Country { code: "IT", language: "it", emergency: "112", lines: &[("Telefono Amico Italia (10–24)", "02 2327 2327"), ("Antiviolenza e stalking", "1522")] },
    Country { code: "PT", language: "pt", emergency: "112", lines: &[("Linha Nacional de Prevenção do Suicídio", "1411"), ("SOS Voz Amiga (15:30–0:30)", "213 544 545")] },
    Country { code: "BR", language: "pt", emergency: "190", lines: &[("CVV", "188"), ("Central de Atendimento à Mulher", "180")] },
    Country { code: "SE", language: "en", emergency: "112", lines: &[("Mind Självmordslinjen", "90101")] },
    Country { code: "NO", language: "en", emergency: "112", lines: &[("Medisinsk nødtelefon, ved akutt selvmordsfare", "113"), ("Mental Helse", "116 123"), ("Kirkens SOS", "22 40 00 40")] },
    Country { code: "DK", language: "en", emergency: "112", lines: &[("Livslinien", "70 201 201")] },
    Country { code: "PL", language: "en", emergency: "112", lines: &[("Kryzysowy Telefon Zaufania", "116 123")] },
];

const WORDS: &[Words] = &[
    Words {
        code: "en",
        opening: "This entry speaks of dying, of hurting yourself, or of somebody who hurts you. If it is urgent, these people answer now:",
        emergency: "Emergency",
        elsewhere: "Other countries and lines",
        closing: "A fixed card, made on this computer: nothing was sent, nothing was noted down. `companion config set care false` switches it off.",
    },
    Words {
        code: "de",
        opening: "Dieser Eintrag spricht vom Sterben, davon, sich zu verletzen, oder von jemandem, der dir weh tut. Wenn es eilt, antworten hier jetzt Menschen:",
        emergency: "Notruf",
        elsewhere: "Andere Länder und Nummern",
        closing: "Eine feste Karte, auf diesem Rechner gemacht: nichts wurde gesendet, nichts vermerkt. `companion config set care false` schaltet sie ab.",
    },
    Words {
        code: "fr",
        opening: "Cette entrée parle de mourir, de se faire du mal, ou de quelqu'un qui vous fait du mal. Si c'est urgent, ces personnes répondent maintenant :",
        emergency: "Urgences",
        elsewhere: "Autres pays et numéros",
        closing: "Une carte fixe, faite sur cet ordinateur : rien n'a été envoyé ni noté. `companion config set care false` la désactive.",
    },
    Words {
        code: "es",
        opening: "Esta entrada habla de morir, de hacerse daño o de alguien que te hace daño. Si es urgente, estas personas responden ahora:",
        emergency: "Emergencias",
        elsewhere: "Otros países y teléfonos",
        closing: "Una tarjeta fija, hecha en este ordenador: no se ha enviado ni anotado nada. `companion config set care false` la desactiva.",
    },
    Words {
        code: "nl",
        opening: "Deze tekst gaat over doodgaan, jezelf pijn doen, of iemand die jou pijn doet. Als het dringend is, nemen deze mensen nu op:",
        emergency: "Alarmnummer",
        elsewhere: "Andere landen en nummers",
        closing: "Een vaste kaart, op deze computer gemaakt: er is niets verstuurd en niets genoteerd. `companion config set care false` zet haar uit.",
    },
    Words {
        code: "it",
        opening: "Questa pagina parla di morire, di farsi del male o di qualcuno che ti fa del male. Se è urgente, queste persone rispondono adesso:",
        emergency: "Emergenza",
        elsewhere: "Altri paesi e numeri",
        closing: "Una scheda fissa, fatta su questo computer: nulla è stato inviato o annotato. `companion config set care false` la disattiva.",
    },
    Words {
        code: "pt",
        opening: "Este texto fala de morrer, de se magoar ou de alguém que magoa você. Se for urgente, estas pessoas atendem agora:",
        emergency: "Emergência",
        elsewhere: "Outros países e números",
        closing: "Um cartão fixo, feito neste computador: nada foi enviado nem anotado. `companion config set care false` o desliga.",
    },
];

/// The card for a language and a country, each by its code, in any case. An unknown or empty language is the country's,
/// else English; an unknown country gives the emergency number of most networks and where to look for the rest.
pub fn card(language: &str, country: &str) -> Card {
    let here = COUNTRIES
        .iter()
        .find(|c| c.code.eq_ignore_ascii_case(country));
    let speaks = |code: &str| WORDS.iter().find(|w| w.code.eq_ignore_ascii_case(code));
    let words = speaks(language)
        .or_else(|| speaks(here?.language))
        .unwrap_or(&WORDS[0]);
    let emergency = Line {
        name: words.emergency,
        number: here.map_or("112", |c| c.emergency),
    };
    let local = here.map_or(&[] as &[_], |c| c.lines);
    let local = local.iter().map(|&(name, number)| Line { name, number });
    let elsewhere = Line {
        name: words.elsewhere,
        number: "findahelpline.com",
    };
    Card {
        language: words.code,
        country: here.map_or("", |c| c.code),
        opening: words.opening,
        lines: std::iter::once(emergency)
            .chain(local)
            .chain([elsewhere])
            .collect(),
        closing: words.closing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style;

    #[test]
    fn every_country_has_a_card_in_a_language_that_is_there() {
        for country in COUNTRIES {
            let card = card("", country.code);
            assert_eq!(card.language, country.language, "{}", country.code);
            assert!(card.lines.len() >= 3, "{}", country.code);
            assert!(card.lines.iter().all(|l| !l.number.is_empty()));
        }
    }

    #[test]
    fn language_and_country_are_chosen_apart() {
        let card = card("EN", "de");
        assert_eq!((card.language, card.country), ("en", "DE"));
        assert!(card.lines.iter().any(|l| l.number == "0800 111 0 111"));
    }

    #[test]
    fn an_unknown_place_still_gets_a_number_and_a_place_to_look() {
        let card = card("xx", "ZZ");
        assert_eq!((card.language, card.country), ("en", ""));
        let numbers: Vec<&str> = card.lines.iter().map(|l| l.number).collect();
        assert_eq!(numbers, ["112", "findahelpline.com"]);
    }

    #[test]
    fn the_card_neither_advises_nor_diagnoses() {
        for words in WORDS {
            for text in [words.opening, words.closing] {
                assert_eq!(style::breaches(text), Vec::<String>::new());
            }
        }
    }
}
