//! The whole of Vitrine: engines, simulators, gateway and every function, wired as the template wires them.
//!
//! `serve`, `first-image`, `thirty-days` and the tests all start this one stack.

mod abroad;
mod front;
pub(crate) mod grants;
pub(crate) mod host;
pub(crate) mod hosting;
mod pictures;
mod queues;
mod schedules;
pub(crate) mod secrets;
mod timepiece;
mod webhooks;
pub(crate) mod wiring;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::extract::Request;
use shared::domain::Store;
use shared::http::Viewer;
use shared::{Clock, Entropy, Ids};
use tokio::net::TcpListener;

use crate::engine::serving::{Serving, background};
use crate::engine::{Drained, Engines, Settings};
use crate::gateway::{Gateway, Limits, source};
use crate::lambda::fleet::{Base, Fleet};
use crate::sim::{Easel, SimulatorOptions, Simulators};
use crate::template::{Sources, Template, local_parameters};

pub use abroad::{Abroad, Called};
pub use hosting::Hosting;
pub use secrets::{PayPalKeys, RealKeys, erasure_keys};
pub use timepiece::clock_of;

use abroad::StandIns;
use front::Front;
use host::Host;
use hosting::Hosted;
use timepiece::Timepiece;

/// What a stack is made from.
pub struct Options {
    /// The time everything goes by.
    pub clock: Clock,
    /// Where ids, codes and keys come from.
    pub entropy: Entropy,
    /// Where everything is kept; without a folder it is in memory and gone afterwards.
    pub data: Option<PathBuf>,
    /// Where the API listens; the simulators, the store and the database listen on the next three ports. 0 takes any
    /// four free ports.
    pub port: u16,
    /// Keys of real providers, which then take the simulator's place.
    pub keys: RealKeys,
    /// Parameters of the template that are not to have their defaults, such as another `PolicyVersion`.
    pub parameters: BTreeMap<String, String>,
    /// Whether the gateway counts how often each route is asked, as API Gateway does.
    pub throttled: bool,
    /// Who runs the functions.
    pub hosting: Hosting,
    /// Lets functions of this process call real addresses, none of which is left to the network.
    pub abroad: Option<Abroad>,
    /// Changes what the template says before anything is made of it, for whoever tests what the template never says, such as
    /// a time-out of a second.
    pub amend: Option<fn(&mut Template)>,
}

impl Options {
    /// A stack in memory, on free ports, with simulators alone. Its gateway does not count: those who drive it ask faster than
    /// people do, by a clock that may stand still.
    #[must_use]
    pub fn in_memory(clock: Clock, entropy: Entropy) -> Self {
        Self {
            clock,
            entropy,
            data: None,
            port: 0,
            keys: RealKeys::default(),
            parameters: BTreeMap::new(),
            throttled: false,
            hosting: Hosting::default(),
            abroad: None,
            amend: None,
        }
    }
}

/// The running stack. Dropping it closes its ports.
pub struct Stack {
    /// Tables, parameters, queues and objects, past every permission.
    pub engines: Engines,
    /// The companies and their books.
    pub simulators: Simulators,
    /// What it was wired from.
    pub template: Template,
    /// The time everything goes by.
    pub clock: Clock,
    /// Where the API answers.
    pub api: SocketAddr,
    /// Where the simulators answer.
    pub simulator: SocketAddr,
    webhooks: webhooks::Webhooks,
    gateway: Gateway,
    hosted: Hosted,
    timepiece: Timepiece,
    seen_from: SeenFrom,
    serving: Mutex<Vec<Serving>>,
}

/// Where requests seem to come from, if not from where they do.
type SeenFrom = Arc<Mutex<Option<IpAddr>>>;

