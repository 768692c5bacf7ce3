//! How often something may be done.

use jiff::SignedDuration;
use serde_json::json;

use crate::support::{World, again, app};

#[tokio::test]
async fn the_hundred_and_first_request_for_prompts_within_a_day_has_to_wait() {
    let app = app().await;
    let (mei, other) = (app.person("mei").await, app.person("other").await);
    let body = || json!({ "description": "a stoneware mug", "count": 1 });
    for left in (0..100).rev() {
        let answer = app.post(&mei, "/v1/prompts", body()).await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"prompts\";q=100;w=86400");
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"prompts\";r={left};t=")),
            "{left}"
        );
    }
    let before = World::of(&app).apart_from_limits();
    let refused = app.post(&mei, "/v1/prompts", body()).await;
    assert_eq!((refused.status, refused.problem()), (429, "too-many-requests"));
    assert!(refused.header("ratelimit").starts_with("\"prompts\";r=0;t="));
    assert!(
        World::of(&app).apart_from_limits() == before,
        "a refused request reached the model"
    );
    app.post(&other, "/v1/prompts", body()).await.expect(200);
    let seconds: i64 = refused.header("retry-after").parse().unwrap();
    app.advance(SignedDuration::from_secs(seconds));
    let mei = again(&app, &mei).await;
    app.post(&mei, "/v1/prompts", body()).await.expect(200);
}
