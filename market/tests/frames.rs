//! Frames of every form the exchange has used, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use leadline_market::wire::{Ack, AckKind, MAX_BOOKS_A_FRAME, MAX_FRAME_BYTES};
use leadline_market::{Action, BookChannel, BookFrame, Decoder, MAX_LEVELS_A_SIDE, Message, WireError};

fn books(text: &str) -> Vec<BookFrame> {
    match Decoder::new().decode(text.as_bytes()) {
        Ok(Message::Books(frames)) => frames.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn refused(text: &str) -> WireError {
    match Decoder::new().decode(text.as_bytes()) {
        Err(error) => error,
        Ok(message) => panic!("{message:?}"),
    }
}

/// Price, size and orders of each level, as text.
fn texts(levels: &[leadline_market::Level]) -> Vec<(String, String, u32)> {
    levels.iter().map(|level| (level.price.to_string(), level.size.to_string(), level.orders)).collect()
}

fn expected(levels: &[(&str, &str, u32)]) -> Vec<(String, String, u32)> {
    levels.iter().map(|&(price, size, orders)| (price.to_owned(), size.to_owned(), orders)).collect()
}

/// A v5 update with these asks.
fn with_asks(asks: &str) -> String {
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"update","data":[{{"asks":{asks},"bids":[],"ts":"5","checksum":0,"seqId":2,"prevSeqId":1}}]}}"#
    )
}

#[test]
fn a_frame_of_today_is_read() {
    let frames = books(
        r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["78722.3","0.38","0","10"],["78724.1","0.00001275","0","1"]],"bids":[["78722.2","1","0","4294967295"]],"ts":"1787612486107","checksum":-855196043,"seqId":80274874800,"prevSeqId":-1}]}"#,
    );
    let [frame] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((frame.channel, frame.instrument.as_str(), frame.action), (BookChannel::Books, "BTC-USDT", Action::Snapshot));
    assert_eq!((frame.time_ms, frame.checksum), (1_787_612_486_107, Some(-855_196_043)));
    assert_eq!((frame.sequence, frame.previous), (Some(80_274_874_800), Some(-1)));
    assert_eq!(texts(&frame.asks), expected(&[("78722.3", "0.38", 10), ("78724.1", "0.00001275", 1)]));
    assert_eq!(texts(&frame.bids), expected(&[("78722.2", "1", u32::MAX)]));
}

#[test]
fn a_keep_alive_with_empty_sides_is_read() {
    let frames = books(&with_asks("[]"));
    assert!(frames[0].asks.is_empty() && frames[0].bids.is_empty());
}

#[test]
fn key_order_white_space_escapes_and_unknown_keys_do_not_matter() {
    let frames = books(
        "\r\n { \"data\" : [ { \"new\" : {\"a\":[1,-2.5e+3,null,true,\"\\ud83d\\ude00\"]} , \"prevSeqId\" : \"1\", \"seqId\":2 ,\"bids\" : [ ], \
         \"asks\" : [ [ \"1\\u002e50\" , \"2\" , \"0\" , \"3\" ] , [\"2\",\"0\",\"7.5\",\"0\"] ] , \"t\\u0073\" : 5 , \"checksum\" : null } ] , \
         \"more\" : [] , \"action\" : \"upda\\u0074e\" , \"arg\" : { \"x\":1, \"instId\" : \"BTC-USDT\" , \"channel\" : \"bo\\u006fks\" } }\t",
    );
    let [frame] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(texts(&frame.asks), expected(&[("1.50", "2", 3), ("2", "0", 0)]));
    assert_eq!((frame.time_ms, frame.checksum, frame.sequence, frame.previous), (5, None, Some(2), Some(1)));
    assert_eq!((frame.action, frame.instrument.as_str()), (Action::Update, "BTC-USDT"));
}

