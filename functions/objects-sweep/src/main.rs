//! `objects-sweep` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = objects_sweep::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::schedule::run(move |due| objects_sweep::run(deps.clone(), due)).await
}
