//! The OpenAPI document of `/api/v1` and `/health`: `/api/v1/openapi.json`. Routes are in the table in [`operations`],
//! schemas in JSON files beside it; a test compares the table with the router, and the answers of a live server are
//! checked against the schemas.
//!
//! The formats that Clojars' users know are not included: those are Clojars' to describe.

mod operations;

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use serde_json::{Map, Value, json};

use self::operations::{OPERATIONS, PARAMETERS};
use crate::config::Config;

/// Files of schemas, one per family.
const SCHEMAS: [&str; 4] = [
    include_str!("openapi/common.json"),
    include_str!("openapi/contents.json"),
    include_str!("openapi/people.json"),
    include_str!("openapi/registry.json"),
];

/// A method of a route.
#[derive(Clone, Copy)]
struct Operation {
    /// In lower case.
    method: &'static str,
    /// The same as in the router.
    path: &'static str,
    /// What it does, on one line, and for whom.
    summary: &'static str,
    /// Query parameters.
    query: &'static [&'static str],
    /// Name of the schema of the body.
    takes: Option<&'static str>,
    /// What a successful answer contains.
    answers: Answers,
    /// Statuses that a refusal may have, besides 400 and 401 (any request may be malformed or have a bad token), and
    /// 413 if there is a body.
    refusals: &'static [u16],
}

/// What a successful answer contains.
#[derive(Clone, Copy)]
enum Answers {
    /// JSON with this schema.
    One(&'static str),
    /// A list of items with this schema.
    List(&'static str),
    /// Something else, with this content type.
    Text(&'static str),
}

/// A parameter in the path or the query.
struct Parameter {
    /// Name in the path or the query.
    name: &'static str,
    /// What it means.
    description: &'static str,
    /// Name of its schema.
    schema: &'static str,
    /// A value as it appears in an address.
    example: &'static str,
}

/// The document. It depends only on the address of the server.
pub async fn document(State(config): State<Arc<Config>>) -> axum::Json<Value> {
    axum::Json(served_at(config.public_url.as_deref()))
}

fn served_at(public_url: Option<&str>) -> Value {
    static PARTS: LazyLock<Value> = LazyLock::new(make);
    let mut document = PARTS.clone();
    document["servers"] = json!([{ "url": public_url.unwrap_or("/") }]);
    document
}

fn make() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = operation.described();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "logjar",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A Maven repository server. Credentials are a user's name and a token, as Basic authentication.",
        },
        "servers": [],
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": { "token": { "type": "http", "scheme": "basic" } },
        },
    })
}

#[expect(clippy::expect_used, reason = "the files are part of the program, and a test reads the document")]
fn schemas() -> Map<String, Value> {
    let parse =
        |text: &str| serde_json::from_str::<Map<String, Value>>(text).expect("a file of schemas is JSON");
    SCHEMAS.into_iter().flat_map(parse).collect()
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

impl Operation {
    fn described(&self) -> Value {
        let mut described = json!({
            "operationId": self.id(),
            "summary": self.summary,
            "parameters": self.parameters(),
            "responses": self.responses(),
        });
        if let Some(schema) = self.takes {
            let content = json!({ "application/json": { "schema": reference(schema) } });
            described["requestBody"] = json!({ "required": true, "content": content });
        }
        described
    }

    /// The route as an identifier: `post-tokens-id-disable`.
    fn id(&self) -> String {
        let path = self.path.trim_start_matches("/api/v1").replace(['{', '}'], "").replace(['/', '.'], "-");
        format!("{}{path}", self.method)
    }

    fn parameters(&self) -> Vec<Value> {
        let in_path = self.path.split(['{', '}']).skip(1).step_by(2).map(|name| (name, "path"));
        let in_query = self.query.iter().map(|name| (*name, "query"));
        let described = |(name, place): (&str, &str)| {
            let parameter = PARAMETERS.iter().find(|parameter| parameter.name == name)?;
            Some(json!({
                "name": name,
                "in": place,
                "required": place == "path",
                "description": parameter.description,
                "schema": reference(parameter.schema),
                "example": example(parameter),
            }))
        };
        in_path.chain(in_query).filter_map(described).collect()
    }

    fn responses(&self) -> Value {
        let (content_type, schema) = match self.answers {
            Answers::One(schema) => ("application/json", reference(schema)),
            Answers::List(schema) => {
                ("application/json", json!({ "type": "array", "items": reference(schema) }))
            }
            Answers::Text(content_type) => (content_type, json!({ "type": "string" })),
        };
        let mut responses = Map::new();
        let success = json!({ "description": "Done", "content": { content_type: { "schema": schema } } });
        responses.insert("200".to_owned(), success);
        let of_body = self.takes.map(|_| [413, 415]);
        for status in [400, 401].iter().chain(of_body.iter().flatten()).chain(self.refusals) {
            let content = json!({ "application/problem+json": { "schema": reference("Problem") } });
            let refusal = json!({ "description": reason(*status), "content": content });
            responses.insert(status.to_string(), refusal);
        }
        Value::Object(responses)
    }
}

/// The value for numbers and flags, the text for everything else.
fn example(parameter: &Parameter) -> Value {
    let is_text = parameter.schema == "Name";
    let value = serde_json::from_str(parameter.example).ok().filter(|_| !is_text);
    value.unwrap_or_else(|| json!(parameter.example))
}

/// Why an answer has this status.
fn reason(status: u16) -> &'static str {
    match status {
        400 => "A name, a parameter or the body is not valid",
        401 => "A token is needed, or the one supplied is invalid",
        403 => "The caller may not do this",
        404 => "It does not exist, or the caller may not see it",
        409 => "It already exists, or something else is under way",
        413 => "The body is too large",
        415 => "The `Content-Type` of the body is not `application/json`",
        429 => "Too many attempts; `Retry-After` says when to try again",
        503 => "The server is busy or stopping; try again",
        507 => "The disk of the server is full",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names after `#/components/schemas/`, anywhere in a value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref") {
                    found.insert(target.trim_start_matches("#/components/schemas/").to_owned());
                }
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_is_there_and_used() {
        let document = make();
        let mut used = BTreeSet::new();
        references(&document, &mut used);
        let there: BTreeSet<String> = schemas().keys().cloned().collect();
        assert_eq!(used, there);
    }

    #[test]
    fn every_parameter_is_described() {
        for operation in OPERATIONS {
            let named = operation.path.matches('{').count() + operation.query.len();
            assert_eq!(operation.parameters().len(), named, "{} {}", operation.method, operation.path);
        }
    }

    #[test]
    fn addresses_begin_where_the_server_is() {
        let url = |public_url| served_at(public_url)["servers"][0]["url"].clone();
        assert_eq!(url(Some("https://repo.example.org/maven")), "https://repo.example.org/maven");
        assert_eq!(url(None), "/");
    }

    #[test]
    fn names_of_operations_differ() {
        let names: BTreeSet<String> = OPERATIONS.iter().map(Operation::id).collect();
        assert_eq!(names.len(), OPERATIONS.len());
    }
}
