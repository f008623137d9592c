//! What was kept, asked for in pages and windows, tried with a rule, and exported.

use std::ops::Range;

use leadline_host::clock;
use leadline_host::history::entry::{AlertEntry, Entry, Measurement, Sample, Value as Kept};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};

use super::Rig;
use crate::support::http::Answer;
use crate::support::until;

/// Seconds of values: an export has three pages.
const VALUES: u32 = 2500;
/// Steps of alerts: more than a page.
const STEPS: usize = 1500;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_asked_for_in_pages_and_windows_and_exported_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::start(&[("HISTORY_DIR", folder.path().join("history").to_str().unwrap())]).await;
    // Of an hour that is still kept.
    let base_ms = clock::unix_ms() - 3_000_000;
    let span = base_ms..base_ms + u64::from(VALUES) * 1000;
    keep_values(&rig, base_ms).await;
    values_come_in_pages(&rig, &span).await;
    a_rule_is_tried_on_them(&rig, base_ms).await;
    let series = ask(&rig, format!("series?{}", times(&span))).await.json();
    let named = |of: &Value| of["field"] == "liquidity_index" && of["instrument_id"] == "BTC-USDT" && of["source"] == "liquidity";
    assert!(series["series"].as_array().expect("series").iter().any(named), "{series}");
    values_are_exported(&rig, &span).await;
    steps_of_alerts_are_exported(&rig, &span).await;
    what_cannot_be_meant_is_refused(&rig, &span).await;
    rig.host.stop().await;
}

async fn ask(rig: &Rig, question: String) -> Answer {
    rig.get(&format!("/api/v1/history/{question}")).await
}

/// A span of milliseconds since 1970, as questions name it.
fn times(span: &Range<u64>) -> String {
    format!("from={}&to={}", clock::rfc3339(span.start), clock::rfc3339(span.end))
}

/// An index that rises by one a second, and a text.
async fn keep_values(rig: &Rig, base_ms: u64) {
    for number in 0..VALUES {
        let sample = Sample {
            measurement: Measurement::Analysis,
            pair: "BTC-USDT".into(),
            source: "liquidity".into(),
            time_ns: i64::try_from((base_ms + u64::from(number) * 1000) * 1_000_000).unwrap(),
            fields: vec![
                ("liquidity_index".into(), Kept::Number(f64::from(number))),
                ("liquidity.note".into(), Kept::Text("=1, \"two\"".into())),
            ],
        };
        until("there is room", async || rig.host.history.offer(Entry::Sample(sample.clone()))).await;
    }
    let index =
        format!("pairs=BTC-USDT&sources=liquidity&fields=liquidity_index&{}", times(&(base_ms..base_ms + u64::from(VALUES) * 1000)));
    until("all of it is kept", async || {
        let windows = ask(rig, format!("windows?{index}&every=1h")).await.json();
        let counts = windows["series"][0]["counts"].as_array().cloned().unwrap_or_default();
        counts.iter().filter_map(Value::as_u64).sum::<u64>() == u64::from(VALUES)
    })
    .await;
}

