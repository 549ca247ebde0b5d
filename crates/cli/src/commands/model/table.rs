//! Models as lines on a terminal.

use engine::store::ModelInfo;

use crate::context::Context;
use crate::output::{Line, wrap};

/// Prints one line a model: name, what it is, size. What a manifest says is from outside; the output
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
                "  {:<8} {:<5} {:>9}",
                model.kind,
                model.quant,
                size(model.bytes)
            ));
        if model.name == context.config.encoder {
            line = line.dim("  in use");
        }
        context.out.line(line)?;
    }
    Ok(())
}

/// `22.9 MB`; a megabyte is a million bytes, as on the label of a disk.
pub(super) fn size(bytes: u64) -> String {
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
