//! `maven-metadata.xml`: documents to the byte, what is read from clients', and that both fit together.

use logjar_maven::coordinates::{Gav, Version};
use logjar_maven::metadata::{
    ArtifactMetadata, Plugin, SnapshotFile, SnapshotMetadata, SnapshotVersion, read, write_artifact,
    write_artifact_and_plugins, write_plugins, write_snapshot,
};
use logjar_maven::snapshot_version::Stamp;
use proptest::prelude::*;

fn versions(texts: &[&str]) -> Vec<Version> {
    texts.iter().map(|text| Version::parse(text).expect(text)).collect()
}

fn artifact_document(texts: &[&str]) -> String {
    let gav = Gav::parse("org.example", "a", "1").expect("coordinates");
    let versions = versions(texts);
    write_artifact(&ArtifactMetadata {
        group: &gav.group,
        artifact: &gav.artifact,
        versions: &versions,
        last_updated: "20261124080000",
    })
}

fn stamp(text: &str) -> Stamp {
    Stamp::parse(text).expect(text)
}

fn plugin(prefix: &str) -> Plugin {
    Plugin {
        name: format!("The <{prefix}> & more"),
        prefix: prefix.to_owned(),
        artifact: format!("{prefix}-maven-plugin"),
    }
}

#[test]
fn an_artifacts_document() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata>
  <groupId>org.example</groupId>
  <artifactId>a</artifactId>
  <versioning>
    <latest>1.11-SNAPSHOT</latest>
    <release>1.10</release>
    <versions>
      <version>1.9</version>
      <version>1.10</version>
      <version>1.11-SNAPSHOT</version>
    </versions>
    <lastUpdated>20261124080000</lastUpdated>
  </versioning>
</metadata>
"#;
    assert_eq!(artifact_document(&["1.10", "1.11-SNAPSHOT", "1.9"]), expected);
    assert_eq!(artifact_document(&["1.9", "1.10", "1.11-SNAPSHOT"]), expected);
}

#[test]
fn release_and_latest_follow_mavens_order() {
    let cases: [(&[&str], &str, Option<&str>); 4] = [
        (&["1.0-SNAPSHOT"], "1.0-SNAPSHOT", None),
        (&["2.0", "1.9.1", "2.0-rc1"], "2.0", Some("2.0")),
        (&["1.0", "1"], "1.0", Some("1.0")),
        (&["1.0-SNAPSHOT", "1.0"], "1.0", Some("1.0")),
    ];
    for (texts, latest, release) in cases {
        let versioning = read(artifact_document(texts).as_bytes()).expect("our own document").versioning;
        let versioning = versioning.expect("versioning");
        assert_eq!(versioning.latest.as_deref(), Some(latest), "{texts:?}");
        assert_eq!(versioning.release.as_deref(), release, "{texts:?}");
        assert_eq!(versioning.versions.len(), texts.len());
    }
}

#[test]
fn a_snapshot_versions_document() {
    let gav = Gav::parse("org.example", "a", "1.0-SNAPSHOT").expect("coordinates");
    let (old, new) = (stamp("20261124.080000-10"), stamp("20261123.080000-9"));
    let file = |stamp, updated: &str, classifier, extension| SnapshotFile {
        stamp,
        updated: updated.to_owned(),
        classifier,
        extension,
    };
    // The stamp of the current build is the earlier one: its machine's clock is behind.
    let files =
        [file(old, "20261124080000", Some("sources"), "jar"), file(new, "20261124080001", None, "jar")];
    let metadata =
        SnapshotMetadata { gav: &gav, current: new, files: &files, last_updated: "20261124080001" };
    let document = write_snapshot(&metadata);
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata modelVersion="1.1.0">
  <groupId>org.example</groupId>
  <artifactId>a</artifactId>
  <version>1.0-SNAPSHOT</version>
  <versioning>
    <snapshot>
      <timestamp>20261123.080000</timestamp>
      <buildNumber>9</buildNumber>
    </snapshot>
    <lastUpdated>20261124080001</lastUpdated>
    <snapshotVersions>
      <snapshotVersion>
        <extension>jar</extension>
        <value>1.0-20261123.080000-9</value>
        <updated>20261124080001</updated>
      </snapshotVersion>
      <snapshotVersion>
        <classifier>sources</classifier>
        <extension>jar</extension>
        <value>1.0-20261124.080000-10</value>
        <updated>20261124080000</updated>
      </snapshotVersion>
    </snapshotVersions>
  </versioning>
</metadata>
"#;
    assert_eq!(document, expected);
    let versioning = read(document.as_bytes()).expect("our own document").versioning.expect("versioning");
    assert_eq!(versioning.snapshot, Some(new));
    assert_eq!(versioning.last_updated.as_deref(), Some("20261124080001"));
    let sources = SnapshotVersion {
        classifier: Some("sources".to_owned()),
        extension: "jar".to_owned(),
        value: "1.0-20261124.080000-10".to_owned(),
        updated: Some("20261124080000".to_owned()),
    };
    assert_eq!(versioning.snapshot_versions.last(), Some(&sources));
}

