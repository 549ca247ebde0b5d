//! The help card, where an entry speaks of danger: printed, and nowhere noted.

use assistant::care;

use crate::config::Config;
use crate::output::{Line, Output};

/// Prints the card for the configured place, else for the locale's. Where stdout is for a program, stderr gets it.
pub(crate) fn show(config: &Config, out: &Output) -> anyhow::Result<()> {
    let locale = locale();
    let card = care::card(
        or(&config.care_language, &locale.0),
        or(&config.country, &locale.1),
    );
    let numbers = card.lines.iter().map(|line| {
        Line::new()
            .plain("  ")
            .bold(line.number)
            .plain("  ")
            .plain(line.name)
    });
    if out.is_json() {
        out.warn(card.opening);
        numbers.for_each(|line| out.warn(line));
        out.warn(card.closing);
        return Ok(());
    }
    out.blank()?;
    out.prose(card.opening, 0)?;
    out.lines(numbers)?;
    out.prose(card.closing, 0)
}

fn or<'a>(set: &'a str, otherwise: &'a str) -> &'a str {
    if set.is_empty() { otherwise } else { set }
}

/// Language and country of the locale (`de_AT.UTF-8`); empty where it names none.
fn locale() -> (String, String) {
    let named = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_default();
    parts(&named)
}

fn parts(locale: &str) -> (String, String) {
    let name = locale.split(['.', '@']).next().unwrap_or_default();
    let (language, country) = name.split_once('_').unwrap_or((name, ""));
    let two = |part: &str| {
        let fits = part.len() == 2 && part.chars().all(|c| c.is_ascii_alphabetic());
        if fits { part.to_owned() } else { String::new() }
    };
    (two(language), two(country))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_gives_language_and_country_or_nothing() {
        for (locale, expected) in [
            ("de_AT.UTF-8", ("de", "AT")),
            ("en_US", ("en", "US")),
            ("fr", ("fr", "")),
            ("C.UTF-8", ("", "")),
            ("POSIX", ("", "")),
            ("", ("", "")),
        ] {
            let (language, country) = parts(locale);
            assert_eq!((language.as_str(), country.as_str()), expected, "{locale}");
        }
    }
}
