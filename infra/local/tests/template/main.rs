//! The template as the local stack reads it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod alarms;
mod operating;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use vitrine::template::{Attribute, Resource, Route, Sources, Template, Throttle, local_parameters};

fn local() -> Template {
    Template::local().unwrap()
}

#[test]
fn every_function_is_there_once_with_its_route_its_queue_or_its_schedule() {
    let template = local();
    let routes: BTreeMap<&str, String> = template
        .functions
        .iter()
        .map(|function| {
            let schedule = template.schedule_of(&function.folder);
            let how = match (function.routes.as_slice(), function.queue_events.as_slice(), schedule) {
                ([Route { method, path }], [], None) => format!("{method} {path}"),
                ([], [event], None) => format!("queue {}", event.queue),
                ([], [], Some(schedule)) => format!("{} {}", schedule.expression, schedule.time_zone),
                other => panic!("{}: {other:?}", function.folder),
            };
            (function.folder.as_str(), how)
        })
        .collect();
    let expected = BTreeMap::from([
        ("accounts-create", "POST /v1/accounts"),
        ("accounts-delete", "DELETE /v1/account"),
        ("accounts-erase", "rate(1 hour) UTC"),
        ("accounts-export", "GET /v1/account/export"),
        ("accounts-get", "GET /v1/account"),
        ("accounts-restore", "POST /v1/accounts/restore"),
        ("accounts-update", "PATCH /v1/account"),
        ("accounts-verify", "POST /v1/accounts/verify"),
        ("codes-create", "POST /v1/codes"),
        ("consents-create", "POST /v1/account/consents"),
        ("credits-list", "GET /v1/credits"),
        ("deletions-get", "GET /v1/deletions/{key}"),
        ("emails-confirm", "POST /v1/account/email/confirm"),
        ("health-get", "GET /v1/health"),
        ("images-create", "POST /v1/images"),
        ("images-delete", "DELETE /v1/images/{id}"),
        ("images-erase", "queue images-erase"),
        ("images-get", "GET /v1/images/{id}"),
        ("images-list", "GET /v1/images"),
        ("images-paint", "queue images-paint"),
        ("keys-get", "GET /.well-known/jwks.json"),
        ("mail-send", "queue mail-send"),
        ("objects-sweep", "rate(1 hour) UTC"),
        ("openapi-get", "GET /openapi.json"),
        ("orders-capture", "POST /v1/orders/{id}/capture"),
        ("orders-create", "POST /v1/orders"),
        ("orders-get", "GET /v1/orders/{id}"),
        ("orders-list", "GET /v1/orders"),
        ("packs-list", "GET /v1/packs"),
        ("page-views-create", "POST /v1/page-views"),
        ("passwords-change", "PUT /v1/account/password"),
        ("passwords-reset", "POST /v1/passwords/reset"),
        ("paypal-webhook", "POST /v1/webhooks/paypal"),
        ("privacy-exports-get", "GET /v1/privacy-exports/{key}"),
        ("privacy-get", "GET /privacy"),
        ("privacy-requests-confirm", "POST /v1/privacy-requests/{id}/confirm"),
        ("privacy-requests-create", "POST /v1/privacy-requests"),
        ("prompts-create", "POST /v1/prompts"),
        ("reports-create", "POST /v1/reports"),
        ("requests-watch", "rate(1 hour) UTC"),
        ("resend-webhook", "POST /v1/webhooks/resend"),
        ("routes-refuse", "ANY $default"),
        ("sessions-create", "POST /v1/sessions"),
        ("sessions-clear", "DELETE /v1/sessions"),
        ("sessions-delete", "DELETE /v1/sessions/{id}"),
        ("sessions-list", "GET /v1/sessions"),
        ("sessions-refresh", "POST /v1/sessions/refresh"),
        ("settle-stale", "rate(5 minutes) UTC"),
        ("stats-rollup", "rate(1 hour) UTC"),
    ]);
    assert_eq!(
        routes,
        expected
            .into_iter()
            .map(|(folder, how)| (folder, how.to_owned()))
            .collect()
    );
}

