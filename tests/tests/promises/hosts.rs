//! P15: whom a stage would really call. The functions run with the addresses that a deployment gives them; each call is written down and
//! carried to a stand-in on this machine.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;
use tests::TestApp;
use vitrine::engine::objects::Fault as StoreFault;
use vitrine::sim::{Fault, Link, Provider};
use vitrine::stack::{Abroad, Called};

use crate::clauses;
use crate::seller::{DAY, Seller};

/// Where the list is declared, and by which heading.
const DOCUMENT: &str = include_str!("../../../docs/providers.md");
const HEADING: &str = "## The hosts that are called";

/// A line of the list: a company as PRIVACY.md names it, and its hosts.
struct Declared {
    company: String,
    hosts: Vec<String>,
    clause: String,
}

fn declared() -> Vec<Declared> {
    let (_, section) = DOCUMENT.split_once(HEADING).unwrap();
    let lines = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [company, hosts, clause, ..] = cells.as_slice() else {
            panic!("a line of the declared hosts is too short: {row}")
        };
        Declared {
            company: (*company).to_owned(),
            hosts: hosts
                .split(", ")
                .map(|host| host.trim_matches('`').to_owned())
                .collect(),
            clause: (*clause).to_owned(),
        }
    })
    .collect()
}

/// Whether a host is of this form: exactly, or with one `*` for whatever stands there.
fn fits(pattern: &str, host: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == host,
        Some((before, after)) => {
            host.len() > before.len() + after.len() && host.starts_with(before) && host.ends_with(after)
        }
    }
}

/// Everything that the service does, once, by both models and both stores, until the account is erased.
async fn full_run(abroad: &Abroad) -> Vec<Called> {
    let app = TestApp::abroad(abroad, &[]).await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    seller.use_everything(&app).await;
    // The backup paints, and the second store keeps.
    let fault = Fault {
        error: Some("QuotaExceeded".to_owned()),
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Seedream, 100, fault).unwrap();
    let put = StoreFault::fail(Some("PutObject"), 100, 503, "SlowDown");
    app.stack.engines.objects.book().trouble(put);
    let wanted = json!({ "prompt": "A walnut desk lamp", "ratio": "4:3" });
    let headers = [("idempotency-key", "order-2")];
    let token = Some(seller.token.as_str());
    let ordered = app
        .request("POST", "/v1/images", token, &headers, Some(wanted.to_string()))
        .await
        .expect(202);
    for _ in 0..20 {
        app.drain().await;
        app.advance(SignedDuration::from_secs(10));
        let id = ordered.json["images"][0]["id"].as_str().unwrap();
        if seller.picture(&app, id).await.expect(200).json["state"] == "ready" {
            break;
        }
    }
    app.stack.engines.objects.book().calm();
    seller.send(&app, "GET", "/v1/account/export", None).await.expect(200);
    app.stack.run_due_schedules().await.unwrap();
    let farewell = json!({ "password": seller.marks.password, "forfeit_credits": true });
    seller
        .send(&app, "DELETE", "/v1/account", Some(farewell))
        .await
        .expect(202);
    app.drain().await;
    app.advance(DAY * 3);
    app.stack.run_due_schedules().await.unwrap();
    app.drain().await;
    assert_eq!(
        crate::seller::files(&app),
        Vec::<String>::new(),
        "it was not a whole run"
    );
    abroad.called()
}

pub(crate) async fn every_host_that_a_full_run_calls_is_declared_and_its_company_is_named() {
    let called = full_run(&Abroad::default()).await;
    let declared = declared();
    let mut companies = BTreeSet::new();
    for Called { scheme, host, function } in &called {
        assert_eq!(scheme, "https", "{function} calls {host} in the clear");
        let line = declared
            .iter()
            .find(|line| line.hosts.iter().any(|pattern| fits(pattern, host)));
        let line = line.unwrap_or_else(|| panic!("{function} calls {host}, which is not declared"));
        companies.insert(line.company.as_str());
    }
    let all: BTreeSet<_> = declared.iter().map(|line| line.company.as_str()).collect();
    assert_eq!(
        companies, all,
        "a company is declared that nobody calls, or the run was not full"
    );
    for Declared { company, clause, .. } in &declared {
        let text = clauses::text(clause);
        assert!(text.contains(company.as_str()), "{clause} does not name {company}");
    }
}

pub(crate) async fn no_function_calls_a_company_that_it_has_nothing_to_do_with() {
    let called = full_run(&Abroad::default()).await;
    let callers = |part: &str| {
        let of = called.iter().filter(|called| called.host.contains(part));
        of.map(|called| called.function.as_str()).collect::<BTreeSet<_>>()
    };
    assert_eq!(callers("deepseek"), ["prompts-create"].into());
    assert_eq!(callers("ark."), ["images-paint"].into());
    assert_eq!(callers("dashscope"), ["images-paint"].into());
    assert_eq!(callers("resend"), ["mail-send"].into());
    for function in callers("paypal") {
        let may = [
            "accounts-erase",
            "orders-capture",
            "orders-create",
            "paypal-webhook",
            "settle-stale",
        ];
        assert!(may.contains(&function), "{function} calls PayPal");
    }
}

pub(crate) async fn an_address_of_somebody_else_in_a_companys_answer_is_not_called() {
    let abroad = Abroad::default();
    let app = TestApp::abroad(&abroad, &[]).await;
    let seller = Seller::sign_up(&app, "mei").await;
    let foreign = Fault {
        link: Some(Link::Foreign),
        ..Fault::default()
    };
    app.stack.simulators.fault(Provider::Seedream, 100, foreign).unwrap();
    let id = seller.order(&app).await;
    app.drain().await;
    let picture = seller.picture(&app, &id).await.expect(200);
    assert_ne!(picture.json["state"], "ready", "{}", picture.text);
    let declared = declared();
    for Called { host, function, .. } in abroad.called() {
        let is_declared = declared
            .iter()
            .any(|line| line.hosts.iter().any(|pattern| fits(pattern, &host)));
        assert!(is_declared, "{function} calls {host}");
    }
}
