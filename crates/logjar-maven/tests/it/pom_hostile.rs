//! POMs that want to harm: each ends in an error or in bounded facts, soon.

use logjar_maven::pom::{Dependency, License, Pom, PomError, Value, read};
use logjar_maven::xml::{ATTRIBUTE_BYTES_MAX, DEPTH_MAX, DOCUMENT_BYTES_MAX, ELEMENTS_MAX};
use proptest::prelude::*;

fn error(document: &str) -> String {
    read(document.as_bytes()).expect_err("the POM should be refused").to_string()
}

#[test]
fn what_is_no_pom_says_why() {
    let entities =
        "<!DOCTYPE project [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><project><name>&b;</name></project>";
    let parameter = "<!DOCTYPE project [<!ENTITY % x SYSTEM 'file:///etc/passwd'> %x;]><project/>";
    let cases = [
        ("", "its root is `` and not `project`"),
        ("not xml", "it has content outside of its root element"),
        ("<metadata/>", "its root is `metadata` and not `project`"),
        ("<project>", "it ends within the element `project`"),
        ("<project></projec>", "it is not well-formed at byte"),
        ("<project><name></project></name>", "it is not well-formed at byte"),
        ("<project/><project/>", "it has content outside of its root element"),
        ("<project/>text", "it has content outside of its root element"),
        ("<project a=1/>", "it is not well-formed at byte"),
        ("<project>&</project>", "it is not well-formed at byte"),
        ("<project>&nothing;</project>", "the unknown entity `nothing`"),
        ("<project>&#0;</project>", "the character `\\u{0}`"),
        ("<project>&#xFFFF;</project>", "the character `\\u{ffff}`"),
        ("<project>&#27;</project>", "the character `\\u{1b}`"),
        ("<project>\u{8}</project>", "the character `\\u{8}`"),
        (entities, "its document type defines entities"),
        (parameter, "its document type defines entities"),
        ("<?xml version='1.0' encoding='EBCDIC'?><project/>", "its encoding `EBCDIC` is not supported"),
        (
            "<project><version>1</version><version>2</version></project>",
            "the element `version` twice in `project`",
        ),
        (
            "<project><parent><version/><version/></parent></project>",
            "the element `version` twice in `parent`",
        ),
        ("<project><version><x/>1</version></project>", "the element `x` in `version`, where Maven expects"),
        ("<project><modules>x</modules></project>", "text between the elements of `modules`"),
        ("\n\n<?xml version='1.0'?><project/>", "`<?xml` is allowed only at the very beginning"),
        ("<project a='1' a='2'/>", "the attribute `a` appears twice"),
        ("<project a='<'/>", "`<` is not allowed in an attribute"),
        ("<project><!-- a -- b --></project>", "`--` is not allowed in a comment"),
        ("<project>]]></project>", "`]]>` is not allowed in text"),
        ("<?xml version='1.1'?><project/>", "it says that it is XML `1.1`"),
        ("<?xml version='1.0' encoding='UTF-16'?><project/>", "its encoding is `UTF-16`, but it is not"),
    ];
    for (document, expected) in cases {
        let message = error(document);
        assert!(message.contains(expected), "`{document}`: `{message}` should say `{expected}`");
        assert!(!message.contains(char::is_control), "`{message}` should be one line");
    }
}

