//! The envelope, byte for byte.

use logjar_eventlog::error::Fault;
use logjar_eventlog::line::{LINE_MAX, UncheckedLine};
use proptest::prelude::*;

const PLAIN: &str = r#"{"seq":812,"id":"5xk2m9qfv0c3t.812","batch":810,"at":"2026-11-24T04:01:17.123456Z","by":"u_7f3k","kind":"version.deployed","v":1,"data":{"a":"b"},"crc":"b1f32413"}"#;
const SEALED: &str = r#"{"seq":812,"id":"5xk2m9qfv0c3t.7","batch":812,"at":"2026-11-24T04:01:17.123456Z","by":"local","kind":"user.registered","v":2,"data":{},"sealed":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","crc":"b1f32413","private":{"salt":"00112233445566778899aabbccddeeff","name":"x,\"crc\":"}}"#;

fn parse(text: &str) -> Result<UncheckedLine, Fault> {
    UncheckedLine::parse(text.as_bytes().to_vec())
}

#[test]
fn fields_are_read() {
    let line = parse(PLAIN).unwrap();
    assert_eq!((line.seq(), line.batch(), line.version(), line.crc()), (812, 810, 1, 0xb1f3_2413));
    assert_eq!((line.id(), line.by(), line.kind()), ("5xk2m9qfv0c3t.812", "u_7f3k", "version.deployed"));
    assert_eq!(line.at().to_string(), "2026-11-24T04:01:17.123456Z");
    assert_eq!((line.data(), line.sealed(), line.private()), (r#"{"a":"b"}"#, None, None));
    assert_eq!(line.public_form(), PLAIN.replace(r#","crc":"b1f32413""#, ""));
    assert_eq!(line.text(), PLAIN);

    let line = parse(SEALED).unwrap();
    assert_eq!(line.data(), "{}");
    assert_eq!(line.sealed().unwrap().len(), 64);
    assert!(
        line.private().unwrap().starts_with(r#"{"salt":"0011"#) && line.private().unwrap().ends_with("\"}")
    );
    assert!(line.public_form().ends_with("eeff\"}"));
}

#[test]
fn every_other_form_is_refused() {
    let changes = [
        ("812,", "0812,"),
        ("812,", "0,"),
        ("812,", "18446744073709551616,"),
        ("812,", "812 ,"),
        ("{\"seq", " {\"seq"),
        ("\"id\"", "\"iD\""),
        ("5xk2", "5xK2"),
        ("5xk2", "5xi2"),
        ("5xk2", "gxk2"),
        ("t.812", "t.0812"),
        ("t.812", "t-812"),
        ("5xk2m9qfv0c3t", "5xk2m9qfv0c3"),
        ("\"batch\":810", "\"batch\":813"),
        ("\"batch\":810", "\"batch\":-1"),
        (".123456Z", ".123Z"),
        ("T04", " 04"),
        ("u_7f3k", ""),
        ("u_7f3k", "ü"),
        ("u_7f3k", "a\\\"b"),
        ("version.deployed", "Version"),
        ("version.deployed", "a b"),
        ("\"v\":1", "\"v\":0"),
        ("\"v\":1", "\"v\":4294967296"),
        ("\"v\":1", "\"v\":1.0"),
        ("\"v\":1,", "\"v\":1, "),
        ("{\"a\":\"b\"}", "[]"),
        ("{\"a\":\"b\"}", "{"),
        ("{\"a\":\"b\"}", ""),
        ("b1f32413", "B1F32413"),
        ("b1f32413", "b1f3241"),
        ("\"}", "\"} "),
        ("\"crc\"", "\"CRC\""),
        ("a\":\"b", "a\":\"\t"),
        (
            "\"crc\":\"b1f32413\"",
            "\"crc\":\"b1f32413\",\"private\":{\"salt\":\"00112233445566778899aabbccddeeff\"}",
        ),
    ];
    for (from, to) in changes {
        let text = PLAIN.replacen(from, to, 1);
        assert_ne!(text, PLAIN, "{from}");
        assert!(parse(&text).is_err(), "`{from}` as `{to}`");
    }
    let changes = [
        ("\"sealed\":\"0", "\"sealed\":\"A"),
        ("\"sealed\":\"0", "\"sealed\":\""),
        ("\"salt\"", "\"sa1t\""),
        ("{\"salt\":\"0", "{\"salt\":\""),
        ("{\"salt\":\"0", "{\"salt\":\"g"),
        ("eeff\",\"name", "eeff\" ,\"name"),
        ("\"private\":{", "\"private\": {"),
        ("\"}}", "\"}"),
        ("\"}}", "\"}} "),
    ];
    for (from, to) in changes {
        let text = SEALED.replacen(from, to, 1);
        assert_ne!(text, SEALED, "{from}");
        assert!(parse(&text).is_err(), "`{from}` as `{to}`");
    }
    assert_eq!(UncheckedLine::parse(vec![0xff; 40]), Err(Fault::NotText));
    assert_eq!(UncheckedLine::parse(vec![b' '; LINE_MAX]), Err(Fault::TooLong));
}

#[test]
fn a_public_form_that_is_too_long_is_refused() {
    let with = |bytes: usize| PLAIN.replace("\"b\"", &format!("\"{}\"", "b".repeat(bytes)));
    let room = 65_535 - parse(&with(0)).unwrap().public_form().len();
    assert_eq!(parse(&with(room)).unwrap().public_form().len(), 65_535);
    assert_eq!(parse(&with(room + 1)), Err(Fault::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn garbage_never_panics(
        sealed in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        removed in 0..40_usize,
        inserted in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        let mut text = if sealed { SEALED } else { PLAIN }.as_bytes().to_vec();
        let start = cut.index(text.len());
        let end = (start + removed).min(text.len());
        text.splice(start..end, inserted);
        if let Ok(line) = UncheckedLine::parse(text.clone()) {
            prop_assert_eq!(line.text().as_bytes(), text);
            prop_assert!(line.public_form().len() <= line.text().len());
        }
    }
}
