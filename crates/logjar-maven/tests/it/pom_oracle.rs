//! POMs against Maven's own reader (`PomOracle.java`): what it refuses is refused, what it reads is read, and the
//! coordinates are the same.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use logjar_maven::pom::{Pom, Value, read};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// How many generated documents are asked about.
const GENERATED: usize = 1_500;

/// What stands in most documents.
const GAV: &str = "<groupId>g</groupId><artifactId>a</artifactId><version>1</version>";

fn project(content: &str) -> Vec<u8> {
    format!("<project>{content}</project>").into_bytes()
}

/// Documents about each rule, on both sides of it.
fn about_rules() -> Vec<Vec<u8>> {
    #[rustfmt::skip]
    let inside = [
        "", "text", "<a x='1' x='2'/>", "<a x='1' y='2'/>", "<a x='1'y='2'/>", "<a x='<'/>", "<a x='>'/>", "<a x/>",
        "<a x=1/>", "<a x='&lt;'/>", "<a x='&nothing;'/>", "<a x = '1'/>", "<a></a >", "<a></ a>", "< a/>", "<a / >",
        "<a/ >", "<1/>", "<_/>", "<é/>", "<a.b-c·/>", "<a:b/>", "<:/>", "<!-- a - b -->", "<!-- a -- b -->",
        "<!---->", "<!--->", "<!-- --->", "<!-- -->>", "<!-- > -->", "<!- a -->", "]]>", "]] >", "]]&gt;",
        "<name>a ]]> b</name>", "<name>a ] ]> b</name>", "<name><![CDATA[a]]b]></name>", "<![CDATA[a]]>",
        "<name><![CDATA[<&>]]></name>", "<name><![CDATA[]]></name>", "<name><![CDATA[]]>x</name>",
        "<version><![CDATA[]]>1</version>", "<version><![CDATA[]]>&#49;</version>",
        "<version><![CDATA[]]><!-- c -->1</version>", "<name><![CDATA[]]]]></name>", "<name><![cdata[a]]></name>",
        "<![CDATA[a", "<?a?>", "<? a?>", "<?a > ?>", "<?a <> ?>", "<?a <?>", "<?a ?<>", "<??>", "<?>", "<?xml a?>",
        "<?XML a?>", "<?xmlx?>", "<?xmlx a?>", "<?xm a?>", "&#65;", "&#x41;", "&#X41;", "&#;", "&#x;", "&#x110000;",
        "&#xD800;", "&#99999999999;", "&#8;", "&#0;", "&#xFFFE;", "&#1a;", "&", "& ", "&a", "&a b;", "&nbsp;",
        "&nothing;", "&1;", "&amp;", "<name>a & b</name>", "<name>a\r\nb\rc</name>",
        "<dependencies>x</dependencies>", "<dependencies> <!-- x --> </dependencies>",
        "<dependencies>&#32;</dependencies>", "<dependencies>&nbsp;</dependencies>",
        "<dependencies><![CDATA[ ]]></dependencies>", "<dependencies><x>y<z/></x></dependencies>",
        "<dependencies><dependency>x</dependency></dependencies>", "<name><b/></name>", "<name>x<b/></name>",
        "<name> <b/> </name>", "<unknown>x<b/></unknown>", "<unknown/><unknown/>", "<licenses/><licenses/>",
        "<build><directory/><directory/></build>", "<build><plugins/><plugins/></build>", "<build>text</build>",
        "<build><plugins>x</plugins></build>", "<properties><a/><a/></properties>",
        "<properties><a><b/></a></properties>", "<properties>x</properties>", "<properties/>",
        "<name>a</name><x:name>b</x:name>", "<version>\u{a0}1</version>", "<version> 1\u{2003}</version>",
        "<prerequisites><maven/><maven/></prerequisites>", "<reporting><plugins>x</plugins></reporting>",
        "<reports>x<a>y</a></reports>", "<modules>x</modules>", "<modules><module><a/></module></modules>",
        "<packaging></packaging>", "<packaging/>", "<packaging> </packaging>", "<name>\u{1F600}</name>",
        "<scm><url/><url/></scm>",
        "<distributionManagement><relocation>x<version/></relocation></distributionManagement>",
        "<build><plugins><plugin><goals>x<a/></goals></plugin></plugins></build>",
        "<build><plugins><plugin><executions><execution><goals>x</goals></execution></executions></plugin></plugins></build>",
        "<build><plugins><plugin><configuration>x<a>y<b/></a></configuration></plugin></plugins></build>",
        "<ciManagement><notifiers><notifier><sendOnError>maybe</sendOnError></notifier></notifiers></ciManagement>",
        "<profiles><profile><build><sourceDirectory/><sourceDirectory/></build></profile></profiles>",
        "<profiles><profile><id/><id/></profile></profiles>",
        "<developers><developer><id/><id/></developer></developers>",
        "<contributors><contributor><id/><id/></contributor></contributors>", "</project", "<project>", "</name>",
        "<a></b>", "<a>",
    ];
    #[rustfmt::skip]
    let around = [
        "{}", " {}", "\n{}", "\n\n{}", "  {}", "text{}", "{}text", "{}{}", "{} \n", "{}<!-- a -->",
        "{}<!-- a -- b -->", "{}<!-- a", "{}<?a?>", "{}<?xml a?>", "{}</a>", "{}<a/>", "{}&amp;", "<!-- a -->{}",
        "<!-- a -- b -->{}", "<?a?>{}", "<!DOCTYPE project>{}", "<!DOCTYPE project><!DOCTYPE project>{}",
        "<!DOCTYPE a [ <!ELEMENT b (c)> ]>{}", "<!DOCTYPE a [ > ]>{}", "<!DOCTYPE a [ {}", "<!doctype project>{}",
        "<!DOCTYPE a '&nothing;'>{}", "<!DOCTYPE a '& '>{}", "</a>{}", "<{}", "&amp;{}", "<!--x-->\n{}",
        "<![CDATA[]]>{}", "", " ", "<", "<project", "\u{FFFD}{}", "\u{FFFD}\u{FFFD}{}",
    ];
    #[rustfmt::skip]
    let declarations = [
        "", " version='1.0'", " version='1.1'", " version=\"1.0\"", " version='1.0\"", " version = '1.0' ",
        " VERSION='1.0'", " version='1.0' encoding='UTF-8'", " version='1.0'encoding='UTF-8'",
        " version='1.0' encoding=''", " version='1.0' encoding='8859_1'", " version='1.0' encoding='UTF 8'",
        " version='1.0' standalone='yes'", " version='1.0' standalone='maybe'",
        " version='1.0' encoding='UTF-8' standalone='no' ", " encoding='UTF-8'",
        " version='1.0' standalone='no' encoding='UTF-8'", " version='1.0' x='y'", " version=''", " version",
        " version='1.0' >", " version='1.0'   ", "  version='1.0'", "\nversion='1.0'\n",
        " version='1.0' encoding='UTF-8'standalone='yes'",
    ];
    let whole = format!("<project>{GAV}</project>");
    let of_declarations = declarations.iter().flat_map(|declaration| {
        ["{}", " {}", "  {}", "<!-- a -->{}", "{}{}"].map(|place| {
            let written = place.replace("{}", &format!("<?xml{declaration}?>"));
            format!("{written}{whole}").into_bytes()
        })
    });
    let of_places = around.iter().flat_map(|place| {
        ["", "<?xml version='1.0'?>"]
            .map(|before| format!("{before}{}", place.replace("{}", &whole)).into_bytes())
    });
    let inside = inside.iter().flat_map(|content| [project(content), project(&format!("{GAV}{content}"))]);
    inside.chain(of_places).chain(of_declarations).chain(in_encodings()).collect()
}

