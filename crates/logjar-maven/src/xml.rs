//! Parses a small XML document into a tree, within limits; shared by POMs, metadata and plugin descriptors.
//!
//! It behaves like Maven's own reader: any namespace of the root, the named characters of HTML, text joined over
//! comments and CDATA and trimmed. It is not a general XML parser: attributes are checked and dropped, nothing external
//! is loaded. Besides what Maven refuses, it refuses a document type that defines entities, and characters that XML
//! forbids, which no other tool reads. Hostile input leads to an error, never to a panic, deep recursion or more memory
//! than a multiple of [`DOCUMENT_BYTES_MAX`].

mod encoding;
mod entities;
mod scanner;

use scanner::{Piece, Scanner};

/// Maximum bytes of a document.
pub const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How deep elements may nest. Real POMs stay under 30, including plugin configurations.
pub const DEPTH_MAX: usize = 100;

/// How many elements a document may have.
pub const ELEMENTS_MAX: usize = 200_000;

/// Maximum bytes of the attributes of one element together.
pub const ATTRIBUTE_BYTES_MAX: usize = 16 * 1024;

/// Why a document could not be parsed. The message is the whole reason, on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The document is longer than [`DOCUMENT_BYTES_MAX`].
    #[error("it has {bytes} bytes, more than the {DOCUMENT_BYTES_MAX} that are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The declared encoding is not supported.
    #[error("its encoding `{name}` is not supported; save it as UTF-8, and say so in its first line")]
    Encoding {
        /// The name that the declaration gives.
        name: String,
    },
    /// The bytes are in a different encoding from the declared one.
    #[error(
        "it says that its encoding is `{name}`, but it is not; save it as UTF-8, and say so in its first line"
    )]
    OtherEncoding {
        /// The declared name, or the default.
        name: String,
    },
    /// Tags, attributes or references are not well-formed.
    #[error("it is not well-formed at byte {position}: {reason}")]
    IllFormed {
        /// The position, in bytes of the document as UTF-8.
        position: u64,
        /// What the parser says.
        reason: String,
    },
    /// `&name;` for a character that neither XML nor HTML names.
    #[error("it refers to the unknown entity `{name}` at byte {position}; write the character itself")]
    UnknownEntity {
        /// The name.
        name: String,
        /// The position, in bytes of the document as UTF-8.
        position: u64,
    },
    /// A character that XML does not allow, raw or as a reference.
    #[error("it contains the character `{character}` at byte {position}, which XML does not allow")]
    Character {
        /// The character, escaped.
        character: String,
        /// The position, in bytes of the document as UTF-8.
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
    /// The root is a different element from the expected one, or missing.
    #[error("its root is `{found}` and not `{expected}`")]
    Root {
        /// The actual root; empty if there is none.
        found: String,
        /// The expected root.
        expected: &'static str,
    },
    /// Text or a second element next to the root.
    #[error("it has content outside of its root element, at byte {position}")]
    OutsideRoot {
        /// The position, in bytes of the document as UTF-8.
        position: u64,
    },
    /// The document ends inside an element.
    #[error("it ends within the element `{element}`")]
    Unclosed {
        /// The element.
        element: String,
    },
}

/// An element: its local name, its own text, and its children.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// The name without a namespace prefix.
    pub(crate) name: String,
    text: String,
    /// The child elements, in order.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The element's text, [`trimmed`]. `None` if that is empty, or if there are child elements: Maven refuses a text
    /// with elements.
    pub(crate) fn text(&self) -> Option<&str> {
        if !self.children.is_empty() {
            return None;
        }
        let text = trimmed(&self.text);
        (!text.is_empty()).then_some(text)
    }

    /// Whether it contains text other than white space.
    pub(crate) fn has_text(&self) -> bool {
        !self.text.chars().all(scanner::is_blank)
    }

    /// The first child element with this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child element with this name.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name)?.text()
    }

    /// The elements of a list, such as `<license>`s in `<licenses>`; empty if there is no list.
    pub(crate) fn list<'a>(&'a self, list: &str, item: &'static str) -> impl Iterator<Item = &'a Element> {
        let children = self.child(list).map(|list| list.children.as_slice()).unwrap_or_default();
        children.iter().filter(move |child| child.name == item)
    }
}

/// A text trimmed like in Java: without blanks and control characters at its ends, but with everything else that
/// Unicode calls white space.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

/// Parses a document whose root element has the given local name.
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

/// Builds the tree from the pieces of a document.
struct TreeReader<'a> {
    scanner: Scanner<'a>,
    /// The open elements, the root first.
    open: Vec<Element>,
    /// The prefix of elements in the root's namespace, `m:` or nothing.
    prefix: &'a str,
    root: Option<Element>,
    elements: usize,
}

impl<'a> TreeReader<'a> {
    fn new(text: &'a str) -> Self {
        Self { scanner: Scanner::new(text), open: Vec::new(), prefix: "", root: None, elements: 0 }
    }

    fn read(mut self) -> Result<Option<Element>, XmlError> {
        loop {
            match self.scanner.next_piece()? {
                Piece::Start(name) => self.start(name)?,
                Piece::End => self.end(),
                Piece::Text(text) => {
                    if let Some(element) = self.open.last_mut() {
                        element.text.push_str(&text);
                    }
                }
                Piece::EndOfDocument => return Ok(self.root),
            }
        }
    }

    fn start(&mut self, name: &'a str) -> Result<(), XmlError> {
        if self.open.is_empty() {
            self.prefix = name.find(':').and_then(|colon| name.get(..=colon)).unwrap_or_default();
        }
        let name = name.strip_prefix(self.prefix).unwrap_or(name);
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(XmlError::TooManyElements);
        }
        if self.open.len() == DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        self.open.push(Element { name: name.to_owned(), ..Element::default() });
        Ok(())
    }

    /// The scanner has checked that the end has the name of the innermost start.
    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }
}

/// Refuses a document that contains a character that XML 1.0 forbids.
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
