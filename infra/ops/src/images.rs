//! A picture's whole story.

use jiff::SignedDuration;
use shared::Trace;
use shared::domain::image::{BackupReason, Cost, CreditFate, TryOutcome};
use shared::domain::ledger::{Entry, Side};
use shared::domain::{Credits, Image, State, Store};
use shared::ids::{AccountId, ImageId};
use shared::store::StoreError;
use shared::store::images::ImageKey;

use crate::table::{Table, name};
use crate::{Ops, OpsError};

/// How many items a step of the search for a picture passes.
const ITEMS_A_STEP: i32 = 1_000;

/// How many entries of a ledger are read at once.
const ENTRIES: i32 = 100;

/// An order's entry may be written before its picture's id was made, by clocks that differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Ops {
    /// What became of a picture, as text to read. Without `account` the whole table is searched for it.
    ///
    /// # Errors
    /// When there is no such picture, or a table cannot be asked.
    pub async fn image(&self, id: ImageId, account: Option<AccountId>) -> Result<String, OpsError> {
        let found = self.find(id, account).await.map_err(|error| self.explained(error))?;
        let Some(image) = found else {
            let whose = account.map_or_else(String::new, |account| format!(" of {account}"));
            let made = id.made_at();
            return Err(OpsError::Absent(format!(
                "there is no picture {id}{whose}: deleted, erased after its thirty days, or never ordered (its id says {made})"
            )));
        };
        let mut table = Table::default();
        describe(&mut table, &image);
        tries(&mut table, &image);
        self.ledger(&mut table, &image)
            .await
            .map_err(|error| self.explained(error))?;
        Ok(table.text())
    }

    pub(crate) async fn find(&self, id: ImageId, account: Option<AccountId>) -> Result<Option<Image>, StoreError> {
        if let Some(account_id) = account {
            return self.images.as_it_stands(ImageKey { account_id, id }).await;
        }
        let mut from = None;
        loop {
            let step = self.images.whose(id, from, ITEMS_A_STEP).await?;
            if let Some(image) = step.images.into_iter().next() {
                return Ok(Some(image));
            }
            match step.next {
                Some(next) => from = Some(next),
                None => return Ok(None),
            }
        }
    }

    /// What the account's ledger says about the picture.
    async fn ledger(&self, table: &mut Table, image: &Image) -> Result<(), StoreError> {
        table.heading("ledger");
        let Some(profile) = self.accounts.profile(image.account).await? else {
            table.fact("account", "is gone");
            return Ok(());
        };
        let since = image.ordered_at() - SKEW;
        let (mut entries, mut before) = (Vec::new(), None);
        loop {
            let page = self.ledgers.entries(profile.ledger, before, ENTRIES).await?;
            let oldest = page.last().map(|entry| (entry.seq, entry.at));
            entries.extend(page.into_iter().filter(|entry| entry.image == Some(image.id)));
            match oldest {
                Some((seq, at)) if at >= since && seq > 1 => before = Some(seq),
                Some(_) | None => break,
            }
        }
        for entry in entries.iter().rev() {
            table.fact(&name(entry.kind), moved(entry));
        }
        if entries.is_empty() {
            table.fact("entries", "none");
        }
        Ok(())
    }
}

