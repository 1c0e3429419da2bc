//! Maven: `pom.xml` and `settings.xml`.

use super::escape::xml;
use super::{Place, YOUR_NAME, YOUR_TOKEN};

pub(super) fn resolve(place: &Place) -> Vec<String> {
    let (id, url) = (place.id(), xml(place.url()));
    let repositories = format!(
        "<!-- pom.xml, inside <project> -->
<repositories>
  <repository>
    <id>{id}</id>
    <url>{url}</url>
  </repository>
</repositories>"
    );
    let mirror = place.is_blocked_by_maven().then(|| mirror(place));
    let server = place.asks_readers.then(|| server(place));
    let entries: Vec<String> = mirror.into_iter().chain(server).collect();
    let mut blocks = vec![repositories];
    if !entries.is_empty() {
        blocks.push(settings(&entries));
    }
    blocks
}

pub(super) fn deploy(place: &Place) -> Vec<String> {
    let (id, url) = (place.id(), xml(place.url()));
    let distribution = format!(
        "<!-- pom.xml, inside <project>; then: mvn deploy -->
<!-- (Maven 4 shows why a deploy was refused only with: mvn deploy -Dmaven.resolver.transport=apache) -->
<distributionManagement>
  <repository>
    <id>{id}</id>
    <url>{url}</url>
  </repository>
</distributionManagement>"
    );
    vec![distribution, settings_with_token(place)]
}

/// The block of `settings.xml` with the token.
pub(super) fn settings_with_token(place: &Place) -> String {
    settings(&[server(place)])
}

fn settings(entries: &[String]) -> String {
    format!(
        "<!-- ~/.m2/settings.xml; if you have one, add what is inside <settings> to it -->
<settings>
{}
</settings>",
        entries.join("\n")
    )
}

fn server(place: &Place) -> String {
    format!(
        "  <servers>
    <server>
      <id>{}</id>
      <username>{YOUR_NAME}</username>
      <password>{YOUR_TOKEN}</password>
    </server>
  </servers>",
        place.id()
    )
}

/// A mirror of exactly this repository takes precedence over Maven's own, which blocks http; all other addresses stay
/// blocked. Maven looks up the credentials by the mirror's id, so it is the same as the repository's.
fn mirror(place: &Place) -> String {
    let (id, url) = (place.id(), xml(place.url()));
    format!(
        "  <mirrors>
    <!-- Maven blocks plain http; this lets it through for this repository. -->
    <mirror>
      <id>{id}</id>
      <mirrorOf>{id}</mirrorOf>
      <url>{url}</url>
    </mirror>
  </mirrors>"
    )
}
