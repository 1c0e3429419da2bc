//! Reads a page as strictly as no browser does: every element closed in its order, every attribute quoted, and the
//! things that people who can't see a page depend on.

use crate::client::Response;

/// Elements without content.
const VOID: [&str; 6] = ["meta", "link", "input", "wbr", "br", "path"];
/// Elements that stand within a line.
const INLINE: [&str; 8] = ["a", "b", "code", "q", "span", "time", "wbr", "svg"];

/// A page.
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) elements: Vec<Element>,
    /// What is to be read, with one blank between words.
    pub(crate) text: String,
    /// Texts of all `h1` and `h2`, in order.
    pub(crate) headings: Vec<String>,
}

/// An element and its attributes, their references resolved.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}

impl Page {
    /// Reads the body of an answer.
    pub(crate) fn of(answer: &Response) -> Self {
        let html = answer.text();
        let content_type = answer.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("text/html"), "{content_type}: {html}");
        let rest = html.strip_prefix("<!DOCTYPE html>").unwrap_or_else(|| panic!("no doctype: {html}"));
        let mut page =
            Self { elements: Vec::new(), text: String::new(), headings: Vec::new(), html: html.clone() };
        let mut open: Vec<String> = Vec::new();
        for piece in rest.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("`<{piece}` does not end"));
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name), "in {html}");
                if name == "q" {
                    page.take("”", &open);
                }
            } else {
                page.begin(tag, &mut open);
            }
            page.take(&resolved(text), &open);
        }
        assert!(open.is_empty(), "left open: {open:?}");
        page.text = page.text.split_whitespace().collect::<Vec<_>>().join(" ");
        page
    }

    fn begin(&mut self, tag: &str, open: &mut Vec<String>) {
        let element = element(tag.trim_end_matches('/'));
        if !INLINE.contains(&element.name.as_str()) {
            self.text.push(' ');
        }
        if matches!(element.name.as_str(), "h1" | "h2") {
            self.headings.push(String::new());
        }
        if !VOID.contains(&element.name.as_str()) {
            open.push(element.name.clone());
        }
        if element.name == "q" {
            self.take("“", open);
        }
        self.elements.push(element);
    }

    fn take(&mut self, text: &str, open: &[String]) {
        if open.iter().any(|name| name == "head") {
            return;
        }
        self.text.push_str(text);
        if open.iter().any(|name| matches!(name.as_str(), "h1" | "h2"))
            && let Some(heading) = self.headings.last_mut()
        {
            heading.push_str(text);
        }
    }

    /// Of the elements that have the attribute with that value, the values of another attribute.
    pub(crate) fn values_of(&self, element: &str, attribute: &str, value: &str, wanted: &str) -> Vec<String> {
        let named = self.elements.iter().filter(|each| each.name == element);
        let chosen = named.filter(|each| each.attribute(attribute) == Some(value));
        chosen.filter_map(|each| each.attribute(wanted)).map(str::to_owned).collect()
    }

    /// What every page has for people who hear it, use a keyboard, or have a small screen.
    #[track_caller]
    pub(crate) fn check(&self, what: &str) {
        self.check_listing(what);
        assert_eq!(self.values_of("a", "class", "skip", "href"), ["#content"], "{what}");
    }

    /// What every page has, and listings too: their links are for tools, so none leads past the top of the page.
    #[track_caller]
    pub(crate) fn check_listing(&self, what: &str) {
        let count = |name: &str| self.elements.iter().filter(|each| each.name == name).count();
        for (name, expected) in [("h1", 1), ("main", 1), ("header", 1), ("footer", 1), ("title", 1)] {
            assert_eq!(count(name), expected, "{what}: <{name}>");
        }
        assert_eq!(texts(self, "html", "lang"), ["en"], "{what}");
        assert_eq!(self.values_of("main", "id", "content", "id").len(), 1, "{what}");
        assert_eq!(self.values_of("meta", "name", "viewport", "content").len(), 1, "{what}");
        let ids = self.ids();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids.iter().take(index).any(|other| other == id), "{what}: two elements are `{id}`");
        }
        let labelled = texts(self, "label", "for");
        for input in texts(self, "input", "id") {
            assert!(labelled.contains(&input), "{what}: `{input}` has no label");
        }
        for element in &self.elements {
            for target in ["aria-labelledby", "for"].iter().filter_map(|name| element.attribute(name)) {
                assert!(ids.contains(&target), "{what}: no `{target}`");
            }
            if let Some(place) = element.attribute("href").and_then(|href| href.strip_prefix('#')) {
                assert!(ids.contains(&place), "{what}: a link to no `{place}`");
            }
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.elements.iter().filter_map(|each| each.attribute("id")).collect()
    }
}

/// Values of an attribute of all elements of a name.
pub(crate) fn texts(page: &Page, element: &str, attribute: &str) -> Vec<String> {
    let named = page.elements.iter().filter(|each| each.name == element);
    named.filter_map(|each| each.attribute(attribute)).map(str::to_owned).collect()
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "<{tag}>");
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(quoted) = after.strip_prefix('=') else {
            attributes.push((name.to_owned(), String::new()));
            rest = after;
            continue;
        };
        let quoted = quoted.strip_prefix('"').unwrap_or_else(|| panic!("no quotes in <{tag}>"));
        let (value, after) = quoted.split_once('"').unwrap_or_else(|| panic!("no end of quotes in <{tag}>"));
        attributes.push((name.to_owned(), resolved(value)));
        rest = after;
    }
    Element { name: name.to_owned(), attributes }
}

/// A text with the references in it resolved.
fn resolved(text: &str) -> String {
    let mut resolved = String::new();
    let mut pieces = text.split('&');
    resolved.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, rest) = piece.split_once(';').unwrap_or_else(|| panic!("a bare `&` before {piece}"));
        resolved.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            number => {
                let code = number.strip_prefix('#').and_then(|digits| digits.parse().ok());
                code.and_then(char::from_u32).unwrap_or_else(|| panic!("&{name};"))
            }
        });
        resolved.push_str(rest);
    }
    resolved
}
