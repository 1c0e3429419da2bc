//! What is read from a POM, as Maven reads it.

use logjar_maven::pom::{Dependency, License, Pom, Relocation, Scm, Value, read};

/// Reads a POM with this content in its `<project>`.
fn project(content: &str) -> Pom {
    let document = format!("<project xmlns='http://maven.apache.org/POM/4.0.0'>{content}</project>");
    read(document.as_bytes()).expect(content)
}

fn known(text: &str) -> Value {
    Value::Known(text.to_owned())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_whole_pom() {
    let pom = project(
        "<modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>a</artifactId>
        <version>1.0</version><packaging>bundle</packaging><name>A\u{202E} lib</name>
        <description>\n  First line.\n  Second\tline.\u{86}\n</description>
        <url>https://example.org/${project.artifactId}</url>
        <licenses><license><name>MIT</name><url>https://mit.example</url></license><license/></licenses>
        <developers>
          <developer><name>Ann Author</name><email>ann@example.org</email></developer>
          <developer><name>bob@example.org</name></developer><developer><id>carl</id></developer>
        </developers>
        <scm><connection>scm:git:x</connection><developerConnection>scm:git:y</developerConnection>
        <tag>v1</tag><url>https://git.example</url></scm>
        <dependencyManagement><dependencies>
          <dependency><groupId>m</groupId><artifactId>m</artifactId></dependency>
        </dependencies></dependencyManagement>
        <dependencies>
          <dependency><groupId>g</groupId><artifactId>b</artifactId><version>${b}</version></dependency>
          <dependency><groupId>${pom.groupId}</groupId><artifactId>c</artifactId><scope>test</scope>
          </dependency>
          <dependency><artifactId>without-group</artifactId></dependency>
        </dependencies>
        <properties><b>2.0</b></properties>
        <distributionManagement><relocation>
          <groupId>org.new</groupId><message>We moved.</message>
        </relocation></distributionManagement>",
    );
    let dependency = |group: &str, artifact: &str, version: Option<&str>, scope: &str| Dependency {
        group: group.to_owned(),
        artifact: artifact.to_owned(),
        version: version.map(str::to_owned),
        scope: scope.to_owned(),
    };
    let expected = Pom {
        group: known("org.example"),
        artifact: known("a"),
        version: known("1.0"),
        packaging: "bundle".to_owned(),
        name: some("A lib"),
        description: some("First line.\nSecond line."),
        url: some("https://example.org/a"),
        licenses: vec![License { name: some("MIT"), url: some("https://mit.example") }],
        scm: Some(Scm {
            connection: some("scm:git:x"),
            developer_connection: some("scm:git:y"),
            tag: some("v1"),
            url: some("https://git.example"),
        }),
        authors: vec!["Ann Author".to_owned()],
        dependencies: vec![
            dependency("g", "b", Some("2.0"), "compile"),
            dependency("org.example", "c", None, "test"),
        ],
        relocation: Some(Relocation {
            group: some("org.new"),
            artifact: None,
            version: None,
            message: some("We moved."),
        }),
        truncated: false,
    };
    assert_eq!(pom, expected);
    assert_eq!(pom.main_extension(), "jar");
}

#[test]
fn an_almost_empty_pom() {
    let pom = project("");
    assert_eq!((&pom.group, &pom.artifact, &pom.version), (&Value::Absent, &Value::Absent, &Value::Absent));
    assert_eq!((pom.packaging.as_str(), pom.scm, pom.relocation), ("jar", None, None));
}

#[test]
fn coordinates_are_resolved_by_the_pom_alone() {
    let unresolved = |text: &str, property: &str| Value::Unresolved {
        text: text.to_owned(),
        property: property.to_owned(),
    };
    let parent =
        "<parent><groupId>org.parent</groupId><artifactId>p</artifactId><version>7</version></parent>";
    let cases = [
        ("<version> 1<!-- x -->.<![CDATA[2]]>\n</version>".to_owned(), known("1.2")),
        ("<version>1&#46;2&#x2e;3</version>".to_owned(), known("1.2.3")),
        ("<version>${revision}</version>".to_owned(), unresolved("${revision}", "revision")),
        ("<version>1${sha1}${changelist}</version>".to_owned(), unresolved("1${sha1}${changelist}", "sha1")),
        ("<version>${a}</version><properties><a>1-${b}</a><b>2</b></properties>".to_owned(), known("1-2")),
        (
            "<version>${a}</version><properties><a>1-${b}</a></properties>".to_owned(),
            unresolved("1-${b}", "b"),
        ),
        ("<version>${a}</version><properties><a>x${a}</a></properties>".to_owned(), unresolved("x${a}", "a")),
        (
            "<version>${a}</version><properties><a>${b}</a><b>${a}</b></properties>".to_owned(),
            unresolved("${a}", "a"),
        ),
        (
            "<version>${project.version}</version>".to_owned(),
            unresolved("${project.version}", "project.version"),
        ),
        ("<version>${version}</version>".to_owned(), unresolved("${version}", "version")),
        ("<version>${env.V}</version>".to_owned(), unresolved("${env.V}", "env.V")),
        ("<version>1${</version>".to_owned(), known("1${")),
        ("<version>${empty}</version><properties><empty/></properties>".to_owned(), Value::Absent),
        (parent.to_owned(), known("7")),
        (format!("{parent}<version>8</version>"), known("8")),
        (format!("{parent}<version>${{project.parent.version}}</version>"), known("7")),
        (format!("{parent}<version>${{parent.version}}-x</version>"), known("7-x")),
        (format!("{parent}<version>${{pom.artifactId}}</version><artifactId>a</artifactId>"), known("a")),
        (
            "<parent><version>${revision}</version></parent><properties><revision>3</revision></properties>"
                .to_owned(),
            known("3"),
        ),
    ];
    for (content, version) in cases {
        assert_eq!(project(&content).version, version, "{content}");
    }
    assert_eq!(project(parent).group, known("org.parent"));
    assert_eq!(project(parent).artifact, Value::Absent, "the artifact is never the parent's");
}

#[test]
fn a_property_hides_a_bare_field_and_not_a_full_one() {
    let content = "<artifactId>field</artifactId><properties><artifactId>own</artifactId>
        <project.artifactId>own</project.artifactId></properties>";
    let name = |reference: &str| project(&format!("{content}<name>{reference}</name>")).name;
    assert_eq!(name("${artifactId}"), some("own"));
    assert_eq!(name("${project.artifactId}"), some("field"));
}

#[test]
fn encodings_and_named_characters() {
    let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><project><name>Caf\xe9</name></project>";
    assert_eq!(read(latin).expect("a POM").name, some("Café"));
    let utf_16 = "<?xml version='1.0' encoding='UTF-16'?><project><name>Café</name></project>";
    let utf_16 = ['\u{FEFF}'].into_iter().chain(utf_16.chars()).collect::<String>();
    let utf_16 = utf_16.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    assert_eq!(read(&utf_16).expect("a POM").name, some("Café"));
    let with_mark = "\u{FEFF}<project><name>Caf&eacute; &copy; J&uuml;rgen &#x1F980;</name></project>";
    assert_eq!(read(with_mark.as_bytes()).expect("a POM").name, some("Café © Jürgen 🦀"));
    let document_type =
        "<!DOCTYPE project SYSTEM 'http://example.org/x.dtd'><project><name>x</name></project>";
    assert_eq!(read(document_type.as_bytes()).expect("a POM").name, some("x"));
    let prefixed = "<p:project xmlns:p='any'><p:name>x</p:name></p:project>";
    assert_eq!(read(prefixed.as_bytes()).expect("a POM").name, some("x"));
}

#[test]
fn main_files_of_packagings() {
    let cases = [
        ("jar", "jar"),
        ("bundle", "jar"),
        ("maven-plugin", "jar"),
        ("ejb", "jar"),
        ("eclipse-plugin", "jar"),
        ("test-jar", "jar"),
        ("pom", "pom"),
        ("bom", "pom"),
        ("war", "war"),
        ("zip", "zip"),
        ("aar", "aar"),
        ("${packaging.type}", "${packaging.type}"),
    ];
    for (packaging, extension) in cases {
        assert_eq!(project(&format!("<packaging>{packaging}</packaging>")).main_extension(), extension);
    }
}
