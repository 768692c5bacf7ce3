//! An account as its owner is shown it, and what they agree to.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{EmailProblem, Problem};
use crate::config::{ConfigError, Vars};
use crate::domain::account::Consent;
use crate::domain::{EmailAddress, Name, Profile};
use crate::ids;
use crate::store::accounts::Owner;

/// All that is kept about the person.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    id: ids::AccountId,
    email: EmailAddress,
    /// Why no mail is sent to the address; not there as long as mail is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_problem: Option<EmailProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The version of the privacy policy that was accepted, and when.
    policy_version: String,
    #[schema(value_type = String, format = DateTime)]
    policy_accepted_at: Timestamp,
    /// The version of the privacy policy in force. When it is another one, it waits to be accepted at `POST
    /// /v1/account/consents`.
    policy_current_version: String,
}

impl AccountView {
    /// The account, with what is known of its address, beside the policy in force.
    #[must_use]
    pub fn of(profile: Profile, owner: Option<Owner>, policy: &PolicyVersion) -> Self {
        let own = owner.filter(|owner| owner.account == profile.id);
        Self {
            id: profile.id,
            email: profile.email,
            email_problem: own.and_then(|owner| owner.undeliverable).map(EmailProblem::from),
            name: profile.name,
            created_at: profile.created_at,
            policy_version: profile.consent.policy_version,
            policy_accepted_at: profile.consent.accepted_at,
            policy_current_version: policy.0.clone(),
        }
    }
}

/// The version of the privacy policy in force, the only one that can be accepted.
#[derive(Clone, Debug)]
pub struct PolicyVersion(String);

impl PolicyVersion {
    /// Read from `POLICY_VERSION`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn configured(vars: &Vars) -> Result<Self, ConfigError> {
        vars.text("POLICY_VERSION").map(Self)
    }

    /// The version in force, if it is another one than was accepted last.
    #[must_use]
    pub fn unless_accepted(&self, accepted: Option<&str>) -> Option<String> {
        let Self(current) = self;
        (accepted != Some(current)).then(|| current.clone())
    }

    /// The consent to `version`, given `now`.
    ///
    /// # Errors
    /// When it is not the version in force.
    pub fn accepted(&self, version: String, now: Timestamp) -> Result<Consent, Problem> {
        let Self(current) = self;
        if version == *current {
            Ok(Consent {
                policy_version: version,
                accepted_at: now,
            })
        } else {
            Err(Problem::invalid_field(
                "/policy_version",
                &format!("must be the present version of the privacy policy, {current}"),
            ))
        }
    }
}
