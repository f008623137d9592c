//! `leadline check`: whether a host could start here, and what would be in its way.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::ArgMatches;

use super::arguments::settings;
use super::runtime;
use crate::alerts::{Catalog, RuleView, Webhook, check_rules};
use crate::analysis::{self, Engine, Sheet};
use crate::api::security::Tokens;
use crate::config::Settings;
use crate::monitor::machine;
use crate::results::{Link, keys};

/// Room on a disk under which it is told.
const LITTLE: u64 = 1 << 30;

/// What was found: one line each.
#[derive(Default)]
struct Findings {
    failed: u32,
    warned: u32,
}

impl Findings {
    fn line(&mut self, word: &str, about: &str, text: &str) {
        let text = text.replace('\n', "\n                ");
        let _ = writeln!(std::io::stdout(), "{word:<5} {about:<10}{text}");
    }

    fn good(&mut self, about: &str, text: impl AsRef<str>) {
        self.line("ok", about, text.as_ref());
    }

    fn warn(&mut self, about: &str, text: impl AsRef<str>) {
        self.warned += 1;
        self.line("warn", about, text.as_ref());
    }

    fn fail(&mut self, about: &str, text: impl AsRef<str>) {
        self.failed += 1;
        self.line("fail", about, text.as_ref());
    }
}

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let mut found = Findings::default();
    let settings = match settings(matches) {
        Ok(settings) => settings,
        Err(error) => {
            found.fail("settings", error.to_string());
            return Ok(ExitCode::from(1));
        }
    };
    found.good("settings", "each of them can be used");
    plugins(&settings, &mut found);
    webhooks(&settings, &mut found);
    tokens(&settings, &mut found);
    folders(&settings, &mut found);
    runtime()?.block_on(async {
        redis(&settings, &mut found).await;
        port(&settings, &mut found).await;
    });
    let _ = writeln!(std::io::stdout(), "{} failed, {} to look at", found.failed, found.warned);
    Ok(ExitCode::from(u8::from(found.failed > 0)))
}

fn plugins(settings: &Settings, found: &mut Findings) {
    let dir = &settings.plugins.dir;
    let loaded = Engine::with_cache(settings.plugins.cache.as_deref())
        .and_then(|engine| analysis::load_folder_by(&Sheet::read(dir)?, &engine, dir, settings.plugins.budget));
    match loaded {
        Ok(plugins) if plugins.is_empty() => {
            found.warn("plugins", format!("there are none in {}\nhint: PLUGIN_DIR names their folder", dir.display()))
        }
        Ok(plugins) => {
            let names: Vec<String> = plugins.iter().map(|plugin| format!("{} {}", plugin.name, plugin.version)).collect();
            found.good("plugins", names.join(", "));
        }
        Err(error) => found.fail("plugins", error.to_string()),
    }
}

fn webhooks(settings: &Settings, found: &mut Findings) {
    let Some(file) = &settings.webhooks_file else { return };
    match Webhook::read(file) {
        Ok(webhooks) => {
            let names: Vec<String> =
                webhooks.iter().map(|webhook| format!("{} ({}, {})", webhook.name, webhook.kind.as_str(), webhook.place())).collect();
            found.good("webhooks", names.join(", "));
            if readable_by_others(file) {
                found.warn(
                    "webhooks",
                    format!("{} holds secrets, and other users can read it\nhint: chmod 600 {}", file.display(), file.display()),
                );
            }
        }
        Err(error) => found.fail("webhooks", error.to_string()),
    }
}

fn tokens(settings: &Settings, found: &mut Findings) {
    let api = &settings.api;
    match Tokens::of(api) {
        Ok(tokens) if tokens.is_empty() => {
            found.warn("tokens", "there are none: nobody can change anything\nhint: API_TOKEN, or API_TOKENS_FILE for several");
        }
        Ok(_) => found.good("tokens", "they can be read"),
        Err(error) => found.fail("tokens", error.to_string()),
    }
    // What every user of this machine may read are digests: those give nothing away, a token does.
    if let Some(file) = &api.tokens_file
        && readable_by_others(file)
    {
        found.warn("tokens", format!("other users can read {}\nhint: chmod 600 {}", file.display(), file.display()));
    }
}

fn readable_by_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}

