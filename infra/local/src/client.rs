//! A client of our own API, as a seller's program would write it: what `first-image` and `thirty-days` go through.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

/// Somebody who uses the API and reads the local mailbox.
pub struct Client {
    http: reqwest::Client,
    api: String,
    mailbox: String,
    token: Option<String>,
    credentials: Option<(String, String)>,
}

/// A picture as the API shows it, as far as these programs need it.
#[derive(Debug, Clone, Deserialize)]
pub struct Picture {
    /// Its id.
    pub id: String,
    /// `queued`, `painting`, `ready`, `refused` or `failed`.
    pub state: String,
    /// Who drew it.
    pub model: Option<String>,
    /// What was asked for.
    pub requested: Option<Pixels>,
    /// What came.
    pub delivered: Option<Pixels>,
    /// When it will be erased.
    pub expires_at: String,
    /// Where to download it.
    pub download: Option<Download>,
    /// Why there is none.
    pub reason: Option<Value>,
}

/// An order for credits as the API shows it, as far as these programs need it.
#[derive(Debug, Clone, Deserialize)]
pub struct Purchase {
    /// Its id.
    pub id: String,
    /// `created`, `completed` and so on.
    pub state: String,
    /// What it costs.
    pub price: Price,
    /// How many credits it is for.
    pub credits: i64,
    /// Where the payer approves.
    pub payer_url: Option<String>,
    /// The receipt.
    pub receipt: Option<Numbered>,
}

/// An amount of money.
#[derive(Debug, Clone, Deserialize)]
pub struct Price {
    /// Such as `USD`.
    pub currency: String,
    /// Such as `4.99`.
    pub value: String,
}

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.value, self.currency)
    }
}

/// A receipt.
#[derive(Debug, Clone, Deserialize)]
pub struct Numbered {
    /// Its number.
    pub number: String,
}

/// A size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Pixels {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl std::fmt::Display for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

/// A link to a picture's bytes.
#[derive(Debug, Clone, Deserialize)]
pub struct Download {
    /// The address.
    pub url: String,
}

/// What the API answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, if it is JSON.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// What the API said, in its own words.
    pub fn good(self, what: &str) -> Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let detail = self.body["detail"].as_str().unwrap_or("no reason given");
        bail!("{what} was answered {}: {detail}", self.status)
    }
}

