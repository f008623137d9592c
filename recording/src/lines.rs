//! Lines of bounded length out of a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Reads a file line by line into one buffer.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The file.
    reader: BufReader<File>,
    /// The last line, without its end.
    buffer: Vec<u8>,
    /// Its number, counted from 1.
    number: u64,
    /// Longest line that is read.
    limit: usize,
}

/// What the next line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// In [`Lines::line`].
    Line,
    /// Passed, because it is over the limit.
    TooLong,
    /// There is none.
    End,
}

impl Lines {
    pub(crate) fn open(path: &Path, limit: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Self { reader: BufReader::with_capacity(1 << 16, file), buffer: Vec::new(), number: 0, limit })
    }

    /// The last line, without its end (`\n` or `\r\n`).
    pub(crate) fn line(&self) -> &[u8] {
        &self.buffer
    }

    /// The last line's number, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line. The last one needs no line end.
    pub(crate) fn advance(&mut self) -> io::Result<Next> {
        self.buffer.clear();
        let mut any = false;
        let mut too_long = false;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let used = part.len() + usize::from(end.is_some());
            // A carriage return may belong to the line end, so one byte more than the limit is kept until the end is known.
            too_long |= self.buffer.len() + part.len() > self.limit + 1;
            if !too_long {
                self.buffer.extend_from_slice(part);
            }
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(Next::End);
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        if too_long || self.buffer.len() > self.limit {
            self.buffer.clear();
            return Ok(Next::TooLong);
        }
        Ok(Next::Line)
    }
}
