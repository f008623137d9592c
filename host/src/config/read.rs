//! The settings from where they were given, group by group.

use std::path::PathBuf;
use std::time::Duration;

use super::settings::{
    Api, Backup, BookPolicy, Events, History, Influx, Lane, Log, LogFiles, Okx, Pairs, Plugins, Redis, Results, Secret, Settings, Tls,
};
use super::source::{ConfigError, Given, Sources};
use super::table::{self as t, Setting};
use super::value::{count, filled, filter, folder, lasting, list, number, one_of, refused, url};
use crate::analysis::Budget;
use crate::okx::endpoint::ENDPOINTS;
use crate::okx::{Endpoint, Pace};
use crate::recent;

impl Settings {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that its setting doesn't take.
    pub fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let secs = |setting: Setting, range| Ok::<_, ConfigError>(Duration::from_secs(number(sources, setting, range)?));
        let ms = |setting: Setting, range| Ok::<_, ConfigError>(Duration::from_millis(number(sources, setting, range)?));
        Ok(Self {
            redis: Redis {
                addr: filled(sources, t::REDIS_ADDR)?,
                password: sources.get(&t::REDIS_PASSWORD).value,
                username: sources.get(&t::REDIS_USERNAME).value,
                db: i64::try_from(number(sources, t::REDIS_DB, 0..=1_000_000)?).unwrap_or(0),
                tls: tls(sources)?,
                sentinel_username: sources.get(&t::REDIS_SENTINEL_USERNAME).value,
                sentinel_password: sources.get(&t::REDIS_SENTINEL_PASSWORD).value,
            },
            results: Results {
                expiry: lasting(number(sources, t::REDIS_RESULTS_EXPIRY, 0..=31_536_000)?),
                state_expiry: lasting(match number(sources, t::REDIS_STATE_EXPIRY, 0..=3600)? {
                    // Written once a second: less than a few of them would go while their host is well.
                    few @ 1..=4 => {
                        return Err(refused(t::REDIS_STATE_EXPIRY, &sources.get(&t::REDIS_STATE_EXPIRY), format!("{few} is under 5")));
                    }
                    seconds => seconds,
                }),
                events: match one_of(sources, t::REDIS_EVENTS, &["all", "states", "off"])?.as_str() {
                    "states" => Events::States,
                    "off" => Events::Off,
                    _ => Events::All,
                },
                details_interval: ms(t::REDIS_DETAILS_INTERVAL_MS, 0..=60_000)?,
            },
            pairs: Pairs {
                key: filled(sources, t::REDIS_TRADING_PAIRS_KEY)?,
                poll: Duration::from_secs(number(sources, t::TRADING_PAIRS_POLL_INTERVAL, 1..=3600)?),
                limit: count(sources, t::TRADING_PAIRS_LIMIT, 1..=100)?,
            },
            okx: okx(sources)?,
            plugins: Plugins {
                dir: filled(sources, t::PLUGIN_DIR)?.into(),
                budget: Budget {
                    fuel: number(sources, t::PLUGIN_FUEL, 1000..=1_000_000_000_000)?,
                    deadline: ms(t::PLUGIN_DEADLINE_MS, 1..=10_000)?,
                    memory: count(sources, t::PLUGIN_MEMORY_MB, 1..=1024)? << 20,
                    table_entries: count(sources, t::PLUGIN_TABLE_ENTRIES, 100..=10_000_000)?,
                    stack: count(sources, t::PLUGIN_STACK_KB, 64..=1024)? << 10,
                    answer: count(sources, t::PLUGIN_ANSWER_KB, 16..=65_536)? << 10,
                    log_lines: u32::try_from(number(sources, t::PLUGIN_LOG_LINES, 0..=10_000)?).unwrap_or(u32::MAX),
                    recycle_calls: number(sources, t::PLUGIN_RECYCLE_CALLS, 10..=1_000_000_000_000)?,
                },
                cache: Some(sources.get(&t::PLUGIN_CACHE_DIR).value).filter(|dir| !dir.trim().is_empty()).map(PathBuf::from),
            },
            lane: Lane {
                keyframe_every: u32::try_from(number(sources, t::LANE_KEYFRAME_EVERY, 1..=10_000)?).unwrap_or(u32::MAX),
                max_frames: count(sources, t::LANE_MAX_FRAMES, 100..=10_000_000)?,
                checkpoint_every: secs(t::LANE_CHECKPOINT_INTERVAL, 1..=3600)?,
                max_age: secs(t::LANE_MAX_AGE, 10..=604_800)?,
            },
            history: history(sources)?,
            backup: backup(sources)?,
            orderbook_interval: ms(t::ORDERBOOK_INTERVAL_MS, 100..=60_000)?,
            recent: recent::Limits {
                span: Duration::from_secs(60 * number(sources, t::RECENT_MINUTES, 0..=240)?),
                bytes: usize::try_from(number(sources, t::RECENT_MB, 4..=1024)?).unwrap_or(4) << 20,
            },
            api: api(sources)?,
            webhooks_file: folder(sources, t::ALERT_WEBHOOKS_FILE),
            log: Log {
                json: one_of(sources, t::LOG_FORMAT, &["pretty", "json"])? == "json",
                filter: filter(sources)?,
                files: log_files(sources)?,
            },
        })
    }
}

