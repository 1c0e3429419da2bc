//! The four sums that Maven repositories store beside their files, and the formats in which clients send sums.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// A kind of sum, in the order in which this project lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, which every client knows.
    Md5,
    /// SHA-1, which every client asks for first.
    Sha1,
    /// SHA-256, by which this project names contents.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// All four sums of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digests {
    /// The MD5 sum.
    pub md5: [u8; 16],
    /// The SHA-1 sum.
    pub sha1: [u8; 20],
    /// The SHA-256 sum.
    pub sha256: [u8; 32],
    /// The SHA-512 sum.
    pub sha512: [u8; 64],
}

/// Computes all four sums in one pass over the bytes.
#[derive(Clone, Default)]
pub struct Hasher {
    md5: Md5,
    sha1: Sha1,
    sha256: Sha256,
    sha512: Sha512,
}

impl Algorithm {
    /// All kinds of sum.
    pub const ALL: [Algorithm; 4] = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

    /// The file extension without its dot, such as `sha1` in `a-1.0.jar.sha1`.
    pub fn extension(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// The kind with this extension, given without its dot.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.extension() == extension)
    }

    /// How many hex digits a sum of this kind has.
    pub fn hex_len(self) -> usize {
        match self {
            Algorithm::Md5 => 32,
            Algorithm::Sha1 => 40,
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

impl Digests {
    /// The sums of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// One of the sums in lower-case hex, as sum files contain it.
    pub fn hex(&self, algorithm: Algorithm) -> String {
        match algorithm {
            Algorithm::Md5 => to_hex(&self.md5),
            Algorithm::Sha1 => to_hex(&self.sha1),
            Algorithm::Sha256 => to_hex(&self.sha256),
            Algorithm::Sha512 => to_hex(&self.sha512),
        }
    }
}

impl Hasher {
    /// A hasher that has seen no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.sha512.update(bytes);
    }

    /// The sums of all bytes that were added.
    pub fn finish(self) -> Digests {
        Digests {
            md5: self.md5.finalize().into(),
            sha1: self.sha1.finalize().into(),
            sha256: self.sha256.finalize().into(),
            sha512: self.sha512.finalize().into(),
        }
    }
}

/// Parses a sum as clients send it, and returns its bare lower-case hex.
///
/// Tools write the hex alone, with or without a line end, or with the file's name after it (`sha1sum`) or before it
/// (`openssl`: `SHA1(a.jar)= …`, BSD: `SHA1 (a.jar) = …`). So the sum is the one word of hex digits that has the
/// algorithm's length; `None` if there is no such word, or more than one.
pub fn parse_sum(body: &[u8], algorithm: Algorithm) -> Option<String> {
    let is_sum = |word: &&[u8]| word.len() == algorithm.hex_len() && word.iter().all(u8::is_ascii_hexdigit);
    let mut sums = body.split(|byte| byte.is_ascii_whitespace() || *byte == b'=').filter(is_sum);
    let sum = sums.next()?;
    match sums.next() {
        Some(_) => None,
        None => String::from_utf8(sum.to_ascii_lowercase()).ok(),
    }
}

/// Bytes as lower-case hex, two digits per byte.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// The bytes of a hex text in either case; `None` if it is not hex or has an odd length.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: [(Algorithm, &str); 3] = [
        (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ];

    #[test]
    fn the_published_test_values_of_abc() {
        let digests = Digests::of(b"abc");
        for (algorithm, hex) in ABC {
            assert_eq!(digests.hex(algorithm), hex);
        }
        assert!(digests.hex(Algorithm::Sha512).starts_with("ddaf35a193617abacc417349ae204131"));
    }

    #[test]
    fn every_form_of_a_sum_is_read() {
        let hex = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let forms = [
            hex.to_owned(),
            hex.to_uppercase(),
            format!("{hex}\n"),
            format!("{hex}\r\n"),
            format!("{hex}  target/a-1.0.jar\n"),
            format!("{hex} *a-1.0.jar\n"),
            format!("a-1.0.jar {hex}"),
            format!("a-1.0.jar: {hex}"),
            format!("SHA1(a-1.0.jar)= {hex}\n"),
            format!("SHA1 (a-1.0.jar) = {hex}\n"),
            format!("SHA1(a-1.0.jar)={hex}"),
        ];
        for form in forms {
            assert_eq!(parse_sum(form.as_bytes(), Algorithm::Sha1).as_deref(), Some(hex), "{form:?}");
        }
    }

    #[test]
    fn anything_else_is_no_sum() {
        let hex = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let bodies = [
            String::new(),
            hex[1..].to_owned(),
            format!("{hex}0"),
            format!("{hex}\n{hex}\n"),
            hex.replace('a', "g"),
        ];
        for body in bodies {
            assert_eq!(parse_sum(body.as_bytes(), Algorithm::Sha1), None, "{body:?}");
        }
        assert_eq!(parse_sum(hex.as_bytes(), Algorithm::Md5), None);
        assert_eq!(parse_sum(&[0xff, 0xfe, 0x00], Algorithm::Md5), None);
    }

    #[test]
    fn extensions_and_hex_go_both_ways() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_extension(algorithm.extension()), Some(algorithm));
            assert_eq!(Digests::of(b"").hex(algorithm).len(), algorithm.hex_len());
        }
        assert_eq!(Algorithm::from_extension("SHA1"), None);
        assert_eq!(from_hex("00fFa0"), Some(vec![0, 255, 160]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0é"), None);
    }
}
