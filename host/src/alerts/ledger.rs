//! Which alerts are active, and the newest that were told: begun, changed, acknowledged, over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::news::Draft;
use super::{Alert, AlertKey, AlertState};

/// Alerts that are active at once; one more is dropped and counted.
const MAX_ACTIVE: usize = 1000;
/// What was told lately.
pub const RECENT: usize = 500;

/// All of it.
pub(super) struct Ledger {
    active: BTreeMap<AlertKey, Alert>,
    recent: VecDeque<Alert>,
    host: Arc<str>,
    last: (u64, u32),
    /// Alerts that found no room.
    pub(super) dropped: u64,
    /// Alerts that began since the start.
    pub(super) fired: u64,
}

impl Ledger {
    pub(super) fn new(host: Arc<str>) -> Self {
        Self { active: BTreeMap::new(), recent: VecDeque::new(), host, last: (0, 0), dropped: 0, fired: 0 }
    }

    /// An id that sorts after all before it: the time, a count within the millisecond, and a few letters of the host's name, so that hosts on
    /// one Redis don't make the same.
    fn id(&mut self, now_ms: u64) -> String {
        self.last = if now_ms > self.last.0 { (now_ms, 0) } else { (self.last.0, self.last.1 + 1) };
        let host = self.host.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        format!("{}-{:03}-{:04x}", self.last.0, self.last.1, host & 0xffff)
    }

    /// What an earlier run of the host left.
    pub(super) fn restore(&mut self, active: Vec<Alert>, recent: Vec<Alert>) {
        self.active = active.into_iter().map(|alert| (alert.key(), alert)).collect();
        self.recent = recent.into_iter().take(RECENT).collect();
    }

    fn note(&mut self, alert: &Alert) {
        self.recent.push_front(alert.clone());
        self.recent.truncate(RECENT);
    }

    /// It begins, or is on already with another severity.
    pub(super) fn fire(&mut self, draft: Draft, now_ms: u64) -> Option<Alert> {
        let Draft { key, severity, code, message, numbers, suppressed } = draft;
        if let Some(alert) = self.active.get_mut(&key) {
            let worse = severity > alert.severity;
            (alert.severity, alert.code, alert.message, alert.numbers) = (severity, code, message, numbers);
            alert.changed_ms = now_ms;
            if worse && alert.state == AlertState::Acknowledged {
                // Who saw the warning hasn't seen this.
                (alert.state, alert.acknowledged_by) = (AlertState::Firing, None);
            }
            let alert = alert.clone();
            self.note(&alert);
            return Some(alert);
        }
        if self.active.len() >= MAX_ACTIVE {
            self.dropped += 1;
            return None;
        }
        let alert = self.make(key, severity, code, message, numbers, suppressed, now_ms);
        self.active.insert(alert.key(), alert.clone());
        self.note(&alert);
        Some(alert)
    }

    /// It happened, and is over.
    pub(super) fn once(&mut self, draft: Draft, now_ms: u64) -> Alert {
        let Draft { key, severity, code, message, numbers, suppressed } = draft;
        let mut alert = self.make(key, severity, code, message, numbers, suppressed, now_ms);
        (alert.state, alert.ended_ms) = (AlertState::Resolved, Some(now_ms));
        self.note(&alert);
        alert
    }

    #[expect(clippy::too_many_arguments, reason = "an alert's parts, each named")]
    fn make(
        &mut self,
        key: AlertKey,
        severity: super::Severity,
        code: String,
        message: String,
        numbers: BTreeMap<String, f64>,
        suppressed: u64,
        now_ms: u64,
    ) -> Alert {
        self.fired += 1;
        Alert {
            id: self.id(now_ms),
            state: AlertState::Firing,
            severity,
            source: key.source,
            name: key.name,
            pair: key.pair,
            plugin: key.plugin,
            code,
            message,
            numbers,
            began_ms: now_ms,
            changed_ms: now_ms,
            ended_ms: None,
            suppressed,
            acknowledged_by: None,
            silenced_by: None,
            host: Arc::clone(&self.host),
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, key: &AlertKey, why: Option<&str>, now_ms: u64) -> Option<Alert> {
        let mut alert = self.active.remove(key)?;
        alert.state = AlertState::Resolved;
        (alert.changed_ms, alert.ended_ms) = (now_ms, Some(now_ms));
        if let Some(why) = why {
            alert.message = format!("{} (over: {why})", alert.message);
        }
        self.note(&alert);
        Some(alert)
    }

    /// Somebody has seen it. None: no active alert has this id.
    pub(super) fn acknowledge(&mut self, id: &str, by: &str, now_ms: u64) -> Option<Alert> {
        let alert = self.active.values_mut().find(|alert| alert.id == id)?;
        alert.state = AlertState::Acknowledged;
        alert.acknowledged_by = Some(by.to_owned());
        alert.changed_ms = now_ms;
        let alert = alert.clone();
        self.note(&alert);
        Some(alert)
    }

    /// Sets what keeps an active alert from webhooks; what it was before.
    pub(super) fn silence(&mut self, key: &AlertKey, by: Option<String>) {
        if let Some(alert) = self.active.get_mut(key) {
            alert.silenced_by = by;
        }
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &Alert> {
        self.active.values()
    }

    pub(super) fn recent(&self) -> impl Iterator<Item = &Alert> {
        self.recent.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Severity, Source};
    use super::*;

    fn draft(severity: Severity) -> Draft {
        let key = AlertKey { source: Source::Rule, name: "thin".into(), pair: Some("BTC-USDT".into()), plugin: None };
        Draft { key, severity, code: "thin".to_owned(), message: "thin".to_owned(), numbers: BTreeMap::new(), suppressed: 0 }
    }

    #[test]
    fn an_alert_keeps_its_id_from_beginning_to_end_and_a_worse_one_wants_to_be_seen_again() {
        let mut ledger = Ledger::new("here:1".into());
        let begun = ledger.fire(draft(Severity::Warning), 1000).expect("room");
        assert!(ledger.acknowledge("another", "me", 1001).is_none());
        assert_eq!(ledger.acknowledge(&begun.id, "me", 1001).expect("there").state, AlertState::Acknowledged);
        let worse = ledger.fire(draft(Severity::Alert), 1002).expect("there");
        assert_eq!((worse.state, worse.severity, &worse.id, worse.began_ms), (AlertState::Firing, Severity::Alert, &begun.id, 1000));
        let over = ledger.end(&worse.key(), None, 1003).expect("there");
        assert_eq!((over.state, over.ended_ms, &over.id), (AlertState::Resolved, Some(1003), &begun.id));
        assert!(ledger.end(&worse.key(), None, 1004).is_none());
        assert_eq!((ledger.active().count(), ledger.recent().count()), (0, 4));
    }

    #[test]
    fn ids_sort_in_the_order_in_which_alerts_began_also_when_the_clock_steps_back() {
        let mut ledger = Ledger::new("here:1".into());
        let ids: Vec<String> = [1_764_000_000_000, 1_764_000_000_000, 1_763_999_999_000, 1_764_000_000_001].map(|ms| ledger.id(ms)).into();
        let mut sorted = ids.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_finds_no_room_is_counted() {
        let mut ledger = Ledger::new("here:1".into());
        for n in 0..MAX_ACTIVE + 7 {
            let mut draft = draft(Severity::Warning);
            draft.key.name = format!("rule{n}").into();
            ledger.fire(draft, n as u64);
        }
        assert_eq!((ledger.active().count(), ledger.recent().count(), ledger.dropped), (MAX_ACTIVE, RECENT, 7));
    }
}
