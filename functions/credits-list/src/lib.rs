//! `GET /v1/credits`: what the caller has, and every entry that led there, newest first.

use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use futures::try_join;
use serde::Serialize;
use shared::auth::{Bearer, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::Credits;
use shared::grants::{Action, Grant};
use shared::http::{CreditsLine, Cursor, Json, Kind, Paging, Problem, Query, openapi, with_manners};
use shared::store::{Accounts, Ledgers, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("ledger", &[Action::GetItem, Action::Query]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    accounts: Accounts,
    clock: Clock,
    ids: Ids,
    keys: VerifyingKeys,
    ledgers: Ledgers,
    sessions: Sessions,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            ledgers: Ledgers::new(&db, vars)?,
            sessions: Sessions::new(&db, vars)?,
        })
    }
}

/// The account's credits.
#[derive(Serialize, ToSchema)]
#[schema(as = CreditsStatement)]
struct Statement {
    /// What can be spent. One credit is one picture.
    available: Credits,
    /// What is set aside for pictures being painted.
    held: Credits,
    /// Newest first.
    entries: Vec<CreditsLine>,
    /// The cursor of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    next: Option<Cursor>,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/credits", get(list)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(list))]
    struct Part;
    openapi::with_problems(Part::openapi(), &[Kind::NotFound])
}

/// Read the balance
///
/// What the account has, and the entries that led there.
#[utoipa::path(
    get, path = "/v1/credits", tag = "credits", operation_id = "credits-list", params(Paging),
    responses((status = 200, description = "Balance and entries", body = Statement)),
    security(("bearer" = []))
)]
async fn list(
    State(Deps {
        accounts,
        clock,
        ledgers,
        sessions,
        ..
    }): State<Deps>,
    bearer: Bearer,
    Query(page): Query<Paging>,
) -> Result<Json<Statement>, Problem> {
    let before: Option<u64> = page.after()?;
    let profile = accounts.profile(bearer.account());
    let (_, profile) = bearer.beside(&sessions, clock.now(), profile).await?;
    let ledger = profile.ok_or_else(Problem::not_found)?.ledger;
    let (balance, entries) = try_join!(
        ledgers.balance(ledger),
        ledgers.entries(ledger, before, page.one_more())
    )?;
    let page = page.cut(entries, |entry| entry.seq).map(CreditsLine::from);
    Ok(Json(Statement {
        available: balance.available,
        held: balance.held,
        entries: page.items,
        next: page.next,
    }))
}
