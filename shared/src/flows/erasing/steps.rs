//! The steps of an erasure, each of which can be begun again.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};

use super::{Came, EraseError, Eraser};
use crate::auth::TokenError;
use crate::domain::deletion::{MONEY_PATIENCE, Stage, Thing};
use crate::domain::{Deletion, Image, Order, OrderState, Store};
use crate::flows::payment::{Because, PaymentError};
use crate::ids::{self, Id};
use crate::objects::ObjectError;
use crate::store::{Guard, StoreError, Transaction, TransactionError, Write};
use crate::telemetry::chain;

/// How long nobody else goes on with a deletion after a step: longer than a function may run.
pub const LEASE: SignedDuration = SignedDuration::from_secs(330);

/// How soon somebody looks again for pictures that were being painted, and for money that was under way.
const SOON: SignedDuration = SignedDuration::from_mins(30);

/// How many things go in one transaction. It holds a hundred writes at most.
const STEP: i32 = 80;

/// How many files are removed at once.
const AT_ONCE: usize = 16;

/// Whether a step left something that has to end by itself first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Unfinished,
}

/// Why a step stopped.
pub(super) enum Stop {
    /// Somebody else has gone on with this deletion.
    Overtaken,
    Failed(EraseError),
}

impl From<EraseError> for Stop {
    fn from(error: EraseError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<TokenError> for Stop {
    fn from(error: TokenError) -> Self {
        Self::Failed(error.into())
    }
}

/// A deletion that is being carried out, as it was written last.
pub(super) struct Erasure<'a> {
    pub(super) eraser: &'a Eraser,
    pub(super) deletion: Deletion,
    pub(super) account: Id<ids::Account>,
}

impl Erasure<'_> {
    /// Goes on with it, from wherever the last run left it.
    pub(super) async fn carry_out(mut self) -> Result<Came, Stop> {
        self.begin().await?;
        // The order matters: what is named by something goes before what names it.
        let steps = [self.money().await?, self.pictures().await?];
        if steps.contains(&Left::Unfinished) {
            let look_again = self.now() + SOON;
            self.eraser.privacy.put_off(&self.deletion, look_again).await?;
            return Ok(Came::ToAWait);
        }
        self.orders().await?;
        self.sessions().await?;
        self.answers().await?;
        self.mails().await?;
        self.requests().await?;
        self.parts().await?;
        self.end().await?;
        Ok(Came::ToItsEnd)
    }

    fn now(&self) -> Timestamp {
        self.eraser.clock.now()
    }

    /// From here on nothing brings the account back; whoever restores it in this moment was first, or is refused.
    async fn begin(&mut self) -> Result<(), Stop> {
        let after = Deletion {
            stage: Stage::Erasing(self.account),
            ..self.deletion.clone()
        };
        let writes = match self.deletion.stage {
            Stage::Waiting(account) => vec![self.eraser.accounts.erasing_write(account, &self.deletion.id)?],
            Stage::Erasing(_) | Stage::Erased(_) => Vec::new(),
        };
        self.write(writes, after).await
    }

    /// Looks once more what PayPal's record says of orders that are not paid, and waits for money that is under way, at most a
    /// day.
    async fn money(&mut self) -> Result<Left, Stop> {
        let patient = self.now() < self.deletion.due_at + MONEY_PATIENCE;
        let mut left = Left::Nothing;
        let mut before = None;
        loop {
            let page = self.eraser.cashier.orders.list(self.account, before, STEP).await?;
            for order in page.iter().filter(|order| order.payment.is_none()) {
                if patient && self.is_under_way(order).await? {
                    left = Left::Unfinished;
                }
            }
            match page.last() {
                Some(last) => before = Some(last.id),
                None => return Ok(left),
            }
        }
    }

    async fn is_under_way(&self, order: &Order) -> Result<bool, StoreError> {
        let converged = self.eraser.cashier.converge(order.id, Because::Due, &[]).await;
        match converged {
            Ok(converged) => Ok(converged.is_some_and(|converged| converged.order.state == OrderState::Pending)),
            Err(PaymentError::Store(error)) => Err(error),
            Err(PaymentError::PayPal(error)) => {
                tracing::warn!(order.id = %order.id, error = %chain(&error), "PayPal does not say how far an order is that is to be erased");
                Ok(true)
            }
        }
    }

