use aws_sdk_ssm::error::ProvideErrorMetadata as _;
use aws_sdk_ssm::types::ParameterType;

use crate::support::{clock, engines, ssm};

const PAINTER: &str = "/vitrine/local/cos-painter";

#[tokio::test]
async fn a_secret_is_given_decrypted_only_to_who_asks_for_that() {
    let engines = engines(&clock()).await;
    engines.parameters.put(PAINTER, "the secret").unwrap();
    let store = ssm(&engines, "images-paint");
    let asked = store.get_parameters().names(PAINTER).names("/vitrine/local/absent");
    let answer = asked.clone().with_decryption(true).send().await.unwrap();
    assert_eq!(answer.parameters()[0].value(), Some("the secret"));
    assert_eq!(answer.parameters()[0].r#type(), Some(&ParameterType::SecureString));
    assert_eq!(answer.invalid_parameters(), ["/vitrine/local/absent"]);
    let sealed = asked.send().await.unwrap();
    assert_ne!(sealed.parameters()[0].value(), Some("the secret"));
}

#[tokio::test]
async fn a_parameter_that_was_not_granted_is_refused_by_name() {
    let engines = engines(&clock()).await;
    engines.parameters.put("/vitrine/local/token-signing-key", "k").unwrap();
    let asked = ssm(&engines, "images-paint").get_parameters().names(PAINTER);
    let error = asked
        .names("/vitrine/local/token-signing-key")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert!(
        error
            .message()
            .unwrap()
            .contains("parameter/vitrine/local/token-signing-key")
    );
    let absent = ssm(&engines, "images-paint")
        .get_parameter()
        .name(PAINTER)
        .send()
        .await
        .unwrap_err();
    assert!(absent.into_service_error().is_parameter_not_found());
}

#[tokio::test]
async fn the_operator_writes_once_and_overwrites_only_on_purpose() {
    let engines = engines(&clock()).await;
    let store = ssm(&engines, "operator");
    let put = store
        .put_parameter()
        .name("/vitrine/local/a")
        .value("1")
        .r#type(ParameterType::String);
    assert_eq!(put.clone().send().await.unwrap().version(), 1);
    let again = put.clone().value("2").send().await.unwrap_err().into_service_error();
    assert!(again.is_parameter_already_exists());
    assert_eq!(put.value("2").overwrite(true).send().await.unwrap().version(), 2);
    let below = store
        .get_parameters_by_path()
        .path("/vitrine/local")
        .send()
        .await
        .unwrap();
    assert_eq!(below.parameters()[0].value(), Some("2"));
}
