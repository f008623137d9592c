//! Who may do what: every request passes here before a route sees it.
//!
//! A route says in its OpenAPI description which role it needs ([`rules`]), and nothing else says so: what the document shows is what
//! the guard enforces. A change whose description says nothing needs the highest role.
//!
//! # Layout
//!
//! - [`role`]: viewer, analyst, operator, and who is asking.
//! - [`tokens`]: the tokens of settings and file, compared in constant time.
//! - [`origin`]: whether a request was meant for this host, and comes from a page that may ask.
//! - [`rate`]: how many requests a client has left.
//! - [`rules`]: what each route needs, read off the OpenAPI document.
//! - [`audit`]: every change, in a bounded file and in the log.
//! - [`guard`]: the middleware that asks all of these in order.

pub mod audit;
pub mod guard;
pub mod origin;
pub mod rate;
pub mod role;
pub mod rules;
pub mod tokens;

pub use audit::Audit;
pub use guard::Gate;
pub use role::{Caller, Role};
pub use tokens::{TokenError, Tokens};
