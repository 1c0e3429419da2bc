//! Documentation against code: what a page lists is there, and what is there is on its page.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use logjar::config::keys::KEYS;
use tempfile::TempDir;

use crate::deploy::Deploy;
use crate::server::{TestServer, spawn};
use crate::source;

/// Kinds of events, and the structs that hold their public and private fields.
const KINDS: [(&str, Option<&str>, Option<&str>); 18] = [
    ("log.opened", None, None),
    ("user.registered", Some("UserRegisteredV1"), Some("UserPrivateV1")),
    ("user.password-changed", Some("UserV1"), Some("PasswordPrivateV1")),
    ("user.disabled", Some("UserV1"), None),
    ("user.enabled", Some("UserV1"), None),
    ("user.erased", Some("UserErasedV1"), None),
    ("user.admin-changed", Some("AdminV1"), None),
    ("token.created", Some("TokenCreatedV1"), Some("TokenPrivateV1")),
    ("token.disabled", Some("TokenV1"), None),
    ("group.created", Some("GroupCreatedV1"), None),
    ("member.granted", Some("MemberV1"), None),
    ("member.revoked", Some("MemberV1"), None),
    ("repository.created", Some("RepositoryV1"), None),
    ("repository.settings-changed", Some("RepositorySettingsV1"), None),
    ("version.deployed", Some("VersionDeployedV1"), None),
    ("version.files-added", Some("FilesAddedV1"), None),
    ("version.facts-corrected", Some("FactsCorrectedV1"), None),
    ("snapshot.expired", Some("SnapshotExpiredV1"), None),
];

/// Fields that hold objects of their own, as the page writes them, and their structs.
const NESTED: [(&str, &str, &str); 2] = [("files", "files[].", "FileV1"), ("pom", "pom.", "PomV1")];

/// Fields of facts whose objects the page shows in braces.
const BRACED: [(&str, &str); 4] = [
    ("pom.licenses", "LicenseV1"),
    ("pom.scm", "ScmV1"),
    ("pom.dependencies", "DependencyV1"),
    ("pom.relocation", "RelocationV1"),
];

/// Fields of a struct in the code of stored events.
fn fields_of(name: &str) -> Vec<String> {
    let code: String = source::files(&["rs"])
        .into_iter()
        .filter(|file| file.path.starts_with("crates/logjar/src/stored_event"))
        .map(|file| file.text)
        .collect();
    let start = [format!("struct {name}<"), format!("struct {name} {{")]
        .iter()
        .find_map(|start| code.find(start))
        .unwrap_or_else(|| panic!("there is no struct {name}"));
    let body = code[start..].split_once('{').unwrap().1.split_once("\n}").unwrap().0;
    let field = |line: &str| {
        let line = line.trim().trim_start_matches("pub(super) ").trim_start_matches("pub ");
        let (name, _) = line.split_once(": ")?;
        let name = name.trim_start_matches("r#");
        let is_name =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        is_name.then(|| name.to_owned())
    };
    body.lines().filter_map(field).collect()
}

