//! `companion model list`.

use engine::store::ModelStore;

use super::table;
use crate::context::Context;
use crate::exit::Exit;

pub(super) fn run(context: &Context, store: &ModelStore) -> anyhow::Result<Exit> {
    let models = store.list()?;
    if context.out.is_json() {
        context.out.json(&models)?;
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
