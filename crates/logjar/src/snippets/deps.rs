//! tools.deps: `deps.edn`. It reads credentials from Maven's `settings.xml` and cannot deploy.

use super::escape::{double_quoted, shell_word};
use super::{Place, maven};

/// The version of Maven's deploy plugin that the end-to-end tests use.
const DEPLOY_PLUGIN: &str = "org.apache.maven.plugins:maven-deploy-plugin:3.1.4";

pub(super) fn resolve(place: &Place) -> Vec<String> {
    let (id, url) = (place.id(), double_quoted(place.url()));
    let repositories = format!(
        ";; deps.edn, inside its map
:mvn/repos {{\"{id}\" {{:url \"{url}\"}}}}"
    );
    let speak_http = "# In the shell, before clojure, which takes plain http only if told to
export CLOJURE_CLI_ALLOW_HTTP_REPO=true";
    let speak_http = place.is_http().then(|| speak_http.to_owned());
    let settings = place.asks_readers.then(|| maven::settings_with_token(place));
    [repositories].into_iter().chain(speak_http).chain(settings).collect()
}

pub(super) fn deploy(place: &Place) -> Vec<String> {
    let (id, url) = (place.id(), shell_word(place.url()));
    let command = format!(
        "# In the shell: tools.deps cannot deploy, so Maven does it, with the jar and the POM that tools.build made
mvn {DEPLOY_PLUGIN}:deploy-file -DrepositoryId={id} \\
    -Durl={url} -DpomFile=YOUR-POM.xml -Dfile=YOUR-LIBRARY.jar"
    );
    vec![maven::settings_with_token(place), command]
}
