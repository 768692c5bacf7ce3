//! Somebody who uses all of the service, with a mark in every field and header that must not get about.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::domain::Store;
use tests::shop::APPROVE;
use tests::{Answer, TestApp};

/// A day.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Marks that are looked for everywhere. Each is a word that stands nowhere else.
pub(crate) struct Marks {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) description: String,
    pub(crate) prompt: String,
    /// What a device is called.
    pub(crate) device: String,
    /// What is written to us: with a request about data, and with a report.
    pub(crate) message: String,
    pub(crate) reported: String,
    /// User agent, referrer, cookie and the address that a proxy claims to have seen.
    pub(crate) trail: [(&'static str, String); 4],
}

/// Somebody with an account, whose every request carries the marks.
pub(crate) struct Seller {
    pub(crate) marks: Marks,
    pub(crate) account: String,
    pub(crate) signup: String,
    pub(crate) token: String,
}

impl Marks {
    /// Marks of one person; `who` is a word of its own.
    pub(crate) fn of(who: &str) -> Self {
        let mark = |field: &str| format!("{who}{field}zq");
        Self {
            email: format!("{}@{}.example.com", mark("mailbox"), mark("domain")),
            name: format!("{} Ltd", mark("name")),
            password: format!("a {} of quiet glazes", mark("password")),
            description: format!("hand-thrown {} mug", mark("description")),
            prompt: format!("A {} mug in morning light", mark("prompt")),
            device: format!("the {} phone", mark("device")),
            message: format!("My name is {} now.", mark("message")),
            reported: format!("That is {} of mine.", mark("reported")),
            trail: [
                ("user-agent", mark("agent")),
                ("referer", format!("https://{}.example.com/path", mark("referrer"))),
                ("cookie", format!("session={}", mark("cookie"))),
                ("x-forwarded-for", "203.0.113.77".to_owned()),
            ],
        }
    }

    /// The words of everything but description and prompt.
    pub(crate) fn personal(&self) -> Vec<String> {
        let trail = self.trail.iter().map(|(_, value)| value);
        [&self.email, &self.name, &self.password, &self.device, &self.message]
            .into_iter()
            .chain(trail)
            .flat_map(|text| marked_words(text))
            .chain(["203.0.113.77".to_owned()])
            .collect()
    }

    /// The marked words of description and prompt.
    pub(crate) fn creative(&self) -> Vec<String> {
        [&self.description, &self.prompt]
            .into_iter()
            .flat_map(|text| marked_words(text))
            .collect()
    }
}

/// Words that end in the mark.
pub(crate) fn marked_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| word.ends_with("zq"))
        .map(str::to_lowercase)
        .collect()
}

/// Fails when one of `words` stands anywhere in `place`.
#[track_caller]
pub(crate) fn assert_free(what: &str, place: &str, words: &[String]) {
    let place = place.to_lowercase();
    assert!(!words.is_empty());
    for word in words {
        assert!(!place.contains(&word.to_lowercase()), "{what} holds `{word}`: {place}");
    }
}

impl Seller {
    /// Signs somebody up, over HTTP, code included.
    pub(crate) async fn sign_up(app: &TestApp, who: &str) -> Self {
        let marks = Marks::of(who);
        let mut seller = Self {
            marks,
            account: String::new(),
            signup: String::new(),
            token: String::new(),
        };
        let waiting = seller
            .send(app, "POST", "/v1/accounts", Some(seller.new_account(app)))
            .await
            .expect(202);
        app.drain().await;
        let code = app.mail_to(&seller.marks.email).and_then(|mail| mail.code).unwrap();
        let signup = waiting.json["signup_id"].as_str().unwrap().to_owned();
        let proof = json!({ "email": seller.marks.email, "signup_id": signup, "code": code });
        let made = seller
            .send(app, "POST", "/v1/accounts/verify", Some(proof))
            .await
            .expect(201);
        seller.account = made.json["account_id"].as_str().unwrap().to_owned();
        seller.signup = signup;
        seller.token = made.json["session"]["access_token"].as_str().unwrap().to_owned();
        seller
    }

    /// The body that signs up.
    pub(crate) fn new_account(&self, app: &TestApp) -> Value {
        let Marks {
            email, name, password, ..
        } = &self.marks;
        let policy = app.stack.policy_version().unwrap();
        json!({ "email": email, "name": name, "password": password, "policy_version": policy })
    }

    /// Signs in again, for whoever has let time pass.
    pub(crate) async fn sign_in(&mut self, app: &TestApp) {
        let credentials = json!({ "email": self.marks.email, "password": self.marks.password });
        let session = self
            .send(app, "POST", "/v1/sessions", Some(credentials))
            .await
            .expect(201);
        self.token = session.json["access_token"].as_str().unwrap().to_owned();
    }

    /// One request, with the whole trail in its headers and the token once there is one.
    pub(crate) async fn send(&self, app: &TestApp, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut headers: Vec<_> = self
            .marks
            .trail
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        headers.push(("idempotency-key", "order-1"));
        let token = Some(self.token.as_str()).filter(|token| !token.is_empty());
        app.request(method, path, token, &headers, body.map(|body| body.to_string()))
            .await
    }

    /// Has prompts written.
    pub(crate) async fn describe(&self, app: &TestApp) -> Answer {
        self.describe_as(app, &self.marks.description).await
    }

