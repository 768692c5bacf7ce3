//! Builds the functions' programs, each when it is first wanted, by the cargo and with the profile that built this program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

/// This package is built along: then all that both need has the same features, and is not compiled a second time.
const ALONG: &str = "vitrine";

/// What a workshop says of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It begins to build these functions.
    Building(Vec<String>),
    /// A line of cargo's, such as `Compiling shared v0.1.0`.
    Progress(String),
    /// It is done with these functions after this time.
    Built(Vec<String>, Duration),
    /// These functions could not be built.
    Failed(Vec<String>),
}

/// Tells somebody.
pub type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// Where programs are built. Stacks of one process may share it.
pub struct Workshop {
    /// The folder of the workspace.
    root: PathBuf,
    cargo: OsString,
    layout: Layout,
    tell: Tell,
    built: Mutex<BTreeMap<String, PathBuf>>,
    /// Cargo does one thing at a time in a folder anyway.
    bench: tokio::sync::Mutex<()>,
}

impl Workshop {
    /// A workshop in the sources that this program was built from.
    ///
    /// # Errors
    /// When they are not there any more.
    pub fn open(tell: Tell) -> Result<Self> {
        let local = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = local.ancestors().nth(2).unwrap_or(local);
        if !root.join("functions").is_dir() {
            bail!(
                "functions run as processes only where their sources are, and those that this program was built from are not \
                 in {} any more",
                root.display()
            );
        }
        Ok(Self {
            root: root.to_owned(),
            // Set by a cargo that has started this program.
            cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            layout: Layout::of(&std::env::current_exe().context("where is this program?")?),
            tell,
            built: Mutex::default(),
            bench: tokio::sync::Mutex::default(),
        })
    }

    /// The program of a function, built if it was not yet.
    ///
    /// # Errors
    /// What cargo says when it cannot build it; the next time it is tried again.
    pub async fn program(&self, function: &str) -> Result<PathBuf> {
        self.provide(&[function]).await?;
        let program = self.lock().get(function).cloned();
        program.with_context(|| format!("cargo built `{function}` and named no program"))
    }

    /// Builds those of these functions that were not yet, all in one go. Whoever comes while they are built waits for them.
    ///
    /// # Errors
    /// What cargo says when it cannot build them; the next time it is tried again.
    pub async fn provide(&self, functions: &[&str]) -> Result<()> {
        if self.missing(functions).is_empty() {
            return Ok(());
        }
        let _bench = self.bench.lock().await;
        // Somebody may have built them while this one waited.
        match self.missing(functions).as_slice() {
            [] => Ok(()),
            missing => self.build(missing).await,
        }
    }

    /// Asks cargo anew when a program is next wanted: its sources may be others by then.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn missing<'f>(&self, functions: &[&'f str]) -> Vec<&'f str> {
        let built = self.lock();
        let missing = functions.iter().filter(|function| !built.contains_key(**function));
        missing.copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, PathBuf>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn build(&self, functions: &[&str]) -> Result<()> {
        let names: Vec<String> = functions.iter().map(|name| (*name).to_owned()).collect();
        (self.tell)(News::Building(names.clone()));
        let began = Instant::now();
        let built = self.run_cargo(functions).await;
        (self.tell)(match &built {
            Ok(_) => News::Built(names, began.elapsed()),
            Err(_) => News::Failed(names),
        });
        self.lock().extend(built?);
        Ok(())
    }

    /// Runs cargo, and gives the programs that it names.
    async fn run_cargo(&self, functions: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
        let mut cargo = self
            .command(functions)
            .spawn()
            .with_context(|| format!("`{}` cannot be run", Path::new(&self.cargo).display()))?;
        let (stdout, stderr) = (cargo.stdout.take(), cargo.stderr.take());
        let (stdout, stderr) = (stdout.context("cargo is mute")?, stderr.context("cargo is mute")?);
        let mut programs = BTreeMap::new();
        let mut complaints = Vec::new();
        let artifacts = each_line(stdout, |line| programs.extend(program(line)));
        let progress = each_line(stderr, |line| {
            (self.tell)(News::Progress(line.trim().to_owned()));
            complaints.push(line.to_owned());
        });
        let (status, ..) = tokio::join!(cargo.wait(), artifacts, progress);
        if status.context("cargo was lost")?.success() {
            return Ok(programs);
        }
        Err(anyhow!("{}", errors(&complaints)))
    }

