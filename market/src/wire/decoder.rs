//! From the bytes of a frame to a [`Message`].

use std::borrow::Cow;

use super::frame::{read_data, set_instrument};
use super::scanner::{Place, Scanner};
use super::{Action, BookChannel, BookFrame, MAX_FRAME_BYTES, Message, WireError, control};

/// Reads frames; keeps the buffers of book frames, so that reading an update allocates nothing.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Books of the last frame; those beyond its number are only memory.
    frames: Vec<BookFrame>,
}

/// What is known of a frame while its keys pass, in whatever order.
#[derive(Default)]
struct Outline<'a> {
    /// There is an `event`: a control frame, whatever else is in it.
    event: bool,
    /// `arg` came (v5).
    argument: bool,
    /// `arg.channel` (v5) or `table` (v3).
    channel: Option<Cow<'a, str>>,
    /// `table` came (v3).
    table: bool,
    /// `arg.instId` (v5) and where it is. Checked for books only: errors repeat whatever id was asked for.
    instrument: Option<(usize, Cow<'a, str>)>,
    /// `action` and where it is. Read for books only.
    action: Option<(usize, Cow<'a, str>)>,
    /// Where `data` starts.
    data: Option<usize>,
    /// How many books were read from `data`, if it was.
    books: Option<usize>,
}

impl Decoder {
    /// A decoder without buffers; they grow with the first frames.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one frame. Keys may come in any order and with any white space; unknown keys are skipped.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong, and at which byte. The decoder stays usable.
    pub fn decode(&mut self, frame: &[u8]) -> Result<Message<'_>, WireError> {
        if frame.len() > MAX_FRAME_BYTES {
            return Err(WireError::TooLong { length: frame.len() });
        }
        let text = std::str::from_utf8(frame).map_err(|error| WireError::NotUtf8 { offset: error.valid_up_to() })?;
        if text.trim_ascii() == "pong" {
            return Ok(Message::Pong);
        }
        let mut scanner = Scanner::new(text);
        let mut outline = self.read_outline(&mut scanner)?;
        scanner.finish()?;
        if outline.event {
            return control::read(text);
        }
        let Some(name) = outline.channel.take() else {
            return Err(if outline.argument { WireError::MissingKey { key: "arg.channel" } } else { WireError::Unrecognised });
        };
        let Some(channel) = BookChannel::from_name(&name) else {
            return Ok(Message::Other { channel: name.into_owned() });
        };
        let used = match (outline.books, outline.data) {
            (Some(used), _) => used,
            (None, Some(start)) => {
                scanner.jump(start);
                read_data(&mut scanner, &mut self.frames)?
            }
            (None, None) => return Err(WireError::MissingKey { key: "data" }),
        };
        // A v5 frame without an action would be of a kind nobody knows; in the older form its absence means a snapshot.
        let action = match outline.action {
            Some((offset, name)) => action(offset, &name)?,
            None if outline.table => Action::Snapshot,
            None => return Err(WireError::MissingKey { key: "action" }),
        };
        let frames = &mut self.frames[..used];
        for frame in frames.iter_mut() {
            frame.channel = channel;
            frame.action = action;
            if !outline.table {
                let (offset, id) = outline.instrument.as_ref().ok_or(WireError::MissingKey { key: "arg.instId" })?;
                set_instrument(&mut frame.instrument, *offset, id, "instId")?;
            } else if frame.instrument.is_empty() {
                return Err(WireError::MissingKey { key: "instrument_id" });
            }
        }
        Ok(Message::Books(frames))
    }

    /// Passes the frame's keys; reads `data` on the way when the channel is already known.
    fn read_outline<'a>(&mut self, scanner: &mut Scanner<'a>) -> Result<Outline<'a>, WireError> {
        let mut outline = Outline::default();
        scanner.expect(b'{', "`{` or `pong`")?;
        let mut place = Place::First;
        while let Some(key) = scanner.key(&mut place)? {
            let offset = scanner.offset();
            let twice = |key| Err(WireError::DuplicateKey { offset, key });
            match &*key {
                "event" if outline.event => return twice("event"),
                "event" => {
                    outline.event = true;
                    scanner.skip_value()?;
                }
                "arg" if outline.argument => return twice("arg"),
                "arg" => {
                    outline.argument = true;
                    read_argument(scanner, &mut outline)?;
                }
                "table" if outline.table => return twice("table"),
                "table" => {
                    outline.table = true;
                    outline.channel = Some(scanner.string()?);
                }
                "action" if outline.action.is_some() => return twice("action"),
                "action" => outline.action = Some((offset, scanner.string()?)),
                "data" if outline.data.is_some() => return twice("data"),
                "data" => {
                    scanner.peek();
                    outline.data = Some(scanner.offset());
                    let known = outline.channel.as_deref().and_then(BookChannel::from_name);
                    if known.is_some() && !outline.event {
                        outline.books = Some(read_data(scanner, &mut self.frames)?);
                    } else {
                        scanner.skip_value()?;
                    }
                }
                _ => scanner.skip_value()?,
            }
        }
        if outline.argument && outline.table {
            return Err(WireError::DuplicateKey { offset: scanner.offset(), key: "arg (beside table)" });
        }
        Ok(outline)
    }
}

fn read_argument<'a>(scanner: &mut Scanner<'a>, outline: &mut Outline<'a>) -> Result<(), WireError> {
    scanner.expect(b'{', "an object")?;
    let mut place = Place::First;
    while let Some(key) = scanner.key(&mut place)? {
        let offset = scanner.offset();
        match &*key {
            "channel" if outline.channel.is_some() => return Err(WireError::DuplicateKey { offset, key: "channel" }),
            "channel" => outline.channel = Some(scanner.string()?),
            "instId" if outline.instrument.is_some() => return Err(WireError::DuplicateKey { offset, key: "instId" }),
            "instId" => outline.instrument = Some((offset, scanner.string()?)),
            _ => scanner.skip_value()?,
        }
    }
    Ok(())
}

/// `snapshot` (v3: `partial`) or `update`.
fn action(offset: usize, name: &str) -> Result<Action, WireError> {
    match name {
        "snapshot" | "partial" => Ok(Action::Snapshot),
        "update" => Ok(Action::Update),
        _ => Err(WireError::Value { offset, key: "action", expected: "`snapshot`, `partial` or `update`" }),
    }
}
