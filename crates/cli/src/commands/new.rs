//! `companion new`: one entry from the command line or a pipe.

use crate::commands::save::{self, Options};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::when::{Prefix, split_prefix};

/// The entry and what is set beside it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The text may begin with a date and a colon: \"yesterday 8pm: walked to the lake\".\n\
        Words with # become tags, pairs such as sleep:7.5 become fields.\n\
        Text that begins with a dash goes after `--`: companion new -- \"--that is it\"."
)]
pub(crate) struct Args {
    /// The text; `-`, or nothing at all, reads it from stdin
    text: Vec<String>,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let Some(text) = input::entry_text(&args.text)? else {
        return Err(Failure::usage(
            "there is nothing to save; give the text (companion new \"…\"), or use `companion write`",
        )
        .into());
    };
    let now = context.now()?;
    let mut options = args.options;
    let text = if options.date.is_some() {
        text.as_str()
    } else {
        let Prefix { moment, text, note } = split_prefix(&text, &now);
        if let Some(note) = note {
            context.out.warn(format!("note: {note}"));
        }
        options.moment = moment.map(|moment| moment.at);
        text
    };
    if text.trim().is_empty() {
        return Err(save::empty().into());
    }
    let mut journal = context.journal_for_writing()?;
    save::save(context, &mut journal, text.to_owned(), options)
}
