//! A mail as Resend takes it: which fields it must have, and what becomes of it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::resend::refuse;

/// A mail that was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// The id that Resend gave it.
    pub id: String,
    /// When it was accepted, by the Clock.
    pub at: Timestamp,
    /// The sender as sent: `Name <address>` or an address.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// Blind copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// The tags, as an array of name and value.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub tags: Value,
    /// Extra headers.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub headers: Value,
    /// Names of the attachments; their contents are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<String>,
    /// When it is to be sent, if later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// What became of it: `delivered`, `bounced`, `complained`, `scheduled`, `canceled`.
    pub last_event: String,
}

impl Mail {
    /// Whether a word is in its subject or in one of its parts.
    pub(super) fn has(&self, word: &str) -> bool {
        let parts = [Some(&self.subject), self.text.as_ref(), self.html.as_ref()];
        parts.into_iter().flatten().any(|part| part.contains(word))
    }

    /// The answer to `GET /emails/{id}`.
    pub(super) fn shown(&self) -> Value {
        json!({
            "object": "email", "id": self.id, "to": self.to, "from": self.from, "subject": self.subject,
            "created_at": self.at.strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string(),
            "html": self.html, "text": self.text, "bcc": self.bcc, "cc": self.cc, "reply_to": self.reply_to,
            "scheduled_at": self.scheduled_at, "last_event": self.last_event,
        })
    }
}

/// A reason not to take a mail.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl Problem {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            name: "validation_error",
            message: message.into(),
        }
    }

    fn missing(field: &str) -> Self {
        Self {
            name: "missing_required_field",
            ..Self::invalid(format!("Missing `{field}` field."))
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        refuse(self.status, self.name, &self.message)
    }
}

/// Reads a mail from a request body, whose nulls have been removed.
pub(super) fn read(body: Value, id: String, at: Timestamp) -> Result<Mail, Problem> {
    let Value::Object(body) = body else {
        return Err(Problem::invalid("An object is expected."));
    };
    let from = text(&body, "from")?.ok_or_else(|| Problem::missing("from"))?;
    let domain = address_of(&from)
        .and_then(|address| address.split_once('@'))
        .map(|(_, domain)| domain.to_owned());
    let Some(domain) = domain else {
        return Err(Problem {
            name: "invalid_from_address",
            ..Problem::invalid(
                "Invalid `from` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.",
            )
        });
    };
    if domain.contains("unverified") {
        return Err(Problem {
            status: StatusCode::FORBIDDEN,
            ..Problem::invalid(format!("The {domain} domain is not verified."))
        });
    }
    if !body.contains_key("to") {
        return Err(Problem::missing("to"));
    }
    let to = addresses(&body, "to")?;
    if to.is_empty() {
        return Err(Problem::invalid("The `to` field must have at least one recipient."));
    }
    if to.len() > 50 {
        return Err(Problem::invalid(
            "The `to` field must not have more than 50 recipients.",
        ));
    }
    let subject = text(&body, "subject")?.ok_or_else(|| Problem::missing("subject"))?;
    let (plain, html) = (text(&body, "text")?, text(&body, "html")?);
    if plain.is_none() && html.is_none() && !body.contains_key("template") {
        return Err(Problem::missing("html` or `text"));
    }
    check_tags(body.get("tags"))?;
    if body.get("headers").is_some_and(|headers| !headers.is_object()) {
        return Err(Problem::invalid("The `headers` field must be an object."));
    }
    let scheduled_at = text(&body, "scheduled_at")?
        .map(|time| {
            time.parse()
                .map_err(|_| Problem::invalid("Invalid `scheduled_at`: an ISO 8601 time is expected."))
        })
        .transpose()?;
    let last_event = match to.first().and_then(|to| address_of(to)) {
        _ if scheduled_at.is_some() => "scheduled",
        // Resend has such addresses at a domain of its own, labels included; here any domain does it.
        Some(to) if to.starts_with("bounced") => "bounced",
        Some(to) if to.starts_with("complained") => "complained",
        _ => "delivered",
    };
    Ok(Mail {
        cc: addresses(&body, "cc")?,
        bcc: addresses(&body, "bcc")?,
        reply_to: addresses(&body, "reply_to")?,
        tags: body.get("tags").cloned().unwrap_or_default(),
        headers: body.get("headers").cloned().unwrap_or_default(),
        attachments: attachments(body.get("attachments"))?,
        last_event: last_event.to_owned(),
        text: plain,
        id,
        at,
        from,
        to,
        subject,
        html,
        scheduled_at,
    })
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::invalid(format!("The `{name}` field must be a string."))),
    }
}

/// The address in `Name <address>` or alone, if it looks like one.
pub(super) fn address_of(text: &str) -> Option<&str> {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => text,
    };
    let (local, domain) = address.trim().split_once('@')?;
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>@,;".contains(c));
    (plain(local) && plain(domain) && domain.contains('.')).then(|| address.trim())
}

fn addresses(body: &Map<String, Value>, name: &str) -> Result<Vec<String>, Problem> {
    let list = match body.get(name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
    };
    let address = |value: &Value| {
        value
            .as_str()
            .filter(|text| address_of(text).is_some())
            .map(str::to_owned)
    };
    list.iter().map(address).collect::<Option<_>>().ok_or_else(|| {
        Problem::invalid(format!(
            "Invalid `{name}` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."
        ))
    })
}

fn check_tags(tags: Option<&Value>) -> Result<(), Problem> {
    let plain = |value: &Value| {
        value.as_str().is_some_and(|text| {
            (1..=256).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        })
    };
    let good = match tags {
        None => true,
        Some(Value::Array(list)) => list.iter().all(|tag| plain(&tag["name"]) && plain(&tag["value"])),
        Some(_) => false,
    };
    let why = "Tags should only contain ASCII letters, numbers, underscores, or dashes.";
    if good { Ok(()) } else { Err(Problem::invalid(why)) }
}

fn attachments(list: Option<&Value>) -> Result<Vec<String>, Problem> {
    let invalid = || Problem {
        name: "invalid_attachment",
        ..Problem::invalid("Attachment must have either a `content` or `path`.")
    };
    let Some(list) = list else { return Ok(Vec::new()) };
    let named = |item: &Value| {
        let has_content = item["content"].is_string() || item["path"].is_string();
        has_content.then(|| item["filename"].as_str().unwrap_or("attachment").to_owned())
    };
    list.as_array()
        .and_then(|list| list.iter().map(named).collect())
        .ok_or_else(invalid)
}
