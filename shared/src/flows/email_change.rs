//! Changing an account's address: the password and a code from the new address, then a notice to the old one.
//!
//! Whether the new address has an account already is told to nobody but its owner, by mail: what is answered and what is
//! written is the same either way, only that then no code fits.

use jiff::Timestamp;

use super::tries::Tries;
use super::{letters, mailing, sign_in};
use crate::auth::{HashKey, KeyedHash};
use crate::domain::account::PendingEmail;
use crate::domain::code::Purpose;
use crate::domain::mail::{Letter, Mail, MailKind};
use crate::domain::{Code, EmailAddress, Language, Name, Profile};
use crate::ids::{self, Id};
use crate::store::limits::LimitError;
use crate::store::{Accounts, Guard, Outbox, StoreError, Transaction, Write};
use crate::{Entropy, Ids};

/// What changing an address needs.
#[derive(Clone, Debug)]
pub struct EmailChanges {
    /// Where changes wait and accounts are.
    pub accounts: Accounts,
    /// Counts wrong codes; its key hashes codes too, so that the table does not give them away.
    pub tries: Tries,
    /// Where the mail goes out from.
    pub outbox: Outbox,
    /// Makes codes.
    pub entropy: Entropy,
    /// Makes ids.
    pub ids: Ids,
}

/// Why the address is not changed.
#[derive(Debug, thiserror::Error)]
pub enum EmailChangeError {
    /// The code is wrong, ended, used up, or nothing waits for one. Which of these is nobody's business.
    #[error("the code is wrong or no longer good")]
    WrongCode,
    /// Somebody else has made an account with the address since the code was mailed.
    #[error("the address belongs to another account by now")]
    Taken,
    /// The account is not there or not active.
    #[error("the account is not active")]
    Inactive,
    /// Too many codes were tried today, or the store failed.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl From<StoreError> for EmailChangeError {
    fn from(error: StoreError) -> Self {
        LimitError::from(error).into()
    }
}

impl EmailChanges {
    /// Mails a code to the new address and lets the change wait for it; a change that waited before is void. `name` is set or
    /// removed in the same step, if it is to change at all. `None` when the account has another password than the one that
    /// was verified, or is no longer active: then nothing was done.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(
        &self,
        profile: &Profile,
        email: EmailAddress,
        name: Option<&Option<Name>>,
        language: Language,
        now: Timestamp,
    ) -> Result<Option<PendingEmail>, StoreError> {
        let known = sign_in::account_of(&email, &self.accounts, &self.tries.hash_key).await?;
        let other = known.filter(|(known, _)| known.id != profile.id);
        let pending = PendingEmail {
            email,
            expires_at: now + Code::LIFE,
        };
        let (code_hash, mail) = if let Some((other, _)) = other {
            let letter = letters::address_known(language);
            (
                // The hash of no code.
                self.entropy.hex::<32>(),
                // It goes where the other account says, not to the spelling that was asked for.
                self.mail_write(
                    other.id,
                    &other.email,
                    MailKind::AddressKnown,
                    letter,
                    now + mailing::PATIENCE,
                )?,
            )
        } else {
            let code = Code::new(&self.entropy);
            let letter = letters::change_email(language, &code);
            (
                code_hash(&self.tries.hash_key, profile.id, &pending.email, &code).to_hex(),
                self.mail_write(
                    profile.id,
                    &pending.email,
                    MailKind::ChangeEmail,
                    letter,
                    pending.expires_at,
                )?,
            )
        };
        let account = match name {
            Some(name) => self.accounts.verified_rename_write(profile, name.as_ref())?,
            None => self.accounts.verified_check(profile)?,
        };
        let transaction =
            Transaction::of([account, mail]).and(self.accounts.email_change_write(profile.id, &pending, code_hash)?);
        match transaction.commit(self.accounts.db()).await {
            Ok(()) => Ok(Some(pending)),
            Err(error) if error.refused(Guard::Account).is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes the address if `code` is the one that was mailed to the new address, and gives the account as it is then. The
    /// old address is free from that moment on.
    ///
    /// # Errors
    /// See [`EmailChangeError`].
    pub async fn confirm(
        &self,
        profile: Profile,
        code: &Code,
        language: Language,
        now: Timestamp,
    ) -> Result<Profile, EmailChangeError> {
        let guess = self.tries.code(Purpose::ChangeEmail, &profile.email, now).await?;
        let waiting = self.accounts.try_email_code(profile.id, now).await?;
        let waiting = waiting
            .filter(|waiting| {
                code_hash(&self.tries.hash_key, profile.id, &waiting.email, code).is_hex(&waiting.code_hash)
            })
            .ok_or(EmailChangeError::WrongCode)?;
        let mut transaction = Transaction::of(self.accounts.email_writes(&profile, &waiting, now)?);
        if waiting.email != profile.email {
            let letter = letters::email_changed(language);
            let not_after = now + mailing::PATIENCE;
            transaction = transaction.and(self.mail_write(
                profile.id,
                &profile.email,
                MailKind::EmailChanged,
                letter,
                not_after,
            )?);
        }
        self.tries.give_back(&guess).await;
        match transaction.commit(self.accounts.db()).await {
            Ok(()) => Ok(Profile {
                email: waiting.email,
                ..profile
            }),
            // The same code was shown twice at once, or another change has taken the place of this one.
            Err(error) if error.refused(Guard::EmailChange).is_some() => Err(EmailChangeError::WrongCode),
            Err(error) if error.refused(Guard::Account).is_some() => Err(EmailChangeError::Inactive),
            Err(error) if error.refused(Guard::Address).is_some() => Err(EmailChangeError::Taken),
            Err(error) => Err(StoreError::from(error).into()),
        }
    }

    /// What stands for an account's change of address where wrong codes are counted.
    fn mail_write(
        &self,
        account: Id<ids::Account>,
        to: &EmailAddress,
        kind: MailKind,
        letter: Letter,
        not_after: Timestamp,
    ) -> Result<Write, StoreError> {
        self.outbox.mail_write(&Mail {
            id: self.ids.next(),
            account: Some(account),
            kind,
            to: to.clone(),
            letter,
            not_after,
        })
    }
}

/// The hash binds a code to the account and the new address, so it is worth nothing for another of either.
fn code_hash(key: &HashKey, account: Id<ids::Account>, email: &EmailAddress, code: &Code) -> KeyedHash {
    let data = format!("{account}:{}:{}", email.normalised(), code.as_str());
    key.hash("email-change", data.as_bytes())
}
