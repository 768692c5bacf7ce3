//! `vitrine serve --lambda`: functions are processes, built when they are first asked for, and gone with the stack.

use std::path::Path;

use crate::program::{Serving, free_ports, pause, until};
use crate::serving::Caller;

/// The processes whose clock lies in this folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let clock = format!("VITRINE_CLOCK_FILE={}/", folder.display());
    let all = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let theirs = all.filter(|process| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment)
            .split('\0')
            .any(|variable| variable.starts_with(&clock))
    });
    theirs.map(|process| process.display().to_string()).collect()
}

fn serve(folder: &Path, port: u16) -> (Serving, String) {
    Serving::start(
        folder,
        &[
            "serve",
            "--lambda",
            "--port",
            &port.to_string(),
            "--data",
            &folder.display().to_string(),
        ],
    )
}

#[test]
#[cfg(target_os = "linux")]
fn a_function_is_built_at_its_first_request_and_its_process_goes_with_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    let (port, caller) = (free_ports(), Caller::new());
    let health = format!("http://127.0.0.1:{port}/v1/health");
    let (serving, told) = serve(folder.path(), port);
    assert!(told.contains("Functions run as processes of their own."), "{told}");
    assert!(
        processes_of(folder.path()).is_empty(),
        "nobody has asked for anything yet"
    );
    assert_eq!(caller.get(&health).0, 200);
    assert_eq!(processes_of(folder.path()).len(), 1);
    let (code, told) = serving.stop();
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("building health-get …\nbuilt    health-get in "),
        "{told}"
    );
    assert!(processes_of(folder.path()).is_empty());

    // A stack that is killed ends nobody; but a process that has lost its Runtime API ends by itself.
    let (serving, _) = serve(folder.path(), port);
    assert_eq!(caller.get(&health).0, 200);
    assert_eq!(processes_of(folder.path()).len(), 1);
    serving.kill();
    until("the process to end", || {
        pause();
        processes_of(folder.path()).is_empty().then_some(())
    });
}
