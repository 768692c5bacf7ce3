//! Comparing JSON so that nothing passes for something else.

use serde_json::{Value, json};

/// What a value must look like that cannot be known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The id of a stream's record: 32 hexadecimal digits.
    EventId,
}

impl Form {
    fn has(self, value: &Value) -> bool {
        let hexadecimal = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        match self {
            Self::EventId => value
                .as_str()
                .is_some_and(|id| id.len() == 32 && id.bytes().all(hexadecimal)),
        }
    }
}

/// Fails unless `ours` is `fixture`: the same members on every level, of the same types and values. At the places in `forms`,
/// JSON Pointers, both must have the form and may differ.
#[track_caller]
pub(crate) fn assert_same(ours: &Value, fixture: &Value, forms: &[(&str, Form)]) {
    let found = differences(ours, fixture, forms);
    assert!(found.is_empty(), "{}\nours: {ours:#}", found.join("\n"));
}

fn differences(ours: &Value, fixture: &Value, forms: &[(&str, Form)]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, form) in forms {
        for (whose, value) in [("ours", ours), ("the fixture", fixture)] {
            if !value.pointer(place).is_some_and(|value| form.has(value)) {
                found.push(format!("{place}: {whose} has not the form {form:?}"));
            }
        }
    }
    walk("", ours, fixture, forms, &mut found);
    found
}

fn walk(place: &str, ours: &Value, fixture: &Value, forms: &[(&str, Form)], found: &mut Vec<String>) {
    if forms.iter().any(|(formed, _)| *formed == place) {
        return;
    }
    match (ours, fixture) {
        (Value::Object(ours), Value::Object(fixture)) => {
            for name in ours.keys().filter(|name| !fixture.contains_key(*name)) {
                found.push(format!("{place}/{name}: ours alone has it"));
            }
            for (name, expected) in fixture {
                match ours.get(name) {
                    Some(value) => walk(&format!("{place}/{name}"), value, expected, forms, found),
                    None => found.push(format!("{place}/{name}: the fixture alone has it")),
                }
            }
        }
        (Value::Array(ours), Value::Array(fixture)) if ours.len() == fixture.len() => {
            for (index, (value, expected)) in ours.iter().zip(fixture).enumerate() {
                walk(&format!("{place}/{index}"), value, expected, forms, found);
            }
        }
        (ours, fixture) if ours == fixture => {}
        (ours, fixture) => found.push(format!("{place}: {ours} is not {fixture}")),
    }
}

#[test]
fn a_member_too_many_or_too_few_is_a_difference_on_every_level() {
    let fixture = json!({"a": {"b": [{"c": 1}]}});
    assert!(differences(&fixture, &fixture, &[]).is_empty());
    for (ours, place) in [
        (json!({}), "/a: the fixture alone"),
        (json!({"a": {}}), "/a/b: the fixture alone"),
        (json!({"a": {"b": [{}]}}), "/a/b/0/c: the fixture alone"),
        (json!({"a": {"b": [{"c": 1, "d": null}]}}), "/a/b/0/d: ours alone"),
        (json!({"a": {"b": [{"c": 1}], "e": 1}}), "/a/e: ours alone"),
    ] {
        let found = differences(&ours, &fixture, &[]);
        assert!(matches!(&found[..], [only] if only.starts_with(place)), "{found:?}");
    }
}

#[test]
fn another_type_value_or_length_is_a_difference() {
    for (ours, fixture) in [
        (json!("1"), json!(1)),
        (json!(1.0), json!(1)),
        (json!(null), json!({})),
        (json!([]), json!({})),
        (json!([1]), json!([1, 1])),
        (json!([1, 2]), json!([2, 1])),
        (json!("a"), json!("A")),
        (json!(true), json!(false)),
    ] {
        let both = [(&ours, &fixture), (&fixture, &ours)];
        assert!(
            both.iter()
                .all(|(ours, fixture)| !differences(ours, fixture, &[]).is_empty()),
            "{ours} passed for {fixture}"
        );
    }
}

#[test]
fn a_form_is_asked_of_both_sides_and_where_there_is_nothing_too() {
    let (id, other) = ("0123456789abcdef0123456789abcdef", "ffffffffffffffffffffffffffffffff");
    let forms = [("/a/0", Form::EventId)];
    let of = |id: &str| json!({"a": [id]});
    assert!(differences(&of(id), &of(other), &forms).is_empty());
    assert_eq!(differences(&of(id), &of(other), &[]).len(), 1);
    for wrong in [
        "",
        "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef0123456789abcde",
    ] {
        assert_eq!(differences(&of(wrong), &of(id), &forms).len(), 1, "{wrong}");
        assert_eq!(differences(&of(id), &of(wrong), &forms).len(), 1, "{wrong}");
    }
    assert_eq!(differences(&json!({}), &json!({}), &forms).len(), 2);
}