/// Documents in UTF-8, UTF-16 and one byte a character, with right, wrong and missing marks and declarations.
fn in_encodings() -> Vec<Vec<u8>> {
    #[rustfmt::skip]
    let names = [
        "UTF-8", "utf8", "UTF-16", "UTF-16LE", "UTF-16BE", "utf-16", "US-ASCII", "ISO-8859-1", "ISO8859_1", "latin1",
        "ISO-8859-2", "ISO-8859-5", "ISO-8859-7", "ISO-8859-9", "ISO-8859-15", "iso8859_15", "windows-1250",
        "windows-1251", "Cp1252", "windows-1253", "windows-1254", "windows-1257", "KOI8-R", "KOI8_R", "KOI8-U",
        "GBK", "gb2312", "GB18030", "EUC_CN", "Big5", "Big5-HKSCS", "Shift_JIS", "SJIS", "windows-31j", "MS932",
        "EUC-JP", "EUC_JP", "EUC-KR", "EUC_KR", "MS949", "MS950", "MS936", "TIS-620", "windows-874", "IBM866",
        "Cp866", "x-MacRoman", "MacRoman", "ISO-2022-JP", "nonsense", "EBCDICX",
    ];
    let mut documents = Vec::new();
    for name in names {
        let text = format!("<?xml version='1.0' encoding='{name}'?><project>{GAV}</project>");
        documents.push(text.clone().into_bytes());
        documents.push([&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat());
        for unit in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let units: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
            documents.push([&unit(0xFEFF), units.as_slice()].concat());
            documents.push(units);
        }
    }
    for text in
        [format!("<project>{GAV}</project>"), format!("<?xml version='1.0'?><project>{GAV}</project>")]
    {
        for unit in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let units: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
            documents.push([&unit(0xFEFF), units.as_slice()].concat());
            documents.push(units);
        }
    }
    documents
}

