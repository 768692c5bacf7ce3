//! P4, P6 and P16: what mails are for, how tables are kept, and how data is protected on its way and in the house.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::json;
use tests::TestApp;
use vitrine::stack::Abroad;

use crate::clauses;
use crate::records::everything_stored;
use crate::seller::Seller;

/// Every kind of mail, and which of the purposes that P4 names it serves. A new kind needs a line here.
const MAILS: &[(&str, &str)] = &[
    ("verify_email", "codes"),
    ("address_known", "security notices"),
    ("change_email", "codes"),
    ("email_changed", "security notices"),
    ("reset_password", "codes"),
    ("password_changed", "security notices"),
    ("receipt", "receipts"),
    ("account_closed", "security notices"),
    ("account_restored", "security notices"),
    ("privacy_code", "codes"),
    ("privacy_access", "security notices"),
    ("privacy_answer", "security notices"),
    ("picture_removed", "security notices"),
];

/// Words of mails that sell something.
const ADVERTISING: [&str; 7] = ["unsubscribe", "newsletter", "offer", "discount", "sale", "退订", "优惠"];

pub(crate) async fn mails_are_of_a_closed_list_of_kinds_each_about_the_account() {
    let app = TestApp::new().await;
    let document = app.ask("GET", "/openapi.json", None).await.expect(200).json;
    let kinds = document["components"]["schemas"]["MailKind"].to_string();
    let listed: BTreeSet<_> = MAILS.iter().map(|(kind, _)| format!("\"{kind}\"")).collect();
    for kind in &listed {
        assert!(kinds.contains(kind.as_str()), "there is no kind {kind} any more");
    }
    let words = kinds.split(['[', ']', ',', ':', '{', '}']);
    let known: BTreeSet<String> = words
        .filter(|word| word.contains('_') || *word == "\"receipt\"")
        .map(str::to_owned)
        .collect();
    assert_eq!(known, listed, "a kind of mail that P4 has not been asked about");
    let clause = clauses::text("P4");
    for (kind, purpose) in MAILS {
        assert!(
            clause.contains(purpose),
            "P4 says nothing of {purpose}, for which {kind} is sent"
        );
    }
}

pub(crate) async fn a_full_use_sends_mails_of_these_kinds_and_none_that_sells_anything() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    seller.use_everything(&app).await;
    let stored = everything_stored(&app);
    let kinds: BTreeSet<_> = stored["outbox"]
        .iter()
        .map(|mail| mail["kind"]["S"].as_str().unwrap())
        .collect();
    assert!(kinds.len() > 3, "{kinds:?}");
    assert!(
        kinds.iter().all(|kind| MAILS.iter().any(|(known, _)| known == kind)),
        "{kinds:?}"
    );
    for mail in app.stack.simulators.mails(None) {
        let text = format!("{} {}", mail.subject, mail.text.unwrap_or_default()).to_lowercase();
        for word in ADVERTISING {
            assert!(!text.contains(word), "a mail says `{word}`: {text}");
        }
    }
}

/// The tables of the template, by their logical ids, each with the lines that define it.
fn tables() -> BTreeMap<String, String> {
    let data = include_str!("../../../infra/data.yaml");
    let mut tables = BTreeMap::new();
    let mut resource = None;
    for line in data.lines() {
        let is_name = line.starts_with("  ") && !line.starts_with("   ") && line.trim_end().ends_with(':');
        if is_name {
            resource = Some(line.trim().trim_end_matches(':').to_owned());
        }
        if let Some(name) = &resource {
            let lines: &mut String = tables.entry(name.clone()).or_default();
            lines.push_str(line);
            lines.push('\n');
        }
    }
    tables.retain(|_, lines| lines.contains("Type: AWS::DynamoDB::Table\n"));
    tables
}

pub(crate) async fn every_table_is_encrypted_with_the_one_key_and_recovered_only_as_far_as_is_declared() {
    let tables = tables();
    let app = TestApp::new().await;
    assert_eq!(tables.len(), app.stack.template.tables.len(), "{:?}", tables.keys());
    for (name, lines) in &tables {
        for wanted in [
            "SSESpecification: { SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: !GetAtt Key.Arn }",
            "PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: !Ref RecoveryDays }",
            "DeletionProtectionEnabled: true",
        ] {
            assert!(lines.contains(wanted), "{name} lacks `{wanted}`");
        }
    }
    let data = include_str!("../../../infra/data.yaml");
    assert!(data.contains("EnableKeyRotation: true"));
    // What is erased lives on for as long as a table can be recovered, and the policy says how long that is.
    let template = include_str!("../../../template.yaml");
    let (_, parameter) = template.split_once("  RecoveryDays:\n").unwrap();
    let days = parameter
        .lines()
        .find_map(|line| line.trim().strip_prefix("Default: "))
        .unwrap();
    let row = clauses::POLICY
        .lines()
        .find(|line| line.contains("`RecoveryDays`"))
        .unwrap();
    assert!(row.contains(&format!("{days} days later")), "{row}");
}

