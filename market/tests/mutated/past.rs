//! Frames that once went wrong, in the decoder or in this test's own reading of them.

use crate::session::alone;

// Proves: what went wrong once is answered as reading and model say.
#[test]
fn frames_of_past_failures_are_answered_as_reading_and_model_say() {
    for frame in [r#"{"arg":["books","BTC-USDT"],"action":"update","data":[]}"#] {
        assert_eq!(alone(frame.as_bytes()).frames, 0, "{frame}");
    }
}
