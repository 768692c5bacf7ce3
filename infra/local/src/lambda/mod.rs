//! What AWS hands a Lambda function, and what it makes of the answer: everything that stands between our engines and a function
//! that runs as it does in the cloud. Values in, values out; nothing here knows a clock, a socket or a process.

pub mod answer;
pub mod events;
pub mod http_event;

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