/// Texts in the encodings in which people write, by their bytes.
fn in_their_letters() -> Vec<(&'static str, Vec<u8>)> {
    let texts: [(&str, &[u8]); 13] = [
        ("GBK", &[0xD6, 0xD0, 0xB9, 0xFA]),
        ("GB18030", &[0xD6, 0xD0, 0x94, 0x39, 0xDA, 0x33]),
        ("Big5", &[0xA4, 0xA4, 0xB0, 0xEA]),
        ("Shift_JIS", &[0x93, 0xFA, 0x96, 0x7B]),
        ("EUC-JP", &[0xC6, 0xFC, 0xCB, 0xDC]),
        ("EUC-KR", &[0xB0, 0xA1, 0xB3, 0xAA]),
        ("windows-1250", &[0x9C, 0xB9]),
        ("windows-1251", &[0xE0, 0xFF]),
        ("windows-1252", &[0x80, 0xE9]),
        ("ISO-8859-1", &[0xE9, 0xA4]),
        ("ISO-8859-2", &[0xB1, 0xE6]),
        ("ISO-8859-15", &[0xA4, 0xE9]),
        ("KOI8-R", &[0xC1, 0xD1]),
    ];
    let document = |(name, text): (&'static str, &[u8])| {
        let before = format!("<?xml version='1.0' encoding='{name}'?><project>{GAV}<name>");
        (name, [before.as_bytes(), text, b"</name></project>"].concat())
    };
    texts.map(document).into()
}

/// Documents of markup in order and out of it.
fn generated() -> Vec<Vec<u8>> {
    let pieces = prop_oneof![
        6 => prop::sample::select(vec![
            "<groupId>g</groupId>", "<artifactId>a</artifactId>", "<version>1</version>", "<packaging>pom</packaging>",
            "<name>n</name>", "<name>", "</name>", "<dependencies>", "</dependencies>", "<dependency>", "</dependency>",
            "<properties>", "</properties>", "<x>y</x>", "<x/>", "<build>", "</build>", "<plugins>", "</plugins>", "<plugin>",
            "</plugin>", "<configuration>", "</configuration>", "<licenses/>", "<parent>", "</parent>",
        ]),
        3 => prop::sample::select(vec![
            "<!-- c -->", "<!-- - -->", "--", "-->", "<!--", "<![CDATA[", "]]>", "]]", ">", "<", "&amp;", "&lt;", "&", ";", "&#65;",
            "<?p i?>", "<?", "?>", "<a b='c'/>", "<a b='c' b='d'/>", "<a b=\"'\">", "</a>", "'", "\"", "=", "/", "!", "?",
        ]),
        2 => prop::sample::select(vec![" ", "\n", "t", "é", "text", "\r\n", "\u{a0}"]),
    ];
    // In pairs more documents are well-formed.
    let paired = prop::sample::select(vec![
        ("<build>", "</build>"),
        ("<dependencies>", "</dependencies>"),
        ("<dependency>", "</dependency>"),
        ("<x>", "</x>"),
        ("<plugins>", "</plugins>"),
        ("<plugin>", "</plugin>"),
        ("<properties>", "</properties>"),
        ("<name>", "</name>"),
        ("<!--", "-->"),
        ("<![CDATA[", "]]>"),
        ("<?p ", "?>"),
        ("<parent>", "</parent>"),
        ("<configuration>", "</configuration>"),
    ]);
    let piece = pieces.prop_map(str::to_owned).boxed();
    let nested = piece.prop_recursive(3, 12, 4, move |inner| {
        (paired.clone(), prop::collection::vec(inner, 0..4))
            .prop_map(|((open, close), inner)| format!("{open}{}{close}", inner.concat()))
    });
    let document = (prop::collection::vec(nested, 0..5), 0..12_u8).prop_map(|(pieces, around)| {
        let content = pieces.concat();
        match around {
            0 => content,
            1 => format!("{content}<project>{GAV}</project>"),
            2 => format!("<project>{GAV}</project>{content}"),
            3 => format!("<project><dependencies>{content}</dependencies></project>"),
            4 => format!("<project {content}>{GAV}</project>"),
            _ => format!("<project>{content}</project>"),
        }
    });
    let mut runner = TestRunner::default();
    let one = |_| document.new_tree(&mut runner).expect("the grammar has values").current().into_bytes();
    (0..GENERATED).map(one).collect()
}

/// What Maven's reader says of a document.
#[derive(Debug, PartialEq)]
enum Said {
    Refused(String),
    /// Group, artifact, version, packaging and name.
    Read([Option<String>; 5]),
}

