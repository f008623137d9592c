//! Both homes give the same answers: random histories, random questions.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use leadline_host::history::History;
use leadline_host::history::entry::{AlertEntry, BookEntry, BookLevel, Entry, Measurement, Sample, Value};
use leadline_host::history::query::{AlertQuery, Name, RangeQuery, Selection, Span, WindowQuery};
use leadline_market::Side;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::front::{Front, Judge};
use super::model::Model;
use super::samples::{MS, START_NS, all_of, embedded, influx, named};
use crate::support::until;

const PAIRS: [&str; 3] = ["BTC-USDT", "ETH-USDT", "BTC-USD-SWAP"];
const PLUGINS: [&str; 2] = ["liquidity", "depth_anomaly"];
/// Field names, and whether they hold numbers.
const FIELDS: [(&str, bool); 4] =
    [("liquidity_index", true), ("depth_anomaly_score", true), ("liquidity_alert", false), ("own.width", true)];
/// Times lie within two days, so that two files are asked.
const SPAN_MS: i64 = 2 * 86_400_000;

fn time() -> impl Strategy<Value = i64> {
    // Many meet at the same windows, and some at the turn of a day (14 h after the start).
    prop_oneof![0..SPAN_MS, 50_399_990..50_400_010_i64, 1000..1100_i64].prop_map(|ms| START_NS + ms * MS)
}

fn sample() -> impl Strategy<Value = Entry> {
    let field = (0..FIELDS.len(), -1e6..1e6_f64, prop::sample::select(vec!["normal", "warning", "a \"b\", c=d \\ e", "价"]));
    let fields = prop::collection::vec(field, 1..4);
    (0..PAIRS.len(), 0..PLUGINS.len(), time(), fields, any::<bool>()).prop_map(|(pair, plugin, time_ns, fields, flag)| {
        let mut values: Vec<(Cow<'static, str>, Value)> = vec![(Cow::Borrowed("alert_triggered"), Value::Flag(flag))];
        for (field, number, word) in fields {
            let (name, numeric) = FIELDS[field];
            if values.iter().all(|(known, _)| known != name) {
                values.push((Cow::Borrowed(name), if numeric { Value::Number(number) } else { Value::Text(word.into()) }));
            }
        }
        Entry::Sample(Sample {
            measurement: Measurement::Analysis,
            pair: PAIRS[pair].into(),
            source: PLUGINS[plugin].into(),
            time_ns,
            fields: values,
        })
    })
}

fn other_sample() -> impl Strategy<Value = Entry> {
    (any::<bool>(), 0..PAIRS.len(), time(), -1e3..1e3_f64).prop_map(|(host, pair, time_ns, number)| {
        let (measurement, pair, source) =
            if host { (Measurement::Host, "", "machine") } else { (Measurement::Connection, PAIRS[pair], "") };
        let fields = vec![("frames".into(), Value::Number(number)), ("state".into(), Value::Text("live".into()))];
        Entry::Sample(Sample { measurement, pair: pair.into(), source: source.into(), time_ns, fields })
    })
}

fn alert() -> impl Strategy<Value = Entry> {
    (0..=PAIRS.len(), time(), "[a-z]{1,8}", any::<bool>()).prop_map(|(pair, time_ns, word, rule)| {
        Entry::Alert(AlertEntry {
            time_ns,
            id: word.as_str().into(),
            pair: PAIRS.get(pair).copied().unwrap_or("").into(),
            source: if rule { "rule" } else { "analysis" }.into(),
            name: "name".into(),
            severity: "warning".into(),
            state: "firing".into(),
            code: "code".into(),
            message: format!("{word}, \"{word}\" \\").into(),
            numbers: "{\"a\":1.5}".into(),
        })
    })
}

fn book() -> impl Strategy<Value = Entry> {
    let level = (any::<bool>(), 1..30_u32, 0..4_u32).prop_map(|(bid, price, amount)| BookLevel {
        side: if bid { Side::Bid } else { Side::Ask },
        price: f64::from(price) + 0.5,
        amount: f64::from(amount),
        depth: 0,
    });
    // Close together, so that whole books and changes fall into each other's reach; the millisecond's blocks are used too.
    (0..5_000_i64, 0..3_i64, prop::bool::weighted(0.2), prop::collection::vec(level, 1..12)).prop_map(|(ms, block, whole, mut levels)| {
        levels.iter_mut().filter(|level| whole && level.amount == 0.0).for_each(|level| level.amount = 1.0);
        levels.sort_by(|a, b| a.price.total_cmp(&b.price).then((a.side == Side::Ask).cmp(&(b.side == Side::Ask))));
        levels.dedup_by(|a, b| a.price == b.price && a.side == b.side);
        Entry::Book(BookEntry { pair: "BTC-USDT".into(), time_ns: START_NS + ms * MS + block * 1000, whole, levels })
    })
}

/// No two entries of a kind at one time: what is offered has none.
fn distinct(entries: Vec<Entry>) -> Vec<Entry> {
    let mut seen = std::collections::BTreeSet::new();
    let key = |entry: &Entry| match entry {
        Entry::Sample(sample) => format!("{:?} {} {} {}", sample.measurement, sample.pair, sample.source, sample.time_ns),
        Entry::Alert(alert) => format!("alert {}", alert.time_ns),
        Entry::Book(book) => format!("book {} {}", book.pair, book.time_ns),
    };
    entries.into_iter().filter(|entry| seen.insert(key(entry))).collect()
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(prop_oneof![4 => sample(), 1 => other_sample(), 1 => alert(), 3 => book()], 1..200).prop_map(distinct)
}

fn names(of: &'static [&'static str]) -> impl Strategy<Value = Vec<Name>> {
    prop::collection::vec(prop::sample::select(of.to_vec()), 0..3).prop_map(|names| named(&names))
}

