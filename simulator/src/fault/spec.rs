//! Faults as text: `NAME[:PAIR][:TIME][:KEY=VALUE]...`. One parser for command line and control endpoint.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::kind::{Damage, Delisted, Extent, Fault, Flood, Kind, Target};
use crate::error::SimulatorError;

/// Names of all kinds, for hints.
const NAMES: &str = "drop, duplicate, reorder, corrupt, tamper, truncate, checksum, binary, delay, stall, half-open, cut, close, refuse, \
                     flood, notice, restart, reset, keep-alive, snapshot, auction, quiet, delist, relist, listing";
/// Longest time that may be said: what is longer was a slip.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most frames or messages of one fault.
const MOST: u32 = 1_000_000;
/// Shortest distance of repetitions.
const SHORTEST_EVERY: Duration = Duration::from_millis(1);

/// The parts of a text, each taken once.
struct Parts<'a> {
    text: &'a str,
    pair: Option<String>,
    time: Option<Duration>,
    keys: BTreeMap<&'a str, &'a str>,
}

impl<'a> Parts<'a> {
    /// Name and parts.
    fn split(text: &'a str) -> Result<(&'a str, Self), SimulatorError> {
        let mut parts = text.trim().split(':');
        let name = parts.next().unwrap_or_default();
        let mut all = Self { text, pair: None, time: None, keys: BTreeMap::new() };
        for part in parts {
            let twice = |what: &str| refused(text, format!("it names {what} twice"), "say it once");
            if let Some((key, value)) = part.split_once('=') {
                if all.keys.insert(key, value).is_some() {
                    return Err(twice(key));
                }
            } else if part.starts_with(|first: char| first.is_ascii_digit()) && !part.contains('-') {
                if all.time.replace(duration(text, part)?).is_some() {
                    return Err(twice("a time"));
                }
            } else if !part.is_empty() && all.pair.replace(part.to_owned()).is_some() {
                return Err(twice("a pair"));
            }
        }
        if let Some(pair) = all.keys.remove("pair") {
            all.pair = Some(pair.to_owned());
        }
        // The wildcard is what is meant where no pair is said.
        all.pair = all.pair.filter(|pair| pair != "*");
        Ok((name, all))
    }

    fn duration(&mut self, key: &str) -> Result<Option<Duration>, SimulatorError> {
        self.keys.remove(key).map(|value| duration(self.text, value)).transpose()
    }

    /// A time by its key, or the one said without a key.
    fn length(&mut self, key: &str) -> Result<Option<Duration>, SimulatorError> {
        Ok(self.duration(key)?.or_else(|| self.time.take()))
    }

    fn number<T>(&mut self, key: &str, range: std::ops::RangeInclusive<T>) -> Result<Option<T>, SimulatorError>
    where
        T: FromStr + PartialOrd + Copy + fmt::Display,
    {
        let Some(value) = self.keys.remove(key) else { return Ok(None) };
        let number = value.parse::<T>().ok().filter(|number| range.contains(number));
        let (low, high) = (*range.start(), *range.end());
        number.map(Some).ok_or_else(|| refused(self.text, format!("{key} is {value}"), format!("{key} is a number from {low} to {high}")))
    }

    fn extent(&mut self) -> Result<Extent, SimulatorError> {
        match (self.number("count", 1..=MOST)?, self.length("for")?) {
            (Some(_), Some(_)) => Err(refused(self.text, "it has both a count and a time", "say count=N or for=TIME")),
            (_, Some(length)) => Ok(Extent::Time(length)),
            (count, None) => Ok(Extent::Frames(count.unwrap_or(1))),
        }
    }

    fn need(&self, length: Option<Duration>, example: &str) -> Result<Duration, SimulatorError> {
        length.ok_or_else(|| refused(self.text, "it needs a time", format!("for example `{example}`")))
    }

