//! The Lambda function `packs-list`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = packs_list::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::http::lambda::run(packs_list::router(deps), &vars).await
}
