use bytes::Bytes;
use serde_json::{Value, json};
use shared::config::ConfigError;
use shared::domain::image::Refusal;
use shared::domain::{PixelSize, Prompt, Ratio};
use shared::pictures::PictureFormat;
use shared::providers::seedream::Seedream;
use shared::providers::{FetchError, ImageModel as _, PaintError, Painted, Work};

use crate::server::{Reply, Server, closed_port};
use crate::{platform_with, vars};

const BASE: [(&str, &str); 4] = [
    ("SEEDREAM_MODEL", "doubao-seedream-5-0-260128"),
    ("SEEDREAM_KEY_PARAMETER", "/k"),
    ("SEEDREAM_RESULT_HOSTS", "127.0.0.1"),
    ("SEEDREAM_WATERMARK", "false"),
];

fn client(changed: &[(&str, &str)]) -> Result<Seedream, ConfigError> {
    Seedream::new(&vars(&BASE, changed), &platform_with(&[("/k", "ark-good")]))
}

async fn painted(reply: Reply) -> Result<Painted, PaintError> {
    let server = Server::playing([reply]);
    let prompt: Prompt = "a lamp".parse().unwrap();
    let client = client(&[("SEEDREAM_URL", &server.origin())]).unwrap();
    let painted = client.paint(&prompt, Ratio::Square).await;
    // Every row: paid requests are never repeated in here.
    assert!(server.requests().len() <= 1);
    painted.map(at_once)
}

/// Seedream has no tasks.
#[expect(clippy::panic, reason = "a test that cannot go on has failed")]
fn at_once(work: Work) -> Painted {
    match work {
        Work::Painted(painted) => painted,
        Work::Accepted(task) => panic!("a task: {task:?}"),
    }
}

