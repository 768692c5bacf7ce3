//! Every kind of problem the API can answer with: its name, status, title and explanation.
//!
//! The table is the source of `docs/problems.md`. A new kind is one entry here; its doc comment is its explanation there.

use http::StatusCode;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:ident, $slug:literal, $title:literal;)*) => {
        /// What kind of problem it is. A kind's slug, status and title never change once published.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[doc = $doc])+ $name,)* }

        impl Kind {
            /// All kinds, as `docs/problems.md` lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the problem's `type`, after `/problems/`.
            #[must_use]
            pub const fn slug(self) -> &'static str { match self { $(Self::$name => $slug,)* } }

            /// The HTTP status every problem of this kind has.
            #[must_use]
            pub const fn status(self) -> StatusCode { match self { $(Self::$name => StatusCode::$status,)* } }

            /// The title every problem of this kind has.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }

            /// A paragraph for people who meet it: what it means and what to do.
            #[must_use]
            pub fn explanation(self) -> String {
                let lines: &[&str] = match self { $(Self::$name => &[$($doc),+],)* };
                lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
            }
        }
    };
}

kinds! {
    /// The request could not be understood at all. Compare it with the API's document at `/openapi.json`.
    BadRequest = BAD_REQUEST, "bad-request", "The request cannot be understood";
    /// The body is not well-formed JSON. `line` and `column` say where reading stopped.
    InvalidBody = BAD_REQUEST, "invalid-body", "The body is not JSON";
    /// The body is JSON, but a field has the wrong type or value, or is missing. `errors` names each such field by a JSON
    /// pointer and says what it must be.
    InvalidField = UNPROCESSABLE_ENTITY, "invalid-field", "A field is not acceptable";
    /// The body has a field that this request does not know. Nothing was done: a mistyped name must not be ignored in
    /// silence. `errors` names the field.
    UnknownField = UNPROCESSABLE_ENTITY, "unknown-field", "The request has no such field";
    /// A parameter of the query is unknown, missing or not acceptable. `parameter` names it and `errors` says what it must be.
    InvalidParameter = UNPROCESSABLE_ENTITY, "invalid-parameter", "A query parameter is not acceptable";
    /// The `cursor` was not made by this API for this list. Begin again without one.
    InvalidCursor = BAD_REQUEST, "invalid-cursor", "The cursor is broken";
    /// The body is larger than this request may be: 64 KiB, unless its description says otherwise.
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large";
    /// The body must be JSON and say so with `Content-Type: application/json`.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body must be JSON";
    /// This request needs an `Idempotency-Key` header, so that it can be repeated safely when its answer is lost. Send a new
    /// random value, such as a UUID, with each new request and the same one with each repetition.
    MissingIdempotencyKey = BAD_REQUEST, "missing-idempotency-key", "An Idempotency-Key is needed";
    /// The `Idempotency-Key` must have 1 to 128 visible ASCII characters and be given once.
    InvalidIdempotencyKey = UNPROCESSABLE_ENTITY, "invalid-idempotency-key", "The Idempotency-Key is not acceptable";
    /// The `Idempotency-Key` was used before with another request. Take a new key for a new request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The Idempotency-Key belongs to another request";
    /// The request needs a valid access token in `Authorization: Bearer …`. Refresh the session, or sign in, and try again.
    Unauthorized = UNAUTHORIZED, "unauthorized", "A valid access token is needed";
    /// The session is over: it was signed out, its ninety days have passed, its password was changed, or a copy of its refresh
    /// token turned up in other hands. Sign in again.
    SessionEnded = UNAUTHORIZED, "session-ended", "The session has ended";
    /// The request must be signed by the company whose events this route takes. The signature is missing, is too old, or is not
    /// right.
    InvalidSignature = UNAUTHORIZED, "invalid-signature", "The signature is not right";
    /// The address and the password do not belong together. The answer is the same for an address that has no account.
    InvalidCredentials = UNAUTHORIZED, "invalid-credentials", "Address and password do not match";
    /// The account costs `needed` credits for this and has `available`; `missing` more are needed.
    InsufficientCredits = PAYMENT_REQUIRED, "insufficient-credits", "Not enough credits";
    /// The payer's means of payment was declined, or PayPal takes no money from this payer. Nothing was taken. Where another means
    /// may be chosen for the same order, `payer_url` says where; `reason` is PayPal's word for it.
    PaymentDeclined = PAYMENT_REQUIRED, "payment-declined", "The payment was declined";
    /// The caller is known but may not do this; or the request came past what stands before the service, under another name than its own.
    Forbidden = FORBIDDEN, "forbidden", "This is not allowed";
    /// The account is closed: its owner wanted it deleted. Until it is erased, `POST /v1/accounts/restore` opens it again.
    AccountClosed = FORBIDDEN, "account-closed", "The account is closed";
    /// The account is blocked, because it was used against the rules. Whoever thinks otherwise may write to us.
    AccountBlocked = FORBIDDEN, "account-blocked", "The account is blocked";
    /// There is nothing here, or nothing that the caller may see: the two are answered alike.
    NotFound = NOT_FOUND, "not-found", "There is nothing here";
    /// The path exists but not with this method. The `Allow` header lists the methods it has.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not have this method";
    /// What the request asks for does not fit the present state. Read the resource again and decide anew.
    Conflict = CONFLICT, "conflict", "The request does not fit the present state";
    /// The account has `credits` that were paid for, and they would be lost. Send the request again with `forfeit_credits: true`
    /// if they may go.
    CreditsWouldBeLost = CONFLICT, "credits-would-be-lost", "Paid credits would be lost";
    /// The payer has not approved the payment. `payer_url` says where that is done; then the request can be repeated.
    PaymentNotApproved = CONFLICT, "payment-not-approved", "The payment is not approved";
    /// PayPal has closed the order, because nobody approved it in its time. Place a new one. Should a payment turn up all the
    /// same, its credits are given.
    OrderExpired = CONFLICT, "order-expired", "The order has expired";
    /// It was here, its time is over, and it was erased.
    Gone = GONE, "gone", "It is gone";
    /// The code is not the one that was sent, or it ended or was used already. After a few wrong tries a new one must be asked for.
    WrongCode = UNPROCESSABLE_ENTITY, "wrong-code", "The code is not right";
    /// It is the code that was mailed, but its fifteen minutes are over. Ask for a new one.
    CodeExpired = UNPROCESSABLE_ENTITY, "code-expired", "The code is no longer valid";
    /// The current password that was given beside the request is not the account's. `errors` names the field.
    WrongPassword = UNPROCESSABLE_ENTITY, "wrong-password", "The current password is not right";
    /// The password is one of the first that anyone would guess, or is made of the address or the name. Choose a longer or
    /// less common one.
    PasswordTooCommon = UNPROCESSABLE_ENTITY, "password-too-common", "The password is too easy to guess";
    /// The model's provider refused the words or the picture. No credit was taken; other words may pass.
    RefusedByModeration = UNPROCESSABLE_ENTITY, "refused-by-moderation", "The content was refused";
    /// Too many requests of this sort were made. `retry_after` and the `Retry-After` header say in how many seconds the next
    /// one may come; the `RateLimit` header says which limit it was.
    TooManyRequests = TOO_MANY_REQUESTS, "too-many-requests", "Too many requests";
    /// Something failed on our side. It has been written down; `instance` is what to name when asking about it.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something failed on our side";
    /// A company that we depend on gave an answer we cannot use. Nothing was charged that does not count: what was paid is
    /// credited as soon as it can be seen.
    UpstreamFailed = BAD_GATEWAY, "upstream-failed", "A service we depend on failed";
    /// A company that we depend on is not reachable or is too busy. Try again after `retry_after` seconds.
    UpstreamUnavailable = SERVICE_UNAVAILABLE, "upstream-unavailable", "A service we depend on is not available";
    /// Several requests changed the same thing at the same time and this one did not get its turn. Nothing was done; try again
    /// after `retry_after` seconds.
    Contended = SERVICE_UNAVAILABLE, "contended", "Too much at once";
    /// What may be spent on painting in a day has been spent. No credit was taken; orders are accepted again after
    /// `retry_after` seconds, when the next day begins (UTC).
    PaintingPaused = SERVICE_UNAVAILABLE, "painting-paused", "No more pictures are painted today";
    /// A part of the service is not available. Nothing was done; try again after `retry_after` seconds.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment";
}

