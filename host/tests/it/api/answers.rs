//! The form of answers: refusals alike everywhere, nothing sent twice, and the description that the routes give.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_is_told_to_wait_and_unknown_addresses_are_answered_in_the_same_form() {
    let rig = Rig::start(&[("API_RATE_LIMIT", "5")]).await;
    for (method, path, status, code) in [
        ("GET", "/api/v1/nothing", 404, "no_route"),
        ("PATCH", "/api/v1/pairs", 405, "no_method"),
        ("GET", "/api/v1/stream", 400, "no_websocket"),
    ] {
        let bearer = rig.bearer("operator");
        let answer = rig.ask(method, path, &[("Authorization", &bearer)], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
    }
    let mut refused = None;
    for _ in 0..200 {
        let answer = rig.get("/api/v1/pairs").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("200 at once are too many");
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_requests"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let bearer = rig.bearer("viewer");
    assert_eq!(rig.ask("GET", "/api/v1/pairs", &[("Authorization", &bearer)], b"").await.status, 200, "a token is counted for itself");
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_already_is_not_sent_again() {
    let web = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(web.path().join("assets")).unwrap();
    std::fs::write(web.path().join("index.html"), "<!doctype html><title>Leadline</title>").unwrap();
    std::fs::write(web.path().join("assets/page-0a1b.js"), "export {};").unwrap();
    let rig = Rig::start(&[("API_WEB_DIR", web.path().to_str().unwrap())]).await;
    let again = async |path: &str, tag: &str| rig.ask("GET", path, &[("If-None-Match", tag)], b"").await;
    for path in ["/", "/index.html", "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/pairs", "/api/v1/alerts/rules", "/api/v1/alerts"] {
        let first = rig.get(path).await;
        assert_eq!((first.status, first.header("cache-control")), (200, Some("no-cache")), "{path}");
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no tag")).to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let same = again(path, &known).await;
            assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(tag.as_str())), "{path} {known}");
            assert!(same.header("content-security-policy").is_some() && same.header("content-type").is_none(), "{path}");
        }
        assert_eq!(again(path, "\"other\"").await.body, first.body, "{path}");
    }
    let tag = rig.get("/api/v1/pairs").await.header("etag").unwrap().to_owned();
    rig.change("POST", "/api/v1/pairs", r#"{"instrument_id":"ETH-USDT"}"#).await;
    let now = again("/api/v1/pairs", &tag).await;
    assert!(now.status == 200 && now.header("etag") != Some(tag.as_str()), "another answer has another tag");
    let lasting = rig.get("/assets/page-0a1b.js").await;
    assert!(lasting.header("cache-control").is_some_and(|value| value.contains("immutable")));
    for path in ["/api/v1/state", "/api/v1/system", "/api/v1/feeds"] {
        let moment = again(path, "*").await;
        assert_eq!((moment.status, moment.header("cache-control"), moment.header("etag")), (200, Some("no-store"), None), "{path}");
    }
    rig.host.stop().await;
}

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[test]
fn the_description_in_the_repository_is_the_one_that_the_routes_give() {
    let kept = std::fs::read_to_string(repository("docs/openapi.json")).unwrap_or_default();
    let made = leadline_host::api::router::description().json;
    let document: Value = serde_json::from_str(&made).expect("JSON");
    let all: Vec<&Value> = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values()).collect();
    let names: BTreeSet<&str> = all.iter().filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(names.len(), all.len(), "two operations have one name");
    assert!(kept == made, "docs/openapi.json is another\nhint: make openapi");
}
