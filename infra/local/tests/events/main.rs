//! Events as AWS documents them, against what a function's own libraries read and what our engines and gateway make.
//!
//! The fixtures are written by hand from AWS's documentation. Where time and chance are handed in, ours must equal them in every
//! member; what an engine draws for itself must at least have the form.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod http;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