#[test]
fn the_frames_of_the_design_document_are_read() {
    let snapshot = books(
        r#"{
  "table": "books",
  "data": [
    {
      "asks": [["50000.00", "0.5"], ["50100.00", "1.2"]],
      "bids": [["49900.00", "1.5"]],
      "instrument_id": "BTC-USDT",
      "timestamp": "2025-01-01T00:00:00.000Z",
      "update_time": "2025-01-01T00:00:00.000Z"
    }
  ]
}"#,
    );
    assert_eq!((snapshot[0].action, snapshot[0].channel, snapshot[0].checksum), (Action::Snapshot, BookChannel::Books, None));
    assert_eq!(snapshot[0].time_ms, 1_735_689_600_000);
    assert_eq!(texts(&snapshot[0].asks), expected(&[("50000.00", "0.5", 0), ("50100.00", "1.2", 0)]));

    let update = books(
        r#"{"table": "books","action": "update","data": [{"asks": [["50000.00", "0.3"],["50300.00", "0.0"]],"bids": [["49900.00", "2.0"]],
        "instrument_id": "BTC-USDT","timestamp": "2025-01-01T00:00:00.100Z","update_time": "2025-01-01T00:00:00.100Z","checksum": 123456789}]}"#,
    );
    assert_eq!((update[0].action, update[0].checksum, update[0].time_ms), (Action::Update, Some(123_456_789), 1_735_689_600_100));
    assert!(update[0].asks[1].size.is_zero());
}

#[test]
fn v3_frames_are_read_with_three_or_four_elements_and_several_instruments() {
    let frames = books(
        r#"{"table":"spot/depth","action":"partial","data":[{"instrument_id":"EOS-USDT","asks":[["3.5196","0.1077",1],["3.5198","21.71","12"]],"bids":[],"timestamp":"2019-03-05T10:42:04.965Z","checksum":-2036653089},
        {"instrument_id":"BTC-USDT","asks":[],"bids":[["3864.55","0.05","0","7"]],"timestamp":"2019-03-05T10:42:05Z","checksum":0}]}"#,
    );
    assert_eq!(frames.len(), 2);
    assert_eq!((frames[0].channel.as_str(), frames[0].action), ("spot/depth", Action::Snapshot));
    assert_eq!(texts(&frames[0].asks), expected(&[("3.5196", "0.1077", 1), ("3.5198", "21.71", 12)]));
    assert_eq!(frames[1].instrument, "BTC-USDT");
    assert_eq!(texts(&frames[1].bids), expected(&[("3864.55", "0.05", 7)]));
}

#[test]
fn every_channel_has_one_name() {
    for name in
        ["books", "books-l2-tbt", "books50-l2-tbt", "spot/depth", "spot/depth_l2_tbt", "swap/depth", "futures/depth_l2_tbt", "option/depth"]
    {
        assert_eq!(BookChannel::from_name(name).unwrap().as_str(), name);
    }
    for name in ["books5", "bbo-tbt", "trades", "spot/depth5", "spot/ticker", "BOOKS", ""] {
        assert_eq!(BookChannel::from_name(name), None, "{name}");
    }
}

#[test]
fn buffers_are_used_again_without_mixing_frames() {
    let mut decoder = Decoder::new();
    for asks in [r#"[["1","1","0","1"],["2","1","0","1"]]"#, "[]", r#"[["3","1","0","1"]]"#] {
        let text = with_asks(asks);
        let alone = books(&text);
        assert_eq!(decoder.decode(text.as_bytes()), Ok(Message::Books(&alone)));
        assert!(decoder.decode(b"{\"arg\":").is_err());
    }
}