/// Rows of the table of a section: what stands in its cells.
fn rows(section: &str) -> Vec<Vec<&str>> {
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn plain(cell: &str) -> &str {
    cell.trim_matches('`')
}

#[test]
fn every_kind_and_field_of_events() {
    let page = source::read("docs/events.md");
    let sections: Vec<(&str, &str)> = page
        .split("\n## ")
        .skip(1)
        .map(|section| section.split_once('\n').unwrap())
        .filter(|(heading, _)| heading.contains('.'))
        .collect();
    let documented: BTreeSet<&str> = sections.iter().map(|(kind, _)| plain(kind)).collect();
    let kinds: BTreeSet<&str> = KINDS.iter().map(|(kind, _, _)| *kind).collect();
    assert_eq!(documented, kinds);
    let code = source::read("crates/logjar-domain/src/event.rs");
    let in_code: BTreeSet<&str> = code
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .filter(|text| text.contains('.'))
        .collect();
    assert_eq!(in_code, kinds, "the kinds in the code");
    for (kind, section) in sections {
        check_section(plain(kind), section);
    }
}

fn check_section(kind: &str, section: &str) {
    let (_, public, private) = KINDS.into_iter().find(|(each, _, _)| *each == kind).unwrap();
    let mut expected = BTreeSet::new();
    for (place, form) in [("data", public), ("private", private)] {
        for field in form.into_iter().flat_map(fields_of) {
            // A correction refers to the table of the deploy.
            let refers = kind == "version.facts-corrected";
            if let Some((_, front, nested)) = NESTED.iter().find(|(outer, _, _)| *outer == field && !refers) {
                expected
                    .extend(fields_of(nested).into_iter().map(|inner| (format!("{front}{inner}"), place)));
            }
            // One struct serves grants and revocations; a revocation never has rights.
            if kind != "member.revoked" || !["can", "admin"].contains(&field.as_str()) {
                expected.insert((field, place));
            }
        }
    }
    let rows = rows(section);
    let documented: BTreeSet<(String, &str)> =
        rows.iter().map(|row| (plain(row[0]).to_owned(), row[1])).collect();
    assert_eq!(documented, expected, "{kind}");
    for (field, form) in BRACED.into_iter().filter(|_| kind == "version.deployed") {
        let row = rows.iter().find(|row| plain(row[0]) == field).unwrap();
        let braces = row[2].split_once('{').unwrap().1.split_once('}').unwrap().0;
        assert_eq!(braces.split(", ").collect::<Vec<_>>(), fields_of(form), "{field}");
    }
}

#[test]
fn every_key_of_the_configuration() {
    let page = source::read("docs/operating.md");
    let documented: Vec<(String, String)> = rows(&page)
        .into_iter()
        .filter(|row| row.len() > 2 && plain(row[1]).starts_with("LOGJAR_"))
        .map(|row| (plain(row[0]).to_owned(), plain(row[1]).to_owned()))
        .collect();
    let keys: Vec<(String, String)> = KEYS.iter().map(|key| (key.name.to_owned(), key.variable())).collect();
    assert_eq!(documented, keys);
    let defaults = logjar::config::Config::default();
    for row in rows(&page) {
        if let Some(key) = KEYS.iter().find(|key| row.len() > 2 && plain(row[1]) == key.variable()) {
            assert_eq!(plain(row[2]), key.value(&defaults), "the default of {}", key.name);
        }
    }
}

#[test]
fn every_route() {
    let page = source::read("docs/http-api.md") + &source::read("docs/http-clojars.md");
    let routes = source::routes();
    for (method, path) in &routes {
        assert!(page.contains(&format!("{method} {path}")), "{method} {path} is missing in docs/http-*.md");
    }
    for (_, rest) in ["GET /", "POST /", "PATCH /", "DELETE /"]
        .iter()
        .flat_map(|method| page.match_indices(method).map(|(at, found)| (found, &page[at..])))
    {
        let end = rest.find(['`', '?', '\n', '[']).unwrap_or(rest.len());
        let (method, path) = rest[..end].trim_end().split_once(' ').unwrap();
        let known = routes.iter().any(|route| route.0 == method && route.1 == path);
        let ours = path.starts_with("/api/") || path.starts_with("/health");
        assert!(
            known || !ours || path.contains(' '),
            "docs/http-*.md have {method} {path}, the router has not"
        );
    }
}

/// Fenced blocks after a line `<!-- test: name -->`, in their order. Those after `<!-- scenario: name -->` are for
/// `e2e/`, which has what they need.
fn marked_blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    for marked in page.split("<!-- test: ").skip(1) {
        let (name, rest) = marked.split_once(" -->\n```bash\n").expect("a bash block follows the marker");
        let (block, _) = rest.split_once("\n```").expect("the block ends");
        blocks.push((name.to_owned(), block.to_owned()));
    }
    blocks
}

/// Runs the marked blocks of a page, all in one shell as a reader has, against a running server.
fn run_blocks(page: &str, server: &TestServer) {
    let blocks = marked_blocks(&source::read(page));
    assert!(!blocks.is_empty(), "{page} has no block marked with <!-- test: name -->");
    let folder = TempDir::new().unwrap();
    let mut script = format!(
        "set -euo pipefail\nlogjar() {{ '{}' --data '{folder}' \"$@\"; }}\nln -s '{folder}' data\n",
        env!("CARGO_BIN_EXE_logjar"),
        folder = server.folder().display()
    );
    for (name, block) in &blocks {
        script.push_str(&format!("echo '== {name}'\n{block}\n"));
    }
    let script = script.replace("127.0.0.1:8930", &server.address().to_string());
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(&script).current_dir(folder.path());
    bash.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = spawn(&mut bash).wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{}\n{stdout}\n{stderr}", ran.status);
}

#[test]
fn the_readme_works_as_it_is_written() {
    let server = TestServer::start();
    run_blocks("README.md", &server);
    assert_eq!(server.events_of("version.deployed").len(), 1, "the README deploys one version");
}

#[test]
fn operating_works_as_it_is_written() {
    let server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    run_blocks("docs/operating.md", &server);
    let derived = server.folder().join("derived");
    assert!(
        derived.join("state-5/state").is_file() && derived.join("search-2").is_dir(),
        "the page names them"
    );
}

#[test]
fn every_decision_record_is_well_formed() {
    let records: Vec<_> =
        source::files(&["md"]).into_iter().filter(|file| file.path.starts_with("docs/adr/0")).collect();
    assert!(!records.is_empty());
    for (index, record) in records.iter().enumerate() {
        let name = record.path.trim_start_matches("docs/adr/");
        let number = index + 1;
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is not number {number}");
        assert!(record.text.starts_with(&format!("# {number}. ")), "{name} begins with another title");
        for heading in ["\n## Context\n", "\n## Decision\n", "\n## Consequences\n"] {
            assert!(record.text.contains(heading), "{name} has no{}", heading.trim_end());
        }
    }
}
