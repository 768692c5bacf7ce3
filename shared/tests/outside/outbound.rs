use std::time::Duration;

use shared::outbound::{Answer, Egress, Outbound, OutboundError};

use crate::server::{Reply, Server, closed_port};

fn to_loopback() -> Outbound {
    Outbound::new(Egress::hosts(&["127.0.0.1"]), None).unwrap()
}

async fn posted(reply: Reply) -> Result<Answer, OutboundError> {
    let server = Server::playing([reply]);
    let (outbound, url) = (to_loopback(), server.url("/v1"));
    outbound.post(&url).json(&"a paid request").send().await
}

#[tokio::test]
async fn an_answer_is_read_whole_and_the_caller_says_who_it_is() {
    let server = Server::playing([Reply::json(503, r#"{"a":1}"#)]);
    let outbound = to_loopback();
    let key = secrecy::SecretString::from("k");
    let answer = outbound
        .post(&server.url("/v1"))
        .bearer(&key)
        .json(&1)
        .send()
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (503, &br#"{"a":1}"#[..]));
    let seen = &server.requests()[0];
    assert_eq!(seen.line, "POST /v1 HTTP/1.1");
    assert_eq!(
        seen.header("user-agent"),
        Some(concat!("vitrine/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(seen.header("authorization"), Some("Bearer k"));
    assert_eq!(seen.header("cookie"), None);
}

#[tokio::test]
async fn a_refused_connection_was_surely_not_sent() {
    let url = format!("http://127.0.0.1:{}/", closed_port()).parse().unwrap();
    let error = to_loopback().post(&url).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::NotSent { .. }), "{error:?}");
    assert!(error.surely_not_sent());
}

#[tokio::test]
async fn a_name_without_an_address_was_surely_not_sent() {
    // A label of 64 letters is no name at all, so the resolver need not ask anyone.
    let host = format!("{}.example", "x".repeat(64));
    let outbound = Outbound::new(Egress::hosts(&[&host]), None).unwrap();
    let url = format!("https://{host}/").parse().unwrap();
    let error = outbound.get(&url).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_cannot_speak_tls_was_surely_sent_nothing() {
    let server = Server::playing([Reply::CloseUnread]);
    let url = format!("https://127.0.0.1:{}/", server.port()).parse().unwrap();
    let error = to_loopback().get(&url).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_dies_after_it_stood_leaves_the_outcome_unknown() {
    for (name, reply) in [
        ("before reading", Reply::CloseUnread),
        ("after reading", Reply::CloseAfterReading),
        ("within the answer", Reply::CutShort),
    ] {
        let error = posted(reply).await.unwrap_err();
        assert!(matches!(error, OutboundError::Lost { .. }), "{name}: {error:?}");
        assert!(!error.surely_not_sent());
    }
}

#[tokio::test]
async fn the_deadline_holds_for_silence_and_for_a_body_that_trickles() {
    for reply in [Reply::Hang, Reply::Trickle] {
        let server = Server::playing([reply]);
        let url = server.url("/");
        let error = to_loopback()
            .get(&url)
            .within(Duration::from_millis(150))
            .send()
            .await
            .unwrap_err();
        assert!(matches!(error, OutboundError::Lost { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_the_cap_and_no_further() {
    for (reply, fits) in [
        (Reply::Endless, false),
        (Reply::new(200, &[], &[b'x'; 1001]), false),
        (Reply::new(200, &[], &[b'x'; 1000]), true),
    ] {
        let server = Server::playing([reply]);
        let answer = to_loopback().get(&server.url("/")).read_capped(1000).send().await;
        match answer {
            Ok(answer) => assert!(fits && answer.body.len() == 1000),
            Err(error) => assert!(
                !fits && matches!(error, OutboundError::TooLong { limit: 1000, .. }),
                "{error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Server::playing([Reply::json(200, "{}")]);
    let server = Server::playing([Reply::new(307, &[("location", elsewhere.url("/").as_str())], b"")]);
    let answer = to_loopback().post(&server.url("/")).send().await.unwrap();
    assert_eq!(answer.status, 307);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_host_that_is_not_declared_is_refused_by_name_and_hears_nothing() {
    let server = Server::playing([Reply::json(200, "{}")]);
    let outbound = Outbound::new(Egress::hosts(&["api.deepseek.com"]), None).unwrap();
    let error = outbound.get(&server.url("/")).send().await.unwrap_err();
    assert!(matches!(&error, OutboundError::HostNotDeclared { host } if host == "127.0.0.1"));
    assert_eq!(error.to_string(), "`127.0.0.1` is not a declared host of this client");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_declared_host_is_not_spoken_to_in_the_clear() {
    let outbound = Outbound::new(Egress::hosts(&["api.deepseek.com"]), None).unwrap();
    let url = "http://api.deepseek.com/".parse().unwrap();
    let error = outbound.get(&url).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::NotPrivate { .. }), "{error:?}");
}

#[tokio::test]
async fn a_name_of_localhost_is_this_machine() {
    let server = Server::playing([Reply::json(200, "{}")]);
    let outbound = Outbound::new("*.cos.localhost".parse().unwrap(), None).unwrap();
    let url = format!("http://pictures.cos.localhost:{}/", server.port())
        .parse()
        .unwrap();
    assert_eq!(outbound.get(&url).send().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_connection_is_used_once() {
    // The second request would be lost on the first one's connection, which the server closed meanwhile.
    let server = Server::playing([Reply::json(200, "{}"), Reply::json(200, "{}")]);
    let outbound = to_loopback();
    for _ in 0..2 {
        assert_eq!(outbound.get(&server.url("/")).send().await.unwrap().status, 200);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn no_error_repeats_the_address_it_was_about() {
    let server = Server::playing([Reply::CloseAfterReading]);
    let url = server.url("/picture?X-Tos-Signature=secret");
    let error = to_loopback().get(&url).send().await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_wait_is_read_in_seconds_and_believed_up_to_an_hour() {
    for (text, expected) in [("7", Some(7)), ("999999", Some(3600)), ("soon", None)] {
        let answer = posted(Reply::new(429, &[("retry-after", text)], b"")).await.unwrap();
        assert_eq!(answer.retry_after(), expected.map(Duration::from_secs), "{text}");
    }
}
