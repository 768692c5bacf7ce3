//! What the whole program logs while its tests run, kept to be searched.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use tracing_subscriber::EnvFilter;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to keep what is logged, as `shared::telemetry::init` begins to print it.
fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let written = Written::default();
        let sink = written.clone();
        let subscriber = shared::telemetry::subscriber(EnvFilter::new("info"), move || sink.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        written
    })
}

/// Keeps the log from here on.
pub fn keep() {
    written();
}

/// Everything logged so far, by all tests of this program.
pub fn all() -> String {
    String::from_utf8_lossy(&written().0.lock().unwrap()).into_owned()
}
