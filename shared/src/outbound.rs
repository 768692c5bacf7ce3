//! The only way out to other companies: a client that knows which hosts it may speak to and refuses every other one.
//!
//! Promise P15 rests here. There are no redirects to follow, no proxies from the environment, no cookies, and every call
//! states how long it may take as a whole and how much it will read.
//!
//! Connections are not kept. A sandbox that slept between two requests wakes up with connections the other side has long
//! closed, and a paid request lost on one of them is an outcome nobody knows; a handshake is a small price beside a model.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

pub use crate::egress::{Egress, InvalidRule};

use crate::config::{ConfigError, Vars, is_loopback, is_private};
use crate::network::{self, CaBundle, Resolver};
use crate::wire::{Wire, WireBody, WireError};

/// What every company we call sees of us; some refuse callers that do not say who they are.
pub const USER_AGENT: &str = concat!("vitrine/", env!("CARGO_PKG_VERSION"));

/// How long opening a connection may take, name and TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// How much is read of an answer unless the call says otherwise.
const LIMIT: usize = 1024 * 1024;
/// How long a call may take unless it says otherwise.
const DEADLINE: Duration = Duration::from_secs(30);
/// The media type of everything that companies are told and tell us.
const JSON: &str = "application/json";
/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// The longest `Retry-After` that is believed.
const LONGEST_WAIT: u64 = 3600;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why there is no answer. The variants tell what can be known about the request's fate.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The host is not on the client's list; nothing was sent.
    #[error("`{host}` is not a declared host of this client")]
    HostNotDeclared {
        /// The host.
        host: String,
    },
    /// Plain http to another machine; nothing was sent.
    #[error("`{host}` would be spoken to in the clear")]
    NotPrivate {
        /// The host.
        host: String,
    },
    /// The request cannot be written, such as for a line break in a header; nothing was sent.
    #[error("the request cannot be written")]
    Unwritable(#[source] BoxError),
    /// No connection came about (refused, unknown name, TLS, time-out while connecting): surely nothing was received.
    #[error("`{host}` cannot be reached")]
    NotSent {
        /// The host.
        host: String,
        /// Why not.
        #[source]
        cause: BoxError,
    },
    /// The connection stood and no whole answer came (time-out, reset, closed): what became of the request is unknown.
    #[error("the answer of `{host}` was lost")]
    Lost {
        /// The host.
        host: String,
        /// Why.
        #[source]
        cause: BoxError,
    },
    /// The answer is longer than the call was ready to read.
    #[error("the answer of `{host}` is longer than {limit} bytes")]
    TooLong {
        /// The host.
        host: String,
        /// The most that would have been read.
        limit: usize,
    },
}

impl OutboundError {
    /// Whether it is certain that the other side received nothing.
    #[must_use]
    pub fn surely_not_sent(&self) -> bool {
        match self {
            Self::HostNotDeclared { .. } | Self::NotPrivate { .. } | Self::Unwritable(_) | Self::NotSent { .. } => true,
            Self::Lost { .. } | Self::TooLong { .. } => false,
        }
    }
}

/// A client for one company. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound {
    way: Way,
    egress: Egress,
}

/// How a request gets there.
#[derive(Debug, Clone)]
enum Way {
    Network(reqwest::Client),
    Wire(Arc<dyn Wire>),
}

impl Outbound {
    /// A client that reaches the hosts of `egress` and trusts the public roots and those of `extra`.
    ///
    /// # Errors
    /// When the TLS library refuses its own defaults.
    pub fn new(egress: Egress, extra: Option<&CaBundle>) -> Result<Self, ConfigError> {
        let setup = |cause: BoxError| ConfigError::Setup {
            what: "the outbound HTTP client",
            cause,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| setup(Box::new(cause)))?
            .with_root_certificates(network::public_roots(extra))
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .dns_resolver(Resolver)
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|cause| setup(Box::new(cause)))?;
        Ok(Self {
            way: Way::Network(client),
            egress,
        })
    }

    /// A client that reaches the hosts of `egress` over `wire`, under the same rules.
    #[must_use]
    pub fn over(wire: Arc<dyn Wire>, egress: Egress) -> Self {
        Self {
            way: Way::Wire(wire),
            egress,
        }
    }

    /// The hosts it may reach.
    #[must_use]
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// A `GET` of `url`.
    pub fn get(&self, url: &Url) -> Call<'_> {
        Call::new(self, Method::GET, url)
    }

    /// A `POST` to `url`.
    pub fn post(&self, url: &Url) -> Call<'_> {
        Call::new(self, Method::POST, url)
    }

    fn admit(&self, url: &Url) -> Result<String, OutboundError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        if !self.egress.allows(&host) {
            Err(OutboundError::HostNotDeclared { host })
        } else if !is_private(url) {
            Err(OutboundError::NotPrivate { host })
        } else {
            Ok(host)
        }
    }
}

