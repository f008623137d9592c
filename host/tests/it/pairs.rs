//! The wanted Set of pairs and the instruments behind them, on a real Redis and a simulated exchange.

use crate::support::{Redis, components, settings, until};
use leadline_host::config::Settings;
use leadline_host::host::Host;
use leadline_simulator::{Control, Generated, Options, Served};
use tokio_util::sync::CancellationToken;

/// A host, a Redis, an exchange with all its pairs and one plugin a lane.
struct Rig {
    redis: Redis,
    host: Host,
    control: Control,
    rest: String,
    _plugins: tempfile::TempDir,
    _exchange: tokio::task::JoinHandle<()>,
}

impl Rig {
    async fn start(redis: Redis, more: &[(&str, &str)]) -> Self {
        let control = Control::new();
        let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let options = Options {
            served: Served::Generated(Generated { swaps: true, ..Generated::default() }),
            control: control.clone(),
            ..Options::default()
        };
        let exchange = tokio::spawn(async move {
            let _ = leadline_simulator::serve(listener, options, std::future::pending()).await;
        });
        let plugins = tempfile::tempdir().expect("a folder");
        for name in ["large_orders.wasm", "liquidity.wasm"] {
            std::fs::copy(components("plugins").join(name), plugins.path().join(name)).expect("a plugin");
        }
        let (rest, folder) = (format!("http://{address}"), plugins.path().display().to_string());
        let mut all = more.to_vec();
        all.extend([("OKX_REST_URL", rest.as_str()), ("PLUGIN_DIR", folder.as_str())]);
        let mut settings: Settings = settings(&redis, &format!("ws://{address}/ws/v5/public"), &all);
        settings.okx.pace.refused = std::time::Duration::from_millis(300);
        let host = Host::start(settings, "test".to_owned(), &CancellationToken::new()).await.expect("it starts").expect("not stopped");
        Self { redis, host, control, rest, _plugins: plugins, _exchange: exchange }
    }

    async fn add(&self, pairs: &[&str]) {
        let words: Vec<&str> = ["SADD", "config:trading_pairs"].into_iter().chain(pairs.iter().copied()).collect();
        self.redis.ask::<i64>(&words).await;
    }

    /// Waits for a reading of a pair.
    async fn reading(&self, pair: &str) {
        until(&format!("{pair} has a reading"), async || {
            !self.redis.field(&format!("analysis:{pair}"), "large_orders.sequence").await.is_empty()
        })
        .await;
    }

    async fn state(&self, pair: &str, word: &str) {
        until(&format!("{pair} is {word}"), async || self.redis.field(&format!("feed:{pair}"), "state").await == word).await;
    }

    async fn monitoring(&self, field: &str, value: &str) {
        until(&format!("{field} is {value}"), async || self.redis.field("system:monitoring", field).await == value).await;
    }

    async fn fault(&self, text: &str) {
        self.control.inject(&text.parse().expect("a fault")).await.expect("brought about");
    }
}

