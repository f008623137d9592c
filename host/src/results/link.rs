//! A Redis connection that is made again after an error, with a time limit on every call.
//!
//! The library's own connection manager can hold calls for seconds while Redis is away; here a call fails in time, and the caller,
//! who knows what the data is worth, decides whether to try again.

use std::time::Duration;

use futures_util::Stream;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline};
use tokio::sync::Mutex;

use crate::config::settings;

/// Longest time for making a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest time for a call, by which a hanging server is told from a slow one.
const CALL: Duration = Duration::from_secs(2);

/// Why a call to Redis failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    /// The address can't be understood.
    #[error("REDIS_ADDR: {0}\nhint: host:port, redis://host:port or unix:///path")]
    Address(String),
    /// Nobody answers, or not in time.
    #[error("Redis at {addr} is not there: {detail}\nhint: start redis-server, or set REDIS_ADDR")]
    Away {
        /// The address.
        addr: String,
        /// Why.
        detail: String,
    },
    /// Redis answered with an error.
    #[error("Redis at {addr} refuses: {detail}")]
    Refused {
        /// The address.
        addr: String,
        /// What it says.
        detail: String,
        /// Whether the same call may succeed later: it is loading, or changing its role.
        later: bool,
    },
}

impl LinkError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Address(_) => false,
            Self::Away { .. } => true,
            Self::Refused { later, .. } => *later,
        }
    }
}

/// One connection to Redis.
pub struct Link {
    client: Client,
    addr: String,
    db: i64,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`LinkError::Address`].
    pub fn new(settings: &settings::Redis) -> Result<Self, LinkError> {
        let address = |error: redis::RedisError| LinkError::Address(error.to_string());
        let url = if settings.addr.contains("://") { settings.addr.clone() } else { format!("redis://{}", settings.addr) };
        let info = url.as_str().into_connection_info().map_err(address)?;
        let mut login = info.redis_settings().clone().set_lib_name("leadline", env!("CARGO_PKG_VERSION"));
        if settings.db != 0 {
            login = login.set_db(settings.db);
        }
        if !settings.username.is_empty() {
            login = login.set_username(&settings.username);
        }
        if !settings.password.is_empty() {
            login = login.set_password(&settings.password);
        }
        // The address as shown: a password in a URL must not reach a log.
        let addr = url.rsplit_once('@').map_or_else(|| settings.addr.clone(), |(_, host)| host.to_owned());
        let db = login.db();
        let client = Client::open(info.set_redis_settings(login)).map_err(address)?;
        Ok(Self { client, addr, db, connection: Mutex::new(None) })
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

    /// The number of the database.
    #[must_use]
    pub fn db(&self) -> i64 {
        self.db
    }

    /// The messages of a publish/subscribe channel, on a connection of their own; they end when it is lost.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn subscribe(&self, channel: &str) -> Result<impl Stream<Item = redis::Msg> + Send + Unpin + use<>, LinkError> {
        let subscribed = async {
            let mut pubsub = self.client.get_async_pubsub().await?;
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
        let subscribed = async {
            let mut pubsub = self.client.get_async_pubsub().await?;
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
                        tracing::info!(redis = self.addr.as_str(), "Redis is there");
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
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(CALL));
        let connection = match tokio::time::timeout(CONNECT, self.client.get_multiplexed_async_connection_with_config(&config)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(self.error(&error)),
            Err(_) => return Err(self.away(format!("no connection within {} s", CONNECT.as_secs()))),
        };
        Ok(slot.insert(connection).clone())
    }

    async fn forget(&self) {
        *self.connection.lock().await = None;
    }

    fn away(&self, detail: String) -> LinkError {
        LinkError::Away { addr: self.addr.clone(), detail }
    }

    fn error(&self, error: &redis::RedisError) -> LinkError {
        if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() || error.is_connection_refusal() {
            return self.away(error.to_string());
        }
        // What a server says while it starts, fails over or waits for its replicas.
        const LATER: [&str; 9] = ["LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "MISCONF"];
        // A pipeline's error has no code of its own: those of its commands are asked.
        let codes = error.clone().into_server_errors();
        let later = error.code().is_some_and(|code| LATER.contains(&code))
            || codes.is_some_and(|errors| errors.iter().any(|(_, error)| LATER.contains(&error.code())));
        LinkError::Refused { addr: self.addr.clone(), detail: error.to_string(), later }
    }
}
