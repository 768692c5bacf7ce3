//! What was spent on painting in a day.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Limits, key};
use crate::domain::Fen;
use crate::domain::spend::Ceiling;
use crate::store::{Expression, Item, StoreError, Updated};

/// How long a day's sum is kept.
const MEMORY: SignedDuration = SignedDuration::from_hours(40 * 24);

impl Limits {
    /// Sets `price` aside in the budget of the day; `false` when it does not fit under the ceiling any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spend(&self, price: Fen, ceiling: Ceiling, now: Timestamp) -> Result<bool, StoreError> {
        let spend = Expression::update("SET #expires_at = :ends ADD #fen :price")
            .number(":ends", (now + MEMORY).as_second())
            .number(":price", price.0);
        let spend = match ceiling {
            Ceiling::None => spend,
            Ceiling::At(most) => match most.0.checked_sub(price.0) {
                Some(room) => spend
                    .and_when("attribute_not_exists(#fen) OR #fen <= :room")
                    .number(":room", room),
                None => return Ok(false),
            },
        };
        let updated = self.table.update(budget_key(now), spend).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }

    /// Gives back what was set aside at `spent` and did not have to be paid.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unspend(&self, price: Fen, spent: Timestamp) -> Result<(), StoreError> {
        let back = Expression::update("ADD #fen :back")
            .and_when("#fen >= :price")
            .number(":back", -i64::from(price.0))
            .number(":price", price.0);
        self.table.update(budget_key(spent), back).await.map(drop)
    }

    /// Counts what may have been paid at `spent` for nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn perhaps_lost(&self, price: Fen, spent: Timestamp) -> Result<(), StoreError> {
        let lost = Expression::update("ADD #perhaps_lost_fen :price, #perhaps_lost :one")
            .number(":price", price.0)
            .number(":one", 1);
        self.table.update(budget_key(spent), lost).await.map(drop)
    }

    /// Whether another picture of at least this price fits into the day's budget.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn affords(&self, price: Fen, ceiling: Ceiling, now: Timestamp) -> Result<bool, StoreError> {
        let Ceiling::At(most) = ceiling else { return Ok(true) };
        let item = self.table.get(budget_key(now)).await?;
        let spent = item.and_then(|item| item.get("fen")?.as_n().ok()?.parse::<u32>().ok());
        Ok(spent.unwrap_or(0).saturating_add(price.0) <= most.0)
    }
}

fn budget_key(now: Timestamp) -> Item {
    let day = now.to_zoned(TimeZone::UTC).date();
    key(&[("pk", format!("budget#{day}"))])
}
