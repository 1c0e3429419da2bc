//! Paths: what each names, what is refused and why, and that names go both ways.

use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::layout::{
    Build, MetadataFolder, Path, PathError, Target, VersionFile, file_name, parse, version_folder,
};
use logjar_maven::snapshot_version::Stamp;
use proptest::prelude::*;

fn parse_path(path: &str) -> Result<Path, PathError> {
    parse(&path.split('/').collect::<Vec<_>>())
}

fn file(path: &str) -> VersionFile {
    match parse_path(path) {
        Ok(Path { target: Target::File(file), .. }) => file,
        other => panic!("`{path}` should be a file of a version: {other:?}"),
    }
}

fn folder(path: &str) -> MetadataFolder {
    match parse_path(path) {
        Ok(Path { target: Target::Metadata(folder), .. }) => folder,
        other => panic!("`{path}` should be metadata: {other:?}"),
    }
}

#[test]
fn file_names_are_split_by_version_then_by_extension() {
    let stamp = Stamp::parse("20261124.080000-12").map(Build::Stamped).expect("a stamp");
    let cases = [
        ("org/x/a/1.0/a-1.0.jar", Build::Release, None, "jar"),
        ("org/x/a/1.0/a-1.0-sources.jar", Build::Release, Some("sources"), "jar"),
        ("org/x/a/1.0/a-1.0-bin.tar.gz", Build::Release, Some("bin"), "tar.gz"),
        ("org/x/a/1.0/a-1.0.tar.gz.asc", Build::Release, None, "tar.gz.asc"),
        ("org/x/a/1.0/a-1.0-jdk1.5.jar", Build::Release, Some("jdk1.5"), "jar"),
        ("org/x/a/1.0/a-1.0-1.2-3.4.jar", Build::Release, Some("1.2-3.4"), "jar"),
        ("org/x/a/1.0/a-1.0.jar.sigstore.json", Build::Release, None, "jar.sigstore.json"),
        ("org/x/a/1.0/a-1.0.spdx.json", Build::Release, None, "spdx.json"),
        ("org/x/a/1.0/a-1.0.7z", Build::Release, None, "7z"),
        ("org/x/a-1/1-2/a-1-1-2-c.jar", Build::Release, Some("c"), "jar"),
        ("hiccup/hiccup/1.0/hiccup-1.0.pom", Build::Release, None, "pom"),
        ("org/x/a/1.0-SNAPSHOT/a-1.0-SNAPSHOT.jar", Build::Plain, None, "jar"),
        ("org/x/a/1.0-SNAPSHOT/a-1.0-SNAPSHOT-tests.jar", Build::Plain, Some("tests"), "jar"),
        ("org/x/a/1.0-SNAPSHOT/a-1.0-20261124.080000-12.pom", stamp, None, "pom"),
        ("org/x/a/1.0-SNAPSHOT/a-1.0-20261124.080000-12-javadoc.jar.asc", stamp, Some("javadoc"), "jar.asc"),
    ];
    for (path, build, classifier, extension) in cases {
        let file = file(path);
        assert_eq!(file.build, build, "{path}");
        assert_eq!(file.classifier.as_deref(), classifier, "{path}");
        assert_eq!(&*file.extension, extension, "{path}");
        assert!(!file.alias, "{path}");
        let name = file_name(&file.gav, &file.build, classifier, extension);
        assert_eq!(format!("{}/{name}", version_folder(&file.gav)), path);
    }
}

