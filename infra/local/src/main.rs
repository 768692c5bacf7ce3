//! The `vitrine` command: serves everything on loopback, paints a first picture, shows thirty days pass, measures, and shows
//! operators what became of a picture.

mod operator;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use vitrine::bench::{self, Bench};
use vitrine::prove::{self, Proof};
use vitrine::{first_image, log, say, serve, thirty_days};

use operator::Look;

/// Vitrine on your own machine: no account, no key, no container.
#[derive(Parser)]
#[command(name = "vitrine", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, the simulators, the object store and the database (the default)
    Serve(Serve),
    /// Go through the whole main job: sign up, describe, paint, download
    FirstImage {
        /// The product, in your own words and language
        description: String,
        /// Where to write the picture
        #[arg(long, default_value = "first-image.jpg")]
        out: PathBuf,
        /// Buy a pack of so many credits before, such as 20
        #[arg(long, value_name = "CREDITS")]
        buy: Option<u32>,
    },
    /// Paint a picture, turn the clock by thirty days, and show it gone
    ThirtyDays,
    /// Measure on this machine what docs/bench.md states; with `cargo run --release`
    Bench {
        /// What to measure
        what: Bench,
    },
    /// Prove what takes too long for a test, in worlds made from seeds; with `cargo run --release`
    Prove {
        #[command(subcommand)]
        what: Proof,
    },
    /// Look after a stack, as an operator: here, or in a deployed stage
    Ops {
        #[command(subcommand)]
        what: Look,
    },
}

#[derive(clap::Args)]
struct Serve {
    /// Where the API listens; the simulators, the objects and the database take the next three ports
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Where everything is kept (.vitrine in the folder you are in, if you do not say)
    #[arg(long)]
    data: Option<PathBuf>,
    /// Run every function as a process of its own, as Lambda does; each is built at its first request
    #[arg(long)]
    lambda: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    if !matches!(command, Command::Serve(_)) {
        log::begin(None);
    }
    let keys = serve::real_keys()?;
    match command {
        Command::Serve(Serve { port, data, lambda }) => {
            serve::run(port, data.map_or_else(serve::default_data, Ok)?, keys, lambda).await
        }
        Command::FirstImage { description, out, buy } => first_image::run(&description, &out, buy, keys).await,
        Command::ThirtyDays => thirty_days::run().await,
        Command::Bench { what } => bench::run(what).await,
        // Its worlds have runtimes of their own.
        Command::Prove { what } => tokio::task::spawn_blocking(move || prove::run(what)).await?,
        Command::Ops { what } => operator::look(what).await,
    }
}
