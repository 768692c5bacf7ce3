//! Where a request comes from, as far as limits have to tell one place from another: a keyed hash of the network's prefix,
//! under a key of the day.
//!
//! Nothing says backwards what it stands for, and nothing of one day can be compared with another day. The items that count
//! under it end within the hour: the windows of such limits are half an hour at most, and an item ends two windows after
//! its own began.

use std::net::IpAddr;

use jiff::Timestamp;

use super::HashKey;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// What stands for a source where limits are counted. Addresses of one household or office are one source: the first 24
/// bits of an IPv4 address, the first 56 of an IPv6 address. All requests of which the gateway does not say where they come
/// from are one source too.
#[must_use]
pub fn subject(key: &HashKey, address: Option<IpAddr>, now: Timestamp) -> String {
    let day = now.as_second().div_euclid(SECONDS_A_DAY);
    let key = key.derived("source-day", &day.to_be_bytes());
    let hash = match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => key.hash("ipv4", &address.octets()[..3]),
        Some(IpAddr::V6(address)) => key.hash("ipv6", &address.octets()[..7]),
        None => return "unknown".to_owned(),
    };
    hash.to_hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, time: &str) -> String {
        let key = HashKey::from_hex(&"5a".repeat(32).into()).unwrap();
        subject(&key, Some(address.parse().unwrap()), time.parse().unwrap())
    }

    const NOON: &str = "2026-11-22T12:00:00Z";

    #[test]
    fn neighbours_are_one_source_and_others_are_not() {
        for (one, other, same) in [
            ("203.0.113.7", "203.0.113.250", true),
            ("203.0.113.7", "203.0.114.7", false),
            ("203.0.113.7", "::ffff:203.0.113.9", true),
            ("2001:db8:1:200::1", "2001:db8:1:2ff:1::", true),
            ("2001:db8:1:200::1", "2001:db8:1:300::1", false),
        ] {
            assert_eq!(at(one, NOON) == at(other, NOON), same, "{one} {other}");
        }
    }

    #[test]
    fn a_source_of_one_day_cannot_be_found_again_on_the_next() {
        let evening = at("203.0.113.7", "2026-11-22T23:59:59Z");
        assert_eq!(evening, at("203.0.113.7", "2026-11-22T00:00:00Z"));
        assert_ne!(evening, at("203.0.113.7", "2026-11-23T00:00:00Z"));
    }

    #[test]
    fn a_source_that_is_not_known_is_one_like_any_other() {
        let key = HashKey::from_hex(&"5a".repeat(32).into()).unwrap();
        assert_eq!(subject(&key, None, NOON.parse().unwrap()), "unknown");
    }
}