/// The parameters that are addresses, each with a request that would call there.
const ADDRESSES: [(&str, &str); 5] = [
    ("DeepSeekUrl", "http://api.deepseek.com"),
    ("SeedreamUrl", "http://ark.cn-beijing.volces.com"),
    ("DashscopeUrl", "http://dashscope.aliyuncs.com"),
    ("PayPalUrl", "http://api-m.paypal.com"),
    ("CosEndpoint", "http://cos.na-siliconvalley.myqcloud.com"),
];

pub(crate) async fn an_address_without_encryption_is_refused_and_nothing_is_sent_there() {
    for address in ADDRESSES {
        let abroad = Abroad::default();
        let mut app = TestApp::abroad(&abroad, &[address]).await;
        let seller = Seller::sign_up(&app, "mei").await;
        let described = json!({ "description": "a lamp", "count": 1 });
        seller.send(&app, "POST", "/v1/prompts", Some(described)).await;
        seller
            .send(&app, "POST", "/v1/images", Some(json!({ "prompt": "a lamp" })))
            .await;
        seller
            .send(&app, "POST", "/v1/orders", Some(json!({ "pack": "credits-20" })))
            .await;
        // A worker that cannot be made ready works off nothing.
        let _refused = app.stack.drain().await;
        let (name, url) = address;
        let host = url.strip_prefix("http://").unwrap();
        for called in abroad.called() {
            assert_eq!(called.scheme, "https", "{name}: {} is called in the clear", called.host);
            assert!(!called.host.ends_with(host), "{name}: {} is called", called.host);
        }
        app.leave_work();
    }
}

pub(crate) async fn every_answer_asks_browsers_for_https_from_then_on() {
    let app = TestApp::new().await;
    for (method, path, status) in [
        ("GET", "/v1/health", 200),
        ("GET", "/v1/account", 401),
        ("GET", "/v1/nowhere", 404),
        ("PUT", "/v1/health", 405),
        ("GET", "/privacy", 200),
    ] {
        let answer = app.ask(method, path, None).await.expect(status);
        let lasts = answer.header("strict-transport-security");
        assert!(lasts.contains("max-age="), "{method} {path}: {lasts}");
    }
}

pub(crate) async fn a_token_is_signed_and_lasts_fifteen_minutes() {
    let app = TestApp::new().await;
    let mei = app.person("mei").await;
    app.advance(SignedDuration::from_mins(15) - SignedDuration::from_secs(1));
    app.get(&mei, "/v1/account").await.expect(200);
    let (signed, signature) = mei.token.rsplit_once('.').unwrap();
    let mut forged = signature.to_owned();
    let other = if forged.starts_with('A') { "B" } else { "A" };
    forged.replace_range(0..1, other);
    let forged = format!("{signed}.{forged}");
    app.request("GET", "/v1/account", Some(&forged), &[], None)
        .await
        .expect(401);
    app.advance(SignedDuration::from_secs(1));
    app.get(&mei, "/v1/account").await.expect(401);
}

pub(crate) async fn each_function_may_use_its_own_things_and_none_may_use_everything() {
    let app = TestApp::new().await;
    let functions = &app.stack.template.functions;
    for function in functions {
        for statement in &function.statements {
            for action in &statement.actions {
                assert!(!action.contains('*'), "{} may {action}", function.folder);
            }
            for resource in &statement.resources {
                assert_ne!(resource.to_string(), "*", "{}", function.folder);
            }
        }
    }
    // The keys that sign are in as many hands as need them.
    let holders = |parameter: &str| {
        let holding = functions.iter().filter(|function| {
            let resources = function.statements.iter().flat_map(|statement| &statement.resources);
            resources
                .map(ToString::to_string)
                .any(|resource| resource == format!("parameter {parameter}"))
        });
        holding
            .map(|function| function.folder.as_str())
            .collect::<BTreeSet<_>>()
    };
    let signing = ["accounts-verify", "sessions-create", "sessions-refresh"];
    assert_eq!(holders("token-signing-key"), signing.into());
    assert_eq!(holders("erasure-signing-key"), ["accounts-erase"].into());
}
