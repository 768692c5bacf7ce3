//! How we speak to AWS and to stores with Amazon's interface, in one place.
//!
//! No `aws-config`: its default chains and the system's certificates were five sixths of the conventional cold start.
//! Region, credentials and endpoints come from [`Runtime`], trust is a handful of roots, and all clients of a platform
//! share one connection pool. Time-outs and retries are stated here and nowhere else.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use http_body_util::BodyExt as _;
use secrecy::ExposeSecret;
use url::Url;

use crate::Clock;
use crate::network::{CaBundle, Network, Resolver, pem};
use crate::platform::Runtime;
use crate::punctual::Punctual;
use crate::store::BoxError;
use crate::wire::{Wire, WireError};

/// How long opening a connection to AWS may take, TLS included.
const CONNECT: Duration = Duration::from_secs(1);
/// How long one attempt at a call may take. The slowest honest answer of DynamoDB is far below.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How long a call may take with its retries.
const OPERATION: Duration = Duration::from_secs(8);
/// The same three for a store of pictures, which may be an ocean away and is sent megabytes.
const STORE: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(75)];

/// Which roots a connection trusts, beside those of `AWS_CA_BUNDLE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Amazon's own: AWS's endpoints need no others, and five parse faster than a hundred and fifty.
    Amazon,
    /// Every public root.
    Public,
}

impl Trust {
    fn store(self, extra: Option<&CaBundle>) -> TrustStore {
        // The AWS client takes its roots as PEM only.
        let mut store = TrustStore::empty();
        for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            if self == Self::Public || is_amazons(certificate) {
                store.add_pem_certificate(pem(certificate));
            }
        }
        if let Some(bundle) = extra {
            store.add_pem_certificate(bundle.pem());
        }
        store
    }
}

/// Whether a root is Amazon's, told by the issuer and subject, which stand in the first few hundred bytes.
fn is_amazons(certificate: &[u8]) -> bool {
    let head = certificate.get(..480).unwrap_or(certificate);
    [&b"Amazon Root CA"[..], b"Starfield"]
        .iter()
        .any(|name| head.windows(name.len()).any(|window| window == *name))
}

/// A pool of connections that any number of clients share. Opened at the first use, so that a function that only signs
/// links never pays for trust it does not need.
#[derive(Clone)]
struct Transport(Arc<Lazy>);

struct Lazy {
    trust: Trust,
    network: Network,
    connect: Duration,
    connector: OnceLock<SharedHttpConnector>,
}

impl Transport {
    fn new(trust: Trust, network: Network, connect: Duration) -> Self {
        Self(Arc::new(Lazy {
            trust,
            network,
            connect,
            connector: OnceLock::new(),
        }))
    }

    fn connector(&self) -> SharedHttpConnector {
        let Lazy {
            trust,
            network,
            connect,
            connector,
        } = &*self.0;
        connector
            .get_or_init(|| {
                let punctual = |inner| {
                    let clock = Clock::system();
                    SharedHttpConnector::new(Punctual { inner, clock })
                };
                if let Some(wire) = &network.wire {
                    return punctual(SharedHttpConnector::new(Carried(Arc::clone(wire))));
                }
                let settings = HttpConnectorSettings::builder().connect_timeout(*connect).build();
                let builder = Connector::builder()
                    .connector_settings(settings)
                    .tls_provider(Provider::Rustls(CryptoMode::Ring));
                let context = TlsContext::builder()
                    .with_trust_store(trust.store(network.ca_bundle.as_ref()))
                    .build();
                match context {
                    Ok(context) => {
                        let builder = builder.tls_context(context);
                        punctual(SharedHttpConnector::new(builder.build_with_resolver(Resolver)))
                    }
                    // The builder would go on with the system's roots; better no connection than one trusting strangers.
                    Err(cause) => SharedHttpConnector::new(Closed(cause.to_string())),
                }
            })
            .clone()
    }

    fn client(&self) -> SharedHttpClient {
        let transport = self.clone();
        // The settings a client hands in are its time-outs; the connector's own are the same for all, or it would not
        // be shared.
        http_client_fn(move |_, _| transport.connector())
    }
}

/// What stands where a connector could not be built: every call says why.
#[derive(Debug)]
struct Closed(String);

impl HttpConnector for Closed {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err(ConnectorError::user(self.0.clone().into())))
    }
}

/// Amazon's side of a wire. Bodies are carried whole: nothing of ours reads an answer of AWS piece by piece.
#[derive(Debug)]
struct Carried(Arc<dyn Wire>);

impl HttpConnector for Carried {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let broken = |cause: BoxError| ConnectorError::other(cause, None);
            let request = request.try_into_http1x().map_err(|error| broken(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = ByteStream::new(body)
                .collect()
                .await
                .map_err(|error| broken(error.into()))?;
            let request = http::Request::from_parts(parts, body.into_bytes());
            // Either way the client may ask again: its requests are safe to repeat.
            let lost = |error: WireError| ConnectorError::io(error.into());
            let (parts, body) = wire.carry(request).await.map_err(lost)?.into_parts();
            let body = body.collect().await.map_err(ConnectorError::io)?.to_bytes();
            HttpResponse::try_from(http::Response::from_parts(parts, SdkBody::from(body)))
                .map_err(|error| broken(error.into()))
        })
    }
}

/// The AWS clients of one platform.
#[derive(Clone)]
pub(crate) struct Aws {
    runtime: Runtime,
    transport: Transport,
    dynamodb: Arc<OnceLock<aws_sdk_dynamodb::Client>>,
}