    /// Removes the pictures that have ended, files first, and marks the others, so that they go as soon as they end.
    async fn pictures(&mut self) -> Result<Left, Stop> {
        let mut left = Left::Nothing;
        let mut before = None;
        loop {
            let page = self
                .eraser
                .images
                .list(self.account, before, STEP, Timestamp::MIN)
                .await?;
            let Some(last) = page.last().map(|image| image.id) else {
                return Ok(left);
            };
            let (ended, unfinished): (Vec<Image>, Vec<Image>) =
                page.into_iter().partition(|image| image.state.is_final());
            for image in unfinished {
                left = Left::Unfinished;
                self.mark(&image).await?;
            }
            self.remove_pictures(&ended).await?;
            before = Some(last);
        }
    }

    async fn mark(&self, image: &Image) -> Result<(), StoreError> {
        let mark = Transaction::of([self.eraser.images.deletion_mark_write(image)?]);
        match mark.commit(self.eraser.images.db()).await {
            Ok(()) => Ok(()),
            // It has ended meanwhile; the next run removes it.
            Err(error) if error.refused(Guard::Image).is_some() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove_pictures(&mut self, ended: &[Image]) -> Result<(), Stop> {
        let files: Vec<(Store, &Image)> = ended
            .iter()
            .flat_map(|image| image.stores.iter().map(move |store| (*store, image)))
            .collect();
        let removals: Vec<_> = files
            .iter()
            .map(|(store, image)| self.remove_file(*store, image))
            .collect();
        let () = stream::iter(removals).buffer_unordered(AT_ONCE).try_collect().await?;
        let in_store = |wanted: Store| files.iter().filter(|(store, _)| *store == wanted).count();
        let writes: Vec<Write> = ended
            .iter()
            .map(|image| self.eraser.images.erasure_write(image))
            .collect::<Result<_, _>>()?;
        let counts = [
            (Thing::Pictures, ended.len()),
            (Thing::CosFiles, in_store(Store::Cos)),
            (Thing::OssFiles, in_store(Store::Oss)),
        ];
        self.remove(writes, &counts).await
    }

    async fn remove_file(&self, store: Store, image: &Image) -> Result<(), EraseError> {
        let Some(key) = &image.object_key else { return Ok(()) };
        let removed = match self.eraser.stores.of(store) {
            Some(objects) => objects.delete(key).await,
            None => Err(ObjectError::Denied {
                reason: format!("{} is not configured any more", store.as_str()),
            }),
        };
        removed.map_err(|cause| EraseError::File { store, cause })
    }

    /// Cuts loose the orders that tax law keeps, and removes the others.
    async fn orders(&mut self) -> Result<(), Stop> {
        let mut before = None;
        loop {
            let orders = &self.eraser.cashier.orders;
            let page = orders.list(self.account, before, STEP).await?;
            let Some(last) = page.last().map(|order| order.id) else {
                return Ok(());
            };
            for listed in page {
                // The index lags behind the table.
                let Some(read) = orders.find(listed.id).await? else {
                    continue;
                };
                if read.account != Some(self.account) {
                    continue;
                }
                let (write, thing) = if has_money(&read) {
                    (orders.loose_write(&read, self.now())?, Thing::PaidOrders)
                } else {
                    (orders.removal_write(&read)?, Thing::UnpaidOrders)
                };
                self.remove(vec![write], &[(thing, 1)]).await?;
            }
            before = Some(last);
        }
    }

    async fn sessions(&mut self) -> Result<(), Stop> {
        loop {
            let sessions = &self.eraser.sessions;
            let page = sessions.list(self.account, None, STEP, Timestamp::MIN).await?;
            let writes = page.iter().map(|session| sessions.erasure_write(session));
            let writes: Vec<Write> = writes.collect::<Result<_, _>>()?;
            if self.remove_all(writes, Thing::Sessions).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn answers(&mut self) -> Result<(), Stop> {
        loop {
            let answers = &self.eraser.idempotency;
            let page = answers.of_account(self.account, STEP).await?;
            let writes = page.iter().map(|kept| answers.forget_write(kept));
            let writes: Vec<Write> = writes.collect::<Result<_, _>>()?;
            if self.remove_all(writes, Thing::Answers).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn mails(&mut self) -> Result<(), Stop> {
        let mut before = None;
        loop {
            let outbox = &self.eraser.outbox;
            let page = outbox.of_account(self.account, before, STEP).await?;
            let Some(last) = page.last().map(|mail| mail.id) else {
                return Ok(());
            };
            let writes = page.iter().map(|mail| outbox.erasure_write(mail.id));
            let writes: Vec<Write> = writes.collect::<Result<_, _>>()?;
            self.remove_all(writes, Thing::Mails).await?;
            before = Some(last);
        }
    }

    async fn requests(&mut self) -> Result<(), Stop> {
        let requests = &self.eraser.requests;
        let page = requests.kept_about(self.account, STEP).await?;
        let writes = page.iter().map(|kept| requests.forget_write(kept));
        let writes: Vec<Write> = writes.collect::<Result<_, _>>()?;
        self.remove_all(writes, Thing::Requests).await.map(drop)
    }

    async fn parts(&mut self) -> Result<(), Stop> {
        loop {
            let accounts = &self.eraser.accounts;
            let page = accounts.parts(self.account, STEP).await?;
            if page.is_empty() {
                return Ok(());
            }
            let writes = page.iter().map(|part| accounts.part_removal_write(self.account, part));
            let writes: Vec<Write> = writes.collect::<Result<_, _>>()?;
            let of = |wanted: Thing| page.iter().filter(|part| part.thing() == wanted).count();
            let counts = [(Thing::Consents, of(Thing::Consents)), (Thing::Codes, of(Thing::Codes))];
            self.remove(writes, &counts).await?;
        }
    }

    /// The profile goes, the address is free, and the statement is what is left: one transaction.
    async fn end(&mut self) -> Result<(), Stop> {
        let Eraser {
            accounts,
            privacy,
            signer,
            service,
            ..
        } = self.eraser;
        let now = self.now();
        let profile = accounts.profile(self.account).await?;
        let count = usize::from(profile.is_some());
        let last = Deletion {
            gone: self.deletion.gone.clone().and(Thing::Profile, count),
            ..self.deletion.clone()
        };
        let statement = signer.sign(&last.statement(service, now))?;
        let mut transaction = Transaction::of(privacy.erased_writes(&last, self.account, statement, now)?);
        if let Some(profile) = profile {
            transaction = transaction.and(accounts.farewell_write(self.account)?);
            // Where a backup brought the profile back, somebody else may have the address by now.
            let owner = accounts.owner(&profile.email).await?;
            if owner.is_some_and(|owner| owner.account == self.account) {
                transaction = transaction.and(accounts.free_address_write(&profile)?);
            }
        }
        settled(transaction.commit(privacy.db()).await)
    }

    async fn remove_all(&mut self, writes: Vec<Write>, thing: Thing) -> Result<usize, Stop> {
        let count = writes.len();
        self.remove(writes, &[(thing, count)]).await?;
        Ok(count)
    }

    /// Removes things and counts them, in one transaction.
    async fn remove(&mut self, writes: Vec<Write>, counts: &[(Thing, usize)]) -> Result<(), Stop> {
        if writes.is_empty() {
            return Ok(());
        }
        let gone = counts.iter().fold(self.deletion.gone.clone(), |gone, (thing, count)| {
            gone.and(*thing, *count)
        });
        let after = Deletion {
            gone,
            ..self.deletion.clone()
        };
        self.write(writes, after).await
    }

    async fn write(&mut self, writes: Vec<Write>, mut after: Deletion) -> Result<(), Stop> {
        let privacy = &self.eraser.privacy;
        let progress = privacy.progress_write(&self.deletion, &mut after, self.now() + LEASE)?;
        settled(Transaction::of(writes).and(progress).commit(privacy.db()).await)?;
        self.deletion = after;
        Ok(())
    }
}

/// A refusal means that something went by itself meanwhile (TTL, a worker, another run): a later run finds what is left.
fn settled(outcome: Result<(), TransactionError>) -> Result<(), Stop> {
    match outcome {
        Ok(()) => Ok(()),
        Err(TransactionError::Refused(_)) => Err(Stop::Overtaken),
        Err(error) => Err(StoreError::from(error).into()),
    }
}

/// Whether money has moved for the order, or may have: tax law keeps it then, and a person may have to look at it.
fn has_money(order: &Order) -> bool {
    order.payment.is_some() || matches!(order.state, OrderState::Pending | OrderState::Mismatched)
}
