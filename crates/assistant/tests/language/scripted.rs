//! A model that is a script: it says what a test wants it to say, well formed or not, and counts like a real one.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use assistant::language::prompts::Prompts;
use assistant::language::{
    Bounds, Chat, Finish, Language, LanguageModel, ModelError, Reply, Role, Usage,
};

/// Tokens of a page of remembered prefixes: like a paged cache, only whole pages are found again.
const PAGE: usize = 16;

type Script = dyn Fn(&Chat, &Bounds) -> String + Send + Sync;
type Labels = dyn Fn(&Chat, &[&str]) -> Vec<f32> + Send + Sync;

/// The script with what it was asked.
pub(crate) struct Scripted {
    context: usize,
    reply: Box<Script>,
    labels: Box<Labels>,
    seen: Mutex<Vec<Vec<String>>>,
    /// Every chat that was replied to or scored, in order.
    pub(crate) asked: Mutex<Vec<Chat>>,
}

impl Scripted {
    /// Replies with what `reply` makes of a chat; every label is as likely as the others.
    pub(crate) fn new(reply: impl Fn(&Chat, &Bounds) -> String + Send + Sync + 'static) -> Self {
        Self {
            context: 4096,
            reply: Box::new(reply),
            labels: Box::new(|_, labels| vec![1.0 / labels.len() as f32; labels.len()]),
            seen: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// Says the lines of `lines` in turn, then nothing.
    pub(crate) fn lines<const N: usize>(lines: [&str; N]) -> Self {
        let lines: Mutex<VecDeque<String>> =
            Mutex::new(lines.iter().map(|l| (*l).to_owned()).collect());
        Self::new(move |_, _| lines.lock().expect("lines").pop_front().unwrap_or_default())
    }

    pub(crate) fn context(self, context: usize) -> Self {
        Self { context, ..self }
    }

    pub(crate) fn labels(
        self,
        labels: impl Fn(&Chat, &[&str]) -> Vec<f32> + Send + Sync + 'static,
    ) -> Self {
        Self {
            labels: Box::new(labels),
            ..self
        }
    }

    /// What the script says to `chat`, for a script that hands over to another.
    pub(crate) fn say(&self, chat: &Chat, bounds: &Bounds) -> String {
        (self.reply)(chat, bounds)
    }

    /// How many chats it was given.
    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().expect("asked").len()
    }

    /// Tokens of the whole prompt of call `index`.
    pub(crate) fn calls_tokens(&self, index: usize) -> usize {
        tokens(&self.asked.lock().expect("asked")[index]).len()
    }

    /// Everything that it was told, as one text.
    pub(crate) fn told(&self) -> String {
        let asked = self.asked.lock().expect("asked");
        asked
            .iter()
            .map(|c| tokens(c).join(" "))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn read(&self, chat: &Chat) -> Usage {
        self.asked.lock().expect("asked").push(chat.clone());
        let tokens = tokens(chat);
        assert!(
            tokens.len() < self.context,
            "a prompt of {} tokens was not planned for {}",
            tokens.len(),
            self.context
        );
        let mut seen = self.seen.lock().expect("seen");
        let common =
            |old: &Vec<String>| old.iter().zip(&tokens).take_while(|(a, b)| a == b).count();
        let reused = seen.iter().map(common).max().unwrap_or(0) / PAGE * PAGE;
        let reused = reused.min(tokens.len() - 1);
        let usage = Usage {
            calls: 1,
            prompt: tokens.len() - reused,
            reused,
            generated: 0,
        };
        seen.push(tokens);
        usage
    }
}

/// Words and signs, with the marks of a template between the roles.
fn tokens(chat: &Chat) -> Vec<String> {
    let mut all = vec!["<system>".to_owned()];
    all.extend(split(&chat.system));
    for (role, text) in &chat.turns {
        all.push(match role {
            Role::User => "<user>".to_owned(),
            Role::Assistant => "<assistant>".to_owned(),
        });
        all.extend(split(text));
    }
    all.push("<assistant>".to_owned());
    all
}

fn split(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = String::new();
        for c in word.chars() {
            if c.is_alphanumeric() {
                rest.push(c);
                continue;
            }
            if !rest.is_empty() {
                all.push(std::mem::take(&mut rest));
            }
            all.push(c.to_string());
        }
        if !rest.is_empty() {
            all.push(rest);
        }
    }
    all
}

impl LanguageModel for Scripted {
    fn id(&self) -> &str {
        "scripted@1"
    }

    fn context(&self) -> usize {
        self.context
    }

    fn count(&self, text: &str) -> usize {
        split(text).len()
    }

    fn reply(
        &self,
        chat: &Chat,
        bounds: &Bounds,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        let mut usage = self.read(chat);
        let text = (self.reply)(chat, bounds);
        if text == "FAIL" {
            return Err(ModelError::Engine("the script says so".to_owned()));
        }
        let mut said = String::new();
        let mut finish = Finish::Stop;
        // Three characters at a time, wherever they end.
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(3) {
            if usage.generated == bounds.max_tokens {
                finish = Finish::Length;
                break;
            }
            let piece: String = piece.iter().collect();
            said.push_str(&piece);
            usage.generated += 1;
            if on_text(&piece).is_break() {
                finish = Finish::Cancelled;
                break;
            }
        }
        Ok(Reply {
            text: said,
            finish,
            usage,
        })
    }

    fn score(&self, chat: &Chat, labels: &[&str]) -> Result<(Vec<f32>, Usage), ModelError> {
        let usage = self.read(chat);
        Ok(((self.labels)(chat, labels), usage))
    }
}

/// `model` with the shipped prompt files.
pub(crate) fn with(model: &Scripted) -> Language<'_> {
    Language {
        model,
        prompts: shipped(),
        stop: stays(),
    }
}

/// A flag that nobody sets.
pub(crate) fn stays() -> &'static AtomicBool {
    static STOP: AtomicBool = AtomicBool::new(false);
    &STOP
}

pub(crate) fn shipped() -> &'static Prompts {
    static PROMPTS: std::sync::OnceLock<Prompts> = std::sync::OnceLock::new();
    PROMPTS.get_or_init(Prompts::shipped)
}

/// The last thing that a chat says.
pub(crate) fn last(chat: &Chat) -> &str {
    chat.turns.last().map_or("", |(_, text)| text.as_str())
}