/// A request being written.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call<'a> {
    outbound: &'a Outbound,
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
    deadline: Duration,
    limit: usize,
    fault: Option<BoxError>,
}

impl<'a> Call<'a> {
    fn new(outbound: &'a Outbound, method: Method, url: &Url) -> Self {
        Self {
            outbound,
            method,
            url: url.clone(),
            headers: Vec::new(),
            body: None,
            deadline: DEADLINE,
            limit: LIMIT,
            fault: None,
        }
    }

    /// How long it may take as a whole, from connecting to the answer's last byte; 30 seconds unless said. A time-out
    /// between two bytes would never fire on a body that trickles.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many bytes of the answer's body will be read at most; one mebibyte unless said.
    pub fn read_capped(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// With `Authorization: Bearer …`, kept out of debug output.
    pub fn bearer(self, key: &SecretString) -> Self {
        self.value(AUTHORIZATION, &format!("Bearer {}", key.expose_secret()), true)
    }

    /// With `Authorization: Basic …`, kept out of debug output.
    pub fn basic(self, user: &str, password: &SecretString) -> Self {
        let pair = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        self.value(AUTHORIZATION, &format!("Basic {pair}"), true)
    }

    /// With one more header.
    pub fn header(self, name: HeaderName, value: &str) -> Self {
        self.value(name, value, false)
    }

    fn value(mut self, name: HeaderName, value: &str, sensitive: bool) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(sensitive);
                self.headers.push((name, value));
            }
            Err(fault) => self.fault = Some(Box::new(fault)),
        }
        self
    }

    /// With `body` as JSON, and JSON wanted back.
    pub fn json<T: Serialize>(mut self, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = Some(bytes),
            Err(fault) => self.fault = Some(Box::new(fault)),
        }
        self.header(CONTENT_TYPE, JSON).wanting_json()
    }

    /// With `fields` as a form, `name=value&…`, and JSON wanted back.
    pub fn form(mut self, fields: &str) -> Self {
        self.body = Some(fields.as_bytes().to_vec());
        self.header(CONTENT_TYPE, FORM).wanting_json()
    }

    /// With a body that is called JSON and has nothing in it, and JSON wanted back.
    pub fn no_body(mut self) -> Self {
        self.body = Some(Vec::new());
        // Said, and not left to the server to guess.
        self.header(CONTENT_LENGTH, "0")
            .header(CONTENT_TYPE, JSON)
            .wanting_json()
    }

    /// With JSON wanted back, as the companies' own libraries say they do.
    pub fn wanting_json(self) -> Self {
        self.header(ACCEPT, JSON)
    }

    /// Sends it, once, and reads the whole answer.
    ///
    /// # Errors
    /// When there is no whole answer; a status such as 500 is an answer.
    pub async fn send(self) -> Result<Answer, OutboundError> {
        let host = self.outbound.admit(&self.url)?;
        if let Some(fault) = self.fault {
            return Err(OutboundError::Unwritable(fault));
        }
        match &self.outbound.way {
            Way::Network(client) => {
                let mut request = client.request(self.method, self.url).timeout(self.deadline);
                for (name, value) in self.headers {
                    request = request.header(name, value);
                }
                if let Some(body) = self.body {
                    request = request.body(body);
                }
                let answer = request.send().await.map_err(|cause| failed(&host, cause))?;
                read(answer, &host, self.limit).await
            }
            Way::Wire(wire) => {
                let mut request = http::Request::new(Bytes::from(self.body.unwrap_or_default()));
                *request.method_mut() = self.method;
                *request.uri_mut() = self
                    .url
                    .as_str()
                    .parse()
                    .map_err(|fault| OutboundError::Unwritable(Box::new(fault)))?;
                request.headers_mut().extend(self.headers);
                let agent = HeaderValue::from_static(USER_AGENT);
                request.headers_mut().insert(http::header::USER_AGENT, agent);
                let whole = carried(wire.as_ref(), request, &host, self.limit);
                match tokio::time::timeout(self.deadline, whole).await {
                    Ok(answer) => answer,
                    Err(elapsed) => Err(OutboundError::Lost {
                        host,
                        cause: Box::new(elapsed),
                    }),
                }
            }
        }
    }
}

