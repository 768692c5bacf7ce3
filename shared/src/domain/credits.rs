//! Credits: one credit, one picture.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A number of credits. One credit pays for one picture; below zero only after a clawback.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = i64)]
pub struct Credits(pub i64);

impl Credits {
    /// None.
    pub const ZERO: Self = Self(0);
    /// What one picture costs.
    pub const PER_IMAGE: Self = Self(1);
    /// What a new account is given, once per address.
    pub const SIGN_UP_BONUS: Self = Self(3);
}

impl std::ops::Add for Credits {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl std::ops::Sub for Credits {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl std::ops::Neg for Credits {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}
impl std::iter::Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(credits: I) -> Self {
        credits.fold(Self::ZERO, |a, b| a + b)
    }
}
impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
