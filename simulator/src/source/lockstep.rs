//! A generated pair in lock-step: a frame goes out once the one before was acknowledged, so that a reader can be killed and started again
//! at any moment without missing a frame or getting one twice.

/// Where a pair stands between its exchange and whoever acknowledges its frames.
#[derive(Debug)]
pub(super) struct LockStep {
    /// Sequence number and snapshot of the newest acknowledged book: what a new subscriber gets.
    acknowledged: (i64, String),
    /// Sequence number and text of the frame that was sent and isn't acknowledged yet.
    outstanding: Option<(i64, String)>,
    /// Somebody subscribed after it was sent, and hasn't got it.
    resend: bool,
}

/// What an acknowledgement brings about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The market moves on by one frame.
    Step,
    /// The outstanding frame is sent to whoever subscribed meanwhile.
    Resend(String),
    /// It says nothing new.
    Nothing,
}

impl LockStep {
    /// A pair that stands at this book.
    pub(super) fn new(seq_id: i64, snapshot: String) -> Self {
        Self { acknowledged: (seq_id, snapshot), outstanding: None, resend: false }
    }

    /// What a new subscriber gets first. Nothing follows it until it is acknowledged.
    pub(super) fn subscribed(&mut self) -> String {
        self.resend = self.outstanding.is_some();
        self.acknowledged.1.clone()
    }

    /// The frame with this sequence number is safe. `snapshot`: makes that of the market as it stands, which is the outstanding frame's.
    pub(super) fn acknowledge(&mut self, seq_id: i64, snapshot: impl FnOnce() -> String) -> Next {
        match &self.outstanding {
            Some((outstanding, _)) if *outstanding == seq_id => {
                self.acknowledged = (seq_id, snapshot());
                self.outstanding = None;
                Next::Step
            }
            Some((_, text)) if seq_id == self.acknowledged.0 && self.resend => {
                self.resend = false;
                Next::Resend(text.clone())
            }
            None if seq_id == self.acknowledged.0 => Next::Step,
            _ => Next::Nothing,
        }
    }

    /// The market moved on.
    pub(super) fn sent(&mut self, seq_id: i64, text: String) {
        self.outstanding = Some((seq_id, text));
        self.resend = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{LockStep, Next};

    #[test]
    fn a_frame_is_sent_once_the_one_before_was_acknowledged_and_again_to_who_came_later() {
        let mut pair = LockStep::new(7, "book 7".to_owned());
        assert_eq!(pair.subscribed(), "book 7");
        assert_eq!(pair.acknowledge(3, String::new), Next::Nothing);
        assert_eq!(pair.acknowledge(7, String::new), Next::Step);
        pair.sent(9, "frame 9".to_owned());
        assert_eq!(pair.acknowledge(7, String::new), Next::Nothing, "frame 9 is on its way already");
        // The reader dies with frame 9 unacknowledged, and comes back.
        assert_eq!(pair.subscribed(), "book 7");
        assert_eq!(pair.acknowledge(7, String::new), Next::Resend("frame 9".to_owned()));
        assert_eq!(pair.acknowledge(9, || "book 9".to_owned()), Next::Step);
        pair.sent(12, "frame 12".to_owned());
        // The reader dies after its frame was safe: it is acknowledged first, and moves the market, then the reader comes back.
        assert_eq!(pair.acknowledge(12, || "book 12".to_owned()), Next::Step);
        pair.sent(15, "frame 15".to_owned());
        assert_eq!(pair.subscribed(), "book 12");
        assert_eq!(pair.acknowledge(12, String::new), Next::Resend("frame 15".to_owned()));
    }
}
