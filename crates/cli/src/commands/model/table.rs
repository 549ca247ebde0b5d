//! Models as lines on a terminal.

use engine::store::ModelInfo;
use serde::Serialize;

use crate::context::Context;
use crate::output::{Line, wrap};

/// A model with what follows from its manifest.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    #[serde(flatten)]
    model: &'a ModelInfo,
    #[serde(flatten)]
    facts: Facts,
}

/// What a model is when it runs.
#[derive(Debug, Serialize, PartialEq)]
pub(super) struct Facts {
    /// Bits that the weight file has for each parameter.
    bits: f64,
    /// Tokens that it reads at most.
    context: usize,
    /// The kernels that run it here; none where `COMPANION_KERNEL` names some that cannot.
    pub(super) kernel: Option<&'static str>,
}

impl Facts {
    pub(super) fn of(model: &ModelInfo) -> Facts {
        Facts {
            bits: model.bits(),
            context: model.context(),
            kernel: model.kernel_name().ok(),
        }
    }

    /// `4.38 bits, reads 32768 tokens`, and the kernels.
    pub(super) fn line(&self) -> String {
        let kernel = self.kernel.unwrap_or("no kernel");
        format!(
            "{:.2} bits, reads {} tokens, {kernel}",
            self.bits, self.context
        )
    }
}

impl<'a> Listed<'a> {
    pub(super) fn of(model: &'a ModelInfo) -> Listed<'a> {
        Listed {
            model,
            facts: Facts::of(model),
        }
    }
}

/// Prints one line a model: name, what it is, size, and the kernels where the line has room for them. What a manifest says is from outside; the output
/// escapes it.
pub(super) fn print(context: &Context, models: &[ModelInfo]) -> anyhow::Result<()> {
    let widest = models
        .iter()
        .map(|model| wrap::width(&model.name))
        .max()
        .unwrap_or(0);
    for model in models {
        let mut line = Line::new()
            .bold(wrap::pad(&model.name, widest))
            .plain(format!(
                "  {:<8} {:<5} {:>9} {:>7} {:>5.2} bits",
                model.kind,
                model.quant,
                size(model.bytes),
                count(model.parameters),
                model.bits()
            ));
        if let Ok(config) = model.decoder_config() {
            line = line.plain(format!("  reads {} tokens", config.max_position_embeddings));
        }
        let kernel = Facts::of(model).kernel.unwrap_or_default();
        let used: usize = line.parts().iter().map(|(_, text)| wrap::width(text)).sum();
        if used + 2 + kernel.len() <= context.out.columns() {
            line = line.dim(format!("  {kernel}"));
        }
        if model.is_synthetic() {
            line = line.dim(format!("  {}", model.origin));
        }
        if model.name == context.config.encoder {
            line = line.dim("  in use");
        }
        context.out.line(line)?;
    }
    Ok(())
}

/// `1.54B`, `22.7M`: parameters as models are named by them.
pub(super) fn count(parameters: u64) -> String {
    match parameters {
        0..1_000_000 => format!("{:.0}k", parameters as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", parameters as f64 / 1e6),
        _ => format!("{:.2}B", parameters as f64 / 1e9),
    }
}

/// `22.9 MB`; a megabyte is a million bytes, as on the label of a disk.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_read_like_a_disk_label() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_500, "1.5 kB"),
            (90_868_376, "90.9 MB"),
            (1_600_000_000, "1.60 GB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }
}
