//! What cannot be done is said in one plain sentence, with exit code 1.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::program::{free_ports, run, text};

/// Runs into it and gives the sentence.
#[track_caller]
fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}\n{err}");
    let lines: Vec<_> = err.lines().collect();
    let [line] = lines.as_slice() else {
        panic!("not one line: {err}")
    };
    let sentence = line
        .strip_prefix("vitrine: ")
        .unwrap_or_else(|| panic!("who says this? {line}"));
    for noise in ["Error", "panicked", "Os {", "Custom {", "RUST_BACKTRACE"] {
        assert!(!sentence.contains(noise), "{sentence}");
    }
    sentence.to_owned()
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Each of the four can be the one that is taken.
    for offset in 0..4 {
        let first = free_ports();
        let taken = first + offset;
        let _holder = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        let sentence = refusal(folder.path(), &["serve", "--port", &first.to_string()]);
        assert!(
            sentence.contains(&format!("port {taken} is taken")) && sentence.contains("--port"),
            "{sentence}"
        );
    }
}

#[test]
fn a_port_without_three_after_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for port in ["65533", "65535"] {
        let sentence = refusal(folder.path(), &["serve", "--port", port]);
        assert!(
            sentence.contains(&format!("port {port} is too high")) && sentence.contains("65532"),
            "{sentence}"
        );
    }
    assert!(!folder.path().join(".vitrine").exists(), "nothing was begun");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // A path below a file cannot be made, not even by somebody who may do everything.
    std::fs::write(folder.path().join("file"), "").unwrap();
    for data in ["file/data", "file"] {
        let port = free_ports().to_string();
        let sentence = refusal(folder.path(), &["serve", "--port", &port, "--data", data]);
        assert!(
            sentence.contains(&format!("the folder `{data}` cannot be")),
            "{sentence}"
        );
    }
}

#[test]
fn a_picture_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let sentence = refusal(folder.path(), &["first-image", "a mug", "--out", "file/mug.jpg"]);
    assert!(sentence.contains("could not write `file/mug.jpg`"), "{sentence}");
}

#[test]
fn a_broken_env_is_told_without_showing_the_key_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for broken in [
        "MAIL_FROM=\"half a quote\nARK_API_KEY=secretword\n",
        "ARK_API_KEY secretword\n",
        "=secretword\n",
    ] {
        std::fs::write(folder.path().join(".env"), broken).unwrap();
        for command in [&["serve"][..], &["first-image", "a mug"]] {
            let sentence = refusal(folder.path(), command);
            assert!(sentence.starts_with("`.env` cannot be read"), "{sentence}");
            assert!(!sentence.contains("secretword"), "{sentence}");
        }
    }
}
