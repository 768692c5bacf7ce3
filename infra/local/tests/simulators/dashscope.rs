//! DashScope's contract.

use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use vitrine::sim::{Fault, Link, Provider, TaskStatus};

use crate::{Bench, answer, error_named, failing, looked_at};

const SYNC: &str = "/api/v1/services/aigc/multimodal-generation/generation";
const ASYNC: &str = "/api/v1/services/aigc/text2image/image-synthesis";

/// An order for a task, with some of its parameters replaced.
fn order(prompt: &str, changes: Value) -> Value {
    let mut parameters = json!({"size": "1328*1328", "n": 1, "prompt_extend": false, "watermark": false});
    for (name, value) in changes.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    json!({"model": "qwen-image-plus", "input": {"prompt": prompt}, "parameters": parameters})
}

fn conversation(prompt: &str) -> Value {
    let messages = json!([{"role": "user", "content": [{"text": prompt}]}]);
    let mut body = order(prompt, json!({"result_format": "message"}));
    body["input"] = json!({ "messages": messages });
    body
}

fn taking(seconds: u32) -> Fault {
    Fault {
        task_s: seconds,
        ..Fault::default()
    }
}

impl Bench {
    fn keyed(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth("good-key")
    }

    async fn submit(&self, body: &Value) -> (u16, Value) {
        let request = self.keyed(Method::POST, ASYNC).header("x-dashscope-async", "enable");
        answer(request.json(body).send().await.unwrap()).await
    }

    /// Hands a task in and gives its id.
    async fn task(&self, prompt: &str) -> String {
        let (status, reply) = self.submit(&order(prompt, json!({}))).await;
        assert_eq!((status, &reply["output"]["task_status"]), (200, &json!("PENDING")));
        reply["output"]["task_id"].as_str().unwrap().to_owned()
    }

    async fn look(&self, id: &str) -> (u16, Value) {
        let request = self.keyed(Method::GET, &format!("/api/v1/tasks/{id}"));
        answer(request.send().await.unwrap()).await
    }

