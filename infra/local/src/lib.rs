//! The local stack: everything that Vitrine needs of the cloud and of its providers, on loopback.
//!
//! The engines stand in for AWS and the object store, the simulators for the companies, and the gateway hosts the very
//! function libraries that Lambda runs.

pub mod engine;
pub mod functions;
pub mod gateway;
pub mod sim;
pub mod template;
