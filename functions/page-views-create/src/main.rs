//! The Lambda function `page-views-create`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = page_views_create::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::http::lambda::run(page_views_create::router(deps), &vars).await
}
