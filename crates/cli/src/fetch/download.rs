//! One file over HTTP: resumed where it broke off, tried again where that may help, compared at the end.
//!
//! Beside the file `NAME` stand `NAME.part`, the bytes so far, and `NAME.part.etag`, the validator of the
//! answer they came from. A server whose file has changed since answers the whole file (`If-Range`), and
//! we start over; one that sends no validator is always asked from the start.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::http::{self, Head, Message, Request};
use super::{FetchError, Job, WantedFile, cache};

/// How often the wait for a block looks at Ctrl-C.
const TICK: Duration = Duration::from_millis(50);

/// Downloads `file` from `url` into `job.folder`.
pub(super) fn download(url: &str, file: &WantedFile, job: &mut Job<'_>) -> Result<(), FetchError> {
    let mut part = Part::open(file, job)?;
    job.progress.begin(&file.name, file.size_bytes);
    let result = download_part(url, file, &mut part, job);
    job.progress.end();
    if result.is_err() && part.length == 0 {
        part.discard();
    }
    result?;
    part.file
        .sync_all()
        .map_err(|e| FetchError::io(&part.path, e))?;
    let inherited = part.inherited;
    let _ = std::fs::remove_file(&part.tag_path); // it may never have been written
    match cache::admit(&part.path, file, job.folder) {
        // The first bytes are of an earlier run and may be damaged: once more, from the start.
        Err(FetchError::WrongDigest { .. }) if inherited => {
            drop(part);
            download(url, file, job)
        }
        result => result,
    }
}

fn download_part(
    url: &str,
    file: &WantedFile,
    part: &mut Part,
    job: &mut Job<'_>,
) -> Result<(), FetchError> {
    let mut patience = Patience::new(part.length, job);
    let mut fruitless = 0;
    loop {
        let before = part.length;
        let failure = match attempt(url, file, part, &mut patience, job) {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing { error, wait }) => (error, wait),
        };
        fruitless = if part.length > before {
            1
        } else {
            fruitless + 1
        };
        let pause = failure
            .1
            .unwrap_or(job.limits.backoff * 2_u32.pow(fruitless.min(10) - 1));
        if fruitless >= job.limits.attempts || pause > patience.left() {
            return Err(failure.0);
        }
        sleep(pause, job)?;
    }
}

/// Why one request did not bring the rest of the file.
enum Failure {
    /// Trying again would not help.
    Final(FetchError),
    /// It may, after this long if the server said so.
    Passing {
        error: FetchError,
        wait: Option<Duration>,
    },
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Failure::Final(error)
    }
}

fn attempt(
    url: &str,
    file: &WantedFile,
    part: &mut Part,
    patience: &mut Patience,
    job: &mut Job<'_>,
) -> Result<(), Failure> {
    if part.length == file.size_bytes {
        return Ok(());
    }
    let messages = http::start(Request {
        url: url.to_owned(),
        resume: part.resume_from(),
        connect: job.limits.patience,
    });
    let first = match next(&messages, file, patience, job) {
        Err(FetchError::Stalled { waited_s, .. }) => {
            Message::Failed(format!("no answer in {waited_s} s"))
        }
        other => other?,
    };
    match first {
        Message::Head(head) => part.begin(&head, file)?,
        // Once something came, a lost connection is worth another try; before that it is a dead source.
        Message::Failed(reason) if part.length > 0 => {
            let error = FetchError::Unreachable { reason };
            return Err(Failure::Passing { error, wait: None });
        }
        Message::Failed(reason) => return Err(FetchError::Unreachable { reason }.into()),
        Message::Block(_) | Message::End => unreachable!("a body never comes before its head"),
    }
    loop {
        let reason = match next(&messages, file, patience, job)? {
            Message::Block(block) => {
                part.append(&block, file)?;
                patience.saw(part.length);
                job.progress.at(part.length);
                continue;
            }
            Message::End if part.length == file.size_bytes => return Ok(()),
            Message::End => "the body was too short".to_owned(),
            Message::Failed(reason) => reason,
            Message::Head(_) => unreachable!("an answer has one head"),
        };
        let error = FetchError::Truncated {
            file: file.name.clone(),
            received: part.length,
            expected: file.size_bytes,
            reason,
        };
        return Err(Failure::Passing { error, wait: None });
    }
}

/// The next message, unless the user interrupts or the source stalls.
fn next(
    messages: &Receiver<Message>,
    file: &WantedFile,
    patience: &Patience,
    job: &Job<'_>,
) -> Result<Message, FetchError> {
    loop {
        job.check_cancelled()?;
        // Before every block, not only when none came: a trickle is a stall, too.
        patience.check(file, job)?;
        match messages.recv_timeout(TICK) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let reason = "the connection was lost".to_owned();
                return Ok(Message::Failed(reason));
            }
        }
    }
}

fn sleep(pause: Duration, job: &Job<'_>) -> Result<(), FetchError> {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        job.check_cancelled()?;
        std::thread::sleep(TICK.min(pause));
    }
    Ok(())
}

