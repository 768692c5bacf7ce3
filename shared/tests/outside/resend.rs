use serde_json::json;
use shared::Id;
use shared::domain::mail::{Letter, Mail, MailKind};
use shared::ids;
use shared::providers::resend::Resend;
use shared::providers::{MailError, Mailer as _, Sent};

use crate::server::{Reply, Server};
use crate::{platform_with, vars};

fn client(url: &str) -> Resend {
    let vars = vars(
        &[
            ("RESEND_KEY_PARAMETER", "/k"),
            ("MAIL_FROM", "Vitrine <no-reply@vitrine.example>"),
        ],
        &[("RESEND_URL", url)],
    );
    Resend::new(&vars, &platform_with(&[("/k", "re_good")])).unwrap()
}

fn mail() -> Mail {
    let platform = platform_with(&[]);
    let id: Id<ids::Mail> = platform.ids.next();
    Mail {
        id,
        account: None,
        kind: MailKind::VerifyEmail,
        to: "mei@example.com".parse().unwrap(),
        letter: Letter {
            subject: "Your code".to_owned(),
            text: "123456".to_owned(),
            html: "<p>123456</p>".to_owned(),
        },
        not_after: platform.clock.now(),
    }
}

async fn sent(reply: Reply) -> Result<Sent, MailError> {
    let server = Server::playing([reply]);
    client(&server.origin()).send(&mail()).await
}

#[tokio::test]
async fn the_address_and_the_message_are_all_that_is_told() {
    let server = Server::playing([Reply::json(200, r#"{"id":"49a3999c"}"#)]);
    let mail = mail();
    let sent = client(&server.origin()).send(&mail).await.unwrap();
    assert_eq!(sent.reference.as_deref(), Some("49a3999c"));
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /emails HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer re_good"));
    assert!(request.header("user-agent").unwrap().starts_with("vitrine/"));
    let key = format!("verify_email/{}", mail.id);
    assert_eq!(request.header("idempotency-key"), Some(key.as_str()));
    assert_eq!(
        request.json(),
        json!({
            "from": "Vitrine <no-reply@vitrine.example>",
            "to": ["mei@example.com"],
            "subject": "Your code",
            "html": "<p>123456</p>",
            "text": "123456",
        })
    );
}

#[tokio::test]
async fn handing_over_again_sends_the_very_same_bytes() {
    let server = Server::playing([Reply::CloseAfterReading, Reply::json(200, "{}")]);
    let (client, mail) = (client(&server.origin()), mail());
    assert!(matches!(client.send(&mail).await, Err(MailError::Retry { .. })));
    assert!(client.send(&mail).await.is_ok());
    let requests = server.requests();
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(
        requests[0].header("idempotency-key"),
        requests[1].header("idempotency-key")
    );
}

#[tokio::test]
async fn every_row_of_the_contract_has_its_fate() {
    for (status, name, expected) in [
        (400, "invalid_idempotency_key", "alarm"),
        (400, "validation_error", "rejected"),
        (401, "missing_api_key", "alarm"),
        (401, "restricted_api_key", "alarm"),
        (401, "validation_error", "alarm"),
        (403, "invalid_api_key", "alarm"),
        (403, "suspended_api_key", "alarm"),
        (403, "validation_error", "alarm"),
        (404, "not_found", "alarm"),
        (405, "method_not_allowed", "alarm"),
        (409, "concurrent_idempotent_requests", "retry"),
        (409, "resource_locked", "retry"),
        (409, "invalid_idempotent_request", "already sent"),
        (422, "validation_error", "rejected"),
        (422, "invalid_parameter", "rejected"),
        (422, "invalid_from_address", "alarm"),
        (422, "missing_required_field", "alarm"),
        (429, "rate_limit_exceeded", "retry"),
        (429, "daily_quota_exceeded", "alarm"),
        (429, "monthly_quota_exceeded", "alarm"),
        (500, "application_error", "retry"),
        (500, "internal_server_error", "retry"),
        (503, "service_unavailable", "retry"),
    ] {
        let message = "`mei@example.com` is not good";
        let body = json!({"statusCode": status, "name": name, "message": message}).to_string();
        let error = sent(Reply::json(status, &body)).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains('@'), "{error:?}");
        let class = match error {
            MailError::Retry { .. } => "retry",
            MailError::Rejected { .. } => "rejected",
            MailError::AlreadySent => "already sent",
            MailError::Alarm { .. } => "alarm",
        };
        assert_eq!(class, expected, "{status} {name}");
    }
}

#[tokio::test]
async fn a_full_second_is_waited_out_as_told() {
    let body = br#"{"statusCode":429,"name":"rate_limit_exceeded","message":"Too many requests"}"#;
    let error = sent(Reply::new(429, &[("retry-after", "1")], body)).await.unwrap_err();
    let expected = Some(std::time::Duration::from_secs(1));
    assert!(matches!(error, MailError::Retry { after, .. } if after == expected));
}

#[tokio::test]
async fn no_answer_means_the_same_mail_may_be_handed_over_again() {
    for reply in [Reply::CloseUnread, Reply::CutShort, Reply::new(502, &[], b"<html>")] {
        let error = sent(reply).await.unwrap_err();
        assert!(matches!(error, MailError::Retry { .. }), "{error:?}");
    }
}
