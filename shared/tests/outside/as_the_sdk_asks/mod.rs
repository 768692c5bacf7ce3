//! Every request of our clients beside the same request of the company's own library.
//!
//! `sdk_requests.json` has what the libraries were seen to send: method, path, query, headers and body, without what is
//! `null`, and with a word in braces where a value is another one each time. Our clients are driven so that they want the
//! same. Whatever then still differs is deliberate and listed in `deviations.rs`; a difference that is not listed fails, and
//! so does a listed one that is none any more. `docs/providers.md` shows the list.

mod clients;
mod compare;
mod deviations;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use compare::{Difference, Words, differences};
use deviations::{DEVIATIONS, Deviation};

/// A request as a library was seen to send it.
#[derive(Deserialize)]
struct SdkRequest {
    /// What it is for.
    request: String,
    /// The library that sent it, and its version.
    sdk: String,
    #[serde(flatten)]
    sent: Value,
}

/// A request of ours, and which of the libraries' it is like.
struct OurRequest {
    /// Its name in the list of deviations.
    name: &'static str,
    /// What it is for, as `sdk_requests.json` has it.
    like: &'static str,
    sent: Value,
    /// What the words in braces stand for here.
    words: Words,
}

fn sdk_requests() -> Vec<SdkRequest> {
    serde_json::from_str(include_str!("../sdk_requests.json")).unwrap()
}

/// Whether a deviation is about this request of ours beside that library's.
fn is_about(deviation: &Deviation, ours: &OurRequest, theirs: &SdkRequest) -> bool {
    deviation.requests.contains(&ours.name) && theirs.sdk.starts_with(deviation.library)
}

/// What differs and is not listed, and what is listed and does not differ.
fn complaints(ours: &OurRequest, theirs: &SdkRequest) -> Vec<String> {
    let found = differences(&theirs.sent, &ours.sent, &ours.words);
    let listed: Vec<_> = DEVIATIONS
        .iter()
        .filter(|deviation| is_about(deviation, ours, theirs))
        .collect();
    let tells = |deviation: &Deviation, difference: &Difference| deviation.tells(difference, &ours.words);
    let unlisted = found
        .iter()
        .filter(|difference| !listed.iter().any(|deviation| tells(deviation, difference)))
        .map(|Difference { field, sdk, ours }| format!("{field} is not listed: they send {sdk}, we send {ours}"));
    let idle = listed
        .iter()
        .filter(|deviation| !found.iter().any(|difference| tells(deviation, difference)))
        .map(|deviation| format!("{} is listed, and is no such difference", deviation.field));
    unlisted
        .chain(idle)
        .map(|complaint| format!("{} beside {}: {complaint}", ours.name, theirs.sdk))
        .collect()
}

#[tokio::test]
async fn whatever_we_ask_otherwise_than_the_companys_own_library_is_listed_with_its_reason() {
    let (ours, theirs) = (clients::requests().await, sdk_requests());
    let alike: Vec<_> = ours
        .iter()
        .flat_map(|ours| theirs.iter().map(move |theirs| (ours, theirs)))
        .filter(|(ours, theirs)| theirs.request == ours.like)
        .collect();
    let complaints: Vec<_> = alike
        .iter()
        .flat_map(|(ours, theirs)| complaints(ours, theirs))
        .collect();
    assert!(
        complaints.is_empty(),
        "mend the client, or mend the list:\n{}",
        complaints.join("\n")
    );
    for theirs in &theirs {
        let is_compared = alike.iter().any(|(_, compared)| std::ptr::eq(*compared, theirs));
        assert!(
            is_compared,
            "nothing of ours is like {} of {}",
            theirs.request, theirs.sdk
        );
    }
    for deviation in DEVIATIONS {
        for name in deviation.requests {
            let is_known = alike
                .iter()
                .any(|(ours, theirs)| ours.name == *name && is_about(deviation, ours, theirs));
            assert!(
                is_known,
                "{}: there is no request {name} beside {}",
                deviation.field, deviation.library
            );
        }
    }
}

#[test]
fn the_deviations_in_the_documents_are_those_that_are_tested() {
    const BEGIN: &str = "<!-- deviations: begin -->\n";
    const END: &str = "<!-- deviations: end -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let expected = deviations::table();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert!(
        shown == expected,
        "the table in docs/providers.md is not the list. Rewrite it with\n    \
         UPDATE_SNAPSHOTS=1 cargo test -p shared --test outside as_the_sdk\nand read the difference"
    );
}
