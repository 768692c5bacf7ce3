//! People and things for the tests to be about.

use jiff::SignedDuration;
use shared::Id;
use shared::domain::account::{Consent, PasswordHash, PendingSignUp, Status};
use shared::domain::ledger::Posting;
use shared::domain::mail::{Letter, Mail, MailKind};
use shared::domain::{Credits, EmailAddress, Fallback, Image, Profile, Ratio};
use shared::ids;
use shared::store::images::Claim;

use crate::world::World;

/// For how long a worker takes a picture.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(330);

/// An address.
pub(crate) fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

pub(crate) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_bcrypt(text.to_owned())
}

impl World {
    pub(crate) fn consent(&self, version: &str) -> Consent {
        Consent {
            policy_version: version.to_owned(),
            accepted_at: self.now(),
        }
    }

    /// A sign-up that is not kept yet.
    pub(crate) fn sign_up(&self, email: &str) -> PendingSignUp {
        PendingSignUp {
            id: self.ids.next(),
            email: address(email),
            name: Some("Mei".parse().unwrap()),
            password_hash: hash("$2b$12$first"),
            consent: self.consent("1"),
        }
    }

    /// A sign-up that waits for its code.
    pub(crate) async fn waiting_sign_up(&self, email: &str) -> PendingSignUp {
        let sign_up = self.sign_up(email);
        let ends = self.now() + SignedDuration::from_mins(15);
        let write = self.accounts().sign_up_write(&sign_up, "the code".to_owned(), ends);
        assert_eq!(self.commit([write.unwrap()]).await, []);
        sign_up
    }

    /// The account that a sign-up would become.
    pub(crate) fn profile(&self, sign_up: &PendingSignUp) -> Profile {
        Profile {
            id: self.ids.next(),
            email: sign_up.email.clone(),
            name: sign_up.name.clone(),
            password_hash: sign_up.password_hash.clone(),
            ledger: self.ids.next(),
            created_at: self.now(),
            consent: sign_up.consent.clone(),
            sessions_begun: 0,
            status: Status::Active,
            deletion: None,
        }
    }

    /// An account.
    pub(crate) async fn account(&self, email: &str) -> Profile {
        let sign_up = self.waiting_sign_up(email).await;
        let profile = self.profile(&sign_up);
        let writes = self.accounts().account_writes(&profile, sign_up.id).unwrap();
        assert_eq!(self.commit(writes).await, []);
        profile
    }

    /// An account with so many credits.
    pub(crate) async fn seller(&self, email: &str, credits: i64) -> Profile {
        let profile = self.account(email).await;
        let bonus = Posting::Bonus {
            credits: Credits(credits),
        };
        self.post(profile.ledger, &[bonus]).await;
        profile
    }

    /// Enters these postings, which must go through.
    pub(crate) async fn post(&self, ledger: Id<ids::Ledger>, postings: &[Posting]) {
        let before = self.ledgers().balance(ledger).await.unwrap();
        let (_, writes) = self.ledgers().post(ledger, &before, postings, self.now()).unwrap();
        assert_eq!(self.commit(writes).await, []);
    }

    /// An order that is not kept yet.
    pub(crate) fn order(&self, account: Id<ids::Account>) -> Image {
        let prompt = "walnut desk lamp, morning light".parse().unwrap();
        Image::ordered(self.ids.next(), account, prompt, Ratio::Square, Fallback::default())
    }

    /// A picture that waits to be painted, without a hold.
    pub(crate) async fn ordered(&self, account: Id<ids::Account>) -> Image {
        let image = self.order(account);
        assert_eq!(self.commit([self.images().order_write(&image).unwrap()]).await, []);
        image
    }

    /// A picture that waits, taken by a worker.
    pub(crate) async fn take(&self, image: &Image) -> Image {
        let claim = self.images().claim(image.into(), LEASE, self.now()).await.unwrap();
        let Claim::Paint(taken) = claim else {
            panic!("a new picture is free: {claim:?}")
        };
        taken
    }

    /// A mail that waits to be sent.
    pub(crate) async fn mail(&self) -> Mail {
        let mail = Mail {
            account: None,
            id: self.ids.next(),
            kind: MailKind::VerifyEmail,
            to: address("mei@example.com"),
            letter: Letter {
                subject: "Your code".to_owned(),
                text: "123456".to_owned(),
                html: "<p>123456</p>".to_owned(),
            },
            not_after: self.now() + SignedDuration::from_mins(15),
        };
        assert_eq!(self.commit([self.outbox().mail_write(&mail).unwrap()]).await, []);
        mail
    }
}
