use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use shared::grants::ObjectAction;
use shared::{Clock, Entropy};
use vitrine::engine::grants::{Permissions, Resource};
use vitrine::engine::objects::ObjectsSpec;
use vitrine::engine::spec::{
    BucketSpec, CdnSpec, DeadLetterSpec, IndexSpec, KeyKind, KeySpec, PipeSpec, Projection, QueueSpec, RoleSpec,
    StreamView, TableSpec, WorkerSpec,
};
use vitrine::engine::workers::{Handler, typed};
use vitrine::engine::{Engines, Settings};

pub(crate) const IMAGES: &str = "vitrine-local-images";
pub(crate) const LEDGER: &str = "vitrine-local-ledger";
pub(crate) const PAINT: &str = "vitrine-local-images-paint";
pub(crate) const ERASE: &str = "vitrine-local-images-erase";
pub(crate) const GROUP: &str = "vitrine-local-erasures";
pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/erasures";
pub(crate) const BUCKET: &str = "pictures-1250000000";
pub(crate) const OSS_BUCKET: &str = "pictures";
pub(crate) const OSS_REGION: &str = "us-west-1";

pub(crate) fn clock() -> Clock {
    Clock::manual("2026-11-22T09:00:00Z".parse().unwrap())
}

pub(crate) async fn engines(clock: &Clock) -> Engines {
    Engines::start(settings(clock, None)).await.unwrap()
}

pub(crate) fn settings(clock: &Clock, directory: Option<&Path>) -> Settings {
    let mut settings = Settings::new(clock.clone());
    settings.directory = directory.map(Path::to_path_buf);
    // Seeded ids would come again after a restart on the same files.
    if directory.is_none() {
        settings.entropy = Entropy::seeded(1);
    }
    settings.tables = vec![images(), ledger()];
    settings.queues = queues();
    settings.pipes = pipes();
    settings.schedule_groups = vec![GROUP.to_owned()];
    settings.permissions = permissions();
    settings.objects = ObjectsSpec {
        buckets: vec![BucketSpec { name: BUCKET.into() }],
        roles: vec![
            role("painter", &[ObjectAction::PutObject]),
            role("reader", &[ObjectAction::GetObject]),
            role("eraser", &[ObjectAction::DeleteObject, ObjectAction::ListBucket]),
            RoleSpec {
                owner: true,
                ..role("owner", &[])
            },
        ],
        cdn: Some(CdnSpec {
            bucket: BUCKET.into(),
            key: "deliverykey".into(),
            valid: Duration::from_secs(300),
        }),
        region: None,
    };
    settings.oss = ObjectsSpec {
        buckets: vec![BucketSpec {
            name: OSS_BUCKET.into(),
        }],
        roles: ["painter", "reader", "eraser", "owner"]
            .into_iter()
            .zip(&settings.objects.roles)
            .map(|(name, role)| RoleSpec {
                id: format!("oss-{name}"),
                bucket: OSS_BUCKET.into(),
                ..role.clone()
            })
            .collect(),
        cdn: None,
        region: Some(OSS_REGION.into()),
    };
    settings
}

fn images() -> TableSpec {
    TableSpec {
        name: IMAGES.into(),
        partition_key: KeySpec::text("account_id"),
        sort_key: Some(KeySpec::text("id")),
        indexes: vec![IndexSpec {
            name: "by_state".into(),
            partition_key: KeySpec::text("state"),
            sort_key: Some(KeySpec {
                name: "ordered".into(),
                kind: KeyKind::Number,
            }),
            projection: Projection::KeysOnly,
        }],
        ttl_attribute: Some("expires_at".into()),
        stream: Some(StreamView::NewAndOldImages),
    }
}

fn ledger() -> TableSpec {
    TableSpec {
        name: LEDGER.into(),
        partition_key: KeySpec::text("pk"),
        sort_key: Some(KeySpec::text("sk")),
        indexes: Vec::new(),
        ttl_attribute: None,
        stream: None,
    }
}

fn queues() -> Vec<QueueSpec> {
    let queue = |name: String, dead_letter| QueueSpec {
        name,
        visibility: Duration::from_secs(360),
        retention: Duration::from_secs(4 * 86_400),
        dead_letter,
    };
    [PAINT, ERASE]
        .into_iter()
        .flat_map(|name| {
            let dead = format!("{name}-dead");
            let dead_letter = DeadLetterSpec {
                queue: dead.clone(),
                max_receives: 2,
            };
            [queue(name.to_owned(), Some(dead_letter)), queue(dead, None)]
        })
        .collect()
}

fn pipes() -> Vec<PipeSpec> {
    vec![
        PipeSpec {
            name: "images-paint".into(),
            table: IMAGES.into(),
            queue: PAINT.into(),
            filters: vec![json!({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"state": {"S": ["queued"]}}}})],
            input: Some(r#"{"account_id": <$.dynamodb.Keys.account_id.S>, "id": <$.dynamodb.Keys.id.S>}"#.into()),
        },
        PipeSpec {
            name: "images-erase".into(),
            table: IMAGES.into(),
            queue: ERASE.into(),
            filters: vec![
                json!({"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"object_key": {"S": [{"exists": true}]}}}}),
            ],
            input: Some(
                r#"{"id": <$.dynamodb.Keys.id.S>, "object_key": <$.dynamodb.OldImage.object_key.S>,
                    "stores": <$.dynamodb.OldImage.stores.SS>, "by": <$.userIdentity.principalId>, "region": <$.awsRegion>}"#
                    .into(),
            ),
        },
    ]
}

