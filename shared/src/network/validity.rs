//! Until when a certificate is good. A parser of all that can stand in a certificate would be in every function, for the sake of one
//! date; this reads its way to the date and no further.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Stands before the serial number of every certificate of today.
const VERSION: u8 = 0xa0;

/// When the certificate ends; `None` if it cannot be told.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut fields, _) = expect(SEQUENCE, certificate)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = expect(VERSION, fields)?;
    }
    // The serial number, the signature's algorithm and the issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = expect(tag, fields)?;
    }
    let (validity, _) = expect(SEQUENCE, fields)?;
    let (_, _, ends) = value(validity)?;
    let (tag, text, _) = value(ends)?;
    time(tag, text)
}

/// What a value of this kind holds, and what is behind it.
fn expect(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    value(input)
        .filter(|(found, ..)| *found == tag)
        .map(|(_, content, rest)| (content, rest))
}

/// The kind of the first value, what it holds, and what is behind it (DER).
fn value(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, input) = input.split_first()?;
    let (first, mut input) = input.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (bytes, rest) = input
            .split_at_checked(length - 0x80)
            .filter(|(bytes, _)| bytes.len() <= 4)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        input = rest;
    }
    let (content, rest) = input.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, in this century up to 49, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let date = Date::new(year, part(0)?, part(2)?).ok()?;
    let time = Time::new(part(4)?, part(6)?, part(8)?, 0).ok()?;
    // The end of time, which some certificates name, is beyond ours.
    let moment = date.to_datetime(time).to_zoned(TimeZone::UTC);
    Some(moment.map_or(Timestamp::MAX, |moment| moment.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_root_ends_when_a_whole_parser_says() {
        for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let (_, parsed) = x509_parser::parse_x509_certificate(root).unwrap();
            let ends = parsed.validity().not_after.timestamp();
            assert_eq!(
                not_after(root).map(Timestamp::as_second),
                Some(ends),
                "{}",
                parsed.subject()
            );
        }
    }

    #[test]
    fn what_is_cut_short_or_spoilt_has_no_end_and_does_no_harm() {
        let root = &webpki_root_certs::TLS_SERVER_ROOT_CERTS[0];
        for length in 0..root.len() {
            assert_eq!(not_after(&root[..length]), None, "{length} bytes");
        }
        for at in 0..root.len().min(300) {
            for byte in [0, 0x30, 0x7f, 0x84, 0xff] {
                let mut spoilt = root.to_vec();
                spoilt[at] = byte;
                // Whatever it says, it says without a panic.
                std::hint::black_box(not_after(&spoilt));
            }
        }
    }

    #[test]
    fn both_ways_of_writing_a_time_are_read() {
        let read = |tag, text: &str| time(tag, text.as_bytes()).map(|time| time.to_string());
        assert_eq!(read(UTC_TIME, "491231235959Z").unwrap(), "2049-12-31T23:59:59Z");
        assert_eq!(read(UTC_TIME, "500101000000Z").unwrap(), "1950-01-01T00:00:00Z");
        assert_eq!(
            read(GENERALIZED_TIME, "20500101000000Z").unwrap(),
            "2050-01-01T00:00:00Z"
        );
        assert_eq!(time(GENERALIZED_TIME, b"99991231235959Z"), Some(Timestamp::MAX));
        for (tag, text) in [
            (UTC_TIME, "20500101000000Z"),
            (UTC_TIME, "991332000000Z"),
            (UTC_TIME, "9901010000Z"),
            (GENERALIZED_TIME, "20500101000000+0100"),
            (0x02, "500101000000Z"),
        ] {
            assert_eq!(time(tag, text.as_bytes()), None, "{text}");
        }
    }
}