fn tls(sources: &Sources) -> Result<Tls, ConfigError> {
    let file = |setting: Setting| Some(sources.get(&setting).value).filter(|file| !file.trim().is_empty()).map(PathBuf::from);
    let tls = Tls { ca: file(t::REDIS_TLS_CA), cert: file(t::REDIS_TLS_CERT), key: file(t::REDIS_TLS_KEY) };
    match (&tls.cert, &tls.key) {
        (Some(_), None) => Err(refused(t::REDIS_TLS_CERT, &sources.get(&t::REDIS_TLS_CERT), "has no key: REDIS_TLS_KEY is empty")),
        (None, Some(_)) => Err(refused(t::REDIS_TLS_KEY, &sources.get(&t::REDIS_TLS_KEY), "has no certificate: REDIS_TLS_CERT is empty")),
        _ => Ok(tls),
    }
}

fn okx(sources: &Sources) -> Result<Okx, ConfigError> {
    let names = ENDPOINTS.map(|endpoint| endpoint.name);
    let endpoint = Endpoint::named(&one_of(sources, t::OKX_ENDPOINT, &names)?).unwrap_or_default();
    let given = |setting: Setting| Some(sources.get(&setting).value).filter(|value| !value.is_empty());
    Ok(Okx {
        ws_url: match given(t::OKX_WS_URL) {
            None => endpoint.ws_url.to_owned(),
            Some(_) => url(sources, t::OKX_WS_URL, &["ws://", "wss://"])?,
        },
        rest_url: match given(t::OKX_REST_URL).as_deref() {
            None => Some(endpoint.rest_url.to_owned()),
            Some("none") => None,
            Some(_) => Some(url(sources, t::OKX_REST_URL, &["http://", "https://"])?.trim_end_matches('/').to_owned()),
        },
        simulated: endpoint.simulated,
        channel: one_of(sources, t::OKX_CHANNEL, &["books", "books-l2-tbt", "books50-l2-tbt"])?,
        pairs_per_connection: count(sources, t::OKX_PAIRS_PER_CONNECTION, 1..=30)?,
        resync: Some(Duration::from_secs(number(sources, t::OKX_RESYNC_INTERVAL, 0..=86_400)?)).filter(|every| !every.is_zero()),
        instruments_interval: Duration::from_secs(number(sources, t::OKX_INSTRUMENTS_INTERVAL, 1..=604_800)?),
        pace: Pace::default(),
    })
}

