//! Credentials that become void while a request is under way: its head came before, its body comes after. Whoever keeps
//! such a request open gains nothing.

use serde_json::json;

use crate::client::{Connection, Request};
use crate::deploy::{Deploy, pom};
use crate::server::TestServer;

/// The ways in which a credential becomes void.
const WAYS: [&str; 2] = ["the token is disabled", "the user is disabled"];

/// A registry in which boss is an administrator with a token that can do everything, and everything can be taken away.
struct Registry {
    server: TestServer,
    token: String,
}

impl Registry {
    fn new() -> Self {
        let server = TestServer::with_amy();
        server.administrator("boss");
        server.user("mallory");
        server.logjar(&["group", "create", "org.boss", "--owner", "boss"]).expect(0);
        server.logjar(&["group", "grant", "org.boss", "amy", "--admin"]).expect(0);
        let token = server.new_token("boss", &["--can", "read,deploy,manage"]);
        Self { server, token }
    }

    /// Sends the head of a request. When this is back, the server has found the credential good and waits for the body.
    fn begin(&self, request: &Request) -> Connection {
        let mut connection = self.server.connect();
        let request = request.clone().authorized("boss", &self.token).header("Expect", "100-continue");
        connection.write(&request.head_bytes()).unwrap();
        let waiting = connection.read_response(true).unwrap();
        assert_eq!(waiting.status, 100, "{}", waiting.reason);
        connection
    }

    fn void(&self, way: &str) {
        let whoami = Request::get("/api/v1/whoami").authorized("boss", &self.token);
        let id = self.server.send(&whoami).expect(200, "good to begin with").json()["token"].clone();
        let command = match way {
            "the user is disabled" => ["user", "disable", "boss"],
            _ => ["token", "disable", id.as_str().unwrap()],
        };
        self.server.logjar(&command).expect(0);
        self.server.send(&whoami).expect(401, "void");
    }
}

#[test]
fn a_command_whose_body_comes_later() {
    let everything = json!(["read", "deploy", "manage"]);
    for way in WAYS {
        let registry = Registry::new();
        let requests = [
            ("/api/v1/tokens", json!({ "user": "boss", "can": everything, "never": true })),
            ("/api/v1/users", json!({ "name": "another", "service": true, "admin": true })),
            ("/api/v1/groups", json!({ "group": "org.another", "owner": "mallory" })),
            ("/api/v1/groups/org.boss/grant", json!({ "user": "mallory", "admin": true })),
            ("/api/v1/groups/org.boss/revoke", json!({ "user": "amy" })),
            ("/api/v1/repositories", json!({ "name": "another" })),
            ("/api/v1/rebuild", json!({ "what": "tree" })),
        ];
        let begun: Vec<_> = requests
            .iter()
            .map(|(path, body)| (path, body, registry.begin(&Request::post(path, body))))
            .collect();
        registry.void(way);
        let before = registry.server.events().len();
        for (path, body, mut connection) in begun {
            connection.write(body.to_string().as_bytes()).unwrap();
            let answer = connection.read_response(false).unwrap();
            assert_eq!(answer.status, 401, "{way}: {path}: {}", answer.text());
        }
        assert_eq!(registry.server.events().len(), before, "{way}");
    }
}

#[test]
fn a_file_whose_body_comes_later() {
    for way in WAYS {
        let registry = Registry::new();
        let deploy = Deploy::new("org.boss:lib:1.0");
        let text = pom("org.boss", "lib", "1.0", "jar");
        let mut file = registry.begin(&Request::put(&deploy.path(".pom"), text.clone()));
        registry.void(way);
        file.write(text.as_bytes()).unwrap();
        let answer = file.read_response(false).unwrap();
        assert_eq!(answer.status, 401, "{way}: {}", answer.text());
        assert_eq!(registry.server.events_of("version.deployed").len(), 0, "{way}");
    }
}

#[test]
fn a_finish_whose_body_comes_later() {
    for way in WAYS {
        let registry = Registry::new();
        let deploy = Deploy::new("org.boss:lib:1.0").token(&registry.token);
        deploy.clone().left_open().send(&registry.server, "boss").created();
        let metadata =
            "<metadata><versioning><versions><version>1.0</version></versions></versioning></metadata>";
        let path = format!("{}/maven-metadata.xml", deploy.artifact_path());
        let mut finish = registry.begin(&Request::put(&path, metadata));
        registry.void(way);
        finish.write(metadata.as_bytes()).unwrap();
        let answer = finish.read_response(false).unwrap();
        assert_eq!(answer.status, 401, "{way}: {}", answer.text());
        assert_eq!(registry.server.events_of("version.deployed").len(), 0, "{way}");
        assert_eq!(registry.server.uploads().len(), 1, "the files say nothing of it and are kept: {way}");
    }
}
