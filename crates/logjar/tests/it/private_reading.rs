//! Repositories that not everybody may read: a caller without the right learns nothing, not even what exists.

use std::io::{Cursor, Write};

use logjar_maven::checksum::{Algorithm, Digests};
use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::client::{Request, Response};
use crate::deploy::{Deploy, pom};
use crate::server::TestServer;

const LIB: &str = "org/example/lib/1.0/lib-1.0.jar";
const OTHER: &str = "net/example/other/1.0/other-1.0.jar";

/// `members` is for signed-in users, `few` for who is granted; ben has rights for `org.example:lib` alone, cid none.
fn registry() -> TestServer {
    let server = TestServer::with_amy();
    server.user("ben");
    server.user("cid");
    server.repositories(&[("members", "signed-in"), ("few", "granted")]);
    for repository in ["members", "few"] {
        for coordinates in ["org.example:lib:1.0", "org.example:extra:1.0", "net.example:other:1.0"] {
            Deploy::new(coordinates).repository(repository).send(&server, "amy").created();
        }
    }
    server.logjar(&["group", "grant", "org.example", "ben", "--artifact", "lib", "--can", "read"]).expect(0);
    server
}

fn get(server: &TestServer, user: Option<&str>, path: &str) -> Response {
    let request = Request::get(path);
    server.send(&match user {
        Some(user) => request.authorized(user, &server.token_of(user)),
        None => request,
    })
}

#[test]
fn anonymous_readers_get_a_challenge_whether_or_not_it_exists() {
    let server = registry();
    for repository in ["members", "few"] {
        let mut answers = Vec::new();
        for below in
            [LIB, "org/example/", "org/example", "org/example/lib/maven-metadata.xml", "absent/a.jar", ""]
        {
            let path = format!("/repository/{repository}/{below}");
            let answer = get(&server, None, &path).expect(401, &path);
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"logjar\""));
            answers.push(answer.told());
            server.send(&Request::get(&path).authorized("amy", "wrong")).expect(401, &path);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
}

#[test]
fn signed_in_readers_read_all() {
    let server = registry();
    for user in ["amy", "ben", "cid"] {
        for below in [LIB, OTHER, "net/", "net/example/other/maven-metadata.xml"] {
            let path = format!("/repository/members/{below}");
            let answer = get(&server, Some(user), &path).expect(200, &path);
            let caching = answer.header("cache-control").unwrap_or_default();
            assert!(caching.contains("private") && !caching.contains("public"), "{path}: {caching}");
        }
        get(&server, Some(user), "/repository/members/absent/a.jar").expect(404, user);
    }
    let deploying = server.new_token("ben", &["--can", "deploy"]);
    let path = format!("/repository/members/{LIB}");
    server.send(&Request::get(&path).authorized("ben", &deploying)).expect(404, "a token that may not read");
    let limited = server.new_token("ben", &["--group", "org.example", "--artifact", "lib"]);
    server.send(&Request::get(&path).authorized("ben", &limited)).expect(200, "within its limit");
    let other = Request::get(&format!("/repository/members/{OTHER}")).authorized("ben", &limited);
    server.send(&other).expect(404, "outside its limit");
}

#[test]
fn granted_readers_see_what_is_granted() {
    let server = registry();
    let few = |below: &str| format!("/repository/few/{below}");
    for below in [LIB, "org/example/lib/1.0/", "org/example/lib/maven-metadata.xml", "org/", ""] {
        get(&server, Some("ben"), &few(below)).expect(200, below);
        get(&server, Some("amy"), &few(below)).expect(200, below);
        get(&server, Some("cid"), &few(below)).expect(404, below);
    }
    let mut hidden = Vec::new();
    for below in [
        OTHER,
        "net/example/other/1.0/other-1.0.jar.sha256",
        "net/example/other/maven-metadata.xml",
        "net/example/",
        "net",
        "org/example/extra/1.0/extra-1.0.jar",
        "org/example/extra/1.0/",
        "absent/absent/1.0/absent-1.0.jar",
        "absent/",
    ] {
        let answer = get(&server, Some("ben"), &few(below));
        assert_eq!(answer.status, 404, "{below}: {}", answer.text());
        hidden.push(answer.told());
    }
    hidden.dedup();
    assert_eq!(hidden.len(), 1, "what exists looks like what does not: {hidden:?}");
    let listing =
        get(&server, Some("ben"), &few("org/example/")).text() + &get(&server, Some("ben"), &few("")).text();
    assert!(listing.contains("lib/") && !listing.contains("extra") && !listing.contains("net"), "{listing}");
}

#[test]
fn listings_tell_nothing_of_names_that_begin_alike() {
    let server = TestServer::with_amy();
    server.user("ben");
    server.repositories(&[("few", "granted")]);
    for coordinates in
        ["org.mine:one:1.0", "org.mine:one-more:1.0", "org.mine.one:hush:7.0", "org.mine.one.deep:x:1"]
    {
        Deploy::new(coordinates).repository("few").send(&server, "amy").created();
    }
    server.logjar(&["group", "grant", "org.mine", "ben", "--artifact", "one", "--can", "read"]).expect(0);
    // A right to what is not there shows no folder on the way to it.
    server.logjar(&["group", "create", "net.empty", "--owner", "ben"]).expect(0);
    let few = |below: &str| format!("/repository/few/{below}");
    for (below, shown) in
        [("", &["org/"][..]), ("org/", &["mine/"]), ("org/mine/", &["one/"]), ("org/mine/one/", &["1.0/"])]
    {
        let page = get(&server, Some("ben"), &few(below)).expect(200, below).text();
        let links: Vec<&str> =
            page.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let folders: Vec<&str> =
            links.into_iter().filter(|link| link.ends_with('/') && *link != "../").collect();
        assert_eq!(folders, shown, "{below}: {page}");
        assert!(!page.contains("hush") && !page.contains("more"), "{page}");
    }
    let absent = get(&server, Some("ben"), &few("org/absent/")).expect(404, "absent");
    for below in [
        "org/mine/one/hush/",
        "org/mine/one/hush/7.0/",
        "org/mine/one/deep",
        "org/mine/one-more/",
        "net/",
        "net",
    ] {
        let hidden = get(&server, Some("ben"), &few(below)).expect(404, below);
        assert_eq!((hidden.text(), hidden.reason), (absent.text(), absent.reason.clone()), "{below}");
    }
    get(&server, Some("amy"), &few("org/mine/one/")).expect(200, "amy sees all");
}