#[test]
fn roles_of_files() {
    let roles = |path: &str| {
        let file = file(path);
        [
            file.is_pom(),
            file.is_module(),
            file.is_main("jar"),
            file.is_signature(),
            file.is_ivy_descriptor(),
            file.alias,
        ]
    };
    let (yes, no) = (true, false);
    let cases = [
        ("g/a/1/a-1.pom", [yes, no, no, no, no, no]),
        ("g/a/1/a-1-build.pom", [no, no, no, no, no, no]),
        ("g/a/1/a-1.module", [no, yes, no, no, no, no]),
        ("g/a/1/a-1.jar", [no, no, yes, no, no, no]),
        ("g/a/1/a-1-sources.jar", [no, no, no, no, no, no]),
        ("g/a/1/a-1.jar.asc", [no, no, no, yes, no, no]),
        ("g/a/1/a-1.pom.sig", [no, no, no, yes, no, no]),
        ("g/a/1/ivy-1.xml", [no, no, no, no, yes, yes]),
        ("g/a/1/ivy-1.xml.asc", [no, no, no, yes, no, yes]),
        ("g/a/1-SNAPSHOT/ivy-1-SNAPSHOT.xml", [no, no, no, no, yes, yes]),
        ("g/ivy/1/ivy-1.xml", [no, no, no, no, yes, no]),
        ("g/ivy-b/1/ivy-b-1.xml", [no, no, no, no, no, no]),
        ("g/b_2.12_1.0/1/b_2.12_1.0-1.pom", [yes, no, no, no, no, no]),
        ("g/b_2.12_1.0/1/b-1.pom", [no, no, no, no, no, yes]),
        ("g/b_2.12_1.0/1/b-1.jar.asc", [no, no, no, yes, no, yes]),
    ];
    for (path, expected) in cases {
        assert_eq!(roles(path), expected, "{path}");
    }
    assert_eq!(file("g/a/1/a-1-x.jar.asc").signed_name(), Some("a-1-x.jar"));
}

#[test]
fn the_sum_is_told_from_its_target() {
    let sums = Algorithm::ALL.map(|algorithm| (format!(".{}", algorithm.extension()), Some(algorithm)));
    let targets = ["g/a/1/a-1.jar", "g/a/1/a-1.jar.asc", "g/a/1/ivy-1.xml", "g/a/maven-metadata.xml"];
    for target in targets {
        let expected = parse_path(target).expect(target);
        assert_eq!(expected.sum, None);
        for (suffix, sum) in &sums {
            let path = parse_path(&format!("{target}{suffix}")).expect(target);
            assert_eq!((path.target, path.sum), (expected.target.clone(), *sum));
        }
    }
}

#[test]
fn metadata_folders() {
    let version = folder("org/x/a/1.0-SNAPSHOT/maven-metadata.xml");
    let gav = Gav::parse("org.x", "a", "1.0-SNAPSHOT").expect("coordinates");
    let Gav { group, artifact, version: name } = gav;
    assert_eq!(version, MetadataFolder::Version { group, artifact, version: name });
    assert_eq!((version.as_artifact(), version.as_group()), (None, None));

    let artifact_of = |group: &str, artifact: &str| {
        Some((GroupId::parse(group).expect("a group"), ArtifactId::parse(artifact).expect("an artifact")))
    };
    let both = folder("org/x/a/maven-metadata.xml");
    assert_eq!(both.as_artifact(), artifact_of("org.x", "a"));
    assert_eq!(both.as_group(), GroupId::parse("org.x.a").ok());
    let artifact_only = folder("org/x/lib_2.13/maven-metadata.xml");
    assert_eq!(
        (artifact_only.as_artifact(), artifact_only.as_group()),
        (artifact_of("org.x", "lib_2.13"), None)
    );
    let group_only = folder("org/maven-metadata.xml");
    assert_eq!((group_only.as_artifact(), group_only.as_group()), (None, GroupId::parse("org").ok()));
}

