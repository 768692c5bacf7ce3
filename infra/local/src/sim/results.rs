//! The links under which finished pictures lie for 24 hours, as on TOS and OSS, the painters' object stores.
//!
//! A picture is not stored: it is drawn again from its sketch, the last few are kept at hand.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segment, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use pictures::Sketch;
use serde::{Deserialize, Serialize};

use super::book::lock;
use super::journal::Journal;
use super::links::{self, Link, Shelf};
use super::{Easel, World};

/// How long a link lives.
pub(super) const LIFE: SignedDuration = SignedDuration::from_hours(24);
const KEPT: usize = 5_000;
/// Drawn pictures kept in memory: the one just made is fetched at once, and rarely twice.
const AT_HAND: usize = 4;
/// The same for simulators that draw on the spot, all of them together.
const AT_HAND_HERE: usize = 32;

#[derive(Clone, Serialize, Deserialize)]
struct Filed {
    token: String,
    signature: String,
    at: Timestamp,
    sketch: Sketch,
    #[serde(default)]
    shelf: Shelf,
    #[serde(default)]
    link: Option<Link>,
}

pub(super) struct Results {
    journal: Journal,
    filed: Mutex<HashMap<String, Filed>>,
    drawn: Drawn,
}

impl Results {
    pub(super) fn open(folder: Option<&Path>, now: Timestamp) -> anyhow::Result<Self> {
        let (journal, lines) = Journal::open::<Filed>(folder, "results", KEPT)?;
        let filed = lines
            .into_iter()
            .filter(|filed| alive(filed, now))
            .map(|filed| (filed.token.clone(), filed));
        Ok(Self {
            journal,
            filed: Mutex::new(filed.collect()),
            drawn: Drawn::new(AT_HAND),
        })
    }
}

fn alive(filed: &Filed, now: Timestamp) -> bool {
    now.duration_since(filed.at) < LIFE
}

impl World {
    /// Files a picture that was painted at `at` and gives its link, which may lead to something else by order. The
    /// signature in the query is part of it: without, the link is refused.
    pub(super) fn file_result(&self, shelf: Shelf, sketch: Sketch, link: Option<Link>, at: Timestamp) -> String {
        let filed = Filed {
            token: self.entropy.hex::<24>(),
            signature: self.entropy.hex::<16>(),
            at,
            sketch,
            shelf,
            link,
        };
        let address = shelf.address(
            &links::origin((&self.origin, self.abroad), shelf, link),
            &filed.token,
            &filed.signature,
            at,
        );
        if link == Some(Link::Dead) {
            return address;
        }
        self.results.journal.append(&filed);
        let now = self.clock.now();
        let mut all = lock(&self.results.filed);
        if all.len() >= KEPT {
            // Expired ones answer 403 like unknown ones, so nothing is lost by forgetting them.
            all.retain(|_, filed| alive(filed, now));
        }
        all.insert(filed.token.clone(), filed);
        address
    }

    /// The bytes of a picture.
    pub(super) async fn picture(&self, sketch: Sketch) -> anyhow::Result<Bytes> {
        let drawn: &Drawn = match self.easel {
            Easel::Beside => &self.results.drawn,
            Easel::Here => &DRAWN_HERE,
        };
        if let Some(bytes) = drawn.find(&sketch) {
            return Ok(bytes);
        }
        let bytes = match self.easel {
            Easel::Here => sketch.draw()?,
            Easel::Beside => {
                let copy = sketch.clone();
                tokio::task::spawn_blocking(move || copy.draw()).await??
            }
        };
        let bytes = Bytes::from(bytes);
        drawn.keep(sketch, bytes.clone());
        Ok(bytes)
    }
}

/// What was drawn on the spot, by whichever simulators of this process.
static DRAWN_HERE: Drawn = Drawn::new(AT_HAND_HERE);

/// The pictures drawn last.
struct Drawn {
    most: usize,
    kept: Mutex<VecDeque<(Sketch, Bytes)>>,
}

impl Drawn {
    const fn new(most: usize) -> Self {
        let kept = Mutex::new(VecDeque::new());
        Self { most, kept }
    }

    fn find(&self, sketch: &Sketch) -> Option<Bytes> {
        let drawn = lock(&self.kept);
        let (_, bytes) = drawn.iter().find(|(known, _)| known == sketch)?;
        Some(bytes.clone())
    }

    fn keep(&self, sketch: Sketch, bytes: Bytes) {
        let mut drawn = lock(&self.kept);
        drawn.push_back((sketch, bytes));
        if drawn.len() > self.most {
            drawn.pop_front();
        }
    }
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/_results/{token}", get(fetch_from_tos))
        .route("/_results/oss/{file}", get(fetch_from_oss))
}

async fn fetch_from_tos(
    State(world): State<Arc<World>>,
    Segment(token): Segment<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    fetch(&world, Shelf::Tos, &token, query.as_deref(), &headers).await
}

async fn fetch_from_oss(
    State(world): State<Arc<World>>,
    Segment(file): Segment<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let token = file.strip_suffix(".png").unwrap_or_default();
    fetch(&world, Shelf::Oss, token, query.as_deref(), &headers).await
}

async fn fetch(world: &World, shelf: Shelf, token: &str, query: Option<&str>, headers: &HeaderMap) -> Response {
    if headers.contains_key(header::AUTHORIZATION) {
        return shelf.refused(world, &links::TWICE_SIGNED);
    }
    let filed = lock(&world.results.filed).get(token).cloned();
    let signed = |filed: &Filed| {
        filed.shelf == shelf && query.is_some_and(|query| query.ends_with(&format!("Signature={}", filed.signature)))
    };
    match filed.filter(signed) {
        Some(filed) if alive(&filed, world.clock.now()) => serve(world, filed).await,
        Some(_) => shelf.refused(world, &links::EXPIRED),
        None => shelf.refused(world, &links::UNSIGNED),
    }
}

async fn serve(world: &World, filed: Filed) -> Response {
    let media_type = filed.sketch.format.media_type();
    if filed.link == Some(Link::Redirect) {
        let good = world.file_result(filed.shelf, filed.sketch, None, filed.at);
        return links::redirect(&good);
    }
    match world.picture(filed.sketch).await {
        Ok(bytes) => links::body(filed.link, media_type, bytes),
        Err(error) => {
            tracing::error!(%error, "Could not draw a picture");
            filed.shelf.refused(world, &links::BROKEN)
        }
    }
}
