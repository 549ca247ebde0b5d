//! Reading ahead while somebody writes: what will not change any more is read at typing priority, so that little is
//! left when the text is finished.

use super::{Batcher, Class, Refused, Text, Ticket};

/// A prompt that grows at its end. See the module.
#[derive(Debug, Default)]
pub struct ReadAhead {
    /// What was handed over.
    read: Vec<u32>,
    /// The part that is being read.
    ticket: Option<Ticket>,
}

impl ReadAhead {
    /// One that has read nothing.
    pub fn new() -> ReadAhead {
        ReadAhead::default()
    }

    /// `prompt` is what will stand before everything else, so far. What was handed over before and is not part
    /// of it is given up. Costs no more than a comparison where nothing is new.
    pub fn grow(&mut self, batcher: &Batcher, prompt: &[u32]) -> Result<(), Refused> {
        if prompt.len() <= self.read.len() && self.read.starts_with(prompt) {
            return Ok(());
        }
        // A part that is still being read stays: the new one finds it, or waits for it. One that leads elsewhere ends.
        if !prompt.starts_with(&self.read) {
            self.ticket = None;
        }
        let next = batcher.submit(Text {
            class: Class::Typing,
            prompt: prompt.to_vec(),
            reply: 0,
            driver: None,
            timeout: None,
        })?;
        if let Some(before) = self.ticket.replace(next) {
            before.release();
        }
        self.read = prompt.to_vec();
        Ok(())
    }

    /// Waits until all that was handed over is read.
    pub fn finish(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // However it ended: what is not read is read by whoever needs it.
            let _ = ticket.wait();
        }
    }
}
