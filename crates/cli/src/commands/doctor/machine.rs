//! Processor and settings of this process: what makes everything slower than the machine is.

use engine::kernel::{self, Isa};

use super::Report;
use crate::commands::profile;
use crate::context::Context;
use crate::messages;

pub(super) fn check(context: &Context, report: &mut Report) {
    kernels(report);
    threads(context, report);
    profiled(context, report);
    report.did("terminal");
    if context.out.is_ascii() {
        report.advise(
            "terminal",
            "the locale of this terminal has no Unicode, so charts are drawn with ASCII",
            "set LANG to a UTF-8 locale, such as C.UTF-8",
        );
    }
}

/// Whether the fastest kernels of this processor run.
fn kernels(report: &mut Report) {
    report.did("kernel");
    let best = Isa::detect();
    match kernel::in_use() {
        Err(error) => report.problem("kernel", error.to_string(), "unset COMPANION_KERNEL"),
        Ok(used) if used < best => report.advise(
            "kernel",
            format!("COMPANION_KERNEL makes the {used} kernels run; this processor can run {best}"),
            "unset COMPANION_KERNEL",
        ),
        Ok(Isa::Scalar) => report.advise(
            "kernel",
            "Companion has no fast kernels for this processor (it lacks AVX2), so models are slow",
            "use the encoder only, or a newer machine for language models",
        ),
        Ok(_) => {}
    }
}

/// Whether the engine uses the cores that are there.
fn threads(context: &Context, report: &mut Report) {
    report.did("threads");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let set = std::env::var_os("COMPANION_THREADS").is_some_and(|text| !text.is_empty());
    // What is fewer than the cores on purpose was found out by `companion profile`.
    let (by, undo) = match set {
        true => ("COMPANION_THREADS", "unset COMPANION_THREADS"),
        false => ("the setting `threads`", "`companion config unset threads`"),
    };
    let profiled = profile::read(context).and_then(|profile| profile.recommended);
    let on_purpose = |threads| {
        profiled
            .as_ref()
            .is_some_and(|found| found.threads == threads)
    };
    match engine::pool::thread_count(None) {
        Err(error) => report.problem("threads", error.to_string(), "unset COMPANION_THREADS"),
        Ok(threads) if threads < cores.min(16) && !on_purpose(threads) => report.advise(
            "threads",
            format!("{by} lets the engine use {threads} of {cores} cores"),
            format!("{undo}, or let `companion profile --save` find the best number"),
        ),
        Ok(threads) if threads > cores => report.advise(
            "threads",
            format!(
                "{by} asks for {threads} threads on {}, which wait for one another",
                messages::counted(cores, "core", "cores")
            ),
            undo,
        ),
        Ok(_) => {}
    }
}

/// Threads that bring less than this each make the machine warm and nothing else.
const POOR_SCALING: f64 = 0.6;

/// What the last `companion profile --save` measured.
fn profiled(context: &Context, report: &mut Report) {
    let Some(profile) = profile::read(context) else {
        report.skip(
            "speed of this machine",
            "not measured yet; `companion profile --save` does (half a minute)",
        );
        return;
    };
    report.did("speed of this machine");
    let rates = &profile.hardware.threads;
    if let (Some(one), Some(all)) = (rates.first(), rates.last())
        && all.threads > 1
    {
        let gain = all.decode_tok_s / one.decode_tok_s;
        if gain < POOR_SCALING * all.threads as f64 {
            report.advise(
                "scaling",
                format!(
                    "{} threads write {gain:.1} times as fast as one: something else uses the cores or the memory",
                    all.threads
                ),
                "end other programs and run `companion profile --save` again; it saves the best number of threads",
            );
        }
    }
    let kernel = &profile.hardware.kernel;
    if engine::encoder::default_kernel_name().is_ok_and(|now| now != kernel) {
        report.advise(
            "profile-old",
            format!("the profile of this machine was measured with other kernels ({kernel})"),
            "`companion profile --save` measures again",
        );
    }
}