    fn kind(&mut self, name: &str) -> Result<Kind, SimulatorError> {
        let seconds = Duration::from_secs;
        Ok(match name {
            "drop" => Kind::Damage(Damage::Drop, self.extent()?),
            "duplicate" => Kind::Damage(Damage::Duplicate, self.extent()?),
            "reorder" => Kind::Damage(Damage::Reorder, self.extent()?),
            "corrupt" => Kind::Damage(Damage::Corrupt, self.extent()?),
            "tamper" => Kind::Damage(Damage::Tamper, self.extent()?),
            "truncate" => Kind::Damage(Damage::Truncate, self.extent()?),
            "checksum" => Kind::Damage(Damage::Checksum, self.extent()?),
            "binary" => Kind::Damage(Damage::Binary, self.extent()?),
            "delay" => {
                let by = self.length("by")?;
                let by = self.need(by, "delay:BTC-USDT:2s:for=10s")?;
                Kind::Delay { by, length: self.duration("for")?.unwrap_or(seconds(10)) }
            }
            "stall" => Kind::Stall(self.length("for")?.unwrap_or(seconds(10))),
            "half-open" => Kind::HalfOpen,
            "cut" => Kind::Cut,
            "close" => Kind::Close(self.number("code", 1000..=4999)?.unwrap_or(1011)),
            "refuse" => Kind::Refuse(self.length("for")?.unwrap_or(seconds(5))),
            "flood" => {
                let what = match self.keys.remove("of") {
                    None | Some("updates") => Flood::Updates,
                    Some("keep-alives") => Flood::KeepAlives,
                    Some("notices") => Flood::Notices,
                    Some("unknown") => Flood::Unknown,
                    Some(other) => {
                        return Err(refused(self.text, format!("of is {other}"), "of is updates, keep-alives, notices or unknown"));
                    }
                };
                Kind::Flood(what, self.number("count", 1..=MOST)?.unwrap_or(1000))
            }
            "notice" => Kind::Notice,
            "restart" => Kind::Restart {
                lead: self.length("lead")?.unwrap_or_default(),
                code: self.number("code", 1000..=4999)?.unwrap_or(1012),
                down: self.duration("down")?.unwrap_or_default(),
            },
            "reset" => Kind::Reset(self.number("by", 1..=MOST)?.unwrap_or(1000)),
            "keep-alive" => Kind::KeepAlive,
            "snapshot" => Kind::Snapshot,
            "auction" => Kind::Auction(self.length("for")?.unwrap_or(seconds(10))),
            "quiet" => Kind::Quiet(self.length("for")?.unwrap_or(seconds(90))),
            "delist" => {
                let state = match self.keys.remove("state") {
                    None | Some("gone") => Delisted::Gone,
                    Some("suspend") => Delisted::Suspend,
                    Some("expired") => Delisted::Expired,
                    Some(other) => return Err(refused(self.text, format!("state is {other}"), "state is gone, suspend or expired")),
                };
                Kind::Delist { state, length: self.length("for")? }
            }
            "relist" => Kind::Relist,
            "listing" => Kind::Listing(self.listing()?),
            "" => return Err(refused(self.text, "it has no name", format!("one of {NAMES}"))),
            _ => return Err(refused(self.text, format!("there is no {name}"), format!("one of {NAMES}"))),
        })
    }

    /// What is left are fields of the listing.
    fn listing(&mut self) -> Result<Vec<(String, String)>, SimulatorError> {
        let fields: Vec<_> = self.keys.iter().filter(|(key, _)| !["on", "after", "every"].contains(key)).collect();
        let fields: Vec<(String, String)> = fields.into_iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if fields.is_empty() {
            return Err(refused(self.text, "it changes nothing", "for example `listing:BTC-USDT:tickSz=0.01:lotSz=0.001`"));
        }
        for (key, _) in &fields {
            self.keys.remove(key.as_str());
        }
        Ok(fields)
    }

