//! Names that come from outside and go to the outside.

use crate::Entry;
use crate::field::canonical_name;

/// A tag or field name from another program, bent into one of ours; `None` where nothing of it is left.
pub(super) fn clean_name(given: &str) -> Option<String> {
    if let Ok(name) = canonical_name("tag", given) {
        return Some(name);
    }
    let kept: String = given
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "_/.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let short: String = kept.trim_matches('-').chars().take(64).collect();
    canonical_name("tag", &short).ok()
}

/// The name of an exported entry's file: its moment, the plain letters of its title, its id. Nothing in it can leave
/// the folder, hide the file or mean something to a shell.
pub(super) fn file_name(entry: &Entry) -> String {
    let moment = entry.when.strftime("%Y-%m-%d-%H%M");
    let title: String = entry
        .title
        .as_deref()
        .unwrap_or("")
        .to_lowercase()
        .chars()
        .take(200)
        .collect();
    let words: Vec<&str> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let slug: String = words.join("-").chars().take(40).collect();
    let slug = slug.trim_end_matches('-');
    match slug {
        "" => format!("{moment}-{}.md", entry.id),
        slug => format!("{moment}-{slug}-{}.md", entry.id),
    }
}
