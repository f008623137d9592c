//! Frames at the edges of the format, which a mutation reaches only now and then.

use crate::session::alone;

// Proves: frames at the edges of the format are answered as reading and model say, and as listed here.
#[test]
fn frames_at_the_edges_are_answered_as_reading_and_model_say() {
    let v5 = |data: &str| format!(r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"snapshot","data":[{data}]}}"#);
    let book = |asks: &str, rest: &str| v5(&format!(r#"{{"asks":[{asks}],"bids":[],"ts":"1"{rest}}}"#));
    let v3 = |rest: &str| format!(r#"{{"table":"spot/depth","data":[{{"asks":[["1","1",3]],"bids":[],"instrument_id":"A-B"{rest}}}]}}"#);
    let zeros = |count: usize| "0".repeat(count);
    for (frame, is_book) in [
        (book(r#"["1","1","0","1"]"#, ""), true),
        // Lists where objects belong: what `derive` makes would take them.
        (r#"{"arg":["books","BTC-USDT"],"action":"update","data":[{"asks":[],"bids":[],"ts":"1"}]}"#.to_owned(), false),
        (v5(r#"[[],[],"1"]"#), false),
        // The most digits that fit, and one more.
        (book(r#"["18446744073709551615","1","0","1"]"#, ""), true),
        (book(r#"["18446744073709551616","1","0","1"]"#, ""), false),
        (book(&format!(r#"["0.{}1","1"]"#, zeros(18)), ""), true),
        (book(&format!(r#"["0.{}1","1"]"#, zeros(19)), ""), false),
        // Prices too far apart for 64 bits: read, but no book.
        (book(&format!(r#"["18446744073709551615","1"],["0.{}1","1"]"#, zeros(18)), ""), true),
        (book(r#"["0","1","0","1"]"#, ""), true),
        // A leading zero in the number of orders: once read where the rest of the number was over 9.
        (book(r#"["1","1","0","032"]"#, ""), false),
        (book(r#"["1","1","0","02"]"#, ""), false),
        (book(r#"["1","1","0","0"]"#, ""), true),
        // Whole numbers.
        (book("", r#","seqId":"7""#), true),
        (book("", r#","seqId":-0"#), true),
        (book("", r#","seqId":1e2"#), false),
        (book("", r#","seqId":"\u0037""#), false),
        (book("", r#","checksum":null,"seqId":null,"prevSeqId":null"#), true),
        (book("", r#","checksum":4294967296"#), false),
        (book("", r#","ts":"1""#), false),
        (book("", r#","timestamp":"2021-04-17T14:03:45Z""#), false),
        // What is skipped may hold what no value can.
        (book("", r#","new":1e999"#), true),
        (book("", r#","new":"\ud83d""#), true),
        (book("", &format!(r#","new":{}{}"#, "[".repeat(32), "]".repeat(32))), true),
        (book("", &format!(r#","new":{}{}"#, "[".repeat(33), "]".repeat(33))), false),
        (v3(r#","timestamp":"2020-02-29T23:59:60.9999Z""#), true),
        (v3(r#","timestamp":"2021-02-29T00:00:00Z""#), false),
        (v3(r#","timestamp":"2021-02-28T00:00:00.Z""#), false),
    ] {
        let tally = alone(frame.as_bytes());
        assert_eq!((tally.books, tally.refused), (u64::from(is_book), u64::from(!is_book)), "{frame}");
    }
}
