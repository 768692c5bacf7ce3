//! Reports of pictures that somebody believes should not be there.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::image::LIFE;
use super::{Message, ObjectKey};
use crate::ids::{self, Id};

/// How long a report is kept that nobody has closed: as long as the longest-lived picture (declared in PRIVACY.md).
pub const MEMORY: SignedDuration = LIFE;

/// The longest text that can name a picture, in bytes; signed links have some hundred.
const LONGEST: usize = 2_048;

/// What somebody says is wrong with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportReason)]
pub enum Reason {
    /// It is against the law.
    Illegal,
    /// It infringes a trade mark, a design or a copyright.
    Infringing,
    /// It shows a person who did not agree.
    Likeness,
    /// It deceives buyers.
    Misleading,
    /// Something else, which the message says.
    Other,
}

impl Reason {
    /// The name, as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Illegal => "illegal",
            Self::Infringing => "infringing",
            Self::Likeness => "likeness",
            Self::Misleading => "misleading",
            Self::Other => "other",
        }
    }
}

/// Which picture is meant, by what a stranger can know of it: its id, or the link it was seen at. Of a link nothing but the object's key
/// is kept, so no signature lies about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reported {
    /// The picture of this id.
    Image(Id<ids::Image>),
    /// The picture whose file has this key.
    Object(ObjectKey),
}

/// Why a text names no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a picture's link, or its id such as img_01kb0v1cqhe8svdnq7tqw8vz6n")]
pub struct InvalidReported;

impl FromStr for Reported {
    type Err = InvalidReported;

    fn from_str(text: &str) -> Result<Self, InvalidReported> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(InvalidReported);
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Image(id));
        }
        if let Ok(key) = text.parse() {
            return Ok(Self::Object(key));
        }
        let link = Url::parse(text).map_err(|_| InvalidReported)?;
        // A bucket may stand before the key, in links of some forms.
        let path = link.path();
        let key = path.rfind("/p/").and_then(|at| path[at + 1..].parse().ok());
        key.map(Self::Object).ok_or(InvalidReported)
    }
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(id) => id.fmt(f),
            Self::Object(key) => key.fmt(f),
        }
    }
}

impl TryFrom<String> for Reported {
    type Error = InvalidReported;

    fn try_from(text: String) -> Result<Self, InvalidReported> {
        text.parse()
    }
}

impl From<Reported> for String {
    fn from(reported: Reported) -> Self {
        reported.to_string()
    }
}

/// A report. Who made it is not known, and nothing of it says so unless the message does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The report.
    pub id: Id<ids::Report>,
    /// Which picture.
    pub picture: Reported,
    /// What is wrong with it.
    pub reason: Reason,
    /// What else was written.
    pub message: Option<Message>,
}

impl Report {
    /// When it was made.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        self.id.made_at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "p/0123456789abcdef0123456789abcdef.jpg";

    #[test]
    fn a_picture_is_known_by_its_id_its_key_and_every_form_of_link_and_nothing_else_of_a_link_is_kept() {
        let id = "img_01kb0v1cqhe8svdnq7tqw8vz6n";
        assert_eq!(id.parse::<Reported>().unwrap().to_string(), id);
        for link in [
            KEY.to_owned(),
            format!("https://cdn.example.com/{KEY}?sign=0011&t=1790000000"),
            format!("http://127.0.0.1:8002/vitrine-local/{KEY}?X-Amz-Signature=0011"),
            format!(" https://pictures.oss-us-west-1.aliyuncs.com/{KEY}#top "),
        ] {
            assert_eq!(link.parse::<Reported>().unwrap().to_string(), KEY, "{link}");
        }
    }

    #[test]
    fn what_names_no_picture_is_refused() {
        for text in [
            "",
            "lamp",
            "acc_01kb0v1cqhe8svdnq7tqw8vz6n",
            "https://example.com/p/lamp.jpg",
        ] {
            assert_eq!(text.parse::<Reported>(), Err(InvalidReported), "{text}");
        }
        let long = format!("https://example.com/{}/{KEY}", "a".repeat(LONGEST));
        assert_eq!(long.parse::<Reported>(), Err(InvalidReported));
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in ".{0,80}") {
            let _ = text.parse::<Reported>();
        }
    }
}
