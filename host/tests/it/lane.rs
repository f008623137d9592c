//! The buffered lane through a real Redis List: in order, each reading once, and nothing lost with a consumer that dies.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Redis, components, settings, until};
use leadline_host::analysis::{Crew, Engine, load_folder};
use leadline_host::clock::Arrival;
use leadline_host::config::settings::Lane;
use leadline_host::lanes::codec::LaneFrame;
use leadline_host::lanes::{Consumer, Producer};
use leadline_host::monitor::Monitor;
use leadline_host::results::Link;
use leadline_market::{Decoder, Message, TrackedBook, Verdict, infer};
use leadline_simulator::Generated;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const KEY: &str = "buffer:{analysis:BTC-USDT}";
const STATE: &str = "state:{analysis:BTC-USDT}";

/// One run of a host's buffered lane for BTC-USDT.
struct Run {
    producer: Arc<Producer>,
    monitor: Arc<Monitor>,
    crew: Crew,
    link: Box<dyn Fn() -> Link>,
    /// Ends the producer.
    sending: CancellationToken,
    lane: Lane,
}

impl Run {
    fn new(redis: &Redis, run: u64, lane: Lane) -> Self {
        let settings = settings(redis, "ws://127.0.0.1:1", &[]);
        let plugins = load_folder(&Engine::new().expect("an engine"), &components("plugins"), settings.plugins.budget).expect("they load");
        let monitor = Arc::new(Monitor::default());
        Self {
            producer: Producer::new(run, lane, Arc::clone(&monitor)),
            crew: Crew::start(&plugins, &(Arc::new(|_| {}) as leadline_host::analysis::Sink)).expect("threads"),
            monitor,
            link: Box::new(move || Link::new(&settings.redis).expect("an address")),
            sending: CancellationToken::new(),
            lane,
        }
    }

    /// Pushes frames `from..to` of the generated market into the List; answers the last sequence number.
    async fn push(&self, from: usize, to: usize) -> i64 {
        let frames = leadline_simulator::frames(&Generated { pairs: 1, start_ms: Some(1_800_000_000_000), ..Generated::default() })
            .expect("a market");
        let (mut decoder, mut tracked) = (Decoder::new(), TrackedBook::new());
        let queue = self.producer.queue(&"BTC-USDT".into());
        let mut last = 0;
        for (index, text) in frames.take(to).enumerate() {
            let Ok(Message::Books(books)) = decoder.decode(text.as_bytes()) else { panic!("a book frame") };
            let Verdict::Applied(applied) = tracked.apply(&books[0]) else { panic!("a good frame") };
            if index >= from {
                self.producer.push(&queue, &tracked, &applied, &books[0], Arrival::now());
                last = books[0].sequence.expect("an id");
            }
        }
        let sender = tokio::spawn(Arc::clone(&self.producer).run((self.link)(), self.sending.clone()));
        // It sends what waits before it ends.
        self.sending.cancel();
        sender.await.expect("it ends");
        last
    }

    /// Consumes the List until this reading is published, and ends.
    async fn consume(&self, redis: &Redis, last: i64) {
        let stop = CancellationToken::new();
        let consumer = tokio::spawn(self.consumer().run(stop.clone()));
        settled(redis, last).await;
        stop.cancel();
        consumer.await.expect("it ends");
    }

    fn consumer(&self) -> Consumer {
        let pair: Arc<str> = "BTC-USDT".into();
        let (known, instrument) = watch::channel(Some(Arc::new(infer("BTC-USDT", 1, 8))));
        // The instrument is known for good.
        std::mem::forget(known);
        Consumer {
            run: self.producer.run_id(),
            queue: self.producer.queue(&pair),
            pair,
            desks: self.crew.buffered.clone(),
            memory: self.crew.memory.clone(),
            instrument,
            link: Arc::new((self.link)()),
            lane: self.lane,
            publication: Arc::default(),
            monitor: Arc::clone(&self.monitor),
        }
    }
}

async fn settled(redis: &Redis, sequence: i64) {
    until("the last reading is published and nothing waits", async || {
        redis.field("analysis:BTC-USDT", "liquidity.sequence").await == sequence.to_string() && redis.ask::<i64>(&["LLEN", KEY]).await == 0
    })
    .await;
}

