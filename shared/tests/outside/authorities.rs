//! Whom `AWS_CA_BUNDLE` lets us trust, asked by both clients of a server that speaks TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use secrecy::ExposeSecret;
use shared::config::{ConfigError, Vars};
use shared::network::CaBundle;
use shared::outbound::{Egress, Outbound, OutboundError};
use shared::platform::Runtime;
use shared::{Clock, Entropy, Ids, Platform};
use tempfile::TempDir;
use tracing_subscriber::EnvFilter;
use url::Url;

const NOW: &str = "2026-11-22T09:00:00Z";
const ANSWER: &str = r#"{"Parameters":[{"Name":"/p","Value":"a key"}]}"#;

/// Somebody who vouches for servers, until the second of January of a year.
struct Authority {
    key: KeyPair,
    params: CertificateParams,
    pem: String,
}

impl Authority {
    fn until(year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = format!("An authority until {year}");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 2);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { key, params, pem }
    }

    /// Serves over TLS, as `localhost`, whatever it is asked; where.
    fn serves(&self) -> Url {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let chain: Vec<CertificateDer<'static>> = vec![params.signed_by(&key, &issuer).unwrap().into()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(tls, connection);
                // Requests here are small enough to come in one piece; whoever does not trust us hangs up instead.
                if stream.read(&mut [0; 8192]).is_ok_and(|read| read > 0) {
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{ANSWER}",
                        ANSWER.len()
                    );
                    drop(stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()));
                }
            }
        });
        url.parse().unwrap()
    }
}

/// A folder with a bundle and with a clock that stands at [`NOW`].
fn files(authorities: &[&Authority]) -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, clock) = (folder.path().join("bundle.pem"), folder.path().join("clock"));
    let pem: String = authorities.iter().map(|authority| authority.pem.as_str()).collect();
    std::fs::write(&bundle, pem).unwrap();
    Clock::manual(NOW.parse().unwrap()).write_to(&clock).unwrap();
    (folder, bundle, clock)
}

/// The runtime of a function that starts with these files.
fn runtime(bundle: &Path, clock: &Path, aws: &Url) -> Result<Runtime, ConfigError> {
    Runtime::from_env(&Vars::from_pairs([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("AWS_ENDPOINT_URL_SSM", aws.as_str()),
        ("AWS_CA_BUNDLE", bundle.to_str().unwrap()),
        ("VITRINE_CLOCK_FILE", clock.to_str().unwrap()),
    ]))
}

/// Whether the AWS client and the one for companies trust the server.
async fn trusted(runtime: Runtime, server: &Url) -> [bool; 2] {
    let bundle = runtime.ca_bundle.clone();
    let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
    let ids = Ids::new(clock.clone(), entropy.clone());
    let vars = Vars::from_pairs([("A_PARAMETER", "/p")]);
    let platform = Platform::new(runtime, clock, ids, entropy, &vars).await;
    let by_aws = platform.is_ok_and(|platform| {
        let secret = platform.secrets.text(&vars, "A_PARAMETER").unwrap();
        secret.expose_secret() == "a key"
    });
    let outbound = Outbound::new(Egress::hosts(&["localhost"]), bundle.as_ref()).unwrap();
    let answer = outbound.get(server).send().await;
    let by_outbound = answer.as_ref().is_ok_and(|answer| answer.body == ANSWER);
    let untrusted = matches!(answer, Err(OutboundError::NotSent { .. }));
    assert!(by_outbound || untrusted, "{answer:?}");
    [by_aws, by_outbound]
}

/// What was logged while `work` ran.
fn logged<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);
    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let written = Written::default();
    let sink = written.clone();
    let subscriber = shared::telemetry::subscriber(EnvFilter::new("info"), move || sink.clone());
    let done = tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    (done, text.lines().map(str::to_owned).collect())
}

#[test]
fn a_bundle_of_expired_certificates_alone_stops_the_start_with_one_line() {
    let (first, last) = (Authority::until(2024), Authority::until(2026));
    let (_folder, bundle, clock) = files(&[&last, &first]);
    let error = runtime(&bundle, &clock, &"https://localhost/".parse().unwrap()).unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        "the variable AWS_CA_BUNDLE names a file whose certificates have all expired, the last on 2026-01-02"
    );
}

#[tokio::test]
async fn of_a_bundle_those_certificates_are_trusted_that_have_not_expired() {
    let (expired, good) = (Authority::until(2026), Authority::until(2040));
    let (_folder, bundle, clock) = files(&[&expired, &good]);
    for (authority, is_good) in [(&good, true), (&expired, false)] {
        let server = authority.serves();
        let (runtime, lines) = logged(|| runtime(&bundle, &clock, &server).unwrap());
        assert_eq!(lines.len(), 1, "{lines:?}");
        let told = "Certificates that have expired are not trusted: 1 of the file that AWS_CA_BUNDLE names, the last on 2026-01-02";
        assert!(
            lines[0].contains(told) && lines[0].contains(r#""level":"WARN""#),
            "{lines:?}"
        );
        assert_eq!(
            trusted(runtime, &server).await,
            [is_good; 2],
            "until then it was good: {is_good}"
        );
    }
}

#[tokio::test]
async fn a_certificate_is_trusted_until_its_last_second_and_nobody_warns_of_it() {
    let authority = Authority::until(2027);
    let (_folder, bundle, clock) = files(&[&authority]);
    let server = authority.serves();
    let (runtime, lines) = logged(|| runtime(&bundle, &clock, &server).unwrap());
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(trusted(runtime, &server).await, [true; 2]);
    let ends: Timestamp = "2027-01-02T00:00:00Z".parse().unwrap();
    let read = |now| CaBundle::read("AWS_CA_BUNDLE", bundle.to_str().unwrap(), now);
    assert!(read(ends).is_ok());
    assert!(read(ends + jiff::SignedDuration::from_secs(1)).is_err());
}
