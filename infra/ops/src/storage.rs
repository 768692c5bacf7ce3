//! The stores' own rules: what removes pictures on the day on which nothing of ours reaches a store.

use std::fmt;

use shared::objects::{RuleError, Rules, Stores};
use shared::telemetry::chain;

/// How it stands with the rule of each store.
#[derive(Debug)]
pub struct Told {
    stores: Vec<(&'static str, Result<Rules, RuleError>)>,
}

/// The rules of all stores; where ours is missing it is set first, if that is wanted.
pub async fn rules(stores: &Stores, set: bool) -> Told {
    let mut told = Vec::new();
    for store in stores.each() {
        let name = store.store().as_str();
        let done = if set { store.set_rule().await } else { Ok(()) };
        let rules = match done {
            Ok(()) => store.rules().await.map_err(RuleError::from),
            Err(error) => Err(error),
        };
        told.push((name, rules));
    }
    Told { stores: told }
}

impl Told {
    /// How many stores have no rule as it should be, as far as they tell.
    #[must_use]
    pub fn missing(&self) -> usize {
        let stores = self.stores.iter();
        stores
            .filter(|(_, rules)| !rules.as_ref().is_ok_and(|rules| rules.ours))
            .count()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (store, rules) in &self.stores {
            match rules {
                Ok(Rules { ours: true, .. }) => {
                    writeln!(f, "{store}  removes pictures of more than thirty days by itself")?
                }
                Ok(Rules { ours: false, .. }) => writeln!(f, "{store}  has no such rule: set it with --set")?,
                Err(error) => writeln!(f, "{store}  {}", chain(error))?,
            }
            for other in rules.iter().flat_map(|rules| &rules.others) {
                writeln!(f, "     and another rule: {other}")?;
            }
        }
        Ok(())
    }
}
