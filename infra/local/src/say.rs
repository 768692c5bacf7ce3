//! Talking to the person at the terminal. Everything else is logged.

/// Prints a line on standard output.
#[macro_export]
macro_rules! say {
    () => { $crate::say::line("") };
    ($($part:tt)*) => { $crate::say::line(&format!($($part)*)) };
}

pub use say;

/// Prints a line. A reader that went away, as `| head` does, is no reason to fail.
pub fn line(text: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Prints what went wrong, as one sentence, on standard error.
pub fn error(error: &anyhow::Error) {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "vitrine: {error:#}"));
}
