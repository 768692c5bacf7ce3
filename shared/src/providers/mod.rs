//! The companies that write, paint and send for us, each behind a trait that speaks our words and not theirs.
//!
//! The errors say what can be done about a failure. Their texts never repeat what a company wrote back: its messages quote
//! what people gave us.

pub mod dashscope;
pub mod deepseek;
mod money;
pub mod paypal;
pub mod resend;
pub mod resend_webhook;
mod results;
pub mod seedream;
pub mod template;
mod words;

use std::time::Duration;

use futures::future::BoxFuture;
use http::HeaderMap;
use url::Url;

use crate::domain::image::{Provider, Refusal, TaskId};
use crate::domain::mail::Mail;
use crate::domain::{Description, PixelSize, Prompt, PromptCount, Ratio};
use crate::outbound::OutboundError;
use crate::pictures::{InvalidPicture, Picture};

/// Writes the prompts a picture can be painted from.
pub trait PromptWriter: std::fmt::Debug + Send + Sync {
    /// Exactly `count` different prompts for `description`, in its language, `within` the given time as a whole.
    ///
    /// # Errors
    /// When they cannot be had; [`template::write`] stands in for a writer that is not there.
    fn write<'a>(
        &'a self,
        description: &'a Description,
        count: PromptCount,
        within: Duration,
    ) -> BoxFuture<'a, Result<Written, PromptError>>;
}

/// Prompts, and who wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// As many as were asked for, no two the same.
    pub prompts: Vec<Prompt>,
    /// Who wrote them.
    pub source: WrittenBy,
}

/// Who wrote a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenBy {
    /// A model, by its own name for itself.
    Model(String),
    /// Our own sentences around the description, because no model could be had.
    Template,
}

/// Why there are no prompts.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Moderation refused the description. An answer, not an outage: nobody else is asked.
    #[error("the description was refused")]
    Refused,
    /// Too much is being asked of the writer.
    #[error("the writer is busy")]
    Busy {
        /// How long it wants to be left alone, if it said so.
        after: Option<Duration>,
    },
    /// The writer did not do its work.
    #[error("the writer is unavailable ({reason})")]
    Unavailable {
        /// Whether nobody but the operator can mend it: a wrong key, no balance, an unknown model.
        alarm: bool,
        /// What is wrong, in a word or two.
        reason: String,
        /// Why no answer came, if none came.
        #[source]
        cause: Option<OutboundError>,
    },
}

/// Paints pictures for money.
pub trait ImageModel: std::fmt::Debug + Send + Sync {
    /// Whose model it is.
    fn provider(&self) -> Provider;

    /// Asks for one picture, once. Never repeated in here: whether to ask again is a question of money.
    ///
    /// # Errors
    /// See [`PaintError`].
    fn paint<'a>(&'a self, prompt: &'a Prompt, ratio: Ratio) -> BoxFuture<'a, Result<Work, PaintError>>;

    /// Looks how far a task is that was accepted. Free, and may be repeated.
    ///
    /// # Errors
    /// See [`FollowError`].
    fn follow<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<Progress, FollowError>>;

    /// Asks for something that the model must refuse before it works, which costs nothing: whether it could be asked.
    ///
    /// # Errors
    /// When it could not, as [`ImageModel::paint`] would say it.
    fn probe(&self) -> BoxFuture<'_, Result<(), PaintError>>;

    /// Fetches what was painted. Free, and may be repeated.
    ///
    /// # Errors
    /// See [`FetchError`].
    fn fetch<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Picture, FetchError>>;

    /// The pixels it is asked for when a picture shall have this shape.
    fn pixels(&self, ratio: Ratio) -> PixelSize;
}

/// What a model made of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// It has painted.
    Painted(Painted),
    /// It will paint, and may be asked under this name how far it is.
    Accepted(TaskId),
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Not at its end.
    Waiting,
    /// It has been painted.
    Painted(Painted),
}

/// Why a look at a task showed neither progress nor a picture.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Not this time; the task goes on.
    #[error("the task could not be looked at ({reason})")]
    Later {
        /// How long the company wants to be left alone, if it said so.
        after: Option<Duration>,
        /// What is wrong, in a word or two.
        reason: String,
        /// Why no answer came, if none came.
        #[source]
        cause: Option<OutboundError>,
    },
    /// The task has ended without a picture.
    #[error("the task has ended without a picture")]
    Ended(#[source] PaintError),
}