    /// Has prompts written about something else.
    pub(crate) async fn describe_as(&self, app: &TestApp, description: &str) -> Answer {
        let wanted = json!({ "description": description, "count": 2 });
        self.send(app, "POST", "/v1/prompts", Some(wanted)).await.expect(200)
    }

    /// Orders one picture of the own prompt; gives its id. Nothing is painted before the next drain.
    pub(crate) async fn order(&self, app: &TestApp) -> String {
        self.order_of(app, &self.marks.prompt).await
    }

    /// Orders one picture of another prompt.
    pub(crate) async fn order_of(&self, app: &TestApp, prompt: &str) -> String {
        let ordered = self
            .send(app, "POST", "/v1/images", Some(json!({ "prompt": prompt })))
            .await
            .expect(202);
        ordered.json["images"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A picture as the API shows it.
    pub(crate) async fn picture(&self, app: &TestApp, id: &str) -> Answer {
        self.send(app, "GET", &format!("/v1/images/{id}"), None).await
    }

    /// Buys a pack: the payer approves, and the money is taken. Gives the order's id.
    pub(crate) async fn buy(&self, app: &TestApp) -> String {
        let wanted = json!({ "pack": "credits-20" });
        let ordered = self.send(app, "POST", "/v1/orders", Some(wanted)).await.expect(201);
        let order = ordered.json["id"].as_str().unwrap().to_owned();
        app.stack.simulators.paypal().act(&order, &APPROVE).unwrap();
        let path = format!("/v1/orders/{order}/capture");
        self.send(app, "POST", &path, None).await.expect(200);
        app.drain().await;
        order
    }

    /// Everything there is to do: buy, describe, order, look, list, read the account and the credits, correct the name,
    /// begin to change the address, accept the policy again, sign up once more with the same address, sign in. Gives the picture's id.
    pub(crate) async fn use_everything(&mut self, app: &TestApp) -> String {
        let order = self.buy(app).await;
        self.describe(app).await;
        let id = self.order(app).await;
        app.drain().await;
        let picture = self.picture(app, &id).await.expect(200);
        assert_eq!(picture.json["state"], "ready");
        for path in ["/v1/images", "/v1/account", "/v1/credits", "/v1/orders"] {
            self.send(app, "GET", path, None).await.expect(200);
        }
        self.send(app, "GET", &format!("/v1/orders/{order}"), None)
            .await
            .expect(200);
        let Marks {
            email, name, password, ..
        } = &self.marks;
        let changes = json!({ "name": name, "email": email, "password": password });
        self.send(app, "PATCH", "/v1/account", Some(changes)).await.expect(202);
        let consent = json!({ "policy_version": app.stack.policy_version().unwrap() });
        self.send(app, "POST", "/v1/account/consents", Some(consent))
            .await
            .expect(201);
        self.send(app, "POST", "/v1/accounts", Some(self.new_account(app)))
            .await
            .expect(202);
        self.sign_in(app).await;
        app.drain().await;
        id
    }

    /// The fields that nobody needs and people may fill: what a device is called, what one writes with a request and with a report, the page
    /// that one looks at.
    pub(crate) async fn fill_every_field(&self, app: &TestApp, picture: &str) {
        let Marks {
            email,
            password,
            device,
            message,
            reported,
            ..
        } = &self.marks;
        let credentials = json!({ "email": email, "password": password, "device": device });
        self.send(app, "POST", "/v1/sessions", Some(credentials))
            .await
            .expect(201);
        let view = json!({ "page": format!("/{message}") });
        self.send(app, "POST", "/v1/page-views", Some(view)).await.expect(204);
        let report = json!({ "picture": picture, "reason": "other", "message": reported });
        self.send(app, "POST", "/v1/reports", Some(report)).await.expect(202);
        // Three codes an hour are mailed to an address.
        app.advance(SignedDuration::from_hours(1));
        let wanted = json!({ "email": email, "kind": "correction", "message": message });
        let asked = self
            .send(app, "POST", "/v1/privacy-requests", Some(wanted))
            .await
            .expect(202);
        app.drain().await;
        let code = app.mail_to(email).and_then(|mail| mail.code).unwrap();
        let path = format!("/v1/privacy-requests/{}/confirm", asked.json["id"].as_str().unwrap());
        let proof = json!({ "email": email, "code": code });
        self.send(app, "POST", &path, Some(proof)).await.expect(200);
        app.drain().await;
    }

    /// Ids that stand for the person, without their prefixes.
    pub(crate) fn ids(&self) -> Vec<String> {
        [&self.account, &self.signup]
            .into_iter()
            .filter_map(|id| id.split_once('_'))
            .map(|(_, id)| id.to_owned())
            .collect()
    }
}

/// The link under which a picture can be downloaded.
pub(crate) fn link(picture: &Answer) -> String {
    picture.json["download"]["url"].as_str().unwrap().to_owned()
}

/// The status that a link answers with, and the answer's headers and bytes.
pub(crate) async fn follow(app: &TestApp, link: &str) -> (u16, http::HeaderMap, Vec<u8>) {
    let answer = app.http.get(link).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

/// Every file in the pictures' buckets.
pub(crate) fn files(app: &TestApp) -> Vec<String> {
    let stores = [Store::Cos, Store::Oss];
    stores
        .into_iter()
        .flat_map(|store| app.stack.files(store).unwrap())
        .collect()
}
