//! Requests about somebody's own data: asked from outside, proved by a code to the address, answered by the machine or by a person.
//!
//! What stands in a request is believed only once its code was shown. An address without an account costs the same work and gets the
//! same answers, and nothing is mailed to it.

use jiff::Timestamp;

use super::leaving::{LeaveError, Leaving};
use super::{letters, mailing, sign_in};
use crate::auth::HashKey;
use crate::auth::keyed_hash::constant_time_eq;
use crate::config::{ConfigError, Vars};
use crate::domain::mail::{Mail, MailKind};
use crate::domain::privacy_request::{EXPORT_LIFE, Stand, Wanted};
use crate::domain::{Code, EmailAddress, ExportKey, Language, Message, PrivacyRequest, Profile};
use crate::ids::{self, Id};
use crate::store::{Accounts, Guard, Outbox, Requests, StoreError, Transaction};
use crate::{Entropy, Ids, Platform};

/// What asking needs.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Whose address it is.
    pub accounts: Accounts,
    /// Where requests are kept.
    pub requests: Requests,
    /// Where the code goes out from.
    pub outbox: Outbox,
    /// Makes codes.
    pub entropy: Entropy,
    /// Hashes codes.
    pub hash_key: HashKey,
    /// Names requests and mails.
    pub ids: Ids,
}

impl Asking {
    /// Reads what its tables and [`HashKey::configured`] read.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let db = platform.db();
        Ok(Self {
            accounts: Accounts::new(&db, vars)?,
            requests: Requests::new(&db, vars)?,
            outbox: Outbox::new(&db, vars)?,
            entropy: platform.entropy.clone(),
            hash_key: HashKey::configured(vars, &platform.secrets)?,
            ids: platform.ids.clone(),
        })
    }

    /// Keeps a request and mails its code to the account of this address. For an address that has none the same is read and
    /// written, with a mail that goes to nobody.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ask(
        &self,
        email: &EmailAddress,
        wanted: Wanted,
        message: Option<Message>,
        language: Language,
        now: Timestamp,
    ) -> Result<Id<ids::PrivacyRequest>, StoreError> {
        let known = sign_in::account_of(email, &self.accounts, &self.hash_key).await?;
        let (id, code) = (self.ids.next(), Code::new(&self.entropy));
        let request = PrivacyRequest {
            id,
            wanted,
            stand: Stand::Open,
            account: known.as_ref().map(|(profile, _)| profile.id),
            email: known.as_ref().map(|(profile, _)| profile.email.clone()),
            // Nobody will read what came from an address that is nobody's.
            message: message.filter(|_| known.is_some()),
            reason: None,
            confirmed_at: None,
            answered_at: None,
        };
        let ends = now + Code::LIFE;
        let mail = match known {
            Some((profile, _)) => self.outbox.mail_write(&Mail {
                id: self.ids.next(),
                account: Some(profile.id),
                kind: MailKind::PrivacyCode,
                to: profile.email,
                letter: letters::privacy_code(language, &code),
                not_after: ends,
            })?,
            None => self
                .outbox
                .unaddressed_write(self.ids.next(), MailKind::PrivacyCode, ends)?,
        };
        let kept = self
            .requests
            .open_write(&request, code_hash(&self.hash_key, id, &code))?;
        Transaction::of([kept, mail]).commit(self.requests.db()).await?;
        Ok(id)
    }
}

/// What confirming needs.
#[derive(Clone, Debug)]
pub struct Confirming {
    /// Where requests are kept.
    pub requests: Requests,
    /// Closes accounts.
    pub leaving: Leaving,
    /// Hashes codes.
    pub hash_key: HashKey,
    /// Where data can be fetched: the address before its key.
    pub exports: String,
}

