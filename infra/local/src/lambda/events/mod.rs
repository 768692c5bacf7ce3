//! The events of functions that no client calls: messages of a queue, and the records of a table's stream that become them.

pub mod sqs;
pub mod stream;
