//! The promises of PRIVACY.md, each with the tests that prove it.
//!
//! A clause without a proof fails the run, and so does a proof of a clause that is not there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail by panicking")]

mod clauses;
mod companies;
mod countries;
mod erasure;
mod hosts;
mod protection;
mod records;
mod rights;
mod seller;
mod store;
mod thirty_days;

use std::process::ExitCode;

use futures::future::BoxFuture;
use libtest_mimic::{Arguments, Trial};

/// A test that proves a clause, or a part of it.
struct Proof {
    clause: &'static str,
    name: &'static str,
    test: fn() -> BoxFuture<'static, ()>,
}

/// `proofs!["P2": a_test, …]` names each test after its function.
macro_rules! proofs {
    ($($clause:literal: $module:ident::$test:ident),* $(,)?) => {
        &[$(Proof {
            clause: $clause,
            name: concat!(stringify!($module), "::", stringify!($test)),
            test: || Box::pin($module::$test()),
        }),*]
    };
}

/// What is proved today.
const PROOFS: &[Proof] = proofs![
    "P1": records::what_is_stored_of_a_person_is_what_the_tables_are_declared_to_hold,
    "P1": records::a_password_is_stored_as_a_bcrypt_hash_of_cost_12_and_in_no_other_form,
    "P1": records::where_a_request_comes_from_is_stored_nowhere,
    "P2": thirty_days::a_picture_is_readable_an_hour_before_its_end_and_gone_at_its_end,
    "P2": thirty_days::a_link_dies_with_the_picture_even_when_it_is_the_last_one_given,
    "P2": thirty_days::the_record_the_prompt_and_the_file_are_erased_once_they_expired,
    "P2": thirty_days::a_picture_stays_gone_while_the_database_is_days_late_and_then_its_file_goes_too,
    "P2": thirty_days::a_picture_that_its_owner_deletes_is_gone_at_once_with_file_and_link,
    "P3": records::what_is_counted_is_a_page_or_a_model_and_a_day_and_nothing_of_who_it_was,
    "P3": records::views_of_two_people_are_one_number,
    "P4": protection::mails_are_of_a_closed_list_of_kinds_each_about_the_account,
    "P4": protection::a_full_use_sends_mails_of_these_kinds_and_none_that_sells_anything,
    "P5": store::a_store_of_another_company_cannot_be_configured,
    "P5": store::the_file_of_a_picture_lies_in_the_stores_and_nowhere_else_of_ours,
    "P6": protection::every_table_is_encrypted_with_the_one_key_and_recovered_only_as_far_as_is_declared,
    "P7": erasure::nothing_of_a_person_is_left_but_what_is_declared_and_that_ends_when_it_says,
    "P7": erasure::what_the_streams_held_of_a_person_is_gone_when_others_have_changed_something,
    "P7": erasure::the_receipt_says_what_went_and_verifies_without_asking_anybody,
    "P7": rights::asking_from_outside_for_a_deletion_ends_in_the_same_erasure,
    "P8": companies::deepseek_receives_the_description_and_nothing_else_of_a_person,
    "P8": companies::deepseek_cannot_tell_two_people_with_the_same_description_apart,
    "P9": companies::seedream_receives_the_prompt_and_nothing_else_of_a_person,
    "P9": companies::seedream_cannot_tell_two_people_with_the_same_prompt_apart,
    "P10": companies::dashscope_receives_the_prompt_and_nothing_else_of_a_person,
    "P10": companies::dashscope_cannot_tell_two_people_with_the_same_prompt_apart,
    "P10": companies::dashscope_hears_nothing_while_the_primary_is_well,
    "P11": companies::resend_receives_the_address_and_the_message_and_never_the_name,
    "P12": companies::paypal_receives_the_order_and_nothing_of_the_account,
    "P12": companies::what_paypal_tells_of_the_payer_is_kept_and_shown_nowhere,
    "P13": store::file_names_are_random_and_tell_nothing_of_their_owner,
    "P13": store::nothing_stored_or_delivered_with_a_file_says_whose_it_is,
    "P14": countries::without_accepting_the_present_policy_there_is_no_account,
    "P14": countries::the_accepted_version_and_the_time_are_kept_with_the_account,
    "P14": countries::the_regions_that_are_configured_lie_in_the_countries_that_are_named,
    "P15": hosts::every_host_that_a_full_run_calls_is_declared_and_its_company_is_named,
    "P15": hosts::no_function_calls_a_company_that_it_has_nothing_to_do_with,
    "P15": hosts::an_address_of_somebody_else_in_a_companys_answer_is_not_called,
    "P16": records::a_password_is_stored_as_a_bcrypt_hash_of_cost_12_and_in_no_other_form,
    "P16": protection::an_address_without_encryption_is_refused_and_nothing_is_sent_there,
    "P16": protection::every_answer_asks_browsers_for_https_from_then_on,
    "P16": protection::a_token_is_signed_and_lasts_fifteen_minutes,
    "P16": protection::each_function_may_use_its_own_things_and_none_may_use_everything,
    "P17": rights::everything_that_is_kept_of_a_person_can_be_seen_by_them,
    "P17": rights::a_name_that_is_wrong_can_be_corrected_and_removed,
    "P17": rights::whoever_asks_is_answered_by_the_machine_at_once_or_by_a_person_within_thirty_days,
    "P18": rights::the_policy_names_a_contact_and_the_service_takes_requests_without_an_account,
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list {
        clauses::print(PROOFS);
    }
    let mut trials: Vec<_> = PROOFS
        .iter()
        .map(|Proof { clause, name, test }| {
            Trial::test(format!("{clause}::{name}"), || {
                let runtime = tokio::runtime::Runtime::new()?;
                runtime.block_on(test());
                Ok(())
            })
        })
        .collect();
    trials.push(Trial::test(
        "clauses::every_clause_has_a_proof_and_every_proof_a_clause",
        || clauses::accounted_for(PROOFS).map_err(Into::into),
    ));
    trials.push(Trial::test(
        "clauses::the_head_of_the_policy_names_what_is_proved",
        || clauses::head_is_true(PROOFS).map_err(Into::into),
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}
