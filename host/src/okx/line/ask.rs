//! What is asked of the exchange, and what it didn't answer in time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Leaving, Line, TRIES, connection};
use crate::okx::connection::{Operation, Unsent};
use crate::okx::member::Slot;
use crate::okx::subscription::Subscription;
use crate::pairs::PairState;

/// Tries of an unsubscription, and the wait for each.
const UNSUBSCRIBE_TRIES: u32 = 3;
const UNSUBSCRIBE_WAIT: Duration = Duration::from_millis(700);

impl Line {
    /// Asks for what is due on a connection.
    pub(super) async fn ask(&mut self, slot: Slot) {
        if let Err(why) = self.ask_for_due(slot).await {
            self.hung_up(slot, &why);
        }
    }

    async fn ask_for_due(&mut self, slot: Slot) -> Result<(), String> {
        let now = Instant::now();
        let context = Arc::clone(&self.context);
        let (pace, channel) = (&context.pace, context.channel.as_str());
        if connection(slot, &mut self.current, &mut self.spare).is_none() {
            return Ok(());
        }
        self.overdue(slot, now)?;
        let Some(connection) = connection(slot, &mut self.current, &mut self.spare) else { return Ok(()) };
        if slot == Slot::Current {
            for gone in &mut self.leaving {
                if now >= gone.until && gone.tries < UNSUBSCRIBE_TRIES {
                    gone.tries += 1;
                    gone.until = now + UNSUBSCRIBE_WAIT;
                    match connection.ask(Operation::Unsubscribe, channel, &[Arc::clone(&gone.feed.pair)], pace).await {
                        Ok(()) | Err(Unsent::Later(_)) => {}
                        Err(Unsent::Lost(why)) => return Err(why),
                    }
                }
            }
        }
        let mut due: Vec<(Arc<str>, bool)> = Vec::new();
        for (pair, member) in &mut self.members {
            let Some(subscription) = member.on(slot) else { continue };
            match *subscription {
                Subscription::Wanted { at, anew, .. } if now >= at => due.push((Arc::clone(pair), anew)),
                Subscription::Refused { until } if now >= until => {
                    *subscription = Subscription::new(now);
                    due.push((Arc::clone(pair), false));
                    member.feed.enter(PairState::Subscribing);
                }
                _ => {}
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let anew: Vec<Arc<str>> = due.iter().filter(|(_, anew)| *anew).map(|(pair, _)| Arc::clone(pair)).collect();
        let mut sent = Ok(());
        if !anew.is_empty() {
            sent = connection.ask(Operation::Unsubscribe, channel, &anew, pace).await;
        }
        let pairs: Vec<Arc<str>> = due.into_iter().map(|(pair, _)| pair).collect();
        let batch = if self.singly { 1 } else { pairs.len() };
        for pairs in pairs.chunks(batch) {
            if sent.is_ok() {
                sent = connection.ask(Operation::Subscribe, channel, pairs, pace).await;
            }
            let (at, ok) = match &sent {
                Ok(()) => (now + pace.answer, true),
                Err(Unsent::Later(at)) => (*at, false),
                Err(Unsent::Lost(why)) => return Err(why.clone()),
            };
            for pair in pairs {
                let Some(member) = self.members.get_mut(pair) else { continue };
                let resync = anew.contains(pair) && slot == member.source;
                let Some(subscription) = member.on(slot) else { continue };
                let Subscription::Wanted { tries, anew, .. } = *subscription else { continue };
                *subscription = if ok {
                    Subscription::Asked { until: at, tries: tries + 1 }
                } else {
                    tracing::warn!(pair = &**pair, "the exchange's limit of requests is reached; the subscription waits for room");
                    Subscription::Wanted { at, tries, anew }
                };
                if ok && resync {
                    context.monitor.counters.resyncs.add(1);
                    member.feed.cell().status().resyncs += 1;
                }
            }
        }
        Ok(())
    }

    /// Answers that didn't come: asked again, and after the last try refused, or the connection given up.
    fn overdue(&mut self, slot: Slot, now: Instant) -> Result<(), String> {
        let others = self.members.values_mut().filter_map(|member| member.on(slot).copied()).any(|one| one == Subscription::Streaming);
        let refused_until = now + self.context.pace.refused;
        for member in self.members.values_mut() {
            let Some(subscription) = member.on(slot) else { continue };
            let Some(tries) = subscription.overdue(now) else { continue };
            let acknowledged = matches!(subscription, Subscription::Acknowledged { .. });
            if tries < TRIES {
                *subscription = Subscription::Wanted { at: now, tries, anew: acknowledged };
                continue;
            }
            let what = if acknowledged { "no snapshot" } else { "no acknowledgement of the subscription" };
            let why = format!("{what} after {TRIES} tries");
            if !others || slot == Slot::Spare {
                return Err(why);
            }
            // The connection serves others: it isn't sick.
            *subscription = Subscription::Refused { until: refused_until };
            tracing::warn!(pair = &*member.feed.pair, "{why}; asked again in {} s", self.context.pace.refused.as_secs());
            member.feed.lose();
            member.feed.enter(PairState::Refused { code: "no_answer".to_owned(), why });
        }
        if slot == Slot::Current {
            let late = |gone: &mut Leaving| gone.tries >= UNSUBSCRIBE_TRIES && now >= gone.until;
            for gone in self.leaving.extract_if(.., late) {
                tracing::warn!(
                    pair = &*gone.feed.pair,
                    "no acknowledgement of the unsubscription after {UNSUBSCRIBE_TRIES} tries; removed all the same"
                );
                gone.feed.finish();
                let _ = gone.done.send(());
            }
        }
        Ok(())
    }
}
