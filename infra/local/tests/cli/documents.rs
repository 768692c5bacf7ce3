//! What the documents tell people to paste works, pasted in the order in which it stands there.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{Serving, free_ports, pause, until};

/// What this document prints as blocks of a shell, in their order.
fn commands(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let document = std::fs::read_to_string(file).unwrap();
    let blocks = document.split("\n```").skip(1).step_by(2);
    let ours = blocks.filter_map(|block| block.strip_prefix("sh\n"));
    ours.map(|block| format!("{block}\n")).collect()
}

/// Whether bash and curl are there. Where everything must be there, it is a failure when they are not.
fn can_paste() -> bool {
    let missing = ["bash", "curl"].into_iter().find(|program| {
        let asked = Command::new(program).arg("--version").output();
        !asked.is_ok_and(|output| output.status.success())
    });
    let needed = std::env::var_os("VITRINE_NEEDS_CLIENTS").is_some();
    if let Some(missing) = missing {
        assert!(!needed, "`{missing}` is missing, and VITRINE_NEEDS_CLIENTS is set");
        eprintln!("`{missing}` is not on this machine, so the document's commands are not run");
    }
    missing.is_none()
}

#[test]
fn every_flow_of_accounts_works_as_it_is_documented() {
    if !can_paste() {
        return;
    }
    let commands = commands("accounts.md");
    let calls = commands.lines().filter(|line| line.contains("curl -sS"));
    for call in calls.filter(|line| !line.contains("/mailbox.json")) {
        assert!(
            call.contains("--fail-with-body"),
            "it would not be noticed if this failed: {call}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let (script, log) = (folder.path().join("pasted.sh"), folder.path().join("log"));
    // What failed is printed with its line; a command that waits in vain is ended by the test.
    let strict = "set -euo pipefail\ntrap 'echo \"line $LINENO failed: ${answer-}\"' ERR\n";
    std::fs::write(&script, format!("{strict}{commands}")).unwrap();

    let port = free_ports();
    let (serving, _) = Serving::start(
        folder.path(),
        &["serve", "--port", &port.to_string(), "--data", "kept here"],
    );
    let output = std::fs::File::create(&log).unwrap();
    let mut shell = Command::new("bash")
        .arg(&script)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder.path())
        .env("API", format!("http://127.0.0.1:{port}"))
        .env("SIM", format!("http://127.0.0.1:{}", port + 1))
        .stdin(Stdio::null())
        .stderr(output.try_clone().unwrap())
        .stdout(output)
        .spawn()
        .unwrap();
    let told = || std::fs::read_to_string(&log).unwrap();
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until("the commands to end", || {
            shell.try_wait().unwrap().or_else(|| {
                pause();
                None
            })
        })
    }));
    drop(shell.kill());
    let ended = ended.unwrap_or_else(|_| panic!("the commands never ended:\n{}", told()));
    assert!(ended.success(), "{}", told());
    let refused = told().matches("\"type\":\"/problems/").count();
    let session_ended = told().matches("\"type\":\"/problems/session-ended\"").count();
    assert_eq!((refused, session_ended), (1, 1), "{}", told());
    serving.kill();
}
