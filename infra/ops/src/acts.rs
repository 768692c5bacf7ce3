//! Acts that change nothing in the tables: each is written down by itself, before it is done.

use jiff::Timestamp;
use shared::ids::{self, Id};
use shared::store::acts::Act;
use shared::store::{StoreError, Transaction};

use crate::{Ops, OpsError};

impl Ops {
    /// Writes down that something is about to be done, and gives the act's name.
    pub(crate) async fn write_down(&self, what: &str, why: &str, at: Timestamp) -> Result<Id<ids::Act>, OpsError> {
        let act = Act {
            id: self.ids.next(),
            what: what.to_owned(),
            reason: why.to_owned(),
            credits: None,
            amount: None,
            at,
        };
        let written = Transaction::of([self.acts.act_write(&act)?]).commit(self.accounts.db());
        let written = written.await.map_err(|error| self.explained(StoreError::from(error)));
        written.map(|()| act.id)
    }

    /// Writes down that somebody looks, before anything is shown. At whom stands nowhere.
    pub(crate) async fn looked(&self, what: &str) -> Result<(), OpsError> {
        self.write_down(what, "a look", self.clock.now()).await.map(drop)
    }
}