/// A picture that was painted and paid for, and waits to be fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct Painted {
    /// Where it waits, for a day. The address is its own permission: not for logs.
    pub url: Url,
    /// The model that drew it, by its own name for itself.
    pub model: String,
}

impl std::fmt::Debug for Painted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Painted({})", self.model)
    }
}

/// Why there is no picture, told apart by what became of the money.
#[derive(Debug, thiserror::Error)]
pub enum PaintError {
    /// Moderation refused. An answer, not an outage: no other model is asked, and nothing is paid.
    #[error("the {} was refused", match by { Refusal::Prompt => "prompt", Refusal::Picture => "picture" })]
    Refused {
        /// What was refused.
        by: Refusal,
    },
    /// It is certain that nothing was painted and nothing is paid.
    #[error("the model did not paint and did not charge ({reason})")]
    NotCharged {
        /// Whether asking again may help.
        retry: bool,
        /// Whether another model may be asked. Not when the fault is in what we ask.
        fail_over: bool,
        /// How long the model wants to be left alone, if it said so.
        after: Option<Duration>,
        /// Whether nobody but the operator can mend it.
        alarm: bool,
        /// What is wrong, in a word or two.
        reason: String,
        /// Why no answer came, if none came.
        #[source]
        cause: Option<OutboundError>,
    },
    /// The request left and no usable answer came: it may have been painted and paid for. Nobody is asked again.
    #[error("what became of the order is unknown ({reason})")]
    Unknown {
        /// What happened instead of an answer.
        reason: String,
        /// Why no answer came, if none came.
        #[source]
        cause: Option<OutboundError>,
    },
}

/// Why a painted picture could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The link is dead for good.
    #[error("the link to the picture is dead ({status})")]
    Gone {
        /// What the other side answered.
        status: u16,
    },
    /// Not this time; the link may still work.
    #[error("the picture could not be fetched ({reason})")]
    Retryable {
        /// What is wrong, in a word or two.
        reason: String,
        /// Why no answer came, if none came.
        #[source]
        cause: Option<OutboundError>,
    },
    /// What is there is nothing we may fetch, or no picture.
    #[error("the link leads to no picture ({reason})")]
    Invalid {
        /// What is wrong, in a word or two.
        reason: String,
        /// Why the address was refused or the answer was not read, if that is it.
        #[source]
        cause: Option<OutboundError>,
    },
}

impl From<InvalidPicture> for FetchError {
    fn from(error: InvalidPicture) -> Self {
        Self::Invalid {
            reason: error.to_string(),
            cause: None,
        }
    }
}

/// Sends mail.
pub trait Mailer: std::fmt::Debug + Send + Sync {
    /// Hands `mail` over. The same mail may be handed over again for a day without being sent twice.
    ///
    /// # Errors
    /// See [`MailError`].
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<Sent, MailError>>;
}

/// A mail that was taken over by the company that sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The company's name for it.
    pub reference: Option<String>,
}

/// Why a mail was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Not this time. Whatever became of the request, the same mail may be handed over again.
    #[error("the mail could not be handed over ({reason})")]
    Retry {
        /// How long to wait, if the other side said so.
        after: Option<Duration>,
        /// What is wrong, in a word or two.
        reason: String,
        /// Why no answer came, if none came.
        #[source]
        cause: Option<OutboundError>,
    },
    /// This mail will never be taken, such as for an address it cannot go to.
    #[error("the mail was rejected ({reason})")]
    Rejected {
        /// The company's word for it.
        reason: String,
    },
    /// The mail's key was used before with another body: an earlier try went out.
    #[error("the mail was sent before")]
    AlreadySent,
    /// No mail is taken until the operator has mended something: the key, the domain, the quota. It may be handed over
    /// again then.
    #[error("no mail is taken at all ({reason})")]
    Alarm {
        /// The company's word for it.
        reason: String,
        /// Why no request could be made, if that is it.
        #[source]
        cause: Option<OutboundError>,
    },
}

/// A company's word for an error as far as it may be repeated: a short name, never a sentence, which could quote people.
fn code(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        .take(80)
        .collect()
}

/// A header that is there once, as text.
fn sole_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (None | Some(_), _) => None,
    }
}
