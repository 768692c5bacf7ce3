//! What Seedream is asked to paint, and its reasons to refuse.

use axum::http::StatusCode;
use pictures::Format;
use serde_json::{Map, Value};

use super::call::Call;
use super::seedream::{Refusal, format_named};
use super::sizes::Family;

/// A request that passed every check.
pub(super) struct Order {
    pub(super) model: String,
    pub(super) family: Family,
    pub(super) prompt: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) count: u32,
    pub(super) base64: bool,
    pub(super) format: Format,
    pub(super) watermark: bool,
    pub(super) stream: bool,
    pub(super) web_search: bool,
    pub(super) input_images: usize,
}

type Body = Map<String, Value>;

impl Order {
    /// Checks in Ark's order: the model before everything else, so that a bad size proves a good model; moderation last.
    pub(super) fn read(call: &Call) -> Result<Self, Refusal> {
        let body = call
            .object()
            .ok_or_else(|| Refusal::invalid("body", "a JSON object is expected"))?;
        let model = text(&body, "model")?
            .ok_or_else(|| Refusal::missing("model"))?
            .to_owned();
        let family = Family::of(&model).ok_or_else(|| Refusal {
            message: format!("The model or endpoint {model} does not exist or you do not have access to it."),
            ..Refusal::named("InvalidEndpointOrModel.NotFound", None)
        })?;
        let prompt = text(&body, "prompt")?
            .ok_or_else(|| Refusal::missing("prompt"))?
            .to_owned();
        if prompt.trim().is_empty() {
            return Err(Refusal::invalid("prompt", "it must not be empty"));
        }
        let size = text(&body, "size")?.unwrap_or(family.default_size());
        let (width, height) = family
            .pixels(size, &prompt)
            .map_err(|why| Refusal::invalid("size", &why))?;
        let base64 = match text(&body, "response_format")? {
            None | Some("url") => false,
            Some("b64_json") => true,
            Some(_) => return Err(Refusal::invalid("response_format", "expected `url` or `b64_json`")),
        };
        let format = match text(&body, "output_format")? {
            None => Format::Jpeg,
            Some(_) if !family.is_five() => return Err(unsupported("output_format")),
            Some(name) => {
                format_named(name).ok_or_else(|| Refusal::invalid("output_format", "expected `jpeg` or `png`"))?
            }
        };
        let input_images = images(&body, family)?;
        only_where_supported(&body, family, input_images)?;
        let stream = flag(&body, "stream")?.unwrap_or(false);
        let count = group(&body, family, &prompt, input_images)?;
        let watermark = flag(&body, "watermark")?.unwrap_or(true);
        moderate(&prompt)?;
        Ok(Self {
            web_search: body.contains_key("tools"),
            model,
            family,
            prompt,
            width,
            height,
            count,
            base64,
            format,
            watermark,
            stream,
            input_images,
        })
    }
}

fn text<'a>(body: &'a Body, name: &str) -> Result<Option<&'a str>, Refusal> {
    body.get(name)
        .map(|value| {
            value
                .as_str()
                .ok_or_else(|| Refusal::invalid(name, "a string is expected"))
        })
        .transpose()
}

fn flag(body: &Body, name: &str) -> Result<Option<bool>, Refusal> {
    body.get(name)
        .map(|value| {
            value
                .as_bool()
                .ok_or_else(|| Refusal::invalid(name, "a boolean is expected"))
        })
        .transpose()
}

fn unsupported(name: &str) -> Refusal {
    Refusal::invalid(name, "it is not supported by the current model")
}

fn moderate(prompt: &str) -> Result<(), Refusal> {
    if prompt.contains("RATELIMIT") {
        return Err(Refusal::named(
            "ModelAccountIpmRateLimitExceeded",
            Some(StatusCode::TOO_MANY_REQUESTS),
        ));
    }
    if prompt.contains("FORBIDDEN") {
        return Err(Refusal {
            param: "prompt".to_owned(),
            ..Refusal::named("InputTextSensitiveContentDetected", None)
        });
    }
    Ok(())
}

/// Parameters that only some of the models know. Others than these are ignored, misspelt ones too.
fn only_where_supported(body: &Body, family: Family, input_images: usize) -> Result<(), Refusal> {
    let pro = family.is_pro();
    let fast = body
        .get("optimize_prompt_options")
        .map(|options| options["mode"].as_str());
    match fast {
        None | Some(None | Some("standard")) => {}
        Some(Some("fast")) if matches!(family, Family::Four | Family::Pro) => {}
        Some(Some(_)) => {
            return Err(Refusal::invalid(
                "optimize_prompt_options.mode",
                "the mode is not supported by the current model",
            ));
        }
    }
    let allowed = [
        ("sequential_image_generation", !pro && family != Family::Three),
        ("sequential_image_generation_options", !pro && family != Family::Three),
        ("stream", !pro && family != Family::Three),
        ("tools", family == Family::Lite),
        ("seed", family == Family::Three),
        ("guidance_scale", family == Family::Three),
        ("layer_decomposition", pro && input_images > 0),
        ("background", pro && input_images > 0),
    ];
    match allowed
        .iter()
        .find(|(name, allowed)| !allowed && body.contains_key(*name))
    {
        Some((name, _)) => Err(unsupported(name)),
        None => Ok(()),
    }
}

/// The number of input pictures, each a link or a data URL.
fn images(body: &Body, family: Family) -> Result<usize, Refusal> {
    let given: Vec<&Value> = match body.get("image") {
        None => return Ok(0),
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
    };
    let most = if family.is_pro() { 10 } else { 14 };
    if given.len() > most {
        return Err(Refusal::invalid("image", &format!("at most {most} images are allowed")));
    }
    let good = |image: &str| {
        let data = image
            .strip_prefix("data:image/")
            .and_then(|rest| rest.split_once(";base64,"));
        match data {
            Some((kind, content)) => kind.chars().all(|c| c.is_ascii_lowercase()) && !content.is_empty(),
            None => image.starts_with("https://") || image.starts_with("http://"),
        }
    };
    if given.iter().all(|image| image.as_str().is_some_and(good)) {
        Ok(given.len())
    } else {
        Err(Refusal::invalid(
            "image",
            "a URL or data:image/<format>;base64 is expected",
        ))
    }
}

/// How many pictures are painted: one, or in a group as many as the prompt asks for.
fn group(body: &Body, family: Family, prompt: &str, input_images: usize) -> Result<u32, Refusal> {
    let auto = match text(body, "sequential_image_generation")? {
        None | Some("disabled") => false,
        Some("auto") if !family.is_pro() => true,
        Some(_) => {
            return Err(Refusal::invalid(
                "sequential_image_generation",
                "expected `auto` or `disabled`",
            ));
        }
    };
    let most = match body
        .get("sequential_image_generation_options")
        .and_then(|options| options.get("max_images"))
    {
        None => 15,
        Some(value) => value.as_u64().filter(|n| (1..=15).contains(n)).ok_or_else(|| {
            Refusal::invalid(
                "sequential_image_generation_options.max_images",
                "expected a number from 1 to 15",
            )
        })?,
    };
    if !auto {
        return Ok(1);
    }
    let room = 15_u64.saturating_sub(input_images as u64).max(1);
    let asked = prompt
        .split(|c: char| !c.is_ascii_digit())
        .find_map(|digits| digits.parse::<u64>().ok().filter(|n| (1..=15).contains(n)));
    Ok(asked.unwrap_or(1).min(most).min(room) as u32)
}
