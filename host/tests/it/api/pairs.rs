//! The wanted pairs, asked for and changed.

use serde_json::Value;

use super::Rig;
use crate::support::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_added_and_taken_away_as_by_redis_cli_and_both_are_noted_down() {
    let rig = Rig::start(&[]).await;
    let wanted = async || {
        let mut members: Vec<String> = rig.redis.ask(&["SMEMBERS", "config:trading_pairs"]).await;
        members.sort();
        members
    };
    let answer = rig.change("POST", "/api/v1/pairs", r#"{"instrument_id":"ETH-USDT"}"#).await;
    assert_eq!((answer.status, answer.json()), (201, serde_json::json!({"instrument_id": "ETH-USDT", "wanted": true, "changed": true})));
    let again = rig.change("POST", "/api/v1/pairs", r#"{"instrument_id":"ETH-USDT"}"#).await;
    assert_eq!((again.status, &again.json()["changed"]), (200, &Value::Bool(false)));
    assert_eq!(wanted().await, ["BTC-USDT", "ETH-USDT"]);
    assert_eq!(rig.get("/api/v1/pairs").await.json()["pairs"], serde_json::json!(["BTC-USDT", "ETH-USDT"]));
    let answer = rig.change("DELETE", "/api/v1/pairs/ETH-USDT", "").await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"instrument_id": "ETH-USDT", "wanted": false, "changed": true})));
    assert_eq!(wanted().await, ["BTC-USDT"]);
    until("all three are noted down", async || rig.audit().len() == 3).await;
    let noted: Vec<String> = rig.audit().iter().map(|line| format!("{} {} {}", line["who"], line["status"], line["what"])).collect();
    assert_eq!(
        noted,
        [
            r#""of-operator" 201 "ETH-USDT is wanted""#,
            r#""of-operator" 200 "ETH-USDT: nothing""#,
            r#""of-operator" 200 "ETH-USDT is no longer wanted""#
        ]
    );
    for (body, code) in [
        (r#"{"instrument_id":"btc"}"#, "bad_instrument_id"),
        (r#"{"instrument_id":"BTC-USDT","more":1}"#, "bad_body"),
        ("{", "bad_body"),
        ("[]", "bad_body"),
        (r#"{"instrument_id":7}"#, "bad_body"),
    ] {
        let answer = rig.change("POST", "/api/v1/pairs", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body}");
    }
    let bearer = rig.bearer("operator");
    let answer = rig.ask("POST", "/api/v1/pairs", &[("Authorization", &bearer)], br#"{"instrument_id":"ETH-USDT"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "no_json"));
    assert_eq!(wanted().await, ["BTC-USDT"]);
    rig.host.stop().await;
}
