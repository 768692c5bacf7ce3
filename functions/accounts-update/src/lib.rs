//! `PATCH /v1/account`: correct the name, or begin to change the address.
//!
//! A new address needs the present password, and counts only once `emails-confirm` has seen the code that is mailed there.
//! An address that has an account is answered exactly like any other, after the same work, and gets another mail.

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::patch};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use shared::auth::{Bearer, HashKey, Password, VerifyingKeys};
use shared::config::{ConfigError, Vars};
use shared::domain::account::PendingEmail;
use shared::domain::{EmailAddress, Language, Name, Profile};
use shared::flows::email_change::EmailChanges;
use shared::flows::sign_up::{self, CODES_AN_HOUR};
use shared::flows::tries::{Tries, Try};
use shared::grants::{Action, Grant};
use shared::http::{AccountView, Json, Kind, PolicyVersion, Problem, Quota, TakenOn, Viewer, openapi, with_manners};
use shared::store::{Accounts, Limits, Outbox, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table(
        "accounts",
        &[
            Action::ConditionCheckItem,
            Action::GetItem,
            Action::PutItem,
            Action::UpdateItem,
        ],
    ),
    Grant::Table("limits", &[Action::UpdateItem]),
    Grant::Table("outbox", &[Action::PutItem]),
    Grant::Table("sessions", &[Action::GetItem, Action::UpdateItem]),
    Grant::Parameter("hash-key"),
    Grant::Parameter("token-keys"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    changes: EmailChanges,
    ids: Ids,
    keys: VerifyingKeys,
    policy: PolicyVersion,
    sessions: Sessions,
    tries: Tries,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let tries = Tries {
            limits: Limits::new(&db, vars)?,
            hash_key: HashKey::configured(vars, &platform.secrets)?,
        };
        Ok(Self {
            clock: platform.clock.clone(),
            changes: EmailChanges {
                accounts: Accounts::new(&db, vars)?,
                tries: tries.clone(),
                outbox: Outbox::new(&db, vars)?,
                entropy: platform.entropy.clone(),
                ids: platform.ids.clone(),
            },
            ids: platform.ids.clone(),
            keys: VerifyingKeys::configured(vars, &platform.secrets)?,
            policy: PolicyVersion::configured(vars)?,
            sessions: Sessions::new(&db, vars)?,
            tries,
        })
    }
}

/// What is to be corrected: at least one of name and address. What is not given stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccountChanges)]
#[serde(deny_unknown_fields)]
struct Changes {
    /// What you want to be called; `null` removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Name>)]
    name: Option<Option<Name>>,
    /// The new address. A code is mailed there.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = EmailAddress, required = false)]
    email: Option<EmailAddress>,
    /// The present password; needed with `email`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, format = Password, min_length = 8, max_length = 72)]
    password: Option<Password>,
}

/// A field that is there, whatever its value: `null` is not the same as nothing.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The account, with the address that waits for its code.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountWithPendingEmail)]
struct Pending {
    #[serde(flatten)]
    account: AccountView,
    pending_email: NewEmail,
}

/// An address that waits for its code.
#[derive(Serialize, ToSchema)]
#[schema(as = PendingEmail)]
struct NewEmail {
    email: EmailAddress,
    /// Until when the code is good.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(Router::new().route("/v1/account", patch(change)).with_state(deps), ids)
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(change))]
    struct Part;
    let own = [Kind::WrongPassword, Kind::TooManyRequests, Kind::Contended];
    openapi::with_problems(Part::openapi(), &own)
}

/// Correct the account
///
/// A name is set, or removed with `null`, at once. A new address needs the present password and waits, 15 minutes at most,
/// for the code that is mailed to it; a change that waited before is void. The answer does not tell whether the address has
/// an account already.
#[utoipa::path(
    patch, path = "/v1/account", tag = "accounts", operation_id = "accounts-update", request_body = Changes,
    responses(
        (status = 200, description = "The account as it is now", body = AccountView),
        (status = 202, description = "A code is on its way to the new address", body = Pending),
    ),
    security(("bearer" = []))
)]
async fn change(
    State(deps): State<Deps>,
    bearer: Bearer,
    viewer: Viewer,
    language: Language,
    Json(changes): Json<Changes>,
) -> Result<Response, Problem> {
    let profile = deps.changes.accounts.profile(bearer.account());
    let (_, profile) = bearer.beside(&deps.sessions, deps.clock.now(), profile).await?;
    let profile = profile.ok_or_else(Problem::inactive)?;
    match changes {
        Changes {
            name,
            email: Some(email),
            password: Some(password),
        } => {
            deps.guess(&profile, password, viewer).await?;
            deps.begin(profile, name, email, language).await
        }
        Changes { email: Some(_), .. } => Err(Problem::invalid_field("/password", "is needed to change the address")),
        Changes { password: Some(_), .. } => Err(Problem::invalid_field("/password", "is of use with an email alone")),
        Changes { name: Some(name), .. } => deps.rename(&profile, name.as_ref()).await,
        Changes { name: None, .. } => Err(Problem::invalid_field("", "must have a name or an email to change")),
    }
}

impl Deps {
    async fn rename(&self, profile: &Profile, name: Option<&Name>) -> Result<Response, Problem> {
        let owner = self.changes.accounts.owner(&profile.email).await?;
        let renamed = self.changes.accounts.rename(profile.id, name).await?;
        let renamed = renamed.ok_or_else(Problem::inactive)?;
        Ok(Json(AccountView::of(renamed, owner, &self.policy)).into_response())
    }

    async fn begin(
        &self,
        mut profile: Profile,
        name: Option<Option<Name>>,
        email: EmailAddress,
        language: Language,
    ) -> Result<Response, Problem> {
        let now = self.clock.now();
        let Tries { limits, hash_key } = &self.tries;
        let owner = self.changes.accounts.owner(&profile.email).await?;
        let subject = sign_up::codes_subject(hash_key, &email);
        let left = limits.take(CODES_AN_HOUR, &subject, now).await?;
        let pending = self
            .changes
            .begin(&profile, email, name.as_ref(), language, now)
            .await?;
        let PendingEmail { email, expires_at } = pending.ok_or_else(Problem::inactive)?;
        if let Some(name) = name {
            profile.name = name;
        }
        let body = Pending {
            account: AccountView::of(profile, owner, &self.policy),
            pending_email: NewEmail { email, expires_at },
        };
        Ok((Quota::from(left), TakenOn(body)).into_response())
    }

    /// Whether the password is the account's; a wrong one is counted together with those of signing in.
    async fn guess(&self, profile: &Profile, password: Password, viewer: Viewer) -> Result<(), Problem> {
        let guess = self
            .tries
            .password(&profile.email, viewer.source_ip, self.clock.now())
            .await?;
        if !password.verify_or_burn(Some(&profile.password_hash)).await? {
            return Err(wrong_password(&guess));
        }
        self.tries.give_back(&guess).await;
        Ok(())
    }
}

fn wrong_password(guess: &Try) -> Problem {
    Problem::field(Kind::WrongPassword, "/password", "is not the account's password").limited(guess.left_if_wrong())
}
