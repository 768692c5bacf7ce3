//! Packs of credits, and what they cost.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::{ConfigError, Vars};
use crate::domain::{Credits, Money};

/// The most credits that a pack may have.
const LARGEST: i64 = 100_000;

/// Credits that are bought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// How many.
    pub credits: Credits,
    /// What they cost together.
    pub price: Money,
}

/// The name of a pack: `credits-20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "credits-20")]
pub struct PackName(Credits);

/// A text that is no pack's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a pack's name, such as `credits-20`")]
pub struct InvalidPackName;

/// Everything that can be bought, in the order in which it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packs(Vec<Pack>);

/// A text that is no list of packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be packs such as `20: 4.99 USD, 100: 19.00 USD`, each number of credits once, none free")]
pub struct InvalidPacks;

impl Pack {
    /// The pack's name.
    #[must_use]
    pub fn name(&self) -> PackName {
        PackName(self.credits)
    }

    /// How many of its credits stand for `withheld` of its price: rounded down, so the part of a credit stays with the seller;
    /// the whole price stands for all of them.
    #[must_use]
    pub fn credits_for(&self, withheld: Money) -> Credits {
        let (part, whole) = (i128::from(withheld.in_minor()), i128::from(self.price.in_minor()));
        let credits = i128::from(self.credits.0);
        let share = if part >= whole { credits } else { credits * part / whole };
        Credits(i64::try_from(share).unwrap_or(self.credits.0))
    }
}

impl Packs {
    /// Those of the variable `PACKS`.
    ///
    /// # Errors
    /// When it is absent or not in the form of [`InvalidPacks`].
    pub fn configured(vars: &Vars) -> Result<Self, ConfigError> {
        let text = vars.text("PACKS")?;
        text.parse()
            .map_err(|error: InvalidPacks| ConfigError::invalid("PACKS", error.to_string()))
    }

    /// The pack of that name, if it is on sale.
    #[must_use]
    pub fn named(&self, name: PackName) -> Option<Pack> {
        self.0.iter().copied().find(|pack| pack.name() == name)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Pack] {
        &self.0
    }
}

impl FromStr for Packs {
    type Err = InvalidPacks;

    fn from_str(text: &str) -> Result<Self, InvalidPacks> {
        let mut packs: Vec<Pack> = Vec::new();
        for part in text.split(',') {
            let (credits, price) = part.split_once(':').ok_or(InvalidPacks)?;
            let credits = credits.trim().parse().map(Credits).map_err(|_| InvalidPacks)?;
            let price: Money = price.parse().map_err(|_| InvalidPacks)?;
            let sound = (1..=LARGEST).contains(&credits.0) && price.in_minor() > 0;
            if !sound || packs.iter().any(|pack| pack.credits == credits) {
                return Err(InvalidPacks);
            }
            packs.push(Pack { credits, price });
        }
        Ok(Self(packs))
    }
}

impl fmt::Display for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credits-{}", self.0)
    }
}

impl FromStr for PackName {
    type Err = InvalidPackName;

    fn from_str(text: &str) -> Result<Self, InvalidPackName> {
        let digits = text.strip_prefix("credits-").ok_or(InvalidPackName)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        match digits.parse() {
            Ok(credits) if plain => Ok(Self(Credits(credits))),
            Ok(_) | Err(_) => Err(InvalidPackName),
        }
    }
}

impl TryFrom<String> for PackName {
    type Error = InvalidPackName;

    fn try_from(text: String) -> Result<Self, InvalidPackName> {
        text.parse()
    }
}

impl From<PackName> for String {
    fn from(name: PackName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packs_are_read_from_their_setting_and_known_by_name() {
        let packs: Packs = "20: 4.99 USD, 100: 19.00 USD,500:79.00 USD".parse().unwrap();
        let names: Vec<String> = packs.all().iter().map(|pack| pack.name().to_string()).collect();
        assert_eq!(names, ["credits-20", "credits-100", "credits-500"]);
        let hundred = packs.named("credits-100".parse().unwrap()).unwrap();
        assert_eq!(
            (hundred.credits, hundred.price.to_string()),
            (Credits(100), "19.00 USD".to_owned())
        );
        assert_eq!(packs.named("credits-21".parse().unwrap()), None);
    }

    #[test]
    fn a_setting_with_a_free_or_repeated_or_empty_pack_is_refused() {
        for text in [
            "",
            "20",
            "0: 1.00 USD",
            "-5: 1.00 USD",
            "20: 0.00 USD",
            "20: 4.99 USD,",
            "20: 4.99 USD, 20: 5.00 USD",
            "20: 4.99",
        ] {
            assert_eq!(text.parse::<Packs>(), Err(InvalidPacks), "{text}");
        }
        for name in ["", "credits-", "credits-020", "credits-x", "20", "credits--1"] {
            assert_eq!(name.parse::<PackName>(), Err(InvalidPackName), "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_credits_of_a_part_are_rounded_down_and_those_of_the_whole_are_all(credits in 1..100_000_i64, price in 1..1_000_000_i64, part in 0..1_100_000_i64) {
            let usd = "1.00 USD".parse::<Money>().unwrap().currency();
            let pack = Pack { credits: Credits(credits), price: Money::minor(price, usd) };
            let taken = pack.credits_for(Money::minor(part, usd));
            if part >= price {
                prop_assert_eq!(taken, Credits(credits));
            } else {
                // What is taken is worth no more than what was paid back, and one more would be.
                prop_assert!(taken.0 * price <= part * credits);
                prop_assert!((taken.0 + 1) * price > part * credits);
            }
        }
    }
}
