//! What the API knows of itself, for `/metrics`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::metrics::{Labels, Sheet};
use super::security::Audit;
use super::stream::Hub;

/// The stream and the audit log.
pub struct Own {
    /// The live stream.
    pub(super) hub: Arc<Hub>,
    /// Where changes are noted down.
    pub(super) audit: Arc<Audit>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}

impl Collector for Own {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet { encoder };
        sheet.one("stream_clients", "Clients of the live stream now", None, Some(self.hub.clients() as f64))?;
        let counts = self.hub.counts();
        for (name, help, count) in [
            ("stream_messages_made", "Messages of topics, made once for all clients", &counts.made),
            ("stream_messages_sent", "Messages of topics sent to clients", &counts.sent),
            ("stream_messages_skipped", "Messages that a client didn't get because a newer one had come", &counts.skipped),
            (
                "stream_clients_let_go",
                "Clients let go because they took nothing, said nothing or too much, or lost their token",
                &counts.let_go,
            ),
        ] {
            sheet.counter(name, help, None, [(Labels::new(), count.load(Ordering::Relaxed))])?;
        }
        let help = "Changes that stand in the log alone because the audit file couldn't take them";
        sheet.counter("audit_lines_dropped", help, None, [(Labels::new(), self.audit.dropped())])
    }
}
