//! The links under which finished pictures lie for 24 hours, as on TOS, the provider's object store.
//!
//! A picture is not stored: it is drawn again from its sketch, the last few are kept at hand.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path as Segment, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use pictures::Sketch;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::book::lock;
use super::journal::Journal;
use super::{Easel, World};

const LIFE: SignedDuration = SignedDuration::from_hours(24);
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
    /// Files a picture and gives its link. The signature in the query is part of it: without, the link is refused.
    pub(super) fn file_result(&self, sketch: Sketch) -> String {
        let at = self.clock.now();
        let filed = Filed {
            token: self.entropy.hex::<24>(),
            signature: self.entropy.hex::<16>(),
            at,
            sketch,
        };
        self.results.journal.append(&filed);
        let link = self.result_link(&filed.token, &filed.signature, at);
        let mut all = lock(&self.results.filed);
        if all.len() >= KEPT {
            // Expired ones answer 403 like unknown ones, so nothing is lost by forgetting them.
            all.retain(|_, filed| alive(filed, at));
        }
        all.insert(filed.token.clone(), filed);
        link
    }

    /// A link like any other, behind which nothing lies.
    pub(super) fn dead_link(&self) -> String {
        self.result_link(&self.entropy.hex::<24>(), &self.entropy.hex::<16>(), self.clock.now())
    }

    fn result_link(&self, token: &str, signature: &str, at: Timestamp) -> String {
        let date = at.strftime("%Y%m%dT%H%M%SZ");
        let life = LIFE.as_secs();
        let query = format!(
            "X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Date={date}&X-Tos-Expires={life}&X-Tos-Signature={signature}"
        );
        format!("{}/_results/{token}?{query}", self.origin)
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
    Router::new().route("/_results/{token}", get(fetch))
}

async fn fetch(
    State(world): State<Arc<World>>,
    Segment(token): Segment<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(header::AUTHORIZATION) {
        let message = "Only one auth mechanism allowed; a signed link takes no Authorization header";
        return refused(&world, StatusCode::BAD_REQUEST, "InvalidArgument", message);
    }
    let filed = lock(&world.results.filed).get(&token).cloned();
    let signed = |filed: &Filed| query.as_deref().is_some_and(|query| query.contains(&filed.signature));
    match filed.filter(signed) {
        Some(filed) if alive(&filed, world.clock.now()) => {
            let media_type = filed.sketch.format.media_type();
            match world.picture(filed.sketch).await {
                Ok(bytes) => ([(header::CONTENT_TYPE, media_type)], bytes).into_response(),
                Err(error) => {
                    tracing::error!(%error, "Could not draw a picture");
                    refused(
                        &world,
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "InternalError",
                        "Internal error",
                    )
                }
            }
        }
        Some(_) => refused(&world, StatusCode::FORBIDDEN, "AccessDenied", "Request has expired"),
        None => refused(
            &world,
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The signature does not match",
        ),
    }
}

fn refused(world: &World, status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"Code": code, "Message": message, "RequestId": world.entropy.hex::<16>(), "HostId": "simulated"});
    (status, Json(body)).into_response()
}
