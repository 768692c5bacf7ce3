//! What differs between two requests, field by field.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::server::Request;

/// What is said of a field that one side does not send.
pub(super) const ABSENT: &str = "nothing";

/// Headers that are not compared. The length of a body that is compared says nothing more, and `User-Agent` is each
/// caller's own name.
const UNCOMPARED: &[&str] = &["content-length", "user-agent"];

/// A field in which two requests differ, and what each sends there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) sdk: String,
    pub(super) ours: String,
}

/// What the words in braces stand for in one request of ours. Those that are not among them stand for whatever has the right
/// form.
pub(super) type Words = Vec<(&'static str, String)>;

/// A request of ours in the form in which the libraries' are kept.
pub(super) fn request(sent: &Request) -> Value {
    let mut parts = sent.line.split(' ');
    let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
    let url = url::Url::parse(&format!("http://host{target}")).unwrap();
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into()));
    let headers = sent
        .headers
        .iter()
        .filter(|(name, _)| !UNCOMPARED.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), header(name, value).into()));
    let mut form = json!({
        "method": method,
        "path": url.path(),
        "query": query.collect::<Map<_, Value>>(),
        "headers": headers.collect::<Map<_, Value>>(),
    });
    if !sent.body.is_empty() {
        form["body"] = body(sent);
    }
    form
}

fn header(name: &str, value: &str) -> String {
    match value.rsplit_once(':') {
        // Every server here has a port of its own.
        Some((host, _)) if name == "host" => host.to_owned(),
        _ => value.to_owned(),
    }
}

/// JSON as such, without its nulls; anything else letter by byte.
fn body(sent: &Request) -> Value {
    match sent.header("content-type") {
        Some(kind) if kind.starts_with("application/json") => without_nulls(sent.json()),
        _ => sent
            .body
            .iter()
            .map(|byte| char::from(*byte))
            .collect::<String>()
            .into(),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Every field in which `ours` is not as `theirs`, the outermost first where one side has nothing.
pub(super) fn differences(theirs: &Value, ours: &Value, words: &Words) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(
        "",
        Some(&taken_apart(theirs)),
        Some(&taken_apart(ours)),
        words,
        &mut found,
    );
    found
}

/// The signature's parts are fields of their own: its value is another one each time, and what it covers is not.
fn taken_apart(request: &Value) -> Value {
    let mut request = request.clone();
    let authorization = request["headers"]["authorization"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if let Some((scheme, rest)) = authorization.split_once(" Credential=") {
        let mut parts = rest.split(", ");
        let [scope, signs, signature] = [(); 3].map(|()| parts.next().unwrap_or_default().to_owned());
        request["headers"]["authorization"] = json!({
            "scheme": scheme,
            "scope": scope,
            "signs": signs.trim_start_matches("SignedHeaders="),
            "signature": signature.trim_start_matches("Signature="),
        });
    }
    request
}

fn compare(field: &str, theirs: Option<&Value>, ours: Option<&Value>, words: &Words, found: &mut Vec<Difference>) {
    let below = |name: &str| {
        if field.is_empty() {
            name.to_owned()
        } else {
            format!("{field}.{name}")
        }
    };
    match (theirs, ours) {
        (Some(Value::Object(theirs)), Some(Value::Object(ours))) => {
            for name in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
                compare(&below(name), theirs.get(name), ours.get(name), words, found);
            }
        }
        (Some(Value::Array(theirs)), Some(Value::Array(ours))) => {
            for index in 0..theirs.len().max(ours.len()) {
                compare(
                    &format!("{field}[{index}]"),
                    theirs.get(index),
                    ours.get(index),
                    words,
                    found,
                );
            }
        }
        (Some(Value::String(theirs)), Some(Value::String(ours))) if fits(theirs, ours, words) => {}
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => found.push(Difference {
            field: field.to_owned(),
            sdk: shown(theirs),
            ours: shown(ours),
        }),
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => ABSENT.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Whether `text` is `pattern` with something for each of its words in braces.
pub(super) fn fits(pattern: &str, text: &str, words: &Words) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else {
        return pattern == text;
    };
    let (Some((word, pattern)), Some(text)) = (rest.split_once('}'), text.strip_prefix(before)) else {
        return pattern == text;
    };
    match words.iter().find(|(known, _)| *known == word) {
        Some((_, value)) => text
            .strip_prefix(value.as_str())
            .is_some_and(|text| fits(pattern, text, words)),
        None => (1..=text.len())
            .filter(|end| text.is_char_boundary(*end) && has_form(word, &text[..*end]))
            .any(|end| fits(pattern, &text[end..], words)),
    }
}

/// Whether `text` has the form of what `word` stands for.
fn has_form(word: &str, text: &str) -> bool {
    let hexadecimal = |length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let of_words = || {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match word {
        "agent" => text.starts_with("aws-sdk-rust/"),
        "day" => text.len() == 8 && digits(text),
        "entity" | "kind" => of_words(),
        // Without this word the company refuses JSON mode.
        "instructions" => text.to_lowercase().contains("json"),
        "signature" => hexadecimal(64),
        "time" => text.len() == 16 && digits(&text[..8]) && text.ends_with('Z'),
        "uuid" => text.len() == 36 && of_words(),
        _ => false,
    }
}

#[test]
fn a_value_fits_only_with_the_right_thing_for_every_word() {
    let words = vec![("bucket", "pictures".to_owned())];
    for (pattern, text, expected) in [
        ("plain", "plain", true),
        ("plain", "other", false),
        ("{bucket}.host", "pictures.host", true),
        ("{bucket}.host", "others.host", false),
        ("{kind}/{entity}", "verify_email/mail_01", true),
        ("{kind}/{entity}", "verify_email", false),
        ("{time}", "20261122T090000Z", true),
        ("{time}", "now", false),
        ("{unheard}", "of", false),
    ] {
        assert_eq!(fits(pattern, text, &words), expected, "{pattern} {text}");
    }
}

#[test]
fn differences_are_found_on_both_sides_and_nulls_are_none() {
    let theirs = json!({"headers": {}, "body": {"same": 1, "theirs": true, "list": ["a", "b"]}});
    let ours =
        json!({"headers": {}, "body": without_nulls(json!({"same": 1, "ours": null, "list": ["a"], "more": {}}))});
    let found: Vec<_> = differences(&theirs, &ours, &Vec::new())
        .into_iter()
        .map(|difference| (difference.field, difference.sdk, difference.ours))
        .collect();
    let expected = [
        ("body.list[1]", "b", ABSENT),
        ("body.more", ABSENT, "{}"),
        ("body.theirs", "true", ABSENT),
    ];
    assert_eq!(
        found,
        expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
    );
}
