//! `POST /v1/page-views`: a page was viewed; count it.
//!
//! What is counted is the page and the day. Nothing of the request is stored: no address, no cookie, no user agent, no account. Whoever
//! asks not to be counted is not, and neither are programs that say what they are.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRef, State};
use axum::routing::post;
use http::HeaderMap;
use http::header::USER_AGENT;
use serde::Deserialize;
use shared::config::{ConfigError, Vars};
use shared::domain::usage::Pages;
use shared::grants::{Action, Grant};
use shared::http::{NoContent, openapi, with_manners};
use shared::store::Analytics;
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[Grant::Table("analytics", &[Action::UpdateItem])];

/// The largest body that is read.
const LARGEST: usize = 1_024;

/// What programs that look at pages by themselves call themselves.
const BOTS: [&str; 12] = [
    "bot",
    "crawl",
    "spider",
    "slurp",
    "preview",
    "headless",
    "lighthouse",
    "monitor",
    "curl",
    "wget",
    "python",
    "http-client",
];

/// What this function needs.
#[derive(Clone, FromRef)]
pub struct Deps {
    analytics: Analytics,
    clock: Clock,
    ids: Ids,
    pages: Pages,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            analytics: Analytics::new(&platform.db(), vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            pages: Pages::configured(vars)?,
        })
    }
}

/// A view of a page.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PageView {
    /// The page's path. One that is not known is counted as `other`.
    #[schema(example = "/pricing")]
    page: String,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/page-views", post(count));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(count))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[])
}

/// Count a view of a page
///
/// For `navigator.sendBeacon`: the answer is the same whatever is sent, and says nothing. The page and the day are counted and
/// nothing else is kept; a request with `Sec-GPC: 1` or `DNT: 1` is not counted.
#[utoipa::path(
    post, path = "/v1/page-views", tag = "service", operation_id = "page-views-create",
    request_body(content = PageView, content_type = "text/plain"),
    responses((status = 204, description = "Counted, or not"))
)]
async fn count(
    State(Deps {
        analytics,
        clock,
        pages,
        ..
    }): State<Deps>,
    headers: HeaderMap,
    body: Body,
) -> NoContent {
    if is_counted(&headers)
        && let Ok(bytes) = to_bytes(body, LARGEST).await
        && let Ok(PageView { page }) = serde_json::from_slice(&bytes)
        && let Err(error) = analytics.viewed(&pages.counted_as(&page), clock.now()).await
    {
        tracing::warn!(%error, "A view could not be counted");
    }
    NoContent
}

/// Whether this viewer may be counted, and is one.
fn is_counted(headers: &HeaderMap) -> bool {
    let asks_not = ["sec-gpc", "dnt"]
        .iter()
        .any(|name| headers.get(*name).is_some_and(|value| value == "1"));
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default().to_ascii_lowercase();
    !asks_not && !agent.is_empty() && !BOTS.iter().any(|bot| agent.contains(bot))
}
