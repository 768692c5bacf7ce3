//! `POST /v1/reports`: somebody believes that a picture should not be there.
//!
//! Who reports is not asked, and not kept. Whether there is such a picture is not told: whoever has its link can see that for
//! themselves.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use shared::auth::HashKey;
use shared::config::{ConfigError, Vars};
use shared::domain::report::{Reason, Reported};
use shared::domain::{Message, Report};
use shared::flows::reporting::Reporting;
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, Problem, Quotas, TakenOn, Viewer, openapi, with_manners};
use shared::ids;
use shared::store::{Limits, Reports};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("privacy", &[Action::PutItem]),
    Grant::Parameter("hash-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    reporting: Reporting,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            reporting: Reporting {
                hash_key: HashKey::configured(vars, &platform.secrets)?,
                limits: Limits::new(&db, vars)?,
                reports: Reports::new(&db, vars)?,
            },
        })
    }
}

/// What is reported.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewReport)]
#[serde(deny_unknown_fields)]
struct New {
    /// The picture's link as it was seen, or its id.
    #[schema(value_type = String, max_length = 2048, example = "img_01kb0v1cqhe8svdnq7tqw8vz6n")]
    picture: Reported,
    reason: Reason,
    /// What else we should know. It is erased when the report is closed, after thirty days at the latest.
    #[serde(default)]
    message: Option<Message>,
}

/// A person will look at it.
#[derive(Serialize, ToSchema)]
struct TakenReport {
    /// The report's number, to refer to it.
    id: ids::ReportId,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    let routes = Router::new().route("/v1/reports", post(create));
    with_manners(routes.with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::Gone, Kind::TooManyRequests])
}

/// Report a picture
///
/// For anybody who believes that a picture should not be there. A person looks at every report; nothing is kept about who made it.
#[utoipa::path(
    post, path = "/v1/reports", tag = "service", operation_id = "reports-create", request_body = New,
    responses((status = 202, description = "A person will look at it", body = TakenReport))
)]
async fn create(
    State(Deps { clock, ids, reporting }): State<Deps>,
    viewer: Viewer,
    Json(New {
        picture,
        reason,
        message,
    }): Json<New>,
) -> Result<(Quotas, TakenOn<TakenReport>), Problem> {
    let now = clock.now();
    if let Reported::Image(id) = &picture {
        id.alive(now)?;
    }
    let report = Report {
        id: ids.next(),
        picture,
        reason,
        message,
    };
    let left = reporting.take(&report, viewer.source_ip, now).await?;
    Ok((Quotas::of(left), TakenOn(TakenReport { id: report.id })))
}
