//! A simulated year in which whatever keeps the thirty days fails by chance, alone and together: TTL stands still, streams lose what
//! they hold, stores cannot be reached, schedules are missed, clocks are a day off. Every day of it, nobody reads a picture that is
//! thirty days old, and no file is a day older than that.
//!
//! `VITRINE_SEED=7` shows one year again; `VITRINE_YEARS=20` lives through more of them.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod year;

use shared::config::Vars;
use vitrine::lab;

use year::Year;

/// The seed of the one year to see again.
const SEED: &str = "VITRINE_SEED";

/// How many years are lived through.
const YEARS: &str = "VITRINE_YEARS";

#[test]
fn through_a_year_of_faults_nothing_is_read_after_thirty_days_and_no_file_is_a_day_older() {
    let vars = Vars::from_env();
    let number = |name| vars.optional(name).map(|text: String| text.parse::<u64>().unwrap());
    let years = match number(SEED) {
        Some(seed) => seed..seed + 1,
        None => 1..number(YEARS).unwrap_or(1) + 1,
    };
    for seed in years {
        lab::run(async {
            let mut year = Year::begin(seed).await;
            year.live_through().await;
            println!("{SEED}={seed}: {}", year.told());
        })
        .unwrap();
    }
}

/// What the year is worth: take the stores' own rule away, and it is seen to fail.
#[test]
fn without_the_stores_own_rule_a_store_that_is_out_for_days_keeps_files_too_long() {
    let found = lab::run(async {
        let mut year = Year::begin(1).await;
        year.without_rules().await;
        year.oldest_file().await
    });
    assert!(found.unwrap() > year::LIFE + year::DAY, "the year would not notice");
}
