//! Requests, acknowledgements and errors, in OKX's words.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Most bytes of a request, as OKX has it for all arguments together.
pub(super) const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Most characters of a request that an error repeats.
const MAX_QUOTE: usize = 200;

/// A channel and an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Arg {
    /// `books`, for example.
    pub(crate) channel: String,
    /// As OKX names it: `BTC-USDT`.
    #[serde(rename = "instId")]
    pub(crate) inst_id: String,
}

/// What a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Start streams.
    Subscribe,
    /// End streams.
    Unsubscribe,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// One argument of a request: what it means, and its text, which an acknowledgement repeats. None: it means nothing.
pub(super) type RequestArg = (Option<Arg>, Box<RawValue>);

/// A request that was understood.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) operation: Operation,
    /// The client's own name for it.
    pub(super) id: Option<String>,
    /// At least one.
    pub(super) args: Vec<RequestArg>,
}

/// A request, or a part of one, that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    id: Option<String>,
    code: &'static str,
    message: String,
}

#[derive(Deserialize)]
struct Raw {
    id: Option<Value>,
    op: Option<String>,
    args: Option<Box<RawValue>>,
}

impl Request {
    /// Reads a text message.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = |id| Refusal { id, code: "60012", message: format!("Invalid request: {}", quote(text)) };
        if text.len() > MAX_REQUEST_BYTES {
            return Err(invalid(None));
        }
        let raw: Raw = serde_json::from_str(text).map_err(|_| invalid(None))?;
        let id = match raw.id {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()) => Some(id),
            Some(_) => return Err(invalid(None)),
        };
        let operation = match raw.op.as_deref() {
            Some("subscribe") => Operation::Subscribe,
            Some("unsubscribe") => Operation::Unsubscribe,
            _ => return Err(invalid(id)),
        };
        let args: Vec<Box<RawValue>> = raw.args.and_then(|args| serde_json::from_str(args.get()).ok()).unwrap_or_default();
        if args.is_empty() {
            return Err(Refusal::bad_args(id, None));
        }
        let args = args.into_iter().map(|arg| (serde_json::from_str(arg.get()).ok(), arg)).collect();
        Ok(Self { operation, id, args })
    }

    /// The acknowledgement of one argument.
    pub(super) fn ack(&self, arg: &RawValue, conn_id: &str) -> String {
        let id = self.id.as_ref().map_or(String::new(), |id| format!(r#""id":"{id}","#));
        format!(r#"{{{id}"event":"{}","arg":{},"connId":"{conn_id}"}}"#, self.operation.name(), arg.get())
    }
}

impl Refusal {
    /// 60013: the arguments, or one of them, aren't a channel and an instrument.
    pub(super) fn bad_args(id: Option<String>, arg: Option<&RawValue>) -> Self {
        let message = match arg {
            Some(arg) => format!("Invalid args: {}", quote(arg.get())),
            None => "Invalid args".to_owned(),
        };
        Self { id, code: "60013", message }
    }

    /// 60014: too many requests.
    pub(super) fn too_often(id: Option<String>) -> Self {
        Self { id, code: "60014", message: "Requests too frequent".to_owned() }
    }

    /// 60018: there is no such channel or instrument.
    pub(crate) fn unknown(id: Option<String>, arg: &Arg) -> Self {
        let (channel, inst_id) = (quote(&arg.channel), quote(&arg.inst_id));
        let message = format!(
            "Wrong URL or channel:{channel},instId:{inst_id} doesn't exist. Please use the correct URL, channel and parameters referring to API document."
        );
        Self { id, code: "60018", message }
    }

    /// The error event.
    pub(crate) fn text(&self, conn_id: &str) -> String {
        let mut event = json!({ "event": "error", "code": self.code, "msg": self.message, "connId": conn_id });
        if let Some(id) = &self.id {
            event["id"] = Value::from(id.as_str());
        }
        event.to_string()
    }
}

fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_REQUEST_BYTES, Request};

    fn code(text: &str) -> Option<&'static str> {
        Request::parse(text).err().map(|refusal| refusal.code)
    }

    #[test]
    fn each_wrong_request_draws_the_code_that_okx_has_for_it() {
        let good = r#"{"id":"1512","op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#;
        assert_eq!(code(good), None);
        for text in ["", "no JSON", "[]", "{}", r#"{"op":"login","args":[]}"#, r#"{"op":1,"args":[{}]}"#] {
            assert_eq!(code(text), Some("60012"), "{text}");
        }
        for id in [r#""""#, r#""a-b""#, "1512", r#""123456789012345678901234567890123""#] {
            assert_eq!(code(&good.replace(r#""1512""#, id)), Some("60012"), "{id}");
        }
        assert_eq!(code(&format!("{good}{}", " ".repeat(MAX_REQUEST_BYTES))), Some("60012"));
        for text in [r#"{"op":"subscribe"}"#, r#"{"op":"subscribe","args":[]}"#, r#"{"op":"subscribe","args":{}}"#] {
            assert_eq!(code(text), Some("60013"), "{text}");
        }
    }

    #[test]
    fn an_acknowledgement_repeats_id_and_argument_as_they_were_sent() {
        let text = r#"{"id":"7","op":"unsubscribe","args":[{"instId":"BTC-USDT","channel":"books"}]}"#;
        let acks = Request::parse(text).map(|request| request.args.iter().map(|(_, raw)| request.ack(raw, "a4d3ae55")).collect::<Vec<_>>());
        let expected = r#"{"id":"7","event":"unsubscribe","arg":{"instId":"BTC-USDT","channel":"books"},"connId":"a4d3ae55"}"#;
        assert_eq!(acks.ok(), Some(vec![expected.to_owned()]));
    }
}
