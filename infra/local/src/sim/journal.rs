//! An append-only file of JSON lines: what the simulators remember, kept through a restart and `kill -9`.
//!
//! A line is written before its effect is answered for. A torn last line, the only damage a kill can do, is cut off.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where lines of one kind go; without a folder they go nowhere.
#[derive(Debug)]
pub(super) struct Journal {
    file: Option<Mutex<File>>,
}

impl Journal {
    /// Opens the journal `name` in `folder` and reads the lines it holds. When there are more than `keep`, the file is
    /// rewritten with the last ones, so it does not grow with every restart.
    pub(super) fn open<T: DeserializeOwned>(
        folder: Option<&Path>,
        name: &str,
        keep: usize,
    ) -> anyhow::Result<(Self, Vec<T>)> {
        let Some(folder) = folder else {
            return Ok((Self { file: None }, Vec::new()));
        };
        std::fs::create_dir_all(folder).with_context(|| format!("could not make `{}`", folder.display()))?;
        let path = folder.join(format!("{name}.jsonl"));
        let (file, lines) = load(&path, keep).with_context(|| format!("could not open `{}`", path.display()))?;
        let entries = lines.iter().filter_map(|line| {
            serde_json::from_slice(line)
                .inspect_err(|error| tracing::warn!(journal = name, %error, "Skipping a line that cannot be read"))
                .ok()
        });
        Ok((
            Self {
                file: Some(Mutex::new(file)),
            },
            entries.collect(),
        ))
    }

    /// Appends one line. The system holds it from here on, whatever becomes of this process.
    pub(super) fn append<T: Serialize>(&self, entry: &T) {
        let Some(file) = &self.file else { return };
        let written = serde_json::to_vec(entry)
            .map_err(std::io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
            });
        if let Err(error) = written {
            tracing::error!(%error, "Could not write down what a simulator did");
        }
    }
}

fn load(path: &PathBuf, keep: usize) -> anyhow::Result<(File, Vec<Vec<u8>>)> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines: Vec<Vec<u8>> = bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    if lines.len() > keep {
        lines.drain(..lines.len() - keep);
        let mut kept = lines.join(&b'\n');
        kept.push(b'\n');
        let fresh = path.with_extension("jsonl.new");
        std::fs::write(&fresh, kept)?;
        std::fs::rename(&fresh, path)?;
    } else if whole < bytes.len() {
        OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
    }
    Ok((OpenOptions::new().create(true).append(true).open(path)?, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.jsonl"), "1\n2\n{\"to").unwrap();
        let (journal, lines) = Journal::open::<u32>(Some(folder.path()), "t", 10).unwrap();
        assert_eq!(lines, [1, 2]);
        journal.append(&3);
        let (_, lines) = Journal::open::<u32>(Some(folder.path()), "t", 10).unwrap();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn a_long_journal_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.jsonl"), "1\n2\n3\n4\n").unwrap();
        let (journal, lines) = Journal::open::<u32>(Some(folder.path()), "t", 2).unwrap();
        assert_eq!(lines, [3, 4]);
        journal.append(&5);
        assert_eq!(
            std::fs::read_to_string(folder.path().join("t.jsonl")).unwrap(),
            "3\n4\n5\n"
        );
    }
}
