//! `vitrine ops doctor`: what it says of stacks that are well, and of stacks that are not.

use std::path::Path;
use std::process::{Command, Output};

use jiff::SignedDuration;
use shared::{Clock, Entropy};
use vitrine::client::Client;
use vitrine::stack::{Options, Stack};

use crate::program::{free_ports, good, run, text, vitrine};

async fn stack(port: u16, clock: Clock) -> Stack {
    let options = Options {
        port,
        ..Options::in_memory(clock, Entropy::seeded(1))
    };
    Stack::start(options).await.unwrap()
}

fn doctor(folder: &Path, port: u16) -> Output {
    run(folder, &["ops", "doctor", "--port", &port.to_string()])
}

/// Every line about `subject`, with what is to be done about it.
fn about<'a>(told: &'a str, subject: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut lines = told.lines().peekable();
    while let Some(line) = lines.next() {
        let words = line.trim_start();
        let is_it = ["ok", "look", "mend"].iter().any(|mark| {
            let rest = words.strip_prefix(mark).map(str::trim_start);
            rest.is_some_and(|rest| rest.starts_with(&format!("{subject} ")))
        });
        if is_it {
            found.push(words);
            found.extend(
                lines
                    .next_if(|line| line.trim_start().starts_with("->"))
                    .map(str::trim_start),
            );
        }
    }
    found
}

/// Runs the doctor on a stage that a `samconfig.toml` in `folder` describes and whose cloud is the local stack at `port`.
fn examine_stage(folder: &Path, port: u16, stage: &str, parameters: &[(&str, String)]) -> (Option<i32>, String) {
    let overrides: String = parameters
        .iter()
        .map(|(name, value)| format!("  \"{name}={value}\",\n"))
        .collect();
    let samconfig = format!("version = 0.1\n[{stage}.deploy.parameters]\nparameter_overrides = [\n{overrides}]\n");
    std::fs::write(folder.join("samconfig.toml"), samconfig).unwrap();
    let engine = format!("http://127.0.0.1:{}", port + 3);
    let mut command: Command = vitrine(folder, &["ops", "doctor", "--stage", stage]);
    let output = command
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "operator")
        .env("AWS_SECRET_ACCESS_KEY", "operator")
        .env("AWS_ENDPOINT_URL_DYNAMODB", &engine)
        .env("AWS_ENDPOINT_URL_SQS", &engine)
        .env("AWS_ENDPOINT_URL_SSM", &engine)
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn parameters(port: u16, stage: &str) -> Vec<(&'static str, String)> {
    let simulators = format!("http://127.0.0.1:{}", port + 1);
    vec![
        ("Stage", stage.to_owned()),
        ("PublicUrl", format!("http://127.0.0.1:{port}")),
        ("MailFrom", "'Vitrine <hello@example.com>'".to_owned()),
        ("PrivacyContact", "privacy@example.com".to_owned()),
        ("CosBucket", "vitrine-local-1250000000".to_owned()),
        ("CosEndpoint", format!("http://cos.localhost:{}", port + 2)),
        ("DeepSeekUrl", simulators.clone()),
        ("SeedreamUrl", simulators.clone()),
        ("DashscopeUrl", simulators.clone()),
        ("ResendUrl", simulators.clone()),
        ("PayPalUrl", simulators),
        ("PayPalReturnUrl", "https://www.example.com/paid".to_owned()),
        ("PayPalCancelUrl", "https://www.example.com/credits".to_owned()),
        ("PayPalWebhookId", "WH-LOCAL".to_owned()),
    ]
}

