//! A picture as its owner is shown it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use crate::domain::image::{BackupReason, CreditFate, Failure, LIFE, Refusal};
use crate::domain::{Fallback, Image, PixelSize, Prompt, Ratio, State};
use crate::ids::{self, Id};
use crate::objects::Link;

/// A picture: what was asked, how far it has come, what became of its credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Image)]
pub struct ImageView {
    id: ids::ImageId,
    state: StateView,
    /// What became of the credit it was ordered with.
    credit: CreditFate,
    /// The exact words that the model is given.
    prompt: Prompt,
    ratio: Ratio,
    fallback: Fallback,
    /// The model that drew it, by its provider's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Why the backup was asked, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_reason: Option<BackupReason>,
    /// The pixels that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<PixelSize>,
    /// The pixels that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<PixelSize>,
    /// Why there is no picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When the picture, its object and every link to it are erased.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Its owner has deleted it; it goes as soon as its outcome is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleting: bool,
    /// Where to download it, once it is ready; only `GET /v1/images/{id}` gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<Download>,
}

/// How far a picture has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ImageState)]
enum StateView {
    /// Waiting for a painter.
    Queued,
    /// Being painted.
    Painting,
    /// Ready to be downloaded.
    Ready,
    /// Refused by the model's moderation.
    Refused,
    /// Came to nothing.
    Failed,
}

/// Why there is no picture, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Reason {
    code: &'static str,
    detail: &'static str,
}

/// A link to the picture's bytes. It needs no token, so it is as good as the picture to whoever has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Download {
    url: String,
    /// When the link dies: within the hour, and never after the picture.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl ImageView {
    /// The picture, without a link to its bytes.
    #[must_use]
    pub fn new(image: &Image) -> Self {
        let (state, reason) = state_of(image.state);
        Self {
            id: image.id,
            state,
            credit: image.state.credit(),
            prompt: image.prompt.clone(),
            ratio: image.ratio,
            fallback: image.fallback,
            model: image.model.clone(),
            backup_reason: image.backup_because(),
            requested: image.requested,
            delivered: image.delivered,
            reason,
            created_at: image.ordered_at(),
            finished_at: image.finished_at,
            expires_at: image.expires_at(),
            deleting: image.delete_requested,
            download: None,
        }
    }

    /// With a link to its bytes.
    #[must_use]
    pub fn with_download(self, link: Link) -> Self {
        let Link { url, expires_at } = link;
        Self {
            download: Some(Download {
                url: url.into(),
                expires_at,
            }),
            ..self
        }
    }
}

fn state_of(state: State) -> (StateView, Option<Reason>) {
    let because = |code, detail| Some(Reason { code, detail });
    match state {
        State::Queued => (StateView::Queued, None),
        State::Claimed | State::Dispatched | State::Painted => (StateView::Painting, None),
        State::Ready => (StateView::Ready, None),
        State::Refused(Refusal::Prompt) => (
            StateView::Refused,
            because(
                "prompt_refused",
                "The model's moderation refused the prompt. The credit was given back; other words may pass.",
            ),
        ),
        State::Refused(Refusal::Picture) => (
            StateView::Refused,
            because(
                "picture_refused",
                "The model's moderation refused the picture it had drawn. The credit was given back.",
            ),
        ),
        State::Failed(Failure::OutcomeUnknown) => (
            StateView::Failed,
            because(
                "outcome_unknown",
                "The model was asked and its answer was lost. It is not asked twice; the credit was given back.",
            ),
        ),
        State::Failed(Failure::ModelUnavailable) => (
            StateView::Failed,
            because(
                "model_unavailable",
                "No model could be had. The credit was given back; please try again later.",
            ),
        ),
        State::Failed(Failure::BudgetSpent) => (
            StateView::Failed,
            because(
                "budget_spent",
                "No more pictures are painted today. The credit was given back; please order again tomorrow (UTC).",
            ),
        ),
        State::Failed(Failure::ResultLost) => (
            StateView::Failed,
            because(
                "result_lost",
                "The picture was painted and could not be fetched. The credit was given back.",
            ),
        ),
        State::Failed(Failure::NotStored) => (
            StateView::Failed,
            because(
                "not_stored",
                "The picture was painted and could not be stored. The credit was given back.",
            ),
        ),
    }
}

impl Id<ids::Image> {
    /// The id, if a picture of this id can still be alive. Its own time tells, so nothing has to be kept about what is
    /// gone.
    ///
    /// # Errors
    /// 410 when thirty days have passed since it was made.
    pub fn alive(self, now: Timestamp) -> Result<Self, Problem> {
        if self.is_past(LIFE, now) {
            Err(Problem::new(
                super::Kind::Gone,
                "The picture was erased thirty days after it was ordered.",
            ))
        } else {
            Ok(self)
        }
    }
}
