//! The two clients that `docs/client.md` prints, run as they are printed: whoever begins with them stays signed in.
//!
//! They need bash and curl, and Python. Where one of these is missing its tests say so and do nothing, unless
//! `VITRINE_NEEDS_CLIENTS` is set, as the gates set it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{PASSWORD, TestApp};

use crate::support::{app, items};
use crate::wire::Wire;

/// How often somebody asks for something.
const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);

/// The document that prints the clients.
fn document() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/client.md");
    std::fs::read_to_string(file).unwrap()
}

/// What the document prints as a block of this language. There is one.
fn printed(language: &str) -> String {
    let document = document();
    let mut blocks = document.split("\n```").skip(1).step_by(2);
    let found = blocks.find_map(|block| block.strip_prefix(&format!("{language}\n")));
    format!("{}\n", found.unwrap())
}

/// Whether a program is there. Where everything must be there, it is a failure when it is not.
pub(crate) fn is_there(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").output();
    let is_there = asked.is_ok_and(|output| output.status.success());
    let needed = std::env::var_os("VITRINE_NEEDS_CLIENTS").is_some();
    assert!(
        is_there || !needed,
        "`{program}` is missing, and VITRINE_NEEDS_CLIENTS is set"
    );
    if !is_there {
        eprintln!("`{program}` is not on this machine, so the client that needs it is not run");
    }
    is_there
}

/// Where Python itself is: what bears its name may be a script that looks for it, at a tenth of a second a time.
fn python() -> PathBuf {
    let asked = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable, end='')"])
        .output();
    String::from_utf8(asked.unwrap().stdout).unwrap().into()
}

/// A client in a folder of its own, which is somebody's home.
struct Client {
    home: tempfile::TempDir,
    shell: PathBuf,
    script: PathBuf,
    password: String,
}

impl Client {
    fn of(language: &str) -> Option<Self> {
        let (shell, name) = match language {
            "sh" if is_there("bash") && is_there("curl") => ("bash".into(), "vitrine.sh"),
            "python" if is_there("python3") => (python(), "vitrine.py"),
            _ => return None,
        };
        let home = tempfile::tempdir().unwrap();
        let script = home.path().join(name);
        std::fs::write(&script, printed(language)).unwrap();
        Some(Self {
            home,
            shell,
            script,
            password: PASSWORD.to_owned(),
        })
    }

    /// The file in which the session is kept.
    fn kept(&self) -> PathBuf {
        self.home.path().join(".vitrine-session")
    }

    /// The session that is kept.
    fn session(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.kept()).unwrap()).unwrap()
    }

    /// The files beside the script.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let script = self.script.file_name().unwrap().to_str().unwrap();
        names.filter(|name| name != script).collect()
    }

    /// One run, to its end.
    async fn run(&self, api: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.shell);
        command
            .arg(&self.script)
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.home.path())
            .env("VITRINE_API", api)
            .env("VITRINE_EMAIL", "mei@example.com")
            .env("VITRINE_PASSWORD", &self.password)
            .stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap()
    }

    /// One run that must go well, and what it was answered.
    async fn good(&self, api: &str, arguments: &[&str]) -> Value {
        let output = self.run(api, arguments).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && told.is_empty(),
            "{:?}: {told}",
            output.status
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// One run that must not go well, and what it said.
    async fn bad(&self, api: &str, arguments: &[&str]) -> String {
        let output = self.run(api, arguments).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && !told.is_empty(), "{told}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        told
    }
}

/// A client, somebody's account behind a wire, and the product.
struct Scene {
    app: TestApp,
    client: Client,
    wire: Wire,
}

impl Scene {
    async fn of(language: &str) -> Option<Self> {
        let client = Client::of(language)?;
        let app = app().await;
        app.person("mei").await;
        let wire = Wire::to(&app.stack.api_url());
        Some(Self { app, client, wire })
    }

    async fn good(&self) -> Value {
        self.client.good(&self.wire.url, &["GET", "/v1/account"]).await
    }

    async fn bad(&self) -> String {
        self.client.bad(&self.wire.url, &["GET", "/v1/account"]).await
    }

    /// How often a session was asked for, and how many there are beside the one of the sign-up.
    fn sign_ins(&self) -> (usize, usize) {
        let sent = self.wire.count("POST /v1/sessions");
        (sent, items(&self.app, "sessions").len() - 1)
    }
}

