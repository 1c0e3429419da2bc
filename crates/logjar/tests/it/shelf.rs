//! A registry such as a company has: two repositories that everybody may read, one for who is signed in, one for who
//! was granted it, and versions that are in several of them. What its POMs say is not nice.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Request, Response};
use crate::deploy::Deploy;
use crate::server::TestServer;

/// How long the search index may take to see everything, and the counts of downloads to arrive.
const CATCH_UP_TIME: Duration = Duration::from_secs(40);

/// How `org.example:lib` and `early` describe themselves, as far as the registry lets them.
pub(crate) const DESCRIPTION: &str = "Tools & <script>alert(1)</script>\n31m \"quoted\" left";

/// What their POMs say: markup, a line end, a sequence that turns a terminal red, and a mark that turns the text after
/// it from right to left.
const DESCRIBED: &str = "<description>Tools &amp; &lt;script&gt;alert(1)&lt;/script&gt;&#10;\
    &#x9b;31m \"quoted\" &#x202e;left</description>";

/// What the POM of `org.example:lib` says besides that.
const FACTS: &str = "<name>Lib</name><url>https://example.org/lib</url>\
    <licenses><license><name>EPL-2.0</name><url>https://example.org/epl</url></license></licenses>\
    <scm><connection>scm:git:a</connection><developerConnection>scm:git:b</developerConnection>\
    <tag>v1</tag><url>https://example.org/scm</url></scm>\
    <dependencies><dependency><groupId>org.clojure</groupId><artifactId>clojure</artifactId>\
    <version>1.11.1</version></dependency><dependency><groupId>junit</groupId><artifactId>junit</artifactId>\
    <version>4.13</version><scope>test</scope></dependency></dependencies>";

/// What is deployed, in this order: repository, coordinates, what the POM says besides.
const DEPLOYS: [(&str, &str, &[&str]); 9] = [
    ("repo", "org.example:lib:1.0", &[DESCRIBED, FACTS]),
    ("more", "org.example:lib:1.0", &[DESCRIBED, FACTS]),
    ("repo", "org.example:lib:1.1-SNAPSHOT", &[DESCRIBED, FACTS]),
    ("repo", "hiccup:hiccup:2.0", &[]),
    ("repo", "org.example:early:0.1-SNAPSHOT", &[DESCRIBED]),
    ("members", "org.example:inner:1.0", &["<description>the inner treasure</description>"]),
    ("few", "org.secret:hidden:1.0", &["<description>the hidden treasure</description>"]),
    ("few", "org.secret:other:1.0", &["<description>the other treasure</description>"]),
    ("few", "org.example:lib:2.0", &["<description>the last treasure</description>"]),
];

/// The build of each snapshot version.
pub(crate) const STAMP: &str = "20261124.080000-1";

/// The registry, running; its search index knows everything. amy administers it, ben may read `org.secret:hidden`, cid
/// nothing but what everybody may who is signed in.
pub(crate) fn shelf() -> TestServer {
    let server = TestServer::with_amy();
    server.user("ben");
    server.user("cid");
    server.repositories(&[("members", "signed-in"), ("few", "granted"), ("more", "public")]);
    for (repository, coordinates, facts) in DEPLOYS {
        deploy(coordinates, &facts.concat()).repository(repository).send(&server, "amy").created();
    }
    server
        .logjar(&["group", "grant", "org.secret", "ben", "--artifact", "hidden", "--can", "read"])
        .expect(0);
    wait_for_index(&server);
    server
}

/// A deploy whose POM says this besides its coordinates.
pub(crate) fn deploy(coordinates: &str, facts: &str) -> Deploy {
    let parts: Vec<&str> = coordinates.split(':').collect();
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>{}</groupId><artifactId>{}</artifactId>\
         <version>{}</version>{facts}</project>",
        parts[0], parts[1], parts[2]
    );
    let deploy = Deploy::new(coordinates).file(".pom", pom);
    if parts[2].ends_with("-SNAPSHOT") { deploy.stamp(STAMP) } else { deploy }
}

/// Waits until the index knows the last deploy; it learns them in order.
pub(crate) fn wait_for_index(server: &TestServer) {
    wait_until(server, "/api/v1/search?q=the+last+treasure", |answer| answer["total"] == 4);
}

/// Asks as amy until the answer is as it must become.
pub(crate) fn wait_until(server: &TestServer, path: &str, is_there: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + CATCH_UP_TIME;
    loop {
        let answer = get(server, Some("amy"), path).expect(200, path).json();
        if is_there(&answer) {
            return;
        }
        assert!(Instant::now() < deadline, "{path} does not come to what it must be: {answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// GET, with the usual token of a user or without any.
pub(crate) fn get(server: &TestServer, user: Option<&str>, path: &str) -> Response {
    let request = Request::get(path);
    server.send(&match user {
        Some(user) => request.authorized(user, &server.token_of(user)),
        None => request,
    })
}
