//! `accounts-erase` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = accounts_erase::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::schedule::run(move |due| accounts_erase::run(deps.clone(), due)).await
}