fn api(sources: &Sources) -> Result<Api, ConfigError> {
    let path = |setting: Setting| Some(sources.get(&setting).value).filter(|value| !value.trim().is_empty()).map(PathBuf::from);
    Ok(Api {
        addr: filled(sources, t::API_ADDR)?,
        web_dir: filled(sources, t::API_WEB_DIR)?.into(),
        token: Some(sources.get(&t::API_TOKEN).value).filter(|token| !token.is_empty()).map(Secret::new),
        tokens_file: path(t::API_TOKENS_FILE),
        hosts: list(sources, t::API_HOSTS, "no name of a host", |name| {
            !name.contains(['/', ':', '*']) && !name.contains(char::is_whitespace)
        })?,
        origins: list(sources, t::API_ORIGINS, "no origin such as https://board.example", |origin| {
            origin
                .split_once("://")
                .is_some_and(|(scheme, rest)| ["http", "https"].contains(&scheme) && !rest.is_empty() && !rest.contains(['/', '*', ' ']))
        })?,
        anonymous_read: one_of(sources, t::API_ANONYMOUS_READ, &["loopback", "never"])? == "loopback",
        host_url: host_url(sources)?,
        rate_limit: u32::try_from(number(sources, t::API_RATE_LIMIT, 1..=1_000_000)?).unwrap_or(u32::MAX),
        audit_file: path(t::API_AUDIT_FILE),
        audit_bytes: number(sources, t::API_AUDIT_MB, 1..=10_240)? << 20,
    })
}

fn host_url(sources: &Sources) -> Result<Option<reqwest::Url>, ConfigError> {
    let given = sources.get(&t::API_HOST_URL);
    if given.value.trim().is_empty() {
        return Ok(None);
    }
    let url = url(sources, t::API_HOST_URL, &["http://", "https://"])?;
    match reqwest::Url::parse(&url) {
        Ok(url) if url.has_host() && url.path() == "/" && url.query().is_none() && url.username().is_empty() => Ok(Some(url)),
        Ok(_) => Err(refused(t::API_HOST_URL, &given, "has more than a scheme, a name and a port")),
        Err(error) => Err(refused(t::API_HOST_URL, &given, format!("is no address: {error}"))),
    }
}

fn log_files(sources: &Sources) -> Result<Option<LogFiles>, ConfigError> {
    let file_bytes = number(sources, t::LOG_FILE_MB, 1..=4096)? << 20;
    let keep_bytes = number(sources, t::LOG_KEEP_MB, 1..=1_048_576)? << 20;
    let keep = Duration::from_secs(number(sources, t::LOG_KEEP_DAYS, 1..=3650)? * 24 * 3600);
    Ok(folder(sources, t::LOG_DIR).map(|folder| LogFiles { folder, file_bytes, keep, keep_bytes }))
}

fn history(sources: &Sources) -> Result<History, ConfigError> {
    let folder = filled(sources, t::HISTORY_DIR)?;
    let influx = influx(sources)?;
    if folder == "none" && influx.is_some() {
        return Err(refused(
            t::HISTORY_DIR,
            &sources.get(&t::HISTORY_DIR),
            "is no folder, and with INFLUX_URL one is needed for what waits",
        ));
    }
    let days = number(sources, t::HISTORY_KEEP_DAYS, 0..=3650)?;
    Ok(History {
        folder: Some(PathBuf::from(folder)).filter(|folder| folder.as_os_str() != "none"),
        influx,
        interval: Duration::from_millis(number(sources, t::HISTORY_INTERVAL_MS, 0..=3_600_000)?),
        metrics_interval: Duration::from_secs(number(sources, t::HISTORY_METRICS_INTERVAL, 1..=3600)?),
        book: match one_of(sources, t::HISTORY_BOOK, &["off", "changes", "full"])?.as_str() {
            "changes" => BookPolicy::Changes,
            "full" => BookPolicy::Full,
            _ => BookPolicy::Off,
        },
        keep_days: i64::try_from(days).ok().filter(|&days| days > 0),
        max_bytes: number(sources, t::HISTORY_MAX_MB, 1..=100_000_000)? << 20,
        flush: Duration::from_secs(5),
    })
}

