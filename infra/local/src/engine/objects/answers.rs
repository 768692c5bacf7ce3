//! How a store says no: codes, sentences and XML. What both say alike is said here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use quick_xml::escape::escape;

use super::dialect::{Dialect, Errors, ec};

/// A whole answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    fn forbidden(code: &str, message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn path_style(dialect: &Dialect) -> Self {
        Self::forbidden(dialect.path_style.0, dialect.path_style.1)
    }

    pub(super) fn anonymous() -> Self {
        Self::forbidden("AccessDenied", "Access Denied.")
    }

    pub(super) fn role_may_not() -> Self {
        Self::forbidden("AccessDenied", "Access Denied.")
    }

    pub(super) fn unknown_key() -> Self {
        Self::forbidden(
            "InvalidAccessKeyId",
            "The Access Key Id you provided does not exist in our records.",
        )
    }

    pub(super) fn wrong_signature() -> Self {
        Self::forbidden(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        )
    }

    pub(super) fn skewed() -> Self {
        Self::forbidden(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
    }

    pub(super) fn expired() -> Self {
        Self::forbidden("AccessDenied", "Request has expired")
    }

    pub(super) fn not_yet() -> Self {
        Self::forbidden("AccessDenied", "Request is not valid yet")
    }

    pub(super) fn no_date() -> Self {
        Self::forbidden(
            "AccessDenied",
            "AWS authentication requires a valid Date or x-amz-date header",
        )
    }

    pub(super) fn unsigned_header(name: &str) -> Self {
        let message = format!("There were headers present in the request which were not signed: {name}");
        Self::forbidden("AccessDenied", &message)
    }

    pub(super) fn no_payload_hash() -> Self {
        Self::bad(
            "InvalidRequest",
            "Missing required header for this request: x-amz-content-sha256",
        )
    }

    pub(super) fn bad_link(parameter: &str) -> Self {
        Self::bad(
            "AuthorizationQueryParametersError",
            format!("The query parameter {parameter} is missing or wrong"),
        )
    }

    pub(super) fn wrong_payload_hash() -> Self {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        Self::bad("XAmzContentSHA256Mismatch", message)
    }

    pub(super) fn chunked(dialect: &Dialect, form: &str) -> Self {
        let (code, message) = (dialect.chunked)(form);
        Self::bad(code, message)
    }

    pub(super) fn no_md5(dialect: &Dialect) -> Self {
        Self::bad(dialect.no_md5.0, dialect.no_md5.1)
    }

    pub(super) fn wrong_md5(dialect: &Dialect) -> Self {
        Self::bad(
            dialect.wrong_md5,
            "The Content-MD5 you specified did not match what we received.",
        )
    }

    pub(super) fn no_digest() -> Self {
        Self::bad("InvalidDigest", "The Content-MD5 you specified is not valid.")
    }

    pub(super) fn malformed_xml(why: &str) -> Self {
        Self::bad(
            "MalformedXML",
            format!("The XML you provided was not well-formed or did not validate: {why}"),
        )
    }

    pub(super) fn too_large() -> Self {
        Self::bad(
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed object size.",
        )
    }

    pub(super) fn bad_key() -> Self {
        Self::bad("InvalidURI", "Couldn't parse the specified URI.")
    }

    pub(super) fn no_bucket() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NoSuchBucket",
            "The specified bucket does not exist.",
        )
    }

    pub(super) fn no_lifecycle(dialect: &Dialect) -> Self {
        let message = "The lifecycle configuration does not exist.";
        Self::new(StatusCode::NOT_FOUND, dialect.no_lifecycle, message)
    }

    pub(super) fn unsupported() -> Self {
        let message = "This request is not served by the local store.";
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }

    pub(super) fn internal(why: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", why)
    }

    /// The answer, with the store's XML; a HEAD request gets it without a body.
    pub(super) fn answer(&self, dialect: &Dialect, asked: &Address<'_>, request_id: &str) -> Answer {
        let rest = match dialect.errors {
            Errors::Traced => format!(
                "\t<Resource>{}</Resource>\n\t<RequestId>{request_id}</RequestId>\n\t<TraceId>{request_id}</TraceId>\n",
                escape(asked.path)
            ),
            Errors::Coded => format!(
                "\t<RequestId>{request_id}</RequestId>\n\t<HostId>{}</HostId>\n\t<EC>{}</EC>\n",
                escape(asked.host),
                ec(&self.code)
            ),
        };
        let body = format!(
            "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>{}</Code>\n\t<Message>{}</Message>\n{rest}</Error>\n",
            escape(&self.code),
            escape(&self.message),
        );
        // A HEAD request has no body to read; OSS puts it into a header then.
        let hidden = (asked.head && dialect.errors == Errors::Coded).then(|| STANDARD.encode(&body));
        let mut answer = plain(self.status, if asked.head { Bytes::new() } else { body.into() });
        if let Some(Ok(hidden)) = hidden.map(HeaderValue::try_from) {
            answer.headers_mut().insert("x-oss-err", hidden);
        }
        answer
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        if dialect.errors == Errors::Coded {
            answer
                .headers_mut()
                .insert("x-oss-ec", HeaderValue::from_static(ec(&self.code)));
        }
        answer
    }
}

/// What an error repeats of its request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address<'a> {
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) head: bool,
}

/// An answer of this status and body.
pub(super) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}

/// The text of the first element `name` in an XML document.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(quick_xml::escape::unescape(text).ok()?.into_owned())
}
