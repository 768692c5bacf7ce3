//! Starting the program and reading what it prints.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. A busy machine needs much of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The program with these arguments, in this folder, and nothing of the environment that could change what it does.
pub(crate) fn vitrine(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitrine"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("VITRINE_LOG")
        .env_remove("AWS_CA_BUNDLE");
    command
}

/// Runs the program to its end and fails when it does not come.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = vitrine(folder, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes)
    });
    let err = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).map(|_| bytes)
    });
    let status = until("the program to end", || {
        child.try_wait().unwrap().or_else(|| {
            pause();
            None
        })
    });
    let (stdout, stderr) = (out.join().unwrap().unwrap(), err.join().unwrap().unwrap());
    Output { status, stdout, stderr }
}

/// What a run printed on standard output, if it went well and said nothing on standard error.
#[track_caller]
pub(crate) fn good(output: &Output) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert_eq!(err, "");
    out
}

/// What a run that did not go well printed on standard output; on standard error it said `why`.
#[track_caller]
pub(crate) fn bad(output: &Output, why: &str) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), format!("vitrine: {why}\n"));
    text(&output.stdout)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The rest of the line that begins with `label`.
#[track_caller]
pub(crate) fn line<'a>(out: &'a str, label: &str) -> &'a str {
    let found = out.lines().find_map(|line| line.trim_start().strip_prefix(label));
    found.unwrap_or_else(|| panic!("no line `{label}` in:\n{out}")).trim()
}

/// Asks again and again until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
    }
}

/// Between two looks.
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Four ports in a row that are free now. Somebody else may take one before the program does: then it says so.
pub(crate) fn free_ports() -> u16 {
    until("four free ports in a row", || {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let others = (1..4).map(|offset| TcpListener::bind((Ipv4Addr::LOCALHOST, port.checked_add(offset)?)).ok());
        others.collect::<Option<Vec<_>>>().map(|_| port)
    })
}

/// The program while it serves. It is killed when the test ends.
pub(crate) struct Serving {
    child: Child,
    lines: Receiver<String>,
}

impl Serving {
    /// Starts `vitrine serve` and gives what it printed once it stands.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> (Self, String) {
        let mut child = vitrine(folder, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (out, (send, lines)) = (BufReader::new(child.stdout.take().unwrap()), channel());
        std::thread::spawn(move || out.lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
        let serving = Self { child, lines };
        let introduction = serving.told_until("Ctrl-C stops it.");
        (serving, introduction)
    }

    /// What it prints up to a line.
    fn told_until(&self, last: &str) -> String {
        let mut told = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it never said `{last}`, only:\n{told}"));
            told.push_str(&line);
            told.push('\n');
            if line == last {
                return told;
            }
        }
    }

    /// `kill -9`: it has no chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill`: it says goodbye. Gives its exit code and what it printed last.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let status = until("the program to stop", || {
            self.child.try_wait().unwrap().or_else(|| {
                pause();
                None
            })
        });
        let last: Vec<_> = self.lines.iter().collect();
        (status.code(), last.join("\n"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Either may have happened already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
