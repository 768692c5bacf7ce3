//! The door itself: one request from its host name to its answer.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Incoming};
use shared::{Clock, domain};

use super::answers::{Address, Answer, Refusal, element, plain};
use super::asked::Asked;
use super::book::{Seen, Trouble, told};
use super::dialect::Errors;
use super::sigv4::{Times, decoded};
use super::tongue::Tongue;
use super::{CDN_DOMAIN, Store, cdn, cos_signature, files, lifecycle, oss_signature};
use crate::engine::spec::RoleSpec;

/// Far more than a picture, and less than the machine's memory.
const LARGEST_BODY: usize = 256 * 1024 * 1024;

/// The answer was lost on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the store was told to lose this reply")]
pub(super) struct Lost;

/// Answers a request to the store itself.
pub(super) async fn receive<B>(store: Arc<Store>, host: &str, request: Request<B>) -> Result<Answer, Lost>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let request_id = store.entropy.hex::<12>();
    let head = parts.method == Method::HEAD;
    let path = decoded(parts.uri.path());
    let result = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => store.admit(host, Request::from_parts(parts, body.to_bytes())).await?,
        Err(_) => Err(Refusal::too_large()),
    };
    let mut answer = result.unwrap_or_else(|refusal| {
        tracing::debug!(code = refusal.code, path, "The object store refused");
        let path = path.as_str();
        refusal.answer(store.dialect, &Address { host, path, head }, &request_id)
    });
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        for name in store.dialect.request_ids {
            answer.headers_mut().insert(*name, id.clone());
        }
    }
    Ok(answer)
}

/// Answers a request to the store's book, which is on loopback alone.
pub(super) async fn desk(store: &Store, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "");
    };
    let page = parts.uri.path().rsplit('/').next().unwrap_or_default();
    store.book.answer(&parts.method, page, &body.to_bytes())
}

impl Store {
    async fn admit(&self, host: &str, request: Request<Bytes>) -> Result<Result<Answer, Refusal>, Lost> {
        if host == CDN_DOMAIN {
            return Ok(self.deliver(request).await);
        }
        let Some(bucket) = self.dialect.bucket(host).map(str::to_owned) else {
            return Ok(Err(Refusal::path_style(self.dialect)));
        };
        self.carry_out(Asked::read(self.dialect, bucket, request)).await
    }

    async fn carry_out(&self, mut asked: Asked) -> Result<Result<Answer, Refusal>, Lost> {
        let trouble = self.book.befalls(asked.operation.name);
        let mut seen = self.describe(&asked);
        let result = match trouble.as_ref().map(|trouble| (trouble, trouble.refusal())) {
            Some((_, Some(refusal))) => Err(refusal),
            Some((Trouble::Cut, None)) => Err(Refusal::internal("cut")),
            _ => match self.check(&asked, &mut seen) {
                Ok(()) => {
                    if trouble == Some(Trouble::Damage) {
                        asked.damage();
                    }
                    self.fulfil(&asked).await
                }
                Err(refusal) => Err(refusal),
            },
        };
        let lost = matches!(trouble, Some(Trouble::Cut | Trouble::LoseReply));
        seen.status = match &result {
            _ if lost => 0,
            Ok(answer) => answer.status().as_u16(),
            Err(refusal) => refusal.status.as_u16(),
        };
        self.book.note(seen);
        if lost { Err(Lost) } else { Ok(result) }
    }

    fn describe(&self, asked: &Asked) -> Seen {
        Seen {
            at: self.clock.now(),
            method: asked.method.to_string(),
            operation: asked.operation.name.to_owned(),
            bucket: Some(asked.bucket.clone()),
            key: (!asked.key.is_empty()).then(|| asked.key.clone()),
            role: None,
            link: asked.is_link(self.dialect),
            headers: told(&asked.headers),
            status: 0,
        }
    }

    /// Whether the request is one that the store carries out.
    fn check(&self, asked: &Asked, seen: &mut Seen) -> Result<(), Refusal> {
        asked.check_key(self.dialect)?;
        asked.check_encoding(self.dialect)?;
        let role = self.role(asked)?;
        seen.role = Some(role.name.clone());
        let is_there = self.spec.buckets.iter().any(|bucket| bucket.name == asked.bucket);
        // Whether a bucket exists is told to the account's owner; to others it is only not theirs.
        if !asked.is_allowed(&role) && (is_there || !role.owner) {
            return Err(Refusal::role_may_not());
        }
        if !is_there {
            return Err(Refusal::no_bucket());
        }
        asked.check_digests(self.dialect)
    }

