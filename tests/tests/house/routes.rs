//! What the template routes, the functions answer; and nobody gets further than the table below without a token.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use shared::http::routes;
use vitrine::template::Route;

use crate::host::{LOCAL, ask, read};

/// What a caller without a token, who sends nothing, is answered on each route. A new route needs a line here: 401, unless
/// it is meant for everybody.
const ANONYMOUS: &[(&str, u16, &str)] = &[
    ("POST /v1/accounts", 415, "unsupported-media-type"),
    ("POST /v1/accounts/verify", 415, "unsupported-media-type"),
    ("GET /v1/account", 401, "unauthorized"),
    ("PATCH /v1/account", 401, "unauthorized"),
    ("GET /v1/account/export", 401, "unauthorized"),
    ("DELETE /v1/account", 401, "unauthorized"),
    ("POST /v1/accounts/restore", 415, "unsupported-media-type"),
    ("GET /v1/deletions/{key}", 404, "not-found"),
    ("POST /v1/account/email/confirm", 401, "unauthorized"),
    ("POST /v1/account/consents", 401, "unauthorized"),
    ("POST /v1/codes", 415, "unsupported-media-type"),
    ("POST /v1/passwords/reset", 415, "unsupported-media-type"),
    ("PUT /v1/account/password", 401, "unauthorized"),
    ("POST /v1/sessions", 415, "unsupported-media-type"),
    ("POST /v1/sessions/refresh", 415, "unsupported-media-type"),
    ("GET /v1/sessions", 401, "unauthorized"),
    ("DELETE /v1/sessions", 401, "unauthorized"),
    ("DELETE /v1/sessions/{id}", 401, "unauthorized"),
    ("POST /v1/prompts", 401, "unauthorized"),
    ("POST /v1/images", 401, "unauthorized"),
    ("GET /v1/images", 401, "unauthorized"),
    ("GET /v1/images/{id}", 401, "unauthorized"),
    ("DELETE /v1/images/{id}", 401, "unauthorized"),
    ("GET /v1/credits", 401, "unauthorized"),
    ("GET /v1/packs", 200, ""),
    ("POST /v1/orders", 401, "unauthorized"),
    ("GET /v1/orders", 401, "unauthorized"),
    ("GET /v1/orders/{id}", 401, "unauthorized"),
    ("POST /v1/orders/{id}/capture", 401, "unauthorized"),
    ("POST /v1/page-views", 204, ""),
    ("POST /v1/webhooks/paypal", 401, "invalid-signature"),
    ("POST /v1/webhooks/resend", 401, "invalid-signature"),
    ("GET /.well-known/jwks.json", 200, ""),
    ("GET /v1/health", 200, ""),
    ("GET /openapi.json", 200, ""),
    ("GET /privacy", 200, ""),
    ("GET /v1/privacy-exports/{key}", 404, "not-found"),
    ("POST /v1/privacy-requests", 415, "unsupported-media-type"),
    ("POST /v1/privacy-requests/{id}/confirm", 415, "unsupported-media-type"),
    ("POST /v1/reports", 415, "unsupported-media-type"),
    ("ANY $default", 404, "not-found"),
];

/// Every route of the template with the folder of its function.
fn routed() -> BTreeMap<String, (&'static Route, &'static str)> {
    let mut found = BTreeMap::new();
    for function in &LOCAL.functions {
        for route in &function.routes {
            let name = format!("{} {}", route.method, route.path);
            let twice = found.insert(name.clone(), (route, function.folder.as_str()));
            assert!(twice.is_none(), "{name} leads to two functions");
        }
    }
    found
}

/// A request that the route would take.
fn request(route: &Route) -> (&str, String) {
    match route.path.as_str() {
        "$default" => ("GET", "/v1/nowhere".to_owned()),
        path => {
            let kind = match path.split('/').nth(2) {
                Some("sessions") => "ses",
                Some("orders") => "ord",
                Some("privacy-requests") => "prq",
                _ => "img",
            };
            (
                &route.method,
                path.replace("{id}", &format!("{kind}_01kb0v1cqhe8svdnq7tqw8vz6n")),
            )
        }
    }
}