#[test]
fn a_function_has_one_name_everywhere() {
    for function in local().functions {
        assert_eq!(function.name, format!("vitrine-local-{}", function.folder));
        assert_eq!(function.binary, function.folder);
        let id: String = function
            .folder
            .split('-')
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect();
        assert_eq!(function.logical_id.to_lowercase(), id.to_lowercase());
    }
}

#[test]
fn a_function_is_given_the_tables_and_secrets_it_may_use_and_no_others() {
    for function in local().functions {
        let given: BTreeSet<Resource> = function
            .variables
            .iter()
            .filter_map(|(name, value)| {
                if name.ends_with("_TABLE") {
                    value
                        .strip_prefix("vitrine-local-")
                        .map(|short| Resource::Table(short.to_owned()))
                } else if name.ends_with("_PARAMETER") {
                    value
                        .strip_prefix("/vitrine/local/")
                        .map(|short| Resource::Parameter(short.to_owned()))
                } else {
                    None
                }
            })
            .collect();
        let worked_on = function
            .queue_events
            .iter()
            .map(|event| Resource::Queue(event.queue.clone()));
        let allowed: BTreeSet<Resource> = function
            .statements
            .iter()
            .flat_map(|statement| statement.resources.iter().cloned())
            // What a function may order to be woken is no table and no secret.
            .filter(|resource| !matches!(resource, Resource::Schedules(_) | Resource::Role(_)))
            .map(|resource| {
                if let Resource::Index { table, .. } = resource {
                    Resource::Table(table)
                } else {
                    resource
                }
            })
            .collect();
        assert_eq!(
            given.into_iter().chain(worked_on).collect::<BTreeSet<_>>(),
            allowed,
            "{}",
            function.folder
        );
    }
}

#[test]
fn a_policy_names_each_resource_once_and_its_actions_in_order() {
    for function in local().functions {
        let mut seen = BTreeSet::new();
        for statement in &function.statements {
            assert!(
                statement.actions.is_sorted(),
                "{}: {:?}",
                function.folder,
                statement.actions
            );
            assert_eq!(statement.resources.len(), 1, "{}", function.folder);
            assert!(
                seen.insert(&statement.resources[0]),
                "{}: {}",
                function.folder,
                statement.resources[0]
            );
        }
    }
}

#[test]
fn stanzas_keep_to_one_order_of_lines() {
    const ORDER: [&str; 9] = [
        "CodeUri",
        "FunctionName",
        "MemorySize",
        "Timeout",
        "ReservedConcurrentExecutions",
        "Events",
        "Policies",
        "Environment",
        "Variables",
    ];
    let sources = Sources::embedded();
    for text in [&sources.root, &sources.nested["infra/workers.yaml"]] {
        for stanza in text.split("    Type: AWS::Serverless::Function\n").skip(1) {
            let stanza = stanza.split("\n\n").next().unwrap();
            let keys: Vec<usize> = stanza
                .lines()
                .filter_map(|line| line.strip_prefix("      ").filter(|rest| !rest.starts_with(' ')))
                .map(|line| {
                    let key = line.split(':').next().unwrap();
                    ORDER
                        .iter()
                        .position(|known| *known == key)
                        .unwrap_or_else(|| panic!("{key} in\n{stanza}"))
                })
                .collect();
            assert!(keys.is_sorted(), "{stanza}");
            assert!(
                stanza.contains("Policies:") && stanza.contains("Variables:"),
                "{stanza}"
            );
        }
    }
}

#[test]
fn globals_reach_a_function_unless_it_says_otherwise() {
    let template = local();
    let plain = template.function("images-list").unwrap();
    assert_eq!(
        (plain.memory_mb, plain.timeout_s, plain.reserved_concurrency),
        (256, 10, None)
    );
    let hashing = template.function("accounts-create").unwrap();
    assert_eq!(
        (hashing.memory_mb, hashing.timeout_s, hashing.reserved_concurrency),
        (1769, 10, Some(20))
    );
    assert_eq!(template.function("images-paint").unwrap().timeout_s, 300);
}