    fn target(&mut self) -> Result<Target, SimulatorError> {
        Ok(match self.keys.remove("on") {
            None | Some("all") => Target::All,
            Some("oldest") => Target::Oldest,
            Some("newest") => Target::Newest,
            Some("random") => Target::Random,
            Some(number) => Target::Number(number.parse().map_err(|_| {
                refused(self.text, format!("on is {number}"), "on is all, oldest, newest, random, or the number of a connection")
            })?),
        })
    }
}

impl FromStr for Fault {
    type Err = SimulatorError;

    fn from_str(text: &str) -> Result<Self, SimulatorError> {
        let (name, mut parts) = Parts::split(text)?;
        let kind = parts.kind(name)?;
        let on = parts.target()?;
        let after = parts.duration("after")?;
        let every = parts.duration("every")?;
        if let Some(time) = parts.time {
            let time = humantime::format_duration(time);
            return Err(refused(
                text,
                format!("{name} takes no time without a key, and it has {time}"),
                "after=TIME and every=TIME say when",
            ));
        }
        if let Some((key, _)) = parts.keys.first_key_value() {
            return Err(refused(
                text,
                format!("{name} has no {key}"),
                "docs/simulator.md lists what each takes; on, after, every go with all",
            ));
        }
        if every.is_some_and(|every| every < SHORTEST_EVERY) {
            return Err(refused(text, "it is repeated too often", "every is at least 1ms"));
        }
        if matches!(kind, Kind::Listing(_) | Kind::Delist { .. } | Kind::Relist) && parts.pair.is_none() {
            return Err(refused(text, "it names no pair", format!("for example `{name}:BTC-USDT`")));
        }
        // What is repeated without a first time begins after one interval.
        let after = after.or(every).unwrap_or_default();
        Ok(Self { kind, pair: parts.pair, on, after, every })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: &Duration| humantime::format_duration(*time).to_string().replace(' ', "");
        f.write_str(self.kind.name())?;
        if let Some(pair) = &self.pair {
            write!(f, ":{pair}")?;
        }
        match &self.kind {
            Kind::Damage(_, Extent::Frames(1)) => {}
            Kind::Damage(_, Extent::Frames(count)) => write!(f, ":count={count}")?,
            Kind::Damage(_, Extent::Time(length)) => write!(f, ":for={}", time(length))?,
            Kind::Delay { by, length } => write!(f, ":by={}:for={}", time(by), time(length))?,
            Kind::Stall(length) | Kind::Refuse(length) | Kind::Auction(length) | Kind::Quiet(length) => write!(f, ":for={}", time(length))?,
            Kind::Close(code) => write!(f, ":code={code}")?,
            Kind::Flood(what, count) => {
                let what = match what {
                    Flood::Updates => "updates",
                    Flood::KeepAlives => "keep-alives",
                    Flood::Notices => "notices",
                    Flood::Unknown => "unknown",
                };
                write!(f, ":of={what}:count={count}")?;
            }
            Kind::Restart { lead, code, down } => write!(f, ":lead={}:code={code}:down={}", time(lead), time(down))?,
            Kind::Reset(by) => write!(f, ":by={by}")?,
            Kind::Delist { state, length } => {
                let state = match state {
                    Delisted::Suspend => "suspend",
                    Delisted::Expired => "expired",
                    Delisted::Gone => "gone",
                };
                write!(f, ":state={state}")?;
                if let Some(length) = length {
                    write!(f, ":for={}", time(length))?;
                }
            }
            Kind::Listing(fields) => {
                for (key, value) in fields {
                    write!(f, ":{key}={value}")?;
                }
            }
            Kind::HalfOpen | Kind::Cut | Kind::Notice | Kind::KeepAlive | Kind::Snapshot | Kind::Relist => {}
        }
        match self.on {
            Target::All => {}
            Target::Oldest => f.write_str(":on=oldest")?,
            Target::Newest => f.write_str(":on=newest")?,
            Target::Random => f.write_str(":on=random")?,
            Target::Number(number) => write!(f, ":on={number}")?,
        }
        if self.after > Duration::ZERO || self.every.is_some() {
            write!(f, ":after={}", time(&self.after))?;
        }
        if let Some(every) = &self.every {
            write!(f, ":every={}", time(every))?;
        }
        Ok(())
    }
}