impl Client {
    /// A client of the API at `api`, which reads its mail at `mailbox`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(api: String, mailbox: String) -> Result<Self> {
        let http = http()?;
        Ok(Self {
            http,
            api,
            mailbox,
            token: None,
            credentials: None,
        })
    }

    /// The access token of whoever has signed in.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// One request to the API; with a body if one is given, with an idempotency key if it is a POST.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Answer> {
        let mut request = self.http.request(method.parse()?, format!("{}{path}", self.api));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            let key = shared::Entropy::system().hex::<16>();
            request = request.header("idempotency-key", key).json(&body);
        }
        if path.starts_with("/v1/images/") && method == "GET" {
            request = request.header("prefer", "wait=5");
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("{method} {path} got no answer"))?;
        let status = response.status().as_u16();
        Ok(Answer {
            status,
            body: response.json().await.unwrap_or(Value::Null),
        })
    }

    /// Signs up with a new address, reads the code from the mailbox and proves the address. Gives the credits it begins with.
    ///
    /// # Errors
    /// When a step fails; the text says which.
    pub async fn sign_up(&mut self, email: &str, password: &str) -> Result<i64> {
        let policy = crate::template::Template::local()?
            .function("accounts-create")
            .and_then(|function| function.variables.get("POLICY_VERSION").cloned())
            .context("the template names no policy version")?;
        let new = json!({ "email": email, "password": password, "policy_version": policy });
        let waiting = self.ask("POST", "/v1/accounts", Some(new)).await?.good("Signing up")?;
        let code = self.code(email).await?;
        let proof = json!({ "email": email, "signup_id": waiting["signup_id"], "code": code });
        let account = self
            .ask("POST", "/v1/accounts/verify", Some(proof))
            .await?
            .good("The code")?;
        self.token = account["session"]["access_token"].as_str().map(str::to_owned);
        self.credentials = Some((email.to_owned(), password.to_owned()));
        account["credits"]["available"]
            .as_i64()
            .context("the answer names no credits")
    }

    /// Signs somebody in who has an account.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn sign_in_as(&mut self, email: &str, password: &str) -> Result<()> {
        self.credentials = Some((email.to_owned(), password.to_owned()));
        self.sign_in_again().await
    }

    /// Signs in once more, for whoever has let time pass.
    ///
    /// # Errors
    /// When nobody signed up, or the API refuses.
    pub async fn sign_in_again(&mut self) -> Result<()> {
        let (email, password) = self.credentials.as_ref().context("nobody has signed up")?;
        let credentials = json!({ "email": email, "password": password });
        let session = self
            .ask("POST", "/v1/sessions", Some(credentials))
            .await?
            .good("Signing in")?;
        self.token = session["access_token"].as_str().map(str::to_owned);
        Ok(())
    }

    async fn code(&self, email: &str) -> Result<String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let url = format!("{}/mailbox.json?to={email}", self.mailbox);
            let mails: Value = self.http.get(url).send().await?.json().await?;
            let newest = mails
                .as_array()
                .and_then(|mails| mails.first())
                .cloned()
                .unwrap_or(Value::Null);
            if let Some(code) = newest["code"].as_str() {
                return Ok(code.to_owned());
            }
            if Instant::now() > deadline {
                bail!("no mail with a code came within 20 seconds");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The prompts for a description, and who wrote them.
    ///
    /// # Errors
    /// When there are none.
    pub async fn prompts(&self, description: &str) -> Result<(Vec<String>, String)> {
        let wanted = json!({ "description": description, "count": 3 });
        let answer = self
            .ask("POST", "/v1/prompts", Some(wanted))
            .await?
            .good("Writing prompts")?;
        let author = answer["written_by"]["model"]
            .as_str()
            .unwrap_or("our own sentences, because the model was out");
        Ok((serde_json::from_value(answer["prompts"].clone())?, author.to_owned()))
    }

    /// Orders one picture.
    ///
    /// # Errors
    /// When the order is not taken.
    pub async fn order(&self, prompt: &str) -> Result<Picture> {
        let answer = self
            .ask("POST", "/v1/images", Some(json!({ "prompt": prompt })))
            .await?
            .good("The order")?;
        Ok(serde_json::from_value(answer["images"][0].clone())?)
    }

    /// The picture as it is now, or after it ended if that is within five seconds.
    ///
    /// # Errors
    /// When there is no such picture.
    pub async fn picture(&self, id: &str) -> Result<Picture> {
        let answer = self
            .ask("GET", &format!("/v1/images/{id}"), None)
            .await?
            .good("Reading the picture")?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Orders the pack of so many credits.
    ///
    /// # Errors
    /// When the order is not taken.
    pub async fn buy(&self, credits: u32) -> Result<Purchase> {
        let pack = format!("credits-{credits}");
        let answer = self.ask("POST", "/v1/orders", Some(json!({ "pack": pack }))).await?;
        Ok(serde_json::from_value(answer.good("The purchase")?)?)
    }

    /// Approves a payment on the simulated PayPal's page, as a payer would.
    ///
    /// # Errors
    /// When the page is not there or does not take the approval.
    pub async fn approve(&self, purchase: &Purchase) -> Result<()> {
        let page = purchase
            .payer_url
            .as_deref()
            .context("the order names no page for its payer")?;
        let page: url::Url = page.parse()?;
        let token = page.query_pairs().find(|(name, _)| name == "token");
        let token = token.context("the payer's page has no token")?.1.into_owned();
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("token", token.as_str()), ("instrument", "good")])
            .finish();
        let request = self
            .http
            .post(page.join("/checkoutnow")?)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = request.send().await.context("the payer's page got no answer")?;
        if !answer.status().is_success() {
            bail!("the payer's page was answered {}", answer.status());
        }
        Ok(())
    }

    /// Has the money of an order taken.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn capture(&self, id: &str) -> Result<Purchase> {
        let answer = self.ask("POST", &format!("/v1/orders/{id}/capture"), None).await?;
        Ok(serde_json::from_value(answer.good("Taking the money")?)?)
    }

    /// What the account can spend.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn credits(&self) -> Result<i64> {
        let answer = self
            .ask("GET", "/v1/credits", None)
            .await?
            .good("Reading the credits")?;
        answer["available"].as_i64().context("the answer names no credits")
    }

    /// The bytes behind a download link.
    ///
    /// # Errors
    /// When the link does not work.
    pub async fn download(&self, link: &Download) -> Result<bytes::Bytes> {
        let response = self
            .http
            .get(&link.url)
            .send()
            .await
            .context("the link got no answer")?;
        if !response.status().is_success() {
            bail!("the link was answered {}", response.status());
        }
        Ok(response.bytes().await?)
    }
}

/// A client for this machine alone: it follows no proxy, and every name is `127.0.0.1`.
///
/// # Errors
/// When it cannot be made.
pub fn http() -> Result<reqwest::Client> {
    // Only one provider of cryptography is linked; whoever installs it first, it is the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .dns_resolver(Loopback)
        .no_proxy()
        .build()
        .context("no HTTP client")
}

/// Every name is this machine: the client of a loopback stack has nowhere else to go.
struct Loopback;

impl reqwest::dns::Resolve for Loopback {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let here: reqwest::dns::Addrs = Box::new(std::iter::once(std::net::SocketAddr::from(([127, 0, 0, 1], 0))));
        Box::pin(std::future::ready(Ok(here)))
    }
}
