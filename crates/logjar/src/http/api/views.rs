//! How artifacts are shown in the lists of the API, and pages of them.

use logjar_maven::pom::License;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::http::error::HttpError;
use crate::http::paging::Paging;
use crate::queries::summary::Summary;

/// Which page.
#[derive(Deserialize)]
pub struct Which {
    page: Option<String>,
    per_page: Option<String>,
}

impl Which {
    pub(super) fn paging(&self) -> Result<Paging, HttpError> {
        Paging::parse(self.page.as_deref(), self.per_page.as_deref())
    }
}

/// An artifact as shown in lists.
pub(super) fn shown(summary: &Summary) -> Value {
    let outline = &summary.outline;
    let licenses = summary.pom.as_ref().map(|pom| pom.licenses.iter().map(license).collect::<Vec<_>>());
    json!({
        "group": outline.group.as_str(),
        "artifact": outline.artifact.as_str(),
        "latest_version": outline.latest_version.as_str(),
        "latest_release": outline.latest_release.as_ref().map(|version| version.as_str()),
        "description": summary.description(),
        "licenses": licenses.unwrap_or_default(),
        "updated": rfc3339(summary.at),
        "downloads": outline.downloads,
        "repositories": outline.repositories.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
    })
}

fn license(license: &License) -> Value {
    json!({ "name": license.name, "url": license.url })
}

/// Adds a page of a list to an answer: its number, the totals, and its rows under the given name.
pub(super) fn list_of(answer: &mut Value, paging: Paging, total: usize, name: &str, rows: Vec<Value>) {
    answer["total"] = json!(total);
    answer["page"] = json!(paging.page);
    answer["pages"] = json!(paging.pages(total));
    answer[name] = Value::Array(rows);
}
