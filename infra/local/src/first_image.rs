//! `vitrine first-image`: the whole main job, end to end, as a seller would go through it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use shared::pictures::{Picture as File, PictureFormat};
use shared::{Clock, Entropy};

use crate::client::{Client, Picture};
use crate::say;
use crate::stack::{Options, RealKeys, Stack};

/// How long a picture may take. The simulator needs a second, the real model half a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// Starts a stack in a temporary folder, paints one picture and writes it to `out`.
///
/// # Errors
/// When any step did not truly happen.
pub async fn run(description: &str, out: &Path, buy: Option<u32>, keys: RealKeys) -> Result<()> {
    let simulated = keys.seedream.is_none();
    if buy.is_some() && keys.paypal.is_some() {
        bail!(
            "nobody can approve a payment at the real PayPal for you; take PAYPAL_CLIENT_ID out of .env, or buy without this"
        );
    }
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let options = Options {
        data: Some(folder.path().to_owned()),
        keys,
        ..Options::in_memory(Clock::offset(std::sync::Arc::default()), Entropy::system())
    };
    let stack = Stack::start(options).await?;
    stack.run_in_background();
    let mut client = Client::new(stack.api_url(), stack.simulator_url())?;

    let mut before = client.sign_up("seller@example.com", "a kiln of quiet glazes").await?;
    say!("signed up     seller@example.com, address proved with the code from the mailbox");
    if let Some(credits) = buy {
        before = purchase(&client, credits, before).await?;
    }
    let (prompts, author) = client.prompts(description).await?;
    say!("described     {description}");
    for (number, prompt) in prompts.iter().enumerate() {
        say!("prompt {}      {prompt}", number + 1);
    }
    say!("written by    {author}");
    let prompt = prompts.first().context("there are no prompts")?;
    let picture = wait(&client, client.order(prompt).await?).await?;
    let (bytes, format) = download(&client, &picture).await?;
    std::fs::write(out, &bytes).with_context(|| format!("could not write `{}`", out.display()))?;
    let after = client.credits().await?;
    if before - after != 1 {
        bail!("the picture cost {} credits instead of one", before - after);
    }

    let drawn_by = picture.model.as_deref().unwrap_or("nobody knows");
    let who = if simulated {
        "the simulator; put a key in .env for the real model"
    } else {
        "the real model"
    };
    let delivered = picture.delivered.context("the picture has no size")?;
    say!();
    say!("picture       {} ({format}, {} bytes)", out.display(), bytes.len());
    say!("prompt used   {prompt}");
    say!("drawn by      {drawn_by} ({who})");
    say!("pixels        {delivered}");
    say!("credits       {before} before, {after} after");
    say!("erased on     {}", picture.expires_at);
    stack.close().await;
    Ok(())
}

/// Buys a pack, from the order to the receipt; gives the credits that are there then.
async fn purchase(client: &Client, credits: u32, before: i64) -> Result<i64> {
    let order = client.buy(credits).await?;
    say!("ordered       {} credits for {}", order.credits, order.price);
    client.approve(&order).await?;
    say!("approved      as the payer, on the simulated PayPal's page");
    let paid = client.capture(&order.id).await?;
    let receipt = paid.receipt.context("the order is paid and has no receipt")?;
    say!(
        "paid          {} ({}), receipt {}",
        paid.price,
        paid.state,
        receipt.number
    );
    let after = client.credits().await?;
    if after - before != paid.credits {
        bail!("the pack gave {} credits instead of {}", after - before, paid.credits);
    }
    say!("credits       {before} before, {after} after");
    Ok(after)
}

async fn wait(client: &Client, ordered: Picture) -> Result<Picture> {
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}")?);
    bar.enable_steady_tick(Duration::from_millis(120));
    let deadline = Instant::now() + PATIENCE;
    let mut picture = ordered;
    let mut told = String::new();
    while matches!(picture.state.as_str(), "queued" | "painting") {
        if Instant::now() > deadline {
            bail!("the picture was not painted within {} seconds", PATIENCE.as_secs());
        }
        if told != picture.state {
            told.clone_from(&picture.state);
            bar.set_message(told.clone());
            if bar.is_hidden() {
                say!("{told:<13} …");
            }
        }
        picture = client.picture(&picture.id).await?;
    }
    bar.finish_and_clear();
    if picture.state != "ready" {
        bail!(
            "the picture is {}: {}",
            picture.state,
            picture.reason.unwrap_or_default()
        );
    }
    Ok(picture)
}

/// The bytes, if they are a picture of the size that the API says was delivered.
async fn download(client: &Client, picture: &Picture) -> Result<(bytes::Bytes, &'static str)> {
    let link = picture
        .download
        .as_ref()
        .context("the picture is ready and has no link")?;
    let bytes = client.download(link).await?;
    let file = File::read(bytes.clone()).context("what was downloaded is no picture")?;
    let said = picture.delivered.context("the picture has no size")?;
    if (file.size().width, file.size().height) != (said.width, said.height) {
        bail!("the file has {} pixels and the API says {said}", file.size());
    }
    let format = match file.format() {
        PictureFormat::Jpeg => "JPEG",
        PictureFormat::Png => "PNG",
    };
    Ok((bytes, format))
}
