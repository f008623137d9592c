//! Where Redis is: one grammar for a server, a Unix socket, Sentinels, and a Cluster.
//!
//! ```text
//! HOST[:PORT]
//! redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]                       rediss:// with TLS
//! unix:///PATH[?db=DB&user=USER&pass=PASSWORD]
//! redis+sentinel://[USER[:PASSWORD]@]HOST[:PORT],.../MASTER[/DB]   rediss+sentinel:// with TLS
//! redis+cluster://[USER[:PASSWORD]@]HOST[:PORT],...                rediss+cluster:// with TLS
//! ```

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

/// Ports where none is said.
const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What an address says.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// As shown: without user and password.
    pub(super) shown: String,
    /// Who we are, and in which database.
    pub(super) login: RedisConnectionInfo,
    pub(super) place: Place,
}

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One server.
    Server(ConnectionAddr),
    /// Any of these knows where the master is.
    Sentinels(Vec<ConnectionAddr>, String),
    /// Any of these knows which server has which slots.
    Cluster(Vec<ConnectionAddr>),
}

impl Address {
    /// Reads an address.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        let (plain, several) = scheme.split_once('+').unwrap_or((scheme, ""));
        let shown = |rest: &str| rest.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, place)| format!("{scheme}://{place}"));
        if !["sentinel", "cluster"].contains(&several) {
            let url = format!("{scheme}://{rest}");
            let info = url.as_str().into_connection_info().map_err(|error| error.to_string())?;
            let shown = if scheme == "unix" { rest.split('?').next().unwrap_or(rest).to_owned() } else { shown(rest) };
            return Ok(Self { shown, login: info.redis_settings().clone(), place: Place::Server(info.addr().clone()) });
        }
        if !["redis", "rediss"].contains(&plain) {
            return Err(format!("there is no `{scheme}://`"));
        }
        let sentinel = several == "sentinel";
        let (hosts, mut path) = rest.split_once('/').unwrap_or((rest, ""));
        let (who, hosts) = hosts.rsplit_once('@').map_or((String::new(), hosts), |(who, hosts)| (format!("{who}@"), hosts));
        let mut master = String::new();
        if sentinel {
            let (name, db) = path.split_once('/').unwrap_or((path, ""));
            if name.is_empty() {
                return Err(
                    "behind the Sentinels' addresses stands the master's name, as in redis+sentinel://10.0.0.1:26379/mymaster".to_owned()
                );
            }
            (master, path) = (name.to_owned(), db);
        } else if !path.is_empty() {
            return Err("a Cluster has one database, so nothing stands behind its addresses".to_owned());
        }
        let port = if sentinel { SENTINEL_PORT } else { SERVER_PORT };
        let mut login = None;
        let mut addrs = Vec::new();
        for host in hosts.split(',').map(str::trim) {
            if host.is_empty() {
                return Err(format!("an address is missing in `{hosts}`"));
            }
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
            let host = if has_port && !host.ends_with(']') { host.to_owned() } else { format!("{host}:{port}") };
            let info =
                format!("{plain}://{who}{host}/{path}").as_str().into_connection_info().map_err(|error| format!("{host}: {error}"))?;
            login.get_or_insert_with(|| info.redis_settings().clone());
            addrs.push(info.addr().clone());
        }
        let place = if sentinel { Place::Sentinels(addrs, master) } else { Place::Cluster(addrs) };
        Ok(Self { shown: shown(rest), login: login.unwrap_or_default(), place })
    }
}

/// The same kind of connection to another server.
pub(super) fn elsewhere(like: &ConnectionAddr, to_host: &str, to_port: u16) -> ConnectionAddr {
    match like {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: to_host.to_owned(), port: to_port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(to_host.to_owned(), to_port),
    }
}

/// Everything for connecting to a server as somebody.
pub(super) fn info(addr: ConnectionAddr, login: RedisConnectionInfo) -> redis::RedisResult<ConnectionInfo> {
    Ok(addr.into_connection_info()?.set_redis_settings(login))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> ConnectionAddr {
        ConnectionAddr::Tcp(host.to_owned(), port)
    }

    #[test]
    fn a_server_is_named_by_host_url_or_socket() {
        let address = Address::parse("localhost:6380").expect("fine");
        assert_eq!((address.place, address.shown.as_str()), (Place::Server(tcp("localhost", 6380)), "localhost:6380"));
        let address = Address::parse("redis://me:p%40ss@10.0.0.1/3").expect("fine");
        assert_eq!(address.place, Place::Server(tcp("10.0.0.1", 6379)));
        assert_eq!((address.login.username(), address.login.password(), address.login.db()), (Some("me"), Some("p@ss"), 3));
        assert_eq!(address.shown, "redis://10.0.0.1/3");
        assert!(matches!(
            Address::parse("rediss://10.0.0.1:6390").expect("fine").place,
            Place::Server(ConnectionAddr::TcpTls { port: 6390, .. })
        ));
        let address = Address::parse("unix:///run/redis.sock?db=2&pass=secret").expect("fine");
        assert_eq!((address.login.db(), address.shown.as_str()), (2, "/run/redis.sock"));
    }

    #[test]
    fn sentinels_and_a_cluster_are_lists_and_no_password_is_shown() {
        let address = Address::parse("redis+sentinel://me:secret@a:1,b,[::1]/main/2").expect("fine");
        assert_eq!(address.place, Place::Sentinels(vec![tcp("a", 1), tcp("b", 26379), tcp("::1", 26379)], "main".to_owned()));
        assert_eq!((address.login.username(), address.login.db()), (Some("me"), 2));
        assert_eq!(address.shown, "redis+sentinel://a:1,b,[::1]/main/2");
        let address = Address::parse("rediss+cluster://a,b:7001").expect("fine");
        assert!(
            matches!(address.place, Place::Cluster(nodes) if nodes.len() == 2 && matches!(nodes[0], ConnectionAddr::TcpTls { port: 6379, .. }))
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "redis+sentinel://a,b",
            "redis+sentinel://a,,b/main",
            "redis+cluster://a/1",
            "http://a",
            "unix+cluster://a",
            "redis+sentinel://a/main/x",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