/// Has Maven's reader read all documents, in one run.
#[expect(clippy::disallowed_methods, reason = "the crate is pure; this test asks the machine's Maven")]
fn maven_reads(documents: &[Vec<u8>]) -> Vec<Said> {
    let library =
        PathBuf::from(std::env::var("MAVEN_LIB").unwrap_or_else(|_| "/usr/share/maven/lib".to_owned()));
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/PomOracle.java");
    let mut java = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-cp"])
        .arg(library.join("*"))
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a JDK is needed to run Maven's reader");
    let length = |length: usize| i32::try_from(length).expect("documents are small").to_be_bytes();
    let mut sent = length(documents.len()).to_vec();
    for document in documents {
        sent.extend(length(document.len()));
        sent.extend(document);
    }
    let mut input = java.stdin.take().expect("it is piped");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(&sent).expect("the program reads all documents"));
        java.wait_with_output().expect("the program ends")
    });
    assert!(output.status.success(), "Maven's libraries may not be in `{}` (MAVEN_LIB)", library.display());
    let output = String::from_utf8(output.stdout).expect("the program writes UTF-8");
    let answers: Vec<Said> = output.lines().map(said).collect();
    assert_eq!(answers.len(), documents.len());
    answers
}

fn said(line: &str) -> Said {
    let Some(texts) = line.strip_prefix("read ") else { return Said::Refused(line.to_owned()) };
    let text = |word: &str| {
        let hex = word.strip_prefix('=')?;
        let byte = |index: usize| u8::from_str_radix(&hex[index..index + 2], 16).expect("hex");
        Some(String::from_utf8((0..hex.len()).step_by(2).map(byte).collect()).expect("texts are UTF-8"))
    };
    let texts: Vec<Option<String>> = texts.split(' ').take(5).map(text).collect();
    Said::Read(texts.try_into().expect("five texts"))
}

/// What we read, as Maven gives it. A name that others can't show is another one here.
fn ours(pom: &Pom) -> [Option<String>; 4] {
    let known = |value: &Value| match value {
        Value::Known(text) => Some(text.clone()),
        Value::Absent => None,
        Value::Unresolved { .. } => panic!("no document has references"),
    };
    [known(&pom.group), known(&pom.artifact), known(&pom.version), Some(pom.packaging.clone())]
}

/// What we refuse although Maven reads it: no other tool does, or it defines something that is not looked up.
fn is_stricter(document: &[u8], reason: &str) -> bool {
    let text = String::from_utf8_lossy(document);
    let root_is_other = reason.contains("its root is");
    let cut_off_behind_root = reason.contains("it ends within a");
    root_is_other || cut_off_behind_root || text.contains("<!ENTITY")
}

#[test]
fn maven_reads_the_same_documents() {
    let documents: Vec<Vec<u8>> = about_rules().into_iter().chain(generated()).collect();
    let mut wrong = Vec::new();
    let (mut read_ones, mut refused_ones) = (0, 0);
    for (document, said) in documents.iter().zip(maven_reads(&documents)) {
        let shown = String::from_utf8_lossy(document).escape_debug().to_string();
        match (read(document), said) {
            (Ok(pom), Said::Read([group, artifact, version, packaging, _])) => {
                read_ones += 1;
                let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
                // Parents give what is missing only when Maven makes its effective model.
                let has_parent = shown.contains("<parent>");
                let theirs = [group, artifact, version, packaging].map(filled);
                let mut ours = ours(&pom);
                if theirs[3].is_none() {
                    ours[3] = None;
                }
                if ours != theirs && !has_parent {
                    wrong.push(format!("{shown}\n    Maven: {theirs:?}\n    we: {ours:?}"));
                }
            }
            (Err(_), Said::Refused(_)) => refused_ones += 1,
            (Err(error), Said::Read(_)) if is_stricter(document, &error.to_string()) => {}
            (Ok(_), Said::Refused(reason)) => wrong.push(format!("{shown}\n    Maven refuses it: {reason}")),
            (Err(error), Said::Read(_)) => wrong.push(format!("{shown}\n    Maven reads it; we: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} documents:\n{}", wrong.len(), wrong.join("\n"));
    assert!(read_ones > 300 && refused_ones > 300, "{read_ones} read, {refused_ones} refused");
}

#[test]
fn maven_reads_the_same_letters() {
    let documents = in_their_letters();
    let asked: Vec<Vec<u8>> = documents.iter().map(|(_, document)| document.clone()).collect();
    for ((encoding, document), said) in documents.iter().zip(maven_reads(&asked)) {
        let Said::Read([.., name]) = said else { panic!("{encoding}: {said:?}") };
        assert_eq!(read(document).expect(encoding).name, name, "{encoding}");
    }
}