/// Why a request was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// The code is wrong, ended, used up, or of no request. Which of these is nobody's business.
    #[error("the code is wrong or no longer good")]
    WrongCode,
    /// The account could not be closed.
    #[error(transparent)]
    Leave(#[from] LeaveError),
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Confirming {
    /// Reads what its tables, [`Leaving::configured`] and [`HashKey::configured`] read.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn configured(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        let origin = vars.url("PUBLIC_URL")?.origin().ascii_serialization();
        Ok(Self {
            requests: Requests::new(&platform.db(), vars)?,
            leaving: Leaving::configured(vars, platform)?,
            hash_key: HashKey::configured(vars, &platform.secrets)?,
            exports: format!("{origin}/v1/privacy-exports/"),
        })
    }

    /// Confirms the request `id` by its code, and carries out what the machine can: a deletion closes the account, and access mails
    /// an address at which the data can be fetched. A correction waits for a person.
    ///
    /// May die anywhere: the code stays good until the request has moved, and closing an account twice closes it once.
    ///
    /// # Errors
    /// See [`ConfirmError`].
    pub async fn confirm(
        &self,
        id: Id<ids::PrivacyRequest>,
        code: &Code,
        language: Language,
        now: Timestamp,
    ) -> Result<PrivacyRequest, ConfirmError> {
        let (request, hash) = self.requests.try_code(id, now).await?.ok_or(ConfirmError::WrongCode)?;
        let shown = code_hash(&self.hash_key, id, code);
        let account = request.account.ok_or(ConfirmError::WrongCode)?;
        if !constant_time_eq(hash.as_bytes(), shown.as_bytes()) {
            return Err(ConfirmError::WrongCode);
        }
        let profile = self.leaving.accounts.profile(account).await?;
        let profile = profile.ok_or(ConfirmError::WrongCode)?;
        let confirmed = PrivacyRequest {
            stand: Stand::Confirmed,
            confirmed_at: Some(now),
            ..request.clone()
        };
        let done = PrivacyRequest {
            stand: Stand::Done,
            answered_at: Some(now),
            message: None,
            ..confirmed.clone()
        };
        match request.wanted {
            Wanted::Correction => self.moved(&request, confirmed, Vec::new()).await,
            Wanted::Access => {
                let writes = self.access(&profile, language, now)?;
                self.moved(&request, done, writes).await
            }
            Wanted::Deletion => {
                match self.leaving.leave(profile, true, language, now).await {
                    // It was closed before, by this request or another way.
                    Ok(_) | Err(LeaveError::Inactive) => {}
                    Err(error) => return Err(error.into()),
                }
                self.moved(&request, done, Vec::new()).await
            }
        }
    }

    /// What lets everything about an account be fetched, and the mail that says where.
    fn access(
        &self,
        profile: &Profile,
        language: Language,
        now: Timestamp,
    ) -> Result<Vec<crate::store::Write>, StoreError> {
        let key = ExportKey::new(&self.leaving.entropy);
        let url = format!("{}{}", self.exports, key.to_text());
        let mail = self.leaving.outbox.mail_write(&Mail {
            id: self.leaving.ids.next(),
            account: Some(profile.id),
            kind: MailKind::PrivacyAccess,
            to: profile.email.clone(),
            letter: letters::privacy_access(language, &url, now + EXPORT_LIFE),
            not_after: now + mailing::PATIENCE,
        })?;
        Ok(vec![self.requests.export_write(&key, profile.id, now)?, mail])
    }

    async fn moved(
        &self,
        read: &PrivacyRequest,
        after: PrivacyRequest,
        writes: Vec<crate::store::Write>,
    ) -> Result<PrivacyRequest, ConfirmError> {
        let moved = self.requests.moved_write(read, &after)?;
        match Transaction::of(writes).and(moved).commit(self.requests.db()).await {
            Ok(()) => Ok(after),
            // The same code was shown twice at once.
            Err(error) if error.refused(Guard::Request).is_some() => Err(ConfirmError::WrongCode),
            Err(error) => Err(StoreError::from(error).into()),
        }
    }
}

/// The hash binds a code to its request.
fn code_hash(key: &HashKey, id: Id<ids::PrivacyRequest>, code: &Code) -> String {
    key.hash("code", format!("{id}:{}", code.as_str()).as_bytes()).to_hex()
}