impl Aws {
    pub(crate) fn new(network: Network, runtime: Runtime) -> Self {
        Self {
            transport: Transport::new(Trust::Amazon, network, CONNECT),
            runtime,
            dynamodb: Arc::default(),
        }
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb
            .get_or_init(|| {
                let mut config = aws_sdk_dynamodb::Config::builder()
                    .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
                    .region(self.region())
                    .credentials_provider(self.credentials())
                    .http_client(self.transport.client())
                    .timeout_config(timeouts(ATTEMPT, OPERATION))
                    .retry_config(retries());
                config.set_endpoint_url(self.runtime.dynamodb_url.as_ref().map(origin));
                aws_sdk_dynamodb::Client::from_conf(config.build())
            })
            .clone()
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        use aws_sdk_ssm::config::retry::{RetryPartition, TokenBucket};
        // The library would have all of a process draw on one purse of repetitions. Asked for once, at the start, nothing is left to save.
        let purse = RetryPartition::custom("the parameter store").token_bucket(TokenBucket::unlimited());
        let mut config = aws_sdk_ssm::Config::builder()
            .behavior_version(aws_sdk_ssm::config::BehaviorVersion::latest())
            .region(self.region())
            .credentials_provider(self.credentials())
            .http_client(self.transport.client())
            .timeout_config(timeouts(ATTEMPT, OPERATION))
            .retry_config(patience())
            .retry_partition(purse.build());
        config.set_endpoint_url(self.runtime.ssm_url.as_ref().map(origin));
        aws_sdk_ssm::Client::from_conf(config.build())
    }

    pub(crate) fn scheduler(&self) -> aws_sdk_scheduler::Client {
        let mut config = aws_sdk_scheduler::Config::builder()
            .behavior_version(aws_sdk_scheduler::config::BehaviorVersion::latest())
            .region(self.region())
            .credentials_provider(self.credentials())
            .http_client(self.transport.client())
            .timeout_config(timeouts(ATTEMPT, OPERATION))
            .retry_config(retries());
        config.set_endpoint_url(self.runtime.scheduler_url.as_ref().map(origin));
        aws_sdk_scheduler::Client::from_conf(config.build())
    }

    /// For a client that is made elsewhere: what those above are made from.
    pub(crate) fn sqs_config(&self) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region())
            .credentials_provider(SharedCredentialsProvider::new(self.credentials()))
            .http_client(self.transport.client())
            .timeout_config(timeouts(ATTEMPT, OPERATION))
            .retry_config(retries());
        config.set_endpoint_url(self.runtime.sqs_url.as_ref().map(origin));
        config.build()
    }

    /// Opens the connection the first query will use. DynamoDB answers an unsigned `GET /` with a line about its health,
    /// so this needs no permission, no table and no signature; whatever comes back, the connection stands. Failing costs
    /// nothing but the head start.
    pub(crate) async fn open_dynamodb(&self) {
        let url = match &self.runtime.dynamodb_url {
            Some(url) => origin(url),
            None => format!("https://dynamodb.{}.amazonaws.com/", self.runtime.region),
        };
        let Ok(request) = HttpRequest::get(url) else { return };
        let answer = self.transport.connector().call(request);
        if let Ok(Ok(answer)) = tokio::time::timeout(CONNECT, answer).await {
            // Read to its end, or the connection cannot be used again.
            let body = ByteStream::new(answer.into_body());
            drop(tokio::time::timeout(CONNECT, body.collect()).await);
        }
    }

    fn region(&self) -> aws_types::region::Region {
        aws_types::region::Region::new(self.runtime.region.clone())
    }

    /// The runtime's own credentials. Lambda replaces the sandbox before they expire, so they are never renewed.
    fn credentials(&self) -> Credentials {
        Credentials::new(
            self.runtime.access_key_id.clone(),
            self.runtime.secret_access_key.expose_secret(),
            self.runtime
                .session_token
                .as_ref()
                .map(|token| token.expose_secret().to_owned()),
            None,
            "the function's environment",
        )
    }
}

/// A client of a store with Amazon's S3 interface that is not Amazon's, addressed by virtual hosts, with neither the
/// checksums nor the chunked trailers such stores refuse (`docs/providers.md`).
pub(crate) fn store_client(
    endpoint: &Url,
    region: String,
    pair: impl ProvideCredentials + 'static,
    network: &Network,
) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::{BehaviorVersion, IdentityCache, RequestChecksumCalculation, ResponseChecksumValidation};
    let [connect, attempt, operation] = STORE;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_types::region::Region::new(region))
        .credentials_provider(pair)
        // The pair may be exchanged at any time, and giving it costs nothing.
        .identity_cache(IdentityCache::no_cache())
        .http_client(Transport::new(Trust::Public, network.clone(), connect).client())
        .timeout_config(timeouts(attempt, operation))
        .retry_config(retries())
        .force_path_style(false)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .endpoint_url(origin(endpoint));
    aws_sdk_s3::Client::from_conf(config.build())
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50))
}

/// For the parameter store, which answers some forty questions a second from all functions together: seven tries, spread by chance over
/// six seconds at most. Lambda gives a start ten.
fn patience() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(7)
        .with_initial_backoff(Duration::from_millis(100))
}

/// The address without the slash `Url` ends it with: the AWS client joins paths by text.
fn origin(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Aws").field(&self.runtime).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_roots_aws_is_signed_by_are_trusted() {
        let amazons = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter(|certificate| is_amazons(certificate))
            .count();
        // Amazon Root CA 1 to 4, and Starfield's two, by one of which the older chains end.
        assert_eq!(amazons, 6);
    }
}
