//! What painting costs the operator.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Money in fen, hundredths of a Chinese yuan: both painters bill in yuan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(pub u32);

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} CNY", self.0 / 100, self.0 % 100)
    }
}

/// The most that may be spent on painting in a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceiling {
    /// Without end.
    None,
    /// So much.
    At(Fen),
}

impl From<u32> for Ceiling {
    /// From a setting in fen, in which 0 means without end.
    fn from(fen: u32) -> Self {
        match fen {
            0 => Self::None,
            fen => Self::At(Fen(fen)),
        }
    }
}
