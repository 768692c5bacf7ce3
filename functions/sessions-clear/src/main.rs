//! `sessions-clear` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = sessions_clear::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::http::lambda::run(sessions_clear::router(deps), &vars).await
}
