//! What the stream was before it had topics: the whole state a few times a second, to a client that asks for no protocol.
//!
//! For pages that were loaded before, and for a look with a plain WebSocket client.

use axum::extract::ws::Utf8Bytes;

/// The document within a message of the topic `state`.
#[must_use]
pub fn bare(news: &str) -> Option<Utf8Bytes> {
    const BEFORE: &str = "\"data\":";
    let begin = news.find(BEFORE)? + BEFORE.len();
    Some(news.get(begin..news.len() - 1)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::stream::protocol::news;
    use crate::api::stream::topic::Topic;

    #[test]
    fn the_document_comes_out_of_its_message_as_it_went_in() {
        let document = r#"{"pairs":[],"data":{"data":1}}"#;
        assert_eq!(bare(&news(&Topic::State, 7, None, 0, document)).as_deref(), Some(document));
    }
}
