//! A Redis connection that is made again after an error, with a time limit on every call.
//!
//! The library's own connection manager can hold calls for seconds while Redis is away; here a call fails in time, and the caller,
//! who knows what the data is worth, decides whether to try again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::Stream;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, FromRedisValue, Pipeline, RedisConnectionInfo, TlsCertificates,
};
use tokio::sync::Mutex;

use super::address::{self, Address, Place};
use crate::config::settings;
use crate::tls;

/// Longest time for making a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest time for a call, by which a hanging server is told from a slow one.
const CALL: Duration = Duration::from_secs(2);

/// Why a call to Redis failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    /// The address can't be understood.
    #[error(
        "REDIS_ADDR: {0}\nhint: host:port, redis://host:port, rediss://host:port, unix:///path, redis+sentinel://host:port,host:port/master or redis+cluster://host:port"
    )]
    Address(String),
    /// A file of the TLS settings can't be used.
    #[error("{setting} ({}): {detail}\nhint: a PEM file that this user can read", .file.display())]
    Certificate {
        /// The setting.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        detail: String,
    },
    /// Nobody answers, or not in time.
    #[error("Redis at {addr} is not there: {detail}\nhint: {}", way(.detail))]
    Away {
        /// The address.
        addr: String,
        /// Why.
        detail: String,
    },
    /// Redis answered with an error.
    #[error("Redis at {addr} refuses: {detail}{}", hint(.detail))]
    Refused {
        /// The address.
        addr: String,
        /// What it says.
        detail: String,
        /// Whether the same call may succeed later: it is loading, or changing its role.
        later: bool,
    },
}

/// What to do about a server that can't be reached.
fn way(detail: &str) -> &'static str {
    if detail.to_ascii_lowercase().contains("certificate") {
        "REDIS_TLS_CA, REDIS_TLS_CERT and REDIS_TLS_KEY; the server's certificate must name the host that REDIS_ADDR names"
    } else {
        "start redis-server, or set REDIS_ADDR"
    }
}

/// What to do about the refusals that an operator meets.
fn hint(detail: &str) -> &'static str {
    const HINTS: [(&str, &str); 6] = [
        ("MISCONF", "\nhint: its disk is full, or its folder can't be written; it takes writes again once a save succeeds"),
        ("OOM", "\nhint: it holds as much as maxmemory allows; give it more, or look for what else is in it"),
        ("NOAUTH", "\nhint: set REDIS_PASSWORD"),
        ("AUTHENTICATIONFAILED", "\nhint: REDIS_USERNAME and REDIS_PASSWORD"),
        ("WRONGPASS", "\nhint: REDIS_USERNAME and REDIS_PASSWORD"),
        ("NOPERM", "\nhint: docs/redis.md lists the commands and keys that the user must be allowed"),
    ];
    // Some codes come in the library's own letters.
    let detail = detail.to_ascii_uppercase();
    HINTS.iter().find(|(code, _)| detail.contains(code)).map_or("", |(_, hint)| hint)
}

impl LinkError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Address(_) | Self::Certificate { .. } => false,
            Self::Away { .. } => true,
            Self::Refused { later, .. } => *later,
        }
    }
}

/// One connection to Redis: to a server, to the master that Sentinels name, or to the one server that holds all slots of a Cluster. Where it is is
/// asked anew for each connection, so that a failover is followed.
pub struct Link {
    address: Address,
    /// Who we are to Sentinels.
    sentinel_login: RedisConnectionInfo,
    tls: Option<TlsCertificates>,
    connection: Mutex<Option<MultiplexedConnection>>,
    /// Connections made so far.
    made: AtomicU64,
}

