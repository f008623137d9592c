//! What each route needs, read off the OpenAPI document: the document is the only place that says it.
//!
//! A route's `security` names the scheme `token` with the least role as its scope, or is empty for a route that anybody may read.
//! Where nothing stands, reading needs a viewer and a change an operator. The extension `x-max-body-bytes` says how large a body may be, and
//! `x-answer-within-s` how long an answer may take.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::Method;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::role::Role;

/// The name of the security scheme in the document.
pub const SCHEME: &str = "token";
/// The extension of an operation that takes larger bodies than most.
pub const MAX_BODY: &str = "x-max-body-bytes";
/// A body of a route that doesn't say more, bytes.
pub const USUAL_BODY: usize = 64 << 10;
/// The extension of an operation that takes longer than most.
pub const ANSWER_WITHIN: &str = "x-answer-within-s";
/// Time for the answer of a route that doesn't say more to begin, uploads included.
pub const USUAL_ANSWER: Duration = Duration::from_secs(60);

/// What one route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The least role; none: anybody.
    pub role: Option<Role>,
    /// Largest body, bytes.
    pub max_body: usize,
    /// Time for the answer.
    pub answer_within: Duration,
}

/// What each route of the document needs.
#[derive(Debug, Default)]
pub struct Rules {
    by_route: HashMap<(Method, String), Rule>,
}

impl Rules {
    /// Reads a document. A scope that is no role makes the route need the highest.
    #[must_use]
    pub fn read(document: &OpenApi) -> Self {
        let mut by_route = HashMap::new();
        let document = serde_json::to_value(document).unwrap_or_default();
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (name, operation) in operations.as_object().into_iter().flatten() {
                let Ok(method) = name.to_ascii_uppercase().parse::<Method>() else { continue };
                if METHODS.contains(&method) {
                    let rule =
                        Rule { role: role(&method, operation), max_body: max_body(operation), answer_within: answer_within(operation) };
                    by_route.insert((method, path.clone()), rule);
                }
            }
        }
        Self { by_route }
    }

    /// What a route needs; a route that isn't in the document needs as much as any.
    #[must_use]
    pub fn of(&self, method: &Method, path: &str) -> Rule {
        // A HEAD is answered by the GET's route.
        let asked = if *method == Method::HEAD { &Method::GET } else { method };
        let known = self.by_route.get(&(asked.clone(), path.to_owned())).copied();
        known.unwrap_or(Rule { role: Some(usual_role(method)), max_body: USUAL_BODY, answer_within: USUAL_ANSWER })
    }
}

/// The methods of an OpenAPI path item; its other members are no operations.
const METHODS: [Method; 7] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Whether a request changes something.
#[must_use]
pub fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn usual_role(method: &Method) -> Role {
    if is_change(method) { Role::Operator } else { Role::Viewer }
}

fn role(method: &Method, operation: &Value) -> Option<Role> {
    let Some(requirements) = operation["security"].as_array() else { return Some(usual_role(method)) };
    let mut least = None;
    for requirement in requirements {
        // An empty requirement means that none is needed; only a read may say so.
        let Some(scopes) = requirement[SCHEME].as_array() else {
            return if is_change(method) { Some(Role::Operator) } else { None };
        };
        let of = scopes.iter().filter_map(Value::as_str).map(|scope| scope.parse().unwrap_or(Role::Operator)).max();
        least = least.max(Some(of.unwrap_or(usual_role(method))));
    }
    least.or(Some(usual_role(method)))
}

fn max_body(operation: &Value) -> usize {
    operation[MAX_BODY].as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(USUAL_BODY)
}

fn answer_within(operation: &Value) -> Duration {
    operation[ANSWER_WITHIN].as_u64().map_or(USUAL_ANSWER, Duration::from_secs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    fn rules(paths: Value) -> Rules {
        let document = serde_json::json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths});
        Rules::read(&serde_json::from_value(document).unwrap())
    }

    #[test]
    fn a_route_needs_what_its_description_says_and_the_highest_role_where_it_says_nothing() {
        let operation = |security: Value| serde_json::json!({"responses": {}, "security": security});
        let rules = rules(serde_json::json!({
            "/open": {"get": operation(serde_json::json!([{}])), "post": operation(serde_json::json!([{}]))},
            "/plugins/{name}": {
                "put": {"responses": {}, "security": [{"token": ["analyst"]}], "x-max-body-bytes": 1_000_000, "x-answer-within-s": 300},
                "delete": operation(serde_json::json!([{"token": ["owner"]}])),
                "get": {"responses": {}},
                "post": {"responses": {}}
            }
        }));
        let role = |method: Method, path: &str| rules.of(&method, path).role;
        assert_eq!(role(Method::GET, "/open"), None);
        assert_eq!(role(Method::HEAD, "/open"), None);
        assert_eq!(role(Method::POST, "/open"), Some(Role::Operator), "no change is open to all");
        assert_eq!(role(Method::PUT, "/plugins/{name}"), Some(Role::Analyst));
        assert_eq!(role(Method::DELETE, "/plugins/{name}"), Some(Role::Operator), "an unknown role");
        assert_eq!(role(Method::GET, "/plugins/{name}"), Some(Role::Viewer));
        assert_eq!(role(Method::POST, "/plugins/{name}"), Some(Role::Operator));
        assert_eq!(role(Method::POST, "/unheard-of"), Some(Role::Operator));
        assert_eq!(rules.of(&Method::PUT, "/plugins/{name}").max_body, 1_000_000);
        assert_eq!(rules.of(&Method::POST, "/plugins/{name}").max_body, USUAL_BODY);
        assert_eq!(rules.of(&Method::PUT, "/plugins/{name}").answer_within, Duration::from_secs(300));
        assert_eq!(rules.of(&Method::POST, "/plugins/{name}").answer_within, USUAL_ANSWER);
    }
}
