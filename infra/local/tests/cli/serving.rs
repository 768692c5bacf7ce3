//! `vitrine serve`: what it prints can be used as it stands, and what it keeps outlives it.

use std::path::Path;

use serde_json::{Value, json};
use vitrine::client;

use crate::program::{Serving, free_ports, line, pause, until};

/// Somebody with a client and a runtime.
pub(crate) struct Caller {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Self {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            http: client::http().unwrap(),
        }
    }

    fn ask(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    pub(crate) fn get(&self, url: &str) -> (u16, String) {
        self.ask(self.http.get(url))
    }

    fn post(&self, url: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.ask(self.http.post(url).json(body));
        (status, serde_json::from_str(&text).unwrap())
    }

    /// What `curl` would send, had somebody pasted the line into a shell.
    fn curl(&self, line: &str) -> (u16, Value) {
        let words = shell_words(line);
        let mut words = words.iter().map(String::as_str);
        assert_eq!((words.next(), words.next()), (Some("curl"), Some("-s")), "{line}");
        let (mut url, mut headers, mut body) = (None, Vec::new(), None);
        while let Some(word) = words.next() {
            match word {
                "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
                "-d" => body = words.next(),
                word if url.is_none() && !word.starts_with('-') => url = Some(word),
                other => panic!("`{other}` in `{line}`"),
            }
        }
        let url = url.unwrap();
        let mut request = if body.is_some() {
            self.http.post(url)
        } else {
            self.http.get(url)
        };
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let (status, text) = self.ask(request.body(body.unwrap_or_default().to_owned()));
        (
            status,
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("`{line}` was answered {text}")),
        )
    }

    /// The newest mail to an address, as soon as there is one.
    fn mail(&self, simulators: &str, to: &str) -> Value {
        until("the mail", || {
            let (status, text) = self.get(&format!("{simulators}/mailbox.json?to={to}"));
            assert_eq!(status, 200, "{text}");
            let mails: Value = serde_json::from_str(&text).unwrap();
            let newest = mails.get(0).cloned();
            if newest.is_none() {
                pause();
            }
            newest
        })
    }
}

/// The words of a line as a shell sees them: single quotes are the only ones that are used.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut quoted, mut word) = (Vec::new(), false, String::new());
    for c in line.trim().chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => {
                assert!(
                    quoted || !"\"$&*?;|<>()`\\".contains(c),
                    "a shell would not take `{c}` as it is: {line}"
                );
                word.push(c);
            }
        }
    }
    assert!(!quoted, "{line}");
    words.push(word);
    words
}

fn serve(folder: &Path, port: u16) -> (Serving, String) {
    Serving::start(folder, &["serve", "--port", &port.to_string(), "--data", "kept here"])
}

