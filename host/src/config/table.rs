//! Each setting once: its name in files and the environment, its default, what it means.

/// One setting. Its flag is its name in lower case with dashes: `REDIS_ADDR` is `--redis-addr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name in configuration files and the environment.
    pub name: &'static str,
    /// The value when nobody says otherwise.
    pub default: &'static str,
    /// What stands for the value in help: its unit or its form.
    pub value: &'static str,
    /// One sentence for `--help` and the docs.
    pub help: &'static str,
    /// Whether the value must never be shown.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting { name, default, value, help, secret: false }
}

/// Where Redis is.
pub const REDIS_ADDR: Setting = setting(
    "REDIS_ADDR",
    "localhost:6379",
    "ADDRESS",
    "Redis: host:port, redis://, rediss:// (TLS), unix:///path, redis+sentinel://host,host/master or redis+cluster://host,host",
);
/// The Redis password.
pub const REDIS_PASSWORD: Setting =
    Setting { name: "REDIS_PASSWORD", default: "", value: "PASSWORD", help: "Redis password; empty: none", secret: true };
/// The Redis user.
pub const REDIS_USERNAME: Setting = setting("REDIS_USERNAME", "", "NAME", "Redis ACL user; empty: the default user");
/// The Redis database.
pub const REDIS_DB: Setting = setting("REDIS_DB", "0", "NUMBER", "Redis database number");
/// The CA of Redis's certificate.
pub const REDIS_TLS_CA: Setting =
    setting("REDIS_TLS_CA", "", "FILE", "PEM file of the CA that signed Redis's certificate; empty: those that the system trusts");
/// Our certificate.
pub const REDIS_TLS_CERT: Setting = setting("REDIS_TLS_CERT", "", "FILE", "PEM file of this host's certificate for Redis; empty: none");
/// Its key.
pub const REDIS_TLS_KEY: Setting = setting("REDIS_TLS_KEY", "", "FILE", "PEM file of the key of REDIS_TLS_CERT");
/// Who we are to Sentinels.
pub const REDIS_SENTINEL_USERNAME: Setting =
    setting("REDIS_SENTINEL_USERNAME", "", "NAME", "ACL user for the Sentinels; empty: the default user");
/// Their password.
pub const REDIS_SENTINEL_PASSWORD: Setting = Setting {
    name: "REDIS_SENTINEL_PASSWORD",
    default: "",
    value: "PASSWORD",
    help: "Password of the Sentinels; empty: none",
    secret: true,
};
/// How long results stay.
pub const REDIS_RESULTS_EXPIRY: Setting = setting(
    "REDIS_RESULTS_EXPIRY",
    "120",
    "SECONDS",
    "How long analysis:{pair} and orderbook:{pair} stay once their pair isn't verified any more or the host is gone (0: for ever)",
);
/// How long states stay.
pub const REDIS_STATE_EXPIRY: Setting = setting(
    "REDIS_STATE_EXPIRY",
    "15",
    "SECONDS",
    "How long feed:, plugin:, host: keys and system:monitoring stay once their host is gone (0: for ever; else 5 to 3600)",
);
/// What is told over publish/subscribe.
pub const REDIS_EVENTS: Setting =
    setting("REDIS_EVENTS", "all", "WHAT", "What is told over events:{pair}: all, states (without readings) or off");
/// How often details are written.
pub const REDIS_DETAILS_INTERVAL_MS: Setting = setting(
    "REDIS_DETAILS_INTERVAL_MS",
    "2000",
    "MS",
    "Shortest time between two writes of a plugin's details in analysis:{pair}; 0: with every reading (0 to 60000)",
);
/// The Set of wanted pairs.
pub const REDIS_TRADING_PAIRS_KEY: Setting = setting(
    "REDIS_TRADING_PAIRS_KEY",
    "config:trading_pairs",
    "KEY",
    "Redis Set of the pairs to analyse; SADD and SREM change it while the host runs",
);
/// How often the Set is read.
pub const TRADING_PAIRS_POLL_INTERVAL: Setting =
    setting("TRADING_PAIRS_POLL_INTERVAL", "20", "SECONDS", "How often the Set of pairs is read (1 to 3600)");
