//! `stats-rollup` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = stats_rollup::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::schedule::run(move |due| stats_rollup::run(deps.clone(), due)).await
}
