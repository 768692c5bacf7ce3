//! Texts that are the same for everyone: served with a tag, so that they are sent once and then only confirmed.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::Problem;
use crate::domain::Language;

/// A page brings its style along and nothing else: no script, no picture, nothing from elsewhere.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page that is made for one caller, in the language and the form that they like.
pub(super) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY)),
                (VARY, HeaderValue::from_static("accept, accept-language")),
            ];
            (headers, html).into_response()
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// Before another answer: anyone may keep it for so many seconds.
#[derive(Debug, Clone, Copy)]
pub struct PublicFor(pub u32);

impl IntoResponseParts for PublicFor {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={}", self.0)) {
            parts.headers_mut().insert(CACHE_CONTROL, value);
        }
        Ok(parts)
    }
}

/// What the caller would like to see, and has seen.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Whether HTML is liked better than JSON.
    pub page: bool,
    seen: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Wish {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let seen = parts.headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        Ok(Self {
            page: likes_pages(&parts.headers),
            seen: seen.unwrap_or_default().to_owned(),
        })
    }
}

/// Browsers name `text/html` first; programs name JSON or take anything.
fn likes_pages(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = accepts.flat_map(|value| value.split(','));
    let mut kinds = ranges.map(|range| range.split(';').next().unwrap_or_default().trim());
    kinds.find(|kind| matches!(*kind, "text/html" | "application/json")) == Some("text/html")
}

/// A text that changes only with the program.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    tag: HeaderValue,
    media_type: &'static str,
    language: Option<Language>,
}

impl Document {
    /// The document in one of several languages.
    #[must_use]
    pub fn in_language(self, language: Language) -> Self {
        Self {
            language: Some(language),
            ..self
        }
    }

    /// A JSON document.
    pub fn json(text: impl Into<String>) -> Self {
        Self::new(text.into(), "application/json")
    }

    /// A page of HTML that brings along all it shows.
    pub fn page(text: impl Into<String>) -> Self {
        Self::new(text.into(), "text/html; charset=utf-8")
    }

    fn new(text: String, media_type: &'static str) -> Self {
        let digest = hex::encode(&Sha256::digest(&text)[..12]);
        let tag = HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self {
            text,
            tag,
            media_type,
            language: None,
        }
    }

    /// The document, or that it has not changed since the caller saw it.
    #[must_use]
    pub fn answer(&self, wish: &Wish) -> Response {
        let is_known = wish
            .seen
            .split(',')
            .map(str::trim)
            .any(|seen| seen == "*" || seen.trim_start_matches("W/") == self.tag);
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.text.clone().into_response()
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        let vary = match self.language {
            None => "accept",
            Some(language) => {
                headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
                "accept, accept-language"
            }
        };
        headers.insert(VARY, HeaderValue::from_static(vary));
        if !is_known {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        if self.media_type.starts_with("text/html") {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
        }
        response
    }
}
