//! The folder behind the store, where the engine's own view of it does not suffice.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

/// The keys of all objects under a bucket's folder, in order.
pub(super) fn keys(bucket: &Path) -> Result<Vec<String>> {
    let (mut keys, mut folders) = (Vec::new(), vec![bucket.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).context("the bucket cannot be read")? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(key) = path.strip_prefix(bucket) {
                keys.push(key.to_string_lossy().into_owned());
            }
        }
    }
    keys.sort();
    Ok(keys)
}

/// The keys of all objects under a bucket's folder, in order, with the time at which each was written.
pub(super) fn dated(bucket: &Path) -> Result<Vec<(String, Timestamp)>> {
    let dated = keys(bucket)?.into_iter().map(|key| {
        let written = std::fs::metadata(bucket.join(&key)).and_then(|file| file.modified());
        let written = written.with_context(|| format!("`{key}` has no time"))?;
        Ok((key, Timestamp::try_from(written)?))
    });
    dated.collect()
}

/// Removes what the engine leaves of a deleted object: its headers and checksums, in files of their own.
pub(super) fn forget(root: &Path, bucket: &str, key: &str) {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for kind in ["metadata", "internal"] {
        let name = format!(".bucket-{}.object-{}.{kind}.json", encode(bucket), encode(key));
        // Most objects have only one of the two.
        let _absent = std::fs::remove_file(root.join(name));
    }
}

/// Dates an object by our clock: the engine tells the file's own time, and files are dated by the machine.
pub(super) fn date(root: &Path, bucket: &str, key: &str, at: Timestamp) {
    let file = std::fs::File::options().write(true).open(root.join(bucket).join(key));
    if let Err(error) = file.and_then(|file| file.set_modified(SystemTime::from(at))) {
        tracing::warn!(%error, "An object could not be dated");
    }
}
