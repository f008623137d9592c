//! A plugin for tests: does whatever a plugin must not, as the instrument's base currency says.
#![allow(clippy::panic, clippy::expect_used, reason = "misbehaving is what it is for")]

use leadline_plugin::{
    Descriptor, Field, Instrument, Lane, Level, Notice, Outcome, Output, OutputKind, Plugin, Reading, Severity, Snapshot, Value, fields,
    log,
};

/// One misdeed an instrument.
pub struct Misbehaving {
    base: String,
    calls: f64,
}

impl Plugin for Misbehaving {
    fn describe() -> Descriptor {
        let output = |name: &str| Output {
            name: name.to_owned(),
            kind: OutputKind::Other,
            unit: String::new(),
            low: None,
            high: None,
            summary: String::new(),
        };
        Descriptor {
            name: "misbehaving".to_owned(),
            version: "0.0.1".to_owned(),
            summary: "Does what a plugin must not".to_owned(),
            lane: Lane::Memory,
            outputs: vec![output("calls"), output("answer")],
            parameters: "{}".to_owned(),
        }
    }

    fn open(instrument: Instrument, _parameters: &str) -> Result<Self, String> {
        match instrument.base.as_str() {
            "CLOSED" => Err("this instrument is not for me".to_owned()),
            "OPENTRAP" => panic!("while opening"),
            "OPENLOOP" => loop {
                std::hint::black_box(0);
            },
            _ => Ok(Self { base: instrument.base, calls: 0.0 }),
        }
    }

    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String> {
        self.calls += 1.0;
        let mut answer = Value::None;
        let mut extra = None;
        let mut notices = Vec::new();
        match self.base.as_str() {
            "LOOP" => loop {
                std::hint::black_box(0);
            },
            // Much memory for little fuel: the clock ends it.
            "SLOW" => loop {
                std::hint::black_box(&mut vec![1_u8; 8 << 20]).fill(2);
            },
            "TRAP" => panic!("as asked"),
            "RECURSE" => answer = Value::Number(deeper(self.calls)),
            "MEMORY" => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(Vec::with_capacity(1 << 20));
                    std::hint::black_box(&hoard);
                }
            }
            "NAN" => answer = Value::Number(f64::NAN),
            "INFINITE" => answer = Value::Numbers(vec![1.0, f64::INFINITY]),
            "REFUSE" => return Err("no\nthank you".to_owned()),
            "UNDECLARED" => extra = Some(fields::number("support_level_1", 1.0)),
            "TWICE" => extra = Some(fields::number("calls", 1.0)),
            "NOJSON" => answer = Value::Json("{".to_owned()),
            "LONG" => answer = Value::Text("x".repeat(1 << 20)),
            "HUGE" => answer = Value::Text("x".repeat(100 << 20)),
            "FIELDS" => {
                let fields = (0..50_000).map(|_| Field { name: String::new(), value: Value::None }).collect();
                return Ok(Reading { outcome: Outcome::Ok, fields, notices });
            }
            "LOGFLOOD" => (0..10_000).for_each(|line| log(Level::Info, &format!("line {line}\nand another"))),
            "NOTICES" => {
                notices = (0..300)
                    .map(|_| Notice { severity: Severity::Alert, code: "c".repeat(1000), message: "m".to_owned(), fields: Vec::new() })
                    .collect();
            }
            "ONCE" if self.calls > 1.0 => panic!("after the first call"),
            _ => answer = Value::Number(book.bids.prices.len() as f64),
        }
        let mut fields = vec![fields::number("calls", self.calls), Field { name: "answer".to_owned(), value: answer }];
        if extra.is_some() {
            fields.pop();
        }
        fields.extend(extra);
        Ok(Reading { outcome: Outcome::Ok, fields, notices })
    }

    fn save(&self) -> Result<Vec<u8>, String> {
        match self.base.as_str() {
            "SAVETRAP" => panic!("while saving"),
            "SAVELOOP" => loop {
                std::hint::black_box(0);
            },
            "SAVEREFUSE" => Err("nothing to give".to_owned()),
            "SAVEGARBAGE" => Ok(vec![7; 1000]),
            "SAVEHUGE" => Ok(vec![7; 40 << 20]),
            _ => Ok(self.calls.to_le_bytes().to_vec()),
        }
    }

    fn restore(&mut self, _from_version: &str, _from_parameters: &str, state: &[u8]) -> Result<(), String> {
        if self.base == "RESTORETRAP" {
            panic!("while restoring");
        }
        self.calls = state.try_into().map(f64::from_le_bytes).map_err(|_| "this isn't a state of mine".to_owned())?;
        Ok(())
    }
}

/// Recursion that no optimiser turns into a loop.
#[inline(never)]
fn deeper(depth: f64) -> f64 {
    if depth > 1e300 { depth } else { std::hint::black_box(deeper(std::hint::black_box(depth + 1.0))) + 1.0 }
}

leadline_plugin::export!(Misbehaving);
