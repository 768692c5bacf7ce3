use serde_json::{Value, json};
use shared::config::ConfigError;
use shared::domain::Ratio;
use shared::domain::image::{Provider, Refusal, TaskId};
use shared::pictures::PictureFormat;
use shared::providers::dashscope::Dashscope;
use shared::providers::{FetchError, FollowError, ImageModel as _, PaintError, Progress, Work};

use crate::server::{Reply, Server, closed_port};
use crate::{platform_with, vars};

const BASE: [(&str, &str); 4] = [
    ("DASHSCOPE_MODEL", "qwen-image-plus"),
    ("DASHSCOPE_KEY_PARAMETER", "/k"),
    ("DASHSCOPE_RESULT_HOSTS", "127.0.0.1"),
    ("DASHSCOPE_WATERMARK", "false"),
];
const TASK: &str = "0385dc79-5ff8-4d82-bcb6-7a5d5e8b6f6a";
const LINK: &str = "https://dashscope-result-sz.oss-cn-shenzhen.aliyuncs.com/1d/p.png?Expires=1&Signature=s";

fn client(changed: &[(&str, &str)]) -> Result<Dashscope, ConfigError> {
    Dashscope::new(&vars(&BASE, changed), &platform_with(&[("/k", "sk-good")]))
}

fn client_of(server: &Server) -> Dashscope {
    client(&[("DASHSCOPE_URL", &server.origin())]).unwrap()
}

async fn submitted(reply: Reply) -> Result<Work, PaintError> {
    let server = Server::playing([reply]);
    let submitted = client_of(&server)
        .paint(&"a lamp".parse().unwrap(), Ratio::Square)
        .await;
    // Every row: paid requests are never repeated in here.
    assert!(server.requests().len() <= 1);
    submitted
}

async fn followed(reply: Reply) -> Result<Progress, FollowError> {
    let server = Server::playing([reply]);
    client_of(&server).follow(&task()).await
}

fn task() -> TaskId {
    TaskId::try_from(TASK.to_owned()).unwrap()
}

fn accepted() -> Reply {
    let body = json!({"output": {"task_status": "PENDING", "task_id": TASK}, "request_id": "r"});
    Reply::json(200, &body.to_string())
}

/// A look at the task, which has come to this.
fn look(status: &str, extra: &Value) -> Reply {
    let mut output = json!({"task_id": TASK, "task_status": status, "submit_time": "2025-09-05 11:33:20.542"});
    output
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    Reply::json(
        200,
        &json!({"request_id": "r", "output": output, "usage": {"image_count": 1}}).to_string(),
    )
}

fn failed(code: &str, message: &str) -> Reply {
    look("FAILED", &json!({"code": code, "message": message}))
}

fn error(status: u16, code: &str) -> Reply {
    let body = json!({"code": code, "message": "Input data may contain something.", "request_id": "r"});
    Reply::json(status, &body.to_string())
}

#[tokio::test]
async fn the_prompt_is_all_that_is_told_and_every_field_that_has_a_bad_default_is_said() {
    let server = Server::playing([accepted()]);
    let client = client_of(&server);
    let work = client.paint(&"a lamp".parse().unwrap(), Ratio::Wide).await.unwrap();
    assert_eq!(work, Work::Accepted(task()));
    assert_eq!(client.provider(), Provider::Dashscope);
    let request = &server.requests()[0];
    assert_eq!(
        request.line,
        "POST /api/v1/services/aigc/text2image/image-synthesis HTTP/1.1"
    );
    assert_eq!(request.header("authorization"), Some("Bearer sk-good"));
    assert_eq!(request.header("x-dashscope-async"), Some("enable"));
    assert_eq!(
        request.json(),
        json!({
            "model": "qwen-image-plus",
            "input": { "prompt": "a lamp" },
            "parameters": { "size": "1664*928", "n": 1, "prompt_extend": false, "watermark": false },
        })
    );
}

