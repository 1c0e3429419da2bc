//! Reading from public repositories: what build tools, browsers and mirrors rely on.

use logjar_maven::checksum::{Algorithm, Digests};

use crate::client::{Request, Response};
use crate::deploy::{Deploy, pom};
use crate::markup::{Page, texts};
use crate::server::TestServer;

const JAR: &str = "/repo/org/example/lib/1.0/lib-1.0.jar";
const ALGORITHMS: [Algorithm; 4] = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

/// A registry with one jar of a hundred bytes, 00 to 99 in words.
fn registry() -> (TestServer, Vec<u8>) {
    let server = TestServer::with_amy();
    let jar: Vec<u8> = (0..50).flat_map(|number| format!("{number:02}").into_bytes()).collect();
    Deploy::new("org.example:lib:1.0").file(".jar", jar.clone()).send(&server, "amy").created();
    (server, jar)
}

fn get_with(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    let request =
        headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, value));
    server.send(&request)
}

#[test]
fn a_file_and_its_headers() {
    let (server, jar) = registry();
    let digests = Digests::of(&jar);
    for path in
        [JAR, "/repository/repo/org/example/lib/1.0/lib-1.0.jar", "//repo//org/example/lib/1.0//lib-1.0.jar"]
    {
        let answer = server.get(path).expect(200, path);
        assert_eq!(answer.body, jar);
        assert_eq!(answer.header("content-length"), Some("100"));
        assert_eq!(answer.header("x-checksum-sha1"), Some(digests.hex(Algorithm::Sha1).as_str()));
        assert_eq!(answer.header("x-checksum-md5"), Some(digests.hex(Algorithm::Md5).as_str()));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.header("content-disposition"), Some("attachment"));
        assert_eq!(answer.header("content-type"), Some("application/java-archive"));
        let caching = answer.header("cache-control").unwrap();
        assert!(caching.contains("immutable") && caching.contains("public"), "{caching}");
        assert!(answer.header("etag").is_some() && answer.header("last-modified").is_some());
    }
}

#[test]
fn head_is_get_without_a_body() {
    let (server, _) = registry();
    let paths =
        [JAR, "/repo/org/example/lib/maven-metadata.xml", "/repo/org/example/", "/repo/org/absent/a.jar"];
    let mut connection = server.connect();
    for path in paths {
        let (get, head) = (connection.send(&Request::get(path)), connection.send(&Request::head(path)));
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        for name in ["content-type", "etag", "last-modified", "cache-control", "x-checksum-sha1"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
        // The length of what is not there helps nobody.
        if get.status == 200 {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        }
        assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
    }
}

#[test]
fn a_client_that_has_it_gets_304() {
    let (server, _) = registry();
    for path in
        [JAR, "/repo/org/example/lib/maven-metadata.xml", "/repo/org/example/lib/1.0/lib-1.0.jar.sha1"]
    {
        let first = server.get(path).expect(200, path);
        let (etag, modified) = (first.header("etag").unwrap(), first.header("last-modified").unwrap());
        for (name, value) in
            [("If-None-Match", etag), ("If-None-Match", "*"), ("If-Modified-Since", modified)]
        {
            let answer = get_with(&server, path, &[(name, value)]).expect(304, path);
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("etag"), Some(etag));
        }
        let before = "Mon, 24 Nov 2014 04:01:17 GMT";
        get_with(&server, path, &[("If-None-Match", "\"other\"")]).expect(200, path);
        get_with(&server, path, &[("If-Modified-Since", before)]).expect(200, path);
        get_with(&server, path, &[("If-None-Match", "\"other\""), ("If-Modified-Since", modified)])
            .expect(200, path);
        get_with(&server, path, &[("If-Match", "\"other\"")]).expect(412, path);
        get_with(&server, path, &[("If-Unmodified-Since", before)]).expect(412, path);
    }
}

