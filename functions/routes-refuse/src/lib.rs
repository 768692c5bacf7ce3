//! `$default`: whatever matches no route. A known path with another method is told its methods (405), any other path that
//! there is nothing (404).

use axum::Router;
use http::Uri;
use shared::config::{ConfigError, Vars};
use shared::grants::Grant;
use shared::http::{Problem, routes, with_manners};
use shared::{Ids, Platform};

/// What this function may touch: nothing.
pub const GRANTS: &[Grant] = &[];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    /// Names requests.
    pub ids: Ids,
}

impl Deps {
    /// Takes what is needed from the host.
    ///
    /// # Errors
    /// Never: nothing is configured.
    pub fn new(_: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            ids: platform.ids.clone(),
        })
    }
}

/// Answers every path and method.
pub fn router(deps: Deps) -> Router {
    with_manners(Router::new().fallback(refuse), deps.ids)
}

async fn refuse(uri: Uri) -> Problem {
    match routes::methods(uri.path()).join(", ").as_str() {
        "" => Problem::not_found(),
        methods => Problem::method_not_allowed(methods),
    }
}