fn duration(text: &str, value: &str) -> Result<Duration, SimulatorError> {
    let parsed = humantime::parse_duration(value).ok().filter(|length| *length <= LONGEST);
    parsed
        .ok_or_else(|| refused(text, format!("{value} is no time"), "a time is a number and a unit, such as 500ms, 2s, 1m, at most 7days"))
}

fn refused(text: &str, problem: impl Into<String>, hint: impl Into<String>) -> SimulatorError {
    // A text from a request may be long.
    let text: String = text.chars().take(200).collect();
    SimulatorError::Fault { text, problem: problem.into(), hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::kind::{Damage, Extent, Fault, Kind, Target};
    use super::NAMES;

    fn read(text: &str) -> Fault {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_parts_of_a_text_are_found_in_any_order() {
        let drop = Kind::Damage(Damage::Drop, Extent::Frames(3));
        let fault = Fault { pair: Some("BTC-USDT".into()), on: Target::Oldest, ..Fault::new(drop) };
        assert_eq!(read("drop:BTC-USDT:count=3:on=oldest"), fault);
        assert_eq!(read("drop:on=oldest:count=3:BTC-USDT"), fault);
        assert_eq!(read("drop:pair=BTC-USDT:on=oldest:count=3"), fault);
        let delay = Kind::Delay { by: Duration::from_secs(2), length: Duration::from_secs(10) };
        assert_eq!(read("delay:*:2s:for=10s"), Fault::new(delay));
        assert_eq!(read("restart:lead=5s"), read("restart:5s"));
        assert_eq!(read("cut:every=10s").after, Duration::from_secs(10));
        assert_eq!(read("cut:every=10s:after=3s").after, Duration::from_secs(3));
        assert_eq!(read("stall:1INCH-USDT:5s").pair.as_deref(), Some("1INCH-USDT"));
    }

    #[test]
    fn every_kind_is_written_as_it_is_read() {
        for name in NAMES.split(", ") {
            let more = match name {
                "delay" => ":2s",
                "listing" => ":tickSz=0.01:lotSz=1",
                "close" => ":code=4005",
                "restart" => ":5s:down=90s",
                "delist" => ":state=suspend:for=5s",
                _ => "",
            };
            for schedule in ["", ":on=newest", ":on=7:after=100ms", ":every=1m 30s"] {
                let fault = read(&format!("{name}:BTC-USDT{more}{schedule}"));
                assert_eq!((fault.kind.name(), &read(&fault.to_string())), (name, &fault));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (text, word) in [
            ("", "no name"),
            ("drip:BTC-USDT", "duplicate, reorder"),
            ("drop:BTC-USDT:count=0", "count is 0"),
            ("drop:count=1:for=2s", "both"),
            ("drop:BTC-USDT:ETH-USDT", "a pair twice"),
            ("drop:when=now", "no when"),
            ("delay:BTC-USDT", "delay:BTC-USDT:2s:for=10s"),
            ("stall:5parsecs", "no time"),
            ("stall:for=99999days", "no time"),
            ("cut:2s", "takes no time"),
            ("cut:every=0s", "too often"),
            ("close:code=99", "1000 to 4999"),
            ("flood:of=water", "keep-alives"),
            ("delist", "no pair"),
            ("listing:BTC-USDT", "changes nothing"),
            ("drop:on=some", "oldest"),
        ] {
            let error = text.parse::<Fault>().expect_err(text).to_string();
            assert!(error.contains(word) && error.contains("hint:"), "{text}: {error}");
        }
    }
}
