//! `privacy-requests-confirm` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = privacy_requests_confirm::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::http::lambda::run(privacy_requests_confirm::router(deps), &vars).await
}
