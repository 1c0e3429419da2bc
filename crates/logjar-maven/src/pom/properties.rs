//! Resolves `${…}` from the POM itself: its own fields and its `<properties>`.
//!
//! A hostile POM can make references grow without end, or in circles. So depth and the bytes that all references of one
//! POM may add are limited; what goes beyond stays unresolved.

use std::cell::Cell;
use std::collections::HashMap;

use crate::coordinates::shown;
use crate::xml::Element;

/// How deep references may be nested.
const DEPTH_MAX: usize = 16;

/// Maximum bytes that the references of one POM may add together, which also limits how many are followed.
const EXPANSION_BYTES_MAX: usize = 1024 * 1024;

/// What every followed reference costs, besides its bytes.
const REFERENCE_BYTES: usize = 16;

/// A text with its references resolved as far as possible.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The text; a reference that could not be resolved is unchanged.
    pub(super) text: String,
    /// The first property that could not be resolved.
    pub(super) unresolved: Option<String>,
}

/// What references of a POM can name.
pub(super) struct Properties<'a> {
    /// The POM's own fields: `artifactId`, `parent.version`, `scm.url`.
    fields: HashMap<String, &'a str>,
    /// The entries of `<properties>`; the last one with a name counts.
    own: HashMap<&'a str, &'a str>,
    /// How many bytes references may still add.
    budget: Cell<usize>,
}

impl<'a> Properties<'a> {
    pub(super) fn of(project: &'a Element) -> Self {
        let mut fields = HashMap::new();
        for child in &project.children {
            if let Some(text) = child.text() {
                fields.entry(child.name.clone()).or_insert(text);
            }
            if child.name == "properties" {
                continue;
            }
            for grandchild in &child.children {
                if let Some(text) = grandchild.text() {
                    fields.entry(format!("{}.{}", child.name, grandchild.name)).or_insert(text);
                }
            }
        }
        for name in ["groupId", "version"] {
            if let Some(text) = fields.get(&format!("parent.{name}")).copied() {
                fields.entry(name.to_owned()).or_insert(text);
            }
        }
        fields.entry("packaging".to_owned()).or_insert("jar");
        let own = project.child("properties").map(|list| list.children.as_slice()).unwrap_or_default();
        let own = own.iter().map(|entry| (entry.name.as_str(), entry.text().unwrap_or_default())).collect();
        Self { fields, own, budget: Cell::new(EXPANSION_BYTES_MAX) }
    }

    /// Resolves the references in a text.
    pub(super) fn resolve(&self, text: &str) -> Resolved {
        let mut resolved = Resolved { text: String::new(), unresolved: None };
        self.append(text, &mut Vec::new(), &mut resolved);
        resolved
    }

    /// Appends a text, following its references. `open` contains the names that led here.
    fn append<'b>(&'b self, text: &'b str, open: &mut Vec<&'b str>, resolved: &mut Resolved) {
        let mut rest = text;
        while let Some((front, back)) = rest.split_once("${") {
            resolved.text.push_str(front);
            // Without a closing brace there are no more references, and searching again would take quadratic time.
            let Some((name, after)) = back.split_once('}') else {
                resolved.text.push_str("${");
                resolved.text.push_str(back);
                return;
            };
            match self.look_up(name, open) {
                Some(value) => {
                    open.push(name);
                    self.append(value, open, resolved);
                    open.pop();
                }
                None => {
                    resolved.text.push_str("${");
                    resolved.text.push_str(name);
                    resolved.text.push('}');
                    resolved.unresolved.get_or_insert_with(|| shown(name));
                }
            }
            rest = after;
        }
        resolved.text.push_str(rest);
    }

    /// The value of a name, in Maven's order: fields by their full name, properties, fields by their bare name. `None`
    /// if there is none, or if following it would be circular, too deep, or over the budget.
    fn look_up(&self, name: &str, open: &[&str]) -> Option<&'a str> {
        if open.len() == DEPTH_MAX || open.contains(&name) {
            return None;
        }
        let full = ["project.", "pom."].into_iter().find_map(|prefix| name.strip_prefix(prefix));
        let field = full.and_then(|bare| self.fields.get(bare));
        let value = field.or_else(|| self.own.get(name)).or_else(|| self.fields.get(name)).copied()?;
        let left = self.budget.get().checked_sub(value.len() + REFERENCE_BYTES)?;
        self.budget.set(left);
        Some(value)
    }
}
