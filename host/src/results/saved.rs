//! Keys of Redis with their values, as a backup holds them: read at one moment, and written at one.

use redis::Value;
use serde::{Deserialize, Serialize};

use super::{Link, LinkError};

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedKey {
    /// The key.
    pub key: String,
    /// What it holds.
    #[serde(flatten)]
    pub value: SavedValue,
}

/// What a key holds: of the kinds that the host's own keys have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "lowercase")]
pub enum SavedValue {
    /// One text.
    String(Bytes),
    /// Fields and their values.
    Hash(Vec<(Bytes, Bytes)>),
    /// Members.
    Set(Vec<Bytes>),
    /// Elements, in order.
    List(Vec<Bytes>),
}

/// Bytes: as text where they are one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bytes {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Binary {
        /// Hexadecimal, two digits a byte.
        hex: String,
    },
}

impl Bytes {
    fn new(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes)
            .map_or_else(|error| Self::Binary { hex: error.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect() }, Self::Text)
    }

    /// The bytes; none if the digits are none.
    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Binary { hex } => {
                let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
                let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
            }
        }
    }
}

impl SavedKey {
    /// Whether its bytes can be written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let sound = |bytes: &Bytes| bytes.bytes().is_some();
        match &self.value {
            SavedValue::String(text) => sound(text),
            SavedValue::Hash(fields) => fields.iter().all(|(name, value)| sound(name) && sound(value)),
            SavedValue::Set(all) | SavedValue::List(all) => all.iter().all(sound),
        }
    }
}

/// Reads keys, all at one moment; those that aren't there, or hold another kind, are left out.
///
/// # Errors
/// [`LinkError`].
pub async fn read(link: &Link, keys: &[String]) -> Result<Vec<SavedKey>, LinkError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut ask = redis::pipe();
    for key in keys {
        ask.cmd("TYPE").arg(key);
    }
    let kinds: Vec<String> = link.run(&ask).await?;
    let mut read = redis::pipe();
    read.atomic();
    let mut asked = Vec::new();
    for (key, kind) in keys.iter().zip(&kinds) {
        match kind.as_str() {
            "string" => read.cmd("GET").arg(key),
            "hash" => read.cmd("HGETALL").arg(key),
            "set" => read.cmd("SMEMBERS").arg(key),
            "list" => read.cmd("LRANGE").arg(key).arg(0).arg(-1),
            _ => continue,
        };
        asked.push((key, kind.as_str()));
    }
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<Value> = link.run(&read).await?;
    let mut saved = Vec::with_capacity(asked.len());
    for ((key, kind), value) in asked.into_iter().zip(values) {
        let value = match kind {
            "string" => redis::from_redis_value::<Option<Vec<u8>>>(value).ok().flatten().map(|text| SavedValue::String(Bytes::new(text))),
            "hash" => redis::from_redis_value::<Vec<(Vec<u8>, Vec<u8>)>>(value)
                .ok()
                .map(|fields| SavedValue::Hash(fields.into_iter().map(|(name, value)| (Bytes::new(name), Bytes::new(value))).collect())),
            "set" => members(value).map(SavedValue::Set),
            _ => members(value).map(SavedValue::List),
        };
        saved.extend(value.map(|value| SavedKey { key: key.clone(), value }));
    }
    Ok(saved)
}

fn members(value: Value) -> Option<Vec<Bytes>> {
    let all = redis::from_redis_value::<Vec<Vec<u8>>>(value).ok()?;
    Some(all.into_iter().map(Bytes::new).collect())
}

/// Which of these keys are there.
///
/// # Errors
/// [`LinkError`].
pub async fn present(link: &Link, keys: &[String]) -> Result<Vec<String>, LinkError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut ask = redis::pipe();
    for key in keys {
        ask.cmd("EXISTS").arg(key);
    }
    let there: Vec<bool> = link.run(&ask).await?;
    Ok(keys.iter().zip(there).filter(|(_, there)| *there).map(|(key, _)| key.clone()).collect())
}

/// Writes keys, all at one moment; what they held is replaced, and `gone` are deleted.
///
/// # Errors
/// [`LinkError`].
pub async fn write(link: &Link, saved: &[SavedKey], gone: &[String]) -> Result<(), LinkError> {
    let mut write = redis::pipe();
    write.atomic();
    for key in gone.iter().chain(saved.iter().map(|saved| &saved.key)) {
        write.cmd("DEL").arg(key).ignore();
    }
    for SavedKey { key, value } in saved {
        let all = |bytes: &[Bytes]| bytes.iter().filter_map(Bytes::bytes).collect::<Vec<_>>();
        match value {
            SavedValue::String(text) => write.cmd("SET").arg(key).arg(text.bytes().unwrap_or_default()).ignore(),
            SavedValue::Hash(fields) => {
                let flat: Vec<Vec<u8>> = fields.iter().flat_map(|(name, value)| [name.bytes(), value.bytes()]).flatten().collect();
                write.cmd("HSET").arg(key).arg(flat).ignore()
            }
            SavedValue::Set(members) => write.cmd("SADD").arg(key).arg(all(members)).ignore(),
            SavedValue::List(elements) => write.cmd("RPUSH").arg(key).arg(all(elements)).ignore(),
        };
    }
    if saved.is_empty() && gone.is_empty() { Ok(()) } else { link.run::<()>(&write).await }
}

/// The members of a Set that are texts.
///
/// # Errors
/// [`LinkError`].
pub async fn set_members(link: &Link, key: &str) -> Result<Vec<String>, LinkError> {
    let (members,): (Vec<String>,) = link.run(redis::pipe().cmd("SMEMBERS").arg(key)).await?;
    Ok(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_of_any_kind_come_back_from_json(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let saved = SavedKey { key: "k".to_owned(), value: SavedValue::String(Bytes::new(bytes.clone())) };
            let json = serde_json::to_string(&saved).expect("it can be written");
            let back: SavedKey = serde_json::from_str(&json).expect("it can be read");
            let SavedValue::String(text) = &back.value else { panic!("another kind") };
            prop_assert_eq!(text.bytes(), Some(bytes));
        }
    }
}
