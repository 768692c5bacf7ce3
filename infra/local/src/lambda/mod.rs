//! Functions as Lambda runs them: each as processes of its own, which get their events from a Runtime API and have the
//! variables of the template alone.
//!
//! `http_event`, `events` and `answer` know what AWS hands a function and what it makes of the answer: values in, values out.
//! The others build the programs, start them, hand the events over and end them.

pub mod answer;
mod environment;
pub mod events;
pub(crate) mod failure;
pub(crate) mod fleet;
pub(crate) mod function;
pub mod http_event;
mod log;
mod process;
mod runtime_api;
pub mod workshop;

use serde_json::Value;
use thiserror::Error;

/// The largest event or answer of a call that is waited for, in bytes. AWS documents 6 MB, and its error message says this.
pub const LARGEST_PAYLOAD: usize = 6_291_556;

/// An event or an answer, of so many bytes, that Lambda does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} bytes are more than the {LARGEST_PAYLOAD} that Lambda takes")]
pub struct TooLarge(pub usize);

/// What Lambda is called with.
///
/// # Errors
/// When it is too large. A body in Base64 is a third larger than it came, so this can befall a request that the gateway took.
pub fn payload(event: &Value) -> Result<Vec<u8>, TooLarge> {
    let bytes = event.to_string().into_bytes();
    fits(&bytes).map(|()| bytes)
}

fn fits(payload: &[u8]) -> Result<(), TooLarge> {
    match payload.len() {
        ..=LARGEST_PAYLOAD => Ok(()),
        larger => Err(TooLarge(larger)),
    }
}
