//! Guessing has limits: a try is counted before it is looked at, and given back when it was right. So guesses that race each
//! other are all counted, and whoever is right never runs out.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::auth::{HashKey, source};
use crate::domain::EmailAddress;
use crate::domain::code::Purpose;
use crate::store::limits::{LimitError, Policy, Remaining};
use crate::store::{Limits, StoreError};
use crate::telemetry::chain;

/// How many wrong passwords an address bears, wherever they come from.
const WRONG_PASSWORDS: Policy = Policy {
    name: "sign-in",
    quota: 10,
    window: SignedDuration::from_mins(15),
};

/// How many wrong passwords may come from one source, whatever the addresses.
const WRONG_PASSWORDS_OF_SOURCE: Policy = Policy {
    name: "sign-in-source",
    quota: 50,
    window: SignedDuration::from_mins(15),
};

/// How many wrong codes an address bears for one purpose, over all codes that are mailed.
const WRONG_CODES: Policy = Policy {
    name: "wrong-codes",
    quota: 10,
    window: SignedDuration::from_hours(24),
};

/// How many codes may be asked for from one source, whatever the addresses.
const CODES_OF_SOURCE: Policy = Policy {
    name: "codes-source",
    quota: 60,
    window: SignedDuration::from_mins(30),
};

/// How many events that their company has not signed may come from one source.
const UNSIGNED_OF_SOURCE: Policy = Policy {
    name: "unsigned-source",
    quota: 60,
    window: SignedDuration::from_mins(5),
};

/// What counting tries needs.
#[derive(Clone, Debug)]
pub struct Tries {
    /// Where they are counted.
    pub limits: Limits,
    /// Hashes addresses and sources, so that neither is kept.
    pub hash_key: HashKey,
}

/// A try that was counted. What happens to it unless it is given back: it was a wrong one.
#[derive(Debug)]
pub struct Try {
    counted: Vec<(Remaining, String)>,
    at: Timestamp,
}

impl Try {
    /// What is left of each limit when this try was wrong.
    pub fn left_if_wrong(&self) -> impl Iterator<Item = Remaining> {
        self.counted.iter().map(|(left, _)| *left)
    }

    /// What is left of each limit when this try was right.
    pub fn left_if_right(&self) -> impl Iterator<Item = Remaining> {
        self.left_if_wrong().map(|left| Remaining {
            remaining: left.remaining.saturating_add(1),
            ..left
        })
    }
}

impl Tries {
    /// Counts a try of an address's password. Where it comes from is asked first, so that a source that guesses too much
    /// cannot use up an address's tries as well.
    ///
    /// # Errors
    /// When one of the limits is reached, which counts nothing; or when the store fails.
    pub async fn password(
        &self,
        email: &EmailAddress,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Try, LimitError> {
        let source = source::subject(&self.hash_key, from, now);
        let of_source = self.limits.take(WRONG_PASSWORDS_OF_SOURCE, &source, now).await?;
        let mut counted = Try {
            counted: vec![(of_source, source)],
            at: now,
        };
        let subject = self.of_address("sign-in", email);
        match self.limits.take(WRONG_PASSWORDS, &subject, now).await {
            Ok(left) => {
                counted.counted.insert(0, (left, subject));
                Ok(counted)
            }
            Err(error) => {
                self.give_back(&counted).await;
                Err(error)
            }
        }
    }

    /// Counts a try of a code that was mailed to an address.
    ///
    /// # Errors
    /// When the limit is reached, or the store fails.
    pub async fn code(&self, purpose: Purpose, email: &EmailAddress, now: Timestamp) -> Result<Try, LimitError> {
        let data = format!("{}:{}", purpose.as_str(), email.normalised());
        let subject = self.hash_key.hash("wrong-codes", data.as_bytes()).to_hex();
        let left = self.limits.take(WRONG_CODES, &subject, now).await?;
        Ok(Try {
            counted: vec![(left, subject)],
            at: now,
        })
    }

    /// Gives a try back that was right. Should that fail, one of the limits is reached a try earlier, and no more.
    pub async fn give_back(&self, right: &Try) {
        for (left, subject) in &right.counted {
            told(self.limits.give_back(left.policy, subject, right.at).await);
        }
    }

    /// Forgets the wrong passwords of an address whose owner has shown a code: nobody else's guesses keep the owner out.
    pub async fn forget_passwords(&self, email: &EmailAddress, now: Timestamp) {
        let subject = self.of_address("sign-in", email);
        told(self.limits.forget(WRONG_PASSWORDS, &subject, now).await);
    }

    fn of_address(&self, label: &'static str, email: &EmailAddress) -> String {
        self.hash_key.hash(label, email.normalised().as_bytes()).to_hex()
    }
}

/// Counts a code that is asked for from a source.
///
/// # Errors
/// When the limit is reached, or the store fails.
pub async fn code_wanted(
    limits: &Limits,
    key: &HashKey,
    from: Option<IpAddr>,
    now: Timestamp,
) -> Result<Remaining, LimitError> {
    let subject = source::subject(key, from, now);
    limits.take(CODES_OF_SOURCE, &subject, now).await
}

/// Counts an event that its company has not signed. It is refused in any case, so a store that fails changes nothing.
///
/// # Errors
/// When the limit is reached.
pub async fn unsigned(limits: &Limits, key: &HashKey, from: Option<IpAddr>, now: Timestamp) -> Result<(), LimitError> {
    let subject = source::subject(key, from, now);
    match limits.take(UNSIGNED_OF_SOURCE, &subject, now).await {
        Err(exceeded @ LimitError::Exceeded(_)) => Err(exceeded),
        Err(LimitError::Store(error)) => {
            told(Err(error));
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

fn told(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(
            error = chain(&error),
            "A try could not be counted, or stays counted until its window ends"
        );
    }
}
