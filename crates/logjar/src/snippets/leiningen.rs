//! Leiningen: `project.clj`, and `init.clj` while the address is http. Name and token come from the environment.

use super::escape::double_quoted;
use super::{Place, YOUR_NAME, YOUR_TOKEN};

pub(super) fn resolve(place: &Place) -> Vec<String> {
    let (id, url) = (place.id(), double_quoted(place.url()));
    if !place.asks_readers {
        let repositories = format!(
            ";; project.clj, inside (defproject …)
:repositories [[\"{id}\" {{:url \"{url}\"}}]]"
        );
        return std::iter::once(repositories).chain(speak_http(place)).collect();
    }
    let repositories = format!(
        ";; project.clj, inside (defproject …)
:repositories [[\"{id}\" {{:url \"{url}\"
                :username :env/lj_user
                :password :env/lj_token}}]]"
    );
    [repositories].into_iter().chain(speak_http(place)).chain([environment()]).collect()
}

pub(super) fn deploy(place: &Place) -> Vec<String> {
    let (id, url) = (place.id(), double_quoted(place.url()));
    let repositories = format!(
        ";; project.clj, inside (defproject …); then: lein deploy {id}
:deploy-repositories [[\"{id}\" {{:url \"{url}\"
                       :username :env/lj_user
                       :password :env/lj_token
                       :sign-releases false}}]]"
    );
    [repositories].into_iter().chain(speak_http(place)).chain([environment()]).collect()
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
