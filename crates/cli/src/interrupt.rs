//! Ctrl-C: what it does, phase by phase.
//!
//! Outside of a phase it ends the program, as it does by default. `ctrlc` takes one handler for the
//! whole process, so there is one, and it looks up what the phase under way wants.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use crate::exit::Exit;

/// What Ctrl-C does now.
enum Answer {
    /// Ends the program.
    End,
    /// Sets a flag that somebody reads.
    Note(Arc<AtomicBool>),
    /// Nothing: the child that has the terminal deals with it.
    Ignore,
}

static ANSWER: Mutex<Answer> = Mutex::new(Answer::End);

/// Whether Ctrl-C was pressed in a phase that noted it.
static PRESSED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed since the program began.
pub(crate) fn was_pressed() -> bool {
    PRESSED.load(Ordering::Relaxed)
}

/// A time in which Ctrl-C does something else; it ends with this value.
#[must_use = "the phase ends when this is dropped"]
pub(crate) struct Phase(());

impl Drop for Phase {
    fn drop(&mut self) {
        set(Answer::End);
    }
}

/// Ctrl-C sets `flag` until the phase ends.
pub(crate) fn noted(flag: &Arc<AtomicBool>) -> anyhow::Result<Phase> {
    begin(Answer::Note(Arc::clone(flag)))
}

/// Ctrl-C does nothing to this program until the phase ends.
pub(crate) fn ignored() -> anyhow::Result<Phase> {
    begin(Answer::Ignore)
}

fn begin(answer: Answer) -> anyhow::Result<Phase> {
    static LISTENS: Mutex<bool> = Mutex::new(false);
    let mut listens = LISTENS.lock().unwrap_or_else(PoisonError::into_inner);
    if !*listens {
        ctrlc::set_handler(|| {
            if ends() {
                std::process::exit(Exit::Interrupted as i32);
            }
        })
        .context("cannot listen for Ctrl-C")?;
        *listens = true;
    }
    set(answer);
    Ok(Phase(()))
}

fn set(answer: Answer) {
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = answer;
}

/// Does what Ctrl-C does now; `true` where that is to end the program.
fn ends() -> bool {
    match &*ANSWER.lock().unwrap_or_else(PoisonError::into_inner) {
        Answer::End => return true,
        Answer::Note(flag) => {
            PRESSED.store(true, Ordering::Relaxed);
            flag.store(true, Ordering::Relaxed);
        }
        Answer::Ignore => {}
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_ends_the_program_again_when_a_phase_is_over() {
        assert!(ends());
        let flag = Arc::new(AtomicBool::new(false));
        let phase = noted(&flag).unwrap();
        assert!(!ends() && flag.load(Ordering::Relaxed));
        drop(phase);
        assert!(ends());
        let phase = ignored().unwrap();
        assert!(!ends());
        drop(phase);
        assert!(ends());
    }
}