fn influx(sources: &Sources) -> Result<Option<Influx>, ConfigError> {
    if sources.get(&t::INFLUX_URL).value.is_empty() {
        return Ok(None);
    }
    let url = url(sources, t::INFLUX_URL, &["http://", "https://"])?;
    if url.contains('@') {
        // Not repeated: there is a password in it.
        let given = Given { value: "the address".to_owned(), place: sources.get(&t::INFLUX_URL).place };
        return Err(refused(t::INFLUX_URL, &given, "must not hold a name and password; INFLUX_TOKEN is for that"));
    }
    Ok(Some(Influx {
        url: url.trim_end_matches('/').to_owned(),
        org: filled(sources, t::INFLUX_ORG)?,
        bucket: filled(sources, t::INFLUX_BUCKET)?,
        token: sources.get(&t::INFLUX_TOKEN).value,
        batch_points: number(sources, t::INFLUX_BATCH_POINTS, 1..=50_000)?,
        batch_age: Duration::from_millis(number(sources, t::INFLUX_BATCH_MS, 10..=60_000)?),
        spool_bytes: number(sources, t::INFLUX_SPOOL_MB, 1..=1_000_000)? << 20,
    }))
}

fn backup(sources: &Sources) -> Result<Option<Backup>, ConfigError> {
    let every = Duration::from_secs(number(sources, t::BACKUP_INTERVAL, 10..=31_536_000)?);
    let keep = count(sources, t::BACKUP_KEEP, 1..=10_000)?;
    let folder = sources.get(&t::BACKUP_DIR).value;
    Ok((!folder.trim().is_empty()).then(|| Backup { folder: folder.into(), every, keep }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[(&str, &str)], environment: &[(&str, &str)], file: Option<&str>) -> Result<Settings, ConfigError> {
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
        let dir = tempfile::tempdir().expect("a folder");
        let path = file.map(|text| {
            let path = dir.path().join("app.env");
            std::fs::write(&path, text).expect("written");
            path
        });
        Settings::read(&Sources::gather(own(flags), own(environment), path.as_deref())?)
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let file = Some("# comment\nREDIS_DB=1\nREDIS_USERNAME=\"file\"\nTRADING_PAIRS_POLL_INTERVAL=7\n");
        let settings = read(&[("REDIS_DB", "3")], &[("REDIS_DB", "2"), ("REDIS_USERNAME", "env")], file).expect("good");
        assert_eq!((settings.redis.db, settings.redis.username.as_str()), (3, "env"));
        assert_eq!(settings.pairs.poll, Duration::from_secs(7));
        assert_eq!(settings.pairs.limit, 10);
    }

    #[test]
    fn a_wrong_setting_is_refused_by_name_and_place() {
        let told = |result: Result<Settings, ConfigError>| result.expect_err("refused").to_string();
        let text = told(read(&[], &[("TRADING_PAIRS_POLL_INTERVAL", "soon")], None));
        assert!(text.contains("TRADING_PAIRS_POLL_INTERVAL (environment): `soon` is no whole number"), "{text}");
        let text = told(read(&[], &[], Some("REDIS_ADR=x")));
        assert!(text.contains("line 1: there is no setting `REDIS_ADR`") && text.contains("did you mean REDIS_ADDR"), "{text}");
        let text = told(read(&[], &[("LANE_MAX", "1")], None));
        assert!(text.contains("there is no setting `LANE_MAX`"), "{text}");
        let text = told(read(&[], &[], Some("just words")));
        assert!(text.contains("line 1: `just words` is no NAME=value"), "{text}");
        let text = told(read(&[("LOG_LEVEL", "wran")], &[], None));
        assert!(text.contains("LOG_LEVEL (flag --log-level): `wran` is no level"), "{text}");
        assert!(read(&[("LOG_LEVEL", "warn,leadline_host=debug")], &[], None).is_ok());
        let text = told(read(&[("OKX_WS_URL", "http://x")], &[], None));
        assert!(text.contains("OKX_WS_URL (flag --okx-ws-url)"), "{text}");
    }
}
