//! How often each authenticated route waits for the database, one wait after the other.
//!
//! Every call to the database is made to take [`DELAY`] longer; a route then takes as many delays longer as it has waits. Calls
//! that are under way at once share one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use shared::{Clock, Entropy};

use super::median;
use crate::client::Client;
use crate::functions;
use crate::say;
use crate::stack::{Options, Stack};

const DELAY: Duration = Duration::from_millis(50);

/// How many people do everything once without and once with the delay.
const PEOPLE: usize = 5;

const PROMPT: &str = "A walnut desk lamp on a linen cloth, soft morning light";

/// How long a picture may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request that somebody makes twice, once for each of two pictures.
struct Asked {
    /// The function's folder, which is also the id of its operation.
    function: &'static str,
    method: &'static str,
    path: &'static str,
    body: fn() -> Option<Value>,
}

/// The pictures that are ordered first are those of the other requests.
const ASKED: [Asked; 9] = [
    Asked {
        function: "images-create",
        method: "POST",
        path: "/v1/images",
        body: || Some(json!({ "prompt": PROMPT })),
    },
    read("accounts-get", "/v1/account"),
    Asked {
        function: "accounts-update",
        method: "PATCH",
        path: "/v1/account",
        body: || Some(json!({ "name": "Mei" })),
    },
    read("credits-list", "/v1/credits"),
    read("sessions-list", "/v1/sessions"),
    read("images-list", "/v1/images"),
    read("images-get", "/v1/images/{id}"),
    Asked {
        function: "prompts-create",
        method: "POST",
        path: "/v1/prompts",
        body: || Some(json!({ "description": "a walnut desk lamp", "count": 1 })),
    },
    Asked {
        function: "images-delete",
        method: "DELETE",
        path: "/v1/images/{id}",
        body: || None,
    },
];

const fn read(function: &'static str, path: &'static str) -> Asked {
    Asked {
        function,
        method: "GET",
        path,
        body: || None,
    }
}

/// What one person's two requests took.
#[derive(Default)]
struct Measured {
    plain: Vec<Duration>,
    delayed: Vec<Duration>,
    calls: Vec<usize>,
}

/// Measures every route of [`ASKED`] and names those that are not there.
pub(super) async fn run() -> Result<()> {
    let stack = Stack::start(Options::in_memory(
        Clock::offset(std::sync::Arc::default()),
        Entropy::system(),
    ))
    .await?;
    stack.run_in_background();
    let mut measured: [Measured; ASKED.len()] = Default::default();
    for person in 0..PEOPLE {
        let mut client = Client::new(stack.api_url(), stack.simulator_url())?;
        client
            .sign_up(&format!("seller{person}@example.com"), "a kiln of quiet glazes")
            .await?;
        let mut pictures = [String::new(), String::new()];
        for (asked, measured) in ASKED.iter().zip(&mut measured) {
            let answers = one(&stack, &client, asked, &pictures, measured).await?;
            if asked.function == "images-create" {
                pictures = answers.map(|answer| answer["images"][0]["id"].as_str().unwrap_or_default().to_owned());
                for picture in &pictures {
                    finished(&client, picture).await?;
                }
            }
        }
    }
    say!(
        "waits for the database, one after the other: what {} ms more on every call add to a route ({PEOPLE} people, medians)",
        DELAY.as_millis()
    );
    say!(
        "  {:<28} {:>5} {:>5} {:>9} {:>9}",
        "route",
        "calls",
        "waits",
        "plain ms",
        "slow ms"
    );
    for (asked, Measured { plain, delayed, calls }) in ASKED.iter().zip(&mut measured) {
        let (plain, delayed, calls) = (median(plain), median(delayed), median(calls));
        let more = delayed.saturating_sub(plain);
        let waits = (more + DELAY / 2).as_nanos() / DELAY.as_nanos();
        let route = format!("{} {}", asked.method, asked.path);
        say!(
            "  {route:<28} {calls:>5} {waits:>5} {:>9} {:>9}",
            plain.as_millis(),
            delayed.as_millis()
        );
    }
    for route in unmeasured()? {
        say!("  {route:<28} is not measured");
    }
    stack.close().await;
    Ok(())
}

async fn finished(client: &Client, picture: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while client.picture(picture).await?.state != "ready" {
        if Instant::now() > deadline {
            bail!("a picture was not ready in {} seconds", PATIENCE.as_secs());
        }
    }
    Ok(())
}

/// One request without and one with the delay; gives both answers.
async fn one(
    stack: &Stack,
    client: &Client,
    asked: &Asked,
    pictures: &[String; 2],
    into: &mut Measured,
) -> Result<[Value; 2]> {
    let [first, second] = pictures.each_ref().map(|picture| asked.path.replace("{id}", picture));
    let (plain, took) = timed(client, asked, &first).await?;
    into.plain.push(took);
    let before = stack.engines.pace.calls(asked.function);
    stack.engines.pace.delay(DELAY);
    let slow = timed(client, asked, &second).await;
    stack.engines.pace.delay(Duration::ZERO);
    let (slow, took) = slow?;
    into.delayed.push(took);
    into.calls.push(stack.engines.pace.calls(asked.function) - before);
    Ok([plain, slow])
}

async fn timed(client: &Client, asked: &Asked, path: &str) -> Result<(Value, Duration)> {
    let began = Instant::now();
    let answer = client.ask(asked.method, path, (asked.body)()).await?;
    let took = began.elapsed();
    Ok((answer.good(&format!("{} {path}", asked.method))?, took))
}

/// Routes that want a token and stand in no row above.
fn unmeasured() -> Result<BTreeSet<String>> {
    let document: Value = serde_json::to_value(functions::openapi())?;
    let paths = document["paths"].as_object().context("the document has no paths")?;
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    Ok(operations
        .filter(|(_, operation)| !operation["security"][0]["bearer"].is_null())
        .filter(|(_, operation)| ASKED.iter().all(|asked| operation["operationId"] != asked.function))
        .map(|(route, _)| route)
        .collect())
}