#[test]
fn control_frames_are_read() {
    let mut decoder = Decoder::new();
    let mut read = |text: &str| match decoder.decode(text.as_bytes()).unwrap() {
        Message::Books(_) => panic!("{text}"),
        Message::Ack(ack) => Message::Ack(ack),
        Message::Error(error) => Message::Error(error),
        Message::Notice(notice) => Message::Notice(notice),
        Message::ChannelConnCount(count) => Message::ChannelConnCount(count),
        Message::OtherEvent { event } => Message::OtherEvent { event },
        Message::Other { channel } => Message::Other { channel },
        Message::Pong => Message::Pong,
    };
    let ack: Message<'static> =
        read(r#"{"id":"1512","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#);
    assert_eq!(
        ack,
        Message::Ack(Ack {
            kind: AckKind::Subscribe,
            channel: "books".into(),
            instrument: Some("BTC-USDT".into()),
            id: Some("1512".into()),
            conn_id: Some("a4d3ae55".into()),
        })
    );
    let Message::Ack(older) = read(r#"{"event":"unsubscribe","channel":"spot/depth_l2_tbt:BTC-USDT"}"#) else { panic!() };
    assert_eq!(
        (older.kind, older.channel.as_str(), older.instrument.as_deref()),
        (AckKind::Unsubscribe, "spot/depth_l2_tbt", Some("BTC-USDT"))
    );
    // An error repeats the id that was asked for, whatever it was.
    let Message::Error(error) = read(
        r#"{"id":"1512","event":"error","code":"60018","msg":"doesn't exist","arg":{"channel":"books","instId":"no such"},"connId":"x"}"#,
    ) else {
        panic!()
    };
    assert_eq!((error.code.as_str(), error.msg.as_str(), error.id.as_deref()), ("60018", "doesn't exist", Some("1512")));
    assert_eq!((error.channel.as_deref(), error.instrument.as_deref()), (Some("books"), Some("no such")));
    let Message::Error(older) = read(r#"{"event":"error","message":"Channel x doesn't exist","errorCode":30040}"#) else { panic!() };
    assert_eq!((older.code.as_str(), older.msg.as_str()), ("30040", "Channel x doesn't exist"));
    let Message::Notice(notice) = read(r#"{"event":"notice","code":"64008","msg":"upgrade","connId":"a"}"#) else { panic!() };
    assert_eq!((notice.code.as_str(), notice.conn_id.as_deref()), ("64008", Some("a")));
    let Message::ChannelConnCount(count) = read(r#"{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"a"}"#) else {
        panic!()
    };
    assert_eq!((count.channel.as_deref(), count.count.as_deref()), (Some("orders"), Some("2")));
    assert_eq!(read(r#"{"event":"login","code":"0","msg":"","connId":"a"}"#), Message::OtherEvent { event: "login".into() });
    assert_eq!(read("pong"), Message::Pong);
    for (text, name) in [
        (r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"px":"1"}]}"#, "trades"),
        (r#"{"arg":{"channel":"books5","instId":"BTC-USDT"},"data":[{"asks":[],"bids":[]}]}"#, "books5"),
        (r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"action":"anything","data":[]}"#, "liquidation-orders"),
        (r#"{"table":"spot/ticker","data":[{"last":"1"}]}"#, "spot/ticker"),
    ] {
        assert_eq!(read(text), Message::Other { channel: name.into() });
    }
}

#[test]
fn prices_and_sizes_that_are_not_plain_decimals_are_refused_by_name() {
    let forty = "7".repeat(40);
    for (bad, shown) in [
        ("NaN", "`NaN`"),
        ("-1", "`-1`"),
        ("1e5", "`1e5`"),
        ("", "``"),
        ("Infinity", "`Infinity`"),
        (forty.as_str(), "`7777777777777777777777777777777777777777`"),
        ("007", "`007`"),
    ] {
        for asks in [format!(r#"[["{bad}","1","0","1"]]"#), format!(r#"[["5","1","0","1"],["1","{bad}","0","1"]]"#)] {
            let error = refused(&with_asks(&asks));
            assert!(matches!(error, WireError::Decimal { .. }), "{error:?}");
            assert!(error.to_string().contains(shown), "{error}");
        }
    }
}

#[test]
fn levels_of_another_shape_are_refused() {
    for asks in [
        "[[]]",
        r#"[["1"]]"#,
        r#"[["1","2","0","1","5"]]"#,
        r#"[["1",2,"0","1"]]"#,
        "[[1,2]]",
        r#"[["1","2","x"]]"#,
        r#"[["1","2","0","-1"]]"#,
        r#"[["1","2","0","4294967296"]]"#,
        r#"[["1","2","0","1.5"]]"#,
        r#"[["1","2",1.5]]"#,
        r#"[["1","2","0","01"]]"#,
        r#"[["1","2",]]"#,
        r#"[["1","2"],]"#,
        r#"["1","2"]"#,
        "{}",
        "null",
        r#"[["1","2","0",""]]"#,
        r#"[["1","2"] ["3","4"]]"#,
    ] {
        refused(&with_asks(asks));
    }
}

#[test]
fn frames_that_say_too_little_or_one_thing_twice_are_refused_with_the_key() {
    let good = with_asks("[]");
    for (remove, key) in [
        (r#""action":"update","#, "`action`"),
        (r#""asks":[],"#, "`asks`"),
        (r#""bids":[],"#, "`bids`"),
        (r#""ts":"5","#, "`ts`"),
        (r#","instId":"BTC-USDT""#, "`arg.instId`"),
        (r#""channel":"books","#, "`arg.channel`"),
    ] {
        assert!(good.contains(remove));
        let error = refused(&good.replace(remove, ""));
        assert!(matches!(error, WireError::MissingKey { .. }) && error.to_string().contains(key), "{error}");
    }
    for (double, key) in
        [(r#""action":"update","#, "`action`"), (r#""asks":[],"#, "`asks`"), (r#""seqId":2,"#, "`seqId`"), (r#""ts":"5","#, "`ts`")]
    {
        let error = refused(&good.replace(double, &double.repeat(2)));
        assert!(matches!(error, WireError::DuplicateKey { .. }) && error.to_string().contains(key), "{error}");
    }
    for (from, to) in [
        (r#""ts":"5""#, r#""ts":"-5""#),
        (r#""ts":"5""#, r#""ts":5.5"#),
        (r#""ts":"5""#, r#""ts":"five""#),
        (r#""seqId":2"#, r#""seqId":9223372036854775808"#),
        (r#""seqId":2"#, r#""seqId":2e3"#),
        (r#""checksum":0"#, r#""checksum":2147483648"#),
        ("BTC-USDT", "btc usdt"),
        (r#""update""#, r#""merge""#),
    ] {
        let error = refused(&good.replace(from, to));
        assert!(matches!(error, WireError::Value { .. }), "{to}: {error:?}");
    }
    assert_eq!(refused(r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update"}"#), WireError::MissingKey { key: "data" });
    assert_eq!(refused(r#"{"op":"subscribe","args":[]}"#), WireError::Unrecognised);
    assert!(matches!(refused(r#"{"event":"subscribe"}"#), WireError::MissingKey { .. }));
    assert!(matches!(refused(r#"{"event":7}"#), WireError::Control { .. }));
}

#[test]
fn broken_text_is_refused_with_its_place() {
    let good = with_asks(r#"[["1","2","0","3"]]"#);
    for end in 0..good.len() {
        refused(&good[..end]);
    }
    for trailing in ["x", "{}", ",", "]", "\u{0}"] {
        let error = refused(&format!("{good} {trailing}"));
        assert_eq!(error, WireError::Syntax { offset: good.len() + 1, expected: "the end of the frame" });
    }
    let mut bytes = good.clone().into_bytes();
    bytes[30] = 0xff;
    assert_eq!(Decoder::new().decode(&bytes), Err(WireError::NotUtf8 { offset: 30 }));
    let nested = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(refused(&nested), WireError::TooDeep { .. }));
    assert!(matches!(refused(""), WireError::Syntax { .. }));
}

#[test]
fn what_is_too_large_is_refused() {
    let level = r#"["1","2"]"#;
    let full = with_asks(&format!("[{}]", vec![level; MAX_LEVELS_A_SIDE].join(",")));
    assert_eq!(books(&full)[0].asks.len(), MAX_LEVELS_A_SIDE);
    let over = with_asks(&format!("[{}]", vec![level; MAX_LEVELS_A_SIDE + 1].join(",")));
    assert!(matches!(refused(&over), WireError::TooManyLevels { key: "asks", .. }));
    assert!(matches!(refused(&" ".repeat(MAX_FRAME_BYTES + 1)), WireError::TooLong { .. }));
    let book = r#"{"asks":[],"bids":[],"ts":1,"instrument_id":"A-B"}"#;
    let many = format!(r#"{{"table":"books","data":[{}]}}"#, vec![book; MAX_BOOKS_A_FRAME + 1].join(","));
    assert!(matches!(refused(&many), WireError::TooManyBooks { .. }));
}
