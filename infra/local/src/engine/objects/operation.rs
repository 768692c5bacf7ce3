//! What a request amounts to in S3's words, and what it takes to be allowed.

use http::{HeaderMap, Method, Uri};
use shared::grants::ObjectAction;

use super::sigv4::pairs;

/// One of the operations that the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation {
    /// Its name.
    pub(super) name: &'static str,
    /// The action that a role needs for it; without one it is the owner's alone.
    pub(super) needs: Option<ObjectAction>,
}

/// The parts of a query that make a request another operation.
const SUBRESOURCES: [&str; 14] = [
    "acl",
    "attributes",
    "cors",
    "encryption",
    "legal-hold",
    "location",
    "logging",
    "notification",
    "policy",
    "replication",
    "retention",
    "tagging",
    "versioning",
    "website",
];

impl Operation {
    /// Reads it off method, key and query.
    pub(super) fn of(method: &Method, uri: &Uri, headers: &HeaderMap, has_key: bool) -> Self {
        use ObjectAction::{DeleteObject, GetObject, ListBucket, PutObject};
        let names: Vec<String> = pairs(uri).map(|(name, _)| name).collect();
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        let of = |name, needs| Self { name, needs };
        if names.iter().any(|name| SUBRESOURCES.contains(&name.as_str())) {
            return of("Subresource", None);
        }
        match (method.as_str(), has_key) {
            ("GET", true) if has("uploadId") => of("ListParts", Some(PutObject)),
            ("GET", true) => of("GetObject", Some(GetObject)),
            ("HEAD", true) => of("HeadObject", Some(GetObject)),
            // Copying reads too, and no role of ours does both: it is the owner's.
            ("PUT", true) if headers.contains_key("x-amz-copy-source") => of("CopyObject", None),
            ("PUT", true) if has("partNumber") => of("UploadPart", Some(PutObject)),
            ("PUT", true) => of("PutObject", Some(PutObject)),
            ("POST", true) if has("uploads") => of("CreateMultipartUpload", Some(PutObject)),
            ("POST", true) if has("uploadId") => of("CompleteMultipartUpload", Some(PutObject)),
            ("DELETE", true) if has("uploadId") => of("AbortMultipartUpload", Some(PutObject)),
            ("DELETE", true) => of("DeleteObject", Some(DeleteObject)),
            ("GET", false) if has("lifecycle") => of("GetBucketLifecycleConfiguration", None),
            ("PUT", false) if has("lifecycle") => of("PutBucketLifecycleConfiguration", None),
            ("DELETE", false) if has("lifecycle") => of("DeleteBucketLifecycle", None),
            ("POST", false) if has("delete") => of("DeleteObjects", Some(DeleteObject)),
            ("GET", false) if has("uploads") => of("ListMultipartUploads", Some(ListBucket)),
            ("GET", false) if has("list-type") => of("ListObjectsV2", Some(ListBucket)),
            ("GET", false) => of("ListObjects", Some(ListBucket)),
            ("HEAD", false) => of("HeadBucket", Some(ListBucket)),
            _ => of("Other", None),
        }
    }

    /// Whether a Content-MD5 has to come with it.
    pub(super) fn wants_md5(self) -> bool {
        matches!(self.name, "DeleteObjects" | "PutBucketLifecycleConfiguration")
    }
}
