//! Writes that happen together or not at all.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as Return, TransactWriteItem,
    Update,
};

use super::table::{Expression, Item, Table, failed};
use super::{Db, StoreError};

/// What the condition on a write protects; a cancelled transaction says which of them did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The account is there and active.
    Account,
    /// The address belongs to nobody.
    Address,
    /// The address's owner is as it was read.
    Owner,
    /// The change of address is still the one whose code was shown.
    EmailChange,
    /// The version of the policy has not been accepted yet.
    Consent,
    /// The address has not had its bonus.
    Bonus,
    /// The code is still the one that was shown.
    Code,
    /// The sign-up is still waiting.
    SignUp,
    /// The balance is as it was read.
    Balance,
    /// The cause has not acted.
    Cause,
    /// The hold is open, or not yet there.
    Hold,
    /// The picture is as the writer believes.
    Image,
    /// The order is the version that was read.
    Order,
    /// The receipt's number is the next one.
    Receipt,
    /// The deletion is the version that was read, or has not begun.
    Deletion,
    /// The request about somebody's data is as it was read.
    Request,
    /// The report is not closed.
    Report,
    /// The piece of an account is still there.
    Part,
    /// The operator's act was not done before.
    Act,
    /// The key has not been used.
    Idempotency,
    /// The item is new; fails only when the same write is repeated.
    New,
}

/// One write of a transaction and what its condition means.
#[derive(Clone, Debug)]
pub struct Write {
    item: TransactWriteItem,
    guard: Guard,
}

/// Writes that happen together or not at all.
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction(Vec<Write>);

/// A condition that did not hold.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What it protected.
    pub guard: Guard,
    pub(super) item: Option<Item>,
}

/// Why a transaction was not made.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// Conditions did not hold; nothing was written.
    #[error("a condition did not hold")]
    Refused(Vec<Refused>),
    /// The store failed; it is not known whether anything was written, unless it says contended.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransactionError {
    /// The refusal under `guard`, if there is one.
    #[must_use]
    pub fn refused(&self, guard: Guard) -> Option<&Refused> {
        match self {
            Self::Refused(refusals) => refusals.iter().find(|refused| refused.guard == guard),
            Self::Store(_) => None,
        }
    }
}

impl From<TransactionError> for StoreError {
    /// A refusal that a flow has no answer to counts as contention: it is read and judged anew next time.
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Refused(_) => Self::Contended,
            TransactionError::Store(store) => store,
        }
    }
}

/// How often a transaction is tried against others that write the same items.
const ATTEMPTS: u32 = 4;

impl Transaction {
    /// One with these writes.
    pub fn of(writes: impl IntoIterator<Item = Write>) -> Self {
        Self(writes.into_iter().collect())
    }

    /// And this write.
    pub fn and(mut self, write: Write) -> Self {
        self.0.push(write);
        self
    }

    /// And these.
    pub fn and_all(mut self, writes: impl IntoIterator<Item = Write>) -> Self {
        self.0.extend(writes);
        self
    }

    /// Makes it. Conflicts with other transactions are tried again, after a growing and random pause.
    ///
    /// # Errors
    /// [`TransactionError::Refused`] with every condition that did not hold, or the store's own failure.
    pub async fn commit(self, db: &Db) -> Result<(), TransactionError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(db).await {
                Err(TransactionError::Store(StoreError::Contended)) if attempt < ATTEMPTS => {
                    let most = 25 << attempt;
                    tokio::time::sleep(Duration::from_millis(u64::from(db.entropy.below(most)))).await;
                }
                result => return result,
            }
        }
    }

    async fn attempt(&self, db: &Db) -> Result<(), TransactionError> {
        let items = self.0.iter().map(|write| write.item.clone()).collect();
        let request = db.client.transact_write_items().set_transact_items(Some(items));
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.read(error)),
        }
    }

    fn read<R>(&self, error: SdkError<TransactWriteItemsError, R>) -> TransactionError
    where
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
            _ => return failed(error).into(),
        };
        let refused: Vec<Refused> = self
            .0
            .iter()
            .zip(reasons)
            .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
            .map(|(write, reason)| Refused {
                guard: write.guard,
                item: reason.item.clone(),
            })
            .collect();
        if !refused.is_empty() {
            return TransactionError::Refused(refused);
        }
        let of_load = |reason: &CancellationReason| {
            matches!(reason.code(), Some("ThrottlingError" | "ProvisionedThroughputExceeded"))
        };
        if reasons
            .iter()
            .any(|reason| reason.code() == Some("TransactionConflict"))
        {
            StoreError::Contended.into()
        } else if reasons.iter().any(of_load) {
            StoreError::Unavailable(error.into()).into()
        } else {
            StoreError::Rejected(error.into()).into()
        }
    }
}

impl Table {
    /// Writes `item` if the expression's condition holds for what is there.
    pub(super) fn put_write(&self, item: Item, expression: Expression, guard: Guard) -> Result<Write, StoreError> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .return_values_on_condition_check_failure(Return::AllOld)
            .build()
            .map_err(|error| StoreError::Rejected(error.into()))?;
        Ok(Write {
            item: TransactWriteItem::builder().put(put).build(),
            guard,
        })
    }

    /// Changes the item with this key if the expression's condition holds.
    pub(super) fn update_write(&self, key: Item, expression: Expression, guard: Guard) -> Result<Write, StoreError> {
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_update_expression(expression.update)
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .return_values_on_condition_check_failure(Return::AllOld)
            .build()
            .map_err(|error| StoreError::Rejected(error.into()))?;
        Ok(Write {
            item: TransactWriteItem::builder().update(update).build(),
            guard,
        })
    }

    /// Removes the item with this key if the expression's condition holds.
    pub(super) fn delete_write(&self, key: Item, expression: Expression, guard: Guard) -> Result<Write, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .return_values_on_condition_check_failure(Return::AllOld)
            .build()
            .map_err(|error| StoreError::Rejected(error.into()))?;
        Ok(Write {
            item: TransactWriteItem::builder().delete(delete).build(),
            guard,
        })
    }

    /// Goes on only if the expression's condition holds for the item with this key.
    pub(super) fn check_write(&self, key: Item, expression: Expression, guard: Guard) -> Result<Write, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values)
            .return_values_on_condition_check_failure(Return::AllOld)
            .build()
            .map_err(|error| StoreError::Rejected(error.into()))?;
        Ok(Write {
            item: TransactWriteItem::builder().condition_check(check).build(),
            guard,
        })
    }
}