#[test]
fn what_does_not_parse_says_why() {
    let long = format!("g/a/1/a-1-{}.jar", "c".repeat(240));
    let cases = [
        ("a-1.jar", "is not a path in a Maven repository"),
        ("a/1/a-1.jar", "is not a path in a Maven repository"),
        ("maven-metadata.xml", "is not a path in a Maven repository"),
        ("a/1-SNAPSHOT/maven-metadata.xml", "is not a path in a Maven repository"),
        ("g/../1/a-1.jar", "`..` is not allowed"),
        ("g/./a/1/a-1.jar", "`.` is not allowed"),
        ("g//a/1/a-1.jar", "`` is not allowed: it is empty"),
        ("g/a/1/a-1\0.jar", "contains a control character"),
        ("g/a/1\\2/a-1.jar", "contains a slash or backslash"),
        ("g.h/a/1/a-1.jar", "the group `g.h` contains the character `.`"),
        ("g/.a/1/a-1.jar", "the artifact `.a` begins with a dot"),
        ("g/a/1.0-20261124.080000-1/a-1.0-20261124.080000-1.jar", "which clients read as a build"),
        ("g/a/1/a-1", "has no extension"),
        ("g/a/1/a-1-sources", "has no extension"),
        ("g/a/1/a-1.sha1", "has no extension"),
        ("g/a/1/a-1.asc", "has no extension"),
        ("g/a/1/a-1.", "has no extension"),
        ("g/a/1/b-1.jar", "does not fit its folder; there it begins with `a-1`"),
        ("g/a/1/a-10.jar", "does not fit its folder"),
        ("g/a/1/readme.txt", "does not fit its folder"),
        ("g/a/1/maven-metadata.xml.asc", "does not fit its folder"),
        ("g/a/1-SNAPSHOT/a-1-20261124.080000.jar", "does not fit its folder"),
        ("g/a/1-SNAPSHOT/a-1-20261124.080000-01.jar", "does not fit its folder"),
        ("g/a/1-SNAPSHOT/a-1.jar", "does not fit its folder"),
        ("g/b_x_1.0/1/b-1.jar", "does not fit its folder"),
        ("g/a/1.0/a-1.0.1.jar", "has `.1` after its version"),
        ("g/a/1/a-1-.jar", "has `-` after its version"),
        ("g/a/1/a-1-b c.jar", "contains the character ` `"),
        ("g/a/1/a-1-é.jar", "contains the character `é`"),
        ("g/a/1/a-1-c.jar.sha1.md5", "names the sum of a sum"),
        ("g/a/1/a-1-c.jar.sha1.asc", "names the sum of a sum"),
        (&long, "has 248 bytes, more than the 240"),
    ];
    for (path, expected) in cases {
        let message = parse_path(path).expect_err(path).to_string();
        assert!(message.contains(expected), "`{path}`: `{message}` should say `{expected}`");
        assert!(!message.contains(char::is_control), "`{path}`: `{message}` should be one line");
    }
}

/// Path segments near to right ones, and any others.
const SEGMENT: &str = "\\PC{0,12}|[a-z]{1,3}|[a-z0-9.-]{1,9}(-SNAPSHOT)?";

/// Extensions of each kind: short, dotted, signed.
const EXTENSIONS: [&str; 7] = ["jar", "pom", "tar.gz", "jar.asc", "zip", "tar.bz2.sig", "7z"];

proptest! {
    #[test]
    fn parsing_never_panics(segments in prop::collection::vec(SEGMENT, 0..7)) {
        let _ = parse(&segments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn names_go_both_ways(
        group in "[a-z]{1,4}(\\.[a-z0-9_-]{1,4}){0,2}",
        artifact in "[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,5}x",
        base in "[0-9][A-Za-z0-9_+.-]{0,5}x",
        number in prop::option::of(any::<u32>()),
        snapshot in any::<bool>(),
        classifier in prop::option::of("[a-z0-9][a-z0-9.-]{0,8}[a-z]"),
        extension in prop::sample::select(&EXTENSIONS[..]),
    ) {
        let stamp = number.and_then(|number| Stamp::from_parts("20261124.080000", number));
        let build = match stamp {
            _ if !snapshot => Build::Release,
            Some(stamp) => Build::Stamped(stamp),
            None => Build::Plain,
        };
        let version = if snapshot { base + "-SNAPSHOT" } else { base };
        let gav = Gav::parse(&group, &artifact, &version).expect("coordinates");
        let name = file_name(&gav, &build, classifier.as_deref(), extension);
        let file = file(&format!("{}/{name}", version_folder(&gav)));
        // `x.tar` and `gz` make the same name as `x` and `tar.gz`: then the longest extension counts.
        prop_assume!(!classifier.as_deref().is_some_and(|classifier| classifier.ends_with(".tar")));
        prop_assert_eq!(&file.gav, &gav);
        prop_assert_eq!(file.build, build);
        prop_assert_eq!(file.classifier.as_deref(), classifier.as_deref());
        prop_assert_eq!(&*file.extension, extension);
        prop_assert_eq!(&*file.name, name.as_str());
    }
}

#[test]
fn names_of_main_files() {
    for (name, may_be) in [
        ("lib-1.0.jar", true),
        ("lib-1.0.war", true),
        ("lib-1.0.tar.gz", true),
        ("lib-1.0.pom", false),
        ("lib-1.0.module", false),
        ("lib-1.0-sources.jar", false),
        ("lib-1.0.jar.asc", false),
        ("lib-1.0.jar.sigstore.json", false),
        ("lib-1.0.cdx.json", false),
        ("ivy-1.0.xml", false),
    ] {
        assert_eq!(file(&format!("org/example/lib/1.0/{name}")).may_be_main(), may_be, "{name}");
    }
}