/// Every ten minutes something is asked, and every two hours two at once; the clock of the client is not used.
async fn works_for_a_day(language: &str) {
    let Some(scene) = Scene::of(language).await else { return };
    for step in 0..144 {
        // The first is alone: two who sign in at once have two sessions.
        let at_once = if step % 12 == 6 { 2 } else { 1 };
        for account in join_all((0..at_once).map(|_| scene.good())).await {
            assert_eq!(account["email"], "mei@example.com");
        }
        scene.app.advance(TEN_MINUTES);
    }
    assert_eq!(scene.sign_ins(), (1, 1));
    // Every second time the access token is too old; two who ask at once both refresh.
    let refreshed = scene.wire.count("POST /v1/sessions/refresh");
    assert!((71..=71 + 12).contains(&refreshed), "{refreshed}");
    assert_eq!(scene.client.files(), [".vitrine-session"]);
    let mode = std::fs::metadata(scene.client.kept()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    scene.app.drain().await;
}

#[tokio::test]
async fn the_curl_script_signs_in_once_and_works_for_a_day() {
    works_for_a_day("sh").await;
}

#[tokio::test]
async fn the_python_client_signs_in_once_and_works_for_a_day() {
    works_for_a_day("python").await;
}

/// Connections break where it hurts: after the API has done it, before the client knows.
async fn survives_lost_replies(language: &str) {
    let Some(scene) = Scene::of(language).await else { return };
    scene.good().await;
    let before = scene.client.session();
    for pause in [
        TEN_MINUTES * 2,
        SignedDuration::from_hours(1),
        SignedDuration::from_hours(30),
    ] {
        scene.app.advance(pause);
        scene.wire.lose("POST /v1/sessions/refresh");
        scene.bad().await;
        assert_eq!(scene.client.session(), before, "what was not received takes no place");
    }
    scene.good().await;
    let after = scene.client.session();
    assert!(after["refresh_token"] != before["refresh_token"] && after["id"] == before["id"]);

    // Nobody is there at all.
    scene.app.advance(TEN_MINUTES * 2);
    scene.client.bad("http://127.0.0.1:9", &["GET", "/v1/account"]).await;
    assert_eq!(scene.client.session(), after);
    // What was asked with the new access token is not answered: the API has seen the token, so the refresh token before it is
    // worth nothing any more.
    scene.wire.lose("GET /v1/account");
    scene.bad().await;
    scene.app.advance(SignedDuration::from_mins(2));
    scene.good().await;
    assert_eq!(scene.sign_ins(), (1, 1));
    assert_eq!(scene.client.files(), [".vitrine-session"]);
    scene.app.drain().await;
}

#[tokio::test]
async fn the_curl_script_asks_again_for_a_reply_that_was_lost() {
    survives_lost_replies("sh").await;
}

#[tokio::test]
async fn the_python_client_asks_again_for_a_reply_that_was_lost() {
    survives_lost_replies("python").await;
}

/// What it cannot do it says, and it does not knock again and again.
async fn gives_up(language: &str) {
    let Some(mut scene) = Scene::of(language).await else {
        return;
    };
    scene.client.password = "a kiln of \"loud\" \\ glazes".to_owned();
    assert!(scene.bad().await.contains("/problems/invalid-credentials"));
    assert!(scene.client.files().is_empty());
    PASSWORD.clone_into(&mut scene.client.password);
    let told = scene.client.bad(&scene.wire.url, &["GET", "/v1/images/nothing"]).await;
    assert!(told.contains("/problems/"), "{told}");

    // An order says its key by itself, so that the order that is repeated after a refresh is one order.
    scene.app.advance(TEN_MINUTES * 2);
    let order = json!({ "prompt": "A \"walnut\" desk lamp" }).to_string();
    let ordered = scene
        .client
        .good(&scene.wire.url, &["POST", "/v1/images", &order])
        .await;
    assert_eq!(ordered["images"][0]["state"], "queued");
    scene.app.drain().await;
    assert_eq!(items(&scene.app, "images").len(), 1);

    // Signed out elsewhere. It does not sign in by itself: that somebody else has to want.
    let session = scene.client.session();
    let token = session["access_token"].as_str();
    let ended = scene.app.request("DELETE", "/v1/sessions", token, &[], None).await;
    ended.expect(204);
    let knocked = scene.wire.count("POST /v1/sessions");
    for _ in 0..2 {
        scene.app.advance(TEN_MINUTES * 2);
        assert!(scene.bad().await.contains("/problems/session-ended"));
    }
    assert_eq!(scene.wire.count("POST /v1/sessions"), knocked);
    std::fs::remove_file(scene.client.kept()).unwrap();
    scene.good().await;
    scene.app.drain().await;
}

#[tokio::test]
async fn the_curl_script_says_what_is_wrong_and_does_not_sign_in_by_itself() {
    gives_up("sh").await;
}

#[tokio::test]
async fn the_python_client_says_what_is_wrong_and_does_not_sign_in_by_itself() {
    gives_up("python").await;
}

#[tokio::test]
async fn both_clients_share_one_session() {
    let Some(scene) = Scene::of("sh").await else { return };
    let Some(mut python) = Client::of("python") else { return };
    scene.good().await;
    // It lives in the other's home.
    let own = std::mem::replace(&mut python.home, tempfile::tempdir().unwrap());
    std::fs::remove_dir(python.home.path()).unwrap();
    std::os::unix::fs::symlink(scene.client.home.path(), python.home.path()).unwrap();
    for _ in 0..6 {
        scene.app.advance(TEN_MINUTES * 2);
        let arguments = ["GET", "/v1/account"];
        let (sh, py) = tokio::join!(scene.good(), python.good(&scene.wire.url, &arguments));
        assert_eq!(sh, py);
    }
    assert_eq!(scene.sign_ins(), (1, 1));
    std::fs::remove_file(python.home.path()).unwrap();
    drop(own);
}

#[test]
fn each_client_has_at_most_twenty_lines() {
    for language in ["sh", "python"] {
        let lines = printed(language).lines().count();
        assert!((10..=20).contains(&lines), "{language}: {lines}");
    }
}
