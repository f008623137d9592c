//! The ways to a Redis, each on a real one: users, databases, sockets, TLS, Sentinels, a Cluster; and one that refuses to write.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Redis, free_port, settings, until};
use leadline_host::config::settings::{Redis as Settings, Tls};
use leadline_host::host::Host;
use leadline_host::results::{Link, LinkError};
use leadline_simulator::{Generated, Options, Served};
use tokio_util::sync::CancellationToken;

/// A server with arguments of the test's, killed with it.
struct Server {
    child: Child,
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new("redis-server")
            .args(arguments)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: make setup");
        Self { child, _folder: Some(folder) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn at(addr: impl Into<String>) -> Settings {
    Settings {
        addr: addr.into(),
        password: String::new(),
        username: String::new(),
        db: 0,
        tls: Tls::default(),
        sentinel_username: String::new(),
        sentinel_password: String::new(),
    }
}

async fn ping(settings: &Settings) -> Result<(), LinkError> {
    Link::new(settings)?.run::<()>(redis::pipe().cmd("PING").ignore()).await
}

async fn answers(settings: &Settings) {
    until("redis-server answers", async || ping(settings).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_password_writes_into_a_database_of_its_own() {
    let redis = Redis::start().await;
    redis.ask::<String>(&["ACL", "SETUSER", "leadline", "on", ">s3cret", "~*", "&*", "+@all"]).await;
    let mine =
        Settings { username: "leadline".to_owned(), password: "s3cret".to_owned(), db: 3, ..at(format!("127.0.0.1:{}", redis.port)) };
    let link = Link::new(&mine).expect("an address");
    link.run::<()>(redis::pipe().cmd("SET").arg("here").arg("yes").ignore()).await.expect("written");
    assert_eq!(redis.ask::<Option<String>>(&["GET", "here"]).await, None, "not in database 0");
    let (who,): (String,) = link.run(redis::pipe().cmd("ACL").arg("WHOAMI")).await.expect("an answer");
    assert_eq!(who, "leadline");
    // The same in the address alone.
    let url = at(format!("redis://leadline:s3cret@127.0.0.1:{}/3", redis.port));
    let (value,): (String,) = Link::new(&url).expect("an address").run(redis::pipe().cmd("GET").arg("here")).await.expect("an answer");
    assert_eq!(value, "yes");
    let wrong = Settings { password: "guess".to_owned(), ..mine };
    let error = ping(&wrong).await.expect_err("refused");
    assert!(!error.may_pass() && error.to_string().contains("hint: REDIS_USERNAME and REDIS_PASSWORD"), "{error}");
    assert!(!error.to_string().contains("guess"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_file_is_as_good_as_a_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("redis.sock");
    let _server = Server::start(&["--port", "0", "--save", "", "--unixsocket", socket.to_str().expect("plain")]);
    answers(&at(format!("unix://{}", socket.display()))).await;
}

/// A CA, and certificates for the server and for us, made by openssl.
fn certificates(folder: &Path) {
    let openssl = |arguments: &[&str]| {
        let made = Command::new("openssl").args(arguments).current_dir(folder).stderr(Stdio::null()).status();
        assert!(made.expect("openssl is installed: make setup").success(), "openssl {arguments:?}");
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let ca = ["req", "-x509", "-subj", "/CN=a test's CA", "-keyout", "ca.key", "-out", "ca.crt"];
    openssl(&[&ca[..], &key].concat());
    for (name, more) in [("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")] {
        let (keyout, out, subject) = (format!("{name}.key"), format!("{name}.crt"), format!("/CN={name}"));
        let leaf = ["req", "-x509", "-CA", "ca.crt", "-CAkey", "ca.key", "-subj", &subject, "-keyout", &keyout, "-out", &out];
        openssl(&[&leaf[..], &key, &["-addext", more, "-addext", "basicConstraints=critical,CA:FALSE"]].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_shows_its_certificate_and_checks_the_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name);
    let text = |name: &str| file(name).display().to_string();
    let port = free_port();
    let _server = Server::start(&[
        "--port",
        "0",
        "--save",
        "",
        "--tls-port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--tls-auth-clients",
        "yes",
        "--tls-cert-file",
        &text("server.crt"),
        "--tls-key-file",
        &text("server.key"),
        "--tls-ca-cert-file",
        &text("ca.crt"),
    ]);
    let tls = Tls { ca: Some(file("ca.crt")), cert: Some(file("client.crt")), key: Some(file("client.key")) };
    let mine = Settings { tls: tls.clone(), ..at(format!("rediss://127.0.0.1:{port}")) };
    answers(&mine).await;
    let without = Settings { tls: Tls { cert: None, key: None, ..tls.clone() }, ..mine.clone() };
    assert!(ping(&without).await.is_err(), "the server wants a certificate");
    let other = tempfile::tempdir().expect("a folder");
    certificates(other.path());
    let stranger = Settings { tls: Tls { ca: Some(other.path().join("ca.crt")), ..tls.clone() }, ..mine.clone() };
    let error = ping(&stranger).await.expect_err("its CA is another").to_string();
    assert!(error.contains("certificate"), "{error}");
    let missing = Settings { tls: Tls { ca: Some(file("nowhere.crt")), ..tls }, ..mine };
    let error = ping(&missing).await.expect_err("there is no such file").to_string();
    assert!(error.contains("REDIS_TLS_CA") && error.contains("hint:"), "{error}");
}

/// A host on a generated market of one pair.
async fn host(redis: &Redis, addr: &str) -> (Host, tokio::task::JoinHandle<()>) {
    let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws/v5/public", listener.local_addr().expect("its address"));
    let options = Options { served: Served::Generated(Generated { pairs: 1, ..Generated::default() }), ..Options::default() };
    let exchange = tokio::spawn(async move {
        let _ = leadline_simulator::serve(listener, options, std::future::pending()).await;
    });
    let settings = settings(redis, &url, &[("REDIS_ADDR", addr)]);
    let host = Host::start(settings, "test".to_owned(), &CancellationToken::new()).await.expect("it starts").expect("not stopped");
    (host, exchange)
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_are_asked_where_the_master_is_and_a_failover_is_followed() {
    let (mut master, replica) = (Redis::start().await, Redis::start().await);
    replica.ask::<String>(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]).await;
    until("the replica is there", async || replica.ask::<String>(&["INFO", "replication"]).await.contains("master_link_status:up")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let conf = folder.path().join("sentinel.conf");
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
        master.port
    );
    std::fs::write(&conf, text).expect("written");
    let _sentinel = Server::start(&[conf.to_str().expect("plain"), "--sentinel"]);
    let sentinel = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("an address");
    until("the Sentinel knows the replica", async || {
        let Ok(mut connection) = sentinel.get_multiplexed_async_connection().await else { return false };
        let mut ask = redis::cmd("SENTINEL");
        let known: redis::RedisResult<Vec<redis::Value>> = ask.arg("REPLICAS").arg("main").query_async(&mut connection).await;
        known.is_ok_and(|replicas| replicas.len() == 1)
    })
    .await;
    master.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    // One of the Sentinels isn't there: the next is asked.
    let (host, exchange) = host(&master, &format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{port}/main", free_port())).await;
    until("the master has a reading", async || !master.field("analysis:BTC-USDT", "liquidity.sequence").await.is_empty()).await;
    until("the replica has it too", async || !replica.field("analysis:BTC-USDT", "liquidity.sequence").await.is_empty()).await;
    master.kill();
    // The Sentinel closes all connections of the one that it promotes.
    let promoted = redis::Client::open(format!("redis://127.0.0.1:{}", replica.port)).expect("an address");
    until("the replica is master", async || {
        let Ok(mut connection) = promoted.get_multiplexed_async_connection().await else { return false };
        let told: redis::RedisResult<String> = redis::cmd("INFO").arg("replication").query_async(&mut connection).await;
        told.is_ok_and(|told| told.contains("role:master"))
    })
    .await;
    let before = replica.field("analysis:BTC-USDT", "liquidity.sequence").await;
    until("readings come to the new master", async || replica.field("analysis:BTC-USDT", "liquidity.sequence").await != before).await;
    host.stop().await;
    exchange.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_one_server_takes_both_lanes_and_one_without_slots_is_said_to_have_none() {
    let redis = Redis::start_with(&["--cluster-enabled", "yes", "--save", ""]).await;
    let addr = format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", free_port(), redis.port);
    let error = ping(&at(&addr)).await.expect_err("no slots").to_string();
    assert!(error.contains("no slots"), "{error}");
    redis.ask::<String>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    until("the Cluster is well", async || redis.ask::<String>(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok")).await;
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let (host, exchange) = host(&redis, &addr).await;
    for field in ["liquidity.sequence", "large_orders.sequence"] {
        until("there are readings", async || !redis.field("analysis:BTC-USDT", field).await.is_empty()).await;
    }
    host.stop().await;
    assert!(redis.ask::<bool>(&["EXISTS", "state:{analysis:BTC-USDT}"]).await, "the checkpoint of the stop");
    exchange.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_refuses_writes_for_its_disks_sake_is_counted_and_the_lanes_go_on_once_it_takes_them() {
    let redis = Redis::start_with(&["--enable-protected-configs", "local"]).await;
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let (host, exchange) = host(&redis, &format!("127.0.0.1:{}", redis.port)).await;
    until("there are readings", async || !redis.field("analysis:BTC-USDT", "liquidity.sequence").await.is_empty()).await;
    // A snapshot that can't be written, as on a full disk: Redis then refuses every write with MISCONF.
    let moved = redis.folder().with_extension("away");
    std::fs::rename(redis.folder(), &moved).expect("moved");
    let gone = moved.join("dumps");
    std::fs::create_dir(&gone).expect("a folder");
    redis.ask::<String>(&["CONFIG", "SET", "dir", gone.to_str().expect("plain")]).await;
    std::fs::remove_dir_all(&gone).expect("gone");
    redis.ask::<String>(&["CONFIG", "SET", "save", "3600 1000000"]).await;
    redis.ask::<String>(&["BGSAVE"]).await;
    until("the failure is counted", async || host.monitor.counters.redis_errors.get() > 2).await;
    let stood = redis.field("analysis:BTC-USDT", "liquidity.sequence").await;
    redis.ask::<String>(&["CONFIG", "SET", "save", ""]).await;
    until("readings come again", async || redis.field("analysis:BTC-USDT", "liquidity.sequence").await != stood).await;
    assert_eq!(host.monitor.counters.lane_dropped.get(), 0);
    host.stop().await;
    exchange.abort();
    std::fs::rename(&moved, redis.folder()).expect("moved back");
}
