//! `companion model list`.

use engine::store::ModelStore;

use super::table::{self, Listed};
use crate::context::Context;
use crate::exit::Exit;

pub(super) fn run(context: &Context, store: &ModelStore) -> anyhow::Result<Exit> {
    let models = store.list()?;
    if context.out.is_json() {
        let listed: Vec<Listed<'_>> = models.iter().map(Listed::of).collect();
        context.out.json(&listed)?;
        return Ok(Exit::Success);
    }
    if models.is_empty() {
        context
            .out
            .note("no models yet; `companion model pull minilm` fetches the encoder (91 MB)");
    }
    table::print(context, &models)?;
    Ok(Exit::Success)
}
