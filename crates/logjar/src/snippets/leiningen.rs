//! Leiningen: `project.clj`, and `init.clj` while the address is http. Name and token come from the environment.

use super::escape::double_quoted;
use super::{Place, YOUR_NAME, YOUR_TOKEN};

/// Options of a repository: the name and the token are in these variables of the environment.
const CREDENTIALS: &[&str] = &[":username :env/lj_user", ":password :env/lj_token"];

pub(super) fn resolve(place: &Place) -> Vec<String> {
    let credentials = if place.asks_readers { CREDENTIALS } else { &[] };
    let repositories = format!(
        ";; project.clj, inside (defproject …)
{}",
        keyed(":repositories", place, credentials)
    );
    let environment = place.asks_readers.then(environment);
    [repositories].into_iter().chain(speak_http(place)).chain(environment).collect()
}

pub(super) fn deploy(place: &Place) -> Vec<String> {
    let options = [CREDENTIALS, &[":sign-releases false"]].concat();
    let repositories = format!(
        ";; project.clj, inside (defproject …); then: lein deploy {}
{}",
        place.id(),
        keyed(":deploy-repositories", place, &options)
    );
    [repositories].into_iter().chain(speak_http(place)).chain([environment()]).collect()
}

/// A key of `project.clj` with the repository; its options are aligned below each other.
fn keyed(key: &str, place: &Place, options: &[&str]) -> String {
    let start = format!("{key} [[\"{}\" {{", place.id());
    let url = format!(":url \"{}\"", double_quoted(place.url()));
    let lines: Vec<&str> = [url.as_str()].into_iter().chain(options.iter().copied()).collect();
    let next_line = format!("\n{:1$}", "", start.len());
    format!("{start}{}}}]]", lines.join(&next_line))
}

fn environment() -> String {
    format!(
        "# In the shell, before lein
export LJ_USER={YOUR_NAME} LJ_TOKEN={YOUR_TOKEN}"
    )
}

fn speak_http(place: &Place) -> Option<String> {
    let lines = ";; ~/.lein/init.clj; Leiningen speaks plain http only if told how
(require 'cemerick.pomegranate.aether)
(cemerick.pomegranate.aether/register-wagon-factory!
  \"http\" #(org.apache.maven.wagon.providers.http.HttpWagon.))";
    place.is_http().then(|| lines.to_owned())
}