#[tokio::test]
async fn a_look_at_a_task_tells_nothing_but_its_id() {
    let server = Server::playing([look("RUNNING", &json!({}))]);
    assert_eq!(client_of(&server).follow(&task()).await.unwrap(), Progress::Waiting);
    let request = &server.requests()[0];
    assert_eq!(request.line, format!("GET /api/v1/tasks/{TASK} HTTP/1.1"));
    assert_eq!(request.header("authorization"), Some("Bearer sk-good"));
    assert!(request.body.is_empty());
}

#[tokio::test]
async fn an_address_with_a_path_is_taken_as_it_is() {
    let server = Server::playing([accepted(), look("PENDING", &json!({}))]);
    let client = client(&[("DASHSCOPE_URL", server.url("/proxy/v1/").as_str())]).unwrap();
    client.paint(&"a lamp".parse().unwrap(), Ratio::Square).await.unwrap();
    client.follow(&task()).await.unwrap();
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines[0],
        "POST /proxy/v1/services/aigc/text2image/image-synthesis HTTP/1.1"
    );
    assert_eq!(lines[1], format!("GET /proxy/v1/tasks/{TASK} HTTP/1.1"));
}

#[test]
fn the_five_shapes_are_the_contracts() {
    let client = client(&[("DASHSCOPE_URL", "https://dashscope.aliyuncs.com")]).unwrap();
    let sizes = Ratio::ALL.map(|ratio| format!("{} {}", ratio.as_str(), client.pixels(ratio)));
    assert_eq!(
        sizes,
        [
            "1:1 1328x1328",
            "4:3 1472x1104",
            "3:4 1104x1472",
            "16:9 1664x928",
            "9:16 928x1664"
        ]
    );
}

