//! An entry of the ledger as its owner is shown it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Credits;
use crate::domain::ledger::{Entry, EntryKind, Side};
use crate::ids;

/// One entry, from the account's side.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CreditsEntry)]
pub struct CreditsLine {
    /// 1, 2, 3, …
    seq: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    kind: EntryKind,
    /// What it changed in `available`.
    available: Credits,
    /// What it changed in `held`.
    held: Credits,
    /// The picture it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ids::ImageId>,
    /// The order it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<ids::OrderId>,
}

impl From<Entry> for CreditsLine {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            kind: entry.kind,
            available: entry.on(Side::Available),
            held: entry.on(Side::Held),
            image: entry.image,
            order: entry.order,
        }
    }
}
