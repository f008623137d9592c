//! Frames on their way from a running host to a recorder's folder: a head, records, an end that says how many there were; packed with zstd as one stream.
//!
//! A record is its receive time in Unix microseconds (eight bytes, little-endian), its length (four), and the frame as the exchange sent it. The head is a
//! record with time 0 whose bytes are JSON; the end is one with time `u64::MAX` whose bytes are the count. A stream without an end was cut short.

use std::collections::BTreeMap;
use std::io::{self, BufReader, ErrorKind, Read, Write};

use serde::{Deserialize, Serialize};
use zstd::stream::{read::Decoder, write::Encoder};

use crate::{Gap, MAX_LINE_BYTES};

/// The version that is written and read.
pub const PARCEL_VERSION: u32 = 1;
/// Fast: it is packed while somebody waits.
const LEVEL: i32 = 1;
/// Largest window that a parcel may ask memory for, as a power of two.
const WINDOW_LOG_MAX: u32 = 25;
/// Longest head.
const MAX_HEAD: usize = 8 << 20;
const HEAD: u64 = 0;
const END: u64 = u64::MAX;

/// What a parcel says before its frames.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ParcelHead {
    /// [`PARCEL_VERSION`].
    pub version: u32,
    /// Where the frames came from.
    pub endpoint: String,
    /// The channel.
    pub channel: String,
    /// The pairs, in alphabetical order.
    pub pairs: Vec<String>,
    /// For which times frames were asked for that aren't there.
    pub gaps: Vec<Gap>,
    /// By pair, what the exchange lists of it, as a listing of one.
    pub listings: BTreeMap<String, String>,
}

/// Writes a parcel.
pub struct ParcelWriter<W: Write> {
    out: Encoder<'static, W>,
    frames: u64,
}

impl<W: Write> ParcelWriter<W> {
    /// Begins one.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn new(out: W, head: &ParcelHead) -> io::Result<Self> {
        let mut parcel = Self { out: Encoder::new(out, LEVEL)?, frames: 0 };
        record(&mut parcel.out, HEAD, &serde_json::to_vec(head).map_err(io::Error::from)?)?;
        Ok(parcel)
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn frame(&mut self, received_us: u64, bytes: &[u8]) -> io::Result<()> {
        self.frames += 1;
        record(&mut self.out, received_us.clamp(HEAD + 1, END - 1), bytes)
    }

    /// Ends it.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn finish(mut self) -> io::Result<W> {
        record(&mut self.out, END, self.frames.to_string().as_bytes())?;
        self.out.finish()
    }
}

/// Appends one record, as parcels and blocks hold it.
pub fn record(out: &mut impl Write, received_us: u64, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::new(ErrorKind::InvalidInput, "a frame over 4 GB"))?;
    out.write_all(&received_us.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(bytes)
}

/// Reads a parcel.
pub struct ParcelReader<R: Read> {
    input: Decoder<'static, BufReader<R>>,
    bytes: Vec<u8>,
    frames: u64,
    ended: bool,
}

impl<R: Read> ParcelReader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// What the stream refuses; `InvalidData` when it is no parcel, or one of a later version.
    pub fn open(input: R) -> io::Result<(ParcelHead, Self)> {
        let mut input = Decoder::new(input)?;
        input.window_log_max(WINDOW_LOG_MAX)?;
        let mut parcel = Self { input, bytes: Vec::new(), frames: 0, ended: false };
        if parcel.record(MAX_HEAD)? != HEAD {
            return Err(invalid("it begins with no head"));
        }
        let head: ParcelHead =
            serde_json::from_slice(&parcel.bytes).map_err(|error| invalid(&format!("its head can't be read: {error}")))?;
        if head.version != PARCEL_VERSION {
            return Err(invalid(&format!("it has version {}, and this program reads {PARCEL_VERSION}", head.version)));
        }
        Ok((head, parcel))
    }

    /// The next frame with its receive time; none at the end.
    ///
    /// # Errors
    /// What the stream refuses; `InvalidData` when it is damaged, `UnexpectedEof` when it was cut short.
    pub fn next_frame(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        if self.ended {
            return Ok(None);
        }
        match self.record(MAX_LINE_BYTES)? {
            HEAD => Err(invalid("a second head")),
            END => {
                self.ended = true;
                let said = str::from_utf8(&self.bytes).ok().and_then(|text| text.parse().ok());
                if said == Some(self.frames) { Ok(None) } else { Err(invalid("its end tells another number of frames")) }
            }
            received_us => {
                self.frames += 1;
                Ok(Some((received_us, &self.bytes)))
            }
        }
    }

    fn record(&mut self, longest: usize) -> io::Result<u64> {
        let mut head = [0; 12];
        self.input.read_exact(&mut head)?;
        let (time, length) = (u64::from_le_bytes(first(&head)), u32::from_le_bytes(first(&head[8..])) as usize);
        if length > longest {
            return Err(invalid(&format!("a frame of {length} bytes, longer than {longest}")));
        }
        self.bytes.resize(length, 0);
        self.input.read_exact(&mut self.bytes)?;
        Ok(time)
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk::<N>().copied().unwrap_or([0; N])
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, problem)
}

