//! Words that people give us: descriptions, prompts and names.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a text cannot be taken, as the end of a sentence that begins with the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// More Unicode scalars than allowed.
    #[error("must be at most {max} characters long, and is {len}")]
    TooLong {
        /// The limit, in Unicode scalars.
        max: usize,
        /// What it is, in Unicode scalars.
        len: usize,
    },
    /// A control character other than a line break or a tab.
    #[error("must not contain control characters")]
    Control,
}

/// Trims and checks a text; `multiline` allows line breaks and tabs.
fn checked(text: &str, max: usize, multiline: bool) -> Result<String, InvalidText> {
    let text = text.trim();
    let len = text.chars().count();
    if text.is_empty() {
        Err(InvalidText::Blank)
    } else if len > max {
        Err(InvalidText::TooLong { max, len })
    } else if text
        .chars()
        .any(|c| c.is_control() && !(multiline && matches!(c, '\n' | '\r' | '\t')))
    {
        Err(InvalidText::Control)
    } else {
        Ok(text.to_owned())
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, max = $max:tt, multiline = $multiline:tt) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, min_length = 1, max_length = $max)]
        pub struct $name(String);

        impl $name {
            /// The most Unicode scalars it may have.
            pub const MAX: usize = $max;

            /// The text, trimmed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                checked(&text, Self::MAX, $multiline).map(Self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                checked(text, Self::MAX, $multiline).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        // What people write is not for log lines, so debug output tells its length alone.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} characters)"), self.0.chars().count())
            }
        }
    };
}

text! {
    /// A product, described by its seller: 1 to 2,000 Unicode scalars.
    Description, max = 2000, multiline = true
}

text! {
    /// Words a picture is painted from: 1 to 800 Unicode scalars, because a model would cut longer ones in silence.
    Prompt, max = 800, multiline = true
}

text! {
    /// What somebody writes to us about their data: 1 to 2,000 Unicode scalars.
    Message, max = 2000, multiline = true
}

text! {
    /// What a person wants to be called: 1 to 100 Unicode scalars on one line.
    Name, max = 100, multiline = false
}

text! {
    /// What a person calls a device, such as "phone" or "work": 1 to 60 Unicode scalars on one line. Nobody guesses it for
    /// them.
    DeviceName, max = 60, multiline = false
}

/// How many prompts to write: 1 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schema(value_type = u8, minimum = 1, maximum = 4, default = 3)]
pub struct PromptCount(u8);

impl PromptCount {
    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for PromptCount {
    fn default() -> Self {
        Self(3)
    }
}

impl TryFrom<u8> for PromptCount {
    type Error = &'static str;

    fn try_from(count: u8) -> Result<Self, Self::Error> {
        if (1..=4).contains(&count) {
            Ok(Self(count))
        } else {
            Err("must be 1, 2, 3 or 4")
        }
    }
}

impl From<PromptCount> for u8 {
    fn from(count: PromptCount) -> Self {
        count.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_of_800_scalars_is_taken_and_one_of_801_is_not() {
        let (fits, exceeds) = ("漆".repeat(800), "漆".repeat(801));
        assert!(fits.parse::<Prompt>().is_ok());
        assert_eq!(
            exceeds.parse::<Prompt>(),
            Err(InvalidText::TooLong { max: 800, len: 801 })
        );
    }

    #[test]
    fn blank_and_control_characters_are_refused() {
        assert_eq!(" \n\u{3000}".parse::<Prompt>(), Err(InvalidText::Blank));
        assert_eq!("a\u{7}b".parse::<Prompt>(), Err(InvalidText::Control));
        assert!("two\nlines".parse::<Prompt>().is_ok());
        assert_eq!("two\nlines".parse::<Name>(), Err(InvalidText::Control));
    }

    #[test]
    fn printing_a_prompt_does_not_print_its_words() {
        let prompt: Prompt = "walnut desk lamp".parse().unwrap();
        assert_eq!(format!("{prompt:?}"), "Prompt(16 characters)");
    }
}