#[test]
fn ranges() {
    let (server, jar) = registry();
    let etag = server.get(JAR).header("etag").unwrap().to_owned();
    let modified = server.get(JAR).header("last-modified").unwrap().to_owned();
    for (range, condition, expected) in [
        ("bytes=0-9", None, Some((0, 9))),
        ("bytes=90-", None, Some((90, 99))),
        ("bytes=90-1000", None, Some((90, 99))),
        ("bytes=-10", None, Some((90, 99))),
        ("bytes=-1000", None, Some((0, 99))),
        ("bytes=10-19", Some(("If-Range", etag.as_str())), Some((10, 19))),
        ("bytes=10-19", Some(("If-Range", modified.as_str())), Some((10, 19))),
        ("bytes=10-19", Some(("If-Unmodified-Since", modified.as_str())), Some((10, 19))),
        ("bytes=10-19", Some(("If-Range", "\"other\"")), None),
        ("bytes=10-19", Some(("If-Range", "Mon, 24 Nov 2014 04:01:17 GMT")), None),
        ("bytes=20-10", None, None),
        ("lines=0-1", None, None),
        ("bytes=0-1,5-6", None, None),
    ] {
        let headers: Vec<(&str, &str)> = [("Range", range)].into_iter().chain(condition).collect();
        let answer = get_with(&server, JAR, &headers);
        let Some((first, last)) = expected else {
            assert_eq!(answer.expect(200, range).body, jar, "{range}");
            continue;
        };
        let answer = answer.expect(206, range);
        assert_eq!(answer.body, jar[first..=last], "{range}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes {first}-{last}/100").as_str()));
        assert_eq!(answer.header("x-checksum-sha1"), None, "the sum of the whole is not that of a part");
    }
    for range in ["bytes=100-", "bytes=-0", "bytes=1000-2000"] {
        let answer = get_with(&server, JAR, &[("Range", range)]).expect(416, range);
        assert_eq!(answer.header("content-range"), Some("bytes */100"));
    }
}

#[test]
fn large_files_and_files_of_no_bytes() {
    let server = TestServer::with_amy();
    let large: Vec<u8> = (0..5_000_000_u32).map(|number| number.to_le_bytes()[number as usize % 3]).collect();
    let deploy = Deploy::new("org.example:large:1.0").file(".jar", large.clone()).file("-empty.txt", "");
    deploy.send(&server, "amy").created();
    assert!(server.get(&deploy.path(".jar")).expect(200, "large").body == large);
    let part =
        get_with(&server, &deploy.path(".jar"), &[("Range", "bytes=4000000-4999998")]).expect(206, "large");
    assert!(part.body == large[4_000_000..=4_999_998]);
    let empty = server.get(&deploy.path("-empty.txt")).expect(200, "empty");
    assert_eq!((empty.body.len(), empty.header("content-length")), (0, Some("0")));
    get_with(&server, &deploy.path("-empty.txt"), &[("Range", "bytes=0-")]).expect(416, "empty");
}

#[test]
fn sums() {
    let (server, jar) = registry();
    let metadata = "/repo/org/example/lib/maven-metadata.xml";
    let generated = server.get(metadata).expect(200, metadata).body;
    for (path, bytes) in [(JAR, &jar), (metadata, &generated)] {
        for algorithm in ALGORITHMS {
            let sum = format!("{path}.{}", algorithm.extension());
            let answer = server.get(&sum).expect(200, &sum);
            assert_eq!(answer.text(), Digests::of(bytes).hex(algorithm), "{sum}");
            assert_eq!(answer.header("content-type"), Some("text/plain"));
        }
    }
    for path in
        ["/repo/org/example/lib/1.0/lib-1.0.war.sha256", "/repo/org/example/lib/1.0/lib-1.0.jar.sha1.sha256"]
    {
        let status = server.get(path).status;
        assert!(path.contains(".sha1.") || status == 404, "{path}: {status}");
    }
    for path in ["org/example/absent/maven-metadata.xml", "org/example/absent/maven-metadata.xml.sha1"] {
        server.get(&format!("/repo/{path}")).expect(404, path);
    }
}

#[test]
fn generated_metadata() {
    let (server, _) = registry();
    let path = "/repo/org/example/lib/maven-metadata.xml";
    let first = server.get(path);
    for version in ["1.10", "1.9", "2.0-rc-1"] {
        Deploy::new(&format!("org.example:lib:{version}")).send(&server, "amy").created();
    }
    let second = server.get(path).expect(200, path);
    let text = second.text();
    let place = |version: &str| text.find(&format!("<version>{version}</version>")).unwrap();
    assert!(
        place("1.0") < place("1.9") && place("1.9") < place("1.10") && place("1.10") < place("2.0-rc-1"),
        "{text}"
    );
    assert!(
        text.contains("<latest>2.0-rc-1</latest>") && text.contains("<release>2.0-rc-1</release>"),
        "{text}"
    );
    assert_ne!(first.header("etag"), second.header("etag"));
    let since = [("If-Modified-Since", first.header("last-modified").unwrap())];
    get_with(&server, path, &since).expect(200, "a change shows in whole seconds");
    assert_eq!(second.header("cache-control"), Some("no-cache"));
    server.get("/repo/org/example/maven-metadata.xml").expect(404, "a group without plugins has none");
}

