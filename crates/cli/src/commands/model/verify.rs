//! `companion model verify`.

use engine::store::ModelStore;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{self, Exit};
use crate::output::{Line, Style};

/// Which models.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names of `companion model list`; all of them where none is given
    names: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    ok: bool,
    /// What is wrong, with the file that is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    let names = match args.names.is_empty() {
        true => store.list()?.into_iter().map(|model| model.name).collect(),
        false => args.names.clone(),
    };
    let mut rows = Vec::new();
    for name in names {
        store.get(&name)?; // no such model: an error of its own, not damage
        let error = store.verify(&name).err().map(|error| exit::chain(&error));
        rows.push(Row {
            name,
            ok: error.is_none(),
            error,
        });
    }
    if context.out.is_json() {
        context.out.json(&rows)?;
    } else {
        for row in &rows {
            let line = Line::new().bold(row.name.as_str());
            context.out.line(match &row.error {
                None => line.styled(Style::Good, "  sound"),
                Some(error) => line.styled(Style::Bad, format!("  {error}")),
            })?;
        }
    }
    Ok(match rows.iter().all(|row| row.ok) {
        true => Exit::Success,
        false => Exit::Damaged,
    })
}