fn folders(settings: &Settings, found: &mut Findings) {
    let mut folders: Vec<(&str, &Path)> = Vec::new();
    if let Some(files) = &settings.log.files {
        folders.push(("LOG_DIR", &files.folder));
    }
    if let Some(history) = &settings.history.folder {
        folders.push(("HISTORY_DIR", history));
    }
    if let Some(cache) = &settings.plugins.cache {
        folders.push(("PLUGIN_CACHE_DIR", cache));
    }
    if let Some(backup) = &settings.backup {
        folders.push(("BACKUP_DIR", &backup.folder));
    }
    if let Some(file) = &settings.api.audit_file {
        if file.exists() && std::fs::OpenOptions::new().append(true).open(file).is_err() {
            found.fail("folders", format!("API_AUDIT_FILE: {} can't be written to", file.display()));
        }
        folders.push(("API_AUDIT_FILE", file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))));
    }
    for (name, folder) in folders {
        // A folder is made, where it is or would be, and taken away again: what permissions say isn't all that counts.
        let there = folder.ancestors().find(|one| one.exists()).unwrap_or_else(|| Path::new("."));
        let probe = there.join(format!(".leadline-check-{}", std::process::id()));
        let tried = std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe));
        if let Err(error) = tried {
            found.fail("folders", format!("{name}: {} can't be written to: {error}", folder.display()));
            continue;
        }
        match machine::disk(folder) {
            Some(disk) if disk.free < LITTLE => {
                found.warn("folders", format!("{name}: {} has {} MB left ({:.1} %)", folder.display(), disk.free >> 20, disk.free_percent));
            }
            Some(disk) => {
                found.good("folders", format!("{name}: {} has {} GB left ({:.0} %)", folder.display(), disk.free >> 30, disk.free_percent))
            }
            None => found.good("folders", format!("{name}: {} can be written to", folder.display())),
        }
    }
    if !settings.api.web_dir.join("index.html").is_file() {
        found.warn(
            "page",
            format!("{} holds no page\nhint: `make web` builds it, API_WEB_DIR names its folder", settings.api.web_dir.display()),
        );
    }
}

async fn redis(settings: &Settings, found: &mut Findings) {
    let link = match Link::new(&settings.redis) {
        Ok(link) => link,
        Err(error) => return found.fail("redis", error.to_string()),
    };
    let key = &settings.pairs.key;
    let mut ask = redis::pipe();
    ask.cmd("PING").ignore().cmd("TYPE").arg(key);
    let kind = match link.run::<(String,)>(&ask).await {
        Ok((kind,)) => kind,
        Err(error) => return found.fail("redis", error.to_string()),
    };
    let info = link.run::<(String,)>(redis::pipe().cmd("INFO")).await.map(|(text,)| text).unwrap_or_default();
    let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("").trim().to_owned();
    found.good(
        "redis",
        format!("{} answers, version {}", settings.redis.addr.rsplit('@').next().unwrap_or_default(), value("redis_version")),
    );
    if value("role") == "slave" {
        found.fail("redis", "it is a replica, which takes no writes\nhint: REDIS_ADDR names the primary");
    }
    if value("aof_enabled") == "0" {
        found.warn(
            "redis",
            "it keeps no append-only file: what waits in the Lists is lost with it\nhint: redis-cli CONFIG SET appendonly yes",
        );
    }
    let policy = value("maxmemory_policy");
    if !["", "noeviction"].contains(&policy.as_str()) && value("maxmemory") != "0" {
        found.warn(
            "redis",
            format!("maxmemory-policy is {policy}: it may evict the lanes' Lists\nhint: redis-cli CONFIG SET maxmemory-policy noeviction"),
        );
    }
    match kind.as_str() {
        "set" => {
            let members = link.run::<(u64,)>(redis::pipe().cmd("SCARD").arg(key)).await.map_or(0, |(members,)| members);
            found.good("pairs", format!("{members} in {key}, {} at most run", settings.pairs.limit));
        }
        "none" => found.warn("pairs", format!("no pairs are wanted\nhint: redis-cli SADD {key} BTC-USDT")),
        other => found.fail("pairs", format!("{key} holds a {other}, not a set\nhint: redis-cli DEL {key}, then SADD {key} BTC-USDT")),
    }
    match link.run::<(BTreeMap<String, String>,)>(redis::pipe().cmd("HGETALL").arg(keys::ALERT_RULES)).await {
        Ok((rules,)) => {
            let views = check_rules(&rules, &Catalog::default());
            for RuleView { name, refused, .. } in &views {
                if let Some(why) = refused {
                    found.fail("rules", format!("{name}: {why}"));
                }
            }
            let configured = views.iter().filter(|view| view.configured && view.refused.is_none()).count();
            found.good("rules", format!("{configured} in {}, and the host's own", keys::ALERT_RULES));
        }
        Err(error) => found.fail("rules", format!("{}: {error}", keys::ALERT_RULES)),
    }
}

async fn port(settings: &Settings, found: &mut Findings) {
    match tokio::net::TcpListener::bind(&settings.api.addr).await {
        Ok(_) => found.good("page", format!("{} is free", settings.api.addr)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            found.warn(
                "page",
                format!("{} is taken: by a host that runs already?\nhint: --api-addr 127.0.0.1:0 takes any free one", settings.api.addr),
            );
        }
        Err(error) => found.fail("page", format!("API_ADDR: can't listen on {}: {error}", settings.api.addr)),
    }
}
