//! The object stores: files behind doors as strict as those of Tencent COS and Alibaba OSS.
//!
//! The engine behind them is kinder than the real stores, so the doors refuse what the real ones refuse: path style,
//! chunked uploads, deletes without Content-MD5, wrong keys, links past their time. What passes has no credentials left.
//! Each speaks S3's language and its company's own. Each store has its own folder, book and troubles, so that one can be down while the other is not; they share a port.

mod answers;
mod asked;
mod book;
mod cdn;
mod cos_signature;
mod dialect;
mod door;
mod files;
mod front;
mod lifecycle;
mod listing;
mod operation;
mod oss_signature;
mod sigv4;
mod tongue;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use jiff::Timestamp;
use s3s::service::{S3Service, S3ServiceBuilder};
use shared::{Clock, Entropy, domain};
use tempfile::TempDir;

pub use book::{Book, Fault, Seen, Trouble};

pub(super) use front::serve;

use super::spec::{BucketSpec, CdnSpec, RoleSpec};
use dialect::Dialect;

/// The delivery domain's host name.
pub const CDN_DOMAIN: &str = "cdn.localhost";

/// Whether a host is one of the stores', here or abroad.
pub(crate) fn is_a_stores(host: &str) -> bool {
    [domain::Store::Cos, domain::Store::Oss]
        .iter()
        .any(|store| Dialect::of(*store).answers(host))
}

/// What a store is made from.
#[derive(Debug, Clone, Default)]
pub struct ObjectsSpec {
    /// The buckets.
    pub buckets: Vec<BucketSpec>,
    /// The key pairs.
    pub roles: Vec<RoleSpec>,
    /// The delivery domain, if there is one.
    pub cdn: Option<CdnSpec>,
    /// The region that signatures must name; without it any will do, as at COS.
    pub region: Option<String>,
}

/// A running store.
#[derive(Clone)]
pub struct Objects(Arc<Store>);

struct Store {
    root: PathBuf,
    /// Keeps the folder of a store without a home, and removes it in the end.
    _temporary: Option<TempDir>,
    engine: S3Service,
    dialect: &'static Dialect,
    spec: ObjectsSpec,
    /// Those of the specification, some with another key pair by now.
    roles: Mutex<Vec<RoleSpec>>,
    book: Book,
    clock: Clock,
    entropy: Entropy,
}

impl Objects {
    /// Opens the store in its folder of `directory`, or in a folder that vanishes with it, and makes its buckets.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(
        store: domain::Store,
        directory: Option<&Path>,
        clock: Clock,
        entropy: Entropy,
        spec: ObjectsSpec,
    ) -> Result<Self> {
        let dialect = Dialect::of(store);
        let (root, temporary) = match directory {
            Some(directory) => (directory.join(dialect.folder), None),
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
            dialect,
            roles: Mutex::new(spec.roles.clone()),
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

    /// The keys of all objects in a bucket, in order, with the time at which each was written.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn dated(&self, bucket: &str) -> Result<Vec<(String, Timestamp)>> {
        files::dated(&self.0.root.join(bucket))
    }

    /// Everything that lies in the store's folder, files of its own making included: the path and the bytes of each.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn everything(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let root = &self.0.root;
        let paths = files::keys(root)?.into_iter();
        paths
            .map(|path| {
                let bytes = std::fs::read(root.join(&path)).with_context(|| format!("`{path}` cannot be read"))?;
                Ok((path, bytes))
            })
            .collect()
    }

    /// The names of the buckets.
    #[must_use]
    pub fn buckets(&self) -> Vec<String> {
        self.0.spec.buckets.iter().map(|bucket| bucket.name.clone()).collect()
    }

    /// Gives the role of that name another key pair. The one before opens nothing any more.
    pub fn exchange(&self, role: &str, id: &str, secret: &str) {
        let mut roles = self.0.roles.lock().unwrap_or_else(PoisonError::into_inner);
        for role in roles.iter_mut().filter(|known| known.name == role) {
            id.clone_into(&mut role.id);
            secret.clone_into(&mut role.secret);
        }
    }

    /// Takes away a bucket's own rules, past every permission.
    pub fn forget_rules(&self, bucket: &str) {
        lifecycle::forget(&self.0.root, bucket);
    }

    /// Carries out the buckets' own rules, which nobody but the store does: it does so whether or not it can be reached. Says how many
    /// objects were removed.
    ///
    /// # Errors
    /// When a folder cannot be read or written to.
    pub fn run_lifecycle(&self) -> Result<usize> {
        let Store { root, clock, spec, .. } = &*self.0;
        let buckets = spec.buckets.iter();
        buckets
            .map(|bucket| lifecycle::carry_out(root, &bucket.name, clock.now()))
            .sum()
    }

    /// Puts an object there, past every permission and without a line in the book.
    ///
    /// # Errors
    /// When the bucket's folder cannot be written to.
    pub fn place(&self, bucket: &str, key: &str, bytes: &[u8]) -> Result<()> {
        let Store { root, clock, .. } = &*self.0;
        let file = root.join(bucket).join(key);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, bytes).with_context(|| format!("could not place `{key}`"))?;
        files::date(root, bucket, key, clock.now());
        Ok(())
    }

    /// Loses an object, past every permission: as a store would that breaks its promise.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn lose(&self, bucket: &str, key: &str) -> Result<()> {
        std::fs::remove_file(self.0.root.join(bucket).join(key)).with_context(|| format!("no object `{key}`"))
    }

    /// The bytes of an object, past every permission.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn bytes(&self, bucket: &str, key: &str) -> Result<Vec<u8>> {
        std::fs::read(self.0.root.join(bucket).join(key)).with_context(|| format!("no object `{key}`"))
    }

    /// Whether the store answers under this host name.
    pub(crate) fn answers(&self, host: &str) -> bool {
        self.0.dialect.answers(host)
    }

    /// Answers one request that came over no connection; nothing, if the answer was lost.
    pub(crate) async fn receive(&self, host: &str, request: Request<Full<Bytes>>) -> Option<Response<Full<Bytes>>> {
        door::receive(Arc::clone(&self.0), host, request).await.ok()
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.spec.buckets.iter().map(|bucket| &bucket.name))
            .finish()
    }
}
