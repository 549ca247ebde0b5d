//! One HTTP request, read in a thread of its own so that the caller can stop waiting at any moment.
//!
//! Blocking reads cannot be interrupted. The thread hands what it reads through a short channel; when
//! the caller goes away the channel closes and the thread ends with its next block. So Ctrl-C, a stalled
//! body and a slow name server are all the same thing to the caller: no message in time.

use std::io::Read as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use ureq::http::{HeaderMap, Response};

/// Bytes handed over at a time.
const BLOCK: usize = 64 * 1024;
/// Blocks in the channel: enough to keep the network busy while the disk writes.
const AHEAD: usize = 8;

/// What to ask for.
pub(super) struct Request {
    /// The address.
    pub(super) url: String,
    /// Ask for the bytes from here on, if the file still carries this validator.
    pub(super) resume: Option<(u64, String)>,
    /// The longest wait for a connection.
    pub(super) connect: Duration,
}

/// The head of an answer.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The `Content-Length`.
    pub(super) length: Option<u64>,
    /// The first byte, of a partial answer.
    pub(super) range_start: Option<u64>,
    /// A validator that `If-Range` accepts: a strong ETag, else the time of the last change.
    pub(super) validator: Option<String>,
    /// How long a busy server asks us to wait.
    pub(super) retry_after: Option<Duration>,
}

/// What the reading thread reports, in this order.
pub(super) enum Message {
    Head(Head),
    Block(Vec<u8>),
    /// The body is complete.
    End,
    /// It broke off; before the head this means that the server was not reached.
    Failed(String),
}

/// Sends the request; the answer arrives through the channel.
pub(super) fn start(request: Request) -> Receiver<Message> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::spawn(move || run(&request, &sender));
    receiver
}

/// A failed `send` means that the caller has gone away, which ends the thread: nobody is left to tell.
fn run(request: &Request, sender: &SyncSender<Message>) {
    let mut response = match call(request) {
        Ok(response) => response,
        Err(error) => {
            let _ = sender.send(Message::Failed(error.to_string()));
            return;
        }
    };
    if sender.send(Message::Head(head(&response))).is_err() {
        return;
    }
    let mut body = response.body_mut().as_reader();
    let mut block = vec![0; BLOCK];
    loop {
        let message = match body.read(&mut block) {
            Ok(0) => Message::End,
            Ok(read) => Message::Block(block[..read].to_vec()),
            Err(error) => Message::Failed(error.to_string()),
        };
        let more = matches!(message, Message::Block(_));
        if sender.send(message).is_err() || !more {
            return;
        }
    }
}

fn call(request: &Request) -> Result<Response<ureq::Body>, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .user_agent(concat!("companion/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(8)
        // An https address must not be redirected to plain http.
        .https_only(request.url.starts_with("https:"))
        .timeout_connect(Some(request.connect))
        .build()
        .into();
    let mut builder = agent
        .get(&request.url)
        .header("accept-encoding", "identity");
    if let Some((start, validator)) = &request.resume {
        builder = builder
            .header("range", format!("bytes={start}-"))
            .header("if-range", validator);
    }
    builder.call()
}

fn head(response: &Response<ureq::Body>) -> Head {
    let headers = response.headers();
    Head {
        status: response.status().as_u16(),
        length: text(headers, "content-length").and_then(|value| value.parse().ok()),
        range_start: text(headers, "content-range").and_then(range_start),
        validator: text(headers, "etag")
            .filter(|tag| !tag.starts_with("W/"))
            .or_else(|| text(headers, "last-modified"))
            .map(str::to_owned),
        retry_after: text(headers, "retry-after")
            .and_then(|value| value.parse().ok())
            .map(Duration::from_secs),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The first byte of `bytes 100-199/200`.
fn range_start(value: &str) -> Option<u64> {
    let (start, _) = value.strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_range_gives_its_first_byte_or_nothing() {
        assert_eq!(range_start("bytes 100-199/200"), Some(100));
        assert_eq!(range_start("bytes 0-0/*"), Some(0));
        for bad in ["bytes */200", "items 1-2/3", "bytes x-1/2", ""] {
            assert_eq!(range_start(bad), None, "{bad}");
        }
    }
}
