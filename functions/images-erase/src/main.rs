//! `images-erase` as Lambda runs it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::telemetry::init();
    let vars = shared::config::Vars::from_env();
    let deps = images_erase::Deps::new(&vars, &shared::Platform::lambda(&vars).await?)?;
    shared::worker::run(move |event| images_erase::work(deps.clone(), event)).await
}
