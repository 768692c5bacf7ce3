//! Our clients, driven to want what the libraries wanted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::domain::image::TaskId;
use shared::domain::mail::{Letter, Mail, MailKind};
use shared::domain::{Credits, ObjectKey, Order, Pack, PromptCount, Ratio, Store};
use shared::objects::{Objects, Stores};
use shared::providers::dashscope::Dashscope;
use shared::providers::deepseek::DeepSeek;
use shared::providers::paypal::{PayPal, Shop};
use shared::providers::resend::Resend;
use shared::providers::seedream::Seedream;
use shared::providers::{ImageModel as _, Mailer as _, PromptWriter as _};

use super::OurRequest;
use super::compare::request;
use crate::server::{Reply, Request, Server};
use crate::{platform_with, vars};

const SECRET: &str = "the-key";
const BUCKET: &str = "probe-1250000000";
const REGION: &str = "ap-guangzhou";
const KEY: &str = "p/0123456789abcdef0123456789abcdef.png";
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n1234567890";
/// Its MD5, by which a store proves what it kept.
const ETAG: &str = "\"0c5f83c14e5b1eae3e51107ee8c29aa6\"";
const TASK: &str = "ok-1795337922061376315";

/// One of every request that our clients make.
pub(super) async fn requests() -> Vec<OurRequest> {
    let mut all = vec![
        chat().await,
        painting().await,
        probe_of_seedream().await,
        submission().await,
        probe_of_dashscope().await,
        look_up().await,
        mail().await,
    ];
    all.extend(payments().await);
    for store in [Store::Cos, Store::Oss] {
        all.extend(objects(store).await);
    }
    all
}

/// The only request that a server got, as one to a company with a key.
fn to_company(name: &'static str, like: &'static str, server: &Server) -> OurRequest {
    let words = vec![("endpoint", "127.0.0.1".to_owned()), ("secret", SECRET.to_owned())];
    only(name, like, server, words)
}

fn only(name: &'static str, like: &'static str, server: &Server, words: super::Words) -> OurRequest {
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{name}");
    OurRequest {
        name,
        like,
        sent: request(&requests[0]),
        words,
    }
}

async fn chat() -> OurRequest {
    let content = json!({"prompts": ["a red mug on marble"]}).to_string();
    let choice = json!({"message": {"role": "assistant", "content": content}, "finish_reason": "stop"});
    let server = Server::playing([Reply::json(200, &json!({"choices": [choice]}).to_string())]);
    let vars = vars(
        &[("DEEPSEEK_MODEL", "deepseek-flash"), ("DEEPSEEK_KEY_PARAMETER", "/k")],
        &[("DEEPSEEK_URL", &server.origin())],
    );
    let client = DeepSeek::new(&vars, &platform_with(&[("/k", SECRET)])).unwrap();
    let (description, one) = ("red mug".parse().unwrap(), PromptCount::try_from(1).unwrap());
    client.write(&description, one, Duration::from_secs(20)).await.unwrap();
    to_company("DeepSeek: prompts", "chat completion", &server)
}

fn seedream(server: &Server) -> Seedream {
    let vars = vars(
        &[
            ("SEEDREAM_MODEL", "doubao-seedream-5-0-260128"),
            ("SEEDREAM_KEY_PARAMETER", "/k"),
            ("SEEDREAM_RESULT_HOSTS", "127.0.0.1"),
            ("SEEDREAM_WATERMARK", "false"),
        ],
        &[("SEEDREAM_URL", &server.origin())],
    );
    Seedream::new(&vars, &platform_with(&[("/k", SECRET)])).unwrap()
}

async fn painting() -> OurRequest {
    let drawn = json!({"data": [{"url": "https://x.volces.com/p"}]});
    let server = Server::playing([Reply::json(200, &drawn.to_string())]);
    let prompt = "a red mug on marble, studio light".parse().unwrap();
    seedream(&server).paint(&prompt, Ratio::Square).await.unwrap();
    to_company("Seedream: a picture", "image generation", &server)
}

async fn probe_of_seedream() -> OurRequest {
    let refused = json!({"error": {"code": "InvalidParameter", "message": "size", "param": "size"}});
    let server = Server::playing([Reply::json(400, &refused.to_string())]);
    seedream(&server).probe().await.unwrap();
    to_company("Seedream: the probe", "image generation", &server)
}