fn selection() -> impl Strategy<Value = Selection> {
    let measurement = prop_oneof![3 => Just(Measurement::Analysis), 1 => Just(Measurement::Connection), 1 => Just(Measurement::Host)];
    let fields = names(&["liquidity_index", "depth_anomaly_score", "liquidity_alert", "own.width", "frames", "alert_triggered"]);
    (measurement, names(&PAIRS), names(&["liquidity", "depth_anomaly", "machine"]), fields)
        .prop_map(|(measurement, pairs, sources, fields)| Selection { measurement, pairs, sources, fields })
}

fn span() -> impl Strategy<Value = Span> {
    (time(), time()).prop_map(|(a, b)| Span::new(a.min(b), a.max(b) + 1).expect("a span"))
}

#[derive(Clone, Debug)]
enum Question {
    Range(RangeQuery),
    Windows(WindowQuery),
    Alerts(AlertQuery),
    Book(i64),
    Catalog(Span),
}

fn question() -> impl Strategy<Value = Question> {
    let windows =
        (selection(), span(), prop::sample::select(vec![60_000_u64, 3_600_000, 86_400_000, 37_000])).prop_map(|(selection, span, ms)| {
            Question::Windows(WindowQuery::new(selection, span, Duration::from_millis(ms)).expect("under 10000 windows"))
        });
    prop_oneof![
        (selection(), span(), 1..50_usize).prop_map(|(selection, span, limit)| Question::Range(RangeQuery { selection, span, limit })),
        windows,
        (names(&PAIRS), span(), 1..20_usize).prop_map(|(pairs, span, limit)| Question::Alerts(AlertQuery { pairs, span, limit })),
        (0..6_000_i64, 0..3000_i64).prop_map(|(ms, ns)| Question::Book(START_NS + ms * MS + ns)),
        span().prop_map(Question::Catalog),
    ]
}

async fn answer(history: &Arc<History>, question: Question) -> String {
    match question {
        Question::Range(query) => format!("{:?}", history.range(query).await.expect("an answer")),
        Question::Windows(query) => format!("{:?}", history.windows(query).await.expect("an answer")),
        Question::Alerts(query) => format!("{:?}", history.alerts(query).await.expect("an answer")),
        Question::Book(at) => format!("{:?}", history.book(Name::new("BTC-USDT").expect("good"), at).await.expect("an answer")),
        Question::Catalog(span) => format!("{:?}", history.catalog(span).await.expect("an answer")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_homes_give_the_same_answers() {
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..12 {
        let entries = entries().new_tree(&mut runner).expect("entries").current();
        let points: u64 = entries.iter().map(Entry::points).sum();
        let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        let model = Arc::<Model>::default();
        let front = Front::start(Judge::Model(Arc::clone(&model))).await;
        let own = History::open(&embedded(folders[0].path())).expect("it opens");
        let other = History::open(&influx(folders[1].path(), &front.url())).expect("it opens");
        for entry in &entries {
            assert!(own.offer(entry.clone()) && other.offer(entry.clone()));
        }
        let lines: u64 = entries.iter().map(|entry| if let Entry::Sample(_) = entry { 1 } else { entry.points() }).sum();
        let reader = History::to_read(&embedded(folders[0].path())).expect("it opens beside the other");
        until("both have everything", async || own.figures().written_points() == points && other.figures().written_points() == lines).await;
        for _ in 0..40 {
            let question = question().new_tree(&mut runner).expect("a question").current();
            let (one, two) = (answer(&own, question.clone()).await, answer(&other, question.clone()).await);
            assert_eq!(one, two, "{question:?}\n{entries:#?}");
            assert_eq!(answer(&reader, question).await, one, "a process that only reads sees the same");
        }
        for history in [own, other] {
            tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_influxdb_puts_into_its_answer_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let front = Front::start(Judge::Model(Arc::default())).await;
    front
        .put_behind_answers("#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,\"it broke, late\",897\r\n");
    let history = History::open(&influx(folder.path(), &front.url())).expect("it opens");
    let span = Span::new(START_NS, START_NS + MS).expect("a span");
    let told = history.range(RangeQuery { selection: all_of(Measurement::Host), span, limit: 10 }).await.expect_err("an error").to_string();
    assert!(told.contains("it broke, late"), "{told}");
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");
}
