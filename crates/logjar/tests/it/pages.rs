//! Pages for people: whole without a script, good to read for machines that read aloud, and safe whatever a POM, an
//! address or a header says. Nothing on them that the caller may not see.

use std::time::Duration;

use crate::client::{Connection, Request, Response, basic};
use crate::deploy::Deploy;
use crate::markup::{Page, texts};
use crate::server::TestServer;

/// What Java's URL connections say, whatever they fetch.
const JAVA: &str = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// What a page and the style sheet may weigh, in bytes.
const PAGE_MAX: usize = 30_000;
const STYLE_MAX: usize = 15_000;

/// A description that would like to be more than text.
const HOSTILE: &str = "<script>alert(1)</script> <img src=x onerror=alert(2)> \"'` & \u{202e}turned\u{2066} ";

fn browse(server: &TestServer, path: &str) -> Response {
    server.send(&Request::get(path).header("Accept", HTML))
}

fn page(server: &TestServer, path: &str) -> Page {
    Page::of(&browse(server, path))
}

/// Looks until the page shows it: the search index and the counts of downloads come after what they are about.
fn page_with(server: &TestServer, path: &str, part: &str) -> Page {
    once_it_shows(part, || page(server, path))
}

fn once_it_shows(part: &str, look: impl Fn() -> Page) -> Page {
    for _ in 0..1_000 {
        let found = look();
        if found.text.contains(part) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it never shows `{part}`: {}", look().text);
}

fn pom(group: &str, artifact: &str, version: &str, description: &str) -> String {
    let escaped = description.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
         <version>{version}</version><description>{escaped}</description></project>"
    )
}

fn described(coordinates: &str, description: &str) -> Deploy {
    let parts: Vec<&str> = coordinates.split(':').collect();
    Deploy::new(coordinates).file(".pom", pom(parts[0], parts[1], parts[2], description))
}

/// A registry with something of everything.
fn registry() -> TestServer {
    let server = TestServer::with_amy();
    described("org.example:greeting:1.0.0", "Says hello to people").send(&server, "amy").created();
    described("org.example:greeting:1.1.0", "Says hello to everybody").send(&server, "amy").created();
    let long = HOSTILE.to_owned() + &"and on ".repeat(300);
    described("org.hostile:markup:1.0", &long).send(&server, "amy").created();
    server
}

#[test]
fn headings_of_every_page() {
    let server = registry();
    page_with(&server, "/search?q=markup", "1 artifact for");
    for (path, status, headings) in [
        ("/", 200, "A Maven repository|Recently deployed|Use it|Deploy to it|Browse it"),
        ("/search", 200, "Search|Narrow it down"),
        ("/search?q=%20", 200, "Search|Narrow it down"),
        ("/search?q=greeting", 200, "1 artifact for “greeting”|Narrow it down"),
        ("/search?q=zzqqy", 200, "Nothing found for “zzqqy”|Narrow it down"),
        ("/search?q=greeting&page=7", 200, "There is no such page|Narrow it down"),
        ("/search?q=at:yesterday", 400, "This search cannot be understood|Narrow it down"),
        ("/search?q=a&page=none", 400, "That request cannot be understood"),
        ("/search?q[]=a", 400, "That request cannot be understood"),
        ("/nowhere", 404, "There is nothing here"),
        ("/static/style.css", 404, "There is nothing here"),
    ] {
        let answer = browse(&server, path).expect(status, path);
        let page = Page::of(&answer);
        assert_eq!(page.headings.join("|"), headings, "{path}");
        page.check(path);
        assert!(answer.body.len() <= PAGE_MAX, "{path} has {} bytes", answer.body.len());
    }
    let posted = Request::new("POST", "/search").header("Accept", HTML).body("q=a");
    let refused = server.send(&posted).expect(405, "POST");
    assert_eq!(refused.header("allow"), Some("GET,HEAD"));
    Page::of(&refused).check("POST");
}

