//! People who order and delete, by the flows that the routes use, in one step and whatever the weather.

use anyhow::{Context, Result, anyhow};
use jiff::SignedDuration;
use shared::domain::account::{Consent, PasswordHash, PendingSignUp, Status};
use shared::domain::ledger::{Balance, Posting};
use shared::domain::mail::{Letter, Mail, MailKind};
use shared::domain::{Credits, Fallback, Fen, Image, Profile, Prompt, Ratio};
use shared::flows::ordering::Ordering;
use shared::flows::painting::{self, Deletion};
use shared::ids::{self, Id};
use shared::store::idempotency::Use;
use shared::store::images::ImageKey;
use shared::store::{Accounts, Idempotency, Images, Ledgers, Limits, Outbox, Transaction};

use super::{Lab, Office};

/// Somebody with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seller {
    /// The account.
    pub account: Id<ids::Account>,
    /// Its ledger.
    pub ledger: Id<ids::Ledger>,
}

impl Lab {
    /// A new seller who has `credits`. Nobody signs up and nothing is hashed: the account is written as if they had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seller(&self, credits: u32) -> Result<Seller> {
        let (accounts, ledgers) = (self.office.accounts()?, self.office.ledgers()?);
        let (ids, now) = (&self.office.platform.ids, self.now());
        let (account, ledger) = (ids.next(), ids.next());
        let profile = Profile {
            id: account,
            email: format!("{account}@example.com").parse()?,
            name: None,
            password_hash: PasswordHash::from_bcrypt("nobody signs in here".to_owned()),
            ledger,
            created_at: now,
            consent: Consent {
                policy_version: "1".to_owned(),
                accepted_at: now,
            },
            sessions_begun: 0,
            status: Status::Active,
            deletion: None,
        };
        let sign_up = PendingSignUp {
            id: ids.next(),
            email: profile.email.clone(),
            name: None,
            password_hash: profile.password_hash.clone(),
            consent: profile.consent.clone(),
        };
        let waiting = accounts.sign_up_write(&sign_up, "no code".to_owned(), now)?;
        Transaction::of([waiting]).commit(accounts.db()).await?;
        let bonus = Posting::Bonus {
            credits: Credits(credits.into()),
        };
        let (_, entries) = ledgers.post(ledger, &Balance::default(), &[bonus], now)?;
        Transaction::of(accounts.account_writes(&profile, sign_up.id)?)
            .and_all(entries)
            .commit(accounts.db())
            .await?;
        Ok(Seller { account, ledger })
    }

    /// Orders a picture as `images-create` does.
    ///
    /// # Errors
    /// When the order is not taken.
    pub async fn order(&self, seller: &Seller, prompt: &str, ratio: Ratio, fallback: Fallback) -> Result<ImageKey> {
        let ordering = Ordering {
            accounts: self.office.accounts()?,
            idempotency: Idempotency::new(&self.office.platform.db(), &self.office.vars)?,
            images: self.office.images()?,
            ledgers: self.office.ledgers()?,
        };
        let prompt: Prompt = prompt.parse().map_err(|error| anyhow!("{error}"))?;
        let image = Image::ordered(self.office.platform.ids.next(), seller.account, prompt, ratio, fallback);
        let name = image.id.to_string();
        let (used, now) = (
            Use::new(seller.account, "images-create", &name, name.clone()),
            self.now(),
        );
        let known = ordering.look(seller.account, &used, now).await?;
        let images = [image];
        let written = |_: &Balance| "{}".to_owned();
        ordering
            .take(known, seller.account, &images, &used, now, written)
            .await?;
        Ok(ImageKey::from(&images[0]))
    }

    /// Writes a notice to the seller, as a change of password does; there are two hours to send it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mail(&self, seller: &Seller) -> Result<Id<ids::Mail>> {
        let outbox = self.office.outbox()?;
        let mail = Mail {
            id: self.office.platform.ids.next(),
            account: Some(seller.account),
            kind: MailKind::PasswordChanged,
            to: format!("{}@example.com", seller.account).parse()?,
            letter: Letter {
                subject: "Your password was changed".to_owned(),
                text: "It was changed just now.".to_owned(),
                html: "<p>It was changed just now.</p>".to_owned(),
            },
            not_after: self.now() + SignedDuration::from_hours(2),
        };
        Transaction::of([outbox.mail_write(&mail)?]).commit(outbox.db()).await?;
        Ok(mail.id)
    }

    /// Deletes a picture as `images-delete` does.
    ///
    /// # Errors
    /// When there is no such picture or it cannot be deleted now.
    pub async fn delete(&self, key: ImageKey) -> Result<Deletion> {
        let image = self.image(key).await?.context("there is no such picture")?;
        let (images, accounts) = (self.office.images()?, self.office.accounts()?);
        let deleted = painting::delete(image, &images, &accounts, self.now()).await?;
        deleted.context("it was gone a moment before")
    }

    /// Deletes a picture for an owner who read it before whatever has happened since.
    ///
    /// # Errors
    /// When it cannot be deleted now.
    pub async fn delete_as_read(&self, image: Image) -> Result<Option<Deletion>> {
        let (images, accounts) = (self.office.images()?, self.office.accounts()?);
        Ok(painting::delete(image, &images, &accounts, self.now()).await?)
    }

    /// Removes everything that an account has in the tables, as its erasure does: its pictures and its profile. The ledger
    /// stays, and is nobody's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(&self, seller: &Seller) -> Result<()> {
        let account = seller.account.to_string();
        for (table, keys) in [("images", ["account_id", "id"]), ("accounts", ["pk", "sk"])] {
            for item in self.items(table)? {
                if item[keys[0]]["S"].as_str().is_some_and(|key| key.contains(&account)) {
                    self.remove(table, &item, keys)?;
                }
            }
        }
        Ok(())
    }

    /// Spends the whole of today's budget for painting on something else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spend_everything(&self) -> Result<()> {
        let limits = Limits::new(&self.office.platform.db(), &self.office.vars)?;
        let most = shared::flows::budget::ceiling(&self.office.vars)?;
        while limits.spend(Fen(1), most, self.now()).await? {
            let left = Fen(10_000);
            limits.spend(left, most, self.now()).await?;
        }
        Ok(())
    }

    /// The picture as it stands, if it is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn image(&self, key: ImageKey) -> Result<Option<Image>> {
        Ok(self.office.images()?.find(key, self.now()).await?)
    }
}

impl Office {
    pub(super) fn accounts(&self) -> Result<Accounts> {
        Ok(Accounts::new(&self.platform.db(), &self.vars)?)
    }

    pub(super) fn images(&self) -> Result<Images> {
        Ok(Images::new(&self.platform.db(), &self.vars)?)
    }

    pub(super) fn outbox(&self) -> Result<Outbox> {
        Ok(Outbox::new(&self.platform.db(), &self.vars)?)
    }

    pub(super) fn ledgers(&self) -> Result<Ledgers> {
        Ok(Ledgers::new(&self.platform.db(), &self.vars)?)
    }
}
