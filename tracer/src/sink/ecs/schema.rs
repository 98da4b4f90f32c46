//! The JSON Schema that is checked in, generated from the types.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{Record, SummaryRecord};
use crate::sink::golden;

#[test]
fn schema_checked_in_is_that_of_the_types() {
    check::<Record<'_>>("../docs/schema/finding-1.schema.json");
    check::<SummaryRecord<'_>>("../docs/schema/check-summary-1.schema.json");
}

fn check<T: schemars::JsonSchema>(path: &str) {
    let generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    absent_is_absent(&mut schema);
    golden::check(path, &format!("{schema:#}\n"));
}

/// An absent field is left out, so it is never null and no text is empty: the schema says so.
fn absent_is_absent(schema: &mut Value) {
    let Value::Object(members) = schema else {
        if let Value::Array(items) = schema {
            items.iter_mut().for_each(absent_is_absent);
        }
        return;
    };
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            members.remove("anyOf");
            members.extend(only);
        }
    }
    if members.get("type") == Some(&json!("string")) && !members.contains_key("enum") {
        members.insert("minLength".to_owned(), json!(1));
    }
    members.values_mut().for_each(absent_is_absent);
}
