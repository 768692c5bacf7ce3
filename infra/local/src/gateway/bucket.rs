//! How often a route may be asked.

use std::sync::{Mutex, PoisonError};

use shared::Clock;

use crate::template::Throttle;

/// A bucket of tokens that fills by the clock. Each request takes a token; who finds none is sent away.
pub(super) struct Bucket {
    clock: Clock,
    fill: Mutex<Fill>,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn full(throttle: Throttle, clock: Clock) -> Self {
        let fill = Mutex::new(Fill::full(throttle, clock.now().as_millisecond()));
        Self { clock, fill }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self) -> bool {
        let now = self.clock.now().as_millisecond();
        self.fill.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

/// What is in a bucket. It counts thousandths of a token, so that `rate` of them come back in a millisecond.
#[derive(Debug, Clone)]
struct Fill {
    throttle: Throttle,
    thousandths: u64,
    at_ms: i64,
}

const TOKEN: u64 = 1000;

impl Fill {
    fn full(throttle: Throttle, now_ms: i64) -> Self {
        Self {
            throttle,
            thousandths: u64::from(throttle.burst) * TOKEN,
            at_ms: now_ms,
        }
    }

    fn take(&mut self, now_ms: i64) -> bool {
        // A system's clock may be set back; the bucket then waits until it is where it was.
        let passed_ms = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        let back = passed_ms.saturating_mul(u64::from(self.throttle.rate));
        let most = u64::from(self.throttle.burst) * TOKEN;
        self.thousandths = self.thousandths.saturating_add(back).min(most);
        self.at_ms = self.at_ms.max(now_ms);
        match self.thousandths.checked_sub(TOKEN) {
            Some(left) => {
                self.thousandths = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn throttle() -> impl Strategy<Value = Throttle> {
        (1_u32..50, 1_u32..200).prop_map(|(burst, rate)| Throttle { burst, rate })
    }

    proptest! {
        #[test]
        fn no_span_of_time_lets_through_more_than_the_burst_and_what_came_back_in_it(
            throttle in throttle(),
            steps in prop::collection::vec(0_i64..400, 1..200),
        ) {
            let mut fill = Fill::full(throttle, 0);
            let mut now = 0;
            let mut taken = Vec::new();
            for step in steps {
                now += step;
                if fill.take(now) {
                    taken.push(now);
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, until) in taken.iter().enumerate().skip(first) {
                    let came_back = (until - from) * i64::from(throttle.rate) / 1000;
                    let through = i64::try_from(last - first).unwrap() + 1;
                    prop_assert!(through <= i64::from(throttle.burst) + came_back, "{from}..{until}");
                }
            }
        }

        #[test]
        fn who_comes_no_faster_than_the_rate_is_never_sent_away(
            throttle in throttle(),
            waits in prop::collection::vec(0_i64..400, 1..200),
        ) {
            let mut fill = Fill::full(throttle, 0);
            let apart = i64::from(1000_u32.div_ceil(throttle.rate));
            let mut now = 0;
            for wait in waits {
                prop_assert!(fill.take(now), "at {now}");
                now += apart + wait;
            }
        }

        #[test]
        fn a_clock_that_is_set_back_gives_nothing_away(throttle in throttle(), back in 1_i64..100_000) {
            let mut fill = Fill::full(throttle, 0);
            while fill.take(0) {}
            prop_assert!(!fill.take(-back) && !fill.take(0));
            prop_assert!(fill.take(1000));
        }
    }

    #[test]
    fn a_bucket_is_full_at_first_and_never_more_than_full() {
        let mut fill = Fill::full(Throttle { burst: 3, rate: 2 }, 0);
        let through = |fill: &mut Fill, now| (0..10).filter(|_| fill.take(now)).count();
        assert_eq!(through(&mut fill, 0), 3);
        assert_eq!(through(&mut fill, 499), 0);
        assert_eq!(through(&mut fill, 500), 1);
        assert_eq!(through(&mut fill, 86_400_000), 3);
    }
}
