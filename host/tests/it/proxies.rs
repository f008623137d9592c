//! Proxies: CONNECT and SOCKS5, with and without a login, for WebSockets and REST calls alike.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::exchange::Exchange;
use crate::support::listener::Rig;
use crate::support::until;
use leadline_host::config::{Settings, Sources};
use leadline_host::okx::{Pace, Proxies, Rest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that leads every name to one address of this machine, and notes what it was asked.
struct TestProxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// `socks`: SOCKS5 with user and password where `login` is given; else CONNECT.
    async fn start(socks: bool, login: Option<&'static str>, target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (noted, target) = (Arc::clone(&noted), target.clone());
                tokio::spawn(async move {
                    let _ = if socks { socks5(client, login, &noted, &target).await } else { connect(client, &noted, &target).await };
                });
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn pipe(mut client: TcpStream, target: &str) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}

async fn connect(mut client: TcpStream, asked: &Mutex<Vec<String>>, target: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await?);
    }
    asked.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    pipe(client, target).await
}

async fn socks5(mut client: TcpStream, login: Option<&str>, asked: &Mutex<Vec<String>>, target: &str) -> std::io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods).await?;
    let method = if login.is_some() { 2 } else { 0 };
    client.write_all(&[5, method]).await?;
    if let Some(login) = login {
        let mut text = Vec::new();
        client.read_u8().await?;
        for _ in 0..2 {
            let mut part = vec![0; usize::from(client.read_u8().await?)];
            client.read_exact(&mut part).await?;
            text.push(String::from_utf8_lossy(&part).into_owned());
        }
        let right = text.join(":") == login;
        client.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    assert_eq!(request[3], 3, "the name is left to the proxy");
    let mut name = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut name).await?;
    let port = client.read_u16().await?;
    asked.lock().unwrap().push(format!("{}:{port}", String::from_utf8_lossy(&name)));
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    pipe(client, target).await
}

fn address(url: &str) -> String {
    url.trim_start_matches("ws://").split('/').next().expect("a host").to_owned()
}

#[tokio::test]
async fn a_connect_proxy_leads_to_the_exchange_and_is_logged_in_to() {
    let exchange = Exchange::start().await;
    let proxy = TestProxy::start(false, None, address(&exchange.url)).await;
    // The name resolves nowhere but at the proxy.
    let proxies = Proxies::all(&format!("http://user:pass@127.0.0.1:{}", proxy.port));
    let rig = Rig::through(proxies, "ws://exchange.invalid:8443/ws/v5/public", Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    pair.listener.reach(10).await;
    let asked = proxy.asked().join("\n");
    assert!(asked.starts_with("CONNECT exchange.invalid:8443 HTTP/1.1\r\n"), "{asked}");
    // "user:pass" in base64.
    assert!(asked.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz"), "{asked}");
}

#[tokio::test]
async fn a_socks5_proxy_leads_to_the_exchange_and_resolves_its_name() {
    for (login, url) in [(None, ""), (Some("us er:p@ss"), "us%20er:p%40ss@")] {
        let exchange = Exchange::start().await;
        let proxy = TestProxy::start(true, login, address(&exchange.url)).await;
        let proxies = Proxies::all(&format!("socks5://{url}127.0.0.1:{}", proxy.port));
        let rig = Rig::through(proxies, "ws://exchange.invalid:8443/ws/v5/public", Pace::default(), &[]);
        let pair = rig.join("BTC-USDT").await;
        let mut connection = exchange.subscribed().await;
        connection.snapshot(10, 50).await;
        pair.listener.reach(10).await;
        assert_eq!(proxy.asked(), ["exchange.invalid:8443"]);
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_without_its_password() {
    let proxies = Proxies::all(&format!("http://user:hunter2@127.0.0.1:{}", crate::support::free_port()));
    let pace = Pace { first_wait: Duration::from_millis(10), ..Pace::default() };
    let rig = Rig::through(proxies, "ws://exchange.invalid:8443/ws/v5/public", pace, &[]);
    let pair = rig.join("BTC-USDT").await;
    until("it is told", async || pair.reason().contains("through the proxy http://127.0.0.1:")).await;
    assert!(!pair.reason().contains("hunter2"), "{}", pair.reason());
}

#[tokio::test]
async fn rest_calls_go_through_the_same_proxy() {
    let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
    let target = listener.local_addr().expect("its address").to_string();
    tokio::spawn(leadline_simulator::serve(listener, leadline_simulator::Options::default(), std::future::pending()));
    let proxy = TestProxy::start(true, Some("a:b"), target).await;
    let flags = [("OKX_REST_URL".to_owned(), "http://rest.invalid".to_owned())];
    let settings = Settings::read(&Sources::gather(flags, [], None).expect("known names")).expect("good values");
    let proxies = Arc::new(Proxies::all(&format!("socks5://a:b@127.0.0.1:{}", proxy.port)));
    let rest = Rest::new(&settings.okx, proxies).expect("a client");
    let instrument = rest.instrument("BTC-USDT").await.expect("it is listed");
    assert_eq!(instrument.id, "BTC-USDT");
    assert_eq!(proxy.asked(), ["rest.invalid:80"]);
    assert!(rest.clock().await.is_ok());
}
