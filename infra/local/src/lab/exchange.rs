//! The wire of the laboratory: it knows who lives at which address and hands each request over the table.
//!
//! A call is suspended at least once on its way there and once on its way back. Whoever is dropped in the first has asked
//! nothing; whoever is dropped in the second has asked and will never know.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use shared::Clock;
use shared::domain::Store;
use shared::wire::{Wire, WireBody, WireError};
use tokio::sync::oneshot;
use tokio::task::unconstrained;
use tower::ServiceExt as _;

use super::journal::{End, Journal};
use super::weather::{Loss, Party, Weather};
use crate::engine::front::{Door, target};
use crate::engine::objects::Objects;
use crate::engine::serving::background;
use crate::engine::trouble;
use crate::sim::HangUp;

type Answer = Response<WireBody>;

/// Everybody who can be called.
pub(super) struct Exchange {
    pub(super) clock: Clock,
    pub(super) database: Door,
    pub(super) stores: Vec<(Store, Objects)>,
    pub(super) simulators: Router,
    /// Where the simulators live, host and port.
    pub(super) company: String,
    /// Where the database lives, host and port.
    pub(super) house: String,
    pub(super) journal: Journal,
    pub(super) weather: Weather,
}

/// One function's end of the wire.
pub(super) struct Handset {
    pub(super) exchange: Arc<Exchange>,
    pub(super) caller: Arc<str>,
    /// Whether neither weather nor journal have to do with it.
    pub(super) quiet: bool,
    /// By how much its machine's clock is off, if it is: then every answer of AWS and of a store tells the right time.
    pub(super) astray: Option<SignedDuration>,
}

impl Wire for Handset {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Answer, WireError>> {
        let (exchange, caller) = (Arc::clone(&self.exchange), Arc::clone(&self.caller));
        let (quiet, astray) = (self.quiet, self.astray);
        async move {
            let answer = if quiet {
                exchange.ask_quietly(request).await
            } else {
                exchange.carry(caller, request).await
            };
            answer.map(|answer| dated(answer, astray))
        }
        .boxed()
    }
}

/// The answer as a machine sees it whose clock is off: with a date that is not its own.
fn dated(mut answer: Answer, astray: Option<SignedDuration>) -> Answer {
    if let Some(by) = astray {
        let right = (Clock::system().now() - by).to_zoned(TimeZone::UTC);
        if let Ok(date) = HeaderValue::from_str(&right.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
            answer.headers_mut().insert(header::DATE, date);
        }
    }
    answer
}

impl fmt::Debug for Handset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handset({})", self.caller)
    }
}

impl Exchange {
    async fn ask_quietly(&self, request: Request<Bytes>) -> Result<Answer, WireError> {
        let party = self.party(&request).ok_or(WireError::NotSent)?;
        self.ask(party, request).await.ok_or(WireError::Lost)
    }

    async fn carry(self: Arc<Self>, caller: Arc<str>, request: Request<Bytes>) -> Result<Answer, WireError> {
        let party = self.party(&request).ok_or(WireError::NotSent)?;
        let what = told(party, &request);
        let loss = self.weather.befalls(party, &what);
        let mut line = self.journal.begin(&self.clock, &caller, party, what);
        self.weather.way().await;
        match loss {
            Some(loss @ Loss::Refused) => {
                line.ends(End::Lost(loss));
                return Err(WireError::NotSent);
            }
            Some(loss @ Loss::Request) => {
                line.ends(End::Lost(loss));
                return Err(WireError::Lost);
            }
            Some(Loss::Reply) | None => {}
        }
        let place = line.arrives();
        let answer = self.effect(party, place, request).await;
        self.weather.way().await;
        match (answer, loss) {
            (None, _) => {
                line.ends(End::BrokenOff);
                Err(WireError::Lost)
            }
            (Some(_), Some(loss)) => {
                line.ends(End::Lost(loss));
                Err(WireError::Lost)
            }
            (Some(answer), None) => {
                line.ends(End::Answered);
                Ok(answer)
            }
        }
    }

