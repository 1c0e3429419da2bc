//! Groups: who may deploy to them, and who gets one that nobody has.

use crate::deploy::Deploy;
use crate::deploying::check_reason;
use crate::server::TestServer;

/// A registry with amy, an administrator, and ben and cid, who are none.
fn registry(environment: &[(&str, &str)]) -> TestServer {
    let server = TestServer::with(environment);
    server.administrator("amy");
    server.user("ben");
    server.user("cid");
    server
}

#[test]
fn an_administrators_deploy_claims_a_group() {
    let server = registry(&[]);
    let refused = Deploy::new("org.example:lib:1.0").send(&server, "ben");
    check_reason(refused.refusal(), 403, &["`org.example`", "logjar group create org.example --owner ben"]);
    assert_eq!(server.uploads(), Vec::<String>::new());
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    assert_eq!(server.events_of("version.deployed")[0]["data"]["claims_group"], "org.example");
    assert_eq!(server.events_of("group.created").len(), 0, "the claim rides on the deploy");
    let members = server.logjar(&["group", "members", "org.example", "--json"]).expect(0).json();
    assert_eq!(members[0]["user"], "amy");
    assert_eq!(members[0]["admin"], true);
}

#[test]
fn members_and_others() {
    let server = registry(&[]);
    server.logjar(&["group", "create", "org.example", "--owner", "ben"]).expect(0);
    Deploy::new("org.example:lib:1.0").send(&server, "ben").created();
    let refused = Deploy::new("org.example:lib:1.1").send(&server, "cid");
    check_reason(refused.refusal(), 403, &["`cid`", "org.example:lib", "logjar group grant org.example cid"]);
    server.logjar(&["group", "grant", "org.example", "cid", "--artifact", "lib"]).expect(0);
    Deploy::new("org.example:lib:1.1").send(&server, "cid").created();
    check_reason(
        Deploy::new("org.example:other:1.0").send(&server, "cid").refusal(),
        403,
        &["org.example:other"],
    );
    server.logjar(&["group", "revoke", "org.example", "cid", "--artifact", "lib"]).expect(0);
    check_reason(Deploy::new("org.example:lib:1.2").send(&server, "cid").refusal(), 403, &["`cid`"]);
    server.logjar(&["group", "grant", "org.example", "cid", "--can", "read"]).expect(0);
    check_reason(Deploy::new("org.example:lib:1.2").send(&server, "cid").refusal(), 403, &["`cid`"]);
    server.logjar(&["group", "grant", "org.example", "cid", "--can", "deploy"]).expect(0);
    Deploy::new("org.example:lib:1.2").send(&server, "cid").created();
}

#[test]
fn a_group_of_two_labels_protects_what_lies_under_it() {
    let server = registry(&[("LOGJAR_GROUPS_CREATE", "open")]);
    server.logjar(&["group", "create", "org.example", "--owner", "ben"]).expect(0);
    let refused = Deploy::new("org.example.deep.er:lib:1.0").send(&server, "cid");
    check_reason(refused.refusal(), 403, &["`cid`", "logjar group grant org.example.deep.er cid"]);
    Deploy::new("org.example.deep.er:lib:1.0").send(&server, "ben").created();
    assert_eq!(server.events_of("version.deployed")[0]["data"].get("claims_group"), None);
    // A right for one artifact goes nowhere else.
    server.logjar(&["group", "grant", "org.example", "cid", "--artifact", "lib"]).expect(0);
    check_reason(Deploy::new("org.example.other:lib:1.0").send(&server, "cid").refusal(), 403, &["`cid`"]);
}

#[test]
fn a_single_label_protects_nothing_else() {
    let server = registry(&[("LOGJAR_GROUPS_CREATE", "open")]);
    Deploy::new("hiccup:hiccup:1.0").send(&server, "ben").created();
    Deploy::new("hiccup.extras:lib:1.0").send(&server, "cid").created();
    check_reason(Deploy::new("hiccup:hiccup:1.1").send(&server, "cid").refusal(), 403, &["`cid`"]);
}

#[test]
fn an_open_registry_gives_a_group_to_the_first_deployer() {
    let server = registry(&[("LOGJAR_GROUPS_CREATE", "open")]);
    Deploy::new("org.example:lib:1.0").send(&server, "ben").created();
    check_reason(Deploy::new("org.example:lib:1.1").send(&server, "cid").refusal(), 403, &["`cid`"]);
    Deploy::new("net.deep.below:lib:1.0").send(&server, "ben").created();
    let above = Deploy::new("net.deep:lib:1.0").send(&server, "cid");
    check_reason(above.refusal(), 403, &["`net.deep`", "belong to others", "--over"]);
    // A small right below is none above.
    server
        .logjar(&["group", "grant", "net.deep.below", "cid", "--artifact", "one", "--can", "read"])
        .expect(0);
    let above = Deploy::new("net.deep:lib:1.0").send(&server, "cid");
    check_reason(above.refusal(), 403, &["`net.deep`", "belong to others", "--over"]);
    let owned = server.logjar(&["group", "create", "net.deep", "--owner", "cid"]).expect(1);
    assert!(owned.stderr.contains("--over"), "{}", owned.stderr);
    Deploy::new("net.deep:lib:1.0").send(&server, "ben").created();
}

#[test]
fn who_may_claim_nothing_learns_no_names() {
    let server = registry(&[]);
    let [of_user, of_nobody] = ["ben", "nobodys"].map(|group| {
        let sent = Deploy::new(&format!("{group}:lib:1.0")).send(&server, "cid");
        (sent.refusal().status, sent.refusal().told().replace(group, "GROUP"))
    });
    assert_eq!(of_user, of_nobody);
}

#[test]
fn groups_that_nobody_can_own() {
    let server = registry(&[("LOGJAR_GROUPS_CREATE", "open")]);
    for group in ["com", "co.uk", "io.github", "com.github", "repo", "api.tools"] {
        let refused = Deploy::new(&format!("{group}:lib:1.0")).send(&server, "amy");
        check_reason(refused.refusal(), 403, &[&format!("`{group}`"), "cannot be claimed"]);
        let refused = server.logjar(&["group", "create", group, "--owner", "ben"]).expect(1);
        assert!(refused.stderr.contains("cannot be claimed"), "{}", refused.stderr);
    }
    Deploy::new("io.github.ben:lib:1.0").send(&server, "ben").created();
}

#[test]
fn names_of_users_and_single_labels_are_one_set() {
    let server = registry(&[("LOGJAR_GROUPS_CREATE", "open")]);
    Deploy::new("hiccup:hiccup:1.0").send(&server, "ben").created();
    let taken = server.logjar(&["user", "add", "hiccup", "--service"]).expect(1);
    assert!(taken.stderr.contains("`hiccup`"), "{}", taken.stderr);
}
