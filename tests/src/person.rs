//! Somebody with an account.

use serde_json::{Value, json};
use shared::Entropy;

use crate::{Answer, TestApp};

/// Every test person's password.
pub const PASSWORD: &str = "a kiln of quiet glazes";

/// Somebody with an account and a session.
#[derive(Debug, Clone)]
pub struct Person {
    /// The address.
    pub email: String,
    /// The account's id.
    pub account: String,
    /// The access token.
    pub token: String,
    /// The refresh token that came with it.
    pub refresh: String,
    /// The session.
    pub session: String,
}

impl Person {
    /// The same person with the tokens of this session.
    #[must_use]
    pub fn in_session(&self, session: &Value) -> Self {
        let text = |field: &str| session[field].as_str().unwrap().to_owned();
        Self {
            token: text("access_token"),
            refresh: text("refresh_token"),
            session: text("id"),
            ..self.clone()
        }
    }
}

impl TestApp {
    /// Signs somebody up over HTTP, the mail's code included.
    pub async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let policy = self.stack.policy_version().unwrap();
        let new = json!({ "email": email, "password": PASSWORD, "policy_version": policy });
        let waiting = self.ask("POST", "/v1/accounts", Some(new)).await.expect(202);
        self.drain().await;
        let code = self.mail_to(&email).and_then(|mail| mail.code).unwrap();
        let proof = json!({ "email": email, "signup_id": waiting.json["signup_id"], "code": code });
        let made = self.ask("POST", "/v1/accounts/verify", Some(proof)).await.expect(201);
        let person = Person {
            email,
            account: made.json["account_id"].as_str().unwrap().to_owned(),
            token: String::new(),
            refresh: String::new(),
            session: String::new(),
        };
        person.in_session(&made.json["session"])
    }

    /// Signs somebody in once more.
    pub async fn sign_in(&self, person: &Person) -> Person {
        let credentials = json!({ "email": person.email, "password": PASSWORD });
        let session = self.ask("POST", "/v1/sessions", Some(credentials)).await.expect(201);
        person.in_session(&session.json)
    }

    /// Shows a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        let shown = json!({ "refresh_token": token });
        self.ask("POST", "/v1/sessions/refresh", Some(shown)).await
    }

    /// A request of somebody, without a body.
    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        self.request("GET", path, Some(&person.token), &[], None).await
    }

    /// A request of somebody to delete something.
    pub async fn delete(&self, person: &Person, path: &str) -> Answer {
        self.request("DELETE", path, Some(&person.token), &[], None).await
    }

    /// A request of somebody, with a body.
    pub async fn post(&self, person: &Person, path: &str, body: Value) -> Answer {
        self.request("POST", path, Some(&person.token), &[], Some(body.to_string()))
            .await
    }

    /// An order of somebody under an idempotency key.
    pub async fn order(&self, person: &Person, key: &str, body: Value) -> Answer {
        let headers = [("idempotency-key", key)];
        self.request(
            "POST",
            "/v1/images",
            Some(&person.token),
            &headers,
            Some(body.to_string()),
        )
        .await
    }

    /// One picture, ordered and brought to its end.
    pub async fn painted(&self, person: &Person, prompt: &str) -> Value {
        let key = format!("painted-{}", Entropy::system().hex::<8>());
        let ordered = self.order(person, &key, json!({ "prompt": prompt })).await.expect(202);
        self.drain().await;
        let id = ordered.json["images"][0]["id"].as_str().unwrap();
        self.get(person, &format!("/v1/images/{id}")).await.expect(200).json
    }
}