/// With an hour between polls, only a notification can have done it.
#[tokio::test(flavor = "multi_thread")]
async fn r10_sadd_and_srem_act_at_once_where_redis_tells_of_changes() {
    let redis = Redis::start().await;
    redis.ask::<String>(&["CONFIG", "SET", "notify-keyspace-events", "Kgsx"]).await;
    let rig = Rig::start(redis, &[("TRADING_PAIRS_POLL_INTERVAL", "3600")]).await;
    // Not before the host listens: the poll at its start must not be what finds the pair.
    until("the host listens", async || {
        rig.redis.ask::<Vec<redis::Value>>(&["PUBSUB", "NUMSUB", "__keyspace@0__:config:trading_pairs"]).await[1] == redis::Value::Int(1)
    })
    .await;
    until("the Set was read", async || !rig.redis.field("system:monitoring", "last_config_check").await.is_empty()).await;
    rig.add(&["SOL-USDT"]).await;
    rig.reading("SOL-USDT").await;
    rig.redis.ask::<i64>(&["SREM", "config:trading_pairs", "SOL-USDT"]).await;
    until("its keys are gone", async || rig.redis.ask::<Vec<String>>(&["KEYS", "*SOL-USDT*"]).await.is_empty()).await;
    rig.add(&["BTC-USDT", "ETH-USDT"]).await;
    rig.reading("BTC-USDT").await;
    rig.reading("ETH-USDT").await;
    rig.redis.ask::<i64>(&["DEL", "config:trading_pairs"]).await;
    until("all pairs have stopped", async || rig.host.monitor.board.pairs().is_empty()).await;
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_without_notifications_the_poll_finds_what_changed() {
    let rig = Rig::start(Redis::start().await, &[]).await;
    rig.add(&["SOL-USDT"]).await;
    rig.reading("SOL-USDT").await;
    assert_eq!(rig.redis.ask::<Vec<String>>(&["CONFIG", "GET", "notify-keyspace-events"]).await[1], "");
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_the_tenth_pair_runs_the_eleventh_is_left_out_by_name_and_comes_in_when_there_is_room() {
    let redis = Redis::start().await;
    let rig = Rig::start(redis, &[("OKX_PAIRS_PER_CONNECTION", "5")]).await;
    rig.add(&["BTC-USDT-SWAP", "BTC-USD-SWAP"]).await;
    rig.reading("BTC-USDT-SWAP").await;
    rig.reading("BTC-USD-SWAP").await;
    let names: Vec<String> = rig.control.connections().into_iter().flat_map(|connection| connection.pairs).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // Ten more at once: the two that run stay, the first eight by alphabet come in.
    let spot = spot_pairs(&rig).await;
    assert_eq!(spot.len(), 10);
    rig.add(&spot.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut sorted = spot.clone();
    sorted.sort();
    for pair in &sorted[..8] {
        rig.reading(pair).await;
    }
    rig.monitoring("pairs_left_out", &sorted[8..].join(",")).await;
    assert_eq!(rig.host.monitor.board.pairs().len(), 10);
    assert_eq!(rig.control.connections().len(), 2, "five pairs a connection");
    rig.redis.ask::<i64>(&["SREM", "config:trading_pairs", "BTC-USD-SWAP"]).await;
    rig.reading(&sorted[8]).await;
    rig.monitoring("pairs_left_out", &sorted[9]).await;
    rig.monitoring("active_pairs", "10").await;
    rig.host.stop().await;
}

async fn spot_pairs(rig: &Rig) -> Vec<String> {
    use leadline_host::okx::{Proxies, Rest};
    let settings = settings(&rig.redis, "ws://127.0.0.1:1", &[("OKX_REST_URL", &rig.rest)]);
    let rest = Rest::new(&settings.okx, std::sync::Arc::new(Proxies::none())).expect("a client");
    rest.list("instType=SPOT").await.expect("a listing").into_iter().map(|instrument| instrument.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_checked_and_an_unknown_instrument_is_refused_by_name_and_taken_once_it_is_listed() {
    let rig = Rig::start(Redis::start().await, &[]).await;
    rig.add(&["BTC-USDT", "NONSENSE-USDT", "no name at all", "btc-usdt"]).await;
    rig.reading("BTC-USDT").await;
    rig.state("NONSENSE-USDT", "refused").await;
    let reason = rig.redis.field("feed:NONSENSE-USDT", "reason").await;
    assert_eq!(reason, "unlisted: the exchange lists no instrument NONSENSE-USDT");
    rig.monitoring("pairs_refused", "btc-usdt,no name at all").await;
    rig.state("BTC-USDT", "live").await;
    // Nothing was asked of the exchange's WebSocket for a pair that it doesn't list.
    assert_eq!(rig.control.connections().len(), 1);
    // An instrument that goes and comes back: refused by name, its keys on their way out, and all well again.
    rig.fault("delist:BTC-USDT:state=gone").await;
    rig.state("BTC-USDT", "refused").await;
    let position = "buffer:{analysis:BTC-USDT}:position";
    until("its keys have an end", async || {
        let mut ends = true;
        for key in ["analysis:BTC-USDT", "orderbook:BTC-USDT", position] {
            ends &= (1..=3600).contains(&rig.redis.ask::<i64>(&["TTL", key]).await);
        }
        ends
    })
    .await;
    rig.fault("relist:BTC-USDT").await;
    rig.state("BTC-USDT", "live").await;
    until("its frames have no end", async || rig.redis.ask::<i64>(&["TTL", position]).await == -1).await;
    rig.host.stop().await;
}

/// What a killed host left of a pair that was taken away meanwhile must not look alive.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_killed_host_left_are_removed_where_nobody_wants_the_pair_any_more() {
    let redis = Redis::start().await;
    let old = ["state", "live", "written_at", "2026-01-01T00:00:00.000Z"];
    let fresh = ["state", "live", "written_at", "2999-01-01T00:00:00.000Z"];
    for (key, fields) in [("feed:XRP-USDT", old), ("feed:BTC-USDT", old), ("feed:ADA-USDT", fresh)] {
        let words: Vec<&str> = ["HSET", key].into_iter().chain(fields).collect();
        redis.ask::<i64>(&words).await;
    }
    redis.ask::<i64>(&["HSET", "feed:SOMEBODY-ELSES", "what", "ever"]).await;
    redis.ask::<i64>(&["HSET", "analysis:XRP-USDT", "support_level_1", "1"]).await;
    // Everything else of it has expired by now.
    redis.ask::<i64>(&["RPUSH", "buffer:{analysis:DOGE-USDT}", "a frame"]).await;
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let rig = Rig::start(redis, &[]).await;
    rig.reading("BTC-USDT").await;
    for pair in ["*XRP-USDT*", "*DOGE-USDT*"] {
        until("what was left is gone", async || rig.redis.ask::<Vec<String>>(&["KEYS", pair]).await.is_empty()).await;
    }
    rig.state("BTC-USDT", "live").await;
    assert_eq!(rig.redis.ask::<i64>(&["EXISTS", "feed:ADA-USDT", "feed:SOMEBODY-ELSES"]).await, 2, "another host's, and somebody else's");
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_key_of_the_wrong_type_costs_its_own_pair_and_nothing_else() {
    let redis = Redis::start().await;
    redis.ask::<String>(&["SET", "orderbook:ETH-USDT", "no Hash"]).await;
    let rig = Rig::start(redis, &[]).await;
    rig.add(&["BTC-USDT", "ETH-USDT"]).await;
    rig.reading("BTC-USDT").await;
    rig.reading("ETH-USDT").await;
    until("the refusal is counted", async || rig.host.monitor.counters.redis_errors.get() > 0).await;
    let sequence = rig.redis.field("orderbook:BTC-USDT", "sequence").await;
    until("the other pair's book goes on", async || rig.redis.field("orderbook:BTC-USDT", "sequence").await != sequence).await;
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tick_size_is_read_again_and_opens_the_plugins_anew() {
    let rig = Rig::start(Redis::start().await, &[("OKX_INSTRUMENTS_INTERVAL", "1")]).await;
    rig.add(&["BTC-USDT"]).await;
    // liquidity says how long it still warms up: less with each book, and all of it again once it is opened anew.
    let remaining = || {
        let pairs = rig.host.monitor.board.pairs();
        let readings = pairs.first()?.readings();
        readings.get("liquidity")?.outcome.reason()?.remaining_ms
    };
    until("it warms up", async || remaining().is_some()).await;
    let full = remaining().expect("it warms up");
    until("it has warmed up for a while", async || remaining().is_some_and(|left| left + 3000 < full)).await;
    let before = remaining().expect("it warms up");
    rig.fault("listing:BTC-USDT:tickSz=0.5").await;
    until("it starts over", async || remaining().is_some_and(|left| left > before + 2000)).await;
    rig.state("BTC-USDT", "live").await;
    assert_eq!(rig.host.monitor.counters.connects.get(), 1, "the book itself goes on");
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r13_a_redis_that_comes_back_without_its_data_stops_no_pair() {
    let rig = Rig::start(Redis::start().await, &[]).await;
    rig.add(&["BTC-USDT"]).await;
    rig.reading("BTC-USDT").await;
    let mut rig = rig;
    rig.redis.kill();
    until("the outage is noticed", async || rig.host.monitor.counters.redis_errors.get() > 0).await;
    rig.redis.forget_data();
    rig.redis.up().await;
    // Nobody took the pair away: readings are written again, and the Set stays missing.
    rig.reading("BTC-USDT").await;
    let checked = rig.redis.field("system:monitoring", "last_config_check").await;
    until("the Set is read again", async || rig.redis.field("system:monitoring", "last_config_check").await > checked).await;
    assert_eq!(rig.redis.ask::<i64>(&["EXISTS", "config:trading_pairs"]).await, 0);
    rig.state("BTC-USDT", "live").await;
    assert_eq!(rig.host.monitor.counters.connects.get(), 1);
    // Once it is written again it decides again.
    rig.add(&["ETH-USDT"]).await;
    until("BTC-USDT is gone", async || rig.host.monitor.board.pairs().iter().all(|cell| &*cell.pair == "ETH-USDT")).await;
    rig.host.stop().await;
}
