//! A home for one test, and the program run in it.
#![allow(dead_code, unreachable_pub)] // every test file uses its own part of this
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// A temporary directory with everything that the program may touch in it.
pub struct Sandbox {
    pub dir: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        Sandbox {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The program, with nothing of this machine's environment but `PATH`.
    pub fn companion(&self) -> Command {
        let mut command = Command::cargo_bin("companion").unwrap();
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("COMPANION_HOME", self.home())
            .env("COMPANION_CACHE", self.path("cache"))
            // Nothing listens there: no test asks the real hub.
            .env("HF_ENDPOINT", "http://127.0.0.1:1");
        command
    }

    /// Runs it; stdout of a success.
    pub fn ok(&self, args: &[&str]) -> String {
        let assert = self.companion().args(args).assert().success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    }

    /// Runs it; stderr of a failure with this exit code.
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let assert = self.companion().args(args).assert().code(code);
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    }

    /// Puts the encoder of `make test` into this home, in both its forms and with nothing that `make benchmark` left beside
    /// it; `false`, with a line, where there is none.
    pub fn with_models(&self) -> bool {
        let Some(models) = test_models() else {
            return false;
        };
        let own = self.home().join("models");
        std::fs::create_dir_all(&own).unwrap();
        for name in ["minilm", "minilm-int8"] {
            std::os::unix::fs::symlink(models.join(name), own.join(name)).unwrap();
        }
        true
    }
}

/// The folder of installed models that `make test` sets up.
pub fn test_models() -> Option<PathBuf> {
    let models = std::env::var_os("COMPANION_TEST_MODELS").map(PathBuf::from);
    if models.is_none() {
        eprintln!("skipped: COMPANION_TEST_MODELS is not set; run `make test`");
    }
    models
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every line of JSONL.
pub fn rows(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