fn dashscope(server: &Server) -> Dashscope {
    let vars = vars(
        &[
            ("DASHSCOPE_MODEL", "qwen-image-plus"),
            ("DASHSCOPE_KEY_PARAMETER", "/k"),
            ("DASHSCOPE_RESULT_HOSTS", "127.0.0.1"),
            ("DASHSCOPE_WATERMARK", "false"),
        ],
        &[("DASHSCOPE_URL", &server.origin())],
    );
    Dashscope::new(&vars, &platform_with(&[("/k", SECRET)])).unwrap()
}

async fn submission() -> OurRequest {
    let accepted = json!({"output": {"task_status": "PENDING", "task_id": TASK}});
    let server = Server::playing([Reply::json(200, &accepted.to_string())]);
    let prompt = "a red mug".parse().unwrap();
    dashscope(&server).paint(&prompt, Ratio::Square).await.unwrap();
    to_company("DashScope: a task", "task submission", &server)
}

async fn probe_of_dashscope() -> OurRequest {
    let refused = json!({"code": "InvalidParameter", "message": "size"});
    let server = Server::playing([Reply::json(400, &refused.to_string())]);
    dashscope(&server).probe().await.unwrap();
    to_company("DashScope: the probe", "task submission", &server)
}

async fn look_up() -> OurRequest {
    let waiting = json!({"output": {"task_status": "RUNNING", "task_id": TASK}});
    let server = Server::playing([Reply::json(200, &waiting.to_string())]);
    let task = TaskId::try_from(TASK.to_owned()).unwrap();
    dashscope(&server).follow(&task).await.unwrap();
    to_company("DashScope: a look", "task look-up", &server)
}

