//! Writes JSON values as EDN (<https://github.com/edn-format/edn>): keys as keywords, null as nil.

use serde_json::Value;

/// The value as EDN. Keys must be names of our own, such as `group_name`: they are written unescaped.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("nil"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(' ');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (place, (name, value)) in fields.iter().enumerate() {
                if place > 0 {
                    text.push_str(", ");
                }
                text.push(':');
                text.push_str(name);
                text.push(' ');
                write_value(text, value);
            }
            text.push('}');
        }
    }
}

/// EDN has no other escapes; all other characters are written as they are.
fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::write;

    #[test]
    fn every_kind_of_value() {
        let value = json!({
            "group_name": "org.example", "latest_release": null, "downloads": 7, "share": 0.5, "yes": true,
            "scm": { "developer-connection": "a \"b\" \\c\n\td" },
            "licenses": [{ "name": "EPL-2.0 – ä" }, {}], "none": [],
        });
        assert_eq!(
            write(&value),
            "{:group_name \"org.example\", :latest_release nil, :downloads 7, :share 0.5, :yes true, \
             :scm {:developer-connection \"a \\\"b\\\" \\\\c\\n\\td\"}, \
             :licenses [{:name \"EPL-2.0 – ä\"} {}], :none []}"
        );
    }
}
