//! Whether the API answers, and what time it has.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use shared::Platform;
use shared::outbound::Egress;
use shared::telemetry::chain;

use super::report::Finding;
use super::site::{Site, origin};

/// A difference between two clocks that is told.
const NOTICEABLE: SignedDuration = SignedDuration::from_secs(30);

/// A difference at which AWS and the stores refuse signatures.
const TOO_MUCH: SignedDuration = SignedDuration::from_mins(5);

#[derive(Deserialize)]
struct Health {
    status: String,
    time: Timestamp,
}

/// Asks the API how it is; also gives the time it has, if it answers.
pub(super) async fn examine(site: &Site) -> (Vec<Finding>, Option<Timestamp>) {
    match health(site, &site.operator).await {
        Ok(time) => {
            let answers = Finding::good("API", format!("answers at {}", origin(&site.api)));
            (vec![answers, clock(site, time)], Some(time))
        }
        Err(why) => {
            let to_do = if site.is_local() {
                "start it with `cargo run`, or name its port with --port".to_owned()
            } else {
                "look whether the stack is deployed, and whether the name of PublicUrl leads to it".to_owned()
            };
            let says = format!("does not answer at {}: {why}", origin(&site.api));
            (vec![Finding::bad("API", says, to_do)], None)
        }
    }
}

async fn health(site: &Site, operator: &Platform) -> Result<Timestamp, String> {
    let outbound = operator
        .outbound(Egress::to(&site.api))
        .map_err(|error| chain(&error).to_string())?;
    let url = site.api.join("/v1/health").map_err(|error| error.to_string())?;
    let answer = outbound
        .get(&url)
        .send()
        .await
        .map_err(|error| chain(&error).to_string())?;
    match answer.json::<Health>() {
        Some(health) if answer.status.is_success() && health.status == "ok" => Ok(health.time),
        Some(_) | None => Err(format!("/v1/health says {}", answer.status)),
    }
}

/// The clock of a local stack goes ahead when it was told to; that of a deployed one is the cloud's own.
fn clock(site: &Site, time: Timestamp) -> Finding {
    let here = site.operator.clock.now();
    let off = time.duration_since(here);
    match told(off) {
        None => Finding::good("clock", format!("{time}, as on this machine")),
        Some(off) if site.is_local() => Finding::note(
            "clock",
            format!("{time}, {off} this machine's"),
            "it was moved; it goes forward only, and a new data folder begins with the machine's time",
        ),
        Some(off) => Finding::bad(
            "clock",
            format!("{time}, {off} this machine's"),
            "set this machine's clock by the network's time: AWS refuses signatures that are five minutes off",
        ),
    }
}

/// How far a company's clock is from this machine's, if that is worth telling.
pub(super) fn skew(subject: &str, theirs: Timestamp, here: Timestamp) -> Option<Finding> {
    let off = theirs.duration_since(here);
    let told = told(off)?;
    let says = format!("its clock is {told} this machine's");
    let to_do = "set this machine's clock by the network's time";
    Some(if off.abs() >= TOO_MUCH {
        Finding::bad(subject, says, to_do)
    } else {
        Finding::note(subject, says, to_do)
    })
}

fn told(off: SignedDuration) -> Option<String> {
    let side = if off.is_negative() { "behind" } else { "ahead of" };
    let whole = SignedDuration::from_secs(off.abs().as_secs());
    (off.abs() >= NOTICEABLE).then(|| format!("{whole:#} {side}"))
}