fn drawn(extra: &Value) -> Reply {
    let mut body =
        json!({"model": "seedream-5-0", "data": [{"url": "https://x.volces.com/p?s=1", "size": "2048x2048"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Reply::json(200, &body.to_string())
}

fn error(status: u16, code: &str) -> Reply {
    let error = json!({"code": code, "message": "no. Request id: 021", "param": "", "type": "BadRequest"});
    Reply::json(status, &json!({ "error": error }).to_string())
}

#[tokio::test]
async fn the_prompt_is_all_that_is_told_and_every_field_that_has_a_bad_default_is_said() {
    let server = Server::playing([drawn(&json!({}))]);
    let client = client(&[("SEEDREAM_URL", &server.origin())]).unwrap();
    let painted = at_once(client.paint(&"a lamp".parse().unwrap(), Ratio::Wide).await.unwrap());
    assert_eq!(painted.url.as_str(), "https://x.volces.com/p?s=1");
    assert_eq!(painted.model, "seedream-5-0");
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /api/v3/images/generations HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer ark-good"));
    assert_eq!(
        request.json(),
        json!({
            "model": "doubao-seedream-5-0-260128",
            "prompt": "a lamp",
            "size": "2848x1600",
            "response_format": "url",
            "output_format": "jpeg",
            "watermark": false,
            "sequential_image_generation": "disabled",
        })
    );
}

#[tokio::test]
async fn an_address_with_a_path_is_taken_as_it_is() {
    let server = Server::playing([drawn(&json!({}))]);
    let client = client(&[("SEEDREAM_URL", server.url("/api/plan/v3").as_str())]).unwrap();
    client.paint(&"a lamp".parse().unwrap(), Ratio::Square).await.unwrap();
    assert_eq!(
        server.requests()[0].line,
        "POST /api/plan/v3/images/generations HTTP/1.1"
    );
}

#[test]
fn the_five_shapes_are_the_contracts() {
    let client = client(&[("SEEDREAM_URL", "https://ark.cn-beijing.volces.com")]).unwrap();
    let sizes = Ratio::ALL.map(|ratio| format!("{} {}", ratio.as_str(), client.pixels(ratio)));
    assert_eq!(
        sizes,
        [
            "1:1 2048x2048",
            "4:3 2304x1728",
            "3:4 1728x2304",
            "16:9 2848x1600",
            "9:16 1600x2848"
        ]
    );
}

#[tokio::test]
async fn refusals_are_told_apart_wherever_they_stand() {
    let in_item = json!({"data": [{"error": {"code": "OutputImageSensitiveContentDetected", "message": "no"}}]});
    for (reply, expected) in [
        (error(400, "InputTextSensitiveContentDetected"), Refusal::Prompt),
        (error(400, "OutputImageSensitiveContentDetected"), Refusal::Picture),
        (error(200, "InputTextRiskDetection"), Refusal::Prompt),
        (Reply::json(200, &in_item.to_string()), Refusal::Picture),
    ] {
        let outcome = painted(reply).await;
        assert!(
            matches!(outcome, Err(PaintError::Refused { by }) if by == expected),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn what_ark_itself_reports_as_failed_is_not_charged() {
    for (reply, expected) in [
        (error(500, "InternalServiceError"), (true, true, false)),
        (error(200, "InternalServiceError"), (true, true, false)),
        (error(429, "ModelAccountIpmRateLimitExceeded"), (true, true, false)),
        (Reply::json(429, ""), (true, true, false)),
        (error(429, "QuotaExceeded"), (false, true, true)),
        (error(401, "AuthenticationError"), (false, true, true)),
        (error(404, "ModelNotOpen"), (false, true, true)),
        (error(400, "InvalidParameter"), (false, false, true)),
        (error(400, "ContentSecurityDetectionError"), (true, true, false)),
        (
            Reply::json(200, r#"{"data":[],"usage":{"generated_images":0}}"#),
            (true, true, false),
        ),
        (
            Reply::new(307, &[("location", "https://example.com/")], b""),
            (false, true, true),
        ),
    ] {
        match painted(reply).await.unwrap_err() {
            PaintError::NotCharged {
                retry,
                fail_over,
                alarm,
                reason,
                ..
            } => {
                assert_eq!((retry, fail_over, alarm), expected, "{reason}");
            }
            error @ (PaintError::Refused { .. } | PaintError::Unknown { .. }) => panic!("{expected:?}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_wait_the_model_asks_for_is_passed_on() {
    let reply = Reply::new(429, &[("retry-after", "5")], b"{}");
    let Err(PaintError::NotCharged { after, .. }) = painted(reply).await else {
        panic!("not charged")
    };
    assert_eq!(after, Some(std::time::Duration::from_secs(5)));
}

#[tokio::test]
async fn what_may_have_been_painted_is_unknown() {
    for (name, reply) in [
        ("closed before reading", Reply::CloseUnread),
        ("closed after reading", Reply::CloseAfterReading),
        ("cut short", Reply::CutShort),
        ("endless", Reply::Endless),
        ("bad gateway", Reply::new(502, &[], b"<html>")),
        ("gateway time-out", Reply::new(504, &[], b"<html>")),
        ("gateway time-out in Ark's clothes", error(504, "InternalServiceError")),
        ("a server error that is not Ark's", Reply::new(500, &[], b"<html>")),
        ("not JSON", Reply::json(200, "oops")),
        (
            "no picture and no word about the bill",
            Reply::json(200, r#"{"data":[{}]}"#),
        ),
        (
            "billed without a picture",
            Reply::json(200, r#"{"data":null,"usage":{"generated_images":1}}"#),
        ),
        (
            "a link that is none",
            Reply::json(200, r#"{"data":[{"url":"nowhere"}]}"#),
        ),
    ] {
        let outcome = painted(reply).await;
        assert!(
            matches!(outcome, Err(PaintError::Unknown { .. })),
            "{name}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn nobody_at_home_was_surely_not_charged() {
    let url = format!("http://127.0.0.1:{}", closed_port());
    let client = client(&[("SEEDREAM_URL", &url)]).unwrap();
    let outcome = client.paint(&"a lamp".parse().unwrap(), Ratio::Square).await;
    let expected = |error: &PaintError| {
        matches!(
            error,
            PaintError::NotCharged {
                retry: true,
                fail_over: true,
                alarm: false,
                ..
            }
        )
    };
    assert!(outcome.as_ref().is_err_and(expected), "{outcome:?}");
}

#[tokio::test]
async fn explicit_nulls_are_absent() {
    let reply = drawn(&json!({"error": null, "usage": null}));
    assert!(painted(reply).await.is_ok());
}

fn file() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(40, 30)
        .write_to(&mut file, image::ImageFormat::Jpeg)
        .unwrap();
    file.into_inner()
}

async fn fetched(reply: Reply) -> Result<shared::pictures::Picture, FetchError> {
    let server = Server::playing([reply]);
    let client = client(&[("SEEDREAM_URL", "https://ark.cn-beijing.volces.com")]).unwrap();
    client.fetch(&server.url("/p?X-Tos-Signature=s")).await
}

#[tokio::test]
async fn a_result_is_fetched_without_the_key_and_measured() {
    let server = Server::playing([Reply::new(200, &[("content-type", "text/plain")], &file())]);
    let client = client(&[("SEEDREAM_URL", &server.origin())]).unwrap();
    let picture = client.fetch(&server.url("/p?X-Tos-Signature=s")).await.unwrap();
    assert_eq!(picture.size(), PixelSize { width: 40, height: 30 });
    assert_eq!(picture.format(), PictureFormat::Jpeg);
    assert_eq!(picture.bytes(), &Bytes::from(file()));
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_dead_link_is_told_from_a_bad_moment_and_from_no_picture() {
    let elsewhere = Server::playing([Reply::new(200, &[], &file())]);
    let huge = format!("{}", 33 * 1024 * 1024);
    let too_large = format!("HTTP/1.1 200 OK\r\ncontent-length: {huge}\r\n\r\n").into_bytes();
    for (name, reply, expected) in [
        ("expired", Reply::new(403, &[], b"<Error/>"), "gone"),
        ("absent", Reply::new(404, &[], b""), "gone"),
        ("busy", Reply::new(429, &[], b""), "retryable"),
        ("broken", Reply::new(500, &[], b""), "retryable"),
        ("gateway", Reply::new(504, &[], b""), "retryable"),
        ("reset", Reply::CutShort, "retryable"),
        ("closed", Reply::CloseUnread, "retryable"),
        (
            "a page",
            Reply::new(200, &[("content-type", "image/jpeg")], b"<html>"),
            "invalid",
        ),
        (
            "half a picture's header",
            Reply::new(200, &[], b"\xff\xd8\xff\xe0"),
            "invalid",
        ),
        ("endless", Reply::Endless, "invalid"),
        ("announced as too large", Reply::Bytes(too_large), "invalid"),
        (
            "redirect",
            Reply::new(302, &[("location", elsewhere.url("/").as_str())], b""),
            "invalid",
        ),
    ] {
        let error = fetched(reply).await.unwrap_err();
        let class = match error {
            FetchError::Gone { .. } => "gone",
            FetchError::Retryable { .. } => "retryable",
            FetchError::Invalid { .. } => "invalid",
        };
        assert_eq!(class, expected, "{name}: {error:?}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let server = Server::playing([Reply::new(200, &[], &file())]);
    let hosts = ("SEEDREAM_RESULT_HOSTS", "*.volces.com,*.bytepluses.com");
    let client = client(&[("SEEDREAM_URL", "https://ark.cn-beijing.volces.com"), hosts]).unwrap();
    for url in [
        server.url("/"),
        "http://a.volces.com/".parse().unwrap(),
        "https://volces.com.example/".parse().unwrap(),
    ] {
        let outcome = client.fetch(&url).await;
        assert!(matches!(outcome, Err(FetchError::Invalid { .. })), "{url}: {outcome:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn configuration_that_would_let_strangers_in_stops_the_start() {
    let good = ("SEEDREAM_URL", "https://ark.ap-southeast.bytepluses.com/api/v3");
    for (changed, name) in [
        (vec![("SEEDREAM_URL", "https://ark.example")], "SEEDREAM_URL"),
        (vec![good, ("SEEDREAM_RESULT_HOSTS", "*.com")], "SEEDREAM_RESULT_HOSTS"),
        (
            vec![good, ("SEEDREAM_RESULT_HOSTS", "*.example.com")],
            "SEEDREAM_RESULT_HOSTS",
        ),
        (vec![good, ("SEEDREAM_RESULT_HOSTS", "")], "SEEDREAM_RESULT_HOSTS"),
        (vec![good, ("SEEDREAM_WATERMARK", "maybe")], "SEEDREAM_WATERMARK"),
    ] {
        let error = client(&changed).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(client(&[good, ("SEEDREAM_RESULT_HOSTS", "*.tos-cn-beijing.volces.com")]).is_ok());
}