/// Packs records for keeping.
///
/// # Errors
/// What the packer refuses, which is memory.
pub fn pack(records: &[u8]) -> io::Result<Vec<u8>> {
    zstd::stream::encode_all(records, LEVEL)
}

/// Unpacks what [`pack`] packed.
///
/// # Errors
/// `InvalidData` when it is damaged.
pub fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    zstd::stream::decode_all(packed)
}

/// The records of [`pack`]'s input, in order; ends at one that is cut short.
pub fn records(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_at_checked(12)?;
        let (frame, rest) = rest.split_at_checked(u32::from_le_bytes(first(&head[8..])) as usize)?;
        bytes = rest;
        Some((u64::from_le_bytes(first(head)), frame))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parcel(frames: &[(u64, Vec<u8>)]) -> (ParcelHead, Vec<u8>) {
        let head = ParcelHead {
            version: PARCEL_VERSION,
            channel: "books".to_owned(),
            pairs: vec!["BTC-USDT".to_owned()],
            ..ParcelHead::default()
        };
        let mut writer = ParcelWriter::new(Vec::new(), &head).expect("memory");
        frames.iter().for_each(|(time, bytes)| writer.frame(*time, bytes).expect("memory"));
        (head, writer.finish().expect("memory"))
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_byte_for_byte(
            frames in proptest::collection::vec((1..u64::MAX - 1, proptest::collection::vec(any::<u8>(), 1..300)), 0..40),
            cut in 0.0..1.0_f64,
        ) {
            let (head, bytes) = parcel(&frames);
            let (read, mut reader) = ParcelReader::open(&bytes[..]).expect("a parcel");
            prop_assert_eq!(read, head);
            let mut back = Vec::new();
            while let Some((time, frame)) = reader.next_frame().expect("whole") {
                back.push((time, frame.to_vec()));
            }
            prop_assert_eq!(&back, &frames);
            // One that is cut short is never taken for a whole one.
            let short = &bytes[..((bytes.len() - 1) as f64 * cut) as usize];
            let read = ParcelReader::open(short).and_then(|(_, mut reader)| {
                while reader.next_frame()?.is_some() {}
                Ok(())
            });
            prop_assert!(read.is_err());
        }

        #[test]
        fn packed_records_come_back(frames in proptest::collection::vec((any::<u64>(), proptest::collection::vec(any::<u8>(), 0..100)), 0..20)) {
            let mut bytes = Vec::new();
            frames.iter().for_each(|(time, frame)| record(&mut bytes, *time, frame).expect("memory"));
            let unpacked = unpack(&pack(&bytes).expect("memory")).expect("whole");
            let back: Vec<(u64, Vec<u8>)> = records(&unpacked).map(|(time, frame)| (time, frame.to_vec())).collect();
            prop_assert_eq!(back, frames);
        }
    }

    #[test]
    fn what_is_no_parcel_is_refused() {
        assert!(ParcelReader::open(&b"{\"code\":\"not_found\"}"[..]).is_err());
        let mut other = ParcelWriter::new(Vec::new(), &ParcelHead { version: 2, ..ParcelHead::default() }).expect("memory");
        other.frame(1, b"{}").expect("memory");
        let bytes = other.finish().expect("memory");
        assert!(ParcelReader::open(&bytes[..]).is_err_and(|error| error.to_string().contains("version 2")));
    }
}
