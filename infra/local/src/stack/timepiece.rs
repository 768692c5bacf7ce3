//! The file that keeps what the clock tells: for the next start, and for functions that are processes of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use anyhow::{Context, Result};
use jiff::SignedDuration;
use shared::Clock;
use tempfile::TempDir;

/// The file's name in the data folder.
const FILE: &str = "clock";

/// The clock of a data folder: the system's, moved by what the folder remembers.
///
/// # Errors
/// When the folder cannot be made or its clock cannot be read.
pub fn clock_of(data: &Path) -> Result<Clock> {
    std::fs::create_dir_all(data)?;
    let offset = match std::fs::read_to_string(data.join(FILE)) {
        Ok(text) => text
            .trim()
            .parse()
            .context("the data folder's `clock` holds no number")?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(Clock::offset(Arc::new(AtomicI64::new(offset))))
}

/// Writes the file whenever the clock is moved.
#[derive(Clone)]
pub(super) struct Timepiece(Arc<Inner>);

struct Inner {
    clock: Clock,
    file: Option<PathBuf>,
    /// Where the file lies that nobody keeps.
    _folder: Option<TempDir>,
}

impl Timepiece {
    /// For `clock`, with its file in the folder `data`; without one there is no file.
    pub(super) fn new(clock: &Clock, data: Option<&Path>) -> Self {
        Self(Arc::new(Inner {
            clock: clock.clone(),
            file: data.map(|data| data.join(FILE)),
            _folder: None,
        }))
    }

    /// The same with a file in any case, written at once: there is somebody who goes by it.
    pub(super) fn followed(clock: &Clock, data: Option<&Path>) -> Result<Self> {
        let folder = match data {
            Some(data) => {
                std::fs::create_dir_all(data).context("could not make the stack's folder")?;
                None
            }
            None => Some(tempfile::tempdir().context("no temporary folder")?),
        };
        let place = data.or(folder.as_ref().map(TempDir::path));
        let timepiece = Self(Arc::new(Inner {
            clock: clock.clone(),
            file: place.map(|place| place.join(FILE)),
            _folder: folder,
        }));
        timepiece.tell()?;
        Ok(timepiece)
    }

    /// The file, for `VITRINE_CLOCK_FILE`.
    pub(super) fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// Writes down what the clock tells.
    pub(super) fn tell(&self) -> Result<()> {
        let Inner { clock, file, .. } = &*self.0;
        let Some(file) = file else { return Ok(()) };
        clock.write_to(file).context("the time cannot be written down")
    }

    /// Writes it whenever `/_sim/clock` has moved it.
    pub(super) fn on_moved(&self) -> Arc<dyn Fn(SignedDuration) + Send + Sync> {
        let timepiece = self.clone();
        Arc::new(move |_| {
            if let Err(error) = timepiece.tell() {
                tracing::error!(
                    error = format!("{error:#}"),
                    "The clock was moved, and not for everybody"
                );
            }
        })
    }
}
