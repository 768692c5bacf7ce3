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
pub mod log;
pub mod prove;
pub mod say;
pub mod serve;
pub mod sim;
pub mod stack;
pub mod template;
pub mod thirty_days;
