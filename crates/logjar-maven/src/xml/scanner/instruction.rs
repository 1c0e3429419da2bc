//! Instructions, the declaration and the document type, which are checked but contribute nothing to the content.

use super::super::XmlError;
use super::{Scanned, Scanner, is_blank, is_quote};
use crate::coordinates::shown;

impl<'a> Scanner<'a> {
    /// After `<?`: an instruction, which is dropped, or the declaration. The oddities are those of Maven's parser: `<`
    /// lets one `>` pass, and one character may precede the declaration.
    pub(super) fn instruction(&mut self) -> Scanned<()> {
        let start = self.position;
        let mut character = self.more()?;
        if is_blank(character) {
            return Err(self.unexpected("a name after `<?`", character));
        }
        let (mut had_target, mut target_ended) = (false, false);
        let (mut opened, mut question) = (false, false);
        loop {
            match character {
                '?' | '>' if !had_target => return Err(self.unexpected("a name after `<?`", character)),
                '?' => question = true,
                '>' if question => return Ok(()),
                '>' if !opened => return Err(self.ill_formed("an instruction is not closed by `?>`")),
                '>' => opened = false,
                '<' => opened = true,
                blank if is_blank(blank) && !target_ended => {
                    (target_ended, question) = (true, false);
                    let target = self.text.get(start..self.position - 1).unwrap_or_default();
                    match target.get(..3) {
                        Some("XML") => return Err(self.ill_formed("`<?xml` must be in lower case")),
                        Some(xml) if xml.eq_ignore_ascii_case("xml") => return self.declaration(start),
                        _ => {}
                    }
                }
                _ => question = false,
            }
            had_target = true;
            let Ok(next) = self.more() else { return Err(self.cut_off("instruction")) };
            character = next;
        }
    }

    /// After `<?xml` and a blank.
    fn declaration(&mut self, target: usize) -> Scanned<()> {
        let before = self.text.get(..target).unwrap_or_default();
        if before.chars().count() > "x<?".len() {
            return Err(self.ill_formed("`<?xml` is allowed only at the very beginning"));
        }
        self.blanks();
        let version = self.setting("version")?;
        if version != "1.0" {
            let reason = format!("it says that it is XML `{}`; Maven reads only 1.0", shown(version));
            return Err(self.ill_formed(&reason));
        }
        let mut blank = self.blanks();
        if self.peek() == Some('e') {
            self.need_blank(blank)?;
            let name = self.setting("encoding")?;
            let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '.' | '_' | '-'));
            if !is_name {
                return Err(XmlError::Encoding { name: shown(name) });
            }
            blank = self.blanks();
        }
        if self.peek() == Some('s') {
            self.need_blank(blank)?;
            if !matches!(self.setting("standalone")?, "yes" | "no") {
                return Err(self.ill_formed("`standalone` must be `yes` or `no`"));
            }
            self.blanks();
        }
        self.expect('?', "`?>` at the end of the declaration")?;
        self.expect('>', "`?>` at the end of the declaration")
    }

    /// `name = 'value'` in the declaration.
    fn setting(&mut self, name: &str) -> Scanned<&'a str> {
        for expected in name.chars() {
            self.expect(expected, "`version`, `encoding` or `standalone`")?;
        }
        self.blanks();
        self.expect('=', "`=` in the declaration")?;
        self.blanks();
        let quote = self.more()?;
        let length = self.rest().find(quote).filter(|_| is_quote(quote));
        let Some(length) = length else { return Err(self.unexpected("a value in quotes", quote)) };
        let value = self.take(length);
        self.more()?;
        Ok(value)
    }

    fn need_blank(&self, blank: bool) -> Scanned<()> {
        if blank { Ok(()) } else { Err(self.ill_formed("a space is missing in the declaration")) }
    }

    /// After `<!D`.
    pub(super) fn doctype(&mut self) -> Scanned<()> {
        self.had_doctype = true;
        for expected in "OCTYPE".chars() {
            self.expect(expected, "`<!DOCTYPE`")?;
        }
        let start = self.position;
        let mut level = 0_i64;
        loop {
            let Ok(character) = self.more() else { return Err(self.cut_off("document type")) };
            match character {
                '[' => level += 1,
                ']' => level -= 1,
                '>' if level == 0 => break,
                '&' => match self.reference() {
                    Ok(_) | Err(XmlError::UnknownEntity { .. }) => {}
                    Err(error) => return Err(error),
                },
                _ => {}
            }
        }
        let definition = self.text.get(start..self.position).unwrap_or_default();
        if definition.contains("<!ENTITY") { Err(XmlError::EntityDefinition) } else { Ok(()) }
    }
}