#[test]
fn a_route_is_throttled_by_its_own_setting_or_by_the_default() {
    let throttle = |method: &str, path: &str| {
        local().throttling.of(&Route {
            method: method.to_owned(),
            path: path.to_owned(),
        })
    };
    let hashing = Some(Throttle { burst: 10, rate: 20 });
    assert_eq!(throttle("POST", "/v1/sessions"), hashing);
    assert_eq!(throttle("POST", "/v1/accounts"), hashing);
    let plain = Some(Throttle { burst: 200, rate: 100 });
    assert_eq!(throttle("GET", "/v1/health"), plain);
    assert_eq!(throttle("ANY", "$default"), plain);
}

#[test]
fn no_route_outlasts_the_gateway() {
    for function in local().functions.iter().filter(|function| !function.routes.is_empty()) {
        assert!(function.timeout_s <= 30, "{}", function.folder);
    }
}

#[test]
fn every_table_is_encrypted_with_the_one_key_recoverable_and_kept() {
    let template = local();
    let keys: BTreeSet<&Option<String>> = template.tables.iter().map(|table| &table.key).collect();
    assert_eq!(keys.len(), 1);
    for table in &template.tables {
        assert!(table.key.is_some() && table.protected, "{}", table.short);
        assert_eq!(table.recovery_days, Some(7), "{}", table.short);
        assert_eq!(table.name, format!("vitrine-local-{}", table.short));
    }
}

#[test]
fn tables_have_the_keys_expiry_and_streams_that_the_store_relies_on() {
    let template = local();
    let shape: Vec<String> = template
        .tables
        .iter()
        .map(|table| {
            let sort = table.sort.as_ref().map_or("-", |sort| &sort.name);
            let ttl = table.ttl.as_deref().unwrap_or("-");
            let stream = table.stream.as_deref().unwrap_or("-");
            format!("{} {} {sort} {ttl} {stream}", table.short, table.partition.name)
        })
        .collect();
    assert_eq!(
        shape,
        [
            "accounts pk sk expires_at -",
            "analytics pk sk expires_at -",
            "audit id - - -",
            "idempotency pk sk expires_at -",
            "images account_id id expires_at NEW_AND_OLD_IMAGES",
            "ledger pk sk - -",
            "limits pk - expires_at -",
            "orders id - - -",
            "outbox id - expires_at NEW_AND_OLD_IMAGES",
            "privacy id - expires_at -",
            "sessions account_id id expires_at -",
        ]
    );
}

#[test]
fn indexes_hold_only_what_is_looked_for_and_all_but_the_lists_of_orders_and_mails_keys_alone() {
    let template = local();
    let shape: Vec<String> = template
        .tables
        .iter()
        .flat_map(|table| table.indexes.iter().map(|index| (&table.short, index)))
        .map(|(table, index)| {
            let key = |key: &Attribute| format!("{}:{}", key.name, key.kind);
            let sort = index.sort.as_ref().map_or("-".to_owned(), key);
            format!(
                "{table} {} {} {sort} {}",
                index.name,
                key(&index.partition),
                index.projection
            )
        })
        .collect();
    assert_eq!(
        shape,
        [
            "images unfinished pending:S due_at:N KEYS_ONLY",
            "images object object_key:S - KEYS_ONLY",
            "orders account account_id:S id:S ALL",
            "orders unfinished pending:S due_at:N KEYS_ONLY",
            "outbox account account_id:S id:S INCLUDE",
            "outbox unfinished pending:S due_at:N KEYS_ONLY",
            "privacy account account_id:S id:S KEYS_ONLY",
            "privacy unfinished pending:S due_at:N KEYS_ONLY",
        ]
    );
}

#[test]
fn a_message_stays_hidden_for_six_runs_of_its_worker() {
    let template = local();
    for function in &template.functions {
        for event in &function.queue_events {
            let queue = template.queue(&event.queue).unwrap();
            assert!(queue.visibility_s >= 6 * function.timeout_s, "{}", queue.short);
            assert!(
                event.reports_failures && event.maximum_concurrency.is_some(),
                "{}",
                queue.short
            );
        }
    }
}

#[test]
fn every_queue_gives_up_into_a_queue_of_its_own() {
    let template = local();
    for pipe in &template.pipes {
        let queue = template.queue(&pipe.queue).unwrap();
        let dead_letters = queue.dead_letters.as_ref().unwrap();
        assert_eq!(
            (dead_letters.queue.as_str(), dead_letters.after),
            (&*format!("{}-dead", pipe.queue), 5)
        );
        assert_eq!(template.queue(&dead_letters.queue).unwrap().retention_s, 14 * 86_400);
    }
}

