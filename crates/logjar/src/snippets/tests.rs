//! What snippets hold for which address. That those for Maven, Leiningen and tools.deps work over http is shown by
//! `e2e/scenarios/snippets.sh`, which pastes them; those for Gradle and sbt, and https, are looked at here only.

use super::*;

const LOOPBACK: &str = "http://127.0.0.1:8930";
const HTTP: &str = "http://repo.example.org:8930";
const HTTPS: &str = "https://repo.example.org";

fn first(base: &str) -> Place {
    Place::new(base, "repo", "repo")
}

fn private(base: &str) -> Place {
    Place::new(base, "repository/team-a", "team-a").asking_readers()
}

/// Both snippets of every tool.
fn all(place: &Place) -> impl Iterator<Item = (Tool, [String; 2])> {
    Tool::ALL.into_iter().map(|tool| (tool, [resolve(place, tool), deploy(place, tool)]))
}

#[test]
fn tools_are_known_by_their_names() {
    for tool in Tool::ALL {
        assert_eq!(Tool::parse(tool.name()), Some(tool));
    }
    assert_eq!(Tool::parse("Maven"), None);
    assert_eq!(Tool::parse("ant"), None);
}

#[test]
fn only_where_the_address_is_http_a_tool_is_told_to_speak_it() {
    let opt_ins = [
        (Tool::Maven, "<mirrorOf>logjar</mirrorOf>"),
        (Tool::Leiningen, "register-wagon-factory!"),
        (Tool::Deps, "CLOJURE_CLI_ALLOW_HTTP_REPO=true"),
        (Tool::Gradle, "allowInsecureProtocol = true"),
        (Tool::Sbt, ".withAllowInsecureProtocol(true)"),
    ];
    for (tool, opt_in) in opt_ins {
        assert!(resolve(&first(HTTP), tool).contains(opt_in), "{tool:?} resolves over http");
        assert!(!resolve(&first(HTTPS), tool).contains(opt_in), "{tool:?} resolves over https");
        assert!(!deploy(&first(HTTPS), tool).contains(opt_in), "{tool:?} deploys over https");
        // Maven blocks http for what it resolves only, and tools.deps leaves the deploy to Maven.
        let deploys_freely = matches!(tool, Tool::Maven | Tool::Deps);
        assert_eq!(
            deploy(&first(HTTP), tool).contains(opt_in),
            !deploys_freely,
            "{tool:?} deploys over http"
        );
    }
}

#[test]
fn maven_blocks_http_but_not_to_its_own_machine() {
    let cases = [
        (LOOPBACK, false),
        ("http://localhost:8930", false),
        ("http://127.0.0.2:8930", true),
        ("http://[::1]:8930", true),
        ("http://localhost.example.org", true),
        ("HTTP://repo.example.org", true),
        ("https://127.0.0.2:8930", false),
    ];
    for (base, blocked) in cases {
        assert_eq!(resolve(&first(base), Tool::Maven).contains("<mirror>"), blocked, "{base}");
    }
}

#[test]
fn a_token_is_asked_for_where_one_is_needed() {
    for (tool, [resolved, deployed]) in all(&first(HTTPS)) {
        assert!(!resolved.contains(YOUR_TOKEN), "{tool:?} resolves without a token");
        assert!(
            deployed.contains(YOUR_NAME) && deployed.contains(YOUR_TOKEN),
            "{tool:?} deploys with a token"
        );
    }
    for (tool, [resolved, _]) in all(&private(HTTPS)) {
        assert!(resolved.contains(YOUR_NAME) && resolved.contains(YOUR_TOKEN), "{tool:?} reads with a token");
    }
}

#[test]
fn every_block_says_which_file_it_belongs_into() {
    let heads = ["<!-- pom.xml", "<!-- ~/", ";; ", "// build.", "# ~/", "# In the shell"];
    for place in [first(LOOPBACK), first(HTTP), first(HTTPS), private(HTTP)] {
        for (tool, texts) in all(&place) {
            for block in texts.iter().flat_map(|text| text.split("\n\n")) {
                assert!(heads.iter().any(|head| block.starts_with(head)), "{tool:?}: {block}");
            }
            for text in &texts {
                assert!(text.contains(place.url()), "{tool:?} names the address");
                assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
            }
        }
    }
}

#[test]
fn repositories_have_names_that_a_build_can_tell_apart() {
    assert!(resolve(&first(HTTPS), Tool::Maven).contains("<id>logjar</id>"));
    assert!(resolve(&private(HTTPS), Tool::Maven).contains("<id>logjar-team-a</id>"));
    let gradle = resolve(&private(HTTPS), Tool::Gradle);
    assert!(gradle.contains("name = 'logjarTeamA'") && gradle.contains("\nlogjarTeamAPassword="), "{gradle}");
}

#[test]
fn sbt_gets_the_host_as_java_knows_it() {
    let cases = [
        ("http://127.0.0.1:8930", "127.0.0.1"),
        ("https://repo.example.org/below/it", "repo.example.org"),
        ("http://[::1]:8930", "[::1]"),
        ("http://[::1]", "[::1]"),
        ("https://someone@repo.example.org:443", "repo.example.org"),
    ];
    for (base, host) in cases {
        let text = deploy(&first(base), Tool::Sbt);
        assert!(text.contains(&format!("\nhost={host}\n")), "{base}: {text}");
    }
}

/// Addresses and names are checked where they come from; here, whatever they hold, nothing gets out of its quotes.
#[test]
fn a_hostile_address_stays_an_address() {
    let hostile = Place::new("http://a\"b'c\\<d>&\n\nevil", "repo", "x\n--><y> '\"");
    for (tool, texts) in all(&hostile) {
        for text in texts {
            assert!(
                !text.contains("\nevil") && !text.contains("--><y>") && !text.contains("<d>&\n"),
                "{text}"
            );
            let quoted = match tool {
                Tool::Maven => r#"a"b'c\&lt;d&gt;&amp;??evil/repo/"#,
                Tool::Deps if text.starts_with("<!--") => r#"'http://a"b'\''c\<d>&??evil/repo/'"#,
                Tool::Leiningen | Tool::Deps | Tool::Sbt => r#""http://a\"b'c\\<d>&??evil/repo/""#,
                Tool::Gradle => r#"'http://a"b\'c\\<d>&??evil/repo/'"#,
            };
            assert!(text.contains(quoted), "{tool:?}: {text}");
        }
    }
}