const LANE: Lane =
    Lane { keyframe_every: 100, max_frames: 6000, checkpoint_every: Duration::from_secs(3600), max_age: Duration::from_secs(3600) };

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_is_analysed_in_order_and_its_reading_published_once() {
    let redis = Redis::start().await;
    let run = Run::new(&redis, 1, LANE);
    let last = run.push(0, 500).await;
    let bytes: i64 = redis.ask::<Option<i64>>(&["MEMORY", "USAGE", KEY, "SAMPLES", "0"]).await.expect("the List");
    assert!(bytes / 500 <= 1536, "{} bytes a frame in the List", bytes / 500);
    run.consume(&redis, last).await;
    assert_eq!(run.monitor.counters.readings.get(), 1000, "two plugins, 500 books");
    assert_eq!(run.monitor.counters.lane_dropped.get(), 0);
    assert_eq!(redis.field(&format!("{KEY}:position"), "index").await, "499");
    // The checkpoint of the stop.
    assert_eq!(redis.ask::<i64>(&["LLEN", &format!("{KEY}:processing")]).await, 0);
    let mut kept: Vec<String> = redis.ask(&["HKEYS", STATE]).await;
    kept.sort();
    assert_eq!(kept, ["depth_anomaly", "lane:book", "liquidity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_consumer_had_taken_is_finished_by_the_next_and_published_once() {
    let redis = Redis::start().await;
    let first = Run::new(&redis, 1, LANE);
    let last = first.push(0, 200).await;
    // A consumer that died after taking 60 frames, before it published: they stand in the processing List.
    for _ in 0..60 {
        redis
            .ask::<String>(&["EVAL", "redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) return 'ok'", "2", KEY, &format!("{KEY}:processing")])
            .await;
    }
    let second = Run::new(&redis, 2, LANE);
    second.consume(&redis, last).await;
    assert_eq!(second.monitor.counters.readings.get(), 400, "200 books, two plugins, none twice, none lost");
    assert_eq!(
        second.monitor.latency.summary(leadline_host::analysis::LaneKind::Buffered).count,
        0,
        "another run's clock measures nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_drops_its_oldest_frames_counts_them_and_goes_on_from_a_keyframe() {
    let redis = Redis::start().await;
    let run = Run::new(&redis, 1, Lane { keyframe_every: 40, max_frames: 100, ..LANE });
    let last = run.push(0, 250).await;
    assert_eq!(redis.ask::<i64>(&["LLEN", KEY]).await, 100);
    assert_eq!(run.monitor.counters.lane_dropped.get(), 150);
    run.consume(&redis, last).await;
    // Frames 150 to 159 have no keyframe before them: dropped and counted, as the 150 before.
    assert_eq!(run.monitor.counters.lane_dropped.get(), 160);
    assert_eq!(run.monitor.counters.readings.get(), 180);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_bytes_in_the_list_are_dropped_and_the_lane_goes_on() {
    let redis = Redis::start().await;
    redis.ask::<i64>(&["LPUSH", KEY, "somebody else's"]).await;
    let run = Run::new(&redis, 1, LANE);
    let last = run.push(0, 20).await;
    run.consume(&redis, last).await;
    assert_eq!(run.monitor.counters.lane_dropped.get(), 1);
    assert_eq!(run.monitor.counters.readings.get(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_holds_a_keyframe_and_then_changes() {
    let redis = Redis::start().await;
    let run = Run::new(&redis, 1, Lane { keyframe_every: 10, max_frames: 1000, ..LANE });
    run.push(0, 31).await;
    let frames: Vec<Vec<u8>> = redis.ask(&["LRANGE", KEY, "0", "-1"]).await;
    let keyframes: Vec<u64> = frames
        .iter()
        .rev()
        .map(|bytes| LaneFrame::decode(bytes).expect("ours"))
        .filter(|frame| frame.keyframe)
        .map(|frame| frame.index)
        .collect();
    assert_eq!(keyframes, [0, 10, 20, 30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_another_version_is_gone_without_and_the_lane_begins_at_the_next_keyframe() {
    let redis = Redis::start().await;
    for (field, bytes) in [("lane:book", "C\u{9}..."), ("liquidity", "S\u{9}..."), ("depth_anomaly", "")] {
        redis.ask::<i64>(&["HSET", STATE, field, bytes]).await;
    }
    let run = Run::new(&redis, 1, LANE);
    let last = run.push(0, 20).await;
    run.consume(&redis, last).await;
    assert_eq!(run.monitor.counters.readings.get(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_older_than_they_may_be_are_dropped_and_counted() {
    let redis = Redis::start().await;
    let run = Run::new(&redis, 1, Lane { max_age: Duration::ZERO, ..LANE });
    run.push(0, 20).await;
    let stop = CancellationToken::new();
    let consumer = tokio::spawn(run.consumer().run(stop.clone()));
    until("all are dropped", async || run.monitor.counters.lane_dropped.get() == 20).await;
    stop.cancel();
    consumer.await.expect("it ends");
    assert_eq!(run.monitor.counters.readings.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_keep_what_they_have_gathered_when_redis_comes_back_empty() {
    let redis = Redis::start().await;
    let run = Run::new(&redis, 1, LANE);
    let last = run.push(0, 100).await;
    let stop = CancellationToken::new();
    let consumer = tokio::spawn(run.consumer().run(stop.clone()));
    settled(&redis, last).await;
    redis.ask::<String>(&["FLUSHALL"]).await;
    let second = Run::new(&redis, 2, LANE);
    let last = second.push(99, 150).await;
    settled(&redis, last).await;
    stop.cancel();
    consumer.await.expect("it ends");
    // The other run began at the book at which the lane stood: no break, and that book isn't analysed again.
    assert_eq!(run.monitor.counters.readings.get(), 2 * (100 + 50));
    assert_eq!(run.monitor.counters.lane_dropped.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_another_took_over_is_looked_up_anew_and_nothing_is_published_twice() {
    let redis = Redis::start().await;
    let run = Run::new(&redis, 1, LANE);
    let last = run.push(0, 100).await;
    let stop = CancellationToken::new();
    let consumer = tokio::spawn(run.consumer().run(stop.clone()));
    settled(&redis, last).await;
    // As after the loss of the last writes: Redis has the lane at an earlier frame.
    redis.ask::<i64>(&["HSET", &format!("{KEY}:position"), "index", "89"]).await;
    let second = Run::new(&redis, 2, LANE);
    let last = second.push(100, 150).await;
    settled(&redis, last).await;
    stop.cancel();
    consumer.await.expect("it ends");
    assert_eq!(redis.field(&format!("{KEY}:position"), "run").await, "2");
    // 100 frames, the ten behind the place that Redis says once more, and the 50 that came.
    assert_eq!(run.monitor.counters.readings.get(), 2 * (100 + 10 + 50));
}