/// The jar of a Maven plugin with that prefix.
fn plugin_jar(prefix: &str) -> Vec<u8> {
    let mut jar = ZipWriter::new(Cursor::new(Vec::new()));
    jar.start_file("META-INF/maven/plugin.xml", SimpleFileOptions::default()).unwrap();
    write!(jar, "<plugin><goalPrefix>{prefix}</goalPrefix></plugin>").unwrap();
    jar.finish().unwrap().into_inner()
}

#[test]
fn plugins_of_a_group_are_shown_to_who_may_read_them() {
    let server = TestServer::with_amy();
    for user in ["ben", "cid", "dan"] {
        server.user(user);
    }
    server.repositories(&[("few", "granted")]);
    for (coordinates, prefix) in
        [("org.acme.tools:a-maven-plugin:1.0", "aaa"), ("org.acme.tools:b-maven-plugin:1.0", "bbb")]
    {
        let artifact = coordinates.split(':').nth(1).unwrap();
        Deploy::new(coordinates)
            .file(".pom", pom("org.acme.tools", artifact, "1.0", "maven-plugin"))
            .file(".jar", plugin_jar(prefix))
            .repository("few")
            .send(&server, "amy")
            .created();
    }
    Deploy::new("org.acme:tools:1.0").repository("few").send(&server, "amy").created();
    let grants: [&[&str]; 3] = [
        &["org.acme.tools", "ben"],
        &["org.acme", "cid", "--artifact", "tools"],
        &["org.acme.tools", "dan", "--artifact", "b-maven-plugin"],
    ];
    for grant in grants {
        let grant: Vec<&str> =
            ["group", "grant"].iter().chain(grant).copied().chain(["--can", "read"]).collect();
        server.logjar(&grant).expect(0);
    }
    let path = "/repository/few/org/acme/tools/maven-metadata.xml";
    // One address for the plugins of `org.acme.tools` and the versions of `org.acme:tools`.
    for (user, plugins, versions) in [
        ("amy", &["aaa", "bbb"][..], true),
        ("ben", &["aaa", "bbb"], false),
        ("cid", &[], true),
        ("dan", &["bbb"], false),
    ] {
        let document = get(&server, Some(user), path).expect(200, user).text();
        for prefix in ["aaa", "bbb"] {
            let has = document.contains(&format!("<prefix>{prefix}</prefix>"));
            assert_eq!(has, plugins.contains(&prefix), "{user}: {document}");
        }
        assert_eq!(document.contains("<versioning>"), versions, "{user}: {document}");
        let sum = get(&server, Some(user), &format!("{path}.sha1")).expect(200, user).text();
        assert_eq!(sum, Digests::of(document.as_bytes()).hex(Algorithm::Sha1), "{user}");
    }
    server.user("eve");
    get(&server, Some("eve"), path).expect(404, "who may read none of it");
}

#[test]
fn private_answers_are_not_given_to_the_next() {
    let server = registry();
    let path = format!("/repository/few/{LIB}");
    for _ in 0..3 {
        get(&server, Some("amy"), &path).expect(200, "amy");
        get(&server, None, &path).expect(401, "nobody");
        get(&server, Some("cid"), &path).expect(404, "cid");
    }
    // Public answers are kept ready in memory; a repository that is closed later must not be served from there.
    server.logjar(&["repo", "set", "few", "--read", "public"]).expect(0);
    get(&server, None, &path).expect(200, "public now");
    server.logjar(&["repo", "set", "few", "--read", "granted"]).expect(0);
    get(&server, None, &path).expect(401, "private again");
    get(&server, Some("cid"), &path).expect(404, "private again");
}

#[test]
fn lists_show_only_what_may_be_read() {
    let server = registry();
    let names = |user: Option<&str>| {
        let list = get(&server, user, "/api/v1/repositories").expect(200, "repositories").json();
        list.as_array().unwrap().iter().map(|each| each["name"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(names(None), ["repo"]);
    let amy = names(Some("amy"));
    assert!(amy.contains(&"few".into()) && amy.contains(&"members".into()), "{amy:?}");
    assert!(names(Some("cid")).contains(&"members".into()));
}

#[test]
fn heads_are_as_secret_as_gets() {
    let server = registry();
    for (user, path, status) in [
        (None, LIB, 401),
        (None, "absent", 401),
        (Some("cid"), LIB, 404),
        (Some("ben"), LIB, 200),
        (Some("ben"), OTHER, 404),
    ] {
        let head = Request::head(&format!("/repository/few/{path}"));
        let head = match user {
            Some(user) => head.authorized(user, &server.token_of(user)),
            None => head,
        };
        server.send(&head).expect(status, path);
    }
}
