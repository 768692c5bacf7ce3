//! `vitrine serve`: everything on loopback, until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use shared::Entropy;

use crate::lambda::workshop::Workshop;
use crate::stack::{Hosting, Options, PayPalKeys, RealKeys, Stack, clock_of};
use crate::{building, log, say};

/// The highest port that has three more above it.
const HIGHEST_PORT: u16 = u16::MAX - 3;

/// Serves on `port` and the next three, keeping everything in `data`; with `lambda`, every function as a process of its own.
///
/// # Errors
/// When a port is taken or the folder cannot be used.
pub async fn run(port: u16, data: PathBuf, keys: RealKeys, lambda: bool) -> Result<()> {
    if port > HIGHEST_PORT {
        bail!("port {port} is too high; choose one up to {HIGHEST_PORT} with --port (the next three are used too)");
    }
    let clock = clock_of(&data)
        .map_err(|error| anyhow!("the folder `{}` cannot be used: {}", data.display(), reason(&error)))?;
    writable(&data)?;
    log::begin(Some(&data.join(log::FILE_NAME)));
    let hosting = match lambda {
        true => Hosting::Processes(Arc::new(Workshop::open(building::show())?)),
        false => Hosting::InProcess,
    };
    let options = Options {
        data: Some(data.clone()),
        port,
        keys,
        throttled: true,
        hosting: hosting.clone(),
        ..Options::in_memory(clock, Entropy::system())
    };
    let stack = Stack::start(options).await?;
    stack.run_in_background();
    introduce(&stack, &data, &hosting)?;
    wanted_to_stop().await;
    say!("\nStopping; everything is kept in {}.", data.display());
    stack.close().await;
    Ok(())
}

fn writable(data: &std::path::Path) -> Result<()> {
    let probe = data.join(".writable");
    let tried = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    tried.map_err(|error| anyhow!("the folder `{}` cannot be written to: {}", data.display(), error.kind()))
}

fn introduce(stack: &Stack, data: &std::path::Path, hosting: &Hosting) -> Result<()> {
    let (api, simulators) = (stack.api_url(), stack.simulator_url());
    let policy = stack.policy_version()?;
    say!(
        "Vitrine serves on this machine alone. Everything is kept in {}.",
        data.display()
    );
    match hosting {
        Hosting::InProcess => say!("Functions run in this process; --lambda gives each processes of its own."),
        Hosting::Processes(_) => say!("Functions run as processes of their own. Each is built at its first request."),
    }
    say!();
    say!("  API             {api}            the document: {api}/openapi.json (a page in a browser)");
    say!("  simulators      {simulators}            what they saw: {simulators}/_sim/book");
    say!("  mailbox         {simulators}/mailbox");
    say!(
        "  queues          {simulators}/_sim/queues            dead letters: {simulators}/_sim/queues/vitrine-local-images-paint-dead"
    );
    say!("  objects (S3)    http://{}", stack.engines.store_address());
    say!(
        "  DynamoDB        {}            the parameter store, the scheduler and the queues",
        stack.engines.dynamodb_url()
    );
    say!(
        "  log             {}            what functions log; docs/logging.md asks it",
        data.join(log::FILE_NAME).display()
    );
    say!();
    say!("Three lines to paste:");
    say!();
    say!("  curl -s {api}/v1/health");
    say!(
        "  curl -s {api}/v1/accounts -H 'Content-Type: application/json' -d '{{\"email\":\"mei@example.com\",\"password\":\"a kiln of quiet glazes\",\"policy_version\":\"{policy}\"}}'"
    );
    say!("  curl -s '{simulators}/mailbox.json?to=mei@example.com'");
    say!();
    say!("Ctrl-C stops it.");
    Ok(())
}

/// Why, in words and without the system's number for it.
fn reason(error: &anyhow::Error) -> String {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.kind().to_string(),
        None => error.to_string(),
    }
}

/// Waits for Ctrl-C or a polite kill.
async fn wanted_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => drop(interrupted.await),
    }
}

/// What may stand in `.env`.
pub const KNOWN_VARIABLES: [&str; 7] = [
    "DEEPSEEK_API_KEY",
    "ARK_API_KEY",
    "DASHSCOPE_API_KEY",
    "RESEND_API_KEY",
    "MAIL_FROM",
    "PAYPAL_CLIENT_ID",
    "PAYPAL_CLIENT_SECRET",
];

/// The keys of real providers in the file `.env` of the folder one is in, if there is such a file.
///
/// # Errors
/// When the file is there and cannot be read, with the line that is wrong.
pub fn real_keys() -> Result<RealKeys> {
    let file = match dotenvy::from_path_iter(".env") {
        Ok(file) => file,
        Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(RealKeys::default());
        }
        Err(error) => return Err(anyhow!("`.env` cannot be read: {}", plain(&error))),
    };
    let (mut keys, mut client_id, mut client_secret) = (RealKeys::default(), None, None);
    for pair in file {
        let (name, value) = pair.map_err(|error| anyhow!("`.env` cannot be read: {}", plain(&error)))?;
        let value = Some(value).filter(|value| !value.trim().is_empty());
        match name.as_str() {
            "DEEPSEEK_API_KEY" => keys.deepseek = value,
            "ARK_API_KEY" => keys.seedream = value,
            "DASHSCOPE_API_KEY" => keys.dashscope = value,
            "RESEND_API_KEY" => keys.resend = value,
            "MAIL_FROM" => keys.mail_from = value,
            "PAYPAL_CLIENT_ID" => client_id = value,
            "PAYPAL_CLIENT_SECRET" => client_secret = value,
            _ => {}
        }
    }
    keys.paypal = match (client_id, client_secret) {
        (Some(client_id), Some(client_secret)) => Some(PayPalKeys {
            client_id,
            client_secret,
        }),
        (None, None) => None,
        (Some(_), None) => bail!("`.env` names PAYPAL_CLIENT_ID and not PAYPAL_CLIENT_SECRET; they belong together"),
        (None, Some(_)) => bail!("`.env` names PAYPAL_CLIENT_SECRET and not PAYPAL_CLIENT_ID; they belong together"),
    };
    Ok(keys)
}

/// What is wrong, without the line itself: it may hold a key.
fn plain(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(_, at) => format!("a line is not of the form NAME=value (at character {at})"),
        dotenvy::Error::Io(error) => error.to_string(),
        dotenvy::Error::EnvVar(_) | _ => "it is not of the form NAME=value".to_owned(),
    }
}

/// Where `serve` keeps everything if nobody says otherwise.
///
/// # Errors
/// When the folder one is in is not there.
pub fn default_data() -> Result<PathBuf> {
    Ok(std::env::current_dir()
        .context("the folder one is in is not there")?
        .join(".vitrine"))
}
