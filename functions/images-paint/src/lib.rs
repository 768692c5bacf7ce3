//! Worker of the queue `images-paint`: one message, one picture.
//!
//! The table's stream puts a message there for every new order. `flows::painting` does the work; what cannot be finished
//! now comes again after the queue's visibility time-out.

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use shared::config::{ConfigError, Vars};
use shared::flows::budget;
use shared::flows::counting::Counting;
use shared::flows::ending::Ender;
use shared::flows::painting::{Painter, Priced};
use shared::grants::{Action, Grant, ObjectAction};
use shared::objects::Stores;
use shared::providers::dashscope::Dashscope;
use shared::providers::seedream::Seedream;
use shared::store::{Accounts, Analytics, Images, Ledgers, Limits};
use shared::{Platform, worker};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Table("accounts", &[Action::GetItem]),
    Grant::Table("analytics", &[Action::UpdateItem]),
    Grant::Table("images", &[Action::DeleteItem, Action::GetItem, Action::UpdateItem]),
    Grant::Table(
        "ledger",
        &[Action::DeleteItem, Action::GetItem, Action::PutItem, Action::UpdateItem],
    ),
    Grant::Table("limits", &[Action::GetItem, Action::UpdateItem]),
    Grant::Queue("images-paint"),
    Grant::Parameter("cos-painter"),
    Grant::Parameter("dashscope-key"),
    Grant::Parameter("oss-painter"),
    Grant::Parameter("seedream-key"),
    Grant::Bucket(&[ObjectAction::DeleteObject, ObjectAction::PutObject]),
];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    painter: Painter,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            painter: painter(vars, platform)?,
        })
    }
}

/// The painter that this function's variables describe. Benches compare it with others.
///
/// # Errors
/// When a variable is missing or wrong.
pub fn painter(vars: &Vars, platform: &Platform) -> Result<Painter, ConfigError> {
    let db = platform.db();
    let (seedream, dashscope) = (Seedream::new(vars, platform)?, Dashscope::new(vars, platform)?);
    Ok(Painter {
        ender: Ender {
            accounts: Accounts::new(&db, vars)?,
            images: Images::new(&db, vars)?,
            ledgers: Ledgers::new(&db, vars)?,
            counting: Counting {
                analytics: Analytics::new(&db, vars)?,
                clock: platform.clock.clone(),
            },
            clock: platform.clock.clone(),
        },
        limits: Limits::new(&db, vars)?,
        primary: Priced {
            model: Arc::new(seedream),
            price: budget::price(vars, "SEEDREAM_PRICE_FEN")?,
        },
        backup: Priced {
            model: Arc::new(dashscope),
            price: budget::price(vars, "DASHSCOPE_PRICE_FEN")?,
        },
        ceiling: budget::ceiling(vars)?,
        stores: Stores::new(vars, platform)?,
        clock: platform.clock.clone(),
        entropy: platform.entropy.clone(),
    })
}

/// Paints the pictures of one batch.
pub async fn work(deps: Deps, event: SqsEvent) -> SqsBatchResponse {
    worker::each(event, |image| deps.painter.paint(image)).await
}
