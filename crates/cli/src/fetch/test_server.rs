//! A hub on this machine, for tests: it answers each request as the test says, over a real socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `/owner/name/resolve/0123/file`.
    pub(crate) path: String,
    /// The `Range` header.
    pub(crate) range: Option<String>,
    /// The `If-Range` header.
    pub(crate) if_range: Option<String>,
}

impl Seen {
    /// The first byte asked for.
    pub(crate) fn start(&self) -> Option<usize> {
        let range = self.range.as_deref()?;
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }
}

/// The server; it stops listening when the test's process ends.
pub(crate) struct Server {
    /// `http://127.0.0.1:port`.
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts a server that answers with `answer(request, its number from 0, the connection)`.
    pub(crate) fn start(
        answer: impl Fn(&Seen, usize, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let Some(request) = read_request(&stream) else {
                        return;
                    };
                    let number = {
                        let mut log = log.lock().unwrap();
                        log.push(request.clone());
                        log.len() - 1
                    };
                    // A client that has gone away is part of several tests.
                    let _ = answer(&request, number, &mut stream);
                });
            }
        });
        Server { endpoint, seen }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<Seen> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut seen = Seen {
        path: first.split(' ').nth(1)?.to_owned(),
        range: None,
        if_range: None,
    };
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "range" => seen.range = Some(value.trim().to_owned()),
            "if-range" => seen.if_range = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Some(seen)
}

/// Answers like a CDN: the whole body, or from the byte asked for on while `If-Range` names `etag`.
pub(crate) fn serve(
    request: &Seen,
    stream: &mut TcpStream,
    body: &[u8],
    etag: &str,
) -> std::io::Result<()> {
    let start = request
        .start()
        .filter(|_| request.if_range.as_deref() == Some(etag));
    let (status, range, body) = match start {
        Some(start) if start >= body.len() => return status(stream, 416, ""),
        Some(start) => {
            let range = format!(
                "content-range: bytes {start}-{}/{}\r\n",
                body.len() - 1,
                body.len()
            );
            ("206 Partial Content", range, &body[start..])
        }
        None => ("200 OK", String::new(), body),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nconnection: close\r\netag: {etag}\r\n{range}content-length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)
}

/// An answer without a body, with further header lines that each end in `\r\n`.
pub(crate) fn status(stream: &mut TcpStream, status: u16, headers: &str) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} Test\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n"
    )
}
