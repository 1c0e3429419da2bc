//! Checks whether a text is one JSON object without certain keys. It builds no tree and changes nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Keys that an object may not have.
#[derive(Clone, Copy)]
pub(crate) enum ForbiddenKeys {
    /// Nowhere in it, at any depth.
    Anywhere(&'static [&'static str]),
    /// Not directly in it.
    AtTop(&'static [&'static str]),
}

/// Checks that `text` is one JSON object from its first to its last byte, on one line, without those keys.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn check_object(text: &str, forbidden: ForbiddenKeys) -> Result<(), String> {
    if !text.starts_with('{') || !text.ends_with('}') {
        return Err("it does not begin with `{` and end with `}`".to_owned());
    }
    // JSON allows line feeds and tabs between tokens; a line of the log does not.
    if has_control_bytes(text.as_bytes()) {
        return Err("it has raw control bytes".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Checked(Some(forbidden)).deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())
}

/// Whether there is a byte below 0x20.
pub(crate) fn has_control_bytes(bytes: &[u8]) -> bool {
    // Without an early exit the compiler vectorizes this; replay reads every byte here.
    bytes.iter().fold(false, |found, byte| found | (*byte < 0x20))
}

/// Any JSON value, whose keys are checked on the way.
#[derive(Clone, Copy)]
struct Checked(Option<ForbiddenKeys>);

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (keys, below): (&[&str], _) = match self.0 {
            Some(ForbiddenKeys::Anywhere(keys)) => (keys, self.0),
            Some(ForbiddenKeys::AtTop(keys)) => (keys, None),
            None => (&[], None),
        };
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if keys.contains(&key.as_ref()) {
                return Err(A::Error::custom(format_args!("the key `{key}` is not allowed there")));
            }
            map.next_value_seed(Checked(below))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let below = self.0.filter(|forbidden| matches!(forbidden, ForbiddenKeys::Anywhere(_)));
        while seq.next_element_seed(Checked(below))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANYWHERE: ForbiddenKeys = ForbiddenKeys::Anywhere(&["crc", "private"]);
    const AT_TOP: ForbiddenKeys = ForbiddenKeys::AtTop(&["salt"]);

    #[test]
    fn objects_are_accepted() {
        for text in [
            "{}",
            r#"{"a": 1, "b":[true,null,-1.5e3,"crc","\",\"crc\":\""],"c":{"d":{}}}"#,
            r#"{"critical":"private","é":"\u0000"}"#,
        ] {
            assert_eq!(check_object(text, ANYWHERE), Ok(()), "{text}");
        }
        assert_eq!(check_object(r#"{"a":{"salt":1}}"#, AT_TOP), Ok(()));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "[]",
            "null",
            "{",
            "{}{}",
            " {}",
            "{} ",
            "{\"a\":\n1}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":1,}"#,
            r#"{"a":'b'}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":01}"#,
            r#"{"crc":1}"#,
            r#"{"a":{"private":1}}"#,
            r#"{"a":[[{"crc":1}]]}"#,
            r#"{"\u0063rc":1}"#,
            r#"{"crc" : 1}"#,
        ] {
            assert!(check_object(text, ANYWHERE).is_err(), "{text}");
        }
        assert!(check_object(r#"{"salt":1}"#, AT_TOP).is_err());
    }
}
