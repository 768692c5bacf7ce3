//! `POST /v1/accounts/verify`: the code from the mail turns a sign-up into an account, with a session and the bonus.

use axum::extract::{FromRef, State};
use axum::{Router, routing::post};
use serde::{Deserialize, Serialize};
use shared::auth::{HashKey, TokenSigner};
use shared::config::{ConfigError, Vars};
use shared::domain::code::Purpose;
use shared::domain::{Code, Credits, DeviceName, EmailAddress};
use shared::flows::sign_up::Proofs;
use shared::flows::tries::Tries;
use shared::grants::{Action, Grant};
use shared::http::{
    Created, Json, Kind, PolicyVersion, Problem, Quotas, SessionTokens, SessionView, openapi, with_manners,
};
use shared::ids;
use shared::store::{Accounts, Ledgers, Limits, Sessions};
use shared::{Clock, Ids, Platform};
use utoipa::{OpenApi, ToSchema};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table(
        "accounts",
        &[Action::DeleteItem, Action::PutItem, Action::Query, Action::UpdateItem],
    ),
    Grant::Table("ledger", &[Action::PutItem, Action::UpdateItem]),
    Grant::Table("limits", &[Action::PutItem, Action::UpdateItem]),
    Grant::Table("sessions", &[Action::PutItem]),
    Grant::Parameter("hash-key"),
    Grant::Parameter("token-signing-key"),
];

/// What this function needs.
#[derive(Clone, Debug, FromRef)]
pub struct Deps {
    clock: Clock,
    ids: Ids,
    proofs: Proofs,
    tokens: SessionTokens,
    tries: Tries,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        let proofs = Proofs {
            accounts: Accounts::new(&db, vars)?,
            ledgers: Ledgers::new(&db, vars)?,
            limits: Limits::new(&db, vars)?,
            ids: platform.ids.clone(),
            sessions: Sessions::new(&db, vars)?,
            hash_key: HashKey::configured(vars, &platform.secrets)?,
        };
        Ok(Self {
            clock: platform.clock.clone(),
            ids: platform.ids.clone(),
            tokens: SessionTokens {
                signer: TokenSigner::configured(vars, &platform.secrets)?,
                hash_key: proofs.hash_key.clone(),
                policy: PolicyVersion::configured(vars)?,
            },
            tries: Tries {
                limits: proofs.limits.clone(),
                hash_key: proofs.hash_key.clone(),
            },
            proofs,
        })
    }
}

/// What proves an address: the sign-up's id and the code that was mailed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Proof {
    email: EmailAddress,
    /// From the answer to the sign-up.
    signup_id: ids::SignUpId,
    /// From the mail.
    code: Code,
    /// What you call this device; shown in the list of your sessions.
    #[serde(default)]
    device: Option<DeviceName>,
}

/// A new account.
#[derive(Serialize, ToSchema)]
struct NewAccount {
    account_id: ids::AccountId,
    session: SessionView,
    credits: CreditsGiven,
}

/// What the account begins with.
#[derive(Serialize, ToSchema)]
struct CreditsGiven {
    /// The sign-up bonus; nothing for an address that has had it in the last twelve months.
    available: Credits,
}

/// The route.
pub fn router(deps: Deps) -> Router {
    let ids = deps.ids.clone();
    with_manners(
        Router::new()
            .route("/v1/accounts/verify", post(verify))
            .with_state(deps),
        ids,
    )
}

/// The route's part of the API's document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(verify))]
    struct Part;
    openapi::with_problems(
        Part::openapi(),
        &[
            Kind::WrongCode,
            Kind::CodeExpired,
            Kind::TooManyRequests,
            Kind::Contended,
        ],
    )
}

/// Prove the address
///
/// Makes the account, begins its first session and gives the sign-up bonus. A code is good for 15 minutes and five tries.
/// Ten wrong codes a day are borne for an address.
#[utoipa::path(
    post, path = "/v1/accounts/verify", tag = "accounts", operation_id = "accounts-verify", request_body = Proof,
    responses((status = 201, description = "The account is made", body = NewAccount))
)]
async fn verify(
    State(Deps {
        clock,
        proofs,
        tokens,
        tries,
        ..
    }): State<Deps>,
    Json(Proof {
        email,
        signup_id,
        code,
        device,
    }): Json<Proof>,
) -> Result<(Quotas, Created<NewAccount>), Problem> {
    let now = clock.now();
    let guess = tries.code(Purpose::VerifyEmail, &email, now).await?;
    let proved = proofs
        .prove(&email, signup_id, &code, device, now)
        .await
        .map_err(|error| Problem::from(error).limited(guess.left_if_wrong()))?;
    tries.give_back(&guess).await;
    let session = tokens.show(&proved.session, now)?;
    let credits = CreditsGiven {
        available: proved.balance.available,
    };
    let made = NewAccount {
        account_id: proved.profile.id,
        session,
        credits,
    };
    Ok((Quotas::of(guess.left_if_right()), Created::at("/v1/account", made)))
}
