//! Result links that lead to something else than the picture.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use vitrine::sim::{Fault, Link, Provider};

use crate::{Bench, answer, looked_at};

impl Bench {
    /// A link of Seedream's to a small picture, spoilt like this.
    async fn spoilt(&self, link: Link) -> String {
        let fault = Fault {
            link: Some(link),
            ..Fault::default()
        };
        self.fault(Provider::Seedream, fault);
        let order = json!({"model": "doubao-seedream-5-0-pro-260628", "prompt": "a red mug", "size": "1024x1024"});
        let request = self.request(Method::POST, "/api/v3/images/generations");
        let request = request.bearer_auth("good-key").json(&order);
        let (status, reply) = answer(request.send().await.unwrap()).await;
        assert_eq!(status, 200);
        reply["data"][0]["url"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_spoilt_link_looks_like_any_other_until_it_is_followed() {
    let bench = Bench::new().await;
    let other = bench.origin.replace("127.0.0.1", "localhost");
    for (link, origin) in [
        (Link::Dead, bench.origin.as_str()),
        (Link::Slow, &bench.origin),
        (Link::Endless, &bench.origin),
        (Link::Redirect, &bench.origin),
        (Link::NotAnImage, &bench.origin),
        (Link::Huge, &bench.origin),
        (Link::Foreign, &other),
        (
            Link::PlainHttp,
            "http://ark-content-generation-cn-beijing.tos-cn-beijing.volces.com",
        ),
    ] {
        let url = bench.spoilt(link).await;
        assert!(url.starts_with(&format!("{origin}/_results/")), "{url}");
        assert!(url.contains("X-Tos-Signature="), "{url}");
    }
    assert_eq!(
        bench.simulators.book().seedream.work.len(),
        8,
        "all were painted and billed"
    );
}

#[tokio::test]
async fn dead_links_pages_and_redirects_are_answered_at_once() {
    let bench = Bench::new().await;
    let dead = bench.spoilt(Link::Dead).await;
    assert_eq!(bench.download(&dead).await.0, 403);

    let page = bench.spoilt(Link::NotAnImage).await;
    let response = bench.request(Method::GET, &page).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    assert!(response.text().await.unwrap().starts_with("<!doctype html>"));

    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let response = client.get(bench.spoilt(Link::Redirect).await).send().await.unwrap();
    assert_eq!(response.status(), 302);
    let to = response.headers()["location"].to_str().unwrap();
    assert_eq!(looked_at(&bench.download(to).await.1), ("jpeg", 1024, 1024));
}

#[tokio::test]
async fn a_foreign_link_would_give_the_picture_to_whoever_follows_it() {
    let bench = Bench::new().await;
    let url = bench.spoilt(Link::Foreign).await.replace("localhost", "127.0.0.1");
    assert_eq!(looked_at(&bench.download(&url).await.1), ("jpeg", 1024, 1024));
}

#[tokio::test]
async fn huge_and_endless_results_begin_like_a_picture_and_go_on() {
    let bench = Bench::new().await;
    for (link, announced) in [(Link::Huge, Some(200 * 1024 * 1024)), (Link::Endless, None)] {
        let url = bench.spoilt(link).await;
        let mut response = bench.request(Method::GET, &url).send().await.unwrap();
        assert_eq!(response.content_length(), announced);
        let mut read = response.chunk().await.unwrap().unwrap().to_vec();
        assert_eq!(&read[..2], [0xff, 0xd8]);
        while read.len() < 4 * 1024 * 1024 {
            read.extend_from_slice(&response.chunk().await.unwrap().unwrap());
        }
    }
}

#[tokio::test]
async fn a_slow_result_is_not_there_in_time() {
    let bench = Bench::new().await;
    let url = bench.spoilt(Link::Slow).await;
    let response = bench.request(Method::GET, &url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let whole = tokio::time::timeout(Duration::from_millis(300), response.bytes()).await;
    assert!(whole.is_err(), "it came whole: {whole:?}");
}
