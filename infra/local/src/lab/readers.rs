//! Owners who look at their pictures, by the routes that ship; and functions whose machine has the wrong time.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::Clock;
use shared::auth::TokenSigner;
use shared::config::Vars;
use shared::domain::Session;
use shared::domain::Store;
use shared::objects::Stores;
use shared::secrets::Secrets;
use shared::store::{Sessions, Transaction};
use tower::ServiceExt as _;
use url::Url;

use super::{Lab, Seller, wires};
use crate::stack::host::Host;
use crate::stack::secrets;
use crate::template::Template;

/// The functions that show pictures, made ready.
pub struct Gallery {
    clock: Clock,
    signer: TokenSigner,
    get: Router,
    list: Router,
}

/// What a route answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The status.
    pub status: StatusCode,
    /// The body; null, if there is none.
    pub body: Value,
}

/// Functions on machines whose clock is off. What they ask tells its time in each answer, as AWS and the stores do.
pub struct Astray {
    host: Host,
    template: &'static Template,
}

impl Lab {
    /// Begins a session of the seller's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_in(&self, seller: &Seller) -> Result<Session> {
        let sessions = Sessions::new(&self.office.platform.db(), &self.office.vars)?;
        let session = Session::begun(self.office.platform.ids.next(), seller.account, None);
        let begun = Transaction::of([sessions.begin_write(&session)?]);
        begun.commit(&self.office.platform.db()).await?;
        Ok(session)
    }

    /// The functions that show pictures.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub async fn gallery(&self) -> Result<Gallery> {
        gallery(&self.host, None, self.template).await
    }

    /// Functions on machines that are off by `by`: ahead, or behind if it is negative.
    #[must_use]
    pub fn astray(&self, by: SignedDuration) -> Astray {
        let clock = Clock::with_timers(self.now() + by);
        Astray {
            host: Host {
                clock,
                wires: Some(wires(&self.exchange, Some(by))),
                ..self.host.clone()
            },
            template: self.template,
        }
    }

    /// The stores' buckets, as their owner tends them.
    ///
    /// # Errors
    /// When the template has a mistake.
    pub fn owned_stores(&self) -> Result<Stores> {
        let mut office = self.office.platform.clone();
        let (mut variables, mut pairs) = (Vec::new(), Vec::new());
        for store in [Store::Cos, Store::Oss] {
            let prefix = store.as_str().to_uppercase();
            let parameter = secrets::owners(&self.template.stage, store);
            let pair = self.engines.parameters.get(&parameter);
            pairs.push((parameter.clone(), pair.context("a store has no owner")?.into()));
            variables.push((format!("{prefix}_KEYS_PARAMETER"), parameter));
            for name in ["ENDPOINT", "REGION", "BUCKET"] {
                let name = format!("{prefix}_{name}");
                let over = self.host.overrides.iter().find(|(over, _)| *over == name);
                let value = over.map_or_else(|| self.office.vars.text(&name), |(_, value)| Ok(value.clone()))?;
                variables.push((name, value));
            }
        }
        office.secrets = Secrets::new(pairs);
        Ok(Stores::new(&Vars::from_pairs(variables), &office)?)
    }

    /// What somebody gets who follows a link to a picture.
    ///
    /// # Errors
    /// When it leads to no store of ours.
    pub async fn follow(&self, link: &str) -> Result<StatusCode> {
        let url: Url = link.parse()?;
        let host = url.host_str().context("the link has no host")?;
        let found = self.exchange.stores.iter().find(|(_, store)| store.answers(host));
        let (_, store) = found.context("the link leads to no store of ours")?;
        let request = Request::get(link)
            .header("host", url.authority())
            .body(Full::default())?;
        // As on the wire: the store's files are read by threads beside.
        let answer = futures::executor::block_on(tokio::task::unconstrained(store.receive(host, request)));
        Ok(answer.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status()))
    }
}

impl Gallery {
    /// One picture, or with a blank id the newest ones, as the owner of the session is shown it.
    ///
    /// # Errors
    /// When the route answers with something that is not JSON.
    pub async fn show(&self, session: &Session, id: &str) -> Result<Shown> {
        let token = self.signer.issue(session, self.clock.now())?.into_string();
        let (router, path) = match id {
            "" => (&self.list, "/v1/images?limit=100".to_owned()),
            id => (&self.get, format!("/v1/images/{id}")),
        };
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        let answer = router.clone().oneshot(request.body(Body::empty())?).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)?
        };
        Ok(Shown { status, body })
    }
}

impl Astray {
    /// The functions that show pictures, made ready while their machine's clock was still right: a function reads its secrets when it
    /// starts, and may run for hours after that.
    ///
    /// # Errors
    /// As [`Lab::gallery`].
    pub async fn gallery(&self, lab: &Lab) -> Result<Gallery> {
        gallery(&lab.host, Some(&self.host), self.template).await
    }

    /// One run of a function that a schedule wakes.
    pub fn run(&self, function: &str) -> BoxFuture<'static, Result<()>> {
        let spec = self.template.function(function).context("there is no such function");
        let waker = spec.and_then(|spec| self.host.waker(spec));
        let now = self.host.clock.now();
        async move {
            let due = json!({ "scheduled_at": now.to_string(), "execution_id": "astray" });
            waker?(due).await.map(drop)
        }
        .boxed()
    }
}

/// Made ready on the machine of `host`; asked on the one of `later`, if that is another.
async fn gallery(host: &Host, later: Option<&Host>, template: &'static Template) -> Result<Gallery> {
    let function = |name: &str| {
        template
            .function(name)
            .with_context(|| format!("the template has no `{name}`"))
    };
    let signing = function("sessions-create")?;
    let vars = host.vars(signing);
    let platform = host.platform(signing, &vars).await?;
    let later = later.unwrap_or(host);
    let router = async |name: &str| {
        let function = function(name)?;
        let secrets = host.platform(function, &host.vars(function)).await?.secrets;
        later.router_with(function, secrets)
    };
    Ok(Gallery {
        clock: later.clock.clone(),
        signer: TokenSigner::configured(&vars, &platform.secrets)?,
        get: router("images-get").await?,
        list: router("images-list").await?,
    })
}

impl std::fmt::Debug for Gallery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gallery(at {})", self.clock.now())
    }
}

impl std::fmt::Debug for Astray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Astray(at {})", self.host.clock.now())
    }
}