#[test]
fn pages_forbid_what_they_do_not_need() {
    let server = registry();
    for path in ["/", "/search?q=markup", "/search?q=at:x", "/nowhere"] {
        let answer = browse(&server, path);
        let policy = answer.header("content-security-policy").unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    }
}

#[test]
fn a_browser_asks_again_and_is_told_that_nothing_changed() {
    let server = registry();
    for path in ["/", "/search?q=zzqqy"] {
        let first = browse(&server, path).expect(200, path);
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        let tag = first.header("etag").unwrap();
        let again = server.send(&Request::get(path).header("If-None-Match", tag)).expect(304, path);
        assert_eq!((again.header("etag"), again.body.len()), (Some(tag), 0), "{path}");
        let head = server.send(&Request::head(path)).expect(200, path);
        assert_eq!(head.header("content-length"), first.header("content-length"), "{path}");
        let other = server.send(&Request::get(path).header("If-None-Match", "\"other\""));
        assert_eq!(other.expect(200, path).body, first.body, "{path}");
    }
    let signed_in = Request::get("/").authorized("amy", &server.token_of("amy"));
    assert_eq!(server.send(&signed_in).header("cache-control"), Some("private, no-cache"));
    let wrong = browse(&server, "/search?q=at:x");
    let tag = wrong.header("etag").unwrap();
    server
        .send(&Request::get("/search?q=at:x").header("If-None-Match", tag))
        .expect(400, "an error stays one");
}

#[test]
fn one_style_sheet_that_is_kept_for_ever() {
    let server = TestServer::start();
    let home = page(&server, "/");
    let [sheet] = home.values_of("link", "rel", "stylesheet", "href").try_into().unwrap();
    let answer = server.get(&sheet).expect(200, &sheet);
    assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(answer.body.len() <= STYLE_MAX, "the style sheet has {} bytes", answer.body.len());
    let text = answer.text();
    assert!(!text.contains("url(") && !text.contains("@import"), "it fetches something");
    server.get("/static/style.0.css").expect(404, "another name");
}

#[test]
fn texts_of_others_stay_texts() {
    let server = registry();
    let found = page_with(&server, "/search?q=markup", "1 artifact for");
    let query = "/search?q=%22%3E%3Cscript%3Ealert(3)%3C/script%3E%E2%80%AE";
    for page in [
        found,
        page(&server, "/"),
        page(&server, query),
        page(&server, "/search?q=at:%3Cscript%3E"),
        page(&server, "/%22%3E%3Cscript%3E"),
        page(&server, "/search?page=%3Cscript%3E"),
    ] {
        page.check("a hostile page");
        for element in ["script", "img", "iframe", "style", "object", "base"] {
            assert!(page.elements.iter().all(|each| each.name != element), "<{element}>: {}", page.html);
        }
        for element in &page.elements {
            let is_quiet = |(name, _): &(String, String)| !name.starts_with("on") && name != "style";
            assert!(element.attributes.iter().all(is_quiet), "{element:?}");
        }
        for mark in ['\u{202e}', '\u{2066}'] {
            assert!(!page.text.contains(mark), "a mark that turns text around: {}", page.text);
        }
    }
    let home = page(&server, "/");
    assert!(home.text.contains("<script>alert(1)</script> <img src=x onerror=alert(2)> \"'` & turned"));
    assert!(!home.text.contains(&"and on ".repeat(60)), "a long description is shortened");
    let echoed = page(&server, query).values_of("input", "name", "q", "value");
    assert_eq!(echoed, ["\"><script>alert(3)</script>"], "the query can be changed and sent again");
}

#[test]
fn what_is_new_and_what_was_found() {
    let server = registry();
    let home = page(&server, "/");
    assert!(home.text.contains("2 artifacts 3 versions 2 groups"), "{}", home.text);
    assert!(home.text.contains("org.example/greeting 1.1.0 Says hello to everybody just now by amy"));
    let folder = "/repo/org/example/greeting/";
    assert!(home.values_of("a", "href", folder, "href").len() == 2);
    server.get(folder).expect(200, "the folder that is linked");
    server.get(&Deploy::new("org.example:greeting:1.1.0").path(".jar")).expect(200, "a download");
    let row = "org.example/greeting 1.1.0 Says hello to everybody just now by amy 1 download";
    let found = page_with(&server, "/search?q=hello", row);
    assert_eq!(found.values_of("time", "datetime", "", "datetime").len(), 0, "times are never empty");
    assert!(found.elements.iter().any(|each| each.name == "time"));
}

