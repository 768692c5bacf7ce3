//! What stands before the API fits what the functions say.

use std::collections::BTreeSet;

use crate::host::{LOCAL, ask, read};

/// The behaviours of `infra/edge.yaml` that keep answers: the path, and the name of the policy that says what tells answers apart.
fn kept(edge: &str) -> Vec<(String, String)> {
    let behaviours = edge.split("- PathPattern: ").skip(1);
    let behaviour = |text: &str| {
        let path = text.lines().next().unwrap().to_owned();
        let (_, policy) = text.split_once("CachePolicyId: !Ref ").unwrap();
        (path, policy.lines().next().unwrap().to_owned())
    };
    behaviours.map(behaviour).collect()
}

/// The headers by which a policy of the edge tells answers apart.
fn told_apart_by(edge: &str, policy: &str) -> BTreeSet<String> {
    let (_, policy) = edge.split_once(&format!("\n  {policy}:\n")).unwrap();
    let (_, headers) = policy.split_once("Headers: [").unwrap();
    let (headers, _) = headers.split_once(']').unwrap();
    headers.split(',').map(|name| name.trim().to_lowercase()).collect()
}

#[tokio::test]
async fn the_edge_keeps_what_says_that_it_is_for_everyone_and_tells_its_forms_apart() {
    let edge = read("infra/edge.yaml");
    let kept = kept(&edge);
    for function in LOCAL.functions.iter() {
        // Whoever has to sign in, or names a thing, is told that nothing is to be kept; `tests/house/service.rs` has the rest.
        let Some(route) = function
            .routes
            .iter()
            .find(|route| route.method == "GET" && !route.path.contains('{'))
        else {
            continue;
        };
        let answer = ask(&function.folder, "GET", &route.path, &[]).await;
        let is_public = answer.header("cache-control").starts_with("public");
        let behaviour = kept.iter().find(|(path, _)| *path == route.path);
        assert_eq!(behaviour.is_some(), is_public, "{}", route.path);
        let Some((_, policy)) = behaviour else { continue };
        let apart = told_apart_by(&edge, policy);
        for header in answer
            .header("vary")
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            assert!(
                apart.contains(&header.to_lowercase()),
                "{} varies by {header}",
                route.path
            );
        }
        assert!(
            apart.contains("origin") && !apart.contains("authorization"),
            "{}",
            route.path
        );
    }
    assert_eq!(kept.len(), 4);
}

#[tokio::test]
async fn the_edge_adds_the_headers_that_functions_send_and_takes_nothing_of_theirs_away() {
    let edge = read("infra/edge.yaml");
    let answer = ask("health-get", "GET", "/v1/health", &[]).await;
    let transport = answer.header("strict-transport-security");
    assert_eq!(transport, "max-age=63072000; includeSubDomains");
    for said in [
        "AccessControlMaxAgeSec: 63072000, IncludeSubdomains: true".to_owned(),
        format!("ReferrerPolicy: {}", answer.header("referrer-policy")),
        format!("\"{}\"", answer.header("content-security-policy")),
    ] {
        assert!(edge.contains(&said), "{said}");
    }
    assert!(!edge.contains("Override: true"));
    for kept_out in ["SampledRequestsEnabled: true", "LoggingConfiguration", "Logging:"] {
        assert!(
            !edge.contains(kept_out),
            "the edge would write down who asks: {kept_out}"
        );
    }
}
