//! Worker of the queue `images-erase`: a picture's item is gone, so its objects go too.
//!
//! The table's stream puts a message there whenever an item with an object is removed, be it by its owner, by a worker or
//! by TTL. Removing what is not there is success, so a message may come twice.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use serde::Deserialize;
use shared::config::{ConfigError, Vars};
use shared::domain::{ObjectKey, Store};
use shared::grants::{Grant, ObjectAction};
use shared::objects::{ObjectError, Stores};
use shared::{Platform, worker};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Queue("images-erase"),
    Grant::Parameter("cos-eraser"),
    Grant::Parameter("oss-eraser"),
    Grant::Bucket(&[ObjectAction::DeleteObject]),
];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    stores: Stores,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            stores: Stores::new(vars, platform)?,
        })
    }
}

/// Where the objects of a picture are that is gone; the pipe takes it from the item's last state.
#[derive(Deserialize)]
struct Gone {
    object_key: ObjectKey,
    stores: Vec<Store>,
}

/// Removes the objects of one batch.
pub async fn work(deps: Deps, event: SqsEvent) -> SqsBatchResponse {
    worker::each(event, |gone: Gone| erase(&deps.stores, gone)).await
}

/// Removes the object from every store that has it or may have it. One that is down does not keep it in the other; the
/// message comes again for what is left.
async fn erase(stores: &Stores, gone: Gone) -> Result<(), ObjectError> {
    let mut outcome = Ok(());
    for store in gone.stores {
        let erased = match stores.of(store) {
            Some(objects) => objects.delete(&gone.object_key).await,
            None => Err(not_here(store)),
        };
        // The first failure is the one that is told.
        outcome = outcome.and(erased);
    }
    outcome
}

/// Somebody took the store out of the configuration while pictures lay in it, and has to bring it back.
fn not_here(store: Store) -> ObjectError {
    ObjectError::Denied {
        reason: format!("{} is not configured any more", store.as_str()),
    }
}
