//! Results that were paid for and are not what they should be.

use tests::day::{Day, Fate, day};
use vitrine::sim::{Fault, Link, Provider};

use crate::status;

/// One picture whose result link leads there, painted by the one and by the other.
#[track_caller]
fn fates(link: Link) -> [String; 2] {
    let led_astray = Fault {
        link: Some(link),
        ..Fault::default()
    };
    let by_seedream = day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, led_astray.clone());
        day.fate("bowl").await
    });
    assert_eq!(
        (by_seedream.seedream, by_seedream.dashscope, by_seedream.billed),
        (1, 0, 1)
    );
    let by_dashscope = day(async |day: &Day| {
        day.fault(Provider::Seedream, 1, status(401));
        day.fault(Provider::Dashscope, 1, led_astray.clone());
        day.fate("bowl").await
    });
    assert_eq!((by_dashscope.dashscope, by_dashscope.billed), (1, 1));
    [by_seedream, by_dashscope].map(|Fate { state, .. }| state)
}

const LOST: &str = "Failed(ResultLost)";

#[test]
fn a_dead_link_loses_the_picture_and_gives_the_credit_back() {
    assert_eq!(fates(Link::Dead), [LOST; 2]);
}

#[test]
fn a_result_that_trickles_is_given_up_when_its_link_dies() {
    assert_eq!(fates(Link::Slow), [LOST; 2]);
}

#[test]
fn a_result_without_an_end_is_read_to_the_limit_and_no_further() {
    assert_eq!(fates(Link::Endless), [LOST; 2]);
}

#[test]
fn a_result_on_a_foreign_host_is_not_fetched() {
    assert_eq!(fates(Link::Foreign), [LOST; 2]);
}

#[test]
fn a_redirect_is_not_followed() {
    assert_eq!(fates(Link::Redirect), [LOST; 2]);
}

#[test]
fn what_is_no_picture_is_not_stored() {
    assert_eq!(fates(Link::NotAnImage), [LOST; 2]);
}

#[test]
fn a_result_of_200_megabytes_is_not_read() {
    assert_eq!(fates(Link::Huge), [LOST; 2]);
}

#[test]
fn a_result_over_plain_http_is_not_fetched() {
    assert_eq!(fates(Link::PlainHttp), [LOST; 2]);
}
