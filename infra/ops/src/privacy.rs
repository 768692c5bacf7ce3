//! Requests about somebody's data that a person has to answer.

use std::fmt;

use jiff::Timestamp;
use shared::domain::PrivacyRequest;
use shared::domain::mail::{Mail, MailKind};
use shared::domain::privacy_request::Stand;
use shared::flows::{letters, mailing};
use shared::ids::{Id, PrivacyRequestId};
use shared::store::acts::Act;
use shared::store::{Guard, StoreError, Transaction};

use crate::table::Table;
use crate::{Ops, OpsError};

/// The most requests that a list shows.
const MOST: i32 = 500;

/// The longest answer.
const LONGEST: usize = 4_000;

/// The requests that wait for a person, those first that are due first.
#[derive(Debug, Clone)]
pub struct Waiting {
    requests: Vec<PrivacyRequest>,
    now: Timestamp,
}

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was done; this is what the person is told.
    Done(String),
    /// It is refused; this is why, and the person is told so.
    Refused(String),
}

impl Ops {
    /// The requests that wait for a person.
    ///
    /// # Errors
    /// When the table cannot be asked.
    pub async fn privacy_requests(&self) -> Result<Waiting, OpsError> {
        let requests = self
            .requests
            .waiting(MOST)
            .await
            .map_err(|error| self.explained(error))?;
        Ok(Waiting {
            requests,
            now: self.clock.now(),
        })
    }

    /// One request with what the person wrote, as text to read.
    ///
    /// # Errors
    /// When there is none, or the table cannot be asked.
    pub async fn privacy_request(&self, id: PrivacyRequestId) -> Result<String, OpsError> {
        self.looked("privacy show").await?;
        let request = self.request_of(id).await?;
        let mut table = Table::default();
        table.heading(&request.id.to_string());
        table.fact("kind", request.wanted.as_str());
        table.fact("state", request.stand.as_str());
        table.fact("made", request.made_at());
        table.fact("due", request.due_at());
        for (name, fact) in [
            ("account", request.account.map(|account| account.to_string())),
            ("address", request.email.as_ref().map(|email| email.as_str().to_owned())),
            ("confirmed", request.confirmed_at.map(|at| at.to_string())),
            ("answered", request.answered_at.map(|at| at.to_string())),
            ("reason", request.reason.clone()),
            (
                "message",
                request.message.as_ref().map(|message| message.as_str().to_owned()),
            ),
        ] {
            if let Some(fact) = fact {
                table.fact(name, fact);
            }
        }
        Ok(table.text())
    }

    /// Answers a request that waits, and mails the answer; the act is written down beside it. What the person wrote is erased then.
    ///
    /// # Errors
    /// When it does not wait (any more), the text is none, or a table cannot be asked.
    pub async fn answer_privacy_request(&self, id: PrivacyRequestId, reply: Reply) -> Result<String, OpsError> {
        let request = self.request_of(id).await?;
        let (Some(email), true) = (&request.email, request.waits()) else {
            return Err(OpsError::Unfit(format!(
                "{id} does not wait for an answer: it is {}",
                request.stand.as_str()
            )));
        };
        let (what, stand, text) = match &reply {
            Reply::Done(text) => ("privacy answer", Stand::Done, text),
            Reply::Refused(text) => ("privacy refuse", Stand::Refused, text),
        };
        let text = text.trim();
        if !(1..=LONGEST).contains(&text.chars().count()) {
            return Err(OpsError::Unfit(format!(
                "the answer must have 1 to {LONGEST} characters"
            )));
        }
        let now = self.clock.now();
        let answered = PrivacyRequest {
            stand,
            reason: matches!(reply, Reply::Refused(_)).then(|| text.to_owned()),
            message: None,
            answered_at: Some(now),
            ..request.clone()
        };
        let mail = Mail {
            id: self.ids.next(),
            account: request.account,
            kind: MailKind::PrivacyAnswer,
            to: email.clone(),
            letter: letters::privacy_answer(&id.to_string(), text),
            not_after: now + mailing::PATIENCE,
        };
        let act = Act {
            id: self.ids.next(),
            what: what.to_owned(),
            reason: id.to_string(),
            credits: None,
            amount: None,
            at: now,
        };
        let transaction = Transaction::of([
            self.requests.moved_write(&request, &answered)?,
            self.outbox.mail_write(&mail)?,
            self.acts.act_write(&act)?,
        ]);
        match transaction.commit(self.requests.db()).await {
            Ok(()) => Ok(format!(
                "{id} is {}; the answer is on its way ({})",
                stand.as_str(),
                act.id
            )),
            Err(error) if error.refused(Guard::Request).is_some() => {
                Err(OpsError::Unfit(format!("somebody else has answered {id} meanwhile")))
            }
            Err(error) => Err(self.explained(StoreError::from(error))),
        }
    }

    async fn request_of(&self, id: Id<shared::ids::PrivacyRequest>) -> Result<PrivacyRequest, OpsError> {
        let found = self.requests.find(id, self.clock.now()).await;
        let found = found.map_err(|error| self.explained(error))?;
        found.ok_or_else(|| OpsError::Absent(format!("there is no request {id}")))
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.requests.is_empty() {
            return f.write_str("No request waits for an answer");
        }
        writeln!(f, "days left  kind        request")?;
        for request in &self.requests {
            let left = request.due_at().duration_since(self.now).as_hours().div_euclid(24);
            writeln!(f, "{left:>9}  {:<10}  {}", request.wanted.as_str(), request.id)?;
        }
        Ok(())
    }
}