async fn mail() -> OurRequest {
    let server = Server::playing([Reply::json(200, r#"{"id":"49a3999c"}"#)]);
    let vars = vars(
        &[
            ("RESEND_KEY_PARAMETER", "/k"),
            ("MAIL_FROM", "Acme <no-reply@example.com>"),
        ],
        &[("RESEND_URL", &server.origin())],
    );
    let platform = platform_with(&[("/k", SECRET)]);
    let mail = Mail {
        id: platform.ids.next(),
        account: None,
        kind: MailKind::VerifyEmail,
        to: "buyer@example.com".parse().unwrap(),
        letter: Letter {
            subject: "Your code 123456".to_owned(),
            text: "123456".to_owned(),
            html: "<p>123456</p>".to_owned(),
        },
        not_after: platform.clock.now(),
    };
    Resend::new(&vars, &platform).unwrap().send(&mail).await.unwrap();
    to_company("Resend: a mail", "mail", &server)
}

/// What PayPal is asked; before each of these comes the request for an access token, and is shown once.
async fn payments() -> Vec<OurRequest> {
    const CHECKOUT: &str = "5O190127TN364715T";
    const CAPTURE: &str = "3C679366HH908993F";
    let token = || Reply::json(200, &json!({"access_token": SECRET, "expires_in": 31_668}).to_string());
    let link = json!({"rel": "payer-action", "href": "https://www.paypal.com/checkoutnow?token=5O"});
    let answer = json!({"id": CHECKOUT, "status": "CREATED", "links": [link], "purchase_units": []}).to_string();
    let playing = || Server::playing([token(), Reply::json(200, &answer)]);
    let client = |server: &Server| {
        let fixed = [("PAYPAL_CREDENTIALS_PARAMETER", "/k")];
        let credentials = json!({"client_id": "client", "client_secret": "hush"}).to_string();
        let platform = platform_with(&[("/k", &credentials)]);
        PayPal::new(&vars(&fixed, &[("PAYPAL_URL", &server.origin())]), &platform).unwrap()
    };
    let ids = platform_with(&[]).ids;
    let pack = Pack {
        credits: Credits(100),
        price: "9.90 USD".parse().unwrap(),
    };
    let mut order = Order::placed(ids.next(), ids.next(), pack);
    let id = order.id.to_string();
    let shown = |name, like, server: &Server, at: usize| {
        let sent = request(&server.requests()[at]);
        let words = vec![
            ("basic", "Y2xpZW50Omh1c2g=".to_owned()),
            ("capture", CAPTURE.to_owned()),
            ("checkout", CHECKOUT.to_owned()),
            ("endpoint", "127.0.0.1".to_owned()),
            ("order", id.clone()),
            ("secret", SECRET.to_owned()),
        ];
        OurRequest {
            name,
            like,
            sent,
            words,
        }
    };
    let mut all = Vec::new();

    let server = playing();
    let shop = Shop {
        brand: "Acme".to_owned(),
        return_url: "https://app.example.com/pay/return".parse().unwrap(),
        cancel_url: "https://app.example.com/pay/cancel".parse().unwrap(),
    };
    order.checkout = Some(client(&server).create(&order, &shop).await.unwrap());
    all.push(shown("PayPal: an access token", "access token", &server, 0));
    all.push(shown("PayPal: a checkout", "checkout", &server, 1));

    let server = playing();
    client(&server).capture(&CHECKOUT.parse().unwrap(), 0).await.unwrap();
    all.push(shown("PayPal: a capture", "capture", &server, 1));

    let server = playing();
    client(&server).record(&order, &[]).await.unwrap();
    all.push(shown("PayPal: a look", "order look-up", &server, 1));

    let server = playing();
    let some = Some("4.95 USD".parse().unwrap());
    client(&server)
        .refund(&CAPTURE.parse().unwrap(), some, "act_1")
        .await
        .unwrap();
    all.push(shown("PayPal: a refund", "refund", &server, 1));
    all
}

/// A store's endpoint on this machine, and what the words stand for there.
fn store(store: Store, port: u16) -> (Objects, super::Words) {
    let domain = match store {
        Store::Cos => "cos.localhost",
        Store::Oss => "oss.localhost",
    };
    let endpoint = format!("http://{domain}:{port}");
    let base = [
        ("COS_REGION", REGION),
        ("COS_BUCKET", BUCKET),
        ("COS_KEYS_PARAMETER", "/keys"),
        ("COS_ENDPOINT", endpoint.as_str()),
        ("OSS_REGION", REGION),
        ("OSS_BUCKET", BUCKET),
        ("OSS_KEYS_PARAMETER", "/keys"),
        ("OSS_ENDPOINT", endpoint.as_str()),
    ];
    let platform = platform_with(&[("/keys", r#"{"id":"AKIDEXAMPLE","secret":"hush"}"#)]);
    let stores = Stores::delivering(&vars(&base, &[]), &platform).unwrap();
    let words = vec![
        ("bucket", BUCKET.to_owned()),
        ("endpoint", domain.to_owned()),
        ("id", "AKIDEXAMPLE".to_owned()),
        ("key", KEY.to_owned()),
        ("region", REGION.to_owned()),
    ];
    (stores.of(store).unwrap().clone(), words)
}

async fn objects(which: Store) -> Vec<OurRequest> {
    let key: ObjectKey = KEY.parse().unwrap();
    let playing = |reply| {
        let server = Server::playing([reply]);
        let (objects, words) = store(which, server.port());
        (server, objects, words)
    };
    let mut all = Vec::new();

    let (server, objects, words) = playing(Reply::new(200, &[("etag", ETAG)], b""));
    objects.put(&key, PICTURE.into(), "image/png").await.unwrap();
    all.push(only("store: put", "object put", &server, words));

    let (server, objects, words) = playing(Reply::new(200, &[], b""));
    assert!(objects.exists(&key).await.unwrap());
    all.push(only("store: is it there", "object head", &server, words));

    let (server, objects, words) = playing(Reply::new(204, &[], b""));
    objects.delete(&key).await.unwrap();
    all.push(only("store: delete", "object delete", &server, words));

    let empty = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    let (server, objects, words) = playing(Reply::new(200, &[("content-type", "application/xml")], empty));
    objects.list(None, 1_000).await.unwrap();
    all.push(only("store: list", "object list", &server, words));

    all.push(link(which, &key).await);
    all
}

/// What a browser sends that follows a link of ours.
async fn link(which: Store, key: &ObjectKey) -> OurRequest {
    let (objects, words) = store(which, 80);
    let now: Timestamp = "2026-11-22T08:59:14Z".parse().unwrap();
    let life = SignedDuration::from_mins(10);
    let url = objects.download_link(key, now, life).await.unwrap().url;
    let sent = Request {
        line: format!("GET {}?{} HTTP/1.1", url.path(), url.query().unwrap()),
        headers: vec![("host".to_owned(), format!("{}:80", url.host_str().unwrap()))],
        body: Vec::new(),
    };
    OurRequest {
        name: "store: a link",
        like: "object link",
        sent: request(&sent),
        words,
    }
}
