//! What we ask otherwise than the companies' own libraries, on purpose.

use super::compare::{ABSENT, Difference, Words, fits};

/// A field that we send otherwise, and why.
pub(super) struct Deviation {
    /// The requests of ours that it is about.
    pub(super) requests: &'static [&'static str],
    /// How the libraries' names begin that it is about; all of them when it is empty.
    pub(super) library: &'static str,
    /// The field.
    pub(super) field: &'static str,
    /// What the library sends there.
    pub(super) sdk: &'static str,
    /// What we send there; words in braces stand for what is another value each time.
    pub(super) ours: &'static str,
    /// Why.
    pub(super) because: &'static str,
}

impl Deviation {
    /// Whether it tells of just this difference.
    pub(super) fn tells(&self, difference: &Difference, words: &Words) -> bool {
        self.field == difference.field && self.sdk == difference.sdk && fits(self.ours, &difference.ours, words)
    }
}

const DEEPSEEK: &[&str] = &["DeepSeek: prompts"];
const SEEDREAM: &[&str] = &["Seedream: a picture", "Seedream: the probe"];
const SEEDREAM_PROBE: &[&str] = &["Seedream: the probe"];
const DASHSCOPE: &[&str] = &["DashScope: a task", "DashScope: the probe", "DashScope: a look"];
const DASHSCOPE_ORDERS: &[&str] = &["DashScope: a task", "DashScope: the probe"];
const DASHSCOPE_LOOK: &[&str] = &["DashScope: a look"];
const DASHSCOPE_PROBE: &[&str] = &["DashScope: the probe"];
const RESEND: &[&str] = &["Resend: a mail"];
const PAYPAL_CHECKOUT: &[&str] = &["PayPal: a checkout"];
const PAYPAL_REFUND: &[&str] = &["PayPal: a refund"];
const STORE_PUT: &[&str] = &["store: put"];
const STORE_LIST: &[&str] = &["store: list"];
const STORE_LINK: &[&str] = &["store: a link"];
const STORE_ONE: &[&str] = &["store: put", "store: is it there", "store: delete"];
const STORE: &[&str] = &["store: put", "store: is it there", "store: delete", "store: list"];

const BOTO: &str = "boto3";
const RUST: &str = "aws-sdk-s3";

