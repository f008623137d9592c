//! The OpenAPI document as a page: plain HTML without a script, so that the strictest policy shows it, offline too.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use serde_json::{Map, Value};

use super::security::rules;

const STYLE: &str = "
:root { color-scheme: light dark; --line: light-dark(#d8dbe0, #3a3f47); --soft: light-dark(#f5f6f8, #1d2126); --dim: light-dark(#5b626c, #a0a7b1); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
section { border: 1px solid var(--line); border-radius: 6px; padding: .5rem 1rem; margin: .8rem 0; }
section h3 { font: 600 15px ui-monospace, monospace; margin: .3rem 0; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4.2rem; }
.dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-top: 1px solid var(--line); }
code, pre { font: 13px ui-monospace, monospace; }
pre { background: var(--soft); padding: .5rem; overflow-x: auto; }
nav ul { columns: 2 20rem; padding-left: 1rem; }
";

/// The whole page.
#[must_use]
pub(super) fn html(document: &Value) -> String {
    let info = &document["info"];
    let title = text(&info["title"]);
    markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) " API " span.dim { (text(&info["version"])) } }
                p { (text(&info["description"])) }
                p { "The same for programs: " a href="/api/v1/openapi.json" { "openapi.json" } }
                (contents(document))
                @for tag in array(&document["tags"]) {
                    h2 id=(text(&tag["name"])) { (text(&tag["name"])) }
                    p.dim { (text(&tag["description"])) }
                    @for (path, method, operation) in operations(document) {
                        @if array(&operation["tags"]).iter().any(|of| *of == tag["name"]) { (one(path, method, operation)) }
                    }
                }
                h2 id="schemas" { "schemas" }
                @for (name, schema) in object(&document["components"]["schemas"]) { (schema_of(name, schema)) }
            }
        }
    }
    .into_string()
}

fn contents(document: &Value) -> Markup {
    markup! {
        nav { ul {
            @for (path, method, operation) in operations(document) {
                li { a href={ "#" (anchor(method, path)) } { code { (method.to_uppercase()) " " (path) } } br; span.dim { (text(&operation["summary"])) } }
            }
        } }
    }
}

fn one(path: &str, method: &str, operation: &Value) -> Markup {
    let body = object(&operation["requestBody"]["content"]);
    markup! {
        section id=(anchor(method, path)) {
            h3 { span.method { (method.to_uppercase()) } (path) }
            p { (text(&operation["summary"])) }
            @let description = text(&operation["description"]);
            @if !description.is_empty() { p { (description) } }
            p.dim { (needs(operation)) }
            @if !array(&operation["parameters"]).is_empty() {
                table {
                    tr { th { "parameter" } th { "in" } th { "type" } th { "meaning" } }
                    @for parameter in array(&operation["parameters"]) {
                        tr {
                            td { code { (text(&parameter["name"])) } @if parameter["required"] == true { " *" } }
                            td { (text(&parameter["in"])) }
                            td { (kind(&parameter["schema"])) }
                            td { (text(&parameter["description"])) }
                        }
                    }
                }
            }
            @for (media, content) in body {
                p { "Body: " code { (media) } ", " (kind(&content["schema"])) @if let Some(bytes) = operation[rules::MAX_BODY].as_u64() { ", at most " (bytes) " bytes" } }
            }
            table {
                @for (status, response) in object(&operation["responses"]) {
                    tr {
                        td { code { (status) } }
                        td { (text(&response["description"])) }
                        td { @for (media, content) in object(&response["content"]) { code { (media) } " " (kind(&content["schema"])) " " } }
                    }
                }
            }
            pre { (curl(path, method, operation)) }
        }
    }
}

/// Who may ask.
fn needs(operation: &Value) -> String {
    let scopes: Vec<&str> =
        array(&operation["security"]).iter().flat_map(|of| array(&of[rules::SCHEME])).filter_map(Value::as_str).collect();
    match (scopes.first(), operation["x-open-on-loopback"] == true) {
        (None, _) => "Needs no token.".to_owned(),
        (Some(role), true) => format!("Needs the role {role}; on the host's own machine no token."),
        (Some(role), false) => format!("Needs the role {role}."),
    }
}

fn curl(path: &str, method: &str, operation: &Value) -> String {
    let mut line = "curl".to_owned();
    if method != "get" {
        line += &format!(" -X {}", method.to_uppercase());
    }
    if !array(&operation["security"]).iter().any(|of| *of == Value::Object(Map::new())) {
        line += " -H \"Authorization: Bearer $LEADLINE_TOKEN\"";
    }
    if let Some((media, _)) = object(&operation["requestBody"]["content"]).first() {
        line += &format!(" -H 'Content-Type: {media}' --data-binary @FILE");
    }
    format!("{line} 'http://127.0.0.1:8710{path}'")
}

fn schema_of(name: &str, schema: &Value) -> Markup {
    let required = array(&schema["required"]);
    markup! {
        section id={ "schema-" (name) } {
            h3 { (name) }
            p { (text(&schema["description"])) }
            @if object(&schema["properties"]).is_empty() { p { (kind(schema)) } }
            @else {
                table {
                    @for (field, of) in object(&schema["properties"]) {
                        tr {
                            td { code { (field) } @if required.iter().any(|one| one == field) { " *" } }
                            td { (kind(of)) }
                            td { (text(&of["description"])) }
                        }
                    }
                }
            }
        }
    }
}

/// A schema in a few words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return markup! { a href={ "#schema-" (name) } { (name) } };
    }
    for (many, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        let of = array(&schema[many]);
        if !of.is_empty() {
            return markup! { @for (index, one) in of.iter().enumerate() { @if index > 0 { (between) } (kind(one)) } };
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any value"],
    };
    markup! {
        (types.join(" or "))
        @if schema["items"].is_object() { " of " (kind(&schema["items"])) }
        @if schema["additionalProperties"].is_object() { " of " (kind(&schema["additionalProperties"])) }
        @let words = array(&schema["enum"]);
        @if !words.is_empty() { ": " code { (words.iter().map(text).collect::<Vec<_>>().join(", ")) } }
    }
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = object(&document["paths"]).into_iter();
    paths.flat_map(|(path, item)| object(item).into_iter().map(move |(method, operation)| (path, method, operation))).collect()
}

fn anchor(method: &str, path: &str) -> String {
    format!("{method}{path}").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> Vec<(&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
}
