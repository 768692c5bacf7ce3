//! Signing up: an address is proved by a code, then there is an account.
//!
//! Whoever signs up learns the sign-up's id, whoever reads the mail learns its code, and only both together make the
//! account, from that sign-up's own password. So nobody can have an account made with somebody else's code.

use jiff::{SignedDuration, Timestamp};

use super::{ROUNDS, letters, sign_in};
use crate::auth::{HashKey, KeyedHash};
use crate::domain::account::{Consent, PasswordHash, PendingSignUp, Status};
use crate::domain::ledger::{Balance, Posting};
use crate::domain::mail::{Letter, Mail, MailKind};
use crate::domain::{Code, Credits, DeviceName, EmailAddress, Language, Name, Profile, Session};
use crate::ids::{self, Id};
use crate::store::ledger::PostError;
use crate::store::limits::Policy;
use crate::store::{Accounts, Guard, Ledgers, Limits, Outbox, Sessions, StoreError, Transaction, Write};
use crate::{Entropy, Ids};

/// How many codes may be mailed to one address.
pub const CODES_AN_HOUR: Policy = Policy {
    name: "codes",
    quota: 3,
    window: SignedDuration::from_hours(1),
};

/// What stands for an address where mailed codes are counted, whatever they are for.
#[must_use]
pub fn codes_subject(hash_key: &HashKey, email: &EmailAddress) -> String {
    hash_key.hash("codes", email.normalised().as_bytes()).to_hex()
}

/// What signing up needs.
#[derive(Clone, Debug)]
pub struct SignUps {
    /// Where sign-ups wait.
    pub accounts: Accounts,
    /// Where the mail goes out from.
    pub outbox: Outbox,
    /// Makes codes.
    pub entropy: Entropy,
    /// Makes ids.
    pub ids: Ids,
    /// Hashes codes, so that the table does not give them away.
    pub hash_key: HashKey,
}

/// What a person gives to sign up, all of it checked.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The address to be proved.
    pub email: EmailAddress,
    /// What the person wants to be called.
    pub name: Option<Name>,
    /// The password's hash.
    pub password_hash: PasswordHash,
    /// What was agreed to.
    pub consent: Consent,
    /// The language the request was made in.
    pub language: Language,
}

impl SignUps {
    /// What stands for an address where limits are counted.
    #[must_use]
    pub fn subject(&self, email: &EmailAddress) -> String {
        codes_subject(&self.hash_key, email)
    }

    /// Keeps a sign-up and mails its code; a known address gets another mail. The answer is the same either way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(&self, sign_up: SignUp, now: Timestamp) -> Result<Id<ids::SignUp>, StoreError> {
        let id = self.ids.next();
        let SignUp {
            email,
            name,
            password_hash,
            consent,
            language,
        } = sign_up;
        let known = sign_in::account_of(&email, &self.accounts, &self.hash_key).await?;
        let transaction = if let Some((profile, _)) = known {
            let not_after = now + super::mailing::PATIENCE;
            // It goes where the account says, not to the spelling of the address that somebody signed up with.
            Transaction::of([self.mail_write(
                Some(profile.id),
                &profile.email,
                MailKind::AddressKnown,
                letters::address_known(language),
                not_after,
            )?])
        } else {
            let code = Code::new(&self.entropy);
            let pending = PendingSignUp {
                id,
                email: email.clone(),
                name,
                password_hash,
                consent,
            };
            let code_hash = code_hash(&self.hash_key, id, &code).to_hex();
            Transaction::of([self.accounts.sign_up_write(&pending, code_hash, now + Code::LIFE)?])
                .and(self.code_write(&email, language, &code, now)?)
        };
        transaction.commit(self.accounts.db()).await?;
        Ok(id)
    }

    /// Mails a new code for a sign-up that waits; for any other it does the same work and mails nothing. The answer is the
    /// same either way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn send_again(
        &self,
        email: &EmailAddress,
        id: Id<ids::SignUp>,
        language: Language,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let waiting = self.accounts.waiting(email, id, now).await?;
        let code = Code::new(&self.entropy);
        let hash = code_hash(&self.hash_key, id, &code).to_hex();
        let mail = match waiting {
            Some(waiting) => self.code_write(&waiting.sign_up.email, language, &code, now)?,
            None => self
                .outbox
                .unaddressed_write(self.ids.next(), MailKind::VerifyEmail, now + Code::LIFE)?,
        };
        let transaction = Transaction::of([self.accounts.new_code_write(email, id, hash, now + Code::LIFE)?]).and(mail);
        match transaction.commit(self.accounts.db()).await {
            // It was not there, or was proved or forgotten meanwhile.
            Err(error) if error.refused(Guard::SignUp).is_some() => Ok(()),
            result => Ok(result?),
        }
    }

    fn code_write(
        &self,
        email: &EmailAddress,
        language: Language,
        code: &Code,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        self.mail_write(
            None,
            email,
            MailKind::VerifyEmail,
            letters::verify_email(language, code),
            now + Code::LIFE,
        )
    }

    fn mail_write(
        &self,
        account: Option<Id<ids::Account>>,
        to: &EmailAddress,
        kind: MailKind,
        letter: Letter,
        not_after: Timestamp,
    ) -> Result<Write, StoreError> {
        self.outbox.mail_write(&Mail {
            id: self.ids.next(),
            account,
            kind,
            to: to.clone(),
            letter,
            not_after,
        })
    }
}

