//! The settings as the program uses them.

use std::path::PathBuf;
use std::time::Duration;

use crate::analysis::Budget;
use crate::okx::Pace;
use crate::recent;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Redis.
    pub redis: Redis,
    /// What is published in Redis beside the values.
    pub results: Results,
    /// The wanted pairs.
    pub pairs: Pairs,
    /// The exchange.
    pub okx: Okx,
    /// The plugins.
    pub plugins: Plugins,
    /// The buffered lane.
    pub lane: Lane,
    /// What is kept.
    pub history: History,
    /// Backups that the host makes by itself; none: it makes none.
    pub backup: Option<Backup>,
    /// Shortest time between two writes of a pair's `orderbook:{id}`.
    pub orderbook_interval: Duration,
    /// Frames kept in memory for whoever asks what just happened.
    pub recent: recent::Limits,
    /// The page and the API.
    pub api: Api,
    /// Whom alerts are sent to.
    pub webhooks_file: Option<PathBuf>,
    /// The log.
    pub log: Log,
}

/// Where Redis is and who we are there.
#[derive(Clone, Debug)]
pub struct Redis {
    /// host:port or a URL; see `results::address`.
    pub addr: String,
    /// Empty: none.
    pub password: String,
    /// Empty: the default user.
    pub username: String,
    /// Database number.
    pub db: i64,
    /// Certificates, where the connection is encrypted.
    pub tls: Tls,
    /// User for the Sentinels; empty: the default user.
    pub sentinel_username: String,
    /// Password of the Sentinels; empty: none.
    pub sentinel_password: String,
}

/// PEM files for an encrypted connection to Redis.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The CA; none: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Our certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// How long what is published stays, and what is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Results {
    /// How long readings and books stay that nobody writes; none: for ever.
    pub expiry: Option<Duration>,
    /// The same for what says how something is doing now: pairs, plugins, the host.
    pub state_expiry: Option<Duration>,
    /// What is told over publish/subscribe.
    pub events: Events,
    /// Shortest time between two writes of a plugin's details of a pair.
    pub details_interval: Duration,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            expiry: Some(Duration::from_secs(120)),
            state_expiry: Some(Duration::from_secs(15)),
            events: Events::All,
            details_interval: Duration::from_secs(2),
        }
    }
}

/// What is told over publish/subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// Readings and changes of state.
    All,
    /// Changes of state alone.
    States,
    /// Nothing.
    Off,
}

/// Which pairs are wanted.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// The Set's key.
    pub key: String,
    /// How often it is read.
    pub poll: Duration,
    /// Most pairs at once.
    pub limit: usize,
}

/// The exchange: where it is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Okx {
    /// WebSocket URL.
    pub ws_url: String,
    /// REST address; none: don't ask.
    pub rest_url: Option<String>,
    /// Demo trading: REST calls say so.
    pub simulated: bool,
    /// Order-book channel.
    pub channel: String,
    /// Most pairs that share a connection.
    pub pairs_per_connection: usize,
    /// How often a second connection takes over; none: never.
    pub resync: Option<Duration>,
    /// How often instruments are read again.
    pub instruments_interval: Duration,
    /// Times and limits that nobody sets but tests.
    pub pace: Pace,
}

/// The plugins and what they may use.
#[derive(Clone, Debug)]
pub struct Plugins {
    /// Folder of components.
    pub dir: PathBuf,
    /// Limits of each plugin.
    pub budget: Budget,
    /// Folder of compiled components; none: they are compiled at every start.
    pub cache: Option<PathBuf>,
}

/// The buffered lane.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// A keyframe every so many frames.
    pub keyframe_every: u32,
    /// Frames a List may hold.
    pub max_frames: usize,
    /// Time between two checkpoints of a pair.
    pub checkpoint_every: Duration,
    /// Frames older than this are dropped.
    pub max_age: Duration,
}

/// What is kept, where, and for how long.
#[derive(Clone, Debug)]
pub struct History {
    /// The folder of the embedded home, or of the spool; none: no history.
    pub folder: Option<PathBuf>,
    /// InfluxDB; none: the embedded home.
    pub influx: Option<Influx>,
    /// Shortest time between two kept readings of a plugin and pair.
    pub interval: Duration,
    /// How often the figures of connections and host are kept.
    pub metrics_interval: Duration,
    /// Which books are kept.
    pub book: BookPolicy,
    /// Days that history is kept; none: for ever.
    pub keep_days: Option<i64>,
    /// Bytes that the embedded home may have.
    pub max_bytes: u64,
    /// Embedded home: age of an entry at which it is written. Nobody sets it but tests.
    pub flush: Duration,
}

/// Which books are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookPolicy {
    /// None.
    Off,
    /// Each change, and a whole book once a minute.
    Changes,
    /// Whole books, once a second.
    Full,
}

/// InfluxDB 2: where it is, and how it is written to.
#[derive(Clone)]
pub struct Influx {
    /// The address, without a path.
    pub url: String,
    /// The organisation.
    pub org: String,
    /// The bucket.
    pub bucket: String,
    /// The token; never shown.
    pub token: String,
    /// Lines of a batch.
    pub batch_points: u64,
    /// Age of a batch.
    pub batch_age: Duration,
    /// Bytes that the spool may have.
    pub spool_bytes: u64,
}

impl std::fmt::Debug for Influx {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Influx")
            .field("url", &self.url)
            .field("org", &self.org)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// Backups that the host makes by itself.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Their folder.
    pub folder: PathBuf,
    /// How often.
    pub every: Duration,
    /// How many are kept.
    pub keep: usize,
}

/// The page and the API.
#[derive(Clone, Debug)]
pub struct Api {
    /// host:port.
    pub addr: String,
    /// Folder of the built page.
    pub web_dir: PathBuf,
    /// An operator's token.
    pub token: Option<Secret>,
    /// File of more tokens.
    pub tokens_file: Option<PathBuf>,
    /// Names by which the host may be called, in lower case.
    pub hosts: Vec<String>,
    /// Pages of other origins that may use the API, in lower case.
    pub origins: Vec<String>,
    /// Whether programs on this machine may read without a token.
    pub anonymous_read: bool,
    /// The API of the host that a process without a feed asks for what only a host can answer.
    pub host_url: Option<reqwest::Url>,
    /// Requests a second that a client may send.
    pub rate_limit: u32,
    /// Where changes are noted down.
    pub audit_file: Option<PathBuf>,
    /// Size of that file, bytes, at which it is put aside.
    pub audit_bytes: u64,
}

/// A text that no log and no error shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The log.
#[derive(Clone, Debug)]
pub struct Log {
    /// JSON lines instead of text for a terminal.
    pub json: bool,
    /// Level or filter.
    pub filter: String,
    /// Files of the log; none: standard error alone.
    pub files: Option<LogFiles>,
}

/// The files of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// Their folder.
    pub folder: PathBuf,
    /// Bytes at which the next file begins; it also begins with each day.
    pub file_bytes: u64,
    /// How long a file is kept.
    pub keep: Duration,
    /// Bytes of all files beyond which the oldest go.
    pub keep_bytes: u64,
}