#[test]
fn the_function_that_refuses_knows_every_route_and_no_other() {
    let known: BTreeSet<String> = routes::ROUTES
        .iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    let mut templates: BTreeSet<String> = routed().into_keys().collect();
    assert!(templates.remove("ANY $default"), "template.yaml has no `$default`");
    assert_eq!(known, templates, "shared/src/http/routes.rs and template.yaml");
}

#[tokio::test]
async fn every_route_is_answered_by_its_function_and_by_no_other() {
    let routed = routed();
    for (name, (route, owner)) in &routed {
        // Whether there is a receipt of this key only its table can say, which nobody answers for here.
        if route.path == "$default" || route.path.ends_with("{key}") {
            continue;
        }
        for (_, folder) in routed.values().filter(|(route, _)| route.path != "$default") {
            let (method, path) = request(route);
            let status = ask(folder, method, &path, &[]).await.status;
            let refuses = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(
                refuses,
                folder != owner,
                "template.yaml gives {name} to `{owner}`; `{folder}` answers it with {status}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_gets_past_the_door_without_a_token() {
    let mut routed = routed();
    for (name, status, kind) in ANONYMOUS {
        let (route, folder) = routed
            .remove(*name)
            .unwrap_or_else(|| panic!("{name} is in the table of tests/house/routes.rs and not in template.yaml"));
        let (method, path) = request(route);
        let answer = ask(folder, method, &path, &[]).await;
        assert_eq!(answer.status.as_u16(), *status, "{name}: {}", answer.text());
        if *status >= 400 {
            assert_eq!(answer.json()["type"], format!("/problems/{kind}"), "{name}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
        }
        // A signature has no scheme of HTTP's that could be named.
        if *status == 401 && *kind == "unauthorized" {
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{name}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
    }
    let forgotten: Vec<&String> = routed.keys().collect();
    assert!(
        forgotten.is_empty(),
        "say in the table of tests/house/routes.rs what these answer without a token: {forgotten:?}"
    );
}

#[test]
fn what_is_too_much_for_a_function_is_refused_by_the_gateway_before_lambda_has_to() {
    let mut reserved = 0;
    for function in &LOCAL.functions {
        let folder = &function.folder;
        let Some(calls) = function.reserved_concurrency else {
            continue;
        };
        reserved += 1;
        for route in &function.routes {
            let name = format!("{} {}", route.method, route.path);
            let throttle = LOCAL.throttling.routes.get(route);
            let throttle = throttle.unwrap_or_else(|| {
                panic!("`{folder}` has reserved concurrency; give {name} a place under RouteSettings in template.yaml")
            });
            // A hash counts as half a second, and an answer of DeepSeek's as four: so this many can be under way while each gets its
            // token.
            let meanwhile = match folder.as_str() {
                "prompts-create" => 4 * throttle.rate,
                _ => throttle.rate / 2,
            };
            let at_once = throttle.burst + meanwhile;
            assert!(
                at_once <= calls,
                "{name} lets {at_once} calls run at once, {calls} are reserved for `{folder}`: the rest would get a 503"
            );
        }
    }
    assert_eq!(reserved, 8, "those that hash passwords, and the one that asks DeepSeek");
}

#[test]
fn whoever_takes_a_password_has_a_whole_processor_and_nobody_else() {
    let mut hashing = 0;
    for function in &LOCAL.functions {
        let source = read(&format!("functions/{}/src/lib.rs", function.folder));
        let mut imports = source
            .lines()
            .filter_map(|line| line.strip_prefix("use shared::auth::"));
        let takes_one = imports.any(|names| names.split(['{', ' ', ',', '}', ';']).any(|name| name == "Password"));
        hashing += usize::from(takes_one);
        // Lambda gives a whole one with 1,769 MB. What the others need is measured by `bench memory`.
        let memory_mb = if takes_one { 1769 } else { 256 };
        assert_eq!(function.memory_mb, memory_mb, "{}", function.folder);
    }
    assert_eq!(hashing, 7, "those that hash passwords");
}

#[test]
fn no_function_behind_the_gateway_may_run_longer_than_the_gateway_waits() {
    for function in LOCAL.functions.iter().filter(|function| !function.routes.is_empty()) {
        assert!(
            function.timeout_s <= 30,
            "`{}` may run for {} s; an HTTP API gives up after 30",
            function.folder,
            function.timeout_s
        );
    }
}
