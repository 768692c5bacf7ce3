//! Walking a long list: where the last page ended, and how long a page may be.

use std::fmt::{self, Display};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use utoipa::IntoParams;

use super::answers::Page;
use super::kind::Kind;
use super::problem::Problem;

/// Where a page ended. Opaque to callers, so that what it holds may change; it gives no access, so it is not signed: every
/// list is the caller's own whatever the cursor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    last: String,
}

impl Cursor {
    /// What a broken cursor is told to be.
    pub(super) const MUST: &str = "must be a cursor that this list has given";
    /// Another form of cursor will have another letter.
    const VERSION: char = 'a';
    const LONGEST: usize = 200;

    /// The place after `last`.
    pub fn after(last: impl Display) -> Self {
        Self { last: last.to_string() }
    }

    /// The last thing of the page before, as this list names its things.
    ///
    /// # Errors
    /// When the cursor is of another list.
    pub fn last<T: FromStr>(&self) -> Result<T, Problem> {
        self.last
            .parse()
            .map_err(|_| Problem::invalid_parameter(Kind::InvalidCursor, "cursor", Self::MUST))
    }
}

impl Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}{}", Self::VERSION, self.last)))
    }
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", Cursor::MUST)]
pub struct BrokenCursor;

impl FromStr for Cursor {
    type Err = BrokenCursor;

    fn from_str(text: &str) -> Result<Self, BrokenCursor> {
        if text.len() > Self::LONGEST {
            return Err(BrokenCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BrokenCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| BrokenCursor)?;
        match text.strip_prefix(Self::VERSION) {
            Some(last) if !last.is_empty() => Ok(Self { last: last.to_owned() }),
            _ => Err(BrokenCursor),
        }
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many things a page may have: 1 to 100, 20 if nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.parse() {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(serde::de::Error::custom("must be a whole number from 1 to 100")),
        }
    }
}

/// The query of a list that has nothing but pages; one with filters spells the same two fields in a type of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// How many things at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    pub limit: Limit,
    /// Where the last page ended.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub cursor: Option<Cursor>,
}

impl Paging {
    /// The last thing of the page before, if this is not the first page.
    ///
    /// # Errors
    /// When the cursor is of another list.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_ref().map(Cursor::last).transpose()
    }

    /// How many things to read: one more than the page holds tells whether there is another page.
    #[must_use]
    pub fn one_more(&self) -> i32 {
        i32::from(self.limit.get()) + 1
    }

    /// The page made of what was read; `name` gives what a thing is called in a cursor.
    pub fn cut<T, N: Display>(&self, mut items: Vec<T>, name: impl Fn(&T) -> N) -> Page<T> {
        let most = usize::from(self.limit.get());
        let more = items.len() > most;
        items.truncate(most);
        let next = items.last().filter(|_| more).map(|last| Cursor::after(name(last)));
        Page { items, next }
    }
}
