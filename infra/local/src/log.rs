//! What the program says of itself: warnings to standard error for whoever watches, and every line of the functions into a file, as
//! CloudWatch would have them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// What is logged if nobody asks for more. The database's engine warns of every transaction that does not hold; those who make them deal
/// with that, and it is news to nobody.
const QUIET: &str = "warn,dynoxide::server=error";

/// The file's name in the data folder.
pub const FILE_NAME: &str = "log.jsonl";

/// What the file has: what functions say, and nothing of the machinery around them. A function that is a process writes for itself.
const KEPT: &str =
    "info,vitrine=warn,vitrine::metrics=info,function=off,dynoxide=error,s3s=warn,s3s_fs=warn,hyper=warn,rustls=warn";

/// The file, once there is one.
static FILE: OnceLock<Kept> = OnceLock::new();

#[derive(Clone)]
struct Kept(Arc<Mutex<File>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs warnings and worse to standard error, so that standard output is for people; `VITRINE_LOG` asks for more. With `file`, what the
/// functions log is kept there too. A second call changes nothing.
pub fn begin(file: Option<&Path>) {
    let filter = EnvFilter::try_from_env("VITRINE_LOG").unwrap_or_else(|_| EnvFilter::new(QUIET));
    let watched = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .compact()
        .with_filter(filter);
    // A folder that cannot be written to is told by whoever needs it for more than this.
    let opened = file.and_then(|file| OpenOptions::new().create(true).append(true).open(file).ok());
    let kept = opened.map(|file| FILE.get_or_init(|| Kept(Arc::new(Mutex::new(file)))).clone());
    let kept = kept.map(|kept| shared::telemetry::layer(move || kept.clone()).with_filter(EnvFilter::new(KEPT)));
    // Somebody who logs already, a test for instance, goes on as before.
    drop(tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(watched).with(kept),
    ));
}

/// Keeps a line that a function's process has written.
pub(crate) fn keep(line: &str) {
    if let Some(mut file) = FILE.get().cloned() {
        // In one piece, so that lines of others do not get between.
        drop(file.write_all(format!("{line}\n").as_bytes()));
    }
}
