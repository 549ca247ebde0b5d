//! The regression gates. `make test-performance` runs them; exits with 1 where one alarms.
//!
//!     cargo run --release --example gates -- --models DIR --program FILE --records FILE [--committed FILE] [--tiny DIR]
//!         [--large NAME] [--entries FILE] [--planted PERCENT] [--power RUNS] [--only-limits-fail] [--json]
//!
//! `--only-limits-fail`: a timed alarm is shown and does not fail, for machines that others share.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program's output"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use bench::{GateOptions, run_gates};

fn main() -> ExitCode {
    let (mut options, mut json, mut lenient) = (none(), false, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .unwrap_or_else(|| usage(&format!("{arg} wants a value")))
        };
        match arg.as_str() {
            "--models" => options.models_dir = value().into(),
            "--program" => options.program = value().into(),
            "--records" => options.records = value().into(),
            "--committed" => options.committed = Some(value().into()),
            "--tiny" => options.tiny = Some(value().into()),
            "--large" => options.large = Some(value()),
            "--entries" => options.entries = Some(value().into()),
            "--planted" => options.planted = number(&value()) / 100.0,
            "--power" => options.power = number(&value()) as usize,
            "--only-limits-fail" => lenient = true,
            "--json" => json = true,
            _ => usage(&format!("unknown argument {arg}")),
        }
    }
    let report = match run_gates(&options, &mut |step| eprintln!("{step}")) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("gates: {error}");
            return ExitCode::from(2);
        }
    };
    if json {
        println!(
            "{}",
            serde_json::to_string_pretty(&report).expect("names and numbers")
        );
    } else {
        report.lines().iter().for_each(|line| println!("{line}"));
    }
    let passed = if lenient {
        report.limits_passed()
    } else {
        report.passed()
    };
    ExitCode::from(u8::from(!passed))
}

fn none() -> GateOptions {
    GateOptions {
        models_dir: PathBuf::new(),
        tiny: None,
        large: None,
        entries: None,
        program: PathBuf::new(),
        records: PathBuf::new(),
        committed: None,
        planted: 0.0,
        power: 0,
    }
}

fn number(text: &str) -> f64 {
    text.parse()
        .unwrap_or_else(|_| usage(&format!("{text} is no number")))
}

fn usage(wrong: &str) -> ! {
    eprintln!("gates: {wrong}; see the first lines of crates/bench/examples/gates.rs");
    std::process::exit(2);
}
