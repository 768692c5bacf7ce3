//! What operators look at and do, in a deployed stage or in the local stack. What is done is written down beside what it changes.
//!
//! Operators need to know what became of somebody's picture, not what it shows: the words it was painted from are told by
//! their length alone.

pub mod accounts;
mod acts;
pub mod desk;
pub mod erasures;
pub mod images;
pub mod keys;
pub mod ledger;
pub mod payments;
pub mod privacy;
pub mod queues;
pub mod receipt;
pub mod recovery;
mod redrive;
pub mod reports;
pub mod retention;
mod returning;
pub mod stats;
pub mod storage;
mod table;

use shared::config::{ConfigError, Vars};
use shared::flows::payment::PaymentError;
use shared::ids::{Act, Id};
use shared::parameters::{ParameterError, ParameterStore};
use shared::platform::Runtime;
use shared::providers::paypal::PayPalError;
use shared::secrets::Secrets;
use shared::store::recovery::RecoveryError;
use shared::store::{
    Accounts, Acts, Analytics, BoxError, Images, Ledgers, Outbox, Privacy, Reports, Requests, Sessions, StoreError,
    Sweeps,
};
use shared::{Clock, Entropy, Ids, Platform};

/// The name by which the local stack knows the operator.
const OPERATOR: &str = "operator";

/// The stage of the local stack.
const LOCAL: &str = "local";

/// How far the database is above the API's port.
const DATABASE: u16 = 3;

/// Why something could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// There is nothing to see.
    #[error("{0}")]
    Absent(String),
    /// What is asked for cannot be done.
    #[error("{0}")]
    Unfit(String),
    /// PayPal would not do or show something.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// The parameter store would not do or show something.
    #[error(transparent)]
    Parameters(ParameterError),
    /// The queues would not do or show something.
    #[error("the queues would not {what}")]
    Queues {
        /// What they were asked to do.
        what: &'static str,
        /// What they answered, or why they did not.
        #[source]
        cause: BoxError,
    },
    /// Whether it was done is not known.
    #[error("it is not known whether this was done; do it again with `--act {act}`, which is safe")]
    Unknown {
        /// The act's name.
        act: Id<Act>,
        /// Why not.
        #[source]
        cause: Box<OpsError>,
    },
    /// The environment names no usable credentials, or an address is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The local stack cannot be asked.
    #[error("the local stack cannot be asked at port {port}; is it serving there?")]
    NotServing {
        /// Where its API would be.
        port: u16,
        /// What happened.
        #[source]
        cause: BoxError,
    },
    /// A table and its copy cannot be compared.
    #[error(transparent)]
    Recovery(RecoveryError),
    /// The tables cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PaymentError> for OpsError {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::PayPal(paypal) => paypal.into(),
            PaymentError::Store(store) => store.into(),
        }
    }
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The local stack whose API listens on this port.
    Local(u16),
    /// The deployed stage of this name, with the environment's credentials for AWS.
    Stage(String),
}

/// The tables and queues of one place, as an operator may use them.
#[derive(Debug, Clone)]
pub struct Ops {
    place: Place,
    clock: Clock,
    ids: Ids,
    accounts: Accounts,
    acts: Acts,
    analytics: Analytics,
    images: Images,
    ledgers: Ledgers,
    outbox: Outbox,
    privacy: Privacy,
    reports: Reports,
    requests: Requests,
    sessions: Sessions,
    sweeps: Sweeps,
    entropy: Entropy,
    parameters: ParameterStore,
    sqs: aws_sdk_sqs::Client,
}

impl Ops {
    /// The tables and queues of `place`; nobody is asked yet.
    ///
    /// # Errors
    /// When the environment does not say who asks, or the port is too high.
    pub fn at(place: Place) -> Result<Self, OpsError> {
        let (runtime, stage) = match &place {
            Place::Stage(stage) => (Runtime::from_env(&Vars::from_env())?, stage.clone()),
            Place::Local(port) => {
                let url = port
                    .checked_add(DATABASE)
                    .map(|port| format!("http://127.0.0.1:{port}"));
                let url = url.and_then(|url| url.parse().ok());
                let url = url.ok_or_else(|| OpsError::Absent(format!("port {port} is too high")))?;
                (Runtime::local(OPERATOR, Some(url)), LOCAL.to_owned())
            }
        };
        let tables = [
            "accounts",
            "analytics",
            "audit",
            "images",
            "ledger",
            "limits",
            "outbox",
            "privacy",
            "sessions",
        ];
        let vars = tables.map(|table| {
            (
                format!("{}_TABLE", table.to_uppercase()),
                format!("vitrine-{stage}-{table}"),
            )
        });
        let vars = Vars::from_pairs(vars);
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let ids = Ids::new(clock.clone(), entropy.clone());
        let platform = Platform::with_secrets(runtime, clock.clone(), ids.clone(), entropy.clone(), Secrets::default());
        let db = platform.db();
        Ok(Self {
            place,
            clock,
            ids,
            acts: Acts::new(&db, &vars)?,
            analytics: Analytics::new(&db, &vars)?,
            accounts: Accounts::new(&db, &vars)?,
            images: Images::new(&db, &vars)?,
            ledgers: Ledgers::new(&db, &vars)?,
            outbox: Outbox::new(&db, &vars)?,
            privacy: Privacy::new(&db, &vars)?,
            reports: Reports::new(&db, &vars)?,
            requests: Requests::new(&db, &vars)?,
            sessions: Sessions::new(&db, &vars)?,
            sweeps: Sweeps::new(&db, &vars)?,
            entropy,
            parameters: ParameterStore::new(&platform),
            sqs: aws_sdk_sqs::Client::new(&platform.sqs_config()),
        })
    }

    /// The stage's name.
    fn stage(&self) -> &str {
        match &self.place {
            Place::Local(_) => LOCAL,
            Place::Stage(stage) => stage,
        }
    }

    /// The name of a parameter of this place.
    fn parameter(&self, short: &str) -> String {
        format!("/vitrine/{}/{short}", self.stage())
    }

    /// Says whose fault it may be that a table cannot be asked.
    fn explained(&self, error: StoreError) -> OpsError {
        match (&self.place, error) {
            (Place::Local(port), cause @ StoreError::Unavailable(_)) => OpsError::NotServing {
                port: *port,
                cause: cause.into(),
            },
            (_, error) => error.into(),
        }
    }
}
