//! `GET /.well-known/jwks.json`: the public keys of access tokens and of deletions' receipts, for anyone who wants to check one.

use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use shared::auth::JwkSet;
use shared::config::{ConfigError, Vars};
use shared::grants::Grant;
use shared::http::document::PublicFor;
use shared::http::{Json, openapi, with_manners};
use shared::{Ids, Platform};
use utoipa::OpenApi;

/// What this function may touch: the public keys.
pub const GRANTS: &[Grant] = &[Grant::Parameter("erasure-keys"), Grant::Parameter("token-keys")];

/// What this function needs.
#[derive(Clone, FromRef)]
pub struct Deps {
    /// Names requests.
    pub ids: Ids,
    /// The documents in the parameters that `TOKEN_KEYS_PARAMETER` and `ERASURE_KEYS_PARAMETER` name.
    pub keys: JwkSet,
}

impl Deps {
    /// Takes what is needed from the host.
    ///
    /// # Errors
    /// When the keys are not there or are not a set of keys.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let mut keys: JwkSet = platform.secrets.json(vars, "TOKEN_KEYS_PARAMETER")?;
        let of_erasures: JwkSet = platform.secrets.json(vars, "ERASURE_KEYS_PARAMETER")?;
        keys.keys.extend(of_erasures.keys);
        Ok(Self {
            ids: platform.ids.clone(),
            keys,
        })
    }
}

/// Serves the route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/.well-known/jwks.json", get(keys));
    with_manners(routes.with_state(deps), ids)
}

/// The route in the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(keys))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Read the public keys
///
/// Those of access tokens and those of deletions' receipts; the header of each names its key.
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "keys-get", tag = "service",
    responses((status = 200, description = "The keys; keep them for five minutes", body = JwkSet)))]
async fn keys(State(keys): State<JwkSet>) -> impl IntoResponse {
    // A key is published a day before it signs, so five minutes in a cache hide none.
    (PublicFor(300), Json(keys))
}