#[test]
fn results_have_pages() {
    let server = TestServer::with_amy();
    for number in 0..30 {
        described(&format!("org.many:many-{number}:1.0"), "one of many").send(&server, "amy").created();
    }
    let first = page_with(&server, "/search?q=many", "1–24 of 30 artifacts for “many”");
    assert_eq!(first.values_of("a", "rel", "next", "href"), ["/search?q=many&page=2"]);
    assert!(first.values_of("a", "rel", "prev", "href").is_empty());
    let second = page(&server, "/search?q=many&page=2");
    assert!(second.text.contains("25–30 of 30 artifacts"), "{}", second.text);
    assert_eq!(second.values_of("a", "rel", "prev", "href"), ["/search?q=many"]);
    assert!(second.values_of("a", "rel", "next", "href").is_empty());
    let beyond = page(&server, "/search?q=many&page=3");
    assert!(
        beyond.text.contains("30 artifacts found for “many”; the last page is page 2"),
        "{}",
        beyond.text
    );
    assert_eq!(beyond.values_of("a", "href", "/search?q=many&page=2", "href").len(), 1);
}

#[test]
fn nothing_of_what_is_private() {
    let server = TestServer::with_amy();
    server.user("ben");
    server.logjar(&["repo", "create", "inner", "--read", "granted"]).expect(0);
    described("org.example:greeting:1.0", "hello").send(&server, "amy").created();
    described("org.example:greeting:1.0", "hello").repository("inner").send(&server, "amy").created();
    described("org.secret:plan:1.0", "hello").repository("inner").send(&server, "amy").created();
    let ask = |path: &str, user: &str, token: &str| {
        let request = Request::get(path).header("Accept", HTML).authorized(user, token);
        Page::of(&server.send(&request))
    };
    let amy = server.token_of("amy");
    let found = once_it_shows("2 artifacts for", || ask("/search?q=hello", "amy", &amy));
    assert!(found.text.contains("org.secret/plan"), "{}", found.text);
    let all = ask("/", "amy", &amy);
    assert!(all.text.contains("2 artifacts 2 versions 2 groups"), "{}", all.text);
    assert!(all.text.contains("org.secret/plan") && all.text.contains("inner"), "{}", all.text);
    for path in ["/", "/search?q=hello", "/search?q=plan", "/search?q=group:org.secret"] {
        let anonymous = page(&server, path);
        let nobody = ask(path, "amy", "a token that is none");
        assert_eq!(anonymous.text, nobody.text, "bad credentials are none");
        let ben = ask(path, "ben", &server.token_of("ben"));
        for page in [&anonymous, &ben] {
            assert!(!page.html.contains("org.secret/") && !page.html.contains("org/secret"), "{path}");
            assert!(!page.text.contains("2 artifacts") && !page.text.contains("2 groups"), "{path}");
        }
    }
    assert!(page(&server, "/").text.contains("1 artifact 1 version 1 group"));
}

#[test]
fn they_are_counted_as_pages() {
    let server = TestServer::start();
    let before = server.get("/metrics").text();
    for path in ["/", "/search?q=a", "/search?q=at:x", "/nowhere"] {
        browse(&server, path);
    }
    let after = server.get("/metrics").text();
    for (series, count) in [("page\",code=\"2xx", 2), ("page\",code=\"4xx", 1), ("other\",code=\"4xx", 1)] {
        let line = format!("\nlogjar_http_requests_total{{area=\"{series}\"}} {count}\n");
        assert!(!before.contains(&line) && after.contains(&line), "{line}{after}");
    }
}