/// What proving an address needs.
#[derive(Clone, Debug)]
pub struct Proofs {
    /// Where sign-ups wait and accounts are.
    pub accounts: Accounts,
    /// Where the bonus is entered.
    pub ledgers: Ledgers,
    /// Where it is remembered that an address has had its bonus.
    pub limits: Limits,
    /// Where the first session is kept.
    pub sessions: Sessions,
    /// Makes ids.
    pub ids: Ids,
    /// Hashes codes and addresses.
    pub hash_key: HashKey,
}

/// An account that has just been made.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The account.
    pub profile: Profile,
    /// Its first session.
    pub session: Session,
    /// What it begins with.
    pub balance: Balance,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The code is wrong, used up, or of no sign-up that waits. Which of these is nobody's business.
    #[error("the code is wrong or no longer good")]
    WrongCode,
    /// It is the code that was mailed, and its time is over.
    #[error("the code has expired")]
    CodeExpired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Proofs {
    /// Makes the account if `code` is the present code of the sign-up `id`.
    ///
    /// # Errors
    /// See [`ProofError`].
    pub async fn prove(
        &self,
        email: &EmailAddress,
        id: Id<ids::SignUp>,
        code: &Code,
        device: Option<DeviceName>,
        now: Timestamp,
    ) -> Result<Proved, ProofError> {
        let waiting = self
            .accounts
            .try_code(email, id, now)
            .await?
            .ok_or(ProofError::WrongCode)?;
        let right = code_hash(&self.hash_key, id, code).is_hex(&waiting.code_hash);
        if !right {
            return Err(ProofError::WrongCode);
        }
        if now >= waiting.code_expires_at {
            // Told only to whoever has the code and so has read the mail.
            return Err(ProofError::CodeExpired);
        }
        let rivals = self.accounts.rival_sign_ups(email).await?;
        self.make_account(waiting.sign_up, &rivals, device, now).await
    }

    async fn make_account(
        &self,
        sign_up: PendingSignUp,
        rivals: &[Id<ids::SignUp>],
        device: Option<DeviceName>,
        now: Timestamp,
    ) -> Result<Proved, ProofError> {
        let profile = Profile {
            id: self.ids.next(),
            email: sign_up.email,
            name: sign_up.name,
            password_hash: sign_up.password_hash,
            ledger: self.ids.next(),
            created_at: now,
            consent: sign_up.consent,
            sessions_begun: 1,
            status: Status::Active,
            deletion: None,
        };
        let session =
            Session::begun(self.ids.next(), profile.id, device).having_accepted(&profile.consent.policy_version);
        let mut bonus = true;
        for _ in 0..ROUNDS {
            let (balance, bonus_writes) = if bonus {
                self.bonus(&profile, now)?
            } else {
                (Balance::default(), Vec::new())
            };
            let forgotten: Vec<Write> = rivals
                .iter()
                .filter(|rival| **rival != sign_up.id)
                .map(|rival| self.accounts.forget_sign_up_write(&profile.email, *rival))
                .collect::<Result<_, _>>()?;
            let transaction = Transaction::of(self.accounts.account_writes(&profile, sign_up.id)?)
                .and(self.sessions.begin_write(&session)?)
                .and_all(bonus_writes)
                .and_all(forgotten);
            match transaction.commit(self.accounts.db()).await {
                Ok(()) => {
                    return Ok(Proved {
                        profile,
                        session,
                        balance,
                    });
                }
                Err(error) if error.refused(Guard::Address).is_some() || error.refused(Guard::SignUp).is_some() => {
                    return Err(ProofError::WrongCode);
                }
                Err(error) if error.refused(Guard::Bonus).is_some() => bonus = false,
                Err(error) => return Err(StoreError::from(error).into()),
            }
        }
        Err(StoreError::Contended.into())
    }

    fn bonus(&self, profile: &Profile, now: Timestamp) -> Result<(Balance, Vec<Write>), ProofError> {
        let posting = Posting::Bonus {
            credits: Credits::SIGN_UP_BONUS,
        };
        let (balance, mut writes) = match self.ledgers.post(profile.ledger, &Balance::default(), &[posting], now) {
            Ok(posted) => posted,
            Err(PostError::Store(store)) => return Err(store.into()),
            Err(PostError::Refused(_)) => return Err(StoreError::Contended.into()),
        };
        let address_hash = self
            .hash_key
            .hash("bonus", profile.email.normalised().as_bytes())
            .to_hex();
        writes.push(self.limits.bonus_write(&address_hash, now)?);
        Ok((balance, writes))
    }
}

/// The hash binds a code to its sign-up, so a code of one is worth nothing for another.
fn code_hash(key: &HashKey, id: Id<ids::SignUp>, code: &Code) -> KeyedHash {
    key.hash("code", format!("{id}:{}", code.as_str()).as_bytes())
}
