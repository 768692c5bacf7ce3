//! What `.env` says, and whether the stack that runs has heard of it.

use crate::serve::{KNOWN_VARIABLES, real_keys};
use crate::stack::RealKeys;

use super::report::Finding;
use super::site::Site;

/// Looks at `.env` in the folder one is in.
pub(super) fn examine(site: &Site) -> Vec<Finding> {
    let given = match real_keys() {
        Ok(given) => given,
        Err(error) => {
            return vec![Finding::bad(
                ".env",
                format!("{error:#}"),
                "write it as .env.example shows",
            )];
        }
    };
    let mut findings = vec![names()];
    if given.resend.is_some() && given.mail_from.is_none() {
        findings.push(Finding::bad(
            ".env",
            "names RESEND_API_KEY and not MAIL_FROM, and no mail goes out",
            "write into it who the mails are from, at a domain that Resend knows as yours",
        ));
    }
    let strange = unheard(&given, &site.keys);
    if !strange.is_empty() {
        findings.push(Finding::note(
            ".env",
            format!("{}: the stack that runs was started with another", strange.join(", ")),
            "start it anew from this folder",
        ));
    }
    findings
}

/// Which of its names anybody reads.
fn names() -> Finding {
    let Ok(file) = dotenvy::from_path_iter(".env") else {
        return Finding::good(".env", "there is none; simulators stand in for all companies");
    };
    let names: Vec<String> = file.flatten().map(|(name, _)| name).collect();
    let (known, strange): (Vec<_>, Vec<_>) = names
        .into_iter()
        .partition(|name| KNOWN_VARIABLES.contains(&name.as_str()));
    match (known.is_empty(), strange.is_empty()) {
        (true, true) => Finding::good(".env", "is empty; simulators stand in for all companies"),
        (false, true) => Finding::good(".env", format!("names {}", known.join(", "))),
        (_, false) => Finding::note(
            ".env",
            format!("names {}, which nobody reads", strange.join(", ")),
            format!("known are {}", KNOWN_VARIABLES.join(", ")),
        ),
    }
}

/// The keys with which the stack was not started.
fn unheard(given: &RealKeys, used: &RealKeys) -> Vec<&'static str> {
    let pairs = [
        ("DEEPSEEK_API_KEY", &given.deepseek, &used.deepseek),
        ("ARK_API_KEY", &given.seedream, &used.seedream),
        ("DASHSCOPE_API_KEY", &given.dashscope, &used.dashscope),
        ("RESEND_API_KEY", &given.resend, &used.resend),
    ];
    let differ = pairs.into_iter().filter(|(_, given, used)| given != used);
    let paypal = (given.paypal != used.paypal).then_some("PAYPAL_CLIENT_ID");
    differ.map(|(name, ..)| name).chain(paypal).collect()
}
