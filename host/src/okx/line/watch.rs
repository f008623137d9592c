//! Whether the streams are well, whether a replacement is due, and when something is.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Line;
use crate::okx::member::Slot;
use crate::pairs::PairState;

/// How often the streams are looked at.
const WATCH: Duration = Duration::from_millis(250);
/// Longest wait between two replacements of a connection that stays sick.
const LONGEST_BETWEEN: Duration = Duration::from_secs(600);

impl Line {
    pub(super) async fn keep_alive(&mut self) {
        let now = Instant::now();
        let context = Arc::clone(&self.context);
        if let Some(current) = &mut self.current
            && let Err(why) = current.keep_alive(now, &context.pace).await
        {
            self.hung_up(Slot::Current, &why);
        }
        if let Some(spare) = &mut self.spare
            && let Err(why) = spare.connection.keep_alive(now, &context.pace).await
        {
            self.hung_up(Slot::Spare, &why);
        }
    }

    /// Looks whether the streams are well, and whether a replacement is due.
    pub(super) fn watch(&mut self) {
        let now = Instant::now();
        if now < self.watch_at {
            return;
        }
        let pace = &self.context.pace;
        self.watch_at = now + WATCH.min(pace.stall / 4);
        let Some(current) = &self.current else { return };
        let sick = current.doubt(now, pace).map(|_| "a ping is unanswered".to_owned());
        let mut doubt = None;
        for member in self.members.values_mut().filter(|member| member.source == Slot::Current) {
            let (verified, suspect, why) = {
                let status = member.feed.cell().status();
                let age = status.last_frame.map(|arrival| arrival.elapsed());
                let stalled = || age.filter(|&age| age >= pace.stall).map(|_| format!("no frame for {} s", pace.stall.as_secs_f64()));
                let late = || {
                    let lag = Duration::from_millis(status.figures.lag_ms()?);
                    (lag >= pace.lag).then(|| format!("frames come over {} s later than before", pace.lag.as_secs_f64()))
                };
                let verified = status.state.is_verified();
                let suspect = matches!(status.state, PairState::Suspect { .. });
                (verified, suspect, if verified { sick.clone().or_else(stalled).or_else(late) } else { None })
            };
            match why {
                Some(why) => {
                    member.feed.enter(PairState::Suspect { why: why.clone() });
                    doubt = Some(why);
                }
                None if verified && suspect => member.feed.enter(PairState::Live),
                None => {}
            }
        }
        if self.spare.is_some() || self.replace.is_some() {
            return;
        }
        if let Some(why) = doubt {
            let (last, times) = self.replaced.unwrap_or((now, 0));
            let times = if now > last + LONGEST_BETWEEN { 0 } else { times };
            let at = if times == 0 { now } else { last + (pace.between_replacements * 2_u32.pow((times - 1).min(8))).min(LONGEST_BETWEEN) };
            tracing::warn!(pairs = %self.names(), "suspect: {why}; a second connection is made to take over");
            self.replaced = Some((at.max(now), times + 1));
            self.replace = Some((why, at));
        } else if self.resync_at.is_some_and(|at| now >= at) {
            self.resync_at = None;
            self.replace = Some(("scheduled resynchronisation".to_owned(), now));
        }
    }

    /// Does what is due on joins and pairs; says when something will be.
    pub(super) fn due(&mut self) -> Instant {
        let now = Instant::now();
        let context = Arc::clone(&self.context);
        let pace = &context.pace;
        if let Some(spare) = &self.spare {
            let (why, over) = (spare.why.clone(), now >= spare.until);
            for member in self.members.values_mut() {
                if over || member.join_deadline(pace.join).is_some_and(|at| now >= at) {
                    member.force(&why);
                }
            }
            if over && !self.members.values().any(|member| member.source == Slot::Spare) {
                tracing::warn!(pairs = %self.names(), "the new connection brought no book in time; the old one goes on");
                self.hang_up(Slot::Spare);
            } else if over || self.all_joined() {
                self.promote();
            }
        }
        let mut wake = if self.current.is_some() { self.watch_at } else { now + Duration::from_secs(1) };
        let mut at = |time: Option<Instant>| {
            if let Some(time) = time {
                wake = wake.min(time);
            }
        };
        at(self.current.as_ref().map(|current| current.wake_at(pace)));
        at(self.spare.as_ref().map(|spare| spare.connection.wake_at(pace).min(spare.until)));
        if self.dialing.is_none() {
            match &self.current {
                None if !self.members.is_empty() => at(Some(self.dial_at.max(now))),
                Some(_) if self.spare.is_none() => at(self.replace.as_ref().map(|(_, time)| *time)),
                _ => {}
            }
        }
        at(self.leaving.iter().map(|gone| gone.until).min());
        for member in self.members.values_mut() {
            at(Some(member.feed.due(now)));
            at(member.join_deadline(pace.join));
            if self.current.is_some() {
                at(member.current.deadline());
            }
            at(member.spare.as_ref().and_then(|spare| spare.subscription.deadline()));
        }
        wake
    }
}
