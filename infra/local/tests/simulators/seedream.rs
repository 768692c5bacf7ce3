//! Seedream's contract.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use vitrine::sim::{Fault, Provider};

use crate::{Bench, answer, error_named, failing, looked_at};

const LITE: &str = "doubao-seedream-5-0-260128";
const PRO: &str = "doubao-seedream-5-0-pro-260628";
const FOUR_FIVE: &str = "doubao-seedream-4-5-251128";

/// An order for a small picture: the smallest models draw fastest.
fn order(changes: Value) -> Value {
    let mut body = json!({"model": PRO, "prompt": "a red mug", "size": "1024x1024", "watermark": false});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

impl Bench {
    async fn paint(&self, body: &Value) -> (u16, Value) {
        let request = self
            .request(Method::POST, "/api/v3/images/generations")
            .bearer_auth("good-key")
            .json(body);
        answer(request.send().await.unwrap()).await
    }
}

fn link(reply: &Value) -> &str {
    reply["data"][0]["url"].as_str().unwrap()
}

#[tokio::test]
async fn a_picture_has_exactly_the_size_that_was_ordered() {
    let bench = Bench::new().await;
    let (status, reply) = bench
        .paint(&json!({"model": LITE, "prompt": "a red mug", "size": "2304x1728"}))
        .await;
    assert_eq!(status, 200);
    assert_eq!(reply["data"][0]["size"], "2304x1728");
    assert_eq!(
        reply["usage"],
        json!({"generated_images": 1, "output_tokens": 15552, "total_tokens": 15552})
    );
    let (status, bytes) = bench.download(link(&reply)).await;
    assert_eq!((status, looked_at(&bytes)), (200, ("jpeg", 2304, 1728)));
    let billed = &bench.simulators.book().seedream.work[0];
    assert_eq!(
        (billed.images, billed.size.as_str(), billed.watermark),
        (1, "2304x1728", true)
    );
}

#[tokio::test]
async fn the_same_prompt_gives_the_same_picture_and_another_one_another() {
    let bench = Bench::new().await;
    let mut pictures = Vec::new();
    for prompt in ["a red mug", "a red mug", "a blue vase"] {
        let (_, reply) = bench
            .paint(&order(json!({"prompt": prompt, "response_format": "b64_json"})))
            .await;
        pictures.push(
            BASE64_STANDARD
                .decode(reply["data"][0]["b64_json"].as_str().unwrap())
                .unwrap(),
        );
        assert!(reply["data"][0].get("url").is_none());
    }
    assert_eq!(pictures[0], pictures[1]);
    assert_ne!(pictures[0], pictures[2]);
}

#[tokio::test]
async fn png_is_delivered_to_whom_it_may_concern_and_the_mark_is_on_unless_declined() {
    let bench = Bench::new().await;
    let picture = async |changes| {
        let (_, reply) = bench.paint(&order(changes)).await;
        assert_eq!(reply["data"][0]["output_format"], "png");
        bench.download(link(&reply)).await.1
    };
    let plain = picture(json!({"output_format": "png"})).await;
    let marked = picture(json!({"output_format": "png", "watermark": null})).await;
    assert_eq!(looked_at(&plain), ("png", 1024, 1024));
    assert_ne!(plain, marked);
}

#[tokio::test]
async fn a_result_link_lives_a_day_needs_its_signature_and_takes_no_key() {
    let bench = Bench::new().await;
    let (_, reply) = bench.paint(&order(json!({}))).await;
    let link = link(&reply);
    let keyed = bench
        .request(Method::GET, link)
        .bearer_auth("good-key")
        .send()
        .await
        .unwrap();
    assert_eq!(keyed.status(), 400);
    assert_eq!(bench.get(link.split_once('?').unwrap().0).await.0, 403);
    bench.clock.advance(SignedDuration::from_secs(24 * 3600 - 1));
    assert_eq!(bench.download(link).await.0, 200);
    bench.clock.advance(SignedDuration::from_secs(1));
    let (status, reply) = bench.get(link).await;
    assert_eq!((status, &reply["Code"]), (403, &json!("AccessDenied")));
}

#[tokio::test]
async fn what_the_model_does_not_take_is_refused_with_the_parameters_name() {
    let bench = Bench::new().await;
    let lite = |changes: Value| {
        let mut body = order(json!({"model": LITE, "size": "2048x2048"}));
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        body
    };
    for (body, param) in [
        (lite(json!({"size": "1x1"})), "size"),
        (lite(json!({"size": "1024x1024"})), "size"),
        (lite(json!({"size": "8192x4096"})), "size"),
        (lite(json!({"size": "1K"})), "size"),
        (lite(json!({"size": "big"})), "size"),
        (lite(json!({"output_format": "webp"})), "output_format"),
        (
            lite(json!({"model": FOUR_FIVE, "output_format": "jpeg"})),
            "output_format",
        ),
        (lite(json!({"response_format": "file"})), "response_format"),
        (lite(json!({"watermark": "no"})), "watermark"),
        (lite(json!({"seed": 7})), "seed"),
        (lite(json!({"guidance_scale": 2.5})), "guidance_scale"),
        (lite(json!({"image": "data:image/PNG;base64,AAAA"})), "image"),
        (
            lite(json!({"sequential_image_generation_options": {"max_images": 16}})),
            "sequential_image_generation_options.max_images",
        ),
        (
            lite(json!({"optimize_prompt_options": {"mode": "fast"}})),
            "optimize_prompt_options.mode",
        ),
        (order(json!({"size": "4096x4096"})), "size"),
        (order(json!({"size": "3K"})), "size"),
        (
            order(json!({"sequential_image_generation": "auto"})),
            "sequential_image_generation",
        ),
        (order(json!({"stream": true})), "stream"),
        (order(json!({"tools": [{"type": "web_search"}]})), "tools"),
        (order(json!({"background": "transparent"})), "background"),
    ] {
        let (status, reply) = bench.paint(&body).await;
        assert_eq!((status, &reply["error"]["param"]), (400, &json!(param)), "{body}");
        assert_eq!(reply["error"]["code"], "InvalidParameter");
        assert_eq!(reply["error"]["type"], "BadRequest");
    }
    for missing in ["model", "prompt"] {
        let (status, reply) = bench.paint(&order(json!({missing: null}))).await;
        assert_eq!((status, &reply["error"]["code"]), (400, &json!("MissingParameter")));
        assert_eq!(reply["error"]["param"], missing);
    }
    assert!(bench.simulators.book().seedream.work.is_empty());
}

#[tokio::test]
async fn a_bad_size_is_a_free_probe_of_key_and_model() {
    let bench = Bench::new().await;
    assert_eq!(bench.paint(&order(json!({"size": "1x1"}))).await.0, 400);
    let (status, reply) = bench
        .paint(&order(json!({"size": "1x1", "model": "no-such-model"})))
        .await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (404, &json!("InvalidEndpointOrModel.NotFound"))
    );
    assert!(bench.simulators.book().seedream.work.is_empty());
}

