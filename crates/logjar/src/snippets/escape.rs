//! Escapes an address so that a language reads it as that text, whatever it contains. A control character, which no
//! address has, becomes a question mark.

/// As content of an XML element.
pub(super) fn xml(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Between double quotes of Clojure or Scala.
pub(super) fn double_quoted(text: &str) -> String {
    printable(text).replace('\\', r"\\").replace('"', r#"\""#)
}

/// Between single quotes in Groovy, where a dollar sign has no special meaning.
pub(super) fn single_quoted(text: &str) -> String {
    printable(text).replace('\\', r"\\").replace('\'', r"\'")
}

/// As the value of a Java property.
pub(super) fn property(text: &str) -> String {
    printable(text).replace('\\', r"\\")
}

/// As one word of a POSIX shell.
pub(super) fn shell_word(text: &str) -> String {
    format!("'{}'", printable(text).replace('\'', r"'\''"))
}

fn printable(text: &str) -> String {
    text.chars().map(|each| if each.is_control() { '?' } else { each }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_what_it_stands_in() {
        let hostile = "a\"b'c\\d<e>&f\ng $h";
        let cases = [
            (xml(hostile), r#"a"b'c\d&lt;e&gt;&amp;f?g $h"#),
            (double_quoted(hostile), r#"a\"b'c\\d<e>&f?g $h"#),
            (single_quoted(hostile), r#"a"b\'c\\d<e>&f?g $h"#),
            (property(hostile), r#"a"b'c\\d<e>&f?g $h"#),
            (shell_word(hostile), r#"'a"b'\''c\d<e>&f?g $h'"#),
        ];
        for (escaped, expected) in cases {
            assert_eq!(escaped, expected);
        }
    }
}
