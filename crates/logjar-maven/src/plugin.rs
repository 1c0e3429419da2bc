//! The prefix of a Maven plugin, by which `mvn prefix:goal` finds it; group-level metadata lists the prefixes.
//!
//! Reading `META-INF/maven/plugin.xml` out of the jar is not done here.

use crate::coordinates::NAME_BYTES_MAX;
use crate::xml;

/// The `<goalPrefix>` of a `plugin.xml`; `None` if it has none that could be used on a command line.
pub fn plugin_prefix(plugin_xml: &[u8]) -> Option<String> {
    let plugin = xml::read(plugin_xml, "plugin").ok()?;
    let prefix = plugin.child_text("goalPrefix")?;
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
    let right = prefix.len() <= NAME_BYTES_MAX && prefix.chars().all(is_allowed);
    right.then(|| prefix.to_owned())
}

/// The default prefix of a plugin: the artifact without `maven` and `plugin` and the hyphens next to them. `None` if
/// nothing is left.
pub fn default_plugin_prefix(artifact: &str) -> Option<String> {
    if artifact == "maven-plugin-plugin" {
        return Some("plugin".to_owned());
    }
    let prefix = remove_word(&remove_word(artifact, "maven"), "plugin");
    (!prefix.is_empty()).then_some(prefix)
}

/// Removes all occurrences of a word, with one hyphen on each side of it.
fn remove_word(text: &str, word: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((front, back)) = rest.split_once(word) {
        kept.push_str(front.strip_suffix('-').unwrap_or(front));
        rest = back.strip_prefix('-').unwrap_or(back);
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_artifacts() {
        let cases = [
            ("maven-deploy-plugin", Some("deploy")),
            ("clojure-maven-plugin", Some("clojure")),
            ("maven-plugin-plugin", Some("plugin")),
            ("build-helper-maven-plugin", Some("build-helper")),
            ("a-maven-b-plugin", Some("ab")),
            ("tool", Some("tool")),
            ("maven-plugin", None),
        ];
        for (artifact, prefix) in cases {
            assert_eq!(default_plugin_prefix(artifact).as_deref(), prefix, "{artifact}");
        }
    }

    #[test]
    fn prefix_of_a_descriptor() {
        let descriptor =
            |prefix: &str| format!("<plugin><name>N</name><goalPrefix>{prefix}</goalPrefix></plugin>");
        assert_eq!(plugin_prefix(descriptor(" hello ").as_bytes()).as_deref(), Some("hello"));
        for refused in ["", "a b", "a:b", "é", "&lt;x&gt;"] {
            assert_eq!(plugin_prefix(descriptor(refused).as_bytes()), None, "{refused}");
        }
        assert_eq!(plugin_prefix(b"<plugin/>"), None);
        assert_eq!(plugin_prefix(b"no xml"), None);
    }
}