#[test]
fn a_stack_that_is_well_has_nothing_to_be_done_about_it() {
    let (runtime, folder, port) = (
        tokio::runtime::Runtime::new().unwrap(),
        tempfile::tempdir().unwrap(),
        free_ports(),
    );
    let stack = runtime.block_on(stack(port, Clock::system()));

    let told = good(&doctor(folder.path(), port));
    assert_eq!(told.lines().last(), Some("Nothing has to be done."), "{told}");
    assert!(!told.contains("mend ") && !told.contains("look "), "{told}");
    let functions = stack.template.functions.len();
    assert_eq!(
        about(&told, "functions"),
        [format!(
            "ok    functions            {functions} of {functions} would start"
        )]
    );
    for company in ["DeepSeek", "Seedream", "DashScope", "Resend", "PayPal"] {
        let line = about(&told, company).join("\n");
        assert!(
            line.contains("its simulator answers in") && line.ends_with("and takes the key"),
            "{line}"
        );
    }
    for store in ["COS", "OSS"] {
        for (function, may) in [
            ("images-get", "read"),
            ("images-erase", "delete"),
            ("objects-sweep", "list"),
        ] {
            let line = about(&told, &format!("{store} {function}")).join("\n");
            assert!(line.ends_with(&format!("may {may}")), "{line}");
        }
    }
    assert!(!told.contains("simulated"), "a key is printed:\n{told}");
    runtime.block_on(stack.close());
}

#[test]
fn work_that_nobody_does_and_a_clock_that_was_moved_are_told() {
    let (runtime, folder, port) = (
        tokio::runtime::Runtime::new().unwrap(),
        tempfile::tempdir().unwrap(),
        free_ports(),
    );
    let clock = Clock::manual("2026-11-22T09:00:00Z".parse().unwrap());
    let stack = runtime.block_on(async {
        let stack = stack(port, clock.clone()).await;
        let mut client = Client::new(stack.api_url(), stack.simulator_url()).unwrap();
        let mails = async {
            loop {
                stack.drain().await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            signed_up = client.sign_up("mei@example.com", "a kiln of quiet glazes") => drop(signed_up.unwrap()),
            () = mails => {}
        }
        stack.drain().await.unwrap();
        client.order("a bowl").await.unwrap();
        stack
    });
    let dead = "vitrine-local-images-paint-dead";
    stack.engines.queues.send(dead, "{}").unwrap();
    assert!(clock.advance(SignedDuration::from_hours(3)));

    let examined = doctor(folder.path(), port);
    let told = text(&examined.stdout);
    assert_eq!(examined.status.code(), Some(1), "{told}");
    assert!(about(&told, "clock")[0].contains("2026-11-22T12:00:00Z"), "{told}");
    assert!(
        about(&told, "pictures")[0].starts_with("mend  pictures             1 should have ended"),
        "{told}"
    );
    let letters = about(&told, "dead letters").join("\n");
    assert!(
        letters.contains(&format!("{dead}: 1 waiting, the oldest for 3h")),
        "{letters}"
    );
    assert!(
        letters.contains(&format!("`ops queue redrive images-paint --port {port}`")),
        "{letters}"
    );
    assert!(
        about(&told, "schedule")
            .iter()
            .any(|line| line.contains("settle-stale was due at 2026-11-22T09:05:00Z")),
        "{told}"
    );
    runtime.block_on(stack.close());
}

#[test]
fn a_stage_with_wrong_keys_is_told_what_to_mend_and_no_key() {
    let (runtime, folder, port) = (
        tokio::runtime::Runtime::new().unwrap(),
        tempfile::tempdir().unwrap(),
        free_ports(),
    );
    let stack = runtime.block_on(stack(port, Clock::system()));
    for (name, value) in [
        ("seedream-key", "bad-secret"),
        ("resend-key", "re_bad_secret"),
        ("hash-key", "secret"),
    ] {
        let name = format!("/vitrine/local/{name}");
        stack.engines.parameters.put(&name, value).unwrap();
    }
    let mut parameters = parameters(port, "local");
    // Nobody listens there.
    let closed = format!("http://127.0.0.1:{}", free_ports());
    parameters.push(("DeepSeekUrl", closed.clone()));
    stack.engines.queues.send("vitrine-local-mail-send-dead", "{}").unwrap();

    let (code, told) = examine_stage(folder.path(), port, "local", &parameters);
    assert_eq!(code, Some(1), "{told}");
    let put = |name: &str| {
        format!(
            "aws ssm put-parameter --type SecureString --overwrite --name /vitrine/local/{name} --value file://VALUE"
        )
    };
    let seedream = about(&told, "Seedream").join("\n");
    assert!(
        seedream.contains("refuses: AuthenticationError") && seedream.contains(&put("seedream-key")),
        "{seedream}"
    );
    let resend = about(&told, "Resend").join("\n");
    assert!(
        resend.contains("401 validation_error") && resend.contains(&put("resend-key")),
        "{resend}"
    );
    let deepseek = about(&told, "DeepSeek").join("\n");
    assert!(
        deepseek.contains(&format!("cannot be reached at {closed}")),
        "{deepseek}"
    );
    let functions = about(&told, "functions").join("\n");
    assert!(
        functions.contains("the parameter named by HASH_KEY_PARAMETER") && functions.contains(&put("hash-key")),
        "{functions}"
    );
    assert!(
        about(&told, "DashScope").join("\n").ends_with("and takes the key"),
        "{told}"
    );
    let letters = about(&told, "dead letters").join("\n");
    assert!(
        letters.contains("mail-send: 1 given up") && letters.contains("`ops queue peek mail-send --stage local`"),
        "{letters}"
    );
    assert!(
        about(&told, "queues")[0].ends_with("0 messages wait, 0 are at work"),
        "{told}"
    );
    assert!(!told.contains("secret"), "a key is printed:\n{told}");
    runtime.block_on(stack.close());
}

#[test]
fn a_stage_that_is_not_there_is_told_table_by_table_and_parameter_by_parameter() {
    let (runtime, folder, port) = (
        tokio::runtime::Runtime::new().unwrap(),
        tempfile::tempdir().unwrap(),
        free_ports(),
    );
    let stack = runtime.block_on(stack(port, Clock::system()));
    let (code, told) = examine_stage(folder.path(), port, "dev", &parameters(port, "dev"));
    assert_eq!(code, Some(1), "{told}");
    for table in &stack.template.tables {
        let name = format!("vitrine-dev-{}", table.short);
        assert!(
            about(&told, "tables")
                .iter()
                .any(|line| line.contains(&format!("{name} cannot be described"))),
            "{told}"
        );
    }
    assert!(
        about(&told, "functions")
            .join("\n")
            .contains("--name /vitrine/dev/token-signing-key"),
        "{told}"
    );
    assert!(
        about(&told, "queues")[0].contains("there is no queue `vitrine-dev-images-paint`"),
        "{told}"
    );

    let (code, told) = examine_stage(folder.path(), port, "dev", &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("Stage"), "{told}");
    runtime.block_on(stack.close());
}

#[test]
fn where_nobody_serves_the_doctor_says_so_in_one_sentence() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_ports());
    let examined = doctor(folder.path(), port);
    assert_eq!((examined.status.code(), text(&examined.stdout).as_str()), (Some(1), ""));
    let told = text(&examined.stderr);
    assert!(
        told.starts_with(&format!(
            "vitrine: the local stack cannot be asked at port {port}; is it serving there?"
        )),
        "{told}"
    );
}