    async fn status(&self, id: &str) -> String {
        self.look(id).await.1["output"]["task_status"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn cancel(&self, id: &str) -> (u16, Value) {
        let request = self.keyed(Method::POST, &format!("/api/v1/tasks/{id}/cancel"));
        answer(request.send().await.unwrap()).await
    }

    fn paintings(&self) -> Vec<vitrine::sim::Painting> {
        self.simulators.book().dashscope.work
    }
}

#[tokio::test]
async fn a_task_is_done_at_the_first_look_and_its_png_has_the_size_that_was_ordered() {
    let bench = Bench::new().await;
    let (_, accepted) = bench.submit(&order("a red mug", json!({"size": "928*1664"}))).await;
    assert_eq!(accepted["output"].as_object().unwrap().len(), 2);
    assert!(accepted["request_id"].is_string());
    let id = accepted["output"]["task_id"].as_str().unwrap();
    let (status, reply) = bench.look(id).await;
    let output = &reply["output"];
    assert_eq!((status, &output["task_status"]), (200, &json!("SUCCEEDED")));
    assert_eq!(output["submit_time"], "2026-11-22 17:00:00.000");
    assert_eq!(reply["usage"], json!({"image_count": 1}));
    let result = &output["results"][0];
    assert_eq!(result["orig_prompt"], "a red mug");
    assert!(result.get("actual_prompt").is_none());
    let url = result["url"].as_str().unwrap();
    assert!(url.contains(".png?Expires="), "{url}");
    assert_eq!(looked_at(&bench.download(url).await.1), ("png", 928, 1664));
}

#[tokio::test]
async fn a_picture_is_billed_once_when_its_task_has_succeeded_whoever_looks() {
    let bench = Bench::new().await;
    bench.fault(Provider::Dashscope, taking(40));
    let id = bench.task("a red mug").await;
    assert!(bench.paintings().is_empty());
    bench.clock.advance(SignedDuration::from_secs(40));
    let billed = bench.paintings();
    let [painting] = billed.as_slice() else {
        panic!("{billed:?}")
    };
    assert_eq!(painting.task.as_deref(), Some(id.as_str()));
    assert_eq!(
        (painting.prompt.as_str(), painting.size.as_str()),
        ("a red mug", "1328*1328")
    );
    for _ in 0..3 {
        assert_eq!(bench.status(&id).await, "SUCCEEDED");
    }
    assert_eq!(bench.paintings().len(), 1);
}

#[tokio::test]
async fn a_task_stands_in_line_runs_and_ends_by_the_clock() {
    let bench = Bench::new().await;
    bench.fault(Provider::Dashscope, taking(40));
    let id = bench.task("a red mug").await;
    for (seconds, expected) in [
        (0, "PENDING"),
        (9, "PENDING"),
        (1, "RUNNING"),
        (29, "RUNNING"),
        (1, "SUCCEEDED"),
    ] {
        bench.clock.advance(SignedDuration::from_secs(seconds));
        assert_eq!(bench.status(&id).await, expected);
    }
}

#[tokio::test]
async fn only_a_task_that_stands_in_line_can_be_called_off_and_is_not_billed() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        bench.fault(Provider::Dashscope, taking(40));
    }
    let (first, second) = (bench.task("a red mug").await, bench.task("a blue vase").await);
    assert_eq!(bench.cancel(&first).await.0, 200);
    bench.clock.advance(SignedDuration::from_secs(15));
    let (status, reply) = bench.cancel(&second).await;
    assert_eq!((status, &reply["code"]), (400, &json!("UnsupportedOperation")));
    bench.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(
        (bench.status(&first).await, bench.status(&second).await),
        ("CANCELED".into(), "SUCCEEDED".into())
    );
    assert_eq!(bench.paintings().len(), 1);
}

#[tokio::test]
async fn tasks_and_links_live_a_day() {
    let bench = Bench::new().await;
    let id = bench.task("a red mug").await;
    let (_, reply) = bench.look(&id).await;
    let url = reply["output"]["results"][0]["url"].as_str().unwrap().to_owned();
    bench.clock.advance(SignedDuration::from_secs(24 * 3600 - 1));
    assert_eq!(
        (bench.status(&id).await.as_str(), bench.download(&url).await.0),
        ("SUCCEEDED", 200)
    );
    bench.clock.advance(SignedDuration::from_secs(1));
    let (status, reply) = bench.look(&id).await;
    assert_eq!(
        (status, &reply["output"]),
        (200, &json!({"task_id": id, "task_status": "UNKNOWN"}))
    );
    let (status, body) = bench.download(&url).await;
    assert_eq!(status, 403);
    assert!(String::from_utf8(body).unwrap().contains("<Code>AccessDenied</Code>"));
    assert_eq!(bench.status("no-such-task").await, "UNKNOWN");
}

#[tokio::test]
async fn what_moderation_will_not_have_becomes_a_failed_task_and_a_400_on_the_spot() {
    let bench = Bench::new().await;
    let id = bench.task("FORBIDDEN").await;
    let (status, reply) = bench.look(&id).await;
    let output = &reply["output"];
    assert_eq!((status, &output["task_status"]), (200, &json!("FAILED")));
    assert_eq!(output["code"], "DataInspectionFailed");
    assert_eq!(output["message"], "Input data may contain inappropriate content.");
    let request = bench.keyed(Method::POST, SYNC).json(&conversation("FORBIDDEN"));
    let (status, reply) = answer(request.send().await.unwrap()).await;
    assert_eq!((status, &reply["code"]), (400, &json!("DataInspectionFailed")));
    let (status, reply) = bench.submit(&order("RATELIMIT", json!({}))).await;
    assert_eq!((status, &reply["code"]), (429, &json!("Throttling.RateQuota")));
    assert!(bench.paintings().is_empty());
}

