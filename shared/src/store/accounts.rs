//! The table `accounts`: profiles, addresses and sign-ups that wait for their code.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `acc_…` | `profile` | the account |
//! | `acc_…` | `consent#<version>` | when this version of the policy was accepted first |
//! | `acc_…` | `email_change` | a change of address that waits for its code |
//! | `address#<normalised>` | `owner` | whose address it is |
//! | `address#<normalised>` | `signup#sup_…` | a sign-up that waits for its code |

mod changes;
mod consents;
mod leaving;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Db, Expression, Guard, Item, Refused, StoreError, Table, Updated, Write, from_item, key, to_item};
use crate::config::{ConfigError, Vars};
use crate::domain::account::{Consent, PasswordHash, PendingSignUp, Status};
use crate::domain::{Code, DeletionId, EmailAddress, Name, Profile, Undeliverable, Undelivered};
use crate::ids::{self, Id};

/// The table `accounts`.
#[derive(Clone, Debug)]
pub struct Accounts {
    table: Table,
}

/// A sign-up as it waits, with what is needed to judge a code.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The sign-up.
    pub sign_up: PendingSignUp,
    /// Keyed hash of its present code.
    pub code_hash: String,
    /// When that code ends.
    pub code_expires_at: Timestamp,
}

/// Whose address it is, and whether mail reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The account.
    pub account: Id<ids::Account>,
    /// When it was last proved that mail reaches the person there.
    pub proved_at: Timestamp,
    /// The mark that stops mail to it, if there is one.
    pub undeliverable: Option<Undeliverable>,
}

#[derive(Serialize, Deserialize)]
struct ProfileItem {
    pk: String,
    sk: String,
    email: EmailAddress,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<Name>,
    password_hash: String,
    ledger_id: Id<ids::Ledger>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    status_before: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    deletion: Option<DeletionId>,
    created_at: Timestamp,
    policy_version: String,
    policy_accepted_at: Timestamp,
    /// How many sessions have begun, so that a change of the password sees one that begins beside it.
    sessions_begun: u64,
}

