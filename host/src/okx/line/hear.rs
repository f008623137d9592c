//! What the exchange says: books, acknowledgements, errors, notices.

use std::sync::Arc;

use leadline_market::wire::{Ack, AckKind, Notice, ServerError};
use leadline_market::{Message, WireError};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;

use super::{Line, connection};
use crate::clock::Arrival;
use crate::okx::closing;
use crate::okx::member::{Member, Slot};
use crate::okx::subscription::Subscription;
use crate::pairs::PairState;

/// Frames taken before others get their turn.
const IN_A_ROW: u64 = 16;
/// Errors about a subscription that another try soon can't mend.
const REFUSALS: [&str; 5] = ["60008", "60011", "60018", "64003", "64004"];
/// "Requests too frequent".
const TOO_FREQUENT: &str = "60014";
/// "Service upgrade soon".
const UPGRADE: &str = "64008";

/// What a message says, apart from books.
enum Control {
    Nothing,
    Ack(Ack),
    Error(ServerError),
    Notice(Notice),
    Unknown(String),
    Invalid(WireError),
}

impl Line {
    /// A message, or the end, of one of the connections.
    pub(super) async fn message(&mut self, slot: Slot, message: Option<Result<tungstenite::Message, tungstenite::Error>>) {
        let arrival = Arrival::now();
        let now = Instant::now();
        if let Some(connection) = connection(slot, &mut self.current, &mut self.spare) {
            connection.alive(now);
        }
        match message {
            Some(Ok(message @ (tungstenite::Message::Text(_) | tungstenite::Message::Binary(_)))) => {
                self.text(slot, &message.into_data(), arrival);
                // A peer that sends without a pause must not keep this thread from the others' work.
                self.in_a_row += 1;
                if self.in_a_row.is_multiple_of(IN_A_ROW) {
                    tokio::task::yield_now().await;
                }
            }
            Some(Ok(tungstenite::Message::Close(reason))) => {
                let why = reason.map_or_else(
                    || "closed by the exchange without a code".to_owned(),
                    |frame| closing::words(u16::from(frame.code), frame.reason.as_str()),
                );
                self.hung_up(slot, &why);
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => self.hung_up(slot, &error.to_string()),
            None => self.hung_up(slot, "closed without a word"),
        }
    }

    pub(super) fn text(&mut self, slot: Slot, bytes: &[u8], arrival: Arrival) {
        let why = self.spare.as_ref().map_or("", |spare| spare.why.as_str());
        let counters = &self.context.monitor.counters;
        let control = match self.decoder.decode(bytes) {
            Ok(Message::Books(frames)) => {
                self.context.monitor.stages.parsed.record(arrival.elapsed());
                counters.bytes.add(bytes.len() as u64);
                for frame in frames {
                    counters.frames.add(1);
                    match self.members.get_mut(frame.instrument.as_str()) {
                        Some(member) => member.frame(slot, frame, bytes, arrival, why),
                        // A pair that was just taken away, or one that nobody asked for.
                        None => counters.frames_unrouted.add(1),
                    }
                }
                Control::Nothing
            }
            Ok(Message::Ack(ack)) => Control::Ack(ack),
            Ok(Message::Error(error)) => Control::Error(error),
            Ok(Message::Notice(notice)) => Control::Notice(notice),
            Ok(Message::OtherEvent { event }) => Control::Unknown(event),
            Ok(Message::Pong | Message::ChannelConnCount(_) | Message::Other { .. }) => Control::Nothing,
            Err(error) => Control::Invalid(error),
        };
        match control {
            Control::Nothing => {}
            Control::Ack(ack) => self.acknowledged(slot, &ack),
            Control::Error(error) => self.refused(slot, error),
            Control::Notice(notice) => self.noticed(slot, &notice),
            Control::Unknown(event) => {
                self.unknown_events += 1;
                // Told on the 1st, 2nd, 4th ... time.
                if self.unknown_events.is_power_of_two() {
                    let event: String = event.chars().take(60).collect();
                    tracing::warn!(
                        event,
                        times = self.unknown_events,
                        "the exchange sends an event that means nothing here; it is left aside"
                    );
                }
            }
            Control::Invalid(error) => {
                let invalid = &self.context.monitor.counters.frames_invalid;
                invalid.add(1);
                // Told on the 1st to 10th, then on the 16th, 32nd ... time: a broken peer must not fill the log.
                if invalid.get() <= 10 || invalid.get().is_power_of_two() {
                    let start: String = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
                    tracing::warn!(pairs = %self.names(), frame = start, invalid = invalid.get(), "frame dropped: {error}");
                }
            }
        }
    }

    pub(super) fn acknowledged(&mut self, slot: Slot, ack: &Ack) {
        let until = Instant::now() + self.context.pace.answer;
        if ack.kind == AckKind::Unsubscribe {
            let gone = self.leaving.iter().position(|gone| ack.instrument.as_deref() == Some(&*gone.feed.pair));
            if let (Slot::Current, Some(gone)) = (slot, gone) {
                let gone = self.leaving.swap_remove(gone);
                gone.feed.finish();
                let _ = gone.done.send(());
            }
            return;
        }
        for member in self.members.values_mut() {
            if ack.instrument.as_deref().is_some_and(|id| id != &*member.feed.pair) {
                continue;
            }
            let first = slot == Slot::Current && member.feed.attempt() == 0;
            if let Some(subscription) = member.on(slot)
                && let Subscription::Asked { tries, .. } = *subscription
            {
                *subscription = Subscription::Acknowledged { until, tries };
                if first {
                    tracing::info!("Subscribed to {}", member.feed.pair);
                }
            }
        }
    }

    /// The pairs that an error is about: those it names, or else those whose request it names and that wait for an answer.
    pub(super) fn concerned(&self, slot: Slot, error: &ServerError) -> Vec<Arc<str>> {
        let named = |pair: &Arc<str>| {
            error.instrument.as_deref() == Some(&**pair)
                || error.msg.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).any(|word| word == &**pair)
        };
        let by_name: Vec<Arc<str>> = self.members.keys().filter(|pair| named(pair)).cloned().collect();
        if !by_name.is_empty() {
            return by_name;
        }
        let pending = |member: &Member| match slot {
            Slot::Current => member.current.is_pending(),
            Slot::Spare => member.spare.as_ref().is_some_and(|spare| spare.subscription.is_pending()),
        };
        let mut waiting: Vec<Arc<str>> =
            self.members.values().filter(|member| pending(member)).map(|member| Arc::clone(&member.feed.pair)).collect();
        let connection = match slot {
            Slot::Current => self.current.as_ref(),
            Slot::Spare => self.spare.as_ref().map(|spare| &spare.connection),
        };
        if let (Some(id), Some(connection)) = (&error.id, connection) {
            let about = connection.about(id);
            if !about.is_empty() {
                waiting.retain(|pair| about.contains(pair));
            }
        }
        waiting
    }

