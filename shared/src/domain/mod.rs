//! The rules of Vitrine, free of transport: no AWS, no HTTP, no clock of their own.
//!
//! Values here are proofs. Each has one door (`parse`, `TryFrom`), and what is inside has passed it.

pub mod account;
pub mod address_key;
pub mod breaker;
pub mod code;
pub mod credits;
pub mod deletion;
pub mod email;
pub mod image;
pub mod language;
pub mod ledger;
pub mod mail;
pub mod money;
pub mod object_key;
pub mod order;
pub mod pack;
pub mod paypal;
pub mod privacy_request;
pub mod report;
pub mod session;
pub mod spend;
pub mod text;
pub mod usage;

pub use account::Profile;
pub use address_key::{ExportKey, ReceiptKey};
pub use code::Code;
pub use credits::Credits;
pub use deletion::{Deletion, DeletionId};
pub use email::{EmailAddress, Undeliverable, Undelivered};
pub use image::{Fallback, Image, ImageCount, PixelSize, Ratio, State, Store};
pub use language::Language;
pub use money::{Currency, Money};
pub use object_key::ObjectKey;
pub use order::{Order, OrderState};
pub use pack::{Pack, PackName, Packs};
pub use privacy_request::PrivacyRequest;
pub use report::Report;
pub use session::Session;
pub use spend::Fen;
pub use text::{Description, DeviceName, InvalidText, Message, Name, Prompt, PromptCount};
