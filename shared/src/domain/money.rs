//! Money: a whole number of a currency's smallest unit, so that nothing is ever rounded by accident.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// The currencies that PayPal takes and that have no smaller unit.
const WHOLE: [&[u8; 3]; 3] = [b"HUF", b"JPY", b"TWD"];

/// The most that an amount may be, in the smallest unit: ten digits, as PayPal has it.
const MOST: i64 = 9_999_999_999;

impl Currency {
    /// US dollars.
    pub const USD: Self = Self(*b"USD");

    /// The code, `USD`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many digits stand behind the point.
    #[must_use]
    pub fn decimals(self) -> usize {
        if WHOLE.contains(&&self.0) { 0 } else { 2 }
    }
}

impl FromStr for Currency {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidMoney)?;
        let is_code = code.iter().all(u8::is_ascii_uppercase);
        is_code.then_some(Self(code)).ok_or(InvalidMoney)
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidMoney;

    fn try_from(text: String) -> Result<Self, InvalidMoney> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount of money, never below nothing. In JSON and in items it is written as people and PayPal write it,
/// `{"currency": "USD", "value": "4.99"}`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// An amount in digits.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The currency's ISO 4217 code.
    #[schema(value_type = String, example = "USD")]
    currency: Currency,
    /// The amount, with as many digits behind the point as the currency has.
    #[schema(example = "4.99")]
    value: String,
}

/// A text that is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an amount and a currency, such as `4.99 USD`")]
pub struct InvalidMoney;

impl Money {
    /// So many of the currency's smallest unit: cents, for dollars. Below nothing is nothing.
    #[must_use]
    pub fn minor(minor: i64, currency: Currency) -> Self {
        Self {
            minor: minor.clamp(0, MOST),
            currency,
        }
    }

    /// The amount written as `value`, with at most as many digits behind the point as the currency has.
    ///
    /// # Errors
    /// When it is not in that form, or too large.
    pub fn parse(value: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        let (whole, part) = value.split_once('.').unwrap_or((value, ""));
        let decimals = currency.decimals();
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !whole.is_empty() && part.len() <= decimals && digits(whole) && digits(part);
        // `4.` is not how anybody writes an amount.
        if !fits || (value.contains('.') && part.is_empty()) {
            return Err(InvalidMoney);
        }
        let minor: i64 = format!("{whole}{part:0<decimals$}").parse().map_err(|_| InvalidMoney)?;
        (minor <= MOST).then_some(Self { minor, currency }).ok_or(InvalidMoney)
    }

    /// In the currency's smallest unit.
    #[must_use]
    pub fn in_minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The digits alone, `4.99`.
    #[must_use]
    pub fn value(self) -> String {
        let decimals = self.currency.decimals();
        if decimals == 0 {
            return self.minor.to_string();
        }
        format!("{}.{:02}", self.minor / 100, self.minor % 100)
    }
}

impl FromStr for Money {
    type Err = InvalidMoney;

    /// From `4.99 USD`.
    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let (value, currency) = text.trim().split_once(' ').ok_or(InvalidMoney)?;
        Self::parse(value, currency.trim().parse()?)
    }
}

impl TryFrom<Written> for Money {
    type Error = InvalidMoney;

    fn try_from(written: Written) -> Result<Self, InvalidMoney> {
        Self::parse(&written.value, written.currency)
    }
}

impl From<Money> for Written {
    fn from(money: Money) -> Self {
        Self {
            currency: money.currency,
            value: money.value(),
        }
    }
}

impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        Written::schema()
    }
}

impl ToSchema for Money {
    fn name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_has_the_digits_of_its_currency_and_no_others() {
        for (text, minor) in [
            ("4.99 USD", 499),
            ("19.00 USD", 1900),
            ("19 USD", 1900),
            ("19.5 USD", 1950),
            ("0.01 EUR", 1),
            ("750 JPY", 750),
        ] {
            assert_eq!(text.parse::<Money>().unwrap().in_minor(), minor, "{text}");
        }
        for text in [
            "",
            "4.99",
            "4.999 USD",
            "4. USD",
            ".99 USD",
            "-1.00 USD",
            "+1.00 USD",
            "1,00 USD",
            "1e2 USD",
            "4.99 usd",
            "4.99 US",
            "7.5 JPY",
            "99999999999.00 USD",
            "99999999999999999999 USD",
            "４.99 USD",
        ] {
            assert_eq!(text.parse::<Money>(), Err(InvalidMoney), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_survives_its_text_and_its_json(minor in 0..=MOST, code in prop::sample::select(vec!["USD", "JPY", "CNY"])) {
            let money = Money::minor(minor, code.parse().unwrap());
            prop_assert_eq!(money.to_string().parse(), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn no_text_makes_parsing_panic(text in ".{0,30}") {
            let _ = text.parse::<Money>();
        }
    }
}
