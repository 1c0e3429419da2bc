//! Words of a command line that somebody may paste into a shell, whatever a path contains.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// A word as a shell reads it back.
pub(crate) fn quoted(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        // Unescaped, it would not survive a terminal.
        _ => bytes.iter().fold("$'".to_owned(), escaped) + "'",
    }
}

/// Adds a byte in the form that bash, zsh and ksh read between `$'` and `'`.
fn escaped(mut text: String, byte: &u8) -> String {
    match byte {
        b'\'' | b'\\' => text.extend(['\\', char::from(*byte)]),
        b' '..=b'~' => text.push(char::from(*byte)),
        // Always three digits, so that a digit after it is not taken as part of it.
        _ => drop(write!(text, "\\{byte:03o}")),
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        for word in [
            &b"/var/lib/logjar"[..],
            b"./data",
            b"",
            b"/srv/my data",
            b"it's",
            b"\"a\" $HOME `id` $(id) !x *?[a] ~ # \\ ; & | < > ( ) { }",
            b"~/data",
            "/srv/Datenträger".as_bytes(),
            b"line\nbreak\t'quoted'",
            b"no UTF-8: \xff\xfe7",
            b"\x1b[31mred",
        ] {
            let text = quoted(OsStr::from_bytes(word));
            let echo = format!("printf %s {text}");
            let ran = Command::new("bash").args(["--norc", "-c", &echo]).output().expect("bash");
            assert_eq!(ran.stdout, word, "{text}");
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        assert_eq!(quoted("/var/lib/logjar"), "/var/lib/logjar");
        assert_eq!(quoted("/srv/my data"), "'/srv/my data'");
    }
}