    /// Has the request carried out. A company goes on with its work whether or not anybody waits for the answer.
    async fn effect(self: &Arc<Self>, party: Party, place: usize, request: Request<Bytes>) -> Option<Answer> {
        let status = |answer: &Option<Answer>| answer.as_ref().map(|answer| answer.status().as_u16());
        if party != Party::Provider {
            let answer = self.ask(party, request).await;
            self.journal.answered(place, status(&answer));
            return answer;
        }
        let (done, waiting) = oneshot::channel();
        let exchange = Arc::clone(self);
        let _works_on = background(async move {
            let answer = exchange.ask(party, request).await;
            exchange.journal.answered(place, status(&answer));
            let _nobody_waits = done.send(answer);
        });
        waiting.await.unwrap_or_default()
    }

    async fn ask(&self, party: Party, request: Request<Bytes>) -> Option<Answer> {
        match party {
            Party::Database | Party::Parameters => {
                let (parts, body) = request.into_parts();
                let answer = self
                    .database
                    .receive(parts.method, &parts.uri, &parts.headers, body)
                    .await;
                let lost = answer.extensions().get::<trouble::Lost>().is_some();
                (!lost).then(|| answer.map(|body| body.map_err(Into::into).boxed_unsync()))
            }
            Party::Store(wanted) => {
                let (_, store) = self.stores.iter().find(|(store, _)| *store == wanted)?;
                let host = request.uri().host()?.to_owned();
                // Its files are read and written by threads beside. Waited for here, an answer is there in no time, and
                // nothing else can happen meanwhile. A task that has done much in one turn would be told to yield, which it
                // cannot do in here: it would wait for ever.
                let answer = unconstrained(store.receive(&host, as_sent(request).map(Full::new)));
                let answer = futures::executor::block_on(answer)?;
                Some(answer.map(|body| body.map_err(|never| match never {}).boxed_unsync()))
            }
            Party::Provider => {
                let request = as_sent(request).map(axum::body::Body::from);
                let Ok(answer) = self.simulators.clone().oneshot(request).await;
                let hung_up = answer.extensions().get::<HangUp>().is_some();
                (!hung_up).then(|| answer.map(|body| body.map_err(Into::into).boxed_unsync()))
            }
        }
    }

    fn party(&self, request: &Request<Bytes>) -> Option<Party> {
        let (host, whole) = (request.uri().host()?, request.uri().authority()?.as_str());
        if whole == self.company {
            return Some(Party::Provider);
        }
        if whole == self.house {
            let service = target(request.headers()).map(|(service, _)| service);
            return Some(if service == Some("AmazonSSM") {
                Party::Parameters
            } else {
                Party::Database
            });
        }
        let (store, _) = self.stores.iter().find(|(_, store)| store.answers(host))?;
        Some(Party::Store(*store))
    }
}

/// The request with the headers that a connection would give it.
fn as_sent(mut request: Request<Bytes>) -> Request<Bytes> {
    let host = request.uri().authority().map(|authority| authority.as_str().parse());
    let length = request.body().len();
    let headers = request.headers_mut();
    if let Some(Ok(host)) = host {
        headers.entry(header::HOST).or_insert(host);
    }
    if length > 0 {
        headers
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    request
}

/// What the journal says of it.
fn told(party: Party, request: &Request<Bytes>) -> String {
    match party {
        Party::Database | Party::Parameters => {
            let operation = target(request.headers()).map_or("?", |(_, operation)| operation);
            let tables = tables(request.body());
            format!("{operation} {tables}").trim_end().to_owned()
        }
        Party::Store(_) | Party::Provider => format!("{} {}", request.method(), request.uri().path()),
    }
}

/// The tables that a call speaks of, without the stage before their names, and as often as it speaks of them.
fn tables(body: &[u8]) -> String {
    let call: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let name = |part: &serde_json::Value| Some(part["TableName"].as_str()?.rsplit('-').next()?.to_owned());
    let parts = call["TransactItems"].as_array().into_iter().flatten();
    let parts = parts.flat_map(|part| part.as_object().into_iter().flatten().map(|(_, part)| part));
    let mut named: Vec<(String, usize)> = Vec::new();
    for table in parts.chain([&call]).filter_map(name) {
        match named.iter_mut().find(|(known, _)| *known == table) {
            Some((_, times)) => *times += 1,
            None => named.push((table, 1)),
        }
    }
    let named: Vec<_> = named
        .into_iter()
        .map(|(table, times)| match times {
            1 => table,
            times => format!("{table}×{times}"),
        })
        .collect();
    named.join(" ")
}
