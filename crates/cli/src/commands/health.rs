//! `companion health`: whether everything that is installed works. Creates nothing, asks nothing.

use std::path::Path;
use std::time::Instant as Clock;

use engine::store::{ModelInfo, ModelStore};
use journal::{Journal, Protection};
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::messages;
use crate::output::{Line, Style};
use crate::passphrase;

/// How thorough.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read every byte of the models again, not only their sizes and headers
    #[arg(long)]
    full: bool,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Works.
    Ok,
    /// Nothing is wrong, but something is missing or was not looked into.
    Note,
    /// Does not work.
    Failed,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    state: State,
    /// What was found, or what is wrong, then the way out.
    says: String,
}

#[derive(Serialize)]
struct Health {
    ok: bool,
    version: &'static str,
    home: String,
    checks: Vec<Check>,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut checks = vec![
        check("home", home(context.home())),
        check("journal", journal(context)),
        check("encoder", encoder(context)),
    ];
    if args.full {
        checks.push(check("models", models(context)));
    }
    let health = Health {
        ok: checks.iter().all(|check| check.state != State::Failed),
        version: env!("CARGO_PKG_VERSION"),
        home: context.home().display().to_string(),
        checks,
    };
    if context.out.is_json() {
        context.out.json(&health)?;
    } else {
        for check in &health.checks {
            show(context, check)?;
        }
    }
    Ok(if health.ok {
        Exit::Success
    } else {
        Exit::Failed
    })
}

fn check(name: &'static str, found: anyhow::Result<(State, String)>) -> Check {
    let (state, says) = found.unwrap_or_else(|error| (State::Failed, format!("{error:#}")));
    Check { name, state, says }
}

fn show(context: &Context, check: &Check) -> anyhow::Result<()> {
    let (sign, style) = match check.state {
        State::Ok => ("ok  ", Style::Good),
        State::Note => ("note", Style::Accent),
        State::Failed => ("FAIL", Style::Bad),
    };
    let line = Line::new()
        .styled(style, sign)
        .bold(format!("  {:<8}", check.name));
    context.out.line(line.plain(format!("  {}", check.says)))
}

/// The folder: there, and closed to others.
fn home(home: &Path) -> anyhow::Result<(State, String)> {
    let shown = home.display();
    let Ok(found) = std::fs::metadata(home) else {
        return Ok((
            State::Note,
            format!("{shown} is not there yet; the first entry makes it"),
        ));
    };
    anyhow::ensure!(
        found.is_dir(),
        "{shown} is not a folder; move it away, or name another with --home"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let others = found.permissions().mode() & 0o077;
        if others != 0 {
            return Ok((
                State::Note,
                format!(
                    "{shown} is open to other users of this computer; `chmod 700 {shown}` closes it"
                ),
            ));
        }
    }
    Ok((State::Ok, shown.to_string()))
}

fn journal(context: &Context) -> anyhow::Result<(State, String)> {
    let home = context.journal_home();
    if !home.exists() {
        let says = "none yet; `companion new \"…\"` writes the first entry";
        return Ok((State::Note, says.to_owned()));
    }
    let locked = home.protection()? == Protection::Passphrase;
    if locked && passphrase::given(&context.global)?.is_none() {
        let says = "locked by a passphrase, so not looked into (COMPANION_PASSPHRASE or --passphrase-file opens it)";
        return Ok((State::Note, says.to_owned()));
    }
    let journal = context.journal()?;
    describe(&journal, locked)
}

fn describe(journal: &Journal, locked: bool) -> anyhow::Result<(State, String)> {
    let stats = journal.stats()?;
    let by = if locked { "a passphrase" } else { "a key file" };
    let mut says = format!(
        "{}, {:.1} MB, locked by {by}, schema {}",
        messages::entries(stats.entries),
        stats.bytes as f64 / 1e6,
        stats.schema
    );
    if journal.is_read_only() {
        return Ok((State::Note, format!("{says}; it can only be read")));
    }
    if stats.queued > 0 {
        says.push_str(&format!("; {} waiting for analysis", stats.queued));
    }
    if !locked && std::env::var_os("COMPANION_PASSPHRASE").is_some_and(|text| !text.is_empty()) {
        let says = format!("{says}; COMPANION_PASSPHRASE {}", messages::NOT_LOCKED);
        return Ok((State::Note, says));
    }
    Ok((State::Ok, says))
}

/// Opens the encoder and lets it read one sentence.
fn encoder(context: &Context) -> anyhow::Result<(State, String)> {
    let begun = Clock::now();
    let Some(encoder) = context.encoder()? else {
        let says = "none is installed; `companion model pull minilm` fetches it (91 MB)";
        return Ok((State::Note, says.to_owned()));
    };
    let name = encoder.model_id();
    let read = encoder.embed(&["A quiet day."]);
    let ready_ms = begun.elapsed().as_secs_f64() * 1e3;
    let length: f32 = read.iter().flat_map(|one| &one.vector).map(|x| x * x).sum();
    anyhow::ensure!(
        (length - 1.0).abs() < 1e-3,
        "{name} gives vectors of length {length}, not 1; pull it again with `companion model pull --force`"
    );
    Ok((
        State::Ok,
        format!(
            "{}, kernel {}, {}, ready after {ready_ms:.0} ms",
            encoder.model_id(),
            encoder.kernel_name(),
            messages::threads(encoder.threads())
        ),
    ))
}

/// Every installed model, byte by byte.
fn models(context: &Context) -> anyhow::Result<(State, String)> {
    let store = ModelStore::new(context.models_dir());
    let models = store.list()?;
    for ModelInfo { name, .. } in &models {
        store.verify(name)?;
    }
    let names: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
    Ok((
        State::Ok,
        match names.is_empty() {
            true => "none installed".to_owned(),
            false => format!("{}: every byte as on record", names.join(", ")),
        },
    ))
}
