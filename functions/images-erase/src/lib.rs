//! Worker of the queue `images-erase`: a picture's item is gone, so its objects go too.
//!
//! The table's stream puts a message there whenever an item with an object is removed, be it by its owner, by a worker or
//! by TTL. Removing what is not there is success, so a message may come twice.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use serde::Deserialize;
use shared::config::{ConfigError, Vars};
use shared::domain::{ObjectKey, Store};
use shared::grants::{Grant, ObjectAction};
use shared::objects::{ObjectError, Objects};
use shared::{Platform, worker};

/// What this function may touch.
pub const GRANTS: &[Grant] = &[
    Grant::Queue("images-erase"),
    Grant::Parameter("cos-eraser"),
    Grant::Bucket(&[ObjectAction::DeleteObject]),
];

/// What this function needs.
#[derive(Clone)]
pub struct Deps {
    objects: Objects,
}

impl Deps {
    /// From the function's variables and its host.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigError> {
        Ok(Self {
            objects: Objects::new(vars, platform)?,
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
    worker::each(event, |gone: Gone| erase(&deps.objects, gone)).await
}

async fn erase(objects: &Objects, gone: Gone) -> Result<(), ObjectError> {
    for store in gone.stores {
        match store {
            Store::Cos => objects.delete(&gone.object_key).await?,
            Store::Oss => {
                return Err(ObjectError::Denied {
                    reason: "this deployment has no second store".to_owned(),
                });
            }
        }
    }
    Ok(())
}
