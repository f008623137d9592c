//! Lines of bounded length out of a file, plain or packed with zstd.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use zstd::stream::read::Decoder;

/// Largest window that a packed file may ask memory for, as a power of two: 32 MiB. `zstd -19` asks for 8 MiB.
const MAX_WINDOW_LOG: u32 = 25;

/// Reads a file line by line into one buffer.
pub(crate) struct Lines {
    /// The file, unpacked.
    reader: Box<dyn BufRead + Send>,
    /// The last line, without its end.
    buffer: Vec<u8>,
    /// Its number, counted from 1.
    number: u64,
    /// Longest line that is read.
    limit: usize,
    /// What there is when nothing more can be read.
    over: Option<Next>,
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
    /// There is none, since the packed file ends before its end. The piece of a line before that is passed.
    Cut,
}

impl Lines {
    /// Opens a file; one that ends in `.zst` is unpacked.
    pub(crate) fn open(path: &Path, limit: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let reader: Box<dyn BufRead + Send> = if is_packed(path) {
            let mut decoder = Decoder::new(file)?;
            decoder.window_log_max(MAX_WINDOW_LOG)?;
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        Ok(Self { reader, buffer: Vec::new(), number: 0, limit, over: None })
    }

    /// The last line, without its end (`\n` or `\r\n`).
    pub(crate) fn line(&self) -> &[u8] {
        &self.buffer
    }

    /// The last line's number, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line. The last one needs no line end. After an error there is none.
    pub(crate) fn advance(&mut self) -> io::Result<Next> {
        self.buffer.clear();
        if let Some(over) = self.over {
            return Ok(over);
        }
        let mut any = false;
        let mut too_long = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.buffer.clear();
                    // Only the decoder says this: a plain file just ends.
                    if error.kind() == io::ErrorKind::UnexpectedEof {
                        self.over = Some(Next::Cut);
                        return Ok(Next::Cut);
                    }
                    self.over = Some(Next::End);
                    return Err(error);
                }
            };
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

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).field("limit", &self.limit).field("over", &self.over).finish_non_exhaustive()
    }
}

/// Whether a file is packed with zstd, by its name.
pub(crate) fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}