#[test]
fn plugins_alone_and_beside_versions() {
    let plugins = [plugin("zeta"), plugin("alpha")];
    let document = write_plugins(&plugins);
    let entry =
        "    <plugin>\n      <name>The &lt;alpha&gt; &amp; more</name>\n      <prefix>alpha</prefix>\n";
    assert!(document.contains(entry), "{document}");
    let metadata = read(document.as_bytes()).expect("our own document");
    assert_eq!(
        (metadata.plugins.as_slice(), &metadata.versioning),
        ([plugin("alpha"), plugin("zeta")].as_slice(), &None)
    );

    let gav = Gav::parse("org.example", "a", "1").expect("coordinates");
    let versions = versions(&["1"]);
    let artifact = ArtifactMetadata {
        group: &gav.group,
        artifact: &gav.artifact,
        versions: &versions,
        last_updated: "20261124080000",
    };
    let both = read(write_artifact_and_plugins(&artifact, &plugins).as_bytes()).expect("our own document");
    assert_eq!(
        (both.plugins.len(), both.versioning.map(|versioning| versioning.versions.len())),
        (2, Some(1))
    );
}

#[test]
fn clients_documents_are_read_by_local_names() {
    let maven_4 = r#"<?xml version="1.0" encoding="UTF-8"?>
        <m:metadata xmlns:m="http://maven.apache.org/METADATA/1.1.0" modelVersion="1.1.0">
          <m:groupId> org.example </m:groupId><m:artifactId>a</m:artifactId><m:version>1-SNAPSHOT</m:version>
          <m:versioning>
            <m:snapshot><m:localCopy>true</m:localCopy></m:snapshot>
            <m:versions><m:version>1</m:version><m:version/><m:other>2</m:other></m:versions>
            <m:snapshotVersions>
              <m:snapshotVersion><m:extension>jar</m:extension></m:snapshotVersion>
            </m:snapshotVersions>
          </m:versioning>
          <m:unknown/>
        </m:metadata>"#;
    let metadata = read(maven_4.as_bytes()).expect("metadata");
    assert_eq!(metadata.group.as_deref(), Some("org.example"));
    assert_eq!(metadata.version.as_deref(), Some("1-SNAPSHOT"));
    let versioning = metadata.versioning.expect("versioning");
    assert_eq!((versioning.snapshot, versioning.snapshot_versions.len()), (None, 0));
    assert_eq!(versioning.versions, ["1"]);
}

#[test]
fn what_is_no_metadata_says_why() {
    let cases = [
        ("", "its root is `` and not `metadata`"),
        ("<project/>", "its root is `project` and not `metadata`"),
        ("<metadata>", "it ends within the element `metadata`"),
        ("<metadata></other>", "it is not well-formed at byte"),
    ];
    for (document, expected) in cases {
        let message = read(document.as_bytes()).expect_err(document).to_string();
        assert!(message.starts_with("the `maven-metadata.xml` can't be read: "), "{message}");
        assert!(message.contains(expected), "`{message}` should say `{expected}`");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(
        document in "(<(/?)(metadata|versioning|versions|version)>|[a-z0-9.&;<]{0,4}){0,30}",
    ) {
        let _ = read(document.as_bytes());
    }

    #[test]
    fn any_name_survives_writing_and_reading(name in "[^\\s\\pC]{1,12}") {
        let plugin = Plugin { name, prefix: "p".to_owned(), artifact: "a".to_owned() };
        let document = write_plugins(std::slice::from_ref(&plugin));
        let metadata = read(document.as_bytes()).expect("our own document");
        prop_assert_eq!(metadata.plugins, [plugin]);
    }
}
