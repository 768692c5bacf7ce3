//! `GET /v1/deletions/{key}`: how far a deletion is, and afterwards its signed receipt. Whoever has the address may see it: it tells
//! nobody's name.

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde::Serialize;
use shared::config::{ConfigError, Vars};
use shared::domain::deletion::{Deletion, Stage};
use shared::domain::{Language, ReceiptKey};
use shared::grants::{Action, Grant};
use shared::http::document::Wish;
use shared::http::{Farewell, Json, Path, Problem, openapi, with_manners};
use shared::store::Privacy;
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[Grant::Table("privacy", &[Action::GetItem])];

/// The media type of a JWS in its compact form.
const JOSE: &str = "application/jose";

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    privacy: Privacy,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            privacy: Privacy::new(&platform.db(), vars)?,
        })
    }
}

/// How far a deletion is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeletionState {
    /// It waits for its due time, and can be undone.
    Waiting,
    /// The account is being erased.
    Erasing,
    /// Nothing of the account is left but what the receipt names.
    Erased,
}

/// A deletion.
#[derive(Serialize, ToSchema)]
struct DeletionView {
    /// How far it is.
    state: DeletionState,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    /// When the erasure begins.
    #[schema(value_type = String, format = DateTime)]
    erases_at: Timestamp,
    /// What went, what stays, why, and until when: a JWS in its compact form, signed with a key of `/.well-known/jwks.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

impl From<Deletion> for DeletionView {
    fn from(deletion: Deletion) -> Self {
        let (state, receipt) = match deletion.stage {
            Stage::Waiting(_) => (DeletionState::Waiting, None),
            Stage::Erasing(_) => (DeletionState::Erasing, None),
            Stage::Erased(receipt) => (DeletionState::Erased, Some(receipt)),
        };
        Self {
            state,
            asked_at: deletion.asked_at,
            erases_at: deletion.due_at,
            receipt,
        }
    }
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new().route("/v1/deletions/{key}", get(read)).with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(read), components(schemas(ReceiptKey)))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Read the receipt of a deletion
///
/// How far the deletion is; once the account is erased, the signed receipt, for a year. With `Accept: application/jose` the answer
/// is the receipt alone, to be saved as a file; with `Accept: text/html` a page to be printed. The address is the only key to it.
#[utoipa::path(
    get, path = "/v1/deletions/{key}", tag = "accounts", operation_id = "deletions-get",
    params(("key" = ReceiptKey, Path, description = "As it was given out when the deletion was asked for")),
    responses((status = 200, content(
        (DeletionView = "application/json"),
        (String = "application/jose"),
        (String = "text/html"),
    ), description = "The deletion, or its receipt alone"))
)]
async fn read(
    State(Deps { clock, privacy, .. }): State<Deps>,
    headers: HeaderMap,
    wish: Wish,
    language: Language,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    // What is no key names nothing, like one that nobody was given.
    let key: ReceiptKey = key.parse().map_err(|_| Problem::not_found())?;
    let deletion = privacy.deletion(&key.id(), clock.now()).await?;
    let deletion = deletion.ok_or_else(Problem::not_found)?;
    let wants_file = headers.get_all(ACCEPT).iter().any(|value| value == JOSE);
    if wish.page {
        return Ok(Farewell::of(&deletion, language).into_response());
    }
    Ok(match deletion.stage {
        Stage::Erased(receipt) if wants_file => file(receipt),
        Stage::Waiting(_) | Stage::Erasing(_) if wants_file => return Err(Problem::not_found()),
        Stage::Waiting(_) | Stage::Erasing(_) | Stage::Erased(_) => Json(DeletionView::from(deletion)).into_response(),
    })
}

fn file(receipt: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(JOSE)),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_static(r#"attachment; filename="vitrine-erasure-receipt.jws""#),
        ),
    ];
    (headers, receipt).into_response()
}