/// How many pairs run.
pub const TRADING_PAIRS_LIMIT: Setting = setting("TRADING_PAIRS_LIMIT", "10", "PAIRS", "Most pairs analysed at once (1 to 100)");
/// The exchange's site.
pub const OKX_ENDPOINT: Setting = setting("OKX_ENDPOINT", "global", "NAME", "OKX's site: global, eea, us or demo; sets both addresses");
/// The exchange's WebSocket.
pub const OKX_WS_URL: Setting = setting("OKX_WS_URL", "", "URL", "The exchange's public WebSocket; empty: that of OKX_ENDPOINT");
/// The exchange's REST address.
pub const OKX_REST_URL: Setting =
    setting("OKX_REST_URL", "", "URL", "The exchange's REST address, for tick sizes; empty: that of OKX_ENDPOINT; none: don't ask");
/// The channel.
pub const OKX_CHANNEL: Setting = setting("OKX_CHANNEL", "books", "CHANNEL", "Order-book channel: books, books-l2-tbt or books50-l2-tbt");
/// Pairs that share a connection.
pub const OKX_PAIRS_PER_CONNECTION: Setting =
    setting("OKX_PAIRS_PER_CONNECTION", "1", "PAIRS", "Pairs that share a connection to the exchange (1 to 30)");
/// Scheduled resynchronisation.
pub const OKX_RESYNC_INTERVAL: Setting = setting(
    "OKX_RESYNC_INTERVAL",
    "3600",
    "SECONDS",
    "How often a second connection takes over, and the kept books are compared with the exchange's (0: never; else 1 to 86400)",
);
/// How often instruments are read again.
pub const OKX_INSTRUMENTS_INTERVAL: Setting =
    setting("OKX_INSTRUMENTS_INTERVAL", "86400", "SECONDS", "How often tick size, contract value and state are read again (1 to 604800)");
/// Where the components are.
pub const PLUGIN_DIR: Setting = setting("PLUGIN_DIR", "target/plugins", "DIR", "Folder of analysis components (*.wasm)");
/// Fuel a call.
pub const PLUGIN_FUEL: Setting =
    setting("PLUGIN_FUEL", "20000000", "UNITS", "Fuel a plugin may use for one book; the same book costs the same everywhere");
/// Wall-clock time a call.
pub const PLUGIN_DEADLINE_MS: Setting =
    setting("PLUGIN_DEADLINE_MS", "50", "MS", "Wall-clock time for one reading, then the call is stopped (1 to 10000)");
/// Memory an instance.
pub const PLUGIN_MEMORY_MB: Setting = setting("PLUGIN_MEMORY_MB", "64", "MB", "Memory a plugin may use for one pair (1 to 1024)");
/// Bytes of an answer.
pub const PLUGIN_ANSWER_KB: Setting = setting("PLUGIN_ANSWER_KB", "512", "KB", "Size of one answer of a plugin (16 to 65536)");
/// Table entries.
pub const PLUGIN_TABLE_ENTRIES: Setting =
    setting("PLUGIN_TABLE_ENTRIES", "20000", "ENTRIES", "Entries that a table of a plugin may have (100 to 10000000)");
/// Stack.
pub const PLUGIN_STACK_KB: Setting = setting("PLUGIN_STACK_KB", "512", "KB", "Stack that a call of a plugin may use (64 to 1024)");
/// Log lines.
pub const PLUGIN_LOG_LINES: Setting =
    setting("PLUGIN_LOG_LINES", "20", "LINES", "Log lines a second that a plugin may write for one pair (0 to 10000)");
/// When an instance is replaced.
pub const PLUGIN_RECYCLE_CALLS: Setting = setting(
    "PLUGIN_RECYCLE_CALLS",
    "1000000",
    "CALLS",
    "Calls after which a plugin's instance is replaced by a fresh one with the same state (10 to 1000000000000)",
);
/// Compiled components.
pub const PLUGIN_CACHE_DIR: Setting =
    setting("PLUGIN_CACHE_DIR", "", "DIR", "Private folder for compiled components, so that a start needn't compile; empty: none");
