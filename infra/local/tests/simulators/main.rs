//! The simulators from outside: over the wire, as our clients and the providers' own meet them.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of a test function")]

mod dashscope;
mod deepseek;
mod desk;
mod events;
mod links;
mod paypal;
mod resend;
mod seedream;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use shared::{Clock, Entropy};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use vitrine::sim::{Fault, Provider, SimulatorOptions, Simulators};

/// Simulators on a port of their own, and a clock that stands still.
struct Bench {
    simulators: Simulators,
    clock: Clock,
    origin: String,
    http: reqwest::Client,
    _server: JoinSet<()>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut SimulatorOptions)) -> Self {
        // Another test of this process may have been first; either way there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
        let mut options = SimulatorOptions::in_memory(clock.clone(), Entropy::seeded(1), origin.clone());
        adjust(&mut options);
        let simulators = Simulators::new(options).unwrap();
        let mut server = JoinSet::new();
        server.spawn(simulators.clone().serve(listener));
        // A client that keeps no connection: a dead one must not be mistaken for a stale one and tried again.
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self {
            simulators,
            clock,
            origin,
            http,
            _server: server,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.origin)
        };
        self.http.request(method, url)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(body).send().await.unwrap()).await
    }

    async fn download(&self, link: &str) -> (u16, Vec<u8>) {
        let response = self.request(Method::GET, link).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
    }

    fn fault(&self, provider: Provider, fault: Fault) {
        self.simulators.fault(provider, 1, fault).unwrap();
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn failing(status: u16) -> Fault {
    Fault {
        status: Some(status),
        ..Fault::default()
    }
}

fn error_named(name: &str) -> Fault {
    Fault {
        error: Some(name.to_owned()),
        ..Fault::default()
    }
}

/// Format and pixels of a picture, read from its own bytes.
fn looked_at(bytes: &[u8]) -> (&'static str, u32, u32) {
    let number = |at: usize, n: usize| {
        bytes[at..at + n]
            .iter()
            .fold(0, |sum, byte| sum * 256 + u32::from(*byte))
    };
    if bytes.starts_with(b"\x89PNG") {
        return ("png", number(16, 4), number(20, 4));
    }
    assert!(bytes.starts_with(&[0xff, 0xd8]));
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    ("jpeg", number(frame + 7, 2), number(frame + 5, 2))
}