    async fn fulfil(&self, asked: &Asked) -> Result<Answer, Refusal> {
        match asked.operation.name {
            "GetBucketLifecycleConfiguration" | "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => {
                return lifecycle::answer(asked, &self.root, self.dialect);
            }
            "Subresource" | "Other" => return Err(Refusal::unsupported()),
            _ => {}
        }
        let mut answer = self.engine(asked).await?;
        self.tidy(asked);
        if asked.operation.name == "GetObject" {
            // What the default domain of a new bucket does: a browser downloads, it does not show.
            answer
                .headers_mut()
                .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
            for name in self.dialect.forced_download {
                answer.headers_mut().insert(*name, HeaderValue::from_static("true"));
            }
        }
        Ok(answer)
    }

    fn role(&self, asked: &Asked) -> Result<RoleSpec, Refusal> {
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let find = |id: &str| roles.iter().find(|role| role.id == id);
        let times = Times {
            real: Clock::system().now(),
            ours: self.clock.now(),
        };
        let signed = asked.signed(self.spec.region.as_deref());
        let secret = |id: &str| find(id).map(|role| role.secret.clone());
        let id = match (asked.tongue, self.dialect.store) {
            (Tongue::S3, _) => signed.verify(times, secret),
            (Tongue::Own, domain::Store::Cos) => cos_signature::verify(signed, times, secret),
            (Tongue::Own, domain::Store::Oss) => oss_signature::verify(signed, &asked.bucket, times, secret),
        }?;
        find(&id).cloned().ok_or_else(Refusal::unknown_key)
    }

    /// A link to the delivery domain, which the book shows without a role.
    async fn deliver(&self, request: Request<Bytes>) -> Result<Answer, Refusal> {
        let Some(cdn) = &self.spec.cdn else {
            return Ok(plain(StatusCode::NOT_FOUND, ""));
        };
        let checked = cdn::check(cdn, request.method(), request.uri(), self.clock.now());
        let mut asked = Asked::read(self.dialect, cdn.bucket.clone(), request);
        let mut seen = Seen {
            link: true,
            ..self.describe(&asked)
        };
        let result = match (checked, asked.check_key(self.dialect)) {
            (Err(status), _) => Ok(plain(status, "")),
            (_, Err(refusal)) => Err(refusal),
            (Ok(()), Ok(())) => {
                // The signature is no part of what is asked of the bucket.
                asked.uri = Uri::try_from(asked.uri.path()).unwrap_or_default();
                self.engine(&asked).await
            }
        };
        seen.status = result
            .as_ref()
            .map_or_else(|refusal| refusal.status, Answer::status)
            .as_u16();
        self.book.note(seen);
        result
    }

    /// Hands a request that was let in to the engine, without credentials and in the path style that it knows.
    async fn engine(&self, asked: &Asked) -> Result<Answer, Refusal> {
        let mut request = Request::new(s3s::Body::from(asked.body.clone()));
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = asked.uri_behind(self.dialect)?;
        *request.headers_mut() = asked.tongue.inward(self.dialect, &asked.headers);
        let credentials = [
            "authorization",
            "x-amz-date",
            "x-amz-content-sha256",
            "x-amz-security-token",
        ];
        credentials
            .iter()
            .for_each(|name| drop(request.headers_mut().remove(*name)));
        let response = self
            .engine
            .call(request)
            .await
            .map_err(|error| Refusal::internal(&format!("{error:?}")))?;
        let (mut parts, body) = response.into_parts();
        parts.headers = asked.tongue.outward(self.dialect, &parts.headers);
        let body = body
            .collect()
            .await
            .map_err(|error| Refusal::internal(&error.to_string()))?
            .to_bytes();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let text = String::from_utf8_lossy(&body);
            let code = element(&text, "Code").unwrap_or_else(|| code_for(parts.status).to_owned());
            let message = element(&text, "Message").unwrap_or_else(|| sentence(&code).to_owned());
            return Err(Refusal::new(parts.status, code, message));
        }
        let body = asked.rewritten(body)?;
        if parts.headers.contains_key(header::CONTENT_LENGTH) && asked.method != Method::HEAD {
            parts
                .headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let mut answer = Answer::from_parts(parts, Full::new(body));
        if self.dialect.errors == Errors::Coded
            && let Some(etag) = answer.headers_mut().get_mut(header::ETAG)
            && let Ok(capitals) = HeaderValue::from_bytes(&etag.as_bytes().to_ascii_uppercase())
        {
            *etag = capitals;
        }
        Ok(answer)
    }

    fn tidy(&self, asked: &Asked) {
        match asked.operation.name {
            "PutObject" | "CopyObject" | "CompleteMultipartUpload" => {
                files::date(&self.root, &asked.bucket, &asked.key, self.clock.now());
            }
            "DeleteObject" => files::forget(&self.root, &asked.bucket, &asked.key),
            "DeleteObjects" => {
                let text = String::from_utf8_lossy(&asked.body).into_owned();
                for part in text.split("<Object>").skip(1) {
                    if let Some(key) = element(part, "Key") {
                        files::forget(&self.root, &asked.bucket, &key);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The code of an answer without a body, as HEAD gets it.
fn code_for(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 => "NoSuchKey",
        412 => "PreconditionFailed",
        416 => "InvalidRange",
        _ => "InternalError",
    }
}

fn sentence(code: &str) -> &'static str {
    match code {
        "NoSuchKey" => "The specified key does not exist.",
        "NoSuchBucket" => "The specified bucket does not exist.",
        _ => "The request could not be carried out.",
    }
}
