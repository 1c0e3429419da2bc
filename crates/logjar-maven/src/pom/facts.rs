//! Makes a POM's facts fit for the event log and for pages: no control characters, and limited in bytes.

use super::{Dependency, License, Pom, Relocation, Scm, is_direction_mark};

/// What an entry takes on the log besides its texts: names of fields, quotes, brackets. An upper bound.
const ENTRY_BYTES: usize = 80;

/// What all facts together take besides texts and entries. An upper bound.
const FORM_BYTES: usize = 512;

/// A text on one line: each run of white space becomes one blank, control characters are removed. `None` if nothing is
/// left.
pub(super) fn single_line(text: &str) -> Option<String> {
    let words = text.split_whitespace().map(without_controls).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

/// A text whose line breaks are kept; each line without control characters, and trimmed.
pub(super) fn paragraph(text: &str) -> Option<String> {
    let lines = text.lines().map(|line| without_controls(&line.replace('\t', " ")).trim().to_owned());
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Removes control characters, and those that change the direction of what follows them on a page or terminal.
fn without_controls(text: &str) -> String {
    text.chars().filter(|&character| !character.is_control() && !is_direction_mark(character)).collect()
}

impl Pom {
    /// Limits the facts to this many bytes of JSON: long texts are cut, then lists from their ends, and `truncated` is
    /// set. Facts that fit are unchanged. The coordinates are not facts and are not counted.
    pub fn limit_facts(&mut self, bytes: usize) {
        if self.facts_bytes() <= bytes {
            return;
        }
        self.truncated = true;
        let text_bytes_max = bytes / 32;
        self.cut_texts(text_bytes_max, bytes / 4);
        let mut left = bytes.saturating_sub(FORM_BYTES + self.texts_bytes());
        keep_first(&mut self.licenses, &mut left, license_bytes);
        keep_first(&mut self.authors, &mut left, |author| ENTRY_BYTES + json_bytes(author));
        keep_first(&mut self.dependencies, &mut left, dependency_bytes);
    }

    /// Upper bound of the bytes of the facts as JSON.
    fn facts_bytes(&self) -> usize {
        let licenses = self.licenses.iter().map(license_bytes).sum::<usize>();
        let authors = self.authors.iter().map(|author| ENTRY_BYTES + json_bytes(author)).sum::<usize>();
        let dependencies = self.dependencies.iter().map(dependency_bytes).sum::<usize>();
        FORM_BYTES + self.texts_bytes() + licenses + authors + dependencies
    }

    /// The bytes of the texts that are not in lists.
    fn texts_bytes(&self) -> usize {
        let own = [&self.name, &self.description, &self.url];
        let scm = self.scm.iter().flat_map(scm_texts);
        let relocation = self.relocation.iter().flat_map(relocation_texts);
        let texts = own.into_iter().chain(scm).chain(relocation);
        texts.flatten().map(|text| json_bytes(text)).sum::<usize>() + json_bytes(&self.packaging)
    }

    fn cut_texts(&mut self, text_bytes_max: usize, description_bytes_max: usize) {
        cut(&mut self.packaging, text_bytes_max);
        if let Some(description) = &mut self.description {
            cut(description, description_bytes_max);
        }
        let mut texts = vec![&mut self.name, &mut self.url];
        if let Some(scm) = &mut self.scm {
            texts.extend([&mut scm.connection, &mut scm.developer_connection, &mut scm.tag, &mut scm.url]);
        }
        if let Some(moved) = &mut self.relocation {
            texts.extend([&mut moved.group, &mut moved.artifact, &mut moved.version, &mut moved.message]);
        }
        for license in &mut self.licenses {
            texts.extend([&mut license.name, &mut license.url]);
        }
        for text in texts.into_iter().flatten().chain(&mut self.authors) {
            cut(text, text_bytes_max);
        }
    }
}

fn scm_texts(scm: &Scm) -> [&Option<String>; 4] {
    [&scm.connection, &scm.developer_connection, &scm.tag, &scm.url]
}

fn relocation_texts(moved: &Relocation) -> [&Option<String>; 4] {
    [&moved.group, &moved.artifact, &moved.version, &moved.message]
}

fn license_bytes(license: &License) -> usize {
    ENTRY_BYTES
        + [&license.name, &license.url].into_iter().flatten().map(|text| json_bytes(text)).sum::<usize>()
}

fn dependency_bytes(dependency: &Dependency) -> usize {
    let texts = [&dependency.group, &dependency.artifact, &dependency.scope];
    let texts = texts.into_iter().chain(&dependency.version);
    ENTRY_BYTES + texts.map(|text| json_bytes(text)).sum::<usize>()
}

/// The bytes of a text as JSON: quotes, backslashes and line breaks take two.
fn json_bytes(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n')).count();
    text.len() + escaped
}

/// Cuts a text to at most this many bytes as JSON, between characters.
fn cut(text: &mut String, bytes_max: usize) {
    let mut bytes = 0;
    let end = text.char_indices().find(|(_, character)| {
        bytes += json_bytes(character.encode_utf8(&mut [0; 4]));
        bytes > bytes_max
    });
    if let Some((end, _)) = end {
        text.truncate(end);
    }
}

/// Keeps the first entries that fit into the remaining bytes, and deducts theirs.
fn keep_first<T>(list: &mut Vec<T>, left: &mut usize, bytes: impl Fn(&T) -> usize) {
    let fitting = list.iter().map_while(|entry| {
        *left = left.checked_sub(bytes(entry))?;
        Some(())
    });
    let count = fitting.count();
    list.truncate(count);
}