#[test]
fn listings_can_be_walked() {
    let server = TestServer::with_amy();
    let coordinates = ["org.example:lib:1.0+build.1", "org.example:lib_2.13:1.0", "org.example:c++:0.1"];
    for each in coordinates {
        Deploy::new(each).send(&server, "amy").created();
    }
    let mut found = Vec::new();
    let mut folders = vec!["/repo/".to_owned()];
    while let Some(folder) = folders.pop() {
        let page = server.get(&folder).expect(200, &folder);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let page = Page::of(&page);
        page.check_listing(&folder);
        for link in texts(&page, "a", "href") {
            // Tools keep what lies below the folder.
            if link == "../" || link == "/" {
                continue;
            }
            let path = format!("{folder}{link}");
            if link.ends_with('/') { folders.push(path) } else { found.push(path) }
        }
    }
    for path in &found {
        server.get(path).expect(200, path);
        // Some clients and proxies write a plus as it is.
        server.get(&path.replace("%2B", "+")).expect(200, path);
        server.get(&path.replace("%2B", "%2b")).expect(200, path);
    }
    let jars = found.iter().filter(|path| path.ends_with(".jar")).count();
    assert_eq!(jars, coordinates.len(), "{found:?}");
}

/// As Maven Central writes them: Renovate takes the dates of versions from such lines.
#[test]
fn listings_have_versions_in_mavens_order() {
    let server = TestServer::with_amy();
    let versions = ["1.10", "1.9", "1.9-rc-1", "2.0-SNAPSHOT", "1.100"];
    for version in versions {
        Deploy::new(&format!("org.example:lib:{version}")).without_metadata().send(&server, "amy").created();
    }
    let listing = server.get("/repo/org/example/lib/").expect(200, "a listing").text();
    let links: Vec<&str> =
        listing.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let found: Vec<&str> = links.into_iter().filter(|link| link.starts_with(['1', '2'])).collect();
    assert_eq!(found, ["1.9-rc-1/", "1.9/", "1.10/", "1.100/", "2.0-SNAPSHOT/"]);
}

#[test]
fn listings_have_titles_and_dates() {
    let (server, jar) = registry();
    let line = |folder: &str, name: &str| {
        let page = server.get(folder).expect(200, folder).text();
        let start = format!("<a href=\"{name}\" title=\"{name}\">{name}</a> ");
        let line =
            page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{name}: {page}"));
        let words: Vec<String> = line[start.len()..].split_whitespace().map(str::to_owned).collect();
        words.join(" ")
    };
    let day = &server.events_of("version.deployed")[0]["at"].as_str().unwrap()[..10].to_owned();
    assert_eq!(line("/repo/", "org/"), "- -");
    for (folder, name, size) in [
        ("/repo/org/example/", "lib/", "-".to_owned()),
        ("/repo/org/example/lib/", "1.0/", "-".to_owned()),
        ("/repo/org/example/lib/1.0/", "lib-1.0.jar", jar.len().to_string()),
        ("/repo/org/example/lib/1.0/", "lib-1.0.jar.sha1", "40".to_owned()),
        ("/repo/org/example/lib/1.0/", "lib-1.0.pom.md5", "32".to_owned()),
    ] {
        let shown = line(folder, name);
        let (date, rest) = shown.split_at(day.len());
        assert_eq!(date, day, "{name}");
        assert!(rest[1..6].contains(':') && rest.ends_with(&format!(" {size}")), "{name}: {shown}");
    }
}

#[test]
fn folders_and_what_is_not_there() {
    let (server, _) = registry();
    for (path, to) in [
        ("/repo/org/example", "/repo/org/example/"),
        ("/repository/repo", "/repository/repo/"),
        ("//repo/org", "/repo/org/"),
    ] {
        let answer = server.get(path).expect(301, path);
        assert_eq!(answer.header("location"), Some(to), "{path}");
    }
    for path in [
        "/repo/org/absent/",
        "/repo/org/example/lib/1.0/lib-1.0.war",
        "/repo/org/example/lib/9.9/lib-9.9.jar",
        "/repo/org/example/lib/1.0/lib-1.0.jar/below",
        "/repository/absent/org/example/lib/1.0/lib-1.0.jar",
        "/repository/..hidden/a",
        "/nothing",
        "/repo/org/example/LIB/1.0/lib-1.0.jar",
    ] {
        server.get(path).expect(404, path);
    }
}

