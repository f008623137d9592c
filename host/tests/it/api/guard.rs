//! Who may ask what: every route of the API's own description is tried by those who may not.

use leadline_host::api::security::{Role, tokens};
use serde_json::Value;

use super::Rig;
use crate::support::http::{Answer, chunked};
use crate::support::until;

/// One operation of the document.
struct Operation {
    method: String,
    /// With its variable parts filled in.
    path: String,
    /// The least role; none: anybody.
    role: Option<Role>,
    /// Whether it reads a body at all: one that doesn't may answer before a body without a declared length has come.
    takes_body: bool,
    max_body: usize,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let mut filled = path.clone();
            for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|of| of["in"] == "path") {
                let name = parameter["name"].as_str().unwrap();
                let example = parameter["example"].as_str().unwrap_or_else(|| panic!("{method} {path}: no example of {name}"));
                filled = filled.replace(&format!("{{{name}}}"), example);
            }
            assert!(!filled.contains('{'), "{method} {path}: a part of the path is not described");
            let security = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} doesn't say who may"));
            let role = security.iter().find_map(|of| of["token"][0].as_str()).map(|role| role.parse().expect("a role"));
            let max_body = operation["x-max-body-bytes"].as_u64().unwrap_or(64 << 10) as usize;
            let takes_body = operation["requestBody"].is_object();
            all.push(Operation { method: method.to_ascii_uppercase(), path: filled, role, takes_body, max_body });
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_who_may_not_ask_it_and_what_is_too_large_and_nothing_is_changed() {
    let rig = Rig::start(&[]).await;
    let document = rig.get("/api/v1/openapi.json").await.json();
    let all = operations(&document);
    assert!(all.iter().any(|operation| operation.method == "POST") && all.iter().any(|operation| operation.method == "DELETE"));
    let before = rig.state().await;
    for Operation { method, path, role, takes_body, max_body } in &all {
        let refused = |answer: Answer, status: u16, code: &str| {
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}: {}", answer.text());
            assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'self'")), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        };
        let operator = rig.bearer("operator");
        let json = ("Content-Type", "application/json");
        let foreign = [("Authorization", operator.as_str()), ("Origin", "https://evil.example"), json];
        refused(rig.ask(method, path, &foreign, b"{}").await, 403, "foreign_origin");
        for host in ["evil.example", "127.0.0.1.evil.example:8710"] {
            let rebound = [("Authorization", operator.as_str()), ("Host", host), json];
            refused(rig.ask(method, path, &rebound, b"{}").await, 403, "foreign_host");
        }
        let Some(role) = *role else {
            assert_eq!(method, "GET", "{path}: a change that anybody may make");
            continue;
        };
        assert_eq!(role == Role::Viewer, method == "GET", "{method} {path}: reading needs a viewer, a change more");
        let unknown = format!("Bearer {}", tokens::random().unwrap());
        refused(rig.ask(method, path, &[("Authorization", &unknown), json], b"{}").await, 401, "unknown_token");
        // Somebody else than this machine's own programs, or a change: not without a token.
        let unnamed = if method == "GET" { vec![("X-Forwarded-For", "10.0.0.1")] } else { vec![json] };
        let answer = rig.ask(method, path, &unnamed, b"{}").await;
        assert!(answer.header("www-authenticate").is_some(), "{method} {path}");
        refused(answer, 401, "no_token");
        for lower in Role::ALL.into_iter().filter(|lower| *lower < role) {
            let bearer = rig.bearer(lower.as_str());
            refused(rig.ask(method, path, &[("Authorization", &bearer), json], b"{}").await, 403, "role_too_low");
        }
        let declared = (max_body + 1).to_string();
        let oversized = [("Authorization", operator.as_str()), ("Content-Length", &declared), json];
        refused(rig.ask(method, path, &oversized, b"").await, 413, "too_large");
        if *takes_body && *max_body <= 1 << 20 {
            let undeclared = [("Authorization", operator.as_str()), ("Transfer-Encoding", "chunked"), json];
            let long = format!("{{\"instrument_id\":\"{}\"}}", "A".repeat(*max_body));
            refused(rig.ask(method, path, &undeclared, &chunked(long.as_bytes())).await, 413, "too_large");
        }
    }
    assert_eq!(rig.state().await, before, "a refused request changed something");
    until("tries with a token that allows less are noted down", async || {
        rig.audit().iter().any(|line| line["who"] == "of-viewer" && line["code"] == "role_too_low" && line["status"] == 403)
    })
    .await;
    assert!(rig.audit().iter().all(|line| line["who"] != "nobody"), "a flood of unknown tries would push changes out of the file");
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_given_and_taken_while_the_host_runs_and_reading_without_one_can_be_forbidden() {
    let rig = Rig::start(&[("API_ANONYMOUS_READ", "never")]).await;
    let answer = rig.get("/api/v1/pairs").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "no_token"));
    assert_eq!(rig.get("/healthz").await.status, 200, "whoever starts and stops the host must be able to ask");
    let file = rig.folder.path().join("tokens");
    let token = tokens::random().unwrap();
    let bearer = format!("Bearer {token}");
    let reads = async |bearer: &str| rig.ask("GET", "/api/v1/pairs", &[("Authorization", bearer)], b"").await.status;
    assert_eq!(reads(&bearer).await, 401);
    std::fs::write(&file, format!("viewer new {token}\n")).unwrap();
    until("the new token is good", async || reads(&bearer).await == 200).await;
    assert_eq!(reads(&rig.bearer("viewer")).await, 401, "the old ones are gone");
    // A file that can't be used takes nobody's token away.
    std::fs::write(&file, "viewer\n").unwrap();
    std::fs::write(rig.folder.path().join("other"), "").unwrap();
    assert_eq!(reads(&bearer).await, 200);
    rig.host.stop().await;
}
