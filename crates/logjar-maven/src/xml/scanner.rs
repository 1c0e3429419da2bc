//! Cuts a document into tags and texts by the rules of Maven's own parser, `MXParser` of plexus-utils, so that what
//! Maven refuses is refused, and what it accepts is accepted: a POM is published once, and then Maven has to read it.
//! `tests/it/pom_oracle.rs` compares with that parser over many documents.

mod instruction;

use std::collections::HashSet;

use super::{ATTRIBUTE_BYTES_MAX, XmlError, entities, is_allowed};
use crate::coordinates::shown;

/// Longer than any valid reference to a character.
const REFERENCE_BYTES_MAX: usize = 256;

/// A piece of a document.
pub(super) enum Piece<'a> {
    /// The start of an element; an empty one is followed by its end.
    Start(&'a str),
    /// The end of the innermost element.
    End,
    /// Text between two tags, joined over comments, CDATA and references. It is never empty.
    Text(String),
    /// The end of the document.
    EndOfDocument,
}

/// Scans a document whose characters are all allowed.
pub(super) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    /// The names of the open elements, the root first.
    open: Vec<&'a str>,
    /// Whether the innermost element is an empty one whose end has yet to be returned.
    is_empty: bool,
    had_root: bool,
    had_doctype: bool,
}