impl Link {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`LinkError::Address`]; [`LinkError::Certificate`] where a file of the TLS settings can't be read.
    pub fn new(settings: &settings::Redis) -> Result<Self, LinkError> {
        let mut address = Address::parse(&settings.addr).map_err(LinkError::Address)?;
        let mut login = address.login.clone().set_lib_name("leadline", env!("CARGO_PKG_VERSION"));
        if settings.db != 0 {
            login = login.set_db(settings.db);
        }
        if !settings.username.is_empty() {
            login = login.set_username(&settings.username);
        }
        if !settings.password.is_empty() {
            login = login.set_password(&settings.password);
        }
        if matches!(address.place, Place::Cluster(_)) && login.db() != 0 {
            return Err(LinkError::Address("a Cluster has one database; REDIS_DB must be 0".to_owned()));
        }
        address.login = login;
        let mut sentinel_login = RedisConnectionInfo::default();
        if !settings.sentinel_username.is_empty() {
            sentinel_login = sentinel_login.set_username(&settings.sentinel_username);
        }
        if !settings.sentinel_password.is_empty() {
            sentinel_login = sentinel_login.set_password(&settings.sentinel_password);
        }
        let tls = certificates(&settings.tls)?;
        tls::provide();
        let link = Self { address, sentinel_login, tls, connection: Mutex::new(None), made: AtomicU64::new(0) };
        // Certificates that can't be used are told now.
        if let Place::Server(addr) = &link.address.place {
            link.client(addr.clone(), link.address.login.clone())?;
        }
        Ok(link)
    }

    fn client(&self, addr: ConnectionAddr, login: RedisConnectionInfo) -> Result<Client, LinkError> {
        let secure = matches!(addr, ConnectionAddr::TcpTls { .. });
        let made = address::info(addr, login).and_then(|info| match &self.tls {
            Some(tls) if secure => Client::build_with_tls(info, tls.clone()),
            _ => Client::open(info),
        });
        made.map_err(|error| LinkError::Address(error.to_string()))
    }

    /// Sends a pipeline and waits for its answers, in one round trip.
    ///
    /// # Errors
    /// [`LinkError::Away`] when Redis can't be reached or doesn't answer in time: the pipeline may or may not have been carried out.
    /// [`LinkError::Refused`] when it answers with an error.
    pub async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        let mut connection = self.connection().await?;
        match tokio::time::timeout(CALL, pipeline.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let error = self.error(&error);
                if matches!(error, LinkError::Away { .. }) || error.may_pass() {
                    self.forget().await;
                }
                Err(error)
            }
            Err(_) => {
                self.forget().await;
                Err(self.away(format!("no answer within {} s", CALL.as_secs())))
            }
        }
    }

    /// The same, with the answer of each command that isn't ignored, for those whose errors have nothing to do with each other.
    ///
    /// # Errors
    /// [`LinkError::Away`]; what Redis answers with an error stands in its place among the answers.
    pub async fn run_each(&self, pipeline: &mut Pipeline) -> Result<Vec<Result<redis::Value, LinkError>>, LinkError> {
        let answers: Vec<redis::RedisResult<redis::Value>> = self.run(pipeline.ignore_errors()).await?;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|error| self.error(&error))).collect();
        if answers.iter().any(|answer| answer.as_ref().is_err_and(LinkError::may_pass)) {
            self.forget().await;
        }
        Ok(answers)
    }

    /// The number of the connection; it is made if there is none.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn ready(&self) -> Result<u64, LinkError> {
        self.connection().await?;
        Ok(self.connection_number())
    }

    /// The number of the newest connection. As long as it stays the same, Redis holds what it was told over it, unless somebody else changed it.
    #[must_use]
    pub fn connection_number(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Whether those who subscribe may do so at another server than this one, whose subscribers this one doesn't know.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        matches!(self.address.place, Place::Cluster(_))
    }

    /// The number of the database.
    #[must_use]
    pub fn db(&self) -> i64 {
        self.address.login.db()
    }

    /// The messages of a publish/subscribe channel, on a connection of their own; they end when it is lost.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn subscribe(&self, channel: &str) -> Result<impl Stream<Item = redis::Msg> + Send + Unpin + use<>, LinkError> {
        let client = self.find().await?;
        let subscribed = async {
            let mut pubsub = client.get_async_pubsub().await?;
            pubsub.subscribe(channel).await?;
            Ok::<_, redis::RedisError>(pubsub)
        };
        match tokio::time::timeout(CONNECT, subscribed).await {
            Ok(Ok(pubsub)) => Ok(pubsub.into_on_message()),
            Ok(Err(error)) => Err(self.error(&error)),
            Err(_) => Err(self.away(format!("no subscription within {} s", CONNECT.as_secs()))),
        }
    }

    /// The messages of all publish/subscribe channels whose names match a pattern; as [`Link::subscribe`].
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn subscribe_pattern(&self, pattern: &str) -> Result<impl Stream<Item = redis::Msg> + Send + Unpin + use<>, LinkError> {
        let client = self.find().await?;
        let subscribed = async {
            let mut pubsub = client.get_async_pubsub().await?;
            pubsub.psubscribe(pattern).await?;
            Ok::<_, redis::RedisError>(pubsub)
        };
        match tokio::time::timeout(CONNECT, subscribed).await {
            Ok(Ok(pubsub)) => Ok(pubsub.into_on_message()),
            Ok(Err(error)) => Err(self.error(&error)),
            Err(_) => Err(self.away(format!("no subscription within {} s", CONNECT.as_secs()))),
        }
    }

    /// Waits until Redis answers, telling about it once; `stop` ends the wait.
    ///
    /// # Errors
    /// An error that waiting can't mend (wrong password, wrong database).
    pub async fn wait(&self, stop: &tokio_util::sync::CancellationToken) -> Result<(), LinkError> {
        let mut told = false;
        loop {
            let error = match self.run::<()>(redis::pipe().cmd("PING").ignore()).await {
                Ok(()) => {
                    if told {
                        tracing::info!(redis = self.address.shown.as_str(), "Redis is there");
                    }
                    return Ok(());
                }
                Err(error) if error.may_pass() => error,
                Err(error) => return Err(error),
            };
            if !told {
                tracing::warn!("waiting: {error}");
                told = true;
            }
            tokio::select! {
                () = stop.cancelled() => return Err(error),
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, LinkError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let client = self.find().await?;
        let connection = self.connect(&client).await?;
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(slot.insert(connection).clone())
    }

    async fn connect(&self, client: &Client) -> Result<MultiplexedConnection, LinkError> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(CALL));
        match tokio::time::timeout(CONNECT, client.get_multiplexed_async_connection_with_config(&config)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.error(&error)),
            Err(_) => Err(self.away(format!("no connection within {} s", CONNECT.as_secs()))),
        }
    }

    /// The server to connect to.
    async fn find(&self) -> Result<Client, LinkError> {
        let login = self.address.login.clone();
        match &self.address.place {
            Place::Server(addr) => self.client(addr.clone(), login),
            Place::Sentinels(sentinels, master) => {
                let mut why = Vec::new();
                for sentinel in sentinels {
                    match self.ask_sentinel(sentinel, master).await {
                        Ok(addr) => return self.client(addr, login),
                        Err(error) => why.push(format!("{sentinel}: {}", first_line(&error))),
                    }
                }
                Err(self.away(format!("no Sentinel says where the master `{master}` is ({})", why.join("; "))))
            }
            Place::Cluster(nodes) => {
                let mut why = Vec::new();
                for node in nodes {
                    match self.ask_node(node).await {
                        Ok(addr) => return self.client(addr, login),
                        Err(error @ LinkError::Address(_)) => return Err(error),
                        Err(error) => why.push(format!("{node}: {}", first_line(&error))),
                    }
                }
                Err(self.away(format!("no server of the Cluster answers ({})", why.join("; "))))
            }
        }
    }

    /// Where a Sentinel says that the master is, if that server says so too: just after a failover it may still be a replica.
    async fn ask_sentinel(&self, sentinel: &ConnectionAddr, master: &str) -> Result<ConnectionAddr, LinkError> {
        let mut connection = self.connect(&self.client(sentinel.clone(), self.sentinel_login.clone())?).await?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let (host, port) = match self.within(ask.query_async::<Option<(String, u16)>>(&mut connection)).await? {
            Some(addr) => addr,
            None => return Err(self.away(format!("it doesn't know a master `{master}`"))),
        };
        let addr = address::elsewhere(sentinel, &host, port);
        let mut connection = self.connect(&self.client(addr.clone(), self.address.login.clone())?).await?;
        let role: Vec<redis::Value> = self.within(redis::cmd("ROLE").query_async(&mut connection)).await?;
        match role.first().map(redis::from_redis_value_ref::<String>) {
            Some(Ok(role)) if role == "master" => Ok(addr),
            _ => Err(self.away(format!("it names {addr}, which isn't a master (yet)"))),
        }
    }

    /// The server that holds all slots of the Cluster, as one of its servers says.
    async fn ask_node(&self, node: &ConnectionAddr) -> Result<ConnectionAddr, LinkError> {
        type Slots = Vec<(u16, u16, Vec<redis::Value>)>;
        let mut connection = self.connect(&self.client(node.clone(), self.address.login.clone())?).await?;
        let mut ask = redis::cmd("CLUSTER");
        ask.arg("SLOTS");
        let answer: Vec<Vec<redis::Value>> = self.within(ask.query_async(&mut connection)).await?;
        let slots: Slots = answer
            .iter()
            .filter_map(|range| {
                let number = |at: usize| range.get(at).and_then(|value| redis::from_redis_value_ref::<u16>(value).ok());
                Some((number(0)?, number(1)?, range.get(2).and_then(|value| redis::from_redis_value_ref(value).ok())?))
            })
            .collect();
        let mut masters: Vec<(String, u16)> = slots
            .iter()
            .filter_map(|(_, _, master)| {
                let host = redis::from_redis_value_ref::<String>(master.first()?).unwrap_or_default();
                Some((host, redis::from_redis_value_ref(master.get(1)?).ok()?))
            })
            .collect();
        let covered: u32 = slots.iter().map(|(from, to, _)| u32::from(*to) + 1 - u32::from(*from)).sum();
        masters.sort_unstable();
        masters.dedup();
        match &masters[..] {
            [_] if covered != 16_384 => Err(self.away(format!("the Cluster has servers for {covered} of 16384 slots"))),
            // A server that doesn't know its own address is the one that was asked.
            [(host, _)] if host.is_empty() => Ok(node.clone()),
            [(host, port)] => Ok(address::elsewhere(node, host, *port)),
            [] => Err(self.away("the Cluster has no slots assigned".to_owned())),
            several => Err(LinkError::Address(format!(
                "the slots of this Cluster lie on {} servers, and this version works with one that holds them all (and its replicas)",
                several.len()
            ))),
        }
    }

    /// An answer in time.
    async fn within<T>(&self, call: impl Future<Output = redis::RedisResult<T>>) -> Result<T, LinkError> {
        match tokio::time::timeout(CALL, call).await {
            Ok(answer) => answer.map_err(|error| self.error(&error)),
            Err(_) => Err(self.away(format!("no answer within {} s", CALL.as_secs()))),
        }
    }

    async fn forget(&self) {
        *self.connection.lock().await = None;
    }

    fn away(&self, detail: String) -> LinkError {
        LinkError::Away { addr: self.address.shown.clone(), detail }
    }

    fn error(&self, error: &redis::RedisError) -> LinkError {
        if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() || error.is_connection_refusal() {
            return self.away(error.to_string());
        }
        // What a server says while it starts, fails over or waits for its replicas.
        const LATER: [&str; 10] =
            ["OOM", "LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "MISCONF"];
        // A pipeline's error has no code of its own: those of its commands are asked.
        let codes = error.clone().into_server_errors();
        let later = error.code().is_some_and(|code| LATER.contains(&code))
            || codes.is_some_and(|errors| errors.iter().any(|(_, error)| LATER.contains(&error.code())));
        LinkError::Refused { addr: self.address.shown.clone(), detail: error.to_string(), later }
    }
}

fn first_line(error: &LinkError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The certificates that the settings name; none: those of the system.
fn certificates(tls: &settings::Tls) -> Result<Option<TlsCertificates>, LinkError> {
    let read = |setting: &'static str, file: &Option<PathBuf>| {
        let Some(file) = file else { return Ok(None) };
        let refused = |detail: String| LinkError::Certificate { setting, file: file.clone(), detail };
        let pem = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
        if !pem.windows(11).any(|bytes| bytes == b"-----BEGIN ") { Err(refused("it holds no PEM".to_owned())) } else { Ok(Some(pem)) }
    };
    let (ca, cert, key) = (read("REDIS_TLS_CA", &tls.ca)?, read("REDIS_TLS_CERT", &tls.cert)?, read("REDIS_TLS_KEY", &tls.key)?);
    let client_tls = cert.zip(key).map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
    Ok((ca.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert: ca }))
}
