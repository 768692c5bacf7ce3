//! `POST /v1/prompts`: a product's description becomes prompts, to be edited before any credit is spent.
//!
//! DeepSeek receives the description and nothing else (promise P8). When it is down, our own sentences stand in, and the
//! answer says so.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use shared::auth::{Caller, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::{Description, Prompt, PromptCount};
use shared::grants::{Action, Grant};
use shared::http::{Json, Kind, Problem, Quota, openapi, with_manners};
use shared::providers::deepseek::DeepSeek;
use shared::providers::{PromptError, PromptWriter, Written, WrittenBy, template};
use shared::store::limits::Policy;
use shared::store::{Limits, Sessions};
use shared::{Clock, Ids, Platform, telemetry};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("deepseek-key"),
    Grant::Parameter("token-keys"),
];

/// How often an account may have prompts written.
const A_DAY: Policy = Policy {
    name: "prompts",
    quota: 100,
    window: SignedDuration::from_hours(24),
};

/// The gateway gives up after thirty seconds, so the writer has to be done before.
const WITHIN: Duration = Duration::from_secs(25);

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    sessions: Sessions,
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    limits: Limits,
    writer: Arc<dyn PromptWriter>,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            sessions: Sessions::new(&db, vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            limits: Limits::new(&db, vars)?,
            writer: Arc::new(DeepSeek::new(vars, platform)?),
        })
    }
}

/// What is to be written about.
#[derive(Deserialize, ToSchema)]
#[schema(as = WantedPrompts)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The product in your own words, in any language. It is sent to DeepSeek, alone.
    description: Description,
    /// How many prompts.
    #[serde(default)]
    count: PromptCount,
}

/// Prompts to choose from, to edit, or to leave.
#[derive(Serialize, ToSchema)]
struct Prompts {
    prompts: Vec<Prompt>,
    written_by: Author,
}

/// Who wrote the prompts.
#[derive(Serialize, ToSchema)]
#[schema(as = PromptAuthor)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Author {
    /// A model, by its own name for itself.
    Model { model: String },
    /// Our own sentences around your description, because the model could not be had just now.
    Template,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/prompts", post(create)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(create))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::RefusedByModeration, Kind::TooManyRequests])
}

/// Have prompts written
///
/// One to four different prompts for a product photograph. Free of credits; a hundred times a day.
#[utoipa::path(
    post, path = "/v1/prompts", tag = "prompts", operation_id = "prompts-create", request_body = Wanted,
    responses((status = 200, description = "The prompts", body = Prompts)),
    security(("bearer" = []))
)]
async fn create(
    State(Deps {
        clock, limits, writer, ..
    }): State<Deps>,
    caller: Caller,
    Json(Wanted { description, count }): Json<Wanted>,
) -> Result<(Quota, Json<Prompts>), Problem> {
    let left = limits.take(A_DAY, &caller.account().to_string(), clock.now()).await?;
    let written = match writer.write(&description, count, WITHIN).await {
        Ok(written) => written,
        Err(PromptError::Refused) => return Err(Problem::of(Kind::RefusedByModeration)),
        Err(error) => stand_in(&description, count, &error),
    };
    Ok((left.into(), Json(written.into())))
}

fn stand_in(description: &Description, count: PromptCount, error: &PromptError) -> Written {
    let cause = telemetry::chain(error);
    match error {
        PromptError::Unavailable { alarm: true, .. } => tracing::error!(cause, "DeepSeek has to be looked after"),
        PromptError::Unavailable { .. } | PromptError::Busy { .. } | PromptError::Refused => {
            tracing::warn!(cause, "DeepSeek could not write prompts; our own sentences stand in");
        }
    }
    template::write(description, count)
}

impl From<Written> for Prompts {
    fn from(written: Written) -> Self {
        let written_by = match written.source {
            WrittenBy::Model(model) => Author::Model { model },
            WrittenBy::Template => Author::Template,
        };
        Self {
            prompts: written.prompts,
            written_by,
        }
    }
}
