//! `GET /openapi.json`: the API's own document for programs, and a page made of it for people whose browser asks for HTML.

mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::response::Response;
use axum::routing::get;
use shared::config::{ConfigError, Vars};
use shared::grants::Grant;
use shared::http::document::{Document, Wish};
use shared::http::{Problem, openapi, with_manners};
use shared::{Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch: nothing.
pub const GRANTS: &[Grant] = &[];

/// The document, as the tests write it from every function's own part.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// What this function needs.
#[derive(Clone, FromRef)]
pub struct Deps {
    /// Names requests.
    pub ids: Ids,
    /// Both forms, made once at start.
    pub forms: Arc<Forms>,
}

/// The two forms of the document.
pub struct Forms {
    json: Document,
    page: Document,
}

impl Deps {
    /// Takes what is needed from the host and renders the page.
    ///
    /// # Errors
    /// When the document cannot be rendered.
    pub fn new(_: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let page = page::render(DOCUMENT).map_err(|cause| ConfigError::Setup {
            what: "the page of the API",
            cause,
        })?;
        Ok(Self {
            ids: platform.ids.clone(),
            forms: Arc::new(Forms {
                json: Document::json(DOCUMENT),
                page: Document::page(page),
            }),
        })
    }
}

/// Serves the route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new().route("/openapi.json", get(document)).with_state(deps),
        ids,
    )
}

/// The route in the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(document))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Read this document
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi-get", tag = "service",
    responses((status = 200, description = "The API in OpenAPI 3.1; a page of it for `Accept: text/html`", body = Object),
              (status = 304, description = "It has not changed since the `ETag` in `If-None-Match`")))]
async fn document(State(forms): State<Arc<Forms>>, wish: Wish) -> Result<Response, Problem> {
    let form = if wish.page { &forms.page } else { &forms.json };
    Ok(form.answer(&wish))
}