fn describe(table: &mut Table, image: &Image) {
    table.heading(&image.id.to_string());
    table.fact("account", image.account);
    table.fact("ordered at", image.ordered_at());
    table.known("by request", image.trace.as_ref().map(Trace::as_str));
    table.fact("state", state(image.state));
    table.fact("credit", credit(image.state.credit()));
    table.fact(
        "prompt",
        format!("{} characters", image.prompt.as_str().chars().count()),
    );
    table.fact("ratio", image.ratio.as_str());
    table.fact("fallback", name(image.fallback));
    table.fact("taken", format!("{} times", image.attempt));
    table.known("lease until", image.lease_until);
    table.known("requested", image.requested);
    table.known("delivered", image.delivered);
    table.known("drawn by", image.model.as_deref());
    table.known("backup because", image.backup_because().map(because));
    table.known(
        "task",
        image
            .task
            .as_ref()
            .map(|_| "DashScope has accepted it and is asked how far it is"),
    );
    table.known(
        "result",
        image.result_url.as_ref().map(|_| "its address is known, and not shown"),
    );
    table.known("object", image.object_key.as_ref());
    let stores: Vec<&str> = image.stores.iter().map(|store| store.as_str()).collect();
    table.known("in stores", Some(stores.join(", ")).filter(|stores| !stores.is_empty()));
    table.known("stored in", image.stored_in.map(Store::as_str));
    table.known(
        "to be deleted",
        image.delete_requested.then_some("as soon as it has ended"),
    );
    table.known("ended at", image.finished_at);
    table.fact("expires at", image.expires_at());
}

/// Every time a model was asked, and what that has cost.
fn tries(table: &mut Table, image: &Image) {
    table.heading("tries");
    for (number, tried) in image.tries.iter().enumerate() {
        let outcome = match tried.outcome {
            Some(TryOutcome::Painted) => "painted",
            Some(TryOutcome::Refused) => "refused by its moderation",
            Some(TryOutcome::NotCharged) => "surely neither painted nor charged",
            Some(TryOutcome::Unknown) => "nobody knows: the answer was lost",
            None => "under way, or its worker died",
        };
        let reason = tried.reason.as_ref().map(|reason| format!(" ({reason})"));
        let took = tried.ended_at.map(|ended| ended.duration_since(tried.at));
        let took = took.map(|took| format!(" after {}.{:03} s", took.as_secs(), took.subsec_millis()));
        let cost = match tried.cost() {
            Cost::Nothing => "cost nothing".to_owned(),
            Cost::Paid(price) => format!("cost {price}"),
            Cost::Perhaps(price) => format!("cost {price} or nothing: the bill tells"),
        };
        let (reason, took) = (reason.unwrap_or_default(), took.unwrap_or_default());
        table.fact(
            &format!("{} {}", number + 1, tried.provider.as_str()),
            format!("{} {outcome}{reason}{took}; {cost}", tried.at),
        );
    }
    if image.tries.is_empty() {
        table.fact("models", "none was asked");
    }
}

fn because(reason: BackupReason) -> &'static str {
    match reason {
        BackupReason::PrimaryFailed => "the primary failed for this picture",
        BackupReason::PrimaryPaused => "the primary was left alone, because it had failed for others",
    }
}

fn state(state: State) -> String {
    match state {
        State::Queued => "queued".to_owned(),
        State::Claimed => "claimed".to_owned(),
        State::Dispatched => "dispatched".to_owned(),
        State::Painted => "painted".to_owned(),
        State::Ready => "ready".to_owned(),
        State::Refused(what) => format!("refused: {}", name(what)),
        State::Failed(why) => format!("failed: {}", name(why)),
    }
}

fn credit(fate: CreditFate) -> &'static str {
    match fate {
        CreditFate::Held => "held until the outcome is known",
        CreditFate::Spent => "spent",
        CreditFate::Released => "given back",
    }
}

fn moved(entry: &Entry) -> String {
    let sides = [
        Side::Available,
        Side::Held,
        Side::Bonus,
        Side::Granted,
        Side::Sold,
        Side::Spent,
    ];
    let sides = sides.into_iter().filter_map(|side| {
        let credits = entry.on(side);
        (credits != Credits::ZERO).then(|| format!("{} {}", name(side), signed(credits)))
    });
    let sides: Vec<String> = sides.collect();
    format!("{}  entry {}: {}", entry.at, entry.seq, sides.join(", "))
}

fn signed(credits: Credits) -> String {
    let sign = if credits > Credits::ZERO { "+" } else { "" };
    format!("{sign}{credits}")
}