async fn read(mut answer: reqwest::Response, host: &str, limit: usize) -> Result<Answer, OutboundError> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Capped::new(answer.content_length(), host, limit)?;
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.take(&chunk)?,
            Ok(None) => break,
            Err(cause) => return Err(body.lost(Box::new(cause.without_url()))),
        }
    }
    Ok(body.whole(status, headers))
}

/// The same over a wire.
async fn carried(
    wire: &dyn Wire,
    request: http::Request<Bytes>,
    host: &str,
    limit: usize,
) -> Result<Answer, OutboundError> {
    let answer = wire.carry(request).await.map_err(|error| {
        let (host, cause) = (host.to_owned(), Box::new(error));
        match error {
            WireError::NotSent => OutboundError::NotSent { host, cause },
            WireError::Lost => OutboundError::Lost { host, cause },
        }
    })?;
    let (parts, mut frames): (_, WireBody) = answer.into_parts();
    let announced = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut body = Capped::new(announced, host, limit)?;
    while let Some(frame) = frames.frame().await {
        let frame = frame.map_err(|cause| body.lost(cause))?;
        if let Some(chunk) = frame.data_ref() {
            body.take(chunk)?;
        }
    }
    Ok(body.whole(parts.status, parts.headers))
}

/// A body that is being read, and no further than its cap.
struct Capped<'a> {
    host: &'a str,
    limit: usize,
    read: BytesMut,
}

impl<'a> Capped<'a> {
    /// One that announces more than the cap is not read at all.
    fn new(announced: Option<u64>, host: &'a str, limit: usize) -> Result<Self, OutboundError> {
        let body = Self {
            host,
            limit,
            read: BytesMut::new(),
        };
        match usize::try_from(announced.unwrap_or(0)) {
            Ok(length) if length <= limit => Ok(body),
            Ok(_) | Err(_) => Err(body.too_long()),
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), OutboundError> {
        if self.read.len() + chunk.len() > self.limit {
            return Err(self.too_long());
        }
        self.read.extend_from_slice(chunk);
        Ok(())
    }

    fn too_long(&self) -> OutboundError {
        OutboundError::TooLong {
            host: self.host.to_owned(),
            limit: self.limit,
        }
    }

    fn lost(&self, cause: BoxError) -> OutboundError {
        OutboundError::Lost {
            host: self.host.to_owned(),
            cause,
        }
    }

    fn whole(self, status: StatusCode, headers: HeaderMap) -> Answer {
        Answer {
            status,
            headers,
            body: self.read.freeze(),
        }
    }
}

/// Addresses of results carry their own permission, so no error may repeat one.
fn failed(host: &str, cause: reqwest::Error) -> OutboundError {
    let (host, cause) = (host.to_owned(), cause.without_url());
    if cause.is_builder() {
        OutboundError::Unwritable(Box::new(cause))
    } else if cause.is_connect() {
        let cause = Box::new(cause);
        OutboundError::NotSent { host, cause }
    } else {
        let cause = Box::new(cause);
        OutboundError::Lost { host, cause }
    }
}

/// A whole answer.
#[derive(Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, no longer than the call allowed.
    pub body: Bytes,
}

impl Answer {
    /// The body as a `T`, if it is one. Blank lines before it, by which a server keeps a connection alive, are skipped.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// How long the other side asks us to wait, if it says so in seconds; at most an hour is believed.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds: u64 = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// The address of a company's interface, read from the variable `name`. It must be one of the hosts the company is
/// declared with (names and patterns), or loopback: a mistyped address must not carry people's words to a stranger.
///
/// # Errors
/// When the variable is absent, no address, not private, or an undeclared host.
pub(crate) fn company_url(vars: &Vars, name: &str, declared: &[&str]) -> Result<Url, ConfigError> {
    let url = vars.url(name)?;
    let is_ours = url.host().is_some_and(|host| is_loopback(&host));
    let known = declared.join(", ");
    let hosts: Egress = known.parse().unwrap_or_default();
    if is_ours || hosts.allows(url.host_str().unwrap_or_default()) {
        Ok(url)
    } else {
        Err(ConfigError::invalid(
            name,
            format!("must be at a declared host ({known}) or loopback"),
        ))
    }
}

/// `base` with `path` appended to its own.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    url
}
