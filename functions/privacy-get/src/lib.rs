//! `GET /privacy`: the privacy policy, as a page for people and as a document for programs, in English and 简体中文.
//!
//! What is served is `PRIVACY.md` itself, whose clauses the tests prove, and its translation.

mod policy;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::response::Response;
use axum::routing::get;
use shared::config::{ConfigError, Vars};
use shared::domain::Language;
use shared::grants::Grant;
use shared::http::document::{Document, Wish};
use shared::http::{openapi, with_manners};
use shared::{Ids, Platform};
use utoipa::OpenApi;

use policy::{Policy, PolicyView};

/// What this function may touch: nothing.
pub const GRANTS: &[Grant] = &[];

const ENGLISH: &str = include_str!("../../../PRIVACY.md");
const CHINESE: &str = include_str!("../../../PRIVACY.zh.md");

/// What this function needs.
#[derive(Clone, FromRef)]
pub struct Deps {
    ids: Ids,
    forms: Arc<[Forms; 2]>,
}

/// The policy in one language, in both of its forms.
struct Forms {
    json: Document,
    page: Document,
}

impl Deps {
    /// Reads `POLICY_VERSION` and `PRIVACY_CONTACT`, and renders the pages.
    ///
    /// # Errors
    /// When a variable is missing, or the version that new accounts accept is not the one that is served.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let (version, contact) = (vars.text("POLICY_VERSION")?, vars.text("PRIVACY_CONTACT")?);
        let forms = |text, language| Forms::of(text, language, &version, &contact);
        Ok(Self {
            ids: platform.ids.clone(),
            forms: Arc::new([forms(ENGLISH, Language::En)?, forms(CHINESE, Language::Zh)?]),
        })
    }
}

impl Forms {
    fn of(text: &str, language: Language, version: &str, contact: &str) -> Result<Self, ConfigError> {
        let policy = Policy::read(text, language, contact);
        if policy.version() != version {
            let must = format!("must be {}, the version of PRIVACY.md", policy.version());
            return Err(ConfigError::invalid("POLICY_VERSION", must));
        }
        let page = policy.page().map_err(|error| ConfigError::Setup {
            what: "the page of the privacy policy",
            cause: error.into(),
        })?;
        Ok(Self {
            json: Document::json(policy.json()).in_language(language),
            page: Document::page(page).in_language(language),
        })
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/privacy", get(read)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(read))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Read the privacy policy
///
/// Its numbered clauses, what outlives an erasure and until when, its version and the contact. With `Accept: text/html` the answer
/// is a page. In English or 简体中文, by `Accept-Language`.
#[utoipa::path(
    get, path = "/privacy", tag = "service", operation_id = "privacy-get",
    responses(
        (status = 200, description = "The policy; keep it for five minutes", body = PolicyView),
        (status = 304, description = "It has not changed since the `ETag` in `If-None-Match`"),
    )
)]
async fn read(State(forms): State<Arc<[Forms; 2]>>, wish: Wish, language: Language) -> Response {
    let [english, chinese] = &*forms;
    let forms = match language {
        Language::En => english,
        Language::Zh => chinese,
    };
    let form = if wish.page { &forms.page } else { &forms.json };
    form.answer(&wish)
}