impl Stack {
    /// Starts everything. Streams, queues, expiry and schedules stand still until [`Stack::run_in_background`], or until a test
    /// drives them.
    ///
    /// # Errors
    /// When a port is taken, the folder cannot be used, or the template has a mistake.
    pub async fn start(options: Options) -> Result<Self> {
        let Options {
            clock,
            entropy,
            data,
            port,
            keys,
            parameters: given,
            throttled,
            hosting,
            abroad,
            amend,
        } = options;
        let ports = Ports::bind(port).await?;
        let (api, simulator) = (ports.api.local_addr()?, ports.simulators.local_addr()?);
        let mut parameters = local_parameters();
        parameters.insert("PublicUrl".to_owned(), format!("http://{api}"));
        if let Some(from) = &keys.mail_from {
            parameters.insert("MailFrom".to_owned(), from.clone());
        }
        parameters.extend(given);
        let mut template = Template::evaluate(&Sources::embedded(), &parameters)?;
        if let Some(amend) = amend {
            amend(&mut template);
        }

        let timepiece = match &hosting {
            Hosting::InProcess => Timepiece::new(&clock, data.as_deref()),
            Hosting::Processes(_) => Timepiece::followed(&clock, data.as_deref())?,
        };
        let simulators = Simulators::new(SimulatorOptions {
            clock: clock.clone(),
            entropy: entropy.clone(),
            data: data.as_ref().map(|data| data.join("simulators")),
            origin: format!("http://{simulator}"),
            abroad: abroad.is_some(),
            on_clock_moved: timepiece.on_moved(),
            easel: Easel::Beside,
        })?;
        let stored = crate::engine::ssm::Parameters::open(data.as_deref(), clock.clone())?;
        secrets::provide(&template, &stored, &entropy, &keys)?;
        let engines = Engines::start(Settings {
            clock: clock.clone(),
            entropy: entropy.clone(),
            directory: data,
            pictures: None,
            dynamodb: Some(ports.dynamodb),
            store: Some(ports.objects),
            tables: wiring::tables(&template)?,
            queues: wiring::queues(&template),
            pipes: wiring::pipes(&template)?,
            objects: wiring::objects(&template, &stored, Store::Cos)?,
            oss: wiring::objects(&template, &stored, Store::Oss)?,
            schedule_groups: template.schedule_groups.clone(),
            permissions: grants::permissions(&template)?,
        })
        .await?;
        // What lies in a folder is there already, and as old as it is.
        for name in stored.names() {
            let value = stored.get(&name);
            if engines.parameters.get(&name) != value {
                engines.parameters.put(&name, &value.unwrap_or_default())?;
            }
        }

        let host = Host {
            ids: Ids::new(clock.clone(), entropy.clone()),
            clock: clock.clone(),
            entropy: entropy.clone(),
            engine: match &abroad {
                Some(_) => None,
                None => Some(engines.dynamodb_url().parse()?),
            },
            overrides: match &abroad {
                Some(_) => wiring::overrides_abroad()?,
                None => wiring::overrides(
                    engines.store_url(),
                    engines.oss_url(),
                    &format!("http://{simulator}"),
                    &keys,
                )?,
            },
            wires: match &abroad {
                Some(abroad) => Some(abroad.wires(StandIns {
                    simulators: simulator,
                    stores: engines.store_address(),
                    aws: engines.dynamodb_address(),
                })?),
                None => None,
            },
        };
        let hosted = match hosting {
            Hosting::InProcess => Hosted::InProcess(host),
            Hosting::Processes(workshop) => {
                let front = Front::new(api, clock.clone(), entropy.clone());
                let base = Base {
                    workshop,
                    engine: engines.dynamodb_url(),
                    clock_file: timepiece.file().context("the clock has no file")?.to_owned(),
                    clock: clock.clone(),
                    entropy,
                };
                let fleet = Fleet::new(&template, base, |function| host.variables(function));
                Hosted::Processes(Arc::new(fleet), Arc::new(front))
            }
        };
        wiring::attach_workers(&template, &engines.workers, &hosted)?;
        wiring::attach_schedules(&template, (&engines.schedules, &engines.one_offs), &hosted)?;
        let limits = Limits {
            throttle: throttled.then(|| clock.clone()),
            ..Limits::default()
        };
        let seen_from = SeenFrom::default();
        let introduce = introduce(Arc::clone(&seen_from));
        let gateway = Gateway::starting(&template, hosted.provider(), hosted.starter(), introduce, limits);
        let answering = gateway.clone();
        let serving = vec![
            Serving::start(move |stop| async move {
                if let Err(error) = answering.serve(ports.api, stop.wanted()).await {
                    tracing::error!(%error, "The gateway stopped");
                }
            }),
            serve_simulators(
                simulators.clone(),
                ports.simulators,
                queues::desk(engines.queues.clone())
                    .merge(schedules::desk(engines.schedules.clone(), engines.one_offs.clone())),
            ),
        ];
        let keys = webhooks::Keys {
            parameters: engines.parameters.clone(),
            resend_secret: variable(&template, "resend-webhook", "RESEND_WEBHOOK_SECRET_PARAMETER")?,
            paypal_webhook: variable(&template, "paypal-webhook", "PAYPAL_WEBHOOK_ID")?,
        };
        let webhooks = webhooks::Webhooks::new(simulators.clone(), format!("http://{api}"), keys)?;
        Ok(Self {
            engines,
            simulators,
            webhooks,
            template,
            clock,
            api,
            simulator,
            gateway,
            hosted,
            timepiece,
            seen_from,
            serving: Mutex::new(serving),
        })
    }