#[derive(Serialize, Deserialize)]
struct OwnerItem {
    pk: String,
    sk: String,
    account_id: Id<ids::Account>,
    proved_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    undeliverable: Option<Undelivered>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    undeliverable_since: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct SignUpItem {
    pk: String,
    sk: String,
    email: EmailAddress,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<Name>,
    password_hash: String,
    policy_version: String,
    policy_accepted_at: Timestamp,
    code_hash: String,
    code_expires_at: Timestamp,
    tries_left: u32,
    expires_at: i64,
}

const PROFILE: &str = "profile";
const OWNER: &str = "owner";
/// The status of an account that may do everything.
const ACTIVE: &str = Status::Active.as_str();

fn account_key(account: Id<ids::Account>, sk: String) -> Item {
    key(&[("pk", account.to_string()), ("sk", sk)])
}

/// The partition of what belongs to an address, in all its spellings.
#[must_use]
pub fn address_pk(email: &EmailAddress) -> String {
    format!("address#{}", email.normalised())
}

fn owner_key(email: &EmailAddress) -> Item {
    key(&[("pk", address_pk(email)), ("sk", OWNER.to_owned())])
}

fn sign_up_key(email: &EmailAddress, id: Id<ids::SignUp>) -> Item {
    key(&[("pk", address_pk(email)), ("sk", format!("signup#{id}"))])
}

impl Accounts {
    /// The table named by `ACCOUNTS_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn new(db: &Db, vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::new(db, vars.text("ACCOUNTS_TABLE")?),
        })
    }

    /// The database it is in.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.table.db
    }

    /// The account, if it is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn profile(&self, account: Id<ids::Account>) -> Result<Option<Profile>, StoreError> {
        let item = self.table.get(account_key(account, PROFILE.to_owned())).await?;
        item.map(|item| profile_from(account, item)).transpose()
    }

    /// The account that has this address, in whatever spelling, and whether mail reaches it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn owner(&self, email: &EmailAddress) -> Result<Option<Owner>, StoreError> {
        let Some(item) = self.table.get(owner_key(email)).await? else {
            return Ok(None);
        };
        let item: OwnerItem = from_item(item, || "owner of an address".to_owned())?;
        let mark = item.undeliverable.zip(item.undeliverable_since);
        Ok(Some(Owner {
            account: item.account_id,
            proved_at: item.proved_at,
            undeliverable: mark.map(|(why, since)| Undeliverable { why, since }),
        }))
    }

    /// Marks an address so that it gets no mail, if its owner still is as `seen`: what has been erased stays erased, and
    /// what has been proved since stays good.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn undeliverable_write(
        &self,
        email: &EmailAddress,
        seen: &Owner,
        mark: Undeliverable,
    ) -> Result<Write, StoreError> {
        let update = Expression::update("SET #undeliverable = :why, #undeliverable_since = :since")
            .text(":why", mark.why.as_str())
            .text(":since", mark.since.to_string())
            .text(":account", seen.account.to_string())
            .text(":proved", seen.proved_at.to_string());
        let same = "#account_id = :account AND #proved_at = :proved";
        let expression = match seen.undeliverable {
            None => update.and_when(&format!("{same} AND attribute_not_exists(#undeliverable)")),
            Some(known) => update
                .and_when(&format!("{same} AND #undeliverable = :known"))
                .text(":known", known.why.as_str()),
        };
        self.table.update_write(owner_key(email), expression, Guard::Owner)
    }

    /// The sign-up, if it waits still. Every call costs it one of the code's tries, so that guesses which race each
    /// other are all counted; `None` too when no try is left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn try_code(
        &self,
        email: &EmailAddress,
        id: Id<ids::SignUp>,
        now: Timestamp,
    ) -> Result<Option<Waiting>, StoreError> {
        let expression = Expression::update("SET #tries_left = #tries_left - :one")
            .and_when("attribute_exists(#pk) AND #tries_left > :none AND #expires_at > :now")
            .number(":one", 1)
            .number(":none", 0)
            .number(":now", now.as_second());
        match self.table.update(sign_up_key(email, id), expression).await? {
            Updated::Done(item) => waiting_from(id, item).map(Some),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// The sign-up, if it waits still, without costing a try.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(
        &self,
        email: &EmailAddress,
        id: Id<ids::SignUp>,
        now: Timestamp,
    ) -> Result<Option<Waiting>, StoreError> {
        let Some(item) = self.table.get(sign_up_key(email, id)).await? else {
            return Ok(None);
        };
        let waiting = waiting_from(id, item)?;
        Ok(Some(waiting).filter(|waiting| waiting.sign_up.expires_at() > now))
    }

    /// All sign-ups that wait under this address, at most 20.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rival_sign_ups(&self, email: &EmailAddress) -> Result<Vec<Id<ids::SignUp>>, StoreError> {
        let expression = Expression::when("#pk = :pk AND begins_with(#sk, :kind)")
            .text(":pk", address_pk(email))
            .text(":kind", "signup#");
        let items = self.table.query(expression, true, 20).await?;
        let id = |item: &Item| item.get("sk")?.as_s().ok()?.strip_prefix("signup#")?.parse().ok();
        Ok(items.iter().filter_map(id).collect())
    }

    /// Keeps a sign-up with its first code.
    ///
    /// # Errors
    /// When the item cannot be made.
    pub fn sign_up_write(
        &self,
        sign_up: &PendingSignUp,
        code_hash: String,
        code_expires_at: Timestamp,
    ) -> Result<Write, StoreError> {
        let item = to_item(&SignUpItem {
            pk: address_pk(&sign_up.email),
            sk: format!("signup#{}", sign_up.id),
            email: sign_up.email.clone(),
            name: sign_up.name.clone(),
            password_hash: sign_up.password_hash.as_str().to_owned(),
            policy_version: sign_up.consent.policy_version.clone(),
            policy_accepted_at: sign_up.consent.accepted_at,
            code_hash,
            code_expires_at,
            tries_left: Code::TRIES,
            expires_at: sign_up.expires_at().as_second(),
        })?;
        self.table
            .put_write(item, Expression::when("attribute_not_exists(#pk)"), Guard::New)
    }

    /// Gives a waiting sign-up a new code; the old one is void.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn new_code_write(
        &self,
        email: &EmailAddress,
        id: Id<ids::SignUp>,
        code_hash: String,
        code_expires_at: Timestamp,
    ) -> Result<Write, StoreError> {
        let expression = Expression::update("SET #code_hash = :hash, #code_expires_at = :ends, #tries_left = :tries")
            .and_when("attribute_exists(#pk)")
            .text(":hash", code_hash)
            .text(":ends", code_expires_at.to_string())
            .number(":tries", Code::TRIES);
        self.table
            .update_write(sign_up_key(email, id), expression, Guard::SignUp)
    }

    /// The writes that turn a sign-up into an account: the profile, the address's owner, the consent, and the sign-up's end.
    ///
    /// # Errors
    /// When an item cannot be made.
    pub fn account_writes(&self, profile: &Profile, sign_up: Id<ids::SignUp>) -> Result<Vec<Write>, StoreError> {
        let profile_item = to_item(&ProfileItem {
            pk: profile.id.to_string(),
            sk: PROFILE.to_owned(),
            email: profile.email.clone(),
            name: profile.name.clone(),
            password_hash: profile.password_hash.as_str().to_owned(),
            ledger_id: profile.ledger,
            status: profile.status,
            status_before: None,
            deletion: profile.deletion.clone(),
            created_at: profile.created_at,
            policy_version: profile.consent.policy_version.clone(),
            policy_accepted_at: profile.consent.accepted_at,
            sessions_begun: profile.sessions_begun,
        })?;
        let new = Expression::when("attribute_not_exists(#pk)");
        Ok(vec![
            self.table.put_write(profile_item, new, Guard::New)?,
            self.owner_write(&profile.email, None, profile.id, profile.created_at)?,
            self.consent_write(profile.id, &profile.consent)?,
            self.table.delete_write(
                sign_up_key(&profile.email, sign_up),
                Expression::when("attribute_exists(#pk)"),
                Guard::SignUp,
            )?,
        ])
    }

    /// Gives an address that has just been proved to `account`: one that belongs to nobody, or, with `Some(account)` as its
    /// owner before, the account's own once more.
    fn owner_write(
        &self,
        email: &EmailAddress,
        before: Option<Id<ids::Account>>,
        account: Id<ids::Account>,
        proved_at: Timestamp,
    ) -> Result<Write, StoreError> {
        let item = OwnerItem {
            pk: address_pk(email),
            sk: OWNER.to_owned(),
            account_id: account,
            proved_at,
            undeliverable: None,
            undeliverable_since: None,
        };
        let as_before = match before {
            None => Expression::when("attribute_not_exists(#pk)"),
            Some(owner) => Expression::when("#account_id = :owner").text(":owner", owner.to_string()),
        };
        self.table
            .change_write(owner_key(email), &item, as_before, Guard::Address)
    }

    /// Forgets a sign-up that lost against another one of its address.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn forget_sign_up_write(&self, email: &EmailAddress, id: Id<ids::SignUp>) -> Result<Write, StoreError> {
        self.table
            .delete_write(sign_up_key(email, id), Expression::default(), Guard::New)
    }

    /// Counts one more session, if the account is active and its password still the one that was verified: whoever changes
    /// the password ends all sessions, and none may begin with the old one meanwhile.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn session_begun_write(&self, profile: &Profile) -> Result<Write, StoreError> {
        let expression = Expression::update("ADD #sessions_begun :one")
            .and_when("#status = :active AND #password_hash = :verified")
            .text(":active", ACTIVE)
            .text(":verified", profile.password_hash.as_str())
            .number(":one", 1);
        self.table
            .update_write(account_key(profile.id, PROFILE.to_owned()), expression, Guard::Account)
    }

    /// Replaces the password, if the account is active and neither the password nor the number of sessions has changed since
    /// `profile` was read: then no session can have begun that whoever ends them all has not seen. `begun` more sessions
    /// begin in the same transaction.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn password_write(&self, profile: &Profile, new: &PasswordHash, begun: u32) -> Result<Write, StoreError> {
        let expression = Expression::update("SET #password_hash = :new ADD #sessions_begun :begun")
            .and_when("#status = :active AND #password_hash = :old AND #sessions_begun = :seen")
            .text(":new", new.as_str())
            .text(":old", profile.password_hash.as_str())
            .text(":active", ACTIVE)
            .number(":begun", begun)
            .number(":seen", profile.sessions_begun);
        self.table
            .update_write(account_key(profile.id, PROFILE.to_owned()), expression, Guard::Account)
    }

    /// Whether a transaction was refused although the account is active: then something else of it has changed, and whoever
    /// reads it again may try again.
    #[must_use]
    pub fn is_active(&self, refused: &Refused) -> bool {
        let status = refused.item.as_ref().and_then(|item| item.get("status")?.as_s().ok());
        status.is_some_and(|status| status == ACTIVE)
    }

    /// Goes on only if the account is there and active; in every transaction that writes on an account's behalf.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn active_check(&self, account: Id<ids::Account>) -> Result<Write, StoreError> {
        let active = Expression::when("#status = :active").text(":active", ACTIVE);
        self.table
            .check_write(account_key(account, PROFILE.to_owned()), active, Guard::Account)
    }
}

fn profile_from(account: Id<ids::Account>, item: Item) -> Result<Profile, StoreError> {
    let item: ProfileItem = from_item(item, || format!("{account} {PROFILE}"))?;
    Ok(Profile {
        id: account,
        email: item.email,
        name: item.name,
        password_hash: PasswordHash::from_bcrypt(item.password_hash),
        ledger: item.ledger_id,
        created_at: item.created_at,
        consent: Consent {
            policy_version: item.policy_version,
            accepted_at: item.policy_accepted_at,
        },
        sessions_begun: item.sessions_begun,
        status: item.status,
        deletion: item.deletion,
    })
}

fn waiting_from(id: Id<ids::SignUp>, item: Item) -> Result<Waiting, StoreError> {
    let item: SignUpItem = from_item(item, || id.to_string())?;
    Ok(Waiting {
        sign_up: PendingSignUp {
            id,
            email: item.email,
            name: item.name,
            password_hash: PasswordHash::from_bcrypt(item.password_hash),
            consent: Consent {
                policy_version: item.policy_version,
                accepted_at: item.policy_accepted_at,
            },
        },
        code_hash: item.code_hash,
        code_expires_at: item.code_expires_at,
    })
}