/// Keyframes.
pub const LANE_KEYFRAME_EVERY: Setting =
    setting("LANE_KEYFRAME_EVERY", "100", "FRAMES", "Buffered lane: a full book every so many frames, changes between (1 to 10000)");
/// Bound of the List.
pub const LANE_MAX_FRAMES: Setting =
    setting("LANE_MAX_FRAMES", "6000", "FRAMES", "Buffered lane: frames a pair's Redis List may hold; the oldest are dropped and counted");
/// Checkpoints.
pub const LANE_CHECKPOINT_INTERVAL: Setting = setting(
    "LANE_CHECKPOINT_INTERVAL",
    "60",
    "SECONDS",
    "Buffered lane: how often the plugins' states are written, from which a restart goes on (1 to 3600)",
);
/// Oldest frame that is still analysed.
pub const LANE_MAX_AGE: Setting =
    setting("LANE_MAX_AGE", "3600", "SECONDS", "Buffered lane: frames older than this are dropped and counted (10 to 604800)");
/// How often the book is written.
pub const ORDERBOOK_INTERVAL_MS: Setting =
    setting("ORDERBOOK_INTERVAL_MS", "1000", "MS", "Shortest time between two writes of orderbook:{pair} (100 to 60000)");
/// Frames kept for `record --last`.
pub const RECENT_MINUTES: Setting = setting(
    "RECENT_MINUTES",
    "15",
    "MINUTES",
    "How long the exchange's frames are kept in memory for `leadline record --last`; 0: not at all (0 to 240)",
);
/// Their bound.
pub const RECENT_MB: Setting =
    setting("RECENT_MB", "8", "MB", "Memory for those frames, packed, for each pair; the oldest go first (4 to 1024)");
/// Where history is kept.
pub const HISTORY_DIR: Setting =
    setting("HISTORY_DIR", "data/history", "DIR", "Folder of the history, or of what waits for InfluxDB; none: no history is kept");
/// How often readings are kept.
pub const HISTORY_INTERVAL_MS: Setting = setting(
    "HISTORY_INTERVAL_MS",
    "1000",
    "MS",
    "A reading of each plugin and pair is kept at most so often, and each change of a state (0: every reading; to 3600000)",
);
/// How often figures are kept.
pub const HISTORY_METRICS_INTERVAL: Setting =
    setting("HISTORY_METRICS_INTERVAL", "10", "SECONDS", "How often figures of connections and host are kept (1 to 3600)");
/// Which books are kept.
pub const HISTORY_BOOK: Setting =
    setting("HISTORY_BOOK", "off", "off|changes|full", "Order books in the history: none, each change, or whole books once a second");
/// How long history is kept.
pub const HISTORY_KEEP_DAYS: Setting =
    setting("HISTORY_KEEP_DAYS", "30", "DAYS", "Days that history is kept, also in a bucket that is made (0: for ever; to 3650)");
/// How large it may be.
pub const HISTORY_MAX_MB: Setting =
    setting("HISTORY_MAX_MB", "10240", "MB", "Size of the history's files beyond which the oldest days are deleted (1 to 100000000)");
/// InfluxDB's address.
pub const INFLUX_URL: Setting = setting("INFLUX_URL", "", "URL", "InfluxDB 2 that history goes to; empty: files in HISTORY_DIR");
/// InfluxDB's organisation.
pub const INFLUX_ORG: Setting = setting("INFLUX_ORG", "leadline", "NAME", "InfluxDB organisation");
/// InfluxDB's bucket.
pub const INFLUX_BUCKET: Setting = setting("INFLUX_BUCKET", "leadline", "NAME", "InfluxDB bucket; made at the start where there is none");
/// InfluxDB's token.
pub const INFLUX_TOKEN: Setting =
    Setting { name: "INFLUX_TOKEN", default: "", value: "TOKEN", help: "InfluxDB token that may read and write the bucket", secret: true };
/// How many points go at once.
pub const INFLUX_BATCH_POINTS: Setting =
    setting("INFLUX_BATCH_POINTS", "5000", "POINTS", "Lines of a batch at which it is sent (1 to 50000)");
