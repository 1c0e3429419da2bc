//! Properties of the small texts: names, stamps and sums, whatever they are given.

use logjar_maven::checksum::{Algorithm, Digests, Hasher, from_hex, parse_sum, to_hex};
use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::plugin::{default_plugin_prefix, plugin_prefix};
use logjar_maven::snapshot_version::Stamp;
use logjar_maven::version_order::compare;
use proptest::prelude::*;

/// Texts near to names, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9_.+-]{0,20}", "[0-9.]{1,16}-[0-9]{1,3}", "\\PC{0,20}", any::<String>()]
}

proptest! {
    #[test]
    fn names_print_as_they_were_read(text in text()) {
        if let Ok(group) = GroupId::parse(&text) {
            prop_assert_eq!(group.to_string(), text.clone());
            let labels = group.labels().collect::<Vec<_>>();
            prop_assert_eq!(labels.join("/"), group.path());
            prop_assert_eq!(GroupId::from_labels(&labels), Ok(group.clone()));
        }
        if let Ok(artifact) = ArtifactId::parse(&text) {
            prop_assert_eq!(artifact.to_string(), text.clone());
        }
        if let Ok(version) = Version::parse(&text) {
            prop_assert_eq!(version.as_str(), text.as_str());
            prop_assert_eq!(version.is_snapshot(), version.base().len() < text.len());
        }
        if let Some(stamp) = Stamp::parse(&text) {
            prop_assert_eq!(stamp.to_string(), text);
        }
    }

    /// What may be deployed can be read back from the log for ever.
    #[test]
    fn every_name_can_be_stored(text in text()) {
        if let Ok(group) = GroupId::parse(&text) {
            prop_assert_eq!(GroupId::from_stored(&text), Some(group));
        }
        if let Ok(artifact) = ArtifactId::parse(&text) {
            prop_assert_eq!(ArtifactId::from_stored(&text), Some(artifact));
        }
        if let Ok(version) = Version::parse(&text) {
            prop_assert_eq!(Version::from_stored(&text), Some(version));
        }
    }

    #[test]
    fn errors_are_one_line(text in text()) {
        let names = [GroupId::parse(&text).err(), ArtifactId::parse(&text).err()];
        let errors = names.into_iter().chain([Version::parse(&text).err()]);
        for message in errors.flatten().map(|error| error.to_string()) {
            prop_assert!(!message.contains(char::is_control), "{:?}", message);
        }
    }

    #[test]
    fn stamps_go_both_ways(day in 0_u32..100_000_000, time in 0_u32..1_000_000, build in any::<u32>()) {
        let text = format!("{day:08}.{time:06}-{build}");
        let stamp = Stamp::parse(&text).expect("a stamp");
        prop_assert_eq!(stamp.to_string(), text);
        prop_assert_eq!(Stamp::from_parts(&stamp.timestamp(), stamp.build()), Some(stamp));
        // A release that looks like a build is never taken, whatever stands before it.
        for version in [stamp.to_string(), format!("1.0-{stamp}")] {
            prop_assert!(Version::parse(&version).is_err());
        }
    }

    #[test]
    fn sums_do_not_depend_on_how_bytes_come(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        cut in any::<prop::sample::Index>(),
    ) {
        let (front, back) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut hasher = Hasher::new();
        hasher.update(front);
        hasher.update(back);
        let digests = hasher.finish();
        prop_assert_eq!(digests, Digests::of(&bytes));
        for algorithm in Algorithm::ALL {
            let hex = digests.hex(algorithm);
            prop_assert_eq!(parse_sum(hex.as_bytes(), algorithm), Some(hex.clone()));
            let line = format!("{}  some file-1.0.jar\r\n", hex.to_uppercase());
            prop_assert_eq!(parse_sum(line.as_bytes(), algorithm), Some(hex));
        }
        prop_assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
    }

    #[test]
    fn readers_of_small_texts_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        text in text(),
    ) {
        for algorithm in Algorithm::ALL {
            let sum = parse_sum(&bytes, algorithm);
            prop_assert!(sum.is_none_or(|sum| sum.len() == algorithm.hex_len()));
        }
        let _ = (from_hex(&text), plugin_prefix(&bytes), default_plugin_prefix(&text));
    }

    #[test]
    fn the_order_of_versions_is_antisymmetric(left in text(), right in text()) {
        prop_assert_eq!(compare(&left, &right), compare(&right, &left).reverse());
        prop_assert!(compare(&left, &left).is_eq());
    }
}
