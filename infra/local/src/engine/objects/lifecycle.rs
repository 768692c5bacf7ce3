//! The lifecycle rules of a bucket: taken, checked for shape, given back, and carried out at midnight by our clock.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result as Done};
use http::{HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::answers::{Answer, Refusal, element, plain};
use super::asked::Asked;
use super::dialect::Dialect;
use super::files;

/// The limit of both companies.
const MOST_RULES: usize = 1_000;

/// Answers `GET`, `PUT` and `DELETE /?lifecycle`; rules live in a file beside the bucket.
pub(super) fn answer(asked: &Asked, root: &Path, dialect: &Dialect) -> Result<Answer, Refusal> {
    let (file, body) = (file(root, &asked.bucket), &asked.body);
    match asked.operation.name {
        "PutBucketLifecycleConfiguration" => {
            check(body)?;
            std::fs::write(file, body).map_err(|error| Refusal::internal(&error.to_string()))?;
            Ok(plain(StatusCode::OK, ""))
        }
        "DeleteBucketLifecycle" => {
            forget(root, &asked.bucket);
            Ok(plain(StatusCode::NO_CONTENT, ""))
        }
        _ => {
            let rules = std::fs::read(file).map_err(|_| Refusal::no_lifecycle(dialect))?;
            let mut answer = plain(StatusCode::OK, rules);
            answer
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            Ok(answer)
        }
    }
}

/// Takes the rules away. That there are none is success.
pub(super) fn forget(root: &Path, bucket: &str) {
    let _absent = std::fs::remove_file(file(root, bucket));
}

/// Removes what the bucket's rules say is old by now, and says how much that was. An object's time is the midnight (UTC) after its days
/// are over, as both companies have it.
pub(super) fn carry_out(root: &Path, bucket: &str, now: Timestamp) -> Done<usize> {
    let Ok(rules) = std::fs::read_to_string(file(root, bucket)) else {
        return Ok(0);
    };
    let rules: Vec<_> = rules.split("<Rule>").skip(1).filter_map(expiring).collect();
    let mut removed = 0;
    for (key, dated) in files::dated(&root.join(bucket))? {
        let is_old = |(prefix, days): &(String, i64)| key.starts_with(prefix) && midnight_after(dated, *days) <= now;
        if rules.iter().any(is_old) {
            std::fs::remove_file(root.join(bucket).join(&key)).with_context(|| format!("`{key}` stays"))?;
            files::forget(root, bucket, &key);
            removed += 1;
        }
    }
    Ok(removed)
}

/// The prefix and the days of a rule that is on and removes by age.
fn expiring(rule: &str) -> Option<(String, i64)> {
    let is_on = element(rule, "Status").as_deref() == Some("Enabled");
    let days = element(&element(rule, "Expiration")?, "Days")?.parse().ok()?;
    is_on.then(|| (element(rule, "Prefix").unwrap_or_default(), days))
}

fn midnight_after(dated: Timestamp, days: i64) -> Timestamp {
    const DAY_S: i64 = 24 * 60 * 60;
    let over = (dated + SignedDuration::from_secs(days * DAY_S)).as_second();
    Timestamp::from_second((over.div_euclid(DAY_S) + 1) * DAY_S).unwrap_or(Timestamp::MAX)
}

fn file(root: &Path, bucket: &str) -> PathBuf {
    root.join(format!(".lifecycle-{bucket}.xml"))
}

fn check(body: &[u8]) -> Result<(), Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::malformed_xml("not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return Err(Refusal::malformed_xml(&error.to_string())),
        }
    }
    let rules: Vec<_> = text.split("<Rule>").skip(1).collect();
    if !text.contains("<LifecycleConfiguration") || rules.is_empty() || rules.len() > MOST_RULES {
        return Err(Refusal::malformed_xml("between one and a thousand rules"));
    }
    for rule in rules {
        if !matches!(element(rule, "Status").as_deref(), Some("Enabled" | "Disabled")) {
            return Err(Refusal::malformed_xml("a rule's status is Enabled or Disabled"));
        }
        if rule.contains("<Days>") && rule.contains("<Date>") {
            return Err(Refusal::malformed_xml("days and date in one rule"));
        }
    }
    Ok(())
}
