//! The object store: files behind a door as strict as Tencent COS's.
//!
//! The engine behind it is kinder than the real store, so the door refuses what the real one refuses: path style, chunked
//! uploads, deletes without Content-MD5, wrong keys, links past their time. What passes has no credentials left.

mod answers;
mod book;
mod cdn;
mod door;
mod files;
mod lifecycle;
mod operation;
mod sigv4;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::service::{S3Service, S3ServiceBuilder};
use shared::{Clock, Entropy};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub use book::{Book, Fault, Seen, Trouble};

use super::serving::{Serving, background};
use super::spec::{BucketSpec, CdnSpec, RoleSpec};
use answers::{COS, Dialect};

/// The delivery domain's host name.
pub const CDN_DOMAIN: &str = "cdn.localhost";

/// What the store is made from.
#[derive(Debug, Clone, Default)]
pub struct ObjectsSpec {
    /// The buckets.
    pub buckets: Vec<BucketSpec>,
    /// The key pairs.
    pub roles: Vec<RoleSpec>,
    /// The delivery domain, if there is one.
    pub cdn: Option<CdnSpec>,
}

/// The running store.
#[derive(Clone)]
pub struct Objects(Arc<Store>);

struct Store {
    root: PathBuf,
    /// Keeps the folder of a store without a home, and removes it in the end.
    _temporary: Option<TempDir>,
    engine: S3Service,
    dialect: &'static Dialect,
    spec: ObjectsSpec,
    book: Book,
    clock: Clock,
    entropy: Entropy,
}

impl Objects {
    /// Opens the store in `directory/objects`, or in a folder that vanishes with it, and makes its buckets.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(directory: Option<&Path>, clock: Clock, entropy: Entropy, spec: ObjectsSpec) -> Result<Self> {
        let (root, temporary) = match directory {
            Some(directory) => (directory.join("objects"), None),
            None => {
                let folder = TempDir::new().context("could not make a folder for objects")?;
                (folder.path().to_path_buf(), Some(folder))
            }
        };
        for bucket in &spec.buckets {
            let folder = root.join(&bucket.name);
            std::fs::create_dir_all(&folder).with_context(|| format!("could not make bucket `{}`", bucket.name))?;
        }
        std::fs::create_dir_all(&root)?;
        let files = s3s_fs::FileSystem::new(&root).map_err(|error| anyhow!("could not open the store: {error:?}"))?;
        let engine = S3ServiceBuilder::new(files).build();
        let book = Book::default();
        let store = Store {
            root,
            _temporary: temporary,
            engine,
            dialect: &COS,
            spec,
            book,
            clock,
            entropy,
        };
        Ok(Self(Arc::new(store)))
    }

    /// The domain that the buckets' hosts end in.
    #[must_use]
    pub fn domain(&self) -> &'static str {
        self.0.dialect.domain
    }

    /// What the store was asked, and the troubles it makes.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.0.book
    }

    /// The keys of all objects in a bucket, in order, read from its folder past every permission.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn keys(&self, bucket: &str) -> Result<Vec<String>> {
        files::keys(&self.0.root.join(bucket))
    }

    /// The bytes of an object, past every permission.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn bytes(&self, bucket: &str, key: &str) -> Result<Vec<u8>> {
        std::fs::read(self.0.root.join(bucket).join(key)).with_context(|| format!("no object `{key}`"))
    }

    /// Answers one request that came over no connection; nothing, if the answer was lost.
    pub(crate) async fn receive(&self, request: Request<Full<Bytes>>) -> Option<Response<Full<Bytes>>> {
        door::receive(Arc::clone(&self.0), request).await.ok()
    }

    pub(super) fn serve(&self, listener: TcpListener) -> Serving {
        let store = Arc::clone(&self.0);
        Serving::start(|stop| async move {
            let graceful = GracefulShutdown::new();
            loop {
                let stream = tokio::select! {
                    () = stop.clone().wanted() => break,
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => stream,
                        Err(error) => {
                            tracing::warn!(%error, "The object store could not accept a connection");
                            continue;
                        }
                    },
                };
                let _best_effort = stream.set_nodelay(true);
                let store = Arc::clone(&store);
                // Not axum: a lost reply is a service that fails, which hyper turns into a cut connection.
                let service = service_fn(move |request| door::receive(Arc::clone(&store), request));
                let connection = graceful.watch(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                let _detached = background(async move {
                    // A peer that goes away, and a reply that is lost on purpose, end here; both are nobody's failure.
                    let _ended = connection.await;
                });
            }
            graceful.shutdown().await;
        })
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.spec.buckets.iter().map(|bucket| &bucket.name))
            .finish()
    }
}
