//! Turns what `serde` says about a value into words for the person who sent it, without repeating the value.

use serde_path_to_error::{Path, Segment};

use super::kind::Kind;

/// What is wrong with one value.
pub(super) struct Explained {
    pub(super) kind: Kind,
    /// The field's name, when the error names one below the place where it was met.
    pub(super) field: Option<String>,
    /// The end of a sentence that begins with the field's name.
    pub(super) must: String,
}

/// Longer names are cut: they are the caller's own words and need not be repeated whole.
const LONGEST_NAME: usize = 64;

/// Explains the message of a data error of `serde`.
pub(super) fn explain(message: &str) -> Explained {
    let message = without_place(message);
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return Explained {
            kind: Kind::UnknownField,
            field: Some(cut(before_last(rest, &["`, expected", "`, there are no fields"]))),
            must: "is not a field of this request".to_owned(),
        };
    }
    for (prefix, must) in [
        ("missing field `", "is missing"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some(rest) = message.strip_prefix(prefix) {
            return Explained {
                kind: Kind::InvalidField,
                field: Some(cut(rest.trim_end_matches('`'))),
                must: must.to_owned(),
            };
        }
    }
    Explained {
        kind: Kind::InvalidField,
        field: None,
        must: requirement(message),
    }
}

fn requirement(message: &str) -> String {
    let of_serde = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown variant `",
    ];
    if of_serde.iter().any(|prefix| message.starts_with(prefix)) {
        // What was sent stands before the last `, expected `; it may contain anything, so nothing before that is used.
        return match message.rsplit_once(", expected ") {
            Some((_, expected)) => format!("must be {}", plain(expected)),
            None => "is not acceptable".to_owned(),
        };
    }
    match message {
        "invalid digit found in string"
        | "cannot parse integer from empty string"
        | "number too large to fit in target type"
        | "number too small to fit in target type" => "must be a whole number in range".to_owned(),
        "provided string was not `true` or `false`" => "must be `true` or `false`".to_owned(),
        ours => ours.to_owned(),
    }
}

/// `serde`'s word for a type, in words that need no knowledge of Rust.
fn plain(expected: &str) -> String {
    let range = |least: i128, greatest: i128| format!("a whole number from {least} to {greatest}");
    match expected {
        "u8" => range(0, u8::MAX.into()),
        "u16" => range(0, u16::MAX.into()),
        "u32" => range(0, u32::MAX.into()),
        "i8" => range(i8::MIN.into(), i8::MAX.into()),
        "i16" => range(i16::MIN.into(), i16::MAX.into()),
        "i32" => range(i32::MIN.into(), i32::MAX.into()),
        "u64" | "usize" => "a whole number, zero or more".to_owned(),
        "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a borrowed string" | "string" | "string or map" => "a string".to_owned(),
        "a sequence" | "sequence" => "a list".to_owned(),
        "a map" | "map" => "an object".to_owned(),
        structure if structure.starts_with("struct ") => "an object".to_owned(),
        words => words.to_owned(),
    }
}

/// `serde_json` ends each message with the place, which for a data error helps nobody.
fn without_place(message: &str) -> &str {
    message.rfind(" at line ").map_or(message, |place| &message[..place])
}

fn before_last<'a>(text: &'a str, ends: &[&str]) -> &'a str {
    ends.iter()
        .find_map(|end| text.rfind(end))
        .map_or(text, |end| &text[..end])
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

/// The JSON pointer (RFC 6901) of the place `path`, and of `field` there if the path does not end in it already.
pub(super) fn pointer(path: &Path, field: Option<&str>) -> String {
    let mut steps: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(cut(key)),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    if let Some(field) = field
        && steps.last().map(String::as_str) != Some(field)
    {
        steps.push(field.to_owned());
    }
    steps
        .iter()
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect()
}