#[test]
fn pipes_pass_on_what_the_workers_need_and_filter_the_rest() {
    let template = local();
    let pipe = |name: &str| template.pipes.iter().find(|pipe| pipe.queue == name).unwrap();
    let paint = pipe("images-paint");
    assert_eq!(paint.table, "images");
    let ordered_or_woken = [
        json!({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"state": {"S": ["queued"]}}}}),
        json!({"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"wake": {"N": [{"exists": true}]}}}}),
    ];
    assert_eq!(paint.filters, ordered_or_woken);
    assert_eq!(
        paint.input_template.as_deref(),
        Some(
            r#"{"account_id":<$.dynamodb.Keys.account_id.S>,"id":<$.dynamodb.Keys.id.S>,"trace":<$.dynamodb.NewImage.trace.S>}"#
        )
    );
    let erase = pipe("images-erase");
    assert_eq!(
        erase.filters,
        [json!({"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"object_key": {"S": [{"exists": true}]}}}})]
    );
    let send = pipe("mail-send");
    assert_eq!(send.table, "outbox");
    assert_eq!(send.filters, ordered_or_woken);
}

#[test]
fn the_cdn_key_is_granted_only_where_there_is_a_cdn() {
    let cdn_key = Resource::Parameter("cdn-key".to_owned());
    let may_read = |template: &Template| {
        let reader = template.function("images-get").unwrap();
        reader
            .statements
            .iter()
            .any(|statement| statement.resources.contains(&cdn_key))
    };
    assert!(!may_read(&local()));
    assert_eq!(
        local().function("images-get").unwrap().variables["CDN_KEY_PARAMETER"],
        ""
    );

    let mut parameters = local_parameters();
    parameters.insert("CdnDomain".to_owned(), "pictures.example.com".to_owned());
    let template = Template::evaluate(&Sources::embedded(), &parameters).unwrap();
    assert!(may_read(&template));
    assert_eq!(
        template.function("images-get").unwrap().variables["CDN_KEY_PARAMETER"],
        "/vitrine/local/cdn-key"
    );
}

#[test]
fn a_stage_has_names_of_its_own() {
    let mut parameters = local_parameters();
    parameters.insert("Stage".to_owned(), "dev".to_owned());
    parameters.insert("PasswordConcurrency".to_owned(), "0".to_owned());
    let template = Template::evaluate(&Sources::embedded(), &parameters).unwrap();
    let function = template.function("accounts-create").unwrap();
    assert_eq!(function.name, "vitrine-dev-accounts-create");
    assert_eq!(function.reserved_concurrency, None);
    assert_eq!(function.variables["HASH_KEY_PARAMETER"], "/vitrine/dev/hash-key");
    assert_eq!(template.table("images").unwrap().name, "vitrine-dev-images");
}

#[test]
fn the_second_store_is_given_and_granted_only_where_it_has_a_bucket() {
    const NAMES: [&str; 4] = ["OSS_BUCKET", "OSS_ENDPOINT", "OSS_KEYS_PARAMETER", "OSS_REGION"];
    let mut parameters = local_parameters();
    parameters.remove("OssBucket");
    let bare = Template::evaluate(&Sources::embedded(), &parameters).unwrap();
    for (folder, role) in [
        ("images-erase", "oss-eraser"),
        ("images-get", "oss-reader"),
        ("images-paint", "oss-painter"),
    ] {
        let key = Resource::Parameter(role.to_owned());
        for (template, expected) in [
            (
                &local(),
                [
                    "vitrine-local",
                    "https://s3.oss-us-west-1.aliyuncs.com",
                    &format!("/vitrine/local/{role}"),
                    "us-west-1",
                ],
            ),
            (&bare, ["", "", "", ""]),
        ] {
            let function = template.function(folder).unwrap();
            assert_eq!(
                NAMES.map(|name| function.variables[name].as_str()),
                expected,
                "{folder}"
            );
            let is_granted = function
                .statements
                .iter()
                .any(|statement| statement.resources.contains(&key));
            assert_eq!(is_granted, !expected[0].is_empty(), "{folder}");
        }
    }
}
