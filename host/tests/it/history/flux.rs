//! Every form of Flux that the host sends, checked by Flux's own front end: syntax, functions, arguments, types.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use leadline_host::history::History;
use leadline_host::history::entry::Measurement;
use leadline_host::history::query::{AlertQuery, Name, RangeQuery, Selection, Span, WindowQuery};

use super::front::{Front, Judge};
use super::samples::{MS, START_NS, influx, named};

/// Says of each text of a JSON list whether it is good.
const CHECK: &str = "const {Flux} = require(process.argv[1]);
let input = ''; process.stdin.on('data', part => input += part).on('end', () =>
  console.log(JSON.stringify(JSON.parse(input).map(text => { try { return new Flux(text).is_valid(); } catch { return false; } }))));";

fn front_end() -> Option<PathBuf> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/flux-lsp/node_modules/@influxdata/flux-lsp-node");
    if module.is_dir() && Command::new("node").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Some(module);
    }
    eprintln!("left out: Flux's front end isn't there; scripts/setup.sh --tests brings it");
    None
}

fn check(module: &Path, texts: &[String]) -> Vec<bool> {
    let mut node = Command::new("node")
        .args(["-e", CHECK])
        .arg(module.canonicalize().expect("it is there"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    node.stdin.take().expect("piped").write_all(&serde_json::to_vec(texts).expect("json")).expect("it reads");
    let output = node.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_of_question_is_good_flux() {
    let Some(module) = front_end() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let front = Front::start(Judge::Model(Arc::default())).await;
    let mut settings = influx(folder.path(), &front.url());
    // What a name in the settings may be at worst.
    settings.influx.as_mut().expect("set").bucket = "a \"${b}\\ |> c".to_owned();
    let history = History::open(&settings).expect("it opens");
    let span = Span::new(START_NS, START_NS + 3_600_000 * MS).expect("a span");
    let everything = |measurement| Selection { measurement, pairs: Vec::new(), sources: Vec::new(), fields: Vec::new() };
    let some = Selection {
        pairs: named(&["BTC-USDT", "ETH-USDT"]),
        sources: named(&["liquidity"]),
        fields: named(&["liquidity_index", "own.width"]),
        ..everything(Measurement::Analysis)
    };
    for selection in [everything(Measurement::Analysis), everything(Measurement::Connection), everything(Measurement::Host), some] {
        history.range(RangeQuery { selection: selection.clone(), span, limit: 10 }).await.expect("an answer");
        let windows = WindowQuery::new(selection, span, Duration::from_secs(60)).expect("good");
        history.windows(windows).await.expect("an answer");
    }
    for pairs in [Vec::new(), named(&["BTC-USDT"])] {
        history.alerts(AlertQuery { pairs, span, limit: 5 }).await.expect("an answer");
    }
    // Asks for the whole book, and where there is one for the changes since.
    front.put_behind_answers(
        "#datatype,string,long,dateTime:RFC3339\r\n#group,false,false,false\r\n#default,_result,,\r\n,result,table,_time\r\n,,0,2026-11-25T10:00:00.000000001Z\r\n",
    );
    history.book(Name::new("BTC-USDT").expect("good"), START_NS + 1000).await.expect("an answer");
    front.put_behind_answers("");
    history.catalog(span).await.expect("an answer");
    let texts = front.queries();
    assert_eq!(texts.len(), 8 + 2 + 2 + 3);
    for (text, good) in texts.iter().zip(check(&module, &texts)) {
        assert!(good, "{text}");
    }
    // And it does tell bad from good.
    let spoilt: Vec<String> = texts.iter().map(|text| text.replacen("start: ", "begin: ", 1)).collect();
    assert!(check(&module, &spoilt).iter().all(|good| !good));
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");
}
