//! The `vitrine` command: serves everything on loopback, paints a first picture, shows thirty days pass, measures.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use vitrine::bench::{self, Bench};
use vitrine::{first_image, say, serve, thirty_days};

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
    },
    /// Paint a picture, turn the clock by thirty days, and show it gone
    ThirtyDays,
    /// Measure on this machine what docs/bench.md states; with `cargo run --release`
    Bench {
        /// What to measure
        what: Bench,
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
}

#[tokio::main]
async fn main() -> ExitCode {
    vitrine::log_to_stderr();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let keys = serve::real_keys()?;
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(Serve { port, data }) => {
            serve::run(port, data.map_or_else(serve::default_data, Ok)?, keys).await
        }
        Command::FirstImage { description, out } => first_image::run(&description, &out, keys).await,
        Command::ThirtyDays => thirty_days::run().await,
        Command::Bench { what } => bench::run(what).await,
    }
}
