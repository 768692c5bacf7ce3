//! How much the service is used: counts of a day, and nothing by which one use could be told from another.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, Vars};
use crate::domain::{Image, State};

/// How long after its end a day's sum is made: nothing is counted for it any more by then.
const SETTLES: SignedDuration = SignedDuration::from_hours(24);

/// A page of the shop that is counted, such as `/pricing`; or `other`, which stands for all that are not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page(String);

/// What every page is counted as that is not known: however many there are, they make one number.
const OTHER: &str = "other";

/// The pages that are counted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages(Vec<Page>);

/// A text that is no list of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be up to {MOST} different paths such as `/, /pricing`, each of up to {LONGEST} small letters, digits, hyphens and slashes"
)]
pub struct InvalidPages;

/// The most pages that are counted by name, and the longest name.
const MOST: usize = 50;
const LONGEST: usize = 60;

impl Page {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pages {
    /// Those of the variable `PAGES`.
    ///
    /// # Errors
    /// When it is absent or not in the form of [`InvalidPages`].
    pub fn configured(vars: &Vars) -> Result<Self, ConfigError> {
        let pages = vars.text("PAGES")?.parse();
        pages.map_err(|error: InvalidPages| ConfigError::invalid("PAGES", error.to_string()))
    }

    /// What a view of this page is counted as.
    #[must_use]
    pub fn counted_as(&self, path: &str) -> Page {
        let known = self.0.iter().find(|page| page.0 == path);
        known.cloned().unwrap_or_else(|| Page(OTHER.to_owned()))
    }
}

impl FromStr for Pages {
    type Err = InvalidPages;

    fn from_str(text: &str) -> Result<Self, InvalidPages> {
        let mut pages: Vec<Page> = Vec::new();
        for path in text.split(',').map(str::trim) {
            let is_path = path.starts_with('/')
                && path.len() <= LONGEST
                && path
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'/'));
            if !is_path || pages.iter().any(|page| page.0 == path) {
                return Err(InvalidPages);
            }
            pages.push(Page(path.to_owned()));
        }
        if pages.len() <= MOST {
            Ok(Self(pages))
        } else {
            Err(InvalidPages)
        }
    }
}

/// What a picture that has ended is counted as: the model that drew it, or the company that was asked last, and what it came to, such
/// as `qwen-image-plus ready` and `seedream refused`.
#[must_use]
pub fn generation(image: &Image, ended: State) -> String {
    let outcome = match ended {
        State::Ready => "ready",
        State::Refused(_) => "refused",
        State::Failed(_) => "failed",
        State::Queued | State::Claimed | State::Dispatched | State::Painted => "unfinished",
    };
    let asked = image.tries.last().map(|tried| tried.provider.as_str());
    format!("{} {outcome}", image.model.as_deref().or(asked).unwrap_or("nobody"))
}

/// The day of a moment (UTC).
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Whether a day's sum can be made: a day has passed since it ended.
#[must_use]
pub fn has_settled(day: Date, now: Timestamp) -> bool {
    let ends = day.tomorrow().ok().and_then(|next| next.to_zoned(TimeZone::UTC).ok());
    ends.is_some_and(|ends| now.duration_since(ends.timestamp()) >= SETTLES)
}

/// What was counted on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Views, by page.
    pub views: BTreeMap<String, u64>,
    /// Pictures that ended, by model and outcome.
    pub generations: BTreeMap<String, u64>,
}

impl Usage {
    /// All views.
    #[must_use]
    pub fn all_views(&self) -> u64 {
        self.views.values().sum()
    }

    /// All pictures that came to `outcome`.
    #[must_use]
    pub fn pictures(&self, outcome: &str) -> u64 {
        let of_outcome = self.generations.iter().filter(|(name, _)| name.ends_with(outcome));
        of_outcome.map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_known_is_one_page() {
        let pages: Pages = "/, /pricing".parse().unwrap();
        assert_eq!(pages.counted_as("/pricing").as_str(), "/pricing");
        for path in ["/account/42", "", "other", "/PRICING", "/pricing?who=mei"] {
            assert_eq!(pages.counted_as(path).as_str(), "other", "{path}");
        }
        for wrong in ["", "pricing", "/a, /a", "/ä", "/a b"] {
            assert_eq!(wrong.parse::<Pages>(), Err(InvalidPages), "{wrong}");
        }
    }

    #[test]
    fn ten_thousand_pages_that_nobody_knows_are_counted_as_one() {
        let pages: Pages = "/, /pricing".parse().unwrap();
        let invented = (0..10_000).map(|n| format!("/invented/{n}"));
        let counted: std::collections::BTreeSet<_> = invented
            .map(|path| pages.counted_as(&path).as_str().to_owned())
            .collect();
        assert_eq!(counted.into_iter().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn a_day_settles_a_day_after_its_end() {
        let day = day_of("2026-11-22T23:59:59Z".parse().unwrap());
        assert!(!has_settled(day, "2026-11-23T23:59:59Z".parse().unwrap()));
        assert!(has_settled(day, "2026-11-24T00:00:00Z".parse().unwrap()));
    }
}