#[tokio::test]
async fn refusals_carry_the_request_id_in_header_and_message() {
    let bench = Bench::new().await;
    for (key, prompt, status, code, kind) in [
        ("bad-key", "a mug", 401, "AuthenticationError", "Unauthorized"),
        (
            "good-key",
            "FORBIDDEN",
            400,
            "InputTextSensitiveContentDetected",
            "BadRequest",
        ),
        (
            "good-key",
            "RATELIMIT",
            429,
            "ModelAccountIpmRateLimitExceeded",
            "TooManyRequests",
        ),
    ] {
        let request = bench
            .request(Method::POST, "/api/v3/images/generations")
            .bearer_auth(key);
        let response = request.json(&order(json!({"prompt": prompt}))).send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(id.starts_with("021"));
        let (got, reply) = answer(response).await;
        assert_eq!(
            (got, &reply["error"]["code"], &reply["error"]["type"]),
            (status, &json!(code), &json!(kind))
        );
        assert!(
            reply["error"]["message"]
                .as_str()
                .unwrap()
                .ends_with(&format!("Request id: {id}"))
        );
    }
}

#[tokio::test]
async fn every_code_of_the_contract_can_be_ordered_and_has_its_status() {
    let bench = Bench::new().await;
    for (code, status) in [
        ("OutputImageSensitiveContentDetected", 400),
        ("InputImageRiskDetection", 400),
        ("SensitiveContentDetected.Violence", 400),
        ("ContentSecurityDetectionError", 400),
        ("InvalidEndpoint.ClosedEndpoint", 400),
        ("AccountOverdueError", 403),
        ("OperationDenied.ServiceOverdue", 403),
        ("AccessDenied", 403),
        ("ModelNotOpen", 404),
        ("UnsupportedModel", 404),
        ("ModelAccountRpmRateLimitExceeded", 429),
        ("RateLimitExceeded.EndpointTPMExceeded", 429),
        ("RequestBurstTooFast", 429),
        ("InflightBatchsizeExceeded", 429),
        ("ServerOverloaded", 429),
        ("QuotaExceeded", 429),
        ("SetLimitExceeded", 429),
        ("InternalServiceError", 500),
    ] {
        bench.fault(Provider::Seedream, error_named(code));
        let (got, reply) = bench.paint(&order(json!({}))).await;
        assert_eq!((got, &reply["error"]["code"]), (status, &json!(code)));
    }
    for status in [500, 502, 504] {
        bench.fault(Provider::Seedream, failing(status));
        assert_eq!(bench.paint(&order(json!({}))).await.0, status);
    }
    assert!(bench.simulators.book().seedream.work.is_empty());
}

