//! The local stack: everything that Vitrine needs of the cloud and of its providers, on loopback.
//!
//! The engines stand in for AWS and the object store, the simulators for the companies, and the gateway hosts the very
//! function libraries that Lambda runs.

pub mod bench;
mod building;
pub mod client;
pub mod doctor;
pub mod engine;
pub mod first_image;
pub mod functions;
pub mod gateway;
pub mod lab;
pub mod lambda;
pub mod prove;
pub mod say;
pub mod serve;
pub mod sim;
pub mod stack;
pub mod template;
pub mod thirty_days;

/// What is logged if nobody asks for more. The database's engine warns of every transaction that does not hold; those who make them deal
/// with that, and it is news to nobody.
const QUIET: &str = "warn,dynoxide::server=error";

/// Logs warnings and worse to standard error, so that standard output is for people. `VITRINE_LOG` asks for more.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VITRINE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(QUIET));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .compact()
        .finish();
    // Somebody who logs already, a test for instance, goes on as before.
    drop(tracing::subscriber::set_global_default(subscriber));
}