#[test]
fn an_empty_registry_says_what_to_do_first() {
    let server = TestServer::start();
    let home = page(&server, "/");
    assert!(home.text.contains("logjar user add NAME"), "{}", home.text);
    assert!(home.text.contains("logjar token create --user NAME"), "{}", home.text);
    let address = format!("http://{}/repo/", server.address());
    let sent = Request::get("/").header("Accept", HTML);
    let over_network = server.send(&sent).text();
    assert!(over_network.contains("http://test/repo/"), "the name that the browser uses: {over_network}");
    let mut connection = server.connect();
    for (host, shown) in [
        (server.address().to_string(), address.as_str()),
        ("repo.example.org".to_owned(), "http://repo.example.org/repo/"),
        ("$(reboot)".to_owned(), address.as_str()),
    ] {
        connection.write(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        let answer = connection.read_response(false).unwrap();
        assert!(Page::of(&answer).text.contains(shown), "{host}: {}", answer.text());
    }
    connection.write(b"GET / HTTP/1.1\r\nHost: a\"><script>\r\n\r\n").unwrap();
    connection.read_response(false).unwrap().expect(400, "no host at all");
}

#[test]
fn links_and_snippets_follow_the_public_address() {
    let server = TestServer::with(&[("LOGJAR_PUBLIC_URL", "https://example.org/maven")]);
    server.administrator("amy");
    described("org.example:greeting:1.0", "hello").send(&server, "amy").created();
    let home = page(&server, "/");
    assert!(home.text.contains("https://example.org/maven/repo/"), "{}", home.text);
    let links = texts(&home, "a", "href").into_iter().chain(texts(&home, "form", "action"));
    let wrong: Vec<String> =
        links.filter(|link| !link.starts_with("/maven/") && !link.starts_with('#')).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn errors_below_repositories_are_pages_for_browsers_alone() {
    let server = registry();
    server.repositories(&[("inner", "granted"), ("users", "signed-in")]);
    server.user("ben");
    let (ben, jar) = (server.token_of("ben"), "/repo/org/example/greeting/1.0.0/greeting-1.0.0.jar");
    let ask = |method: &str, path: &str, accept: &str| Request::new(method, path).header("Accept", accept);
    for (path, sent, status, heading) in [
        ("/repo/org/absent/a.jar", ("Range", "bytes=0-"), 404, "There is nothing here"),
        ("/repo/org/absent/%22%3E%3Cscript%3E/", ("Range", "bytes=0-"), 404, "There is nothing here"),
        ("/repository/absent/", ("Range", "bytes=0-"), 404, "There is nothing here"),
        ("/repository/users/", ("Cookie", ""), 401, "Please sign in"),
        ("/repository/inner/", ("Authorization", basic("ben", "wrong").as_str()), 401, "Please sign in"),
        ("/repository/inner/", ("Authorization", basic("ben", &ben).as_str()), 404, "There is nothing here"),
        ("/repo/org/%2E%2E/a", ("Cookie", ""), 400, "That request cannot be understood"),
        (jar, ("If-Match", "\"other\""), 412, "That did not work"),
        (jar, ("Range", "bytes=10000-"), 416, "That did not work"),
    ] {
        let ask = |method: &str, accept: &str| server.send(&ask(method, path, accept).header(sent.0, sent.1));
        let browsed = ask("GET", HTML);
        let shown = Page::of(&browsed.clone().expect(status, path));
        shown.check(path);
        assert_eq!(shown.headings, [heading], "{path}");
        for accept in ["*/*", JAVA, "application/json"] {
            let told = ask("GET", accept).expect(status, path);
            assert_eq!(told.reason, browsed.reason, "{path}");
            let is_problem = told.header("content-type") == Some("application/problem+json");
            assert_eq!(is_problem, status != 404, "{path}: {accept}");
            for answer in [&told, &browsed] {
                assert_eq!(answer.header("vary"), Some("Accept, Authorization"), "{path}: {accept}");
                assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}: {accept}");
                assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{path}");
            }
        }
        for accept in [HTML, "*/*"] {
            let (got, head) = (ask("GET", accept), ask("HEAD", accept));
            // Ranges are for GET only.
            if status == 416 {
                continue;
            }
            assert_eq!(head.body.len(), 0);
            for name in ["content-type", "content-length", "vary", "content-security-policy"] {
                assert_eq!(head.header(name), got.header(name), "{path}: {name}");
            }
        }
    }
    let post = server.send(&ask("POST", "/repo/", HTML)).expect(405, "POST");
    assert!(post.header("allow").unwrap().contains("PUT"));
    Page::of(&post).check("POST");
    let put = server.send(&ask("PUT", jar, HTML).body("a")).expect(401, "PUT");
    assert_eq!(put.header("content-type"), Some("application/problem+json"), "a tool's");
}

#[test]
fn the_way_in_and_out() {
    let server = registry();
    server.user("ben");
    server.repositories(&[("inner", "granted")]);
    let sent = |path: &str, authorization: Option<(&str, &str)>| {
        let request = Request::get(path).header("Accept", HTML);
        server.send(&match authorization {
            Some((user, token)) => request.authorized(user, token),
            None => request,
        })
    };
    let ben = server.token_of("ben");
    let (known, wrong) = (Some(("ben", ben.as_str())), Some(("ben", "my password")));
    for (path, authorization, status, heading) in [
        ("/login", None, 200, "Sign in"),
        ("/login?ask=1&q=a%20b", None, 401, "You are not signed in"),
        ("/login", wrong, 401, "You are not signed in"),
        ("/logout", known, 200, "Sign out"),
        ("/logout?ask=1", known, 401, "You are signed out"),
        ("/logout?ask=1", wrong, 401, "You are signed out"),
        ("/logout", None, 200, "You are signed out"),
        ("/logout?ask=1", None, 200, "You are signed out"),
    ] {
        let answer = sent(path, authorization).expect(status, path);
        let page = Page::of(&answer);
        page.check(path);
        assert_eq!(page.headings, [heading], "{path}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{path}");
    }
    let way = |path: &str, user| texts(&Page::of(&sent(path, user)), "a", "href");
    assert!(way("/search?q=zzqqy", None).contains(&"/login?q=zzqqy".to_owned()));
    assert!(way("/login?q=zzqqy", None).contains(&"/login?ask=1&q=zzqqy".to_owned()));
    assert_eq!(sent("/login?ask=1&q=zzqqy", known).header("location"), Some("/search?q=zzqqy"));
    assert!(Page::of(&sent("/login", wrong)).text.contains("The user name or the token is wrong."));
    for path in ["/", "/search"] {
        assert!(way(path, known).contains(&"/logout".to_owned()), "{path}");
    }
    assert!(way("/logout", known).contains(&"/logout?ask=1".to_owned()));
    let tool = server.send(&Request::get("/login?ask=1")).expect(401, "a tool");
    assert_eq!(tool.header("content-type"), Some("application/problem+json"));

    let server = TestServer::with_amy();
    server.user("ben");
    server.logjar(&["repo", "set", "repo", "--read", "granted"]).expect(0);
    described("org.example:greeting:1.0", "hello").send(&server, "amy").created();
    let seen = server.send(&Request::get("/").authorized("ben", &server.token_of("ben")));
    let text = Page::of(&seen).text;
    assert!(
        text.contains("You are signed in as ben, and there is nothing here that you may see yet."),
        "{text}"
    );
    assert!(text.contains("logjar group grant GROUP ben"), "{text}");
}

#[test]
fn who_asks_for_no_page_gets_none() {
    let server = TestServer::start();
    let plain = server.get("/nowhere").expect(404, "no Accept");
    assert!(plain.header("content-type").unwrap().starts_with("text/plain"));
    let tool = server.send(&Request::get("/nowhere").header("Accept", "*/*"));
    assert_eq!((tool.status, tool.body), (404, plain.body));
    let problem = server.get("/search?q=a&page=none").expect(400, "a tool");
    assert!(problem.detail().contains("whole number"));
    let mut admin = Connection::admin(&server.folder());
    assert_eq!(admin.send(&Request::get("/")).status, 200, "the command line's own socket has it too");
}