#[test]
fn what_serve_prints_works_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (port, caller) = (free_ports(), Caller::new());
    let (serving, told) = serve(folder.path(), port);
    assert!(told.contains("Everything is kept in kept here."), "{told}");
    let [api, simulators, objects, database] = [0, 1, 2, 3].map(|offset| format!("http://127.0.0.1:{}", port + offset));

    // Each address that is printed answers.
    for (label, address) in [
        ("API", &api),
        ("simulators", &simulators),
        ("objects (S3)", &objects),
        ("DynamoDB", &database),
    ] {
        let printed = line(&told, label).split_whitespace().next().unwrap();
        assert_eq!(printed, address, "{told}");
        let (status, text) = caller.get(printed);
        assert!(status < 500, "{printed} answered {status}: {text}");
    }
    let mailbox = line(&told, "mailbox").to_owned();
    for url in [
        format!("{api}/openapi.json"),
        format!("{simulators}/_sim/book"),
        mailbox,
    ] {
        assert!(told.contains(&url), "{told}");
        assert_eq!(caller.get(&url).0, 200, "{url}");
    }
    let page = caller
        .ask(
            caller
                .http
                .get(format!("{api}/openapi.json"))
                .header("accept", "text/html"),
        )
        .1;
    assert!(page.to_lowercase().contains("<html"), "{page}");

    // The three lines, one after the other.
    let lines: Vec<_> = told
        .lines()
        .filter(|line| line.trim_start().starts_with("curl "))
        .collect();
    let [health, sign_up, mailbox] = lines.as_slice() else {
        panic!("not three lines: {told}")
    };
    assert_eq!(caller.curl(health).0, 200);
    let (status, waiting) = caller.curl(sign_up);
    assert_eq!(status, 202, "{waiting}");
    assert!(waiting["signup_id"].is_string(), "{waiting}");
    let code = until("the mail", || {
        let (status, mails) = caller.curl(mailbox);
        assert_eq!(status, 200, "{mails}");
        let code = mails[0]["code"].as_str().map(str::to_owned);
        if code.is_none() {
            pause();
        }
        code
    });
    assert_eq!(code.len(), 6);

    // The log has each request, and nobody's address.
    assert_eq!(
        line(&told, "log").split("   ").next(),
        Some("kept here/log.jsonl"),
        "{told}"
    );
    let log = std::fs::read_to_string(folder.path().join("kept here/log.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(
        lines
            .into_iter()
            .any(|line| line["route"] == "/v1/accounts" && line["status"] == 202),
        "{log}"
    );
    assert!(
        !log.contains("mei@example.com") && !log.contains(&format!("\"{code}\"")),
        "{log}"
    );

    let (code, last) = serving.stop();
    assert_eq!(code, Some(0));
    assert!(last.contains("everything is kept in kept here"), "{last}");
}

#[test]
fn what_serve_keeps_survives_a_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (port, caller) = (free_ports(), Caller::new());
    let (api, simulators) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", port + 1),
    );
    let (email, password) = ("mei@example.com", "a kiln of quiet glazes");

    let (serving, told) = serve(folder.path(), port);
    let sign_up = told.lines().find(|line| line.contains("/v1/accounts ")).unwrap();
    let waiting = caller.curl(sign_up).1;
    let mail = caller.mail(&simulators, email);
    let proof = json!({ "email": email, "signup_id": waiting["signup_id"], "code": mail["code"] });
    let (status, account) = caller.post(&format!("{api}/v1/accounts/verify"), &proof);
    assert_eq!(status, 201, "{account}");
    let token = account["session"]["access_token"].as_str().unwrap().to_owned();
    let order = caller
        .http
        .post(format!("{api}/v1/images"))
        .bearer_auth(&token)
        .header("idempotency-key", "1");
    let (status, ordered) = caller.ask(order.json(&json!({ "prompt": "A walnut desk lamp" })));
    assert_eq!(status, 202, "{ordered}");
    let ordered: Value = serde_json::from_str(&ordered).unwrap();
    let picture = format!("{api}/v1/images/{}", ordered["images"][0]["id"].as_str().unwrap());
    // The picture is on its way, wherever it is by now.
    serving.kill();

    let (serving, _) = serve(folder.path(), port);
    assert_eq!(
        caller.mail(&simulators, email),
        mail,
        "the mail is in the mailbox as it was"
    );
    let credentials = json!({ "email": email, "password": password });
    let (status, session) = caller.post(&format!("{api}/v1/sessions"), &credentials);
    assert_eq!(status, 201, "{session}");
    let renewed = session["access_token"].as_str().unwrap();
    let (status, shown) = caller.ask(caller.http.get(format!("{api}/v1/account")).bearer_auth(renewed));
    assert_eq!(status, 200, "{shown}");
    assert!(shown.contains(account["account_id"].as_str().unwrap()), "{shown}");
    let (status, shown) = caller.ask(caller.http.get(&picture).bearer_auth(&token));
    assert_eq!(
        status, 200,
        "a token of before is still good, and the order is still there: {shown}"
    );
    serving.kill();
}
