//! Who a request says it is, read from its AWS `Authorization` header.

use http::HeaderMap;

/// The parts of an `Authorization: AWS4-HMAC-SHA256 …` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization<'a> {
    /// The access key id; for a function of the local stack, its folder name.
    pub(crate) id: &'a str,
    /// The day of the credential's scope, `yyyymmdd`.
    pub(crate) day: &'a str,
    /// The region of the scope.
    pub(crate) region: &'a str,
    /// The service of the scope.
    pub(crate) service: &'a str,
    /// The names of the signed headers, joined by semicolons.
    pub(crate) signed_headers: &'a str,
    /// The signature, in hexadecimal.
    pub(crate) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header, if it is there and whole.
    pub(crate) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let text = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
        let text = text.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = |name: &str| {
            text.split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        Self::assemble(field("Credential")?, field("SignedHeaders")?, field("Signature")?)
    }

    /// Puts together what a header or a signed link holds; `credential` is `id/day/region/service/aws4_request`.
    pub(crate) fn assemble(credential: &'a str, signed_headers: &'a str, signature: &'a str) -> Option<Self> {
        let mut scope = credential.rsplitn(5, '/');
        let (end, service, region, day, id) = (
            scope.next()?,
            scope.next()?,
            scope.next()?,
            scope.next()?,
            scope.next()?,
        );
        (end == "aws4_request").then_some(Self {
            id,
            day,
            region,
            service,
            signed_headers,
            signature,
        })
    }
}