#[tokio::test]
async fn a_submit_that_dashscope_itself_turns_down_is_not_charged() {
    for (reply, expected) in [
        (error(400, "InvalidParameter"), (false, false, true)),
        (error(400, "Arrearage"), (false, true, true)),
        (error(401, "InvalidApiKey"), (false, true, true)),
        (error(403, "AccessDenied"), (false, true, true)),
        (error(404, "ModelNotFound"), (false, true, true)),
        (error(429, "Throttling.RateQuota"), (true, true, false)),
        (error(429, "Throttling.AllocationQuota"), (false, true, true)),
        (Reply::json(429, ""), (true, true, false)),
        (error(500, "InternalError"), (true, true, false)),
        (error(503, "ModelUnavailable"), (true, true, false)),
        (
            Reply::new(307, &[("location", "https://example.com/")], b""),
            (false, true, true),
        ),
    ] {
        match submitted(reply).await.unwrap_err() {
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
    let refused = submitted(error(400, "DataInspectionFailed")).await;
    assert!(
        matches!(refused, Err(PaintError::Refused { by: Refusal::Prompt })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_submit_whose_task_id_is_lost_is_unknown() {
    let task = |id: Value| {
        Reply::json(
            200,
            &json!({"output": {"task_status": "PENDING", "task_id": id}}).to_string(),
        )
    };
    for (name, reply) in [
        ("closed before reading", Reply::CloseUnread),
        ("closed after reading", Reply::CloseAfterReading),
        ("cut short", Reply::CutShort),
        ("endless", Reply::Endless),
        ("bad gateway", Reply::new(502, &[], b"<html>")),
        ("gateway time-out in DashScope's clothes", error(504, "InternalError")),
        (
            "a server error that is not DashScope's",
            Reply::new(500, &[], b"<html>"),
        ),
        ("unavailable, says somebody", Reply::json(503, r#"{"message":"no"}"#)),
        ("time-out", error(408, "RequestTimeOut")),
        ("time-out inside", error(500, "InternalError.Timeout")),
        ("not JSON", Reply::json(200, "oops")),
        ("nothing in it", Reply::json(200, r#"{"request_id":"r"}"#)),
        ("an error in a 200", error(200, "InternalError")),
        ("no id", task(Value::Null)),
        ("an empty id", task(json!(""))),
        ("an id that leads elsewhere", task(json!("../x?y"))),
        ("an id that is a number", task(json!(7))),
    ] {
        let outcome = submitted(reply).await;
        assert!(
            matches!(outcome, Err(PaintError::Unknown { .. })),
            "{name}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn nobody_at_home_was_surely_not_charged_and_a_task_is_not_lost_over_it() {
    let url = format!("http://127.0.0.1:{}", closed_port());
    let client = client(&[("DASHSCOPE_URL", &url)]).unwrap();
    let outcome = client.paint(&"a lamp".parse().unwrap(), Ratio::Square).await;
    assert!(
        matches!(
            outcome,
            Err(PaintError::NotCharged {
                retry: true,
                alarm: false,
                ..
            })
        ),
        "{outcome:?}"
    );
    let outcome = client.follow(&task()).await;
    assert!(matches!(outcome, Err(FollowError::Later { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_task_waits_until_it_has_painted() {
    for status in ["PENDING", "RUNNING", "SUSPENDED"] {
        assert_eq!(
            followed(look(status, &json!({}))).await.unwrap(),
            Progress::Waiting,
            "{status}"
        );
    }
    let results = json!([{"orig_prompt": "a lamp", "url": LINK}]);
    let Progress::Painted(painted) = followed(look("SUCCEEDED", &json!({ "results": results })))
        .await
        .unwrap()
    else {
        panic!("still waiting")
    };
    assert_eq!(painted.url.as_str(), LINK);
    assert_eq!(painted.model, "qwen-image-plus");
}

#[tokio::test]
async fn a_task_that_ended_without_a_picture_says_what_became_of_the_money() {
    let in_result = json!([{"code": "InternalError", "message": "no"}]);
    for (name, reply, expected) in [
        ("no results", look("SUCCEEDED", &json!({})), "unknown"),
        ("empty results", look("SUCCEEDED", &json!({"results": []})), "unknown"),
        (
            "a result that failed",
            look("SUCCEEDED", &json!({ "results": in_result })),
            "unknown",
        ),
        (
            "a link that is none",
            look("SUCCEEDED", &json!({"results": [{"url": "nowhere"}]})),
            "unknown",
        ),
        ("UNKNOWN", look("UNKNOWN", &json!({})), "unknown"),
        ("CANCELED", look("CANCELED", &json!({})), "not charged"),
        ("FAILED", failed("InternalError.Timeout", "timed out"), "not charged"),
        ("FAILED for no reason", look("FAILED", &json!({})), "not charged"),
        ("a wrong parameter", failed("InvalidParameter", "size"), "not charged"),
        (
            "refused words",
            failed("DataInspectionFailed", "Input data may contain inappropriate content."),
            "refused Prompt",
        ),
        (
            "refused picture",
            failed("DataInspectionFailed", "Output data may contain inappropriate content."),
            "refused Picture",
        ),
    ] {
        let Err(FollowError::Ended(error)) = followed(reply).await else {
            panic!("{name}: not ended")
        };
        let class = match &error {
            PaintError::Refused { by } => format!("refused {by:?}"),
            PaintError::NotCharged { fail_over: false, .. } => "not charged".to_owned(),
            PaintError::NotCharged { .. } => "carried on".to_owned(),
            PaintError::Unknown { .. } => "unknown".to_owned(),
        };
        assert_eq!(class, expected, "{name}: {error:?}");
    }
}

#[tokio::test]
async fn no_trouble_on_the_way_to_the_answer_ends_a_task() {
    for (name, reply) in [
        ("closed before reading", Reply::CloseUnread),
        ("closed after reading", Reply::CloseAfterReading),
        ("cut short", Reply::CutShort),
        ("endless", Reply::Endless),
        ("a wrong key", error(401, "InvalidApiKey")),
        ("no rights", error(403, "AccessDenied")),
        ("unpaid", error(400, "Arrearage")),
        ("refused, but not in the task", error(400, "DataInspectionFailed")),
        ("nothing there", Reply::new(404, &[], b"")),
        ("too many looks", error(429, "Throttling.RateQuota")),
        ("a server error", error(500, "InternalError")),
        ("a gateway", Reply::new(502, &[], b"<html>")),
        (
            "a redirect",
            Reply::new(302, &[("location", "https://example.com/")], b""),
        ),
        ("not JSON", Reply::json(200, "oops")),
        ("nothing in it", Reply::json(200, r#"{"request_id":"r"}"#)),
        ("a new status", look("PAUSED", &json!({}))),
        ("no status", Reply::json(200, r#"{"output":{}}"#)),
    ] {
        let outcome = followed(reply).await;
        assert!(matches!(outcome, Err(FollowError::Later { .. })), "{name}: {outcome:?}");
    }
    let outcome = followed(Reply::new(429, &[("retry-after", "7")], b"{}")).await;
    let Err(FollowError::Later { after, .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(after, Some(std::time::Duration::from_secs(7)));
}

#[tokio::test]
async fn the_probe_asks_for_what_must_be_refused_and_takes_the_refusal_for_life() {
    for (reply, alive) in [
        (error(400, "InvalidParameter"), true),
        (accepted(), true),
        (error(400, "Arrearage"), false),
        (error(401, "InvalidApiKey"), false),
        (error(404, "ModelNotFound"), false),
        (error(429, "Throttling"), false),
        (error(503, "ModelUnavailable"), false),
        (Reply::CloseAfterReading, false),
    ] {
        let server = Server::playing([reply]);
        let outcome = client_of(&server).probe().await;
        assert_eq!(outcome.is_ok(), alive, "{outcome:?}");
        let parameters = &server.requests()[0].json()["parameters"];
        assert_eq!(parameters["size"], "1*1");
    }
}

fn file() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(40, 30)
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

#[tokio::test]
async fn a_result_is_fetched_without_the_key() {
    let server = Server::playing([Reply::new(200, &[], &file())]);
    let picture = client_of(&server)
        .fetch(&server.url("/p.png?Signature=s"))
        .await
        .unwrap();
    assert_eq!(picture.format(), PictureFormat::Png);
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let server = Server::playing([Reply::new(200, &[], &file())]);
    let hosts = ("DASHSCOPE_RESULT_HOSTS", "dashscope-result*.aliyuncs.com");
    let client = client(&[("DASHSCOPE_URL", "https://dashscope.aliyuncs.com"), hosts]).unwrap();
    for url in [
        server.url("/"),
        "http://dashscope-result-sz.oss-cn-shenzhen.aliyuncs.com/p.png"
            .parse()
            .unwrap(),
        "https://other.oss-cn-shenzhen.aliyuncs.com/p.png".parse().unwrap(),
        "https://dashscope-result-sz.oss-cn-shenzhen.aliyuncs.com.example/p.png"
            .parse()
            .unwrap(),
    ] {
        let outcome = client.fetch(&url).await;
        assert!(matches!(outcome, Err(FetchError::Invalid { .. })), "{url}: {outcome:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn configuration_that_would_let_strangers_in_stops_the_start() {
    let good = ("DASHSCOPE_URL", "https://dashscope.aliyuncs.com");
    for (changed, name) in [
        (vec![("DASHSCOPE_URL", "https://dashscope.example")], "DASHSCOPE_URL"),
        (
            vec![("DASHSCOPE_URL", "https://bucket.oss-cn-beijing.aliyuncs.com")],
            "DASHSCOPE_URL",
        ),
        (
            vec![good, ("DASHSCOPE_RESULT_HOSTS", "*.aliyuncs.com")],
            "DASHSCOPE_RESULT_HOSTS",
        ),
        (
            vec![good, ("DASHSCOPE_RESULT_HOSTS", "dash*.aliyuncs.com")],
            "DASHSCOPE_RESULT_HOSTS",
        ),
        (vec![good, ("DASHSCOPE_RESULT_HOSTS", "")], "DASHSCOPE_RESULT_HOSTS"),
        (vec![good, ("DASHSCOPE_WATERMARK", "maybe")], "DASHSCOPE_WATERMARK"),
    ] {
        let error = client(&changed).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    for changed in [
        ("DASHSCOPE_URL", "https://dashscope-intl.aliyuncs.com"),
        ("DASHSCOPE_URL", "https://ws-1.ap-southeast-1.maas.aliyuncs.com/api/v1"),
        (
            "DASHSCOPE_RESULT_HOSTS",
            "dashscope-result-sz.oss-cn-shenzhen.aliyuncs.com",
        ),
    ] {
        assert!(client(&[good, changed]).is_ok(), "{changed:?}");
    }
}