fn permissions() -> Permissions {
    let table = Resource::Table(IMAGES.into());
    let mut permissions = Permissions::none();
    permissions.allow("leaver", "scheduler:CreateSchedule", &Resource::Schedules(GROUP.into()));
    permissions.allow("leaver", "iam:PassRole", &Resource::Role(ROLE.into()));
    permissions.allow(
        "returner",
        "scheduler:DeleteSchedule",
        &Resource::Schedules(GROUP.into()),
    );
    for action in [
        "GetItem",
        "PutItem",
        "BatchGetItem",
        "Scan",
        "Query",
        "ConditionCheckItem",
    ] {
        permissions.allow("images-create", &format!("dynamodb:{action}"), &table);
    }
    permissions.allow("images-create", "dynamodb:UpdateItem", &Resource::Table(LEDGER.into()));
    let index = Resource::Index {
        table: IMAGES.into(),
        index: "*".into(),
    };
    permissions.allow("images-list", "dynamodb:Query", &index);
    permissions.allow("images-list", "dynamodb:Query", &table);
    permissions.allow(
        "images-paint",
        "ssm:GetParameters",
        &Resource::Parameter("/vitrine/local/cos-painter".into()),
    );
    permissions.allow(
        "images-paint",
        "ssm:GetParameter",
        &Resource::Parameter("/vitrine/local/cos-painter".into()),
    );
    permissions.allow(
        "images-paint",
        "ssm:GetParameters",
        &Resource::Parameter("/vitrine/local/absent".into()),
    );
    permissions
}

fn role(name: &str, actions: &[ObjectAction]) -> RoleSpec {
    RoleSpec {
        name: name.into(),
        id: format!("id-{name}"),
        secret: format!("secret-{name}"),
        bucket: BUCKET.into(),
        actions: actions.iter().copied().collect::<BTreeSet<_>>(),
        owner: false,
    }
}

/// AWS's HTTP client, for which every name is this machine.
fn loopback_client() -> SharedHttpClient {
    #[derive(Debug, Clone)]
    struct Loopback;
    impl ResolveDns for Loopback {
        fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
            DnsFuture::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
        }
    }
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Loopback)
}

pub(crate) fn dynamodb(engines: &Engines, principal: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys(principal, principal, None))
        .http_client(loopback_client())
        .endpoint_url(engines.dynamodb_url());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

pub(crate) fn sqs(engines: &Engines, principal: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys(principal, principal, None))
        .http_client(loopback_client())
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .endpoint_url(engines.dynamodb_url());
    aws_sdk_sqs::Client::from_conf(config.build())
}

pub(crate) fn ssm(engines: &Engines, principal: &str) -> aws_sdk_ssm::Client {
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys(principal, principal, None))
        .http_client(loopback_client())
        .endpoint_url(engines.dynamodb_url());
    aws_sdk_ssm::Client::from_conf(config.build())
}

pub(crate) fn scheduler(engines: &Engines, principal: &str) -> aws_sdk_scheduler::Client {
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys(principal, principal, None))
        .http_client(loopback_client())
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .endpoint_url(engines.dynamodb_url());
    aws_sdk_scheduler::Client::from_conf(config.build())
}

pub(crate) fn cos(engines: &Engines, role: &str) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(cos_config(engines, &format!("id-{role}"), &format!("secret-{role}")).build())
}

pub(crate) fn cos_config(engines: &Engines, id: &str, secret: &str) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("na-siliconvalley"))
        .credentials_provider(Credentials::from_keys(id, secret, None))
        .http_client(loopback_client())
        .endpoint_url(engines.store_url())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

pub(crate) fn oss(engines: &Engines, role: &str) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(oss_config(engines, role).build())
}

pub(crate) fn oss_config(engines: &Engines, role: &str) -> aws_sdk_s3::config::Builder {
    cos_config(engines, &format!("oss-{role}"), &format!("secret-{role}"))
        .region(Region::new(OSS_REGION))
        .endpoint_url(engines.oss_url())
}

/// A plain request to the store, whatever host it names; the answer's status, headers and text.
pub(crate) async fn raw(
    engines: &Engines,
    method: &str,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, http::HeaderMap, String) {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = http::Request::builder().method(method);
    request = request
        .uri(format!("http://{}{target}", engines.store_address()))
        .header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client
        .request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
    (parts.status.as_u16(), parts.headers, text)
}

/// A worker that writes down the bodies it gets, and lets those fail that contain `fail`.
pub(crate) fn worker(queue: &str) -> (WorkerSpec, Handler, Arc<Mutex<Vec<SqsEvent>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&seen);
    let handler = typed(move |event: SqsEvent| {
        let book = Arc::clone(&book);
        async move {
            let mut response = SqsBatchResponse::default();
            for message in &event.records {
                if message.body.as_ref().unwrap().contains("fail") {
                    response.add_failure(message.message_id.clone().unwrap());
                }
            }
            book.lock().unwrap().push(event);
            Ok(response)
        }
    });
    let spec = WorkerSpec {
        function: "a-worker".into(),
        queue: queue.into(),
        batch_size: 10,
        max_concurrency: 2,
        reports_failures: true,
        timeout: Some(Duration::from_secs(60)),
    };
    (spec, handler, seen)
}
