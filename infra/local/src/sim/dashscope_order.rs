//! What DashScope is asked to paint, and its reasons to refuse.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::call::Call;

/// The models that are known here: the one we use, its equal, and its snapshot.
const MODELS: [&str; 3] = ["qwen-image-plus", "qwen-image", "qwen-image-plus-2026-01-09"];
/// The sizes it paints; the first is the default.
const SIZES: [(u32, u32); 5] = [(1664, 928), (1472, 1104), (1328, 1328), (1104, 1472), (928, 1664)];
/// What is longer is cut, and nobody is told.
const LONGEST_PROMPT: usize = 800;

/// A request that passed every check.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) model: String,
    /// The prompt as far as it is read.
    pub(super) prompt: String,
    /// The prompt as another model wrote it anew.
    pub(super) actual_prompt: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) watermark: bool,
}

/// A refusal as DashScope words it; the request id is added when it is sent.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn invalid(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            ..Self::named("InvalidParameter", None)
        }
    }

    /// The refusal that the contract lists under a code.
    pub(super) fn named(code: &str, status: Option<StatusCode>) -> Self {
        let family = code.split('.').next().unwrap_or_default();
        let (listed, message) = match family {
            "InvalidApiKey" => (401, "Invalid API-key provided."),
            "AccessDenied" | "Model" | "Workspace" => (403, "Access denied."),
            "ModelNotFound" => (404, "Model can not be found."),
            "WorkSpaceNotFound" => (404, "WorkSpace can not be found."),
            "RequestTimeOut" => (408, "Request timed out, please try again later."),
            "Throttling" | "LimitRequests" => (429, "Requests rate limit exceeded, please try again later."),
            "PrepaidBillOverdue" | "PostpaidBillOverdue" => (429, "The bill is overdue."),
            "CommodityNotPurchased" => (429, "Commodity has not purchased yet."),
            "InternalError" | "SystemError" | "RewriteFailed" => (500, "An internal error has occurred."),
            "ModelUnavailable" | "ModelServingError" => (503, "Model is unavailable, please try again later."),
            "Arrearage" => (400, "Access denied, please make sure your account is in good standing."),
            "DataInspectionFailed" => (400, "Input data may contain inappropriate content."),
            "IPInfringementSuspect" => (400, "Input data is suspected of being involved in IP infringement."),
            "FaqRuleBlocked" | "CustomRoleBlocked" => (400, "Input or output data is blocked by a rule of yours."),
            _ => (400, "The request is not valid."),
        };
        let status = status.or(StatusCode::from_u16(listed).ok());
        Self {
            status: status.unwrap_or(StatusCode::BAD_REQUEST),
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }
}

type Fields = Map<String, Value>;

impl Order {
    /// Reads an order for a task, `{"model", "input": {"prompt"}, "parameters"}`.
    pub(super) fn of_task(call: &Call) -> Result<Self, Refusal> {
        Self::read(call, |input| text(input, "prompt"))
    }

    /// Reads an order in the form of a conversation: one message of the user's, and in it one text.
    pub(super) fn of_conversation(call: &Call) -> Result<Self, Refusal> {
        Self::read(call, |input| {
            let one = |value: Option<&Value>| match value.and_then(Value::as_array).map(Vec::as_slice) {
                Some([only]) => only.as_object().cloned(),
                Some(_) | None => None,
            };
            let message = one(input.get("messages"))
                .filter(|message| message.get("role").is_some_and(|role| role == "user"))
                .ok_or_else(|| Refusal::invalid("messages must be exactly one, of the role user"))?;
            let content = one(message.get("content"))
                .filter(|content| content.len() == 1)
                .ok_or_else(|| Refusal::invalid("content must be exactly one text"))?;
            text(&content, "text")
        })
    }

    /// Checks the model before everything else, so that a bad size proves a good model; the prompt last.
    fn read(call: &Call, prompt: impl FnOnce(&Fields) -> Result<Option<String>, Refusal>) -> Result<Self, Refusal> {
        let body = call
            .object()
            .ok_or_else(|| Refusal::invalid("Required body invalid, please check the request body format."))?;
        let model = text(&body, "model")?
            .filter(|model| !model.is_empty())
            .ok_or_else(|| empty("BadRequest.EmptyModel", "model"))?;
        if !MODELS.contains(&model.as_str()) {
            return Err(Refusal::named("ModelNotFound", None));
        }
        let input = fields(&body, "input").ok_or_else(|| empty("BadRequest.EmptyInput", "input"))?;
        // Whatever stands beside `parameters` and not inside is not looked at.
        let knobs = match body.get("parameters") {
            None => Fields::new(),
            Some(_) => fields(&body, "parameters").ok_or_else(|| empty("BadRequest.EmptyParameters", "parameters"))?,
        };
        let (width, height) = size(&knobs)?;
        if knobs.get("n").is_some_and(|n| n.as_u64() != Some(1)) {
            return Err(Refusal::invalid("num_images_per_prompt must be 1"));
        }
        if let Some(seed) = knobs.get("seed")
            && seed.as_u64().is_none_or(|seed| seed > 2_147_483_647)
        {
            return Err(Refusal::invalid("seed must be between 0 and 2147483647"));
        }
        let extend = flag(&knobs, "prompt_extend")?.unwrap_or(true);
        let watermark = flag(&knobs, "watermark")?.unwrap_or(false);
        // Stands in either place, and is cut as the prompt is.
        for place in [&input, &knobs] {
            text(place, "negative_prompt")?;
        }
        let prompt = prompt(&input)?
            .filter(|prompt| !prompt.trim().is_empty())
            .ok_or_else(|| Refusal::invalid("prompt must not be empty"))?;
        if prompt.contains("RATELIMIT") {
            return Err(Refusal::named("Throttling.RateQuota", None));
        }
        let prompt: String = prompt.chars().take(LONGEST_PROMPT).collect();
        Ok(Self {
            actual_prompt: extend.then(|| format!("{prompt}, in soft light, with fine detail")),
            model,
            prompt,
            width,
            height,
            watermark,
        })
    }

    /// Whether moderation will not have it.
    pub(super) fn is_forbidden(&self) -> bool {
        self.prompt.contains("FORBIDDEN")
    }
}

fn empty(code: &str, name: &str) -> Refusal {
    Refusal {
        message: format!("Required field `{name}` is missing or empty."),
        ..Refusal::named(code, None)
    }
}

fn fields(body: &Fields, name: &str) -> Option<Fields> {
    body.get(name).and_then(Value::as_object).cloned()
}

fn text(body: &Fields, name: &str) -> Result<Option<String>, Refusal> {
    body.get(name)
        .map(|value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| Refusal::invalid(&format!("{name} must be a string")))
        })
        .transpose()
}

fn flag(body: &Fields, name: &str) -> Result<Option<bool>, Refusal> {
    body.get(name)
        .map(|value| {
            let flag = value.as_bool();
            flag.ok_or_else(|| Refusal::invalid(&format!("{name} must be a boolean")))
        })
        .transpose()
}

/// `W*H`, with an asterisk.
fn size(knobs: &Fields) -> Result<(u32, u32), Refusal> {
    let Some(wanted) = text(knobs, "size")? else {
        return Ok(SIZES[0]);
    };
    let known = SIZES
        .into_iter()
        .find(|(width, height)| wanted == format!("{width}*{height}"));
    known.ok_or_else(|| {
        let sizes = SIZES.map(|(width, height)| format!("{width}*{height}"));
        Refusal::invalid(&format!("size must be one of {}", sizes.join(", ")))
    })
}