#[tokio::test]
async fn a_task_comes_to_what_was_ordered_inside_a_200_and_is_not_billed() {
    let bench = Bench::new().await;
    for (status, word) in [
        (TaskStatus::Failed, "FAILED"),
        (TaskStatus::Unknown, "UNKNOWN"),
        (TaskStatus::Canceled, "CANCELED"),
        (TaskStatus::Suspended, "SUSPENDED"),
        (TaskStatus::Running, "RUNNING"),
    ] {
        let fault = Fault {
            task_status: Some(status),
            task_s: 1,
            ..Fault::default()
        };
        bench.fault(Provider::Dashscope, fault);
        let id = bench.task("a red mug").await;
        bench.clock.advance(SignedDuration::from_secs(5));
        assert_eq!(bench.status(&id).await, word);
    }
    let fault = json!({"task_status": "FAILED", "error": "DataInspectionFailed", "body": "Output data may be bad."});
    bench
        .post("/_sim/faults", &json!({"provider": "dashscope", "fault": fault}))
        .await;
    let id = bench.task("a red mug").await;
    let output = bench.look(&id).await.1["output"].clone();
    assert_eq!(
        (&output["code"], &output["message"]),
        (&json!("DataInspectionFailed"), &json!("Output data may be bad."))
    );
    let fault = Fault {
        no_image: true,
        ..Fault::default()
    };
    bench.fault(Provider::Dashscope, fault);
    let id = bench.task("a red mug").await;
    let (_, reply) = bench.look(&id).await;
    assert_eq!(
        (&reply["output"]["task_status"], &reply["output"]["results"]),
        (&json!("SUCCEEDED"), &json!([]))
    );
    assert!(bench.paintings().is_empty());
}

#[tokio::test]
async fn a_submit_whose_answer_is_lost_after_the_work_leaves_a_task_that_is_billed() {
    let bench = Bench::new().await;
    let fault = Fault {
        reset: true,
        after_work: true,
        ..Fault::default()
    };
    bench.fault(Provider::Dashscope, fault);
    let request = bench.keyed(Method::POST, ASYNC).header("x-dashscope-async", "enable");
    assert!(request.json(&order("a red mug", json!({}))).send().await.is_err());
    assert_eq!(bench.paintings().len(), 1);
    bench.fault(Provider::Dashscope, failing(500));
    assert_eq!(bench.submit(&order("a red mug", json!({}))).await.0, 500);
    assert_eq!(bench.paintings().len(), 1);
}

