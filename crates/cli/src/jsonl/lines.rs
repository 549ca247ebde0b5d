//! Lines of bytes, none longer than a limit, whatever comes in.

use std::io::{BufRead, BufReader, Read};

/// The longest line that is read, in bytes without its end.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;

/// The lines of an input, without their ends; a line that is too long is an error, and the next one
/// is read as if nothing had been.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    /// An input that failed is not asked again.
    failed: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of `input`.
    pub(super) fn new(input: R) -> Lines<R> {
        Lines {
            input: BufReader::with_capacity(1 << 16, input),
            failed: false,
        }
    }

    /// Reads on to the end of the line: `None` at the end of the input, else whether it was kept.
    fn read(&mut self, line: &mut Vec<u8>) -> std::io::Result<Option<bool>> {
        let mut any = false;
        let mut kept = true;
        loop {
            let block = match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if block.is_empty() {
                return Ok(any.then_some(kept));
            }
            any = true;
            let end = block.iter().position(|byte| *byte == b'\n');
            let piece = &block[..end.unwrap_or(block.len())];
            if line.len() + piece.len() > MAX_LINE_BYTES {
                kept = false;
                *line = Vec::new();
            }
            if kept {
                line.extend_from_slice(piece);
            }
            let used = end.map_or(block.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(kept));
            }
        }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Vec<u8>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let mut line = Vec::new();
        match self.read(&mut line) {
            Ok(None) => None,
            Ok(Some(true)) => {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Some(Ok(line))
            }
            Ok(Some(false)) => Some(Err(format!(
                "the line is longer than {} MB; split the text",
                MAX_LINE_BYTES >> 20
            ))),
            Err(error) => {
                self.failed = true;
                Some(Err(format!(
                    "the input cannot be read any further: {error}"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<Result<Vec<u8>, String>> {
        Lines::new(input).collect()
    }

    #[test]
    fn lines_end_with_a_newline_a_return_or_the_input() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"a\n"), [Ok(b"a".to_vec())]);
        assert_eq!(
            lines(b"a\r\n\nb"),
            [Ok(b"a".to_vec()), Ok(Vec::new()), Ok(b"b".to_vec())]
        );
    }

    #[test]
    fn a_line_too_long_is_refused_and_the_next_one_read() {
        let mut input = vec![b'x'; MAX_LINE_BYTES];
        input.push(b'\n');
        input.extend(vec![b'y'; MAX_LINE_BYTES + 1]);
        input.extend(b"\nnext");
        let lines = lines(&input);
        assert_eq!(lines[0].as_ref().unwrap().len(), MAX_LINE_BYTES);
        assert_eq!(
            lines[1].as_ref().unwrap_err(),
            "the line is longer than 16 MB; split the text"
        );
        assert_eq!(lines[2].as_ref().unwrap(), b"next");
    }

    #[test]
    fn an_input_that_fails_is_an_error_once() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("gone"))
            }
        }
        let lines: Vec<_> = Lines::new(b"a\n".chain(Broken)).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].as_ref().unwrap_err().ends_with("gone"));
    }
}
