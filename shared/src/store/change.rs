//! Items that are written anew as a whole and yet keep what this function does not know.
//!
//! While a deployment is under way, and after going back from one, older and newer functions write the same items. A `PutItem` of
//! all that a function knows would take away what a newer one has added, so an item that may be there already is changed by an
//! `UpdateItem`: every attribute of its form is set or removed, and all others stay. Where they must not stay, because a person is
//! being erased, or where a new thing takes the place of an old one, `PutItem` is right.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::{Serialize, forward_to_deserialize_any};

use super::{Expression, Guard, Item, StoreError, Table, Updated, Write, to_item};

impl Table {
    /// Gives the item with this key the form `new` if `condition` holds for what is there, as a piece of a transaction.
    /// Attributes that the form does not know stay as they are.
    pub(super) fn change_write<T: Serialize + DeserializeOwned>(
        &self,
        key: Item,
        new: &T,
        condition: Expression,
        guard: Guard,
    ) -> Result<Write, StoreError> {
        let change = changing(&key, new, condition)?;
        self.update_write(key, change, guard)
    }

    /// The same, by itself.
    pub(super) async fn change<T: Serialize + DeserializeOwned>(
        &self,
        key: Item,
        new: &T,
        condition: Expression,
    ) -> Result<Updated, StoreError> {
        let change = changing(&key, new, condition)?;
        self.update(key, change).await
    }
}

/// `condition`, with the update that sets what `new` has and removes what it could have and has not.
fn changing<T: Serialize + DeserializeOwned>(
    key: &Item,
    new: &T,
    condition: Expression,
) -> Result<Expression, StoreError> {
    let known = attributes_of::<T>();
    if known.is_empty() {
        return Err(StoreError::Broken {
            key: "changed item".to_owned(),
            cause: "its form does not say which attributes it has".into(),
        });
    }
    let is_key = |name: &str| key.contains_key(name);
    let values: Item = to_item(new)?.into_iter().filter(|(name, _)| !is_key(name)).collect();
    let missing = known
        .iter()
        .copied()
        .filter(|name| !is_key(name) && !values.contains_key(*name));
    let removed: Vec<String> = missing.map(|name| format!("#{name}")).collect();
    let set: Vec<String> = values.keys().map(|name| format!("#{name} = :new_{name}")).collect();
    let mut update = format!("SET {}", set.join(", "));
    if !removed.is_empty() {
        update = format!("{update} REMOVE {}", removed.join(", "));
    }
    let expression = condition.and_update(&update);
    Ok(values.into_iter().fold(expression, |expression, (name, value)| {
        expression.value(&format!(":new_{name}"), value)
    }))
}

/// The names that the fields of a stored form have, absent ones included: serde's derive tells them to whoever is to read one, so
/// that no list of ours can fall behind. None for a form with a flattened part, which does not say them.
fn attributes_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // Ends in an error as soon as the names are known.
    drop(T::deserialize(Asked(&mut names)));
    names
}

/// Reads nothing, and keeps the names that it is to read.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only its names were asked for"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it is no struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use serde::Deserialize;

    use super::*;
    use crate::store::key;

    #[derive(Serialize, Deserialize)]
    struct Form {
        id: String,
        size: u32,
        #[serde(rename = "reason", skip_serializing_if = "Option::is_none", default)]
        why: Option<String>,
    }

    #[derive(Serialize, Deserialize)]
    struct Flattened {
        id: String,
        #[serde(flatten)]
        form: Form,
    }

    fn form(why: Option<&str>) -> Form {
        Form {
            id: "a".to_owned(),
            size: 3,
            why: why.map(str::to_owned),
        }
    }

    #[test]
    fn what_a_form_has_is_set_and_what_it_could_have_is_removed() {
        let key = key(&[("id", "a".to_owned())]);
        let same = || Expression::when("#size = :before").number(":before", 2);
        let change = changing(&key, &form(None), same()).unwrap();
        assert_eq!(change.update.as_deref(), Some("SET #size = :new_size REMOVE #reason"));
        assert_eq!(change.condition.as_deref(), Some("#size = :before"));
        let values = change.values.unwrap();
        assert_eq!(values[":new_size"], AttributeValue::N("3".to_owned()));
        assert_eq!(values[":before"], AttributeValue::N("2".to_owned()));
        let update = changing(&key, &form(Some("it")), same()).unwrap().update.unwrap();
        assert!(
            !update.contains("REMOVE") && update.contains("#reason = :new_reason"),
            "{update}"
        );
    }

    #[test]
    fn a_form_that_does_not_say_what_it_has_is_not_written() {
        let flattened = Flattened {
            id: "a".to_owned(),
            form: form(None),
        };
        assert!(changing(&Item::new(), &flattened, Expression::default()).is_err());
    }
}
