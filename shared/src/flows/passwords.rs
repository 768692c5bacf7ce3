//! A password is replaced: by whoever has a code from the mailbox, or by whoever knows the one before.
//!
//! Either way it is one transaction: the new hash, the end of the sessions elsewhere and the mail that tells of it. Its
//! conditions make sure that no session that began meanwhile is left alive, and none can begin with the old password
//! afterwards ([`Accounts::session_begun_write`]).

use jiff::Timestamp;

use super::{ROUNDS, letters, sign_in, signing_out};
use crate::auth::keyed_hash::constant_time_eq;
use crate::auth::{HashKey, Password, PasswordError};
use crate::domain::code::Purpose;
use crate::domain::mail::{Mail, MailKind};
use crate::domain::{Code, DeviceName, EmailAddress, Language, Profile, Session};
use crate::ids::{self, Id};
use crate::store::{Accounts, Codes, Guard, Outbox, Sessions, StoreError, Transaction, TransactionError};
use crate::{Entropy, Ids};

/// Mails codes for new passwords.
#[derive(Clone, Debug)]
pub struct ResetCodes {
    /// Whose address it is.
    pub accounts: Accounts,
    /// Where the code waits.
    pub codes: Codes,
    /// Makes codes.
    pub entropy: Entropy,
    /// Hashes codes, so that the table does not give them away.
    pub hash_key: HashKey,
    /// Makes ids.
    pub ids: Ids,
    /// Where the mail goes out from.
    pub outbox: Outbox,
}

impl ResetCodes {
    /// Mails a code for a new password to the account of this address. For an address that has none the same is read and
    /// written, for an account that does not exist and a mail that goes to nobody. The answer is the same either way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn send(&self, email: &EmailAddress, language: Language, now: Timestamp) -> Result<(), StoreError> {
        let known = sign_in::account_of(email, &self.accounts, &self.hash_key).await?;
        let account = known
            .as_ref()
            .map_or_else(|| sign_in::nobody(email, &self.hash_key), |(profile, _)| profile.id);
        let code = Code::new(&self.entropy);
        let hash = code_hash(&self.hash_key, account, Purpose::ResetPassword, &code);
        let ends = now + Code::LIFE;
        let letter = letters::reset_password(language, &code);
        // It goes where the account says, not to the spelling of the address that somebody asked with.
        let mail = match known {
            Some((profile, _)) => self.outbox.mail_write(&Mail {
                id: self.ids.next(),
                account: Some(profile.id),
                kind: MailKind::ResetPassword,
                to: profile.email,
                letter,
                not_after: ends,
            })?,
            None => self
                .outbox
                .unaddressed_write(self.ids.next(), MailKind::ResetPassword, ends)?,
        };
        let put = self.codes.put_write(account, Purpose::ResetPassword, hash, ends)?;
        Ok(Transaction::of([put, mail]).commit(self.accounts.db()).await?)
    }
}

/// What replacing a password needs.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Where the password is.
    pub accounts: Accounts,
    /// Makes ids.
    pub ids: Ids,
    /// Where the notice goes out from.
    pub outbox: Outbox,
    /// The sessions that end.
    pub sessions: Sessions,
}

/// Somebody who has shown the right code; its use is a piece of the transaction that it allows.
#[derive(Debug)]
pub struct Shown {
    account: Id<ids::Account>,
    hash: String,
}

/// Why a password was not replaced by a code.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The code is wrong, ended, used up, or nobody has the address. Which of these is nobody's business.
    #[error("the code is wrong or no longer good")]
    WrongCode,
    /// The new password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a password was not replaced by somebody who is signed in.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The current password is not that.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The account is not active.
    #[error("the account is not active")]
    Inactive,
    /// The new password is too common or could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store failed, or others kept writing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks a code for a new password; each call costs it one of its tries.
///
/// # Errors
/// [`ResetError::WrongCode`], for an address without an account too, after the same work; or when the store fails.
pub async fn show_code(
    email: &EmailAddress,
    code: &Code,
    accounts: &Accounts,
    codes: &Codes,
    key: &HashKey,
    now: Timestamp,
) -> Result<Shown, ResetError> {
    let account = accounts.owner(email).await?;
    let account = account.map_or_else(|| sign_in::nobody(email, key), |owner| owner.account);
    let stored = codes.try_code(account, Purpose::ResetPassword, now).await?;
    let hash = code_hash(key, account, Purpose::ResetPassword, code);
    match stored {
        Some(stored) if constant_time_eq(stored.hash.as_bytes(), hash.as_bytes()) => Ok(Shown { account, hash }),
        Some(_) | None => Err(ResetError::WrongCode),
    }
}

