//! `mail-send` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = mail_send::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::worker::run(move |event| mail_send::work(deps.clone(), event)).await
}