#[tokio::test]
async fn faults_of_the_picture_and_its_link_meet_the_task_that_was_handed_in() {
    let bench = Bench::new().await;
    let mut pictures = Vec::new();
    for fault in [
        Fault {
            wrong_size: true,
            ..Fault::default()
        },
        Fault {
            dead_link: true,
            ..Fault::default()
        },
        Fault {
            link: Some(Link::PlainHttp),
            ..Fault::default()
        },
    ] {
        bench.fault(Provider::Dashscope, fault);
        let id = bench.task("a red mug").await;
        pictures.push(
            bench.look(&id).await.1["output"]["results"][0]["url"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(looked_at(&bench.download(&pictures[0]).await.1), ("png", 664, 664));
    assert_eq!(bench.download(&pictures[1]).await.0, 403);
    assert!(pictures[2].starts_with("http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/"));
    assert_eq!(bench.paintings().len(), 3);
}

#[tokio::test]
async fn the_prompt_is_written_anew_unless_that_is_declined_and_cut_without_a_word() {
    let bench = Bench::new().await;
    let long = "长".repeat(900);
    let (_, accepted) = bench.submit(&order(&long, json!({"prompt_extend": null}))).await;
    let (_, reply) = bench.look(accepted["output"]["task_id"].as_str().unwrap()).await;
    let actual = reply["output"]["results"][0]["actual_prompt"].as_str().unwrap();
    assert!(actual.starts_with("长") && actual.len() > 800 * 3);
    let painting = &bench.paintings()[0];
    assert_eq!(painting.prompt.chars().count(), 800);
    assert_eq!(painting.actual_prompt.as_deref(), Some(actual));
}

#[tokio::test]
async fn what_it_does_not_take_is_refused_in_the_contracts_words() {
    let bench = Bench::new().await;
    let with = |path: &str, value: Value| {
        let mut body = order("a red mug", json!({}));
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    for (body, status, code) in [
        (order("a mug", json!({"size": "1328x1328"})), 400, "InvalidParameter"),
        (order("a mug", json!({"size": "1*1"})), 400, "InvalidParameter"),
        (order("a mug", json!({"size": "1472*1140"})), 400, "InvalidParameter"),
        (order("a mug", json!({"n": 2})), 400, "InvalidParameter"),
        (
            order("a mug", json!({"seed": 2_147_483_648_u32})),
            400,
            "InvalidParameter",
        ),
        (order("a mug", json!({"prompt_extend": "no"})), 400, "InvalidParameter"),
        (order(" ", json!({})), 400, "InvalidParameter"),
        (with("/model", json!("no-such-model")), 404, "ModelNotFound"),
        (with("/model", json!(null)), 400, "BadRequest.EmptyModel"),
        (with("/input", json!(null)), 400, "BadRequest.EmptyInput"),
        (with("/parameters", json!(7)), 400, "BadRequest.EmptyParameters"),
    ] {
        let (got, reply) = bench.submit(&body).await;
        assert_eq!((got, &reply["code"]), (status, &json!(code)), "{body}");
        assert!(reply["message"].is_string() && reply["request_id"].is_string());
    }
    let (_, reply) = bench.submit(&order("a mug", json!({"n": 2}))).await;
    assert_eq!(reply["message"], "num_images_per_prompt must be 1");
    // Beside `parameters` instead of inside, a knob is not looked at.
    let mut beside = order("a mug", json!({}));
    beside["size"] = json!("1*1");
    assert_eq!(bench.submit(&beside).await.0, 200);
    assert_eq!(bench.paintings().len(), 1);
}

#[tokio::test]
async fn a_bad_key_and_the_wrong_kind_of_call_are_told_apart() {
    let bench = Bench::new().await;
    for (key, message) in [("bad-key", "Invalid API-key provided."), ("", "No API-key provided.")] {
        let request = bench.request(Method::POST, ASYNC).bearer_auth(key);
        let request = request.header("x-dashscope-async", "enable");
        let (status, reply) = answer(request.json(&order("a mug", json!({}))).send().await.unwrap()).await;
        assert_eq!(
            (status, &reply["code"], &reply["message"]),
            (401, &json!("InvalidApiKey"), &json!(message))
        );
    }
    let request = bench.keyed(Method::POST, ASYNC).json(&order("a mug", json!({})));
    let response = request.send().await.unwrap();
    assert!(response.headers().contains_key("x-request-id"));
    let (status, reply) = answer(response).await;
    assert_eq!((status, &reply["code"]), (403, &json!("AccessDenied")));
    let request = bench.request(Method::GET, "/api/v1/tasks/x").bearer_auth("bad-key");
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn every_code_of_the_contract_can_be_ordered_and_has_its_status() {
    let bench = Bench::new().await;
    for (code, status) in [
        ("InvalidParameter", 400),
        ("Arrearage", 400),
        ("IPInfringementSuspect", 400),
        ("FaqRuleBlocked", 400),
        ("CustomRoleBlocked", 400),
        ("InvalidApiKey", 401),
        ("Model.AccessDenied", 403),
        ("Workspace.AccessDenied", 403),
        ("AccessDenied.Unpurchased", 403),
        ("ModelNotFound", 404),
        ("WorkSpaceNotFound", 404),
        ("RequestTimeOut", 408),
        ("Throttling", 429),
        ("Throttling.BurstRate", 429),
        ("Throttling.AllocationQuota", 429),
        ("LimitRequests", 429),
        ("PrepaidBillOverdue", 429),
        ("PostpaidBillOverdue", 429),
        ("CommodityNotPurchased", 429),
        ("InternalError", 500),
        ("InternalError.Algo", 500),
        ("InternalError.Timeout", 500),
        ("SystemError", 500),
        ("RewriteFailed", 500),
        ("ModelUnavailable", 503),
        ("ModelServingError", 503),
    ] {
        bench.fault(Provider::Dashscope, error_named(code));
        let (got, reply) = bench.submit(&order("a mug", json!({}))).await;
        assert_eq!((got, &reply["code"]), (status, &json!(code)));
    }
    for status in [401, 403, 404, 408, 429, 500, 502, 503, 504] {
        bench.fault(Provider::Dashscope, failing(status));
        assert_eq!(bench.submit(&order("a mug", json!({}))).await.0, status);
    }
    assert!(bench.paintings().is_empty());
}

#[tokio::test]
async fn looks_are_limited_when_asked_for() {
    let bench = Bench::new().await;
    let id = bench.task("a red mug").await;
    let limits = bench.request(Method::PUT, "/_sim/limits");
    let limits = limits.json(&json!({"dashscope_looks_per_second": 2}));
    assert_eq!(limits.send().await.unwrap().status(), 204);
    let looks = [
        bench.look(&id).await.0,
        bench.look(&id).await.0,
        bench.look(&id).await.0,
    ];
    assert_eq!(looks, [200, 200, 429]);
    bench.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(bench.look(&id).await.0, 200);
}

#[tokio::test]
async fn on_the_spot_the_picture_is_in_the_conversation() {
    let bench = Bench::new().await;
    let mut body = conversation("a red mug");
    body["parameters"]["negative_prompt"] = json!("blurry");
    body["parameters"]["seed"] = json!(7);
    let request = bench.keyed(Method::POST, SYNC).json(&body);
    let (status, reply) = answer(request.send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(reply["usage"], json!({"width": 1328, "height": 1328, "image_count": 1}));
    let choice = &reply["output"]["choices"][0];
    assert_eq!(choice["finish_reason"], "stop");
    let url = choice["message"]["content"][0]["image"].as_str().unwrap();
    assert_eq!(looked_at(&bench.download(url).await.1), ("png", 1328, 1328));
    assert_eq!(bench.paintings()[0].task, None);

    let two = json!([{"text": "a"}, {"text": "b"}]);
    for messages in [
        json!([]),
        json!([{"role": "system", "content": [{"text": "a"}]}]),
        json!([{"role": "user", "content": two}]),
    ] {
        body["input"]["messages"] = messages;
        let request = bench.keyed(Method::POST, SYNC).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 400);
    }
    let request = bench.keyed(Method::POST, SYNC).header("x-dashscope-async", "enable");
    assert_eq!(request.json(&conversation("a mug")).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn tasks_survive_a_restart_and_are_billed_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let first = Bench::with(|options| options.data = Some(path.clone())).await;
    let done = first.task("a red mug").await;
    first.fault(Provider::Dashscope, taking(40));
    let waiting = first.task("a blue vase").await;
    let (_, before) = first.look(&done).await;
    drop(first);
    let second = Bench::with(|options| options.data = Some(path)).await;
    assert_eq!(second.look(&done).await.1["output"], before["output"]);
    assert_eq!(second.status(&waiting).await, "PENDING");
    second.clock.advance(SignedDuration::from_secs(40));
    assert_eq!(second.status(&waiting).await, "SUCCEEDED");
    assert_eq!(second.paintings().len(), 2);
}
