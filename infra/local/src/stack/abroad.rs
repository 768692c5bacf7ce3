//! The way out of a stack whose functions know the real addresses, as a deployed stage's do.
//!
//! In the local stack variables point to simulators, so nobody sees which hosts the program would really call. Here they point where
//! the template says. Each function's wire writes down whom it calls and carries the request to whoever stands in for that
//! company on this machine; none leaves it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use shared::wire::{Wire, WireBody, WireError};

use super::host::Wires;
use crate::engine::objects;

/// Whom the functions of a stack have called. Clones share the list.
#[derive(Debug, Clone, Default)]
pub struct Abroad {
    called: Arc<Mutex<BTreeSet<Called>>>,
}

/// A host that was called, and who called it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Called {
    /// `https` or `http`.
    pub scheme: String,
    /// The host's name.
    pub host: String,
    /// The function, by its folder.
    pub function: String,
}

/// Who stands in for everybody, on loopback.
#[derive(Debug, Clone, Copy)]
pub(super) struct StandIns {
    pub(super) simulators: SocketAddr,
    pub(super) stores: SocketAddr,
    pub(super) aws: SocketAddr,
}

struct Line {
    abroad: Abroad,
    function: String,
    stand_ins: StandIns,
    http: reqwest::Client,
}

impl Abroad {
    /// Every host that was called so far, by whom.
    #[must_use]
    pub fn called(&self) -> Vec<Called> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn wires(&self, stand_ins: StandIns) -> anyhow::Result<Wires> {
        let (abroad, http) = (self.clone(), crate::client::http()?);
        Ok(Arc::new(move |function| {
            Arc::new(Line {
                abroad: abroad.clone(),
                function: function.to_owned(),
                stand_ins,
                http: http.clone(),
            })
        }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Called>> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StandIns {
    fn of(self, host: &str) -> SocketAddr {
        if host.ends_with(".amazonaws.com") {
            self.aws
        } else if objects::is_a_stores(host) {
            self.stores
        } else {
            self.simulators
        }
    }
}

impl Wire for Line {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<WireBody>, WireError>> {
        let uri = request.uri().clone();
        let host = uri.host().unwrap_or_default().to_owned();
        self.abroad.lock().insert(Called {
            scheme: uri.scheme_str().unwrap_or_default().to_owned(),
            host: host.clone(),
            function: self.function.clone(),
        });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let address = format!("http://{}{path}", self.stand_ins.of(&host));
        let http = self.http.clone();
        async move {
            let (parts, body) = request.into_parts();
            let mut headers = parts.headers;
            // Signatures speak of the host that was meant.
            if let Ok(host) = HeaderValue::from_str(&host) {
                headers.entry(header::HOST).or_insert(host);
            }
            let asked = http.request(parts.method, address).headers(headers).body(body);
            let answer = asked.send().await.map_err(|_| WireError::NotSent)?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.bytes().await.map_err(|_| WireError::Lost)?;
            let mut carried = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
            (*carried.status_mut(), *carried.headers_mut()) = (status, headers);
            Ok(carried)
        }
        .boxed()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({})", self.function)
    }
}