#[test]
fn bounds_of_documents() {
    let nested = |depth: usize| format!("<project>{}{}</project>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(read(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
    assert!(error(&nested(DEPTH_MAX)).contains("nest deeper than 100"));
    assert!(error(&"<project>".repeat(DOCUMENT_BYTES_MAX / 9)).contains("nest deeper than 100"));

    let many = |count: usize| format!("<project><properties>{}</properties></project>", "<a/>".repeat(count));
    assert!(read(many(ELEMENTS_MAX - 2).as_bytes()).is_ok());
    assert!(error(&many(ELEMENTS_MAX - 1)).contains("more than 200000 elements"));

    let attribute = |bytes: usize| format!("<project a='{}'/>", "x".repeat(bytes));
    assert!(read(attribute(ATTRIBUTE_BYTES_MAX - 10).as_bytes()).is_ok());
    assert!(error(&attribute(ATTRIBUTE_BYTES_MAX)).contains("take more than 16384 bytes"));

    let comment = |bytes: usize| format!("<project><!--{}--></project>", " ".repeat(bytes));
    assert!(read(comment(DOCUMENT_BYTES_MAX - 26).as_bytes()).is_ok());
    assert!(error(&comment(DOCUMENT_BYTES_MAX)).contains("more than the 2097152 that are read"));
}

/// Properties that double at each step would make 2^30 copies; those that stay unresolved cost nothing more.
#[test]
fn properties_that_grow_stay_bounded() {
    let doubling = (0..30)
        .map(|step| format!("<p{step}>${{p{}}}${{p{}}}</p{step}>", step + 1, step + 1))
        .collect::<String>();
    let wide = format!("<w>{}</w><x>{}</x>", "${x}".repeat(1_000), "y".repeat(100_000));
    let names = ["${p0}", "${w}", "${w}${p0}"];
    for name in names {
        let document =
            format!("<project><name>{name}</name><properties>{doubling}{wide}</properties></project>");
        let pom = read(document.as_bytes()).expect("a POM");
        let bytes = pom.name.map(|name| name.len()).unwrap_or_default();
        assert!(bytes <= 2 * DOCUMENT_BYTES_MAX, "{name} grew to {bytes} bytes");
    }
    let circle =
        "<project><version>${a}</version><properties><a>${b}${b}</a><b>${a}${a}</b></properties></project>";
    let version = read(circle.as_bytes()).expect("a POM").version;
    assert!(matches!(version, Value::Unresolved { property, .. } if property == "a"));
    let open = format!("<project><name>{}</name></project>", "${".repeat(DOCUMENT_BYTES_MAX / 3));
    assert!(read(open.as_bytes()).is_ok());
}

/// Each dependency refers to the same long property: the budget is one for the whole POM.
#[test]
fn many_references_share_one_budget() {
    let dependency =
        "<dependency><groupId>${g}</groupId><artifactId>a</artifactId></dependency>".repeat(10_000);
    let long = "g".repeat(10_000);
    let document = format!(
        "<project><dependencies>{dependency}</dependencies><properties><g>{long}</g></properties></project>"
    );
    let pom = read(document.as_bytes()).expect("a POM");
    let bytes = pom.dependencies.iter().map(|dependency| dependency.group.len()).sum::<usize>();
    assert_eq!(pom.dependencies.len(), 10_000);
    assert!(bytes <= DOCUMENT_BYTES_MAX, "dependencies grew to {bytes} bytes");
}

/// What the facts take as JSON, less names of fields and quotes.
fn text_bytes(pom: &Pom) -> usize {
    let escaped = |text: &String| text.len() + text.matches(['"', '\\', '\n']).count();
    let licenses = pom.licenses.iter().flat_map(|License { name, url }| [name, url]).flatten();
    let dependencies = pom.dependencies.iter().flat_map(|Dependency { group, artifact, version, scope }| {
        [Some(group), Some(artifact), version.as_ref(), Some(scope)].into_iter().flatten()
    });
    let own = [&pom.name, &pom.description, &pom.url].into_iter().flatten();
    own.chain(licenses).chain(dependencies).chain(&pom.authors).map(escaped).sum()
}

#[test]
fn facts_that_fit_are_left_alone() {
    let document = "<project><name>n</name><description>d</description><developers><developer><name>a</name>
        </developer></developers></project>";
    let mut pom = read(document.as_bytes()).expect("a POM");
    let before = pom.clone();
    pom.limit_facts(32 * 1024);
    assert_eq!(pom, before);
}

/// Pieces of POMs, in no order that makes sense.
const PIECE: &str = "<(/?)(project|parent|version|properties|a)>|\\$\\{[a-z.]{0,3}\\}?|<!\\[CDATA\\[|\\]\\]>|\
    <!--|-->|&[a-z#0-9]{0,4};?|\\PC";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn facts_are_cut_to_their_bytes(
        texts in prop::collection::vec("[a-zé\"\n\\\\ ]{0,200}", 3),
        description in 0_usize..60,
        counts in prop::array::uniform3(0_usize..600),
        bytes in 4_096_usize..40_000,
    ) {
        let [name, item, part] = &texts[..] else { panic!("three texts") };
        let [licenses, developers, dependencies] = counts;
        let document = format!(
            "<project><name>{name}</name><description>{}</description><licenses>{}</licenses>
            <developers>{}</developers><dependencies>{}</dependencies></project>",
            format!("{part}\nx\n").repeat(description),
            format!("<license><name>{item}</name></license>").repeat(licenses),
            format!("<developer><name>{item}</name></developer>").repeat(developers),
            format!("<dependency><groupId>g{part}</groupId><artifactId>a</artifactId></dependency>")
                .repeat(dependencies),
        );
        let mut pom = read(document.as_bytes()).expect("a POM");
        let before = pom.clone();
        pom.limit_facts(bytes);
        prop_assert!(text_bytes(&pom) <= bytes);
        prop_assert_eq!(pom.truncated, { pom.truncated = before.truncated; pom != before });
    }

    #[test]
    fn reading_never_panics(pieces in prop::collection::vec(PIECE, 0..40)) {
        let document = pieces.concat();
        let _ = read(document.as_bytes());
        let inside: Result<Pom, PomError> = read(format!("<project>{document}</project>").as_bytes());
        let _ = inside;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read(&[b"<?xml version='1.0' encoding='UTF-8'?><project>", bytes.as_slice()].concat());
        let _ = read(&[b"<project>", bytes.as_slice(), b"</project>"].concat());
    }
}
