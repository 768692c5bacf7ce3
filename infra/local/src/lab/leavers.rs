//! People who leave and come back, by the flows that the routes use.

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use shared::domain::deletion::Statement;
use shared::domain::privacy_request::Wanted;
use shared::domain::{Code, EmailAddress, Language};
use shared::flows::leaving::{LeaveError, Leaving, ReturnError, Returning};
use shared::flows::privacy_requests::{Asking, ConfirmError, Confirming};
use shared::ids::PrivacyRequestId;
use shared::store::{Accounts, Outbox, Privacy};
use shared::wakings::Wakings;

use super::{Lab, Seller};

impl Lab {
    /// Closes the seller's account as `accounts-delete` does, paid credits or not. Dropping the future kills it.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub async fn leaving(&self, seller: &Seller) -> Result<BoxFuture<'static, Result<(), LeaveError>>> {
        let function = self.function("accounts-delete")?;
        let vars = self.host.vars(function);
        let leaving = Leaving::configured(&vars, &self.host.platform(function, &vars).await?)?;
        let (account, now) = (seller.account, self.now());
        Ok(async move {
            let profile = leaving.accounts.profile(account).await?.ok_or(LeaveError::Inactive)?;
            leaving.leave(profile, true, Language::En, now).await.map(drop)
        }
        .boxed())
    }

    /// Opens the seller's account again as `accounts-restore` does. Dropping the future kills it.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub async fn returning(&self, seller: &Seller) -> Result<BoxFuture<'static, Result<(), ReturnError>>> {
        let function = self.function("accounts-restore")?;
        let vars = self.host.vars(function);
        let platform = self.host.platform(function, &vars).await?;
        let db = platform.db();
        let returning = Returning {
            accounts: Accounts::new(&db, &vars)?,
            outbox: Outbox::new(&db, &vars)?,
            privacy: Privacy::new(&db, &vars)?,
            wakings: Wakings::configured(&vars, &platform)?,
            ids: platform.ids.clone(),
        };
        let (account, now) = (seller.account, self.now());
        Ok(async move {
            let profile = returning.accounts.profile(account).await?;
            let profile = profile.ok_or(ReturnError::NotWaiting)?;
            returning.restore(&profile, Language::En, now).await
        }
        .boxed())
    }

    /// Asks about the seller's data as `privacy-requests-create` does, and lets the code be mailed: the request and the code.
    ///
    /// # Errors
    /// When the template has a mistake, or an engine fails.
    pub async fn asking(&self, seller: &Seller, wanted: Wanted) -> Result<(PrivacyRequestId, Code)> {
        let function = self.function("privacy-requests-create")?;
        let vars = self.host.vars(function);
        let asking = Asking::configured(&vars, &self.host.platform(function, &vars).await?)?;
        let email: EmailAddress = format!("{}@example.com", seller.account).parse()?;
        let id = asking.ask(&email, wanted, None, Language::En, self.now()).await?;
        self.drain().await?;
        let mails = self.simulators.mails(Some(email.as_str()));
        let code = mails
            .into_iter()
            .find_map(|mail| mail.code)
            .context("no code was mailed")?;
        Ok((id, code.parse()?))
    }

    /// Confirms a request as `privacy-requests-confirm` does. Dropping the future kills it.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub async fn confirming(
        &self,
        id: PrivacyRequestId,
        code: Code,
    ) -> Result<BoxFuture<'static, Result<(), ConfirmError>>> {
        let function = self.function("privacy-requests-confirm")?;
        let vars = self.host.vars(function);
        let confirming = Confirming::configured(&vars, &self.host.platform(function, &vars).await?)?;
        let now = self.now();
        Ok(async move { confirming.confirm(id, &code, Language::En, now).await.map(drop) }.boxed())
    }

    /// The state of the seller's account, in the table's own word; `None` when there is no profile.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn standing(&self, seller: &Seller) -> Result<Option<String>> {
        let profile = self.items("accounts")?.into_iter().find(|item| {
            item["sk"]["S"] == "profile" && item["pk"]["S"].as_str() == Some(seller.account.to_string().as_str())
        });
        Ok(profile.and_then(|profile| profile["status"]["S"].as_str().map(str::to_owned)))
    }

    /// The statements of all erasures that came to their end. The signature is not looked at.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn statements(&self) -> Result<Vec<Statement>> {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let signed = self.items("privacy")?;
        let signed = signed.iter().filter_map(|item| item["statement"]["S"].as_str());
        signed
            .map(|text| {
                let payload = text.split('.').nth(1).context("a statement is no JWS")?;
                Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
            })
            .collect()
    }
}
