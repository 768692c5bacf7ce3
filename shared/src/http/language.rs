//! Which of our languages the caller would like best.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;

use crate::domain::Language;

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(preferred(&parts.headers))
    }
}

/// The language of the highest weight in `Accept-Language`, the first of equals; English when none of ours is named.
fn preferred(headers: &HeaderMap) -> Language {
    let mut best = (Language::default(), 0);
    let ranges = headers
        .get_all(ACCEPT_LANGUAGE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let language = match tag.split('-').next() {
            Some("zh") => Language::Zh,
            Some("en" | "*") => Language::En,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, thousandths);
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// A weight such as `0.8` in thousandths; zero for what is none.
fn thousandths(weight: &str) -> u16 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole.trim(), digits.parse::<u16>()) {
        ("1", Ok(_)) => 1000,
        ("0", Ok(thousandths)) => thousandths,
        _ => 0,
    }
}