/// The file so far.
struct Part {
    path: PathBuf,
    tag_path: PathBuf,
    file: File,
    /// Bytes written and counted as good.
    length: u64,
    /// The validator of the answer that the bytes came from.
    validator: Option<String>,
    /// Whether it begins with bytes of an earlier run.
    inherited: bool,
}

impl Part {
    /// Opens or creates the part and locks it against a second process.
    fn open(wanted: &WantedFile, job: &Job<'_>) -> Result<Part, FetchError> {
        let path = job.folder.join(format!("{}.part", wanted.name));
        let tag_path = job.folder.join(format!("{}.part.etag", wanted.name));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| FetchError::io(&path, e))?;
        file.try_lock().map_err(|_| FetchError::Busy {
            file: wanted.name.clone(),
        })?;
        let length = file.metadata().map_err(|e| FetchError::io(&path, e))?.len();
        let validator = std::fs::read_to_string(&tag_path).ok();
        let mut part = Part {
            path,
            tag_path,
            file,
            length,
            validator,
            inherited: length > 0,
        };
        if part.validator.is_none() || length > wanted.size_bytes {
            part.start_over()?;
        }
        Ok(part)
    }

    fn resume_from(&self) -> Option<(u64, String)> {
        let validator = self.validator.clone().filter(|_| self.length > 0)?;
        Some((self.length, validator))
    }

    /// Takes the head of an answer: go on, start over, or give up.
    fn begin(&mut self, head: &Head, wanted: &WantedFile) -> Result<(), Failure> {
        match head.status {
            206 if head.range_start == Some(self.length) && self.length > 0 => {}
            // 416: there is no byte after ours, so ours are not of this file.
            206 | 416 => {
                self.start_over()?;
                return Err(Failure::Passing {
                    error: self.status_error(head, wanted),
                    wait: Some(Duration::ZERO),
                });
            }
            200 => self.start_over()?,
            408 | 429 | 500..=599 => {
                return Err(Failure::Passing {
                    error: self.status_error(head, wanted),
                    wait: head.retry_after,
                });
            }
            _ => return Err(self.status_error(head, wanted).into()),
        }
        if head
            .length
            .is_some_and(|rest| self.length.saturating_add(rest) > wanted.size_bytes)
        {
            return Err(too_large(wanted).into());
        }
        self.remember(head.validator.clone())?;
        Ok(())
    }

    fn status_error(&self, head: &Head, wanted: &WantedFile) -> FetchError {
        FetchError::Status {
            file: wanted.name.clone(),
            status: head.status,
        }
    }

    fn remember(&mut self, validator: Option<String>) -> Result<(), FetchError> {
        if let Some(tag) = &validator {
            std::fs::write(&self.tag_path, tag).map_err(|e| FetchError::io(&self.tag_path, e))?;
        }
        self.validator = validator;
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), FetchError> {
        self.file
            .set_len(0)
            .map_err(|e| FetchError::io(&self.path, e))?;
        self.length = 0;
        self.inherited = false;
        self.validator = None;
        Ok(())
    }

    /// Takes an empty part away again; one with bytes in it is worth keeping.
    fn discard(&self) {
        // Left behind, they would cost a name in a folder and nothing else.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(&self.tag_path);
    }

    fn append(&mut self, block: &[u8], wanted: &WantedFile) -> Result<(), FetchError> {
        let after = self.length + block.len() as u64;
        if after > wanted.size_bytes {
            self.start_over()?;
            return Err(too_large(wanted));
        }
        self.file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(block))
            .map_err(|e| FetchError::io(&self.path, e))?;
        self.length = after;
        Ok(())
    }
}

fn too_large(wanted: &WantedFile) -> FetchError {
    FetchError::TooLarge {
        file: wanted.name.clone(),
        expected: wanted.size_bytes,
    }
}

/// The time since something worth the name arrived. A trickle of single bytes does not count.
struct Patience {
    limit: Duration,
    progress_bytes: u64,
    counted: u64,
    since: Instant,
}

impl Patience {
    fn new(counted: u64, job: &Job<'_>) -> Patience {
        Patience {
            limit: job.limits.patience,
            progress_bytes: job.limits.progress_bytes,
            counted,
            since: Instant::now(),
        }
    }

    fn saw(&mut self, length: u64) {
        // A shorter length than before means that the download started over.
        if length < self.counted || length - self.counted >= self.progress_bytes {
            self.counted = length;
            self.since = Instant::now();
        }
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.since.elapsed())
    }

    fn check(&self, file: &WantedFile, job: &Job<'_>) -> Result<(), FetchError> {
        if !self.left().is_zero() {
            return Ok(());
        }
        Err(FetchError::Stalled {
            file: file.name.clone(),
            needed: job.limits.progress_bytes,
            waited_s: self.limit.as_secs(),
        })
    }
}
