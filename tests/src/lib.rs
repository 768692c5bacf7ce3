//! The product from outside: one stack in memory, on a clock that stands still until a test moves it.
//!
//! Requests go over real HTTP to the gateway; streams, queues and expiry are driven by the test. A test that ends with work
//! left in a stream or a queue fails.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so at once"
)]

pub mod answer;
pub mod day;
pub mod logs;
pub mod person;
pub mod shop;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::{Clock, Entropy};
use vitrine::engine::Drained;
use vitrine::lambda::workshop::Workshop;
use vitrine::stack::{Abroad, Hosting, Options, Stack};
use vitrine::template::Template;

pub use answer::Answer;
pub use person::{PASSWORD, Person};

/// When every test begins.
pub const START: &str = "2026-11-22T09:00:00Z";

/// Where functions are built, if this program runs them as processes.
static WORKSHOP: OnceLock<Arc<Workshop>> = OnceLock::new();

/// From here on the functions of every stack of this program run as processes of their own.
pub fn run_functions_as_processes() {
    WORKSHOP.get_or_init(|| Arc::new(Workshop::open(Arc::new(|_| {})).unwrap()));
}

/// Who runs the functions. Their programs are built before the first test goes on, all in one go.
async fn hosting(template: &Template) -> Hosting {
    let Some(workshop) = WORKSHOP.get() else {
        return Hosting::InProcess;
    };
    let functions: Vec<&str> = template
        .functions
        .iter()
        .map(|function| function.folder.as_str())
        .collect();
    workshop.provide(&functions).await.unwrap();
    Hosting::Processes(Arc::clone(workshop))
}

/// Gives functions more time than the template does. Processes are ended by the machine's own time, and a busy machine hashes
/// a password in many times what it takes at other times.
fn patient(template: &mut Template) {
    for function in &mut template.functions {
        function.timeout_s *= 6;
    }
}

/// The running product.
pub struct TestApp {
    /// Everything behind the API, past every permission.
    pub stack: Arc<Stack>,
    /// The time; it stands still.
    pub clock: Clock,
    /// Over which requests go.
    pub http: reqwest::Client,
    drained: bool,
}

impl TestApp {
    /// A stack of its own, in memory, on free ports.
    pub async fn new() -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        Self::with(Options::in_memory(clock, Entropy::seeded(1))).await
    }

    /// The same with a template that says something else.
    pub async fn amended(amend: fn(&mut Template)) -> Self {
        let options = Options::in_memory(Clock::manual(START.parse().unwrap()), Entropy::seeded(1));
        Self::with(Options {
            amend: Some(amend),
            ..options
        })
        .await
    }

    /// The same whose functions run in this process, whatever the others do.
    pub async fn in_process() -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        Self::start(Options::in_memory(clock, Entropy::seeded(1))).await
    }

    /// The same behind a gateway that counts how often each route is asked, by the clock that stands still.
    pub async fn throttled() -> Self {
        let options = Options::in_memory(Clock::manual(START.parse().unwrap()), Entropy::seeded(1));
        Self::with(Options {
            throttled: true,
            ..options
        })
        .await
    }

    /// A stack whose functions call the companies' real addresses, each of which leads to a stand-in here. Some parameters of the template
    /// are given.
    pub async fn abroad(abroad: &Abroad, parameters: &[(&str, &str)]) -> Self {
        let given = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options::in_memory(Clock::manual(START.parse().unwrap()), Entropy::seeded(1));
        Self::start(Options {
            abroad: Some(abroad.clone()),
            parameters: given.collect(),
            ..options
        })
        .await
    }

    /// A stack on free ports that keeps everything in `folder`, at this time; what was there before goes on.
    pub async fn in_folder(folder: &Path, clock: Clock) -> Self {
        Self::in_folder_with(folder, clock, &[]).await
    }

    /// The same, with some parameters of the template given.
    pub async fn in_folder_with(folder: &Path, clock: Clock, parameters: &[(&str, &str)]) -> Self {
        let given = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options::in_memory(clock, Entropy::system());
        Self::with(Options {
            data: Some(folder.to_owned()),
            parameters: given.collect(),
            ..options
        })
        .await
    }

    async fn with(options: Options) -> Self {
        let hosting = hosting(&Template::local().unwrap()).await;
        let amend = match hosting {
            Hosting::InProcess => options.amend,
            Hosting::Processes(_) => options.amend.or(Some(patient)),
        };
        Self::start(Options {
            hosting,
            amend,
            ..options
        })
        .await
    }

    async fn start(options: Options) -> Self {
        let clock = options.clock.clone();
        Self {
            stack: Arc::new(Stack::start(options).await.unwrap()),
            clock,
            http: vitrine::client::http().unwrap(),
            drained: false,
        }
    }

    /// Lets everything that waits in streams and queues, and what Resend has to tell, be worked off, and says what that was.
    pub async fn drain(&self) -> Drained {
        self.stack.engines.run_expiry().unwrap();
        self.stack.drain().await.unwrap()
    }

    /// Moves the clock.
    pub fn advance(&self, by: SignedDuration) {
        assert!(self.clock.advance(by));
        self.stack.tell_time().unwrap();
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Work may be left when this test ends: it is about work that cannot be done.
    pub fn leave_work(&mut self) {
        self.drained = true;
    }

    /// Stops the stack in good order, work that waits included.
    pub async fn close(mut self) {
        self.leave_work();
        let stack = Arc::clone(&self.stack);
        drop(self);
        Arc::into_inner(stack).unwrap().close().await;
    }

    /// One request, as anybody.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.request(method, path, None, &[], body.map(|body| body.to_string()))
            .await
    }

    /// One request with everything said.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let url = format!("{}{path}", self.stack.api_url());
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            if !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// The newest mail to an address, if there is one.
    pub fn mail_to(&self, address: &str) -> Option<vitrine::sim::MailView> {
        self.stack.simulators.mails(Some(address)).into_iter().next()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let left = self.stack.engines.pending().unwrap_or(0);
        if !self.drained && left > 0 && !std::thread::panicking() {
            panic!("the test ended with {left} stream records or messages that nobody worked off");
        }
    }
}
