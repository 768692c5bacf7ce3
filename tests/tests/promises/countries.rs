//! P14: which countries, and that everybody agreed to it.

use serde_json::Value;
use tests::{START, TestApp};

use crate::clauses;
use crate::records::everything_stored;
use crate::seller::Seller;

pub(crate) async fn without_accepting_the_present_policy_there_is_no_account() {
    let app = TestApp::new().await;
    let complete = Seller::sign_up(&app, "mei").await.new_account(&app);
    let before = everything_stored(&app);
    for accepted in [
        None,
        Some(Value::Null),
        Some("2020-01-01".into()),
        Some("".into()),
        Some(true.into()),
    ] {
        let mut body = complete.clone();
        body["email"] = "jun@example.com".into();
        match &accepted {
            Some(version) => body["policy_version"] = version.clone(),
            None => drop(body.as_object_mut().unwrap().remove("policy_version")),
        }
        let refused = app.ask("POST", "/v1/accounts", Some(body)).await.expect(422);
        assert_eq!(refused.field(), "/policy_version", "{accepted:?}");
    }
    assert_eq!(everything_stored(&app), before);
    assert!(app.mail_to("jun@example.com").is_none());
}

pub(crate) async fn the_accepted_version_and_the_time_are_kept_with_the_account() {
    let app = TestApp::new().await;
    let seller = Seller::sign_up(&app, "mei").await;
    let version = clauses::POLICY
        .split_once("\nVersion ")
        .and_then(|(_, after)| after.split_once('.'))
        .unwrap()
        .0;
    let stored = everything_stored(&app);
    let profile = stored["accounts"]
        .iter()
        .find(|item| item["sk"]["S"] == "profile")
        .unwrap();
    assert_eq!(profile["pk"]["S"], seller.account.as_str());
    assert_eq!(profile["policy_version"]["S"], version);
    assert!(
        profile["policy_accepted_at"].to_string().contains(&START[..19]),
        "{profile}"
    );
}

pub(crate) async fn the_regions_that_are_configured_lie_in_the_countries_that_are_named() {
    let app = TestApp::new().await;
    let clause = clauses::text("P14");
    let named = |what: &str, country: &str| {
        let sentence = clause.split(". ").find(|sentence| sentence.contains(what));
        let sentence = sentence.unwrap_or_else(|| panic!("P14 says nothing about `{what}`"));
        assert!(
            sentence.contains(country),
            "{what}: `{sentence}` does not name {country}"
        );
    };
    let settings = include_str!("../../../samconfig.toml").lines();
    let regions: Vec<_> = settings.filter_map(|line| line.strip_prefix("region = ")).collect();
    assert!(!regions.is_empty());
    for region in regions {
        named("Accounts and pictures", country(region.trim_matches('"')));
    }
    for (function, variable, what) in [
        ("images-paint", "COS_REGION", "Accounts and pictures"),
        ("images-paint", "COS_ENDPOINT", "Accounts and pictures"),
        ("images-paint", "OSS_REGION", "Accounts and pictures"),
        ("images-paint", "OSS_ENDPOINT", "Accounts and pictures"),
        ("images-paint", "SEEDREAM_URL", "models"),
        ("prompts-create", "DEEPSEEK_URL", "models"),
    ] {
        let function = app.stack.template.function(function).unwrap();
        named(what, country(&function.variables[variable]));
    }
}

/// Where a region, or a host, is. Whoever configures another has to say here where it is.
fn country(place: &str) -> &'static str {
    match place {
        "us-west-2"
        | "na-siliconvalley"
        | "https://cos.na-siliconvalley.myqcloud.com"
        | "us-west-1"
        | "https://s3.oss-us-west-1.aliyuncs.com" => "United States",
        "https://ark.cn-beijing.volces.com" | "https://api.deepseek.com" => "China",
        other => panic!("nobody has said in which country `{other}` is"),
    }
}
