//! JSON compared as data: the order of keys, the layout and the spelling of numbers do not count.

use serde_json::{Number, Value};

/// The first place in which two values differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<'a> {
    /// JSON Pointer to it; empty for the whole value.
    pub path: String,
    /// What stands there in the first value; `None` where there is no such place.
    pub left: Option<&'a Value>,
    /// What stands there in the second value; `None` where there is no such place.
    pub right: Option<&'a Value>,
}

/// The first difference of two values in the order of the left one, then of keys that only the right one has; `None`
/// where they are the same data.
///
/// Objects are equal whatever the order of their keys, lists only in order, numbers by value: `1`, `1.0` and `1e0` are
/// one number. Whole numbers are compared exactly as far as 64 bits reach; what is beyond that was rounded when the
/// text was read.
pub fn difference<'a>(left: &'a Value, right: &'a Value) -> Option<Difference<'a>> {
    match (left, right) {
        (Value::Object(l), Value::Object(r)) => l
            .iter()
            .find_map(|(key, value)| step(key, Some(value), r.get(key)))
            .or_else(|| {
                r.iter()
                    .filter(|(key, _)| !l.contains_key(*key))
                    .find_map(|(key, value)| step(key, None, Some(value)))
            }),
        (Value::Array(l), Value::Array(r)) => {
            (0..l.len().max(r.len())).find_map(|i| step(&i.to_string(), l.get(i), r.get(i)))
        }
        (Value::Number(l), Value::Number(r)) if same_number(l, r) => None,
        _ if left == right => None,
        _ => Some(Difference {
            path: String::new(),
            left: Some(left),
            right: Some(right),
        }),
    }
}

/// Goes down by one key; the path is only built where a difference was found.
fn step<'a>(
    key: &str,
    left: Option<&'a Value>,
    right: Option<&'a Value>,
) -> Option<Difference<'a>> {
    let mut found = match (left, right) {
        (Some(left), Some(right)) => difference(left, right)?,
        _ => Difference {
            path: String::new(),
            left,
            right,
        },
    };
    let key = key.replace('~', "~0").replace('/', "~1");
    found.path = format!("/{key}{}", found.path);
    Some(found)
}

fn same_number(left: &Number, right: &Number) -> bool {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left.as_f64() == right.as_f64(),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

/// The value over several lines with sorted keys, so that two values differ only where their data does.
pub fn pretty(mut value: Value) -> String {
    value.sort_all_objects();
    format!("{value:#}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first(left: &Value, right: &Value) -> Option<String> {
        difference(left, right).map(|found| {
            let show = |side: Option<&Value>| side.map_or("nothing".into(), Value::to_string);
            format!(
                "{}: {} / {}",
                found.path,
                show(found.left),
                show(found.right)
            )
        })
    }

    #[test]
    fn order_of_keys_and_spelling_of_numbers_do_not_count() {
        let left: Value = serde_json::from_str(r#"{"a": 1, "b": [1.0, 1e2]}"#).unwrap();
        let right: Value = serde_json::from_str(r#"{"b": [1, 100], "a": 1.0}"#).unwrap();
        assert_eq!(first(&left, &right), None);
        assert_eq!(
            pretty(right),
            "{\n  \"a\": 1.0,\n  \"b\": [\n    1,\n    100\n  ]\n}"
        );
    }

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        for (left, right, wanted) in [
            (
                json!({"a": [1, {"b": 2}]}),
                json!({"a": [1, {"b": 3}]}),
                "/a/1/b: 2 / 3",
            ),
            (
                json!({"a/b": {"~": 1}}),
                json!({"a/b": {"~": null}}),
                "/a~1b/~0: 1 / null",
            ),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), "/b: nothing / 2"),
            (json!({"a": 1}), json!({}), "/a: 1 / nothing"),
            (json!([1, 2]), json!([1]), "/1: 2 / nothing"),
            (json!("1"), json!(1), ": \"1\" / 1"),
            (
                json!(u64::MAX),
                json!(u64::MAX - 1),
                ": 18446744073709551615 / 18446744073709551614",
            ),
            (json!(-1), json!(1), ": -1 / 1"),
        ] {
            assert_eq!(first(&left, &right).as_deref(), Some(wanted));
        }
    }
}