impl Kind {
    /// The kind that stands for an answer with this status that was not made as a problem, such as a router's own 404.
    #[must_use]
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            status if status.is_client_error() => Self::BadRequest,
            _ => Self::Internal,
        }
    }

    /// What is said to the caller when nothing more particular is known.
    #[must_use]
    pub(crate) fn usual_detail(self) -> &'static str {
        const SENTENCES: &[(Kind, &str)] = &[
            (
                Kind::NotFound,
                "There is nothing at this address, or nothing that you may see.",
            ),
            (
                Kind::MethodNotAllowed,
                "The path is right but does not take this method; see the Allow header.",
            ),
            (
                Kind::Internal,
                "Something failed on our side. It has been written down; name the instance when you ask about it.",
            ),
            (
                Kind::Contended,
                "Several requests changed the same thing at once. Nothing was done; please try again.",
            ),
            (
                Kind::Unavailable,
                "A part of the service is not available. Nothing was done; please try again.",
            ),
            (
                Kind::AccountClosed,
                "This account is closed and will be erased. Until then it can be restored with the same address and password.",
            ),
            (
                Kind::AccountBlocked,
                "This account is blocked. Please write to us if you think that this is wrong.",
            ),
            (
                Kind::OrderExpired,
                "Nobody approved the payment in its time. Please place a new order.",
            ),
            (
                Kind::UpstreamFailed,
                "A service we depend on failed. Somebody is looking at it; please try again later.",
            ),
            (
                Kind::UpstreamUnavailable,
                "A service we depend on does not answer. Please repeat the request; nothing is done twice.",
            ),
            (
                Kind::Unauthorized,
                "This request needs an access token: Authorization: Bearer …",
            ),
        ];
        let own = SENTENCES.iter().find(|(kind, _)| *kind == self);
        own.map_or(self.title(), |(_, sentence)| sentence)
    }
}

/// The text of `docs/problems.md`.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Problems\n\nEvery answer with a status of 400 or more is `application/problem+json` as RFC 9457 describes it: `type` (below), `title` and \
         `status` (fixed for the type), `detail` (for people), `instance` (the request's id, also in `X-Request-Id`), and members of \
         its own where named here. Programs decide by `type`, never by the text of `detail`.\n",
    );
    for kind in Kind::ALL {
        let (slug, status, title) = (kind.slug(), kind.status().as_u16(), kind.title());
        let explanation = kind.explanation();
        text.push_str(&format!(
            "\n## {slug}\n\n`/problems/{slug}` · {status} · {title}\n\n{explanation}\n"
        ));
    }
    text
}