#[test]
fn what_is_never_served() {
    let (server, _) = registry();
    let folder = server.folder().join("repository/repo/org/example/lib/1.0");
    for name in [".hidden", ".nfs0001", "lib-1.0.jar~", "lost+found", "notes.txt"] {
        std::fs::write(folder.join(name), "not yours").unwrap();
        server.get(&format!("/repo/org/example/lib/1.0/{name}")).expect(404, name);
    }
    std::fs::create_dir(server.folder().join("repository/repo/.git")).unwrap();
    std::fs::write(server.folder().join("repository/repo/.git/config"), "not yours").unwrap();
    server.get("/repo/.git/config").expect(404, ".git");
    let stray = server.folder().join("repository/repo/org/example/stray/1.0");
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("stray-1.0.jar"), "of no version").unwrap();
    for path in ["org/example/stray/1.0/stray-1.0.jar", "org/example/stray/1.0/", "org/example/stray"] {
        server.get(&format!("/repo/{path}")).expect(404, path);
    }
    let folders = ["/repo/", "/repo/org/example/", "/repo/org/example/lib/1.0/"];
    let listing = folders.map(|path| server.get(path).text()).concat();
    for name in [".hidden", ".nfs", "~", "lost", ".git", "notes", "stray"] {
        assert!(!listing.contains(name), "{name}: {listing}");
    }
    for path in
        ["/events/000001.jsonl", "/data/events/MANIFEST.jsonl", "/uploads/", "/admin.sock", "/logjar.toml"]
    {
        server.get(path).expect(404, path);
    }
}

#[test]
fn what_is_deployed_cannot_run_as_a_page() {
    let (server, _) = registry();
    let paths = [
        (JAR, 200),
        ("/repo/org/example/lib/1.0/lib-1.0.pom", 200),
        ("/repo/org/example/lib/maven-metadata.xml", 200),
        ("/repo/org/example/", 200),
        ("/repo/absent.jar", 404),
        ("/repo/org/../a", 400),
        ("/repo/org", 301),
    ];
    for (path, status) in paths {
        let answer = server.get(path).expect(status, path);
        let policy = answer.header("content-security-policy").unwrap();
        // A listing is made here, and its links lead to downloads, which a sandbox forbids.
        let expected = if path.ends_with('/') {
            "default-src 'none'; style-src 'self';"
        } else {
            "sandbox; default-src 'none'"
        };
        assert!(policy.starts_with(expected) && !policy.contains("script"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        let inline = !path.ends_with(".jar") || status != 200;
        assert_eq!(answer.header("content-disposition").is_none(), inline, "{path}");
    }
}

#[test]
fn other_methods() {
    let (server, _) = registry();
    for method in ["MKCOL", "DELETE", "POST", "PATCH", "PROPFIND", "COPY"] {
        let answer = server.send(&Request::new(method, "/repo/org/example/")).expect(405, method);
        let allowed = answer.header("allow").unwrap();
        assert!(allowed.contains("GET") && allowed.contains("PUT") && !allowed.contains(method), "{allowed}");
    }
    let options = server.send(&Request::new("OPTIONS", "/repo/"));
    assert!(matches!(options.status, 200 | 204), "{}", options.status);
    assert_eq!(options.header("dav"), None, "OPTIONS promises no DAV");
    assert!(options.header("allow").unwrap().contains("PUT"));
}

#[test]
fn bad_credentials_break_no_build_that_only_reads() {
    let (server, _) = registry();
    for request in [
        Request::get(JAR).authorized("amy", "logjar_expired"),
        Request::get(JAR).header("Authorization", "Bearer x"),
        Request::get("/repo/org/example/lib/maven-metadata.xml").authorized("nobody", "nothing"),
        Request::get("/repo/org/").authorized("nobody", "nothing"),
    ] {
        server.send(&request).expect(200, "a public path");
    }
}

#[test]
fn other_web_servers_can_serve_the_tree() {
    let (server, jar) = registry();
    // Sums are written after the answer, before the upload goes.
    server.uploads();
    let tree = server.folder().join("repository/repo/org/example/lib");
    assert_eq!(std::fs::read(tree.join("1.0/lib-1.0.jar")).unwrap(), jar);
    let pom_text = std::fs::read_to_string(tree.join("1.0/lib-1.0.pom")).unwrap();
    assert_eq!(pom_text, pom("org.example", "lib", "1.0", "jar"));
    // Sums come after the answer, before the upload goes.
    server.uploads();
    let sum = std::fs::read_to_string(tree.join("1.0/lib-1.0.jar.sha1")).unwrap();
    assert_eq!(sum, Digests::of(&jar).hex(Algorithm::Sha1));
}