    pub(super) fn refused(&mut self, slot: Slot, error: ServerError) {
        let now = Instant::now();
        let pairs = self.concerned(slot, &error);
        let names = pairs.iter().map(|pair| &**pair).collect::<Vec<_>>().join(",");
        tracing::warn!(pairs = names, code = error.code, "the exchange says: {}", error.msg);
        if error.code == TOO_FREQUENT {
            let Some(at) = connection(slot, &mut self.current, &mut self.spare).map(|connection| connection.quiet(now)) else { return };
            for pair in pairs {
                if let Some(subscription) = self.members.get_mut(&pair).and_then(|member| member.on(slot))
                    && let Subscription::Asked { tries, .. } = *subscription
                {
                    // It wasn't a try: the exchange didn't look at it.
                    *subscription = Subscription::Wanted { at, tries: tries.saturating_sub(1), anew: false };
                }
            }
            return;
        }
        if !REFUSALS.contains(&error.code.as_str()) {
            return;
        }
        match (slot, pairs.as_slice()) {
            (_, []) => {}
            (Slot::Spare, _) => self.hung_up(Slot::Spare, &format!("refused: {}: {}", error.code, error.msg)),
            (Slot::Current, [pair]) => {
                let until = now + self.context.pace.refused;
                let Some(member) = self.members.get_mut(pair) else { return };
                member.current = Subscription::Refused { until };
                member.feed.lose();
                tracing::warn!(
                    pair = &**pair,
                    code = error.code,
                    "the exchange refuses the pair; asked for again in {} s",
                    self.context.pace.refused.as_secs()
                );
                member.feed.enter(PairState::Refused { code: error.code, why: error.msg });
            }
            (Slot::Current, several) => {
                self.singly = true;
                for pair in several {
                    if let Some(member) = self.members.get_mut(pair) {
                        member.current = Subscription::new(now);
                    }
                }
            }
        }
    }

    pub(super) fn noticed(&mut self, slot: Slot, notice: &Notice) {
        if notice.code != UPGRADE {
            tracing::warn!(pairs = %self.names(), code = notice.code, "notice of the exchange: {}", notice.msg);
            return;
        }
        match slot {
            Slot::Current if self.spare.is_none() => {
                tracing::warn!(pairs = %self.names(), "the exchange is going to close this connection (64008: {}); a second one is made first", notice.msg);
                self.replace = Some(("service upgrade (64008)".to_owned(), Instant::now()));
            }
            Slot::Current => {}
            Slot::Spare => self.hung_up(Slot::Spare, "the exchange is going to close it (64008)"),
        }
    }
}