type Scanned<T> = Result<T, XmlError>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0, open: Vec::new(), is_empty: false, had_root: false, had_doctype: false }
    }

    /// The current position, in bytes.
    pub(super) fn position(&self) -> u64 {
        u64::try_from(self.position).unwrap_or(u64::MAX)
    }

    /// The next piece.
    pub(super) fn next_piece(&mut self) -> Scanned<Piece<'a>> {
        if std::mem::take(&mut self.is_empty) {
            self.open.pop();
            return Ok(Piece::End);
        }
        match (self.open.is_empty(), self.had_root) {
            (false, _) => self.content(),
            (true, false) => self.prolog(),
            (true, true) => self.epilog(),
        }
    }

    /// The part before the root.
    fn prolog(&mut self) -> Scanned<Piece<'a>> {
        if self.position == 0 && self.rest().starts_with(char::REPLACEMENT_CHARACTER) {
            // One stray byte at the beginning is taken for a byte order mark, two are not.
            self.more()?;
            if self.rest().starts_with(char::REPLACEMENT_CHARACTER) {
                return Err(self.ill_formed("it begins with bytes that are not UTF-8"));
            }
        }
        while let Some(first) = self.peek() {
            self.more()?;
            match first {
                '<' => match self.more()? {
                    '?' => self.instruction()?,
                    '!' => self.declaration_or_comment()?,
                    name if is_name_start(name) => {
                        self.had_root = true;
                        return self.start_tag();
                    }
                    other => return Err(self.unexpected("the root's name", other)),
                },
                blank if is_blank(blank) => {}
                _ => return Err(XmlError::OutsideRoot { position: self.position() }),
            }
        }
        Ok(Piece::EndOfDocument)
    }

    /// The part after the root.
    fn epilog(&mut self) -> Scanned<Piece<'a>> {
        while let Some(first) = self.peek() {
            self.more()?;
            match first {
                // Maven ignores markup that ends with the document.
                '<' if self.rest().is_empty() || self.rest() == "!" => break,
                '<' => match self.more()? {
                    '?' => self.instruction()?,
                    '!' => self.declaration_or_comment()?,
                    _ => return Err(XmlError::OutsideRoot { position: self.position() }),
                },
                blank if is_blank(blank) => {}
                _ => return Err(XmlError::OutsideRoot { position: self.position() }),
            }
        }
        Ok(Piece::EndOfDocument)
    }

    /// After `<!`, outside the root.
    fn declaration_or_comment(&mut self) -> Scanned<()> {
        match self.more()? {
            'D' if self.had_doctype && !self.had_root => {
                Err(self.ill_formed("it has a second document type"))
            }
            'D' => self.doctype(),
            '-' => self.comment(),
            other => Err(self.unexpected("`<!DOCTYPE` or `<!--`", other)),
        }
    }

    /// Text and markup inside an element, up to the next tag.
    fn content(&mut self) -> Scanned<Piece<'a>> {
        let mut text = String::new();
        loop {
            let before = self.position;
            match self.more()? {
                '<' => match self.tag_after_markup(&mut text)? {
                    None => {}
                    Some(_) if !text.is_empty() => {
                        self.position = before;
                        return Ok(Piece::Text(text));
                    }
                    Some('/') => return self.end_tag(),
                    Some(first) if is_name_start(first) => return self.start_tag(),
                    Some(other) => return Err(self.unexpected("a name after `<`", other)),
                },
                '&' => text.push(self.reference()?),
                _ => {
                    self.position = before;
                    append_lines(&mut text, self.characters()?);
                }
            }
        }
    }

    /// After `<` inside an element: consumes what is not a tag, and adds a CDATA section to the text. If it is a tag,
    /// consumes its first character and returns it.
    fn tag_after_markup(&mut self, text: &mut String) -> Scanned<Option<char>> {
        match self.more()? {
            '?' => self.instruction()?,
            '!' => match self.more()? {
                '-' => self.comment()?,
                '[' => {
                    let data = self.cdata()?;
                    let text_follows = self.peek().is_some_and(|next| !matches!(next, '<' | '&'));
                    if data.is_empty() && text.is_empty() && text_follows {
                        // In that case Maven treats the end of an empty section as text.
                        text.push_str("]]>");
                    }
                    append_lines(text, data);
                }
                other => return Err(self.unexpected("`<!--` or `<![CDATA[`", other)),
            },
            first => return Ok(Some(first)),
        }
        Ok(None)
    }

    /// Text up to the next markup or reference.
    fn characters(&mut self) -> Scanned<&'a str> {
        let Some(length) = self.rest().find(['<', '&']) else { return Err(self.cut_off("text")) };
        let run = self.take(length);
        match run.find("]]>") {
            Some(_) => Err(self.ill_formed("`]]>` is not allowed in text; write `]]&gt;`")),
            None => Ok(run),
        }
    }

    /// After the first character of the name. Between attributes Maven requires no blank.
    fn start_tag(&mut self) -> Scanned<Piece<'a>> {
        let start = self.back();
        let name = self.name(start)?;
        self.open.push(name);
        let attributes_from = self.position;
        let mut names = HashSet::new();
        loop {
            if self.position - attributes_from > ATTRIBUTE_BYTES_MAX {
                return Err(XmlError::AttributesTooLong { element: shown(name) });
            }
            match self.more()? {
                '>' => return Ok(Piece::Start(name)),
                '/' => {
                    self.expect('>', "the end of an empty element")?;
                    self.is_empty = true;
                    return Ok(Piece::Start(name));
                }
                first if is_name_start(first) => {
                    let attribute = self.attribute()?;
                    if !names.insert(attribute) {
                        let reason = format!("the attribute `{}` appears twice", shown(attribute));
                        return Err(self.ill_formed(&reason));
                    }
                }
                blank if is_blank(blank) => {}
                other => return Err(self.unexpected("an attribute or `>`", other)),
            }
        }
    }

    /// After the first character of the name: an attribute, whose value is checked and dropped.
    fn attribute(&mut self) -> Scanned<&'a str> {
        let start = self.back();
        let name = self.name(start)?;
        self.blanks();
        self.expect('=', "`=` after an attribute's name")?;
        self.blanks();
        let quote = self.more()?;
        if !is_quote(quote) {
            return Err(self.unexpected("a quote before an attribute's value", quote));
        }
        loop {
            match self.more()? {
                '<' => return Err(self.ill_formed("`<` is not allowed in an attribute; write `&lt;`")),
                '&' => {
                    self.reference()?;
                }
                end if end == quote => return Ok(name),
                _ => {}
            }
        }
    }

    /// After `</`.
    fn end_tag(&mut self) -> Scanned<Piece<'a>> {
        let first = self.more()?;
        if !is_name_start(first) {
            return Err(self.unexpected("a name after `</`", first));
        }
        let start = self.back();
        let name = self.name(start)?;
        let opened = self.open.last().copied().unwrap_or_default();
        if name != opened {
            let reason = format!("`</{}>` ends `<{}>`", shown(name), shown(opened));
            return Err(self.ill_formed(&reason));
        }
        self.blanks();
        self.expect('>', "the end of a tag")?;
        self.open.pop();
        Ok(Piece::End)
    }

    /// After `<!-`.
    fn comment(&mut self) -> Scanned<()> {
        self.expect('-', "`<!--`")?;
        let Some(length) = self.rest().find("--") else { return Err(self.cut_off("comment")) };
        self.take(length + "--".len());
        self.expect('>', "`>`, because `--` is not allowed in a comment")
    }

    /// After `<![`. As in Maven, `>` ends it after a bracket if two brackets came together anywhere before.
    fn cdata(&mut self) -> Scanned<&'a str> {
        for expected in "CDATA[".chars() {
            self.expect(expected, "`<![CDATA[`")?;
        }
        let start = self.position;
        let (mut bracket, mut two_brackets) = (false, false);
        loop {
            let Ok(character) = self.more() else { return Err(self.cut_off("CDATA section")) };
            match character {
                ']' if bracket => two_brackets = true,
                ']' => bracket = true,
                '>' if bracket && two_brackets => break,
                '>' => (bracket, two_brackets) = (false, false),
                _ => bracket = false,
            }
        }
        let mut content = self.text.get(start..self.position - "]>".len()).unwrap_or_default().chars();
        content.next_back();
        Ok(content.as_str())
    }

    /// After `&`: the character that is meant.
    fn reference(&mut self) -> Scanned<char> {
        let position = self.position();
        let length = self.rest().find(';').filter(|length| *length <= REFERENCE_BYTES_MAX);
        let Some(length) = length else {
            return Err(self.ill_formed("`&` is not allowed alone; write `&amp;`"));
        };
        let name = self.take(length);
        self.more()?;
        let Some(number) = name.strip_prefix('#') else { return self.named(name, position) };
        let parsed = match number.strip_prefix('x') {
            Some(hex) if hex.bytes().all(|digit| digit.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
            None if number.bytes().all(|digit| digit.is_ascii_digit()) => number.parse(),
            _ => return Err(self.ill_formed("a character reference contains something other than digits")),
        };
        match parsed.ok().and_then(char::from_u32) {
            Some(character) if is_allowed(character) => Ok(character),
            Some(other) => {
                Err(XmlError::Character { character: other.escape_unicode().to_string(), position })
            }
            None => Err(XmlError::Character { character: shown(&format!("&{name};")), position }),
        }
    }

    fn named(&self, name: &str, position: u64) -> Scanned<char> {
        let mut characters = name.chars();
        if !(characters.next().is_some_and(is_name_start) && characters.all(is_name)) {
            return Err(self.ill_formed("`&` does not begin a reference; write `&amp;`"));
        }
        entities::character(name).ok_or(XmlError::UnknownEntity { name: shown(name), position })
    }

    /// The name that begins at a position, up to its end.
    fn name(&mut self, start: usize) -> Scanned<&'a str> {
        let Some(length) = self.rest().find(|character| !is_name(character)) else {
            return Err(self.cut_off("tag"));
        };
        self.position += length;
        Ok(self.text.get(start..self.position).unwrap_or_default())
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, _) = self.rest().split_at_checked(length).unwrap_or((self.rest(), ""));
        self.position += taken.len();
        taken
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn more(&mut self) -> Scanned<char> {
        let Some(character) = self.peek() else { return Err(self.cut_off("tag")) };
        self.position += character.len_utf8();
        Ok(character)
    }

    /// Where the character is that was taken last.
    fn back(&self) -> usize {
        let before = self.text.get(..self.position).unwrap_or_default();
        before.char_indices().next_back().map_or(0, |(start, _)| start)
    }

    /// Skips blanks, and says whether there were any.
    fn blanks(&mut self) -> bool {
        let length = self.rest().find(|character| !is_blank(character)).unwrap_or(self.rest().len());
        self.position += length;
        length > 0
    }

    fn expect(&mut self, expected: char, what: &str) -> Scanned<()> {
        match self.more()? {
            found if found == expected => Ok(()),
            other => Err(self.unexpected(what, other)),
        }
    }

    fn unexpected(&self, expected: &str, found: char) -> XmlError {
        self.ill_formed(&format!("expected {expected}, found `{}`", found.escape_debug()))
    }

    fn cut_off(&self, what: &str) -> XmlError {
        match self.open.last() {
            Some(element) => XmlError::Unclosed { element: shown(element) },
            None => self.ill_formed(&format!("it ends within a {what}")),
        }
    }

    fn ill_formed(&self, reason: &str) -> XmlError {
        XmlError::IllFormed { position: self.position(), reason: shown(reason) }
    }
}

/// Appends a text with its line breaks as XML reads them.
fn append_lines(text: &mut String, run: &str) {
    if run.contains('\r') {
        text.push_str(&run.replace("\r\n", "\n").replace('\r', "\n"));
    } else {
        text.push_str(run);
    }
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\'')
}

/// White space of XML.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Maven's parser takes more for names than XML does, and so do we.
fn is_name_start(character: char) -> bool {
    match character {
        ':' | '_' => true,
        other if other.is_ascii() => other.is_ascii_alphabetic(),
        '\u{C0}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{2027}' => true,
        '\u{202A}'..='\u{218F}' | '\u{2800}'..='\u{FFEF}' | '\u{10000}'.. => true,
        _ => false,
    }
}

fn is_name(character: char) -> bool {
    is_name_start(character)
        || character.is_ascii_digit()
        || matches!(character, '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}')
}