#[test]
fn what_env_says_in_vain_is_told() {
    let (runtime, folder, port) = (
        tokio::runtime::Runtime::new().unwrap(),
        tempfile::tempdir().unwrap(),
        free_ports(),
    );
    let stack = runtime.block_on(stack(port, Clock::system()));
    std::fs::write(folder.path().join(".env"), "RESEND_API_KEY=re_secret\n").unwrap();
    let examined = doctor(folder.path(), port);
    let told = text(&examined.stdout);
    assert_eq!(examined.status.code(), Some(1), "{told}");
    let env = about(&told, ".env").join("\n");
    assert!(
        env.contains("mend  .env                 names RESEND_API_KEY and not MAIL_FROM"),
        "{env}"
    );
    assert!(
        env.contains("RESEND_API_KEY: the stack that runs was started with another"),
        "{env}"
    );
    assert!(!told.contains("secret"), "a key is printed:\n{told}");

    std::fs::write(folder.path().join(".env"), "SEEDREAM_API_KEY=sk-secret\n").unwrap();
    let told = good(&doctor(folder.path(), port));
    let env = about(&told, ".env").join("\n");
    assert!(
        env.starts_with("look  .env                 names SEEDREAM_API_KEY, which nobody reads"),
        "{env}"
    );
    assert!(env.contains("ARK_API_KEY") && !told.contains("secret"), "{told}");
    runtime.block_on(stack.close());
}
