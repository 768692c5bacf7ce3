//! Shows on the terminal which function is being built, how far cargo has come, and how long it took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::lambda::workshop::{News, Tell};
use crate::say;

/// Tells the person at the terminal. Where there is no terminal, the beginnings and ends are told alone.
pub(crate) fn show() -> Tell {
    let bar = Mutex::new(ProgressBar::hidden());
    Arc::new(move |news| {
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        match news {
            News::Building(functions) => {
                say!("building {} …", functions.join(", "));
                *bar = ProgressBar::new_spinner();
                bar.enable_steady_tick(Duration::from_millis(120));
            }
            News::Progress(line) => bar.set_message(line),
            News::Built(functions, took) => {
                bar.finish_and_clear();
                say!("built    {} in {took:.1?}", functions.join(", "));
            }
            News::Failed(functions) => {
                bar.finish_and_clear();
                say!("{} could not be built; the log says why", functions.join(", "));
            }
        }
    })
}