impl Passwords {
    /// Replaces the password of the account whose code was shown, ends every session and begins one for whoever showed it.
    /// May die anywhere: either all of it has happened or nothing.
    ///
    /// # Errors
    /// [`ResetError::WrongCode`] when the code was used or replaced meanwhile, or the account is not active.
    pub async fn reset(
        &self,
        shown: &Shown,
        new: Password,
        device: Option<DeviceName>,
        codes: &Codes,
        language: Language,
        now: Timestamp,
    ) -> Result<Session, ResetError> {
        // Only now: bcrypt's quarter of a second tells that a code was right, to whoever had the right one and is told so
        // anyway. A wrong code costs no hash, whoever's address it is.
        let hash = new.hash().await?;
        let mut session = Session::begun(self.ids.next(), shown.account, device);
        for _ in 0..ROUNDS {
            let profile = self
                .accounts
                .profile(shown.account)
                .await?
                .ok_or(ResetError::WrongCode)?;
            session = session.having_accepted(&profile.consent.policy_version);
            let transaction = self
                .replacing(&profile, None, language, now)
                .await?
                .and(codes.spend_write(shown.account, Purpose::ResetPassword, &shown.hash)?)
                .and(self.sessions.begin_write(&session)?)
                .and(self.accounts.password_write(&profile, &hash, 1)?);
            match transaction.commit(self.accounts.db()).await {
                Ok(()) => return Ok(session),
                Err(error) if error.refused(Guard::Code).is_some() => return Err(ResetError::WrongCode),
                Err(error) => {
                    if !self.may_try_again(error)? {
                        return Err(ResetError::WrongCode);
                    }
                }
            }
        }
        Err(StoreError::Contended.into())
    }

    /// Replaces the password of `profile`, whose owner has shown the present one, and ends every session but `spared`. May
    /// die anywhere: either all of it has happened or nothing.
    ///
    /// # Errors
    /// [`ChangeError::WrongPassword`] when somebody else replaced it meanwhile.
    pub async fn change(
        &self,
        verified: Profile,
        new: Password,
        spared: Id<ids::Session>,
        language: Language,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let hash = new.hash().await?;
        let mut profile = verified.clone();
        for _ in 0..ROUNDS {
            let transaction = self
                .replacing(&profile, Some(spared), language, now)
                .await?
                .and(self.accounts.password_write(&profile, &hash, 0)?);
            match transaction.commit(self.accounts.db()).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    if !self.may_try_again(error)? {
                        return Err(ChangeError::Inactive);
                    }
                }
            }
            profile = self.accounts.profile(verified.id).await?.ok_or(ChangeError::Inactive)?;
            if profile.password_hash != verified.password_hash {
                return Err(ChangeError::WrongPassword);
            }
        }
        Err(StoreError::Contended.into())
    }

    /// What every replacement of a password holds beside the password: the end of the sessions and the notice. The profile was
    /// read before the sessions are listed here, so one that begins in between makes the password's condition fail.
    async fn replacing(
        &self,
        profile: &Profile,
        spared: Option<Id<ids::Session>>,
        language: Language,
        now: Timestamp,
    ) -> Result<Transaction, StoreError> {
        let ends = signing_out::ending_writes(&self.sessions, profile.id, spared).await?;
        let notice = self.outbox.mail_write(&Mail {
            id: self.ids.next(),
            account: Some(profile.id),
            kind: MailKind::PasswordChanged,
            to: profile.email.clone(),
            letter: letters::password_changed(language),
            not_after: now + super::mailing::PATIENCE,
        })?;
        Ok(Transaction::of(ends).and(notice))
    }

    /// Whether the transaction failed because something of the account has changed, and may be begun again.
    fn may_try_again(&self, error: TransactionError) -> Result<bool, StoreError> {
        match error.refused(Guard::Account) {
            Some(refused) => Ok(self.accounts.is_active(refused)),
            None => Err(error.into()),
        }
    }
}

/// The hash binds a code to its account and its purpose, so a code of one is worth nothing for another.
fn code_hash(key: &HashKey, account: Id<ids::Account>, purpose: Purpose, code: &Code) -> String {
    let data = format!("{account}:{}:{}", purpose.as_str(), code.as_str());
    key.hash("code", data.as_bytes()).to_hex()
}