/// The list. A test holds it against every request; `docs/providers.md` shows it.
pub(super) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        requests: DEEPSEEK,
        library: "",
        field: "body.max_tokens",
        sdk: "1024",
        ours: "896",
        because: "256 and 640 for each prompt that is asked for; here it is one",
    },
    Deviation {
        requests: DEEPSEEK,
        library: "",
        field: "body.stream",
        sdk: ABSENT,
        ours: "false",
        because: "the default, said aloud: our client reads one whole answer",
    },
    Deviation {
        requests: DEEPSEEK,
        library: "",
        field: "body.user_id",
        sdk: "u_1",
        ours: ABSENT,
        because: "P8: DeepSeek is told the description and nothing of who asks",
    },
    Deviation {
        requests: SEEDREAM,
        library: "",
        field: "body.output_format",
        sdk: ABSENT,
        ours: "jpeg",
        because: "the default, said aloud: should it change, our pictures would not",
    },
    Deviation {
        requests: SEEDREAM,
        library: "",
        field: "headers.x-client-request-id",
        sdk: "{token}",
        ours: ABSENT,
        because: "nobody at Ark needs a name of ours for a request; the answer has one of theirs",
    },
    Deviation {
        requests: SEEDREAM_PROBE,
        library: "",
        field: "body.prompt",
        sdk: "a red mug on marble, studio light",
        ours: "a cup",
        because: "the probe is nobody's order",
    },
    Deviation {
        requests: SEEDREAM_PROBE,
        library: "",
        field: "body.size",
        sdk: "2048x2048",
        ours: "1x1",
        because: "a size that Ark refuses for nothing, once it has looked at key and model",
    },
    Deviation {
        requests: DASHSCOPE,
        library: "",
        field: "headers.accept",
        sdk: "application/json; charset=utf-8",
        ours: "application/json",
        because: "JSON is UTF-8 and has no parameter",
    },
    Deviation {
        requests: DASHSCOPE_ORDERS,
        library: "",
        field: "headers.content-type",
        sdk: "application/json; charset=utf-8",
        ours: "application/json",
        because: "likewise",
    },
    Deviation {
        requests: DASHSCOPE_ORDERS,
        library: "",
        field: "headers.x-dashscope-sdk-client",
        sdk: "python-sdk/2.0.2/aigc",
        ours: ABSENT,
        because: "we are not that library",
    },
    Deviation {
        requests: DASHSCOPE_LOOK,
        library: "",
        field: "headers.x-dashscope-sdk-client",
        sdk: "python-sdk/2.0.2/tasks",
        ours: ABSENT,
        because: "likewise",
    },
    Deviation {
        requests: DASHSCOPE,
        library: "",
        field: "headers.x-dashscope-sdk-session-id",
        sdk: "{token}",
        ours: ABSENT,
        because: "P10: it would tie the prompts of one process together",
    },
    Deviation {
        requests: DASHSCOPE_ORDERS,
        library: "",
        field: "body.parameters.prompt_extend",
        sdk: "true",
        ours: "false",
        because: "the picture is painted from the prompt that its owner saw",
    },
    Deviation {
        requests: DASHSCOPE_ORDERS,
        library: "",
        field: "body.input.negative_prompt",
        sdk: "blurry",
        ours: ABSENT,
        because: "an order has none, and Seedream knows none",
    },
    Deviation {
        requests: DASHSCOPE_PROBE,
        library: "",
        field: "body.input.prompt",
        sdk: "a red mug",
        ours: "a cup",
        because: "the probe is nobody's order",
    },
    Deviation {
        requests: DASHSCOPE_PROBE,
        library: "",
        field: "body.parameters.size",
        sdk: "1328*1328",
        ours: "1*1",
        because: "a size that is refused before it becomes a task",
    },
    Deviation {
        requests: RESEND,
        library: "",
        field: "body.reply_to",
        sdk: "help@example.com",
        ours: ABSENT,
        because: "P11: nothing beside the message; who answers writes to the sender",
    },
    Deviation {
        requests: RESEND,
        library: "",
        field: "body.headers",
        sdk: r#"{"X-Entity-Ref-ID":"1"}"#,
        ours: ABSENT,
        because: "P11: likewise",
    },
    Deviation {
        requests: RESEND,
        library: "",
        field: "body.tags",
        sdk: r#"[{"name":"category","value":"verify_code"}]"#,
        ours: ABSENT,
        because: "P11: likewise",
    },
    Deviation {
        requests: PAYPAL_CHECKOUT,
        library: "",
        field: "body.payment_source.paypal.experience_context.cancel_url",
        sdk: "https://app.example.com/pay/cancel",
        ours: "https://app.example.com/pay/cancel?order={order}",
        because: "the page that the payer comes back to has to know which order it is about",
    },
    Deviation {
        requests: PAYPAL_CHECKOUT,
        library: "",
        field: "body.payment_source.paypal.experience_context.return_url",
        sdk: "https://app.example.com/pay/return",
        ours: "https://app.example.com/pay/return?order={order}",
        because: "the same",
    },
    Deviation {
        requests: PAYPAL_CHECKOUT,
        library: "",
        field: "body.payment_source.paypal.experience_context.landing_page",
        sdk: "NO_PREFERENCE",
        ours: ABSENT,
        because: "the default; PayPal shows each payer what suits",
    },
    Deviation {
        requests: PAYPAL_CHECKOUT,
        library: "",
        field: "body.payment_source.paypal.experience_context.payment_method_preference",
        sdk: "UNRESTRICTED",
        ours: "IMMEDIATE_PAYMENT_REQUIRED",
        because: "credits are spent at once, so money that comes in days is not asked for",
    },
    Deviation {
        requests: PAYPAL_CHECKOUT,
        library: "",
        field: "body.purchase_units[0].reference_id",
        sdk: ABSENT,
        ours: "default",
        because: "the default, said aloud",
    },
    Deviation {
        requests: PAYPAL_CHECKOUT,
        library: "",
        field: "headers.paypal-request-id",
        sdk: "{token}",
        ours: "create-{order}",
        because: "the order's own name: whoever asks again, after a crash too, gets the same checkout",
    },
    Deviation {
        requests: PAYPAL_REFUND,
        library: "",
        field: "headers.paypal-request-id",
        sdk: "{token}",
        ours: "refund-act_1",
        because: "the act's own name, for the same reason",
    },
    Deviation {
        requests: STORE,
        library: BOTO,
        field: "headers.amz-sdk-request",
        sdk: "attempt=1; max=1",
        ours: "attempt=1; max=3",
        because: "the first of three tries; the other client was told to make one",
    },
    Deviation {
        requests: STORE,
        library: RUST,
        field: "headers.amz-sdk-request",
        sdk: "attempt=1; max=1",
        ours: "attempt=1; max=3",
        because: "likewise",
    },
    Deviation {
        requests: STORE,
        library: BOTO,
        field: "headers.x-amz-user-agent",
        sdk: ABSENT,
        ours: "{agent}",
        because: "Rust's library says who it is in a second, signed header too; both stores take it",
    },
    Deviation {
        requests: &["store: is it there", "store: delete", "store: list"],
        library: BOTO,
        field: "headers.authorization.signs",
        sdk: "host;x-amz-content-sha256;x-amz-date",
        ours: "host;x-amz-content-sha256;x-amz-date;x-amz-user-agent",
        because: "likewise",
    },
    Deviation {
        requests: STORE_PUT,
        library: BOTO,
        field: "headers.authorization.signs",
        sdk: "cache-control;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-job",
        ours: "cache-control;content-length;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-user-agent",
        because: "likewise; the length is signed as well, and there are no metadata to sign",
    },
    Deviation {
        requests: STORE,
        library: RUST,
        field: "headers.host",
        sdk: "{endpoint}",
        ours: "{bucket}.{endpoint}",
        because: "both companies refuse path style, which the other client used against a bare address",
    },
    Deviation {
        requests: STORE_ONE,
        library: RUST,
        field: "path",
        sdk: "/{bucket}/{key}",
        ours: "/{key}",
        because: "likewise",
    },
    Deviation {
        requests: STORE_LIST,
        library: RUST,
        field: "path",
        sdk: "/{bucket}/",
        ours: "/",
        because: "likewise",
    },
    Deviation {
        requests: STORE_PUT,
        library: "",
        field: "headers.cache-control",
        sdk: "public, max-age=31536000",
        ours: "max-age=300",
        because: "what is erased must be gone from caches in five minutes",
    },
    Deviation {
        requests: STORE_PUT,
        library: BOTO,
        field: "headers.expect",
        sdk: "100-continue",
        ours: ABSENT,
        because: "a picture is small enough to be sent without asking first",
    },
    Deviation {
        requests: STORE_PUT,
        library: BOTO,
        field: "headers.x-amz-meta-job",
        sdk: "1",
        ours: ABSENT,
        because: "P13: objects have no metadata",
    },
    Deviation {
        requests: STORE_PUT,
        library: BOTO,
        field: "query.x-id",
        sdk: ABSENT,
        ours: "PutObject",
        because: "Rust's library names the operation and signs that; both stores take it",
    },
    Deviation {
        requests: &["store: delete"],
        library: BOTO,
        field: "query.x-id",
        sdk: ABSENT,
        ours: "DeleteObject",
        because: "likewise",
    },
    Deviation {
        requests: STORE_LINK,
        library: BOTO,
        field: "query.x-id",
        sdk: ABSENT,
        ours: "GetObject",
        because: "likewise",
    },
    Deviation {
        requests: STORE_LIST,
        library: "",
        field: "query.prefix",
        sdk: "img/",
        ours: ABSENT,
        because: "the sweep must see whatever lies in the bucket",
    },
    Deviation {
        requests: STORE_LIST,
        library: "",
        field: "query.max-keys",
        sdk: ABSENT,
        ours: "1000",
        because: "whoever lists says how much can be worked off at once",
    },
    Deviation {
        requests: STORE_LIST,
        library: BOTO,
        field: "query.encoding-type",
        sdk: "url",
        ours: ABSENT,
        because: "our keys are ASCII and need no escapes",
    },
];

/// The list as a table of Markdown.
pub(super) fn table() -> String {
    let mut table =
        "| Request | Beside | Field | They send | We send | Because |\n|---|---|---|---|---|---|\n".to_owned();
    let code = |text: &str| match text {
        ABSENT => ABSENT.to_owned(),
        text => format!("`{text}`"),
    };
    for deviation in DEVIATIONS {
        let Deviation {
            requests,
            library,
            field,
            sdk,
            ours,
            because,
        } = deviation;
        let beside = if library.is_empty() { "" } else { library };
        let (sdk, ours) = (code(sdk), code(ours));
        let requests = requests.join("; ");
        table.push_str(&format!(
            "| {requests} | {beside} | `{field}` | {sdk} | {ours} | {because} |\n"
        ));
    }
    table
}
