//! Every route of the API, for the function that answers where none of them matches.

/// Method and path, as `template.yaml` has them; the house tests compare the two.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/accounts"),
    ("POST", "/v1/accounts/verify"),
    ("GET", "/v1/account"),
    ("PATCH", "/v1/account"),
    ("DELETE", "/v1/account"),
    ("GET", "/v1/account/export"),
    ("POST", "/v1/accounts/restore"),
    ("GET", "/v1/deletions/{key}"),
    ("POST", "/v1/account/email/confirm"),
    ("POST", "/v1/account/consents"),
    ("POST", "/v1/codes"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/prompts"),
    ("POST", "/v1/images"),
    ("GET", "/v1/images"),
    ("GET", "/v1/images/{id}"),
    ("DELETE", "/v1/images/{id}"),
    ("GET", "/v1/credits"),
    ("GET", "/v1/packs"),
    ("POST", "/v1/orders"),
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders/{id}"),
    ("POST", "/v1/orders/{id}/capture"),
    ("POST", "/v1/sessions/refresh"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions"),
    ("DELETE", "/v1/sessions/{id}"),
    ("POST", "/v1/page-views"),
    ("POST", "/v1/webhooks/paypal"),
    ("POST", "/v1/webhooks/resend"),
    ("POST", "/v1/passwords/reset"),
    ("PUT", "/v1/account/password"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/v1/health"),
    ("GET", "/openapi.json"),
    ("GET", "/privacy"),
    ("GET", "/v1/privacy-exports/{key}"),
    ("POST", "/v1/privacy-requests"),
    ("POST", "/v1/privacy-requests/{id}/confirm"),
    ("POST", "/v1/reports"),
];

/// The methods that `path` has, none if there is no such path.
#[must_use]
pub fn methods(path: &str) -> Vec<&'static str> {
    let routes = ROUTES.iter().filter(|(_, pattern)| matches(pattern, path));
    routes.map(|(method, _)| *method).collect()
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(step), Some(part)) if step == part || (step.starts_with('{') && !part.is_empty()) => {}
            _ => return false,
        }
    }
}
