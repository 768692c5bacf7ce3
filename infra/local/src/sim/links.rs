//! The form of result links: how each painter's object store writes and refuses them, and what they lead to by order.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::World;
use super::results::LIFE;

/// How much a huge result announces and sends.
const HUGE: u64 = 200 * 1024 * 1024;
/// How much of a body is sent at once.
const CHUNK: usize = 64 * 1024;

/// What a result link leads to instead of the picture. A client must come to nothing with each of these, and to no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Nothing: the link is refused, as an expired one is.
    Dead,
    /// The picture, a byte a second.
    Slow,
    /// A body that does not end.
    Endless,
    /// The picture, but under another name of this machine than the one in all other links.
    Foreign,
    /// A redirect to a link that is good.
    Redirect,
    /// A page that says it is a picture.
    NotAnImage,
    /// A picture of 200 MB.
    Huge,
    /// The store's real name, over plain http.
    PlainHttp,
}

/// The object store in which a painter leaves its results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shelf {
    /// Volcano Engine's, where Seedream leaves them.
    #[default]
    Tos,
    /// Alibaba's, where DashScope leaves them.
    Oss,
}

/// Why a link is not served.
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

pub(super) const TWICE_SIGNED: Refused = Refused {
    status: StatusCode::BAD_REQUEST,
    code: "InvalidArgument",
    message: "Only one auth mechanism allowed; a signed link takes no Authorization header",
};
pub(super) const EXPIRED: Refused = Refused {
    status: StatusCode::FORBIDDEN,
    code: "AccessDenied",
    message: "Request has expired",
};
pub(super) const UNSIGNED: Refused = Refused {
    status: StatusCode::FORBIDDEN,
    code: "SignatureDoesNotMatch",
    message: "The signature does not match",
};
pub(super) const BROKEN: Refused = Refused {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    code: "InternalError",
    message: "Internal error",
};

impl Shelf {
    /// A signed address, made at `at`.
    pub(super) fn address(self, origin: &str, token: &str, signature: &str, at: Timestamp) -> String {
        match self {
            Self::Tos => {
                let (date, life) = (at.strftime("%Y%m%dT%H%M%SZ"), LIFE.as_secs());
                format!(
                    "{origin}/_results/{token}?X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Date={date}&X-Tos-Expires={life}\
                     &X-Tos-Signature={signature}"
                )
            }
            Self::Oss => {
                let expires = (at + LIFE).as_second();
                format!(
                    "{origin}/_results/oss/{token}.png?Expires={expires}&OSSAccessKeyId=simulated&Signature={signature}"
                )
            }
        }
    }

    /// The store's own words for a refusal.
    pub(super) fn refused(self, world: &World, why: &Refused) -> Response {
        let Refused { status, code, message } = why;
        let request = world.entropy.hex::<16>();
        match self {
            Self::Tos => {
                let body = json!({"Code": code, "Message": message, "RequestId": request, "HostId": "simulated"});
                (*status, Json(body)).into_response()
            }
            Self::Oss => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
                     <RequestId>{request}</RequestId><HostId>simulated</HostId></Error>"
                );
                (*status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
            }
        }
    }

    fn real_host(self) -> &'static str {
        match self {
            Self::Tos => "ark-content-generation-cn-beijing.tos-cn-beijing.volces.com",
            Self::Oss => "dashscope-result-bj.oss-cn-beijing.aliyuncs.com",
        }
    }
}

/// Where a link begins.
pub(super) fn origin((ours, abroad): (&str, bool), shelf: Shelf, link: Option<Link>) -> String {
    match link {
        Some(Link::Foreign) => ours.replacen("127.0.0.1", "localhost", 1),
        Some(Link::PlainHttp) => format!("http://{}", shelf.real_host()),
        Some(Link::Dead | Link::Slow | Link::Endless | Link::Redirect | Link::NotAnImage | Link::Huge) | None => {
            if abroad {
                format!("https://{}", shelf.real_host())
            } else {
                ours.to_owned()
            }
        }
    }
}

/// What is sent for a link that was found in order.
pub(super) fn body(link: Option<Link>, media_type: &'static str, picture: Bytes) -> Response {
    let body = match link {
        Some(Link::NotAnImage) => Body::from("<!doctype html><title>Not a picture</title>"),
        Some(Link::Slow) => {
            let bytes = (0..picture.len()).map(move |at| picture.slice(at..=at));
            Body::from_stream(stream::iter(bytes).then(|byte| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, axum::Error>(byte)
            }))
        }
        Some(Link::Endless) => followed_by(picture, stream::repeat(zeros(CHUNK))),
        Some(Link::Huge) => {
            let rest = HUGE.saturating_sub(picture.len() as u64);
            let (chunks, last) = (rest / CHUNK as u64, rest % CHUNK as u64);
            let sizes = (0..chunks).map(|_| CHUNK).chain([last as usize]);
            let mut response = followed_by(picture, stream::iter(sizes.map(zeros))).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(HUGE));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            return response;
        }
        Some(Link::Dead | Link::Foreign | Link::Redirect | Link::PlainHttp) | None => Body::from(picture),
    };
    ([(header::CONTENT_TYPE, media_type)], body).into_response()
}

pub(super) fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to.to_owned())]).into_response()
}

fn followed_by(picture: Bytes, rest: impl stream::Stream<Item = Bytes> + Send + 'static) -> Body {
    let whole = stream::iter([picture]).chain(rest);
    Body::from_stream(whole.map(Ok::<_, axum::Error>))
}

fn zeros(length: usize) -> Bytes {
    static ZEROS: [u8; CHUNK] = [0; CHUNK];
    Bytes::from_static(&ZEROS[..length.min(CHUNK)])
}
