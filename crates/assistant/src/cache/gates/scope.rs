//! How much of it: only work, all but work, this entry, the whole journal.

use super::text::Text;
use super::{Verdict, said};

/// Words that leave things out.
const ONLY: &[&str] = &["only", "solely", "exclusively", "purely"];
const BUT: &[&str] = &["except", "excluding", "besides", "apart", "minus"];

pub(super) fn look(a: &Text, b: &Text) -> Verdict {
    for (name, words) in [("only", ONLY), ("except", BUT)] {
        if a.has_any(words) != b.has_any(words) {
            return Verdict::Refuse(format!("scope: \u{201c}{name}\u{201d} in one only"));
        }
    }
    let (in_a, in_b) = (reach(a), reach(b));
    match (in_a, in_b) {
        (Some(one), Some(other)) if one != other => Verdict::Refuse(said("scope", one, other)),
        (None, Some("ever")) | (Some("ever"), None) => {
            Verdict::Doubt("scope: \u{201c}ever\u{201d} in one only".to_owned())
        }
        _ => Verdict::Pass,
    }
}

/// How much of the journal is meant, where it is said.
fn reach(text: &Text) -> Option<&'static str> {
    let entry = ["entry", "note", "page", "post"];
    if text.words.windows(2).any(|w| {
        ["this", "that", "last", "latest", "today", "the"].contains(&w[0].form.as_str())
            && entry.contains(&w[1].form.as_str())
    }) {
        return Some("one entry");
    }
    if text.has_phrase("all my entries")
        || text.has_phrase("every entry")
        || text.has_phrase("whole journal")
        || text.has_phrase("entire journal")
        || text.has_phrase("all entries")
    {
        return Some("every entry");
    }
    text.has_any(&["ever", "lifetime"]).then_some("ever")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_counts() {
        let refused =
            |a: &str, b: &str| matches!(look(&Text::read(a), &Text::read(b)), Verdict::Refuse(_));
        assert!(refused("summarise work", "summarise only work"));
        assert!(refused("everything except work", "everything"));
        assert!(refused("summarise this entry", "summarise all my entries"));
        assert!(!refused("summarise this entry", "summarise the entry"));
    }
}