    /// Lets streams, queues, expiry, schedules and the events of simulated companies run by themselves.
    pub fn run_in_background(&self) {
        self.engines.run_in_background();
        let webhooks = self.webhooks.clone().run_in_background();
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        // Closed before what it calls.
        serving.insert(0, webhooks);
    }

    /// Works off everything that can be worked off now: streams, queues, and the events that companies have to tell.
    ///
    /// # Errors
    /// When an engine fails, or when the work makes new work without end.
    pub async fn drain(&self) -> Result<Drained> {
        let mut whole = self.engines.drain().await?;
        while self.webhooks.deliver().await? > 0 {
            whole += self.engines.drain().await?;
        }
        Ok(whole)
    }

    /// Runs the schedule of that name now, due or not. What it wakes waits in streams and queues.
    ///
    /// # Errors
    /// When there is no such schedule, or when its function fails.
    pub async fn run_schedule(&self, name: &str) -> Result<()> {
        self.engines.schedules.run(name).await
    }

    /// Runs every schedule that is due by the clock, and gives the names of those that were.
    ///
    /// # Errors
    /// When the function of one fails; the others have run all the same.
    pub async fn run_due_schedules(&self) -> Result<Vec<String>> {
        self.engines.run_due_schedules().await
    }

    /// Lets every function start anew at its next request, as a deployment does, so that it reads its secrets again.
    pub fn replace_functions(&self) {
        self.gateway.replace_functions();
        self.hosted.replace();
    }

    /// The system's numbers of the processes that run for the function of that folder; none where it runs in this process.
    #[must_use]
    pub fn processes(&self, folder: &str) -> Vec<u32> {
        self.hosted.processes(folder)
    }

    /// Tells functions that are processes of their own what time it is. Whoever moves the clock by other means than
    /// `/_sim/clock` has to call this.
    ///
    /// # Errors
    /// When the file that tells it cannot be written.
    pub fn tell_time(&self) -> Result<()> {
        self.timepiece.tell()
    }

    /// Lets the gateway see all further requests come from `address`, for whoever tests limits by source: here they all
    /// come from one machine.
    pub fn see_from(&self, address: IpAddr) {
        *self.seen_from.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    /// The API's origin.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// The simulators' origin.
    #[must_use]
    pub fn simulator_url(&self) -> String {
        format!("http://{}", self.simulator)
    }

    /// The version of the privacy policy that signing up has to accept.
    ///
    /// # Errors
    /// When the template names none.
    pub fn policy_version(&self) -> Result<String> {
        self.variable("accounts-create", "POLICY_VERSION")
    }

    fn variable(&self, function: &str, name: &str) -> Result<String> {
        variable(&self.template, function, name)
    }

    /// Closes the ports and lets go of the files, so that another stack can take them over.
    pub async fn close(self) {
        // A run under way may still need every port.
        self.engines.rest().await;
        let serving = std::mem::take(&mut *self.serving.lock().unwrap_or_else(PoisonError::into_inner));
        for serving in serving {
            serving.close().await;
        }
        self.engines.close().await;
        self.hosted.close().await;
    }
}

fn variable(template: &Template, function: &str, name: &str) -> Result<String> {
    let value = template
        .function(function)
        .and_then(|function| function.variables.get(name).cloned());
    value.with_context(|| format!("the template gives `{function}` no `{name}`"))
}

/// The four ports of a stack.
struct Ports {
    api: TcpListener,
    simulators: TcpListener,
    objects: TcpListener,
    dynamodb: TcpListener,
}

impl Ports {
    async fn bind(first: u16) -> Result<Self> {
        let port = |offset: u16| async move {
            let port = if first == 0 { 0 } else { first.saturating_add(offset) };
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|_| {
                anyhow!("port {port} is taken; choose another with --port (it and the next three are used)")
            })
        };
        Ok(Self {
            api: port(0).await?,
            simulators: port(1).await?,
            objects: port(2).await?,
            dynamodb: port(3).await?,
        })
    }
}

/// Tells a function who is calling, as the gateway's event would.
fn introduce(seen_from: SeenFrom) -> impl Fn(&mut Request) + Send + Sync + 'static {
    move |request| {
        let pretended = *seen_from.lock().unwrap_or_else(PoisonError::into_inner);
        let source_ip = pretended.or_else(|| source(request).map(|address| address.ip()));
        request.extensions_mut().insert(Viewer {
            source_ip,
            request_id: None,
        });
    }
}

fn serve_simulators(simulators: Simulators, listener: TcpListener, desks: Router) -> Serving {
    Serving::start(|stop| async move {
        let task = background(simulators.serve_beside(listener, desks));
        stop.wanted().await;
        task.abort();
    })
}
