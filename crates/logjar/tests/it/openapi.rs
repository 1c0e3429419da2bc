//! The OpenAPI document against the router: what it describes is there, and what is there is described. Whether answers
//! are as it says is for `e2e/scenarios/openapi.sh`.

use std::collections::BTreeSet;

use crate::server::TestServer;
use crate::source;

#[test]
fn the_document_describes_every_route_and_no_other() {
    let server = TestServer::start();
    let answer = server.get("/api/v1/openapi.json").expect(200, "the document");
    let document = answer.json();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let routes: BTreeSet<(String, String)> = source::routes()
        .into_iter()
        .filter(|(_, path)| path.starts_with("/api/v1/") || path.starts_with("/health/"))
        .collect();
    assert_eq!(described, routes);
}