/// How long points wait.
pub const INFLUX_BATCH_MS: Setting = setting("INFLUX_BATCH_MS", "1000", "MS", "Age of a batch at which it is sent (10 to 60000)");
/// How much waits on the disk.
pub const INFLUX_SPOOL_MB: Setting = setting(
    "INFLUX_SPOOL_MB",
    "1024",
    "MB",
    "Packed points that wait on the disk while InfluxDB is away; beyond it the oldest go (1 to 1000000)",
);
/// Where backups go.
pub const BACKUP_DIR: Setting = setting("BACKUP_DIR", "", "DIR", "Folder of backups that the host makes by itself; empty: none");
/// How often.
pub const BACKUP_INTERVAL: Setting =
    setting("BACKUP_INTERVAL", "86400", "SECONDS", "How often the host makes a backup into BACKUP_DIR (10 to 31536000)");
/// How many are kept.
pub const BACKUP_KEEP: Setting = setting("BACKUP_KEEP", "7", "FILES", "Backups of the host's own making that are kept (1 to 10000)");
/// The page and the API.
pub const API_ADDR: Setting = setting("API_ADDR", "127.0.0.1:8710", "HOST:PORT", "Address of the page and the API; port 0: any free one");
/// The page's files.
pub const API_WEB_DIR: Setting = setting("API_WEB_DIR", "web/dist", "DIR", "Folder of the built page");
/// A token.
pub const API_TOKEN: Setting = Setting {
    name: "API_TOKEN",
    default: "",
    value: "TOKEN",
    help: "A token that may do everything, 32 characters or more; empty: none. `leadline token` makes one",
    secret: true,
};
/// More tokens.
pub const API_TOKENS_FILE: Setting = setting(
    "API_TOKENS_FILE",
    "",
    "FILE",
    "File of tokens with roles, a line each: ROLE NAME TOKEN; read again when it changes; empty: none",
);
/// Names of the host.
pub const API_HOSTS: Setting = setting("API_HOSTS", "", "NAME,...", "Names by which the API may be called, beside localhost and addresses");
/// Other pages.
pub const API_ORIGINS: Setting =
    setting("API_ORIGINS", "", "ORIGIN,...", "Origins of other pages that may use the API, such as https://board.example");
/// Reading without a token.
pub const API_ANONYMOUS_READ: Setting =
    setting("API_ANONYMOUS_READ", "loopback", "loopback|never", "Who may read without a token: programs on this machine, or nobody");
/// The host that a process without a feed asks.
pub const API_HOST_URL: Setting = setting(
    "API_HOST_URL",
    "",
    "URL",
    "With --role api: the API of the host, such as http://10.0.0.5:8710, for what it alone can answer; empty: refused",
);
/// Requests a second.
pub const API_RATE_LIMIT: Setting =
    setting("API_RATE_LIMIT", "100", "REQUESTS", "Requests a second that a client may send; a change counts as five (1 to 1000000)");
/// The audit log.
pub const API_AUDIT_FILE: Setting =
    setting("API_AUDIT_FILE", "", "FILE", "File in which every change through the API is noted down; empty: in the log alone");
/// Its size.
pub const API_AUDIT_MB: Setting =
    setting("API_AUDIT_MB", "16", "MB", "Size of the audit file at which it becomes FILE.1, replacing an older one (1 to 10240)");
/// Whom alerts are sent to.
pub const ALERT_WEBHOOKS_FILE: Setting =
    setting("ALERT_WEBHOOKS_FILE", "", "FILE", "TOML file of the webhooks that alerts are sent to (docs/alerts.md); empty: none");
/// Log form.
pub const LOG_FORMAT: Setting = setting("LOG_FORMAT", "pretty", "pretty|json", "Form of the log on standard error");
/// Log level.
pub const LOG_LEVEL: Setting =
    setting("LOG_LEVEL", "info", "LEVEL", "error, warn, info, debug, trace, or a tracing filter such as leadline_host=debug");

/// Files of the log.
pub const LOG_DIR: Setting =
    setting("LOG_DIR", "", "DIR", "Folder for files of the log, as JSON lines, beside standard error; empty: none");
/// Size of a file.
pub const LOG_FILE_MB: Setting =
    setting("LOG_FILE_MB", "64", "MB", "Size at which the next file of the log begins; it also does each day (1 to 4096)");
