//! What a document shows to type: its code blocks, and the commands within its sentences.

/// A command as a document shows it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Document and line, such as `README.md:8`.
    pub(crate) at: String,
    /// The words as a shell would take them; `|`, `>`, `;` and `&&` are words of their own.
    pub(crate) words: Vec<String>,
    /// What stands behind ` # `.
    pub(crate) comment: String,
    /// In a sentence, where a bare name may stand for a command without being one that can be run.
    pub(crate) in_prose: bool,
    /// The lines that a transcript (`$ companion …`) shows below it.
    pub(crate) output: Option<Vec<String>>,
    /// The line before the first of them, counted from 1.
    pub(crate) last_line: usize,
    /// Commands of one block follow one another, in one home.
    pub(crate) block: usize,
    /// The entries of a journal of its own, which a comment in the document gives: `<!-- journal: "…" "…" -->`. The blocks
    /// below it, up to the next heading, are one.
    pub(crate) journal: Option<Vec<String>>,
}

impl Shown {
    pub(crate) fn line(&self) -> String {
        let quoted = self.words.iter().map(|word| {
            if word.contains(' ') {
                format!("\"{word}\"")
            } else {
                word.clone()
            }
        });
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// The words of its first program alone, without what it is piped or written into.
    pub(crate) fn arguments(&self) -> &[String] {
        let end = self
            .words
            .iter()
            .position(|word| ["|", ">", ";", "&&"].contains(&word.as_str()));
        &self.words[..end.unwrap_or(self.words.len())]
    }

    /// The exit code that the comment states (`# exit 3`), else 0.
    pub(crate) fn code(&self) -> i32 {
        let stated = self.comment.split_once("exit ").map(|(_, after)| after);
        stated
            .and_then(|after| after.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }
}

/// Every command of a document in Markdown, in order; `name` is the document's path.
pub(crate) fn commands(name: &str, text: &str) -> Vec<Shown> {
    let (blocks, prose) = blocks(text);
    let mut found = Vec::new();
    let (mut journal, mut number) = (None, 0);
    for (at, block) in blocks.iter().enumerate() {
        let own = own_journal(text, block.first().map_or(0, |(line, _)| *line));
        if own.is_none() || own != journal {
            number = at;
        }
        journal = own;
        let transcript = block.iter().any(|(_, line)| line.starts_with("$ "));
        let mut lines = block.iter().peekable();
        while let Some((at, line)) = lines.next() {
            let typed = line.strip_prefix("$ ");
            if transcript && typed.is_none() {
                let last: Option<&mut Shown> = found.last_mut();
                if let Some(output) = last.and_then(|shown| shown.output.as_mut()) {
                    output.push((*line).to_owned());
                }
                continue;
            }
            let (mut whole, mut last_line) = (typed.unwrap_or(line).to_owned(), *at);
            while let (true, Some((_, next))) = (whole.ends_with('\\'), lines.peek()) {
                last_line += 1;
                whole.pop();
                whole.push_str(next);
                lines.next();
            }
            let (words, comment) = words(&whole);
            found.push(Shown {
                at: format!("{name}:{at}"),
                words,
                comment,
                in_prose: false,
                output: transcript.then(Vec::new),
                last_line,
                block: number,
                journal: journal.clone(),
            });
        }
    }
    let mut at = 1;
    for (number, part) in prose.split('`').enumerate() {
        if number % 2 == 1 {
            found.push(Shown {
                at: format!("{name}:{at}"),
                words: words(&part.replace('\n', " ")).0,
                comment: String::new(),
                in_prose: true,
                output: None,
                last_line: at,
                block: blocks.len() + number,
                journal: None,
            });
        }
        at += part.matches('\n').count();
    }
    found.retain(|shown| !shown.words.is_empty());
    found
}

/// The entries that the nearest `<!-- journal: … -->` above line `at` gives, if no heading stands between.
fn own_journal(text: &str, at: usize) -> Option<Vec<String>> {
    let mut own = None;
    for line in text.lines().take(at) {
        if line.starts_with('#') {
            own = None;
        } else if let Some(entries) = line.strip_prefix("<!-- journal: ") {
            own = Some(words(entries.trim_end_matches("-->")).0);
        }
    }
    own
}

/// The code blocks, fenced or indented, each line with its number; and the rest, with an empty line for each of theirs.
fn blocks(text: &str) -> (Vec<Vec<(usize, &str)>>, String) {
    let (mut blocks, mut prose) = (Vec::<Vec<_>>::new(), String::new());
    let (mut fenced, mut indented, mut after_blank) = (false, false, true);
    for (at, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            fenced = !fenced;
            if fenced {
                blocks.push(Vec::new());
            }
        } else if fenced {
            blocks.last_mut().unwrap().push((at, line));
        } else if line.starts_with("    ") && (indented || after_blank) {
            if !indented {
                blocks.push(Vec::new());
            }
            indented = true;
            blocks.last_mut().unwrap().push((at, &line[4..]));
        } else {
            indented = false;
            prose.push_str(line);
        }
        after_blank = line.trim().is_empty();
        prose.push('\n');
    }
    (blocks, prose)
}

/// Splits a line as a shell does: quotes, and a comment at the end.
fn words(line: &str) -> (Vec<String>, String) {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => return (words, line[at + 1..].trim().to_owned()),
            (None, ' ') => words.extend(word.take()),
            (None, '|' | '>' | ';') if word.is_none() || c == ';' => {
                words.extend(word.take());
                words.push(c.to_string());
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (words, String::new())
}

#[test]
fn a_comment_gives_the_blocks_below_it_a_journal_of_their_own() {
    let text = "# One\n<!-- journal: \"by the lake\" \"at home\" -->\n\n    companion list\n\nand\n\n    companion tags\n\n\
                # Two\n\n    companion list\n";
    let seen: Vec<_> = commands("a.md", text)
        .into_iter()
        .map(|shown| (shown.words[1].clone(), shown.block, shown.journal))
        .collect();
    let own = Some(vec!["by the lake".to_owned(), "at home".to_owned()]);
    assert_eq!(
        seen,
        [
            ("list".to_owned(), 0, own.clone()),
            ("tags".to_owned(), 0, own),
            ("list".to_owned(), 2, None),
        ]
    );
}

#[test]
fn a_document_is_taken_apart_as_a_reader_takes_it() {
    let text = "Say `companion new` or\n`make\ndemo`.\n\n```\n$ companion new \"a #b\"\nsaved 1\n\n$ companion list # exit 3\n```\n\n    \
                companion man | man -l -\n    python x.py \\\n      --n 1   # two lines\n";
    let seen: Vec<_> = commands("a.md", text)
        .into_iter()
        .map(|shown| {
            (
                shown.at.clone(),
                shown.words.join("_"),
                shown.code(),
                shown.output,
            )
        })
        .collect();
    let row = |at: &str, words: &str, code, output: Option<&[&str]>| {
        let output = output.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
        (at.to_owned(), words.to_owned(), code, output)
    };
    assert_eq!(
        seen,
        [
            row("a.md:6", "companion_new_a #b", 0, Some(&["saved 1", ""])),
            row("a.md:9", "companion_list", 3, Some(&[])),
            row("a.md:12", "companion_man_|_man_-l_-", 0, None),
            row("a.md:13", "python_x.py_--n_1", 0, None),
            row("a.md:1", "companion_new", 0, None),
            row("a.md:2", "make_demo", 0, None),
        ]
    );
}
