//! `vitrine thirty-days`: paints a picture, turns the clock, and shows it gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::SignedDuration;
use shared::domain::image::LIFE;
use shared::{Clock, Entropy};

use crate::client::Client;
use crate::say;
use crate::stack::{Options, Stack};

/// Paints, turns the clock by thirty days, and looks for what should be gone.
///
/// # Errors
/// When anything is left, or was never there.
pub async fn run() -> Result<()> {
    let clock = Clock::offset(Arc::default());
    let stack = Stack::start(Options::in_memory(clock.clone(), Entropy::system())).await?;
    stack.run_in_background();
    let mut client = Client::new(stack.api_url(), stack.simulator_url())?;
    client.sign_up("seller@example.com", "a kiln of quiet glazes").await?;

    let mut picture = client
        .order("A walnut desk lamp on a linen cloth, soft morning light")
        .await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while picture.state != "ready" {
        if Instant::now() > deadline || matches!(picture.state.as_str(), "failed" | "refused") {
            bail!("the picture is {}", picture.state);
        }
        picture = client.picture(&picture.id).await?;
    }
    let (items, objects) = (stack.pictures()?, stack.stored()?);
    say!("painted       {} at {}", picture.id, clock.now());
    say!("              items in the table: {items}, objects in the store: {objects}");
    if (items, objects) != (1, 1) {
        bail!("one picture should be one item and one object");
    }

    clock.advance(LIFE - SignedDuration::from_hours(1));
    client.sign_in_again().await?;
    let state = client.picture(&picture.id).await?.state;
    say!("clock turned  to {}: an hour before its end", clock.now());
    say!("              the API still shows it: {state}");

    clock.advance(SignedDuration::from_hours(1));
    say!("clock turned  to {}: thirty days", clock.now());
    let gone = "the item and the object to go";
    let deadline = Instant::now() + Duration::from_secs(30);
    while stack.pictures()? > 0 || stack.stored()? > 0 {
        if Instant::now() > deadline {
            bail!("waited 30 seconds in vain for {gone}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.sign_in_again().await?;
    let answer = client.ask("GET", &format!("/v1/images/{}", picture.id), None).await?;
    say!(
        "              the API answers {}: {}",
        answer.status,
        answer.body["detail"].as_str().unwrap_or_default()
    );
    say!("              items in the table: 0, objects in the store: 0");
    if answer.status != 410 {
        bail!("a picture past its thirty days must be answered 410");
    }
    let link = picture.download.context("the picture had no link")?;
    if client.download(&link).await.is_ok() {
        bail!("its link still works");
    }
    say!("              its link is dead");
    stack.close().await;
    Ok(())
}
