//! `requests-watch` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = requests_watch::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::schedule::run(move |due| requests_watch::run(deps.clone(), due)).await
}
