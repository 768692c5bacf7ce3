//! Reports of pictures: looked at by a person, and closed with what came of it.

use std::fmt;

use jiff::Timestamp;
use shared::domain::account::Status;
use shared::domain::mail::{Mail, MailKind};
use shared::domain::report::Reported;
use shared::domain::{Image, Report};
use shared::flows::{letters, mailing};
use shared::ids::{ImageId, ReportId};
use shared::store::acts::Act;
use shared::store::{Guard, StoreError, Transaction, Write};

use crate::accounts::fit_reason;
use crate::{Ops, OpsError};

/// The most reports that a list shows.
const MOST: i32 = 500;

/// How often a picture is looked at anew that changes meanwhile.
const ROUNDS: usize = 5;

/// The reports that nobody has closed, the oldest first.
#[derive(Debug, Clone)]
pub struct Open {
    reports: Vec<(Report, Option<Image>)>,
    now: Timestamp,
}

/// What becomes of a picture that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Stays,
    /// It goes, as if its owner had deleted it, and the owner is told why.
    Removed,
}

/// What removes a picture.
struct Removal {
    image: ImageId,
    gone: Write,
    /// The mail to its owner, if there is one to tell.
    mail: Option<Write>,
}

impl Verdict {
    /// The command, as the audit has it.
    fn command(self) -> &'static str {
        match self {
            Self::Stays => "reports close",
            Self::Removed => "reports close --remove",
        }
    }

    /// What became of the picture, for the operator.
    fn told(self, removal: Option<&Removal>) -> String {
        match (self, removal) {
            (Self::Stays, _) => "the picture stays".to_owned(),
            (
                Self::Removed,
                Some(Removal {
                    image, mail: Some(_), ..
                }),
            ) => format!("{image} goes, and its owner is told"),
            (Self::Removed, Some(Removal { image, mail: None, .. })) => {
                format!("{image} goes, and nobody is told: its owner is being erased")
            }
            (Self::Removed, None) => "the picture was gone already".to_owned(),
        }
    }
}

impl Ops {
    /// The reports that nobody has closed, and the pictures they mean.
    ///
    /// # Errors
    /// When a table cannot be asked.
    pub async fn open_reports(&self) -> Result<Open, OpsError> {
        self.looked("reports list").await?;
        let now = self.clock.now();
        let open = async {
            let mut reports = Vec::new();
            for report in self.reports.waiting(MOST, now).await? {
                let image = self.reported(&report.picture).await?;
                reports.push((report, image));
            }
            Ok(reports)
        };
        let reports = open.await.map_err(|error| self.explained(error))?;
        Ok(Open { reports, now })
    }

    /// Closes a report. What was written in it is erased with it; the act stays. A picture that is removed goes in the same
    /// transaction, and so does the mail to its owner.
    ///
    /// # Errors
    /// When it is closed already, the reason is none, or a table cannot be asked.
    pub async fn close_report(&self, id: ReportId, verdict: Verdict, reason: &str) -> Result<String, OpsError> {
        let reason = fit_reason(reason)?;
        for _ in 0..ROUNDS {
            if let Some(told) = self.try_to_close(id, verdict, &reason).await? {
                return Ok(told);
            }
        }
        Err(StoreError::Contended.into())
    }

    /// Closes it, if its picture does not change meanwhile.
    async fn try_to_close(&self, id: ReportId, verdict: Verdict, reason: &str) -> Result<Option<String>, OpsError> {
        let now = self.clock.now();
        let found = self.reports.find(id, now).await;
        let found = found.map_err(|error| self.explained(error))?;
        let report = found.ok_or_else(|| OpsError::Absent(format!("there is no open report {id}")))?;
        let act = Act {
            id: self.ids.next(),
            what: verdict.command().to_owned(),
            reason: format!("{id}: {reason}"),
            credits: None,
            amount: None,
            at: now,
        };
        let removal = match verdict {
            Verdict::Stays => None,
            Verdict::Removed => {
                let removal = self.removal(&report.picture, reason, now).await;
                removal.map_err(|error| self.explained(error))?
            }
        };
        let told = verdict.told(removal.as_ref());
        let mut transaction = Transaction::of([self.reports.closing_write(id)?, self.acts.act_write(&act)?]);
        if let Some(Removal { gone, mail, .. }) = removal {
            transaction = transaction.and(gone).and_all(mail);
        }
        match transaction.commit(self.reports.db()).await {
            Ok(()) => Ok(Some(format!("{id} is closed; {told} ({})", act.id))),
            // It has ended, or its owner has deleted it meanwhile.
            Err(error) if error.refused(Guard::Image).is_some() => Ok(None),
            Err(error) if error.refused(Guard::Report).is_some() => {
                Err(OpsError::Unfit(format!("somebody else has closed {id} meanwhile")))
            }
            Err(error) => Err(self.explained(StoreError::from(error))),
        }
    }

    /// What removes the picture that is meant, if it is there, and tells its owner.
    async fn removal(&self, picture: &Reported, reason: &str, now: Timestamp) -> Result<Option<Removal>, StoreError> {
        let Some(image) = self.reported(picture).await? else {
            return Ok(None);
        };
        let gone = if image.state.is_final() {
            self.images.erasure_write(&image)?
        } else {
            self.images.deletion_mark_write(&image)?
        };
        // Whoever is being erased gets no mail any more: it would outlive the account.
        let owner = self.accounts.profile(image.account).await?;
        let owner = owner.filter(|owner| owner.status != Status::Erasing);
        let mail = owner.map(|owner| {
            self.outbox.mail_write(&Mail {
                id: self.ids.next(),
                account: Some(image.account),
                kind: MailKind::PictureRemoved,
                to: owner.email,
                letter: letters::picture_removed(&image.id.to_string(), reason),
                not_after: now + mailing::PATIENCE,
            })
        });
        Ok(Some(Removal {
            image: image.id,
            gone,
            mail: mail.transpose()?,
        }))
    }

    /// The picture that is meant, if it is there.
    async fn reported(&self, picture: &Reported) -> Result<Option<Image>, StoreError> {
        match picture {
            Reported::Image(id) => self.find(*id, None).await,
            Reported::Object(key) => match self.images.named_by(key).await? {
                Some(image) => self.images.as_it_stands(image).await,
                None => Ok(None),
            },
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reports.is_empty() {
            return f.write_str("No report is open");
        }
        for (report, image) in &self.reports {
            let hours = self.now.duration_since(report.made_at()).as_hours();
            writeln!(f, "{}  {}  {hours} h ago", report.id, report.reason.as_str())?;
            match image {
                Some(image) => writeln!(f, "  picture  {} of {}", image.id, image.account)?,
                None => writeln!(f, "  picture  {} (not there, or gone)", report.picture)?,
            }
            if let Some(message) = &report.message {
                writeln!(f, "  message  {}", message.as_str().replace('\n', "\n           "))?;
            }
        }
        Ok(())
    }
}
