//! How PayPal says no.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal in the form that all of PayPal's have, but for its access tokens.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    name: &'static str,
    issue: Option<String>,
    field: Option<&'static str>,
    redirect: Option<String>,
}

impl Refusal {
    /// By PayPal's word for what is wrong.
    pub(super) fn of(issue: &str) -> Self {
        let (status, name) = match issue {
            "MALFORMED_REQUEST_JSON"
            | "MISSING_REQUIRED_PARAMETER"
            | "INVALID_PARAMETER_SYNTAX"
            | "INVALID_PARAMETER_VALUE"
            | "INVALID_STRING_LENGTH"
            | "PAYPAL_REQUEST_ID_REQUIRED" => (400, "INVALID_REQUEST"),
            "PERMISSION_DENIED" | "CONSENT_NEEDED" => (403, "NOT_AUTHORIZED"),
            "INVALID_RESOURCE_ID" => (404, "RESOURCE_NOT_FOUND"),
            "PREVIOUS_REQUEST_IN_PROGRESS" => (409, "RESOURCE_CONFLICT"),
            _ => (422, "UNPROCESSABLE_ENTITY"),
        };
        Self {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            name,
            issue: Some(issue.to_owned()),
            field: None,
            redirect: None,
        }
    }

    /// By status alone, as a fault orders it.
    pub(super) fn with_status(status: StatusCode) -> Self {
        let name = match status.as_u16() {
            400 => "INVALID_REQUEST",
            401 => "AUTHENTICATION_FAILURE",
            403 => "NOT_AUTHORIZED",
            404 => "RESOURCE_NOT_FOUND",
            409 => "RESOURCE_CONFLICT",
            415 => "UNSUPPORTED_MEDIA_TYPE",
            422 => "UNPROCESSABLE_ENTITY",
            429 => "RATE_LIMIT_REACHED",
            503 => "SERVICE_UNAVAILABLE",
            _ => "INTERNAL_SERVER_ERROR",
        };
        Self {
            status,
            name,
            issue: None,
            field: None,
            redirect: None,
        }
    }

    /// PayPal's word for it.
    pub(super) fn word(&self) -> String {
        self.issue.clone().unwrap_or_else(|| self.name.to_owned())
    }

    /// Where in the request it is.
    pub(super) fn at(self, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..self
        }
    }

    /// With the way by which the payer goes on.
    pub(super) fn sending_the_payer_to(self, url: String) -> Self {
        let goes_on = matches!(
            self.issue.as_deref(),
            Some("INSTRUMENT_DECLINED" | "PAYER_ACTION_REQUIRED")
        );
        let redirect = goes_on.then_some(url);
        Self { redirect, ..self }
    }

    /// The answer; `debug_id` is what PayPal's support would ask for.
    pub(super) fn answer(&self, debug_id: &str) -> Response {
        let details = self.issue.iter().map(|issue| {
            json!({ "issue": issue, "field": self.field, "location": self.field.map(|_| "body"), "description": "See `issue`." })
        });
        let docs = json!({ "href": "https://developer.paypal.com/docs/api/orders/v2/", "rel": "information_link", "method": "GET" });
        let redirect = self.redirect.as_ref();
        let redirect = redirect.map(|href| json!({ "href": href, "rel": "redirect", "method": "GET" }));
        let links: Vec<Value> = std::iter::once(docs).chain(redirect).collect();
        let mut body = json!({
            "name": self.name, "message": "The request was not carried out.", "debug_id": debug_id,
            "links": links,
        });
        let details: Vec<Value> = details.map(super::super::call::without_nulls).collect();
        if !details.is_empty() {
            body["details"] = details.into();
        }
        (self.status, Json(body)).into_response()
    }
}
