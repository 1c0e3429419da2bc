//! Reads a small XML document into a tree, within bounds; what POMs, metadata and plugin descriptors share.
//!
//! It reads as Maven's own reader does: any namespace, the named characters of HTML, text joined over
//! comments and CDATA and trimmed. It is no general XML reader: attributes are checked and dropped, nothing
//! external is loaded, and a document type that defines entities is refused. Hostile input ends in an
//! error, never in a panic, in deep recursion or in more memory than a multiple of [`DOCUMENT_BYTES_MAX`].

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::coordinates::shown;

mod encoding;
mod entities;

/// Most bytes that a document may have.
pub const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How deep elements may nest. POMs in the wild stay under 30, plugin configurations included.
pub const DEPTH_MAX: usize = 100;

/// How many elements a document may have.
pub const ELEMENTS_MAX: usize = 200_000;

/// Most bytes that the attributes of one element may have together.
pub const ATTRIBUTE_BYTES_MAX: usize = 16 * 1024;

/// Why a document was not read. The message is the whole reason, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The document is longer than [`DOCUMENT_BYTES_MAX`].
    #[error("it has {bytes} bytes, more than the {DOCUMENT_BYTES_MAX} that are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The declared encoding is none that we read.
    #[error(
        "its encoding `{name}` is not supported; supported are UTF-8, UTF-16, US-ASCII, ISO-8859-1, \
         ISO-8859-15 and windows-1252"
    )]
    Encoding {
        /// The name that the declaration gives.
        name: String,
    },
    /// Tags, attributes or references are not well-formed.
    #[error("it is not well-formed at byte {position}: {reason}")]
    IllFormed {
        /// Where, in bytes of the document as UTF-8.
        position: u64,
        /// What the parser says.
        reason: String,
    },
    /// `&name;` of a character that neither XML nor HTML names.
    #[error("it refers to the unknown entity `{name}` at byte {position}; write the character itself")]
    UnknownEntity {
        /// The name.
        name: String,
        /// Where, in bytes of the document as UTF-8.
        position: u64,
    },
    /// A character that XML does not allow, raw or as a reference.
    #[error("it holds the character `{character}` at byte {position}, which XML does not allow")]
    Character {
        /// The character, escaped.
        character: String,
        /// Where, in bytes of the document as UTF-8.
        position: u64,
    },
    /// A document type that defines entities.
    #[error("its document type defines entities, which is refused; write the values in place")]
    EntityDefinition,
    /// Elements nest deeper than [`DEPTH_MAX`].
    #[error("its elements nest deeper than {DEPTH_MAX}")]
    TooDeep,
    /// There are more elements than [`ELEMENTS_MAX`].
    #[error("it has more than {ELEMENTS_MAX} elements")]
    TooManyElements,
    /// The attributes of one element take more than [`ATTRIBUTE_BYTES_MAX`].
    #[error("the attributes of an element `{element}` take more than {ATTRIBUTE_BYTES_MAX} bytes")]
    AttributesTooLong {
        /// The element.
        element: String,
    },
    /// Another element than expected, or none, is at the root.
    #[error("its root is `{found}` and not `{expected}`")]
    Root {
        /// The root that is there; empty if there is none.
        found: String,
        /// The root that should be there.
        expected: &'static str,
    },
    /// Text or a second element beside the root.
    #[error("it has content outside of its root element, at byte {position}")]
    OutsideRoot {
        /// Where, in bytes of the document as UTF-8.
        position: u64,
    },
    /// The document ends inside an element.
    #[error("it ends within the element `{element}`")]
    Unclosed {
        /// The element.
        element: String,
    },
}