    fn command(&self, functions: &[&str]) -> Command {
        let mut cargo = Command::new(&self.cargo);
        cargo
            .args(["build", "--message-format=json-render-diagnostics", "--package", ALONG])
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for function in functions {
            cargo.args(["--package", function, "--bin", function]);
        }
        cargo.args(self.layout.arguments());
        // What a cargo tells the programs that it starts is not for the cargo that they start.
        let told = std::env::vars_os().map(|(name, _)| name);
        let ours = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_BIN_")
        };
        for name in told.filter(ours) {
            cargo.env_remove(name);
        }
        cargo
    }
}

impl std::fmt::Debug for Workshop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workshop")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Where cargo put this program, and by which profile, so that it puts the functions there too.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layout(Option<(PathBuf, String)>);

impl Layout {
    /// By the path of a program: `<target>/<profile>/vitrine`, or `<target>/<profile>/deps/<test>`. Any other program was
    /// moved there, and cargo finds its own way.
    fn of(program: &Path) -> Self {
        let folder = program.parent().map(|folder| match folder.ends_with("deps") {
            true => folder.parent().unwrap_or(folder),
            false => folder,
        });
        // Cargo keeps a lock in every folder that it builds into, also where somebody else has made it.
        let folder = folder.filter(|folder| folder.join(".cargo-lock").is_file());
        let target = folder.and_then(Path::parent);
        let profile = folder.and_then(Path::file_name).and_then(|name| name.to_str());
        Self(
            target
                .zip(profile)
                .map(|(target, profile)| (target.to_owned(), profile.to_owned())),
        )
    }

    fn arguments(&self) -> Vec<OsString> {
        let Self(Some((target, profile))) = self else {
            return Vec::new();
        };
        // The one profile whose folder has another name.
        let profile = if profile == "debug" { "dev" } else { profile };
        vec!["--target-dir".into(), target.into(), "--profile".into(), profile.into()]
    }
}

/// What cargo says of something that it has built.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn program(line: &str) -> Option<(String, PathBuf)> {
    let Artifact { target, executable } = serde_json::from_str(line).ok()?;
    Some((target.name, executable?))
}

/// Cargo's own words from its first error on.
fn errors(lines: &[String]) -> String {
    let first = lines.iter().position(|line| line.starts_with("error"));
    let from = first.unwrap_or(lines.len().saturating_sub(3));
    lines.get(from..).unwrap_or_default().join("\n").trim().to_owned()
}

async fn each_line(from: impl AsyncRead + Unpin, mut tell: impl FnMut(&str)) {
    let mut lines = BufReader::new(from).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        tell(&String::from_utf8_lossy(&line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_built_where_this_one_was_and_by_the_same_profile() {
        let target = tempfile::tempdir().unwrap();
        let arguments = |program: &str| Layout::of(&target.path().join(program)).arguments();
        for profile in ["debug", "release", "ship"] {
            std::fs::create_dir(target.path().join(profile)).unwrap();
            let program = format!("{profile}/vitrine");
            assert!(arguments(&program).is_empty(), "this is no folder of cargo's");
            std::fs::write(target.path().join(profile).join(".cargo-lock"), "").unwrap();
        }
        for (program, profile) in [
            ("debug/vitrine", "dev"),
            ("debug/deps/lambda_mode-0123456789abcdef", "dev"),
            ("release/vitrine", "release"),
            ("ship/vitrine", "ship"),
        ] {
            let wanted: [OsString; 4] = [
                "--target-dir".into(),
                target.path().into(),
                "--profile".into(),
                profile.into(),
            ];
            assert_eq!(arguments(program), wanted, "{program}");
        }
    }

    #[test]
    fn of_a_build_that_failed_the_errors_are_told_and_not_what_came_before() {
        let lines = [
            "   Compiling shared v0.1.0",
            "error[E0425]: cannot find value `x`",
            " --> src/lib.rs:1:1",
        ];
        let lines = lines.map(str::to_owned);
        assert_eq!(
            errors(&lines),
            "error[E0425]: cannot find value `x`\n --> src/lib.rs:1:1"
        );
        assert_eq!(errors(&["no such command".to_owned()]), "no such command");
    }
}