/// Age of files.
pub const LOG_KEEP_DAYS: Setting = setting("LOG_KEEP_DAYS", "14", "DAYS", "How long files of the log are kept (1 to 3650)");
/// Size of all files.
pub const LOG_KEEP_MB: Setting =
    setting("LOG_KEEP_MB", "1024", "MB", "Size of all files of the log beyond which the oldest are deleted (1 to 1048576)");

/// All settings, in the order of `--help`.
pub const SETTINGS: &[Setting] = &[
    REDIS_ADDR,
    REDIS_PASSWORD,
    REDIS_USERNAME,
    REDIS_DB,
    REDIS_TLS_CA,
    REDIS_TLS_CERT,
    REDIS_TLS_KEY,
    REDIS_SENTINEL_USERNAME,
    REDIS_SENTINEL_PASSWORD,
    REDIS_RESULTS_EXPIRY,
    REDIS_STATE_EXPIRY,
    REDIS_EVENTS,
    REDIS_DETAILS_INTERVAL_MS,
    REDIS_TRADING_PAIRS_KEY,
    TRADING_PAIRS_POLL_INTERVAL,
    TRADING_PAIRS_LIMIT,
    OKX_ENDPOINT,
    OKX_WS_URL,
    OKX_REST_URL,
    OKX_CHANNEL,
    OKX_PAIRS_PER_CONNECTION,
    OKX_RESYNC_INTERVAL,
    OKX_INSTRUMENTS_INTERVAL,
    PLUGIN_DIR,
    PLUGIN_FUEL,
    PLUGIN_DEADLINE_MS,
    PLUGIN_MEMORY_MB,
    PLUGIN_ANSWER_KB,
    PLUGIN_TABLE_ENTRIES,
    PLUGIN_STACK_KB,
    PLUGIN_LOG_LINES,
    PLUGIN_RECYCLE_CALLS,
    PLUGIN_CACHE_DIR,
    LANE_KEYFRAME_EVERY,
    LANE_MAX_FRAMES,
    LANE_CHECKPOINT_INTERVAL,
    LANE_MAX_AGE,
    ORDERBOOK_INTERVAL_MS,
    RECENT_MINUTES,
    RECENT_MB,
    HISTORY_DIR,
    HISTORY_INTERVAL_MS,
    HISTORY_METRICS_INTERVAL,
    HISTORY_BOOK,
    HISTORY_KEEP_DAYS,
    HISTORY_MAX_MB,
    INFLUX_URL,
    INFLUX_ORG,
    INFLUX_BUCKET,
    INFLUX_TOKEN,
    INFLUX_BATCH_POINTS,
    INFLUX_BATCH_MS,
    INFLUX_SPOOL_MB,
    BACKUP_DIR,
    BACKUP_INTERVAL,
    BACKUP_KEEP,
    API_ADDR,
    API_WEB_DIR,
    API_TOKEN,
    API_TOKENS_FILE,
    API_HOSTS,
    API_ORIGINS,
    API_ANONYMOUS_READ,
    API_HOST_URL,
    API_RATE_LIMIT,
    API_AUDIT_FILE,
    API_AUDIT_MB,
    ALERT_WEBHOOKS_FILE,
    LOG_FORMAT,
    LOG_LEVEL,
    LOG_DIR,
    LOG_FILE_MB,
    LOG_KEEP_DAYS,
    LOG_KEEP_MB,
];

/// Prefixes of names that are ours: an environment variable that begins so and is no setting is a mistake, not somebody else's.
pub const PREFIXES: &[&str] = &[
    "ALERT_",
    "RECENT_",
    "HISTORY_",
    "BACKUP_",
    "TRADING_PAIRS_",
    "OKX_",
    "PLUGIN_",
    "LANE_",
    "ORDERBOOK_",
    "REDIS_TRADING_",
    "REDIS_RESULTS_",
];

/// The setting of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The setting whose name is nearest, for a hint.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|setting| (strsim::damerau_levenshtein(name, setting.name), setting.name))
        .min()
        .filter(|(distance, _)| *distance <= 5)
        .map(|(_, name)| name)
}