/// An element: its local name, its own text, and what is in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// The name without a namespace prefix.
    pub(crate) name: String,
    text: String,
    /// The elements in it, in order.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The element's text, trimmed as Java trims (everything up to the blank). Nothing if that is empty, or
    /// if there are elements in it: Maven refuses a text with elements.
    pub(crate) fn text(&self) -> Option<&str> {
        if !self.children.is_empty() {
            return None;
        }
        let text = self.text.trim_matches(|character| character <= ' ');
        (!text.is_empty()).then_some(text)
    }

    /// The first element of this name in it.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element of this name in it.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name)?.text()
    }

    /// The elements of a list, as `<licenses>` has `<license>`s; empty if the list is not there.
    pub(crate) fn list<'a>(&'a self, list: &str, item: &'static str) -> impl Iterator<Item = &'a Element> {
        let children = self.child(list).map(|list| list.children.as_slice()).unwrap_or_default();
        children.iter().filter(move |child| child.name == item)
    }
}

/// Reads a document whose root element has the given local name.
pub(crate) fn read(bytes: &[u8], root: &'static str) -> Result<Element, XmlError> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(XmlError::TooLarge { bytes: bytes.len() });
    }
    let text = encoding::decode(bytes)?;
    check_characters(&text)?;
    let element = TreeReader::new(&text).read()?;
    match element {
        Some(element) if element.name == root => Ok(element),
        other => {
            Err(XmlError::Root { found: other.map(|root| root.name).unwrap_or_default(), expected: root })
        }
    }
}

/// Builds the tree from the parser's events.
struct TreeReader<'a> {
    reader: Reader<&'a [u8]>,
    /// The elements that are open, the root first.
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl<'a> TreeReader<'a> {
    fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, open: Vec::new(), root: None, elements: 0 }
    }

    fn read(mut self) -> Result<Option<Element>, XmlError> {
        loop {
            let event = self.reader.read_event().map_err(|error| XmlError::IllFormed {
                position: self.reader.error_position(),
                reason: shown(&error.to_string()),
            })?;
            match event {
                Event::Start(start) => self.start(&start)?,
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(definition) if definition.contains("<!ENTITY") => {
                    return Err(XmlError::EntityDefinition);
                }
                Event::Eof => break,
                // Empty elements come as start and end. The rest says nothing about the content.
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        match self.open.pop() {
            Some(element) => Err(XmlError::Unclosed { element: shown(&element.name) }),
            None => Ok(self.root),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        let name = AsRef::<str>::as_ref(&start.local_name()).to_owned();
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(XmlError::TooManyElements);
        }
        if self.open.len() == DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        if self.root.is_some() {
            return Err(XmlError::OutsideRoot { position: self.reader.buffer_position() });
        }
        if start.attributes_raw().len() > ATTRIBUTE_BYTES_MAX {
            return Err(XmlError::AttributesTooLong { element: shown(&name) });
        }
        // Looking for a name that comes twice would take the square of their number.
        for attribute in start.attributes().with_checks(false) {
            attribute.map_err(|error| self.ill_formed(&error.to_string()))?;
        }
        self.open.push(Element { name, ..Element::default() });
        Ok(())
    }

    /// The parser has checked that the end has the name of the innermost start.
    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::OutsideRoot { position: self.reader.buffer_position() }),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        let position = self.reader.buffer_position();
        let of_number = reference.resolve_char_ref().map_err(|error| self.ill_formed(&error.to_string()))?;
        let Some(character) = of_number.or_else(|| entities::character(reference)) else {
            return Err(XmlError::UnknownEntity { name: shown(reference), position });
        };
        if !is_allowed(character) {
            return Err(XmlError::Character { character: character.escape_unicode().to_string(), position });
        }
        self.text(character.encode_utf8(&mut [0; 4]))
    }

    fn ill_formed(&self, reason: &str) -> XmlError {
        XmlError::IllFormed { position: self.reader.buffer_position(), reason: shown(reason) }
    }
}

/// Refuses a document that holds what XML 1.0 forbids anywhere.
fn check_characters(text: &str) -> Result<(), XmlError> {
    match text.char_indices().find(|(_, character)| !is_allowed(*character)) {
        Some((position, character)) => Err(XmlError::Character {
            character: character.escape_unicode().to_string(),
            position: u64::try_from(position).unwrap_or(u64::MAX),
        }),
        None => Ok(()),
    }
}

/// The production `Char` of XML 1.0.
pub(crate) fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => other >= ' ',
    }
}
