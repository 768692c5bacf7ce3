//! What lies in the tables and the stores, seen past everybody.

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use shared::domain::Store;
use shared::domain::ledger::{Balance, Entry};

use super::{Lab, Seller};

/// A seller's credits.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// What there is, and what is set aside.
    pub balance: Balance,
    /// Every line, oldest first.
    pub entries: Vec<Entry>,
    /// The pictures, by their ids, for which a credit is still set aside.
    pub holds: Vec<String>,
}

impl Lab {
    /// The seller's credits, to the last line.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn ledger(&self, seller: &Seller) -> Result<Ledger> {
        let ledgers = self.office.ledgers()?;
        let balance = ledgers.balance(seller.ledger).await?;
        let mut entries = ledgers.entries(seller.ledger, None, 1000).await?;
        entries.reverse();
        let pk = json!({"S": seller.ledger.to_string()});
        let mut holds: Vec<String> = self
            .items("ledger")?
            .iter()
            .filter(|item| item["pk"] == pk)
            .filter_map(|item| item["sk"]["S"].as_str()?.strip_prefix("HOLD#").map(str::to_owned))
            .collect();
        holds.sort();
        Ok(Ledger {
            balance,
            entries,
            holds,
        })
    }

    /// Every item of a table as the database has it, expired ones included; by the template's short name, `images`.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn items(&self, table: &str) -> Result<Vec<Value>> {
        let spec = self.template.table(table);
        let spec = spec.with_context(|| format!("the template has no table `{table}`"))?;
        let database = self.engines.tables.database();
        let mut items = Vec::new();
        let mut from = Value::Null;
        loop {
            let mut request = json!({"TableName": spec.name});
            if !from.is_null() {
                request["ExclusiveStartKey"] = from;
            }
            let page = database.scan(serde_json::from_value(request)?);
            let mut page = serde_json::to_value(page.map_err(|error| anyhow!("{error}"))?)?;
            if let Value::Array(found) = page["Items"].take() {
                items.extend(found);
            }
            from = page["LastEvaluatedKey"].take();
            if from.is_null() {
                return Ok(items);
            }
        }
    }

    /// Removes an item past everybody; the stream sees it.
    pub(super) fn remove(&self, table: &str, item: &Value, keys: [&str; 2]) -> Result<()> {
        let spec = self.template.table(table);
        let spec = spec.with_context(|| format!("the template has no table `{table}`"))?;
        let key: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect();
        let request = serde_json::from_value(json!({"TableName": spec.name, "Key": key}))?;
        let removed = self.engines.tables.database().delete_item(request);
        removed.map(drop).map_err(|error| anyhow!("{error}"))
    }

    /// The keys of all objects in a store, in order.
    ///
    /// # Errors
    /// When the laboratory has no such store.
    pub fn objects(&self, store: Store) -> Result<Vec<String>> {
        let name = format!("{}_BUCKET", store.as_str().to_uppercase());
        let bucket = self
            .template
            .functions
            .iter()
            .find_map(|function| function.variables.get(&name));
        let bucket = bucket.with_context(|| format!("no function is given a `{name}`"))?;
        let found = self.exchange.stores.iter().find(|(known, _)| *known == store);
        let (_, objects) = found.with_context(|| format!("there is no store `{}`", store.as_str()))?;
        objects.keys(bucket)
    }
}
