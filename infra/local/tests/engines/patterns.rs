use serde_json::{Value, json};
use vitrine::engine::input::InputTemplate;
use vitrine::engine::pattern::Pattern;
use vitrine::template::Template;

fn matches(pattern: Value, event: &Value) -> bool {
    Pattern::read(&pattern).unwrap().matches(event)
}

#[test]
fn each_operator_lets_through_what_it_names_and_nothing_else() {
    let event = json!({"a": "apple", "n": 5, "list": ["x", "y"], "deep": {"er": null}});
    for (pattern, expected) in [
        (json!({"a": ["pear", "apple"]}), true),
        (json!({"a": ["pear"]}), false),
        (json!({"a": [{"prefix": "app"}]}), true),
        (json!({"a": [{"suffix": "app"}]}), false),
        (json!({"a": [{"suffix": "ple"}]}), true),
        (json!({"a": [{"equals-ignore-case": "APPLE"}]}), true),
        (json!({"a": [{"anything-but": ["apple", "pear"]}]}), false),
        (json!({"a": [{"anything-but": "pear"}]}), true),
        (json!({"a": [{"anything-but": {"prefix": "app"}}]}), false),
        (json!({"missing": [{"anything-but": "pear"}]}), false),
        (json!({"missing": [{"exists": false}]}), true),
        (json!({"a": [{"exists": false}]}), false),
        (json!({"deep": {"er": [{"exists": true}]}}), true),
        (json!({"deep": {"er": [null]}}), true),
        (json!({"deep": {"est": [{"exists": true}]}}), false),
        (json!({"n": [{"numeric": [">", 4, "<=", 5]}]}), true),
        (json!({"n": [{"numeric": ["<", 5]}]}), false),
        (json!({"n": [5.0]}), true),
        (json!({"a": [{"numeric": ["=", 5]}]}), false),
        (json!({"list": ["y"]}), true),
        (json!({"list": ["z"]}), false),
        (json!({"$or": [{"a": ["pear"]}, {"n": [5]}]}), true),
        (json!({"$or": [{"a": ["pear"]}, {"n": [6]}]}), false),
        (json!({"a": ["apple"], "$or": [{"n": [6]}, {"n": [7]}]}), false),
    ] {
        assert_eq!(matches(pattern.clone(), &event), expected, "{pattern}");
    }
}

#[test]
fn a_worker_is_called_by_what_was_ordered_and_by_what_is_woken_and_by_no_other_change() {
    let template = Template::local().unwrap();
    let changed = |event: &str, image: Value| json!({"eventName": event, "dynamodb": {"NewImage": image}});
    let (queued, claimed) = (json!({"S": "queued"}), json!({"S": "claimed"}));
    let woken = json!({"N": "1795338000"});
    for (record, called) in [
        (changed("INSERT", json!({"state": queued})), true),
        (changed("INSERT", json!({"state": {"S": "unaddressed"}})), false),
        (changed("MODIFY", json!({"state": queued})), false),
        (changed("MODIFY", json!({"state": queued, "wake": woken})), true),
        (
            changed("MODIFY", json!({"state": {"S": "dispatched"}, "wake": woken})),
            true,
        ),
        (changed("MODIFY", json!({"state": claimed})), false),
        (
            changed("MODIFY", json!({"state": claimed, "wake": {"S": "now"}})),
            false,
        ),
        (
            json!({"eventName": "REMOVE", "dynamodb": {"OldImage": {"state": queued, "wake": woken}}}),
            false,
        ),
    ] {
        for queue in ["images-paint", "mail-send"] {
            let pipe = template.pipes.iter().find(|pipe| pipe.queue == queue).unwrap();
            let takes = pipe.filters.iter().any(|filter| matches(filter.clone(), &record));
            assert_eq!(takes, called, "{queue}: {record}");
        }
    }
}

#[test]
fn what_eventbridge_would_refuse_is_refused() {
    for pattern in [
        json!({}),
        json!({"a": "apple"}),
        json!({"a": []}),
        json!({"a": [{"prefix": 1}]}),
        json!({"a": [{"numeric": [">"]}]}),
        json!({"a": [{"like": "b"}]}),
        json!({"$or": [{"a": ["x"]}]}),
    ] {
        assert!(Pattern::read(&pattern).is_err(), "{pattern}");
    }
}

#[test]
fn a_template_stays_json_whatever_the_record_holds() {
    let record = json!({"a": "say \"hi\" <b>", "set": ["x", "y"], "n": 1});
    let render = |template: &str| InputTemplate::read(template).unwrap().render(&record);
    assert_eq!(render(r#"{"a": <$.a>}"#), r#"{"a": "say \"hi\" <b>"}"#);
    assert_eq!(
        render(r#"{"a": "it said: <$.a>"}"#),
        r#"{"a": "it said: say \"hi\" <b>"}"#
    );
    assert_eq!(
        render(r#"{"set": <$.set>, "n": <$.n>, "second": <$.set.1>}"#),
        r#"{"set": ["x","y"], "n": 1, "second": "y"}"#
    );
    assert_eq!(render(r#"{"gone": <$.gone.far>}"#), r#"{"gone": null}"#);
    for template in [r#"{"a": <$.a"#, r#"{"a": <a>}"#, r#"{"a": <$.a>"#, r#"{"a": <$..b>}"#] {
        assert!(InputTemplate::read(template).is_err(), "{template}");
    }
}
