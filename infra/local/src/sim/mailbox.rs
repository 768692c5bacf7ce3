//! The mailbox: every mail that Resend accepted, for people as pages and for scripts as JSON.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::World;
use super::desk::wrong;
use super::mail::{Mail, address_of};
use super::resend::Posted;

/// A mail as its recipient sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MailView {
    /// Resend's id.
    pub id: String,
    /// When it was accepted, by the Clock.
    pub at: Timestamp,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// What became of it.
    pub last_event: String,
    /// The first number of exactly six digits in the text (or else the subject): the code of a verification mail.
    pub code: Option<String>,
}

impl From<Mail> for MailView {
    fn from(mail: Mail) -> Self {
        let code = mail
            .text
            .as_deref()
            .and_then(six_digits)
            .or_else(|| six_digits(&mail.subject));
        let Mail {
            id,
            at,
            from,
            to,
            subject,
            text,
            html,
            last_event,
            ..
        } = mail;
        Self {
            id,
            at,
            from,
            to,
            subject,
            text,
            html,
            last_event,
            code,
        }
    }
}

impl MailView {
    fn recipients(&self) -> String {
        self.to.join(", ")
    }

    fn when(&self) -> String {
        self.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }
}

fn six_digits(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 6 && word.chars().all(|c| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// The mails, newest first; `to` is one address (with or without a name around it), or everybody's.
pub(super) fn mails(world: &World, to: Option<&str>) -> Vec<MailView> {
    let wanted = to.map(|to| address_of(to).unwrap_or(to).to_lowercase());
    let mine = |mail: &Mail| {
        wanted.as_ref().is_none_or(|wanted| {
            let mut all = mail.to.iter().chain(&mail.cc).chain(&mail.bcc);
            all.any(|to| address_of(to).is_some_and(|to| to.to_lowercase() == *wanted))
        })
    };
    let sent = world
        .resend
        .posts
        .all()
        .into_iter()
        .rev()
        .filter_map(|post| match post {
            Posted::Sent { mails, .. } => Some(mails.into_iter().rev()),
            Posted::Rescheduled { .. } | Posted::Canceled { .. } => None,
        });
    sent.flatten().filter(mine).map(MailView::from).collect()
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/mailbox", get(list))
        .route("/mailbox.json", get(json))
        .route("/mailbox/{id}", get(one))
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "mailbox.html")]
struct List {
    to: Option<String>,
    mails: Vec<MailView>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct One {
    mail: MailView,
}

async fn list(State(world): State<Arc<World>>, Query(Filter { to }): Query<Filter>) -> Response {
    let to = to.filter(|to| !to.is_empty());
    page(&List {
        mails: mails(&world, to.as_deref()),
        to,
    })
}

async fn json(State(world): State<Arc<World>>, Query(Filter { to }): Query<Filter>) -> Response {
    Json(mails(&world, to.as_deref())).into_response()
}

async fn one(State(world): State<Arc<World>>, Path(id): Path<String>) -> Response {
    match world.resend.mail(&id, world.clock.now()) {
        Some(mail) => page(&One { mail: mail.into() }),
        None => wrong(StatusCode::NOT_FOUND, "no such mail"),
    }
}

/// A page that loads nothing from anywhere, whatever the mail in it would like to.
pub(super) fn page(template: &impl Template) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'";
    match template.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CONTENT_SECURITY_POLICY, policy),
            ];
            (headers, html).into_response()
        }
        Err(error) => wrong(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
