//! A plugin run natively for a comparison: `leadline plugin bench --native` builds a program around the plugin's crate that calls [`main`], hands
//! it books over standard input, and holds time and answers against those of the component.
//!
//! First comes a length (eight bytes, little-endian) and a [`Job`] in postcard; then a line `FROM TO` for each stretch of books to run. Each is answered
//! with one line: for every book nanoseconds and the [`fingerprint`] of the reading, as `NANOSECONDS:FINGERPRINT`, separated by spaces.

use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::{Continuity, Field, Instrument, Kind, Outcome, Plugin, Reading, Side, Snapshot, Trust, Value};

/// What is run: an instrument, parameters, books.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The instrument; its texts, kind (0 spot, 1 linear, 2 inverse, 3 options) and numbers.
    pub instrument: ([String; 4], u8, [f64; 3]),
    /// JSON.
    pub parameters: String,
    /// In order; the first is one after a restart.
    pub books: Vec<JobBook>,
}

/// One book of a [`Job`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobBook {
    /// Exchange time, ms.
    pub time_ms: u64,
    /// The exchange's number.
    pub sequence: Option<i64>,
    /// 0 chain, 1 checksum, 2 unverified.
    pub trust: u8,
    /// Differences to the book before mean nothing.
    pub restarted: bool,
    /// Bids and asks: prices, sizes, orders.
    pub sides: [(Vec<f64>, Vec<f64>, Vec<u32>); 2],
}

impl Job {
    fn instrument(&self) -> Instrument {
        let ([id, base, quote, settle], kind, [tick_size, lot_size, contract_value]) = self.instrument.clone();
        let kind = [Kind::Spot, Kind::Linear, Kind::Inverse, Kind::Options][usize::from(kind).min(3)];
        Instrument { id, kind, base, quote, settle, tick_size, lot_size, contract_value, extra: Vec::new() }
    }
}

impl JobBook {
    fn snapshot(&self) -> Snapshot {
        let side = |(prices, sizes, orders): &(Vec<f64>, Vec<f64>, Vec<u32>)| Side {
            prices: prices.clone(),
            sizes: sizes.clone(),
            orders: orders.clone(),
        };
        Snapshot {
            time_ms: self.time_ms,
            sequence: self.sequence,
            trust: [Trust::Chain, Trust::Checksum, Trust::Unverified][usize::from(self.trust).min(2)],
            continuity: if self.restarted { Continuity::Restarted } else { Continuity::Continued },
            skipped: 0,
            bids: side(&self.sides[0]),
            asks: side(&self.sides[1]),
            extra: Vec::new(),
        }
    }
}

/// Runs a plugin for as long as standard input says.
#[must_use]
pub fn main<P: Plugin>() -> ExitCode {
    match serve::<P>(&mut std::io::stdin().lock(), &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve<P: Plugin>(input: &mut impl BufRead, out: &mut impl Write) -> Result<(), String> {
    let told = |error: std::io::Error| format!("standard input or output: {error}");
    let mut length = [0; 8];
    input.read_exact(&mut length).map_err(told)?;
    let mut bytes = Vec::new();
    input.take(u64::from_le_bytes(length)).read_to_end(&mut bytes).map_err(told)?;
    let job: Job = postcard::from_bytes(&bytes).map_err(|error| format!("the job can't be read: {error}"))?;
    let mut plugin = P::open(job.instrument(), &job.parameters)?;
    let books: Vec<Snapshot> = job.books.iter().map(JobBook::snapshot).collect();
    let mut line = String::new();
    while input.read_line(&mut line).map_err(told)? > 0 {
        let stretch = line.split_once(' ').and_then(|(from, to)| Some((from.parse().ok()?, to.trim().parse().ok()?)));
        let Some(some) = stretch.and_then(|(from, to): (usize, usize)| books.get(from..to)) else {
            return Err(format!("no such books: {}", line.trim()));
        };
        line.clear();
        let mut text = String::new();
        for book in some {
            let began = Instant::now();
            let reading = plugin.analyze(book);
            let elapsed = began.elapsed();
            let mark = reading.map_or(0, |reading| fingerprint(&reading));
            text.push_str(&format!("{}:{mark:016x} ", elapsed.as_nanos()));
        }
        writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()).map_err(told)?;
    }
    Ok(())
}

/// A number that is the same for two readings with the same outcome, fields and notices, bit for bit.
#[must_use]
pub fn fingerprint(reading: &Reading) -> u64 {
    let mut mark = Fingerprint::default();
    match &reading.outcome {
        Outcome::Ok => mark.text("ok"),
        Outcome::Provisional(reason) => mark.reason("provisional", &reason.code, &reason.detail, reason.remaining_ms),
        Outcome::Warming(reason) => mark.reason("warming", &reason.code, &reason.detail, reason.remaining_ms),
        Outcome::Unknown(reason) => mark.reason("unknown", &reason.code, &reason.detail, reason.remaining_ms),
    }
    for Field { name, value } in &reading.fields {
        mark.text(name);
        match value {
            Value::None => mark.number(0),
            Value::Number(number) => mark.number(number.to_bits()),
            Value::Integer(number) => mark.number(number.cast_unsigned()),
            Value::Text(text) | Value::Json(text) => mark.text(text),
            Value::Flag(flag) => mark.number(u64::from(*flag)),
            Value::Numbers(numbers) => numbers.iter().for_each(|number| mark.number(number.to_bits())),
        }
    }
    for notice in &reading.notices {
        mark.text(&notice.code);
        mark.text(&notice.message);
    }
    mark.sum()
}

/// FNV-1a over what a reading holds.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Adds a text and its length.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        text.bytes().for_each(|byte| self.byte(byte));
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) {
        number.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }

    /// Adds an outcome with its reason.
    pub fn reason(&mut self, word: &str, code: &str, detail: &str, remaining_ms: Option<u64>) {
        [word, code, detail].into_iter().for_each(|text| self.text(text));
        self.number(remaining_ms.map_or(0, |ms| ms.wrapping_add(1)));
    }

    /// The sum so far.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}