async fn values_come_in_pages(rig: &Rig, span: &Range<u64>) {
    let (mut from, to) = (clock::rfc3339(span.start), clock::rfc3339(span.end));
    let mut values = Vec::new();
    loop {
        let page = ask(rig, format!("range?pairs=BTC-USDT&fields=liquidity_index&from={from}&to={to}&limit=1000")).await.json();
        let of = &page["series"][0];
        assert_eq!(of["times_ms"].as_array().map(Vec::len), of["values"].as_array().map(Vec::len));
        values.extend(of["values"].as_array().expect("values").iter().map(|value| value.as_f64().expect("a number")));
        match page["next"].as_str() {
            Some(next) => from = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(values, all_values(), "each once, in order");
}

fn all_values() -> Vec<f64> {
    (0..VALUES).map(f64::from).collect()
}

/// The index stood over 2000 for the last 499 s.
async fn a_rule_is_tried_on_them(rig: &Rig, base_ms: u64) {
    let rule = r#"{"field":"liquidity_index","comparison":">","threshold":2000,"for":"10s","pairs":["BTC-USDT"]}"#;
    let preview = async |rule: &str| rig.change("POST", "/api/v1/alerts/rules/high/preview?from=-2h", rule).await;
    let tried = preview(rule).await;
    assert_eq!(tried.status, 200, "{}", tried.text());
    let tried = tried.json();
    assert_eq!((&tried["values"], &tried["fired"], &tried["suppressed"]), (&json!(VALUES), &json!(1), &json!(0)), "{tried}");
    assert_eq!(tried["times_ms"], json!([base_ms + 2_011_000]), "{tried}");
    assert_eq!(tried["firing_ms"], json!((u64::from(VALUES) - 1 - 2011) * 1000), "{tried}");
    let never = preview(&rule.replace("2000", "9000")).await.json();
    assert_eq!((&never["values"], &never["fired"], &never["times_ms"]), (&json!(VALUES), &json!(0), &json!([])), "{never}");
    let unkept = preview(&rule.replace("liquidity_index", "no.such")).await;
    assert_ne!(unkept.status, 500, "{}", unkept.text());
}

async fn values_are_exported(rig: &Rig, span: &Range<u64>) {
    let which = format!("pairs=BTC-USDT&sources=liquidity&{}", times(span));
    let table = ask(rig, format!("export?{which}")).await;
    assert!(
        table.header("content-disposition").is_some_and(|value| value.contains("leadline-analysis_results.csv")),
        "CSV if nothing is said"
    );
    let text = ask(rig, format!("export?{which}&format=csv")).await.text();
    assert_eq!(text, table.text());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (1 + 2 * VALUES as usize, "time,measurement,instrument_id,source,field,value"));
    assert!(text.contains(r#",liquidity.note,"'=1, ""two""""#), "{}", lines[1]);
    let lines = ask(rig, format!("export?{which}&fields=liquidity_index&format=jsonl")).await.text();
    let number = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["value"].as_f64().expect("a number");
    assert_eq!(lines.lines().map(number).collect::<Vec<_>>(), all_values());
    let table = ask(rig, format!("export?{which}&format=parquet")).await;
    assert_eq!(table.header("content-type"), Some("application/vnd.apache.parquet"));
    let rows = parquet_rows(table.body);
    assert_eq!(rows.len(), 2 * VALUES as usize);
    assert_eq!(rows.iter().filter_map(|row| row.get_double(5).ok()).collect::<Vec<_>>(), all_values());
    let first = &rows[0];
    assert_eq!(
        (first.get_string(2).unwrap().as_str(), first.get_long(0).unwrap() / 1_000_000),
        ("BTC-USDT", i64::try_from(span.start).unwrap())
    );
    assert!(rows.iter().any(|row| row.get_string(6).is_ok_and(|text| text == "=1, \"two\"")), "a text is as it was kept");
}

async fn steps_of_alerts_are_exported(rig: &Rig, span: &Range<u64>) {
    for number in 0..STEPS {
        let step = AlertEntry {
            time_ns: i64::try_from((span.start + number as u64) * 1_000_000).unwrap(),
            id: format!("{number:04}").as_str().into(),
            pair: "BTC-USDT".into(),
            source: "rule".into(),
            name: "thin".into(),
            severity: "warning".into(),
            state: "firing".into(),
            code: "thin".into(),
            message: "thin, \"very\"".into(),
            numbers: r#"{"value":1.5}"#.into(),
        };
        until("there is room", async || rig.host.history.offer(Entry::Alert(step.clone()))).await;
    }
    let export = format!("alerts/export?pairs=BTC-USDT&{}", times(span));
    until("all steps are kept, and CSV comes if nothing is said", async || {
        ask(rig, export.clone()).await.text().lines().count() == STEPS + 1
    })
    .await;
    let rows = parquet_rows(ask(rig, format!("{export}&format=parquet")).await.body);
    let ids: Vec<String> = rows.iter().map(|row| row.get_string(1).unwrap().clone()).collect();
    assert_eq!(ids, (0..STEPS).rev().map(|number| format!("{number:04}")).collect::<Vec<_>>(), "each once, the newest first");
    let lines = ask(rig, format!("{export}&format=jsonl")).await.text();
    let last: Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["id"], &last["numbers"]["value"], &last["message"]), (&"0000".into(), &1.5.into(), &"thin, \"very\"".into()));
}

async fn what_cannot_be_meant_is_refused(rig: &Rig, span: &Range<u64>) {
    for wrong in [
        format!("range?{}", times(&(span.end..span.start))),
        "range?from=yesterday".to_owned(),
        "range?measurement=everything".to_owned(),
        "range?every=1m".to_owned(),
        "range?limit=0".to_owned(),
        "range?pairs=BTC%22USDT".to_owned(),
        "windows?every=often".to_owned(),
        "windows?every=1ms&from=-7d".to_owned(),
        "export?format=xlsx".to_owned(),
        "books/BTC-USDT?at=now".to_owned(),
    ] {
        let answer = ask(rig, wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        answer.code();
    }
    assert_eq!(ask(rig, "books/BTC-USDT".to_owned()).await.code(), "no_book");
}

/// All rows of a Parquet file.
fn parquet_rows(file: Vec<u8>) -> Vec<parquet::record::Row> {
    let reader = SerializedFileReader::new(axum::body::Bytes::from(file)).expect("a Parquet file");
    reader.get_row_iter(None).expect("rows").collect::<Result<_, _>>().expect("each can be read")
}