#[tokio::test]
async fn a_group_has_as_many_pictures_as_the_prompt_asks_for() {
    let bench = Bench::new().await;
    let changes = json!({"model": LITE, "size": "2K", "prompt": "3 pictures of a mug, 16:9", "sequential_image_generation": "auto"});
    let (_, reply) = bench.paint(&order(changes)).await;
    assert_eq!(reply["data"].as_array().unwrap().len(), 3);
    assert_eq!(reply["data"][2]["size"], "2848x1600");
    assert_eq!(reply["usage"]["generated_images"], 3);
    assert_eq!(bench.simulators.book().seedream.work[0].images, 3);
}

#[tokio::test]
async fn a_stream_names_its_events() {
    let bench = Bench::new().await;
    let (_, text) = bench
        .paint(&order(json!({"model": LITE, "size": "2K", "stream": true})))
        .await;
    let text = text.as_str().unwrap();
    assert!(text.starts_with("event: image_generation.partial_succeeded\ndata: {"));
    assert!(text.contains("event: image_generation.completed\n") && text.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn an_answer_of_200_can_still_be_wrong_in_four_ways() {
    let bench = Bench::new().await;
    bench.fault(
        Provider::Seedream,
        Fault {
            error_in_ok: true,
            ..Fault::default()
        },
    );
    let (status, reply) = bench.paint(&order(json!({}))).await;
    assert_eq!((status, &reply["error"]["code"]), (200, &json!("InternalServiceError")));

    bench.fault(
        Provider::Seedream,
        Fault {
            no_image: true,
            ..Fault::default()
        },
    );
    assert_eq!(bench.paint(&order(json!({}))).await.1["data"], json!([]));
    assert!(bench.simulators.book().seedream.work.is_empty());

    bench.fault(
        Provider::Seedream,
        Fault {
            wrong_size: true,
            ..Fault::default()
        },
    );
    let (_, reply) = bench.paint(&order(json!({}))).await;
    assert_eq!(reply["data"][0]["size"], "1024x1024");
    assert_eq!(looked_at(&bench.download(link(&reply)).await.1), ("jpeg", 512, 512));

    bench.fault(
        Provider::Seedream,
        Fault {
            dead_link: true,
            ..Fault::default()
        },
    );
    let (_, reply) = bench.paint(&order(json!({}))).await;
    assert_eq!(bench.download(link(&reply)).await.0, 403);
    assert_eq!(bench.simulators.book().seedream.work.len(), 2);
}

#[tokio::test]
async fn the_sdks_request_with_all_its_nulls_is_understood() {
    let bench = Bench::new().await;
    let body = json!({
        "model": LITE, "prompt": "a red mug on marble, studio light", "image": null, "response_format": "url",
        "size": "2048x2048", "seed": null, "guidance_scale": null, "watermark": false, "optimize_prompt": null,
        "optimize_prompt_options": null, "sequential_image_generation": "disabled",
        "sequential_image_generation_options": null, "tools": null, "output_format": null, "layer_decomposition": null,
    });
    let (status, reply) = bench.paint(&body).await;
    assert_eq!((status, &reply["data"][0]["size"]), (200, &json!("2048x2048")));
}

#[tokio::test]
async fn the_plans_address_refuses_this_accounts_key() {
    let bench = Bench::new().await;
    let request = bench
        .request(Method::POST, "/api/plan/v3/images/generations")
        .bearer_auth("good-key");
    assert_eq!(request.json(&order(json!({}))).send().await.unwrap().status(), 401);
    let models = bench
        .request(Method::GET, "/api/v3/models")
        .bearer_auth("good-key")
        .send()
        .await
        .unwrap();
    assert!(answer(models).await.1.to_string().contains(LITE));
}
