//! The lifecycle rules of a bucket: taken, checked for shape, given back. Nothing here expires by them.

use std::path::{Path, PathBuf};

use http::{HeaderValue, StatusCode, header};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::answers::{Answer, Refusal, element, plain};
use super::asked::Asked;
use super::dialect::Dialect;

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
            // Deleting what is not there is a success.
            let _absent = std::fs::remove_file(file);
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
