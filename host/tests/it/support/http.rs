//! Requests as any program can send them, also such as no good one would.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// All lines of the header, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error, whose form is checked.
    pub fn code(&self) -> String {
        let json = self.json();
        let error = &json["error"];
        for field in ["code", "message", "hint"] {
            assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "no {field} in {json}");
        }
        assert_eq!((json.as_object().unwrap().len(), error.as_object().unwrap().len()), (1, 3), "{json}");
        error["code"].as_str().unwrap().to_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }
}

/// Sends a request. `headers` may replace `Host`; a body gets its `Content-Length` unless the headers have one or say it is chunked.
pub async fn ask(addr: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let has = |name: &str| headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !has("host") {
        text += &format!("Host: {addr}\r\n");
    }
    if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(addr).await.expect("the host listens");
    stream.write_all((text + "\r\n").as_bytes()).await.expect("it takes the header");
    // A body that is refused may not be read to its end.
    let _ = stream.write_all(body).await;
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(super::DEADLINE, stream.read_to_end(&mut bytes)).await.expect("the host answers");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: no answer"));
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    let mut body = bytes[end + 4..].to_vec();
    if head.contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Answer { status, head, body }
}

/// A body in one chunk.
pub fn chunked(body: &[u8]) -> Vec<u8> {
    let mut text = format!("{:x}\r\n", body.len()).into_bytes();
    text.extend_from_slice(body);
    text.extend_from_slice(b"\r\n0\r\n\r\n");
    text
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok()).expect("a size");
        rest = &rest[end + 2..];
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
    body
}
