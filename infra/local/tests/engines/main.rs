//! The engines from outside: with AWS's own clients, on loopback.

#[cfg(test)]
mod delivery;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod one_offs;
#[cfg(test)]
mod oss;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod patterns;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod sqs;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod tongues;
#[cfg(test)]
mod troubles;
