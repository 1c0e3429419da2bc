//! sbt: `build.sbt`, and a file of credentials beside sbt's own.

use super::escape::{double_quoted, property};
use super::{Place, YOUR_NAME, YOUR_TOKEN};

pub(super) fn resolve(place: &Place) -> Vec<String> {
    let mut build = format!(
        "// build.sbt
resolvers += {}",
        resolver(place)
    );
    if !place.asks_readers {
        return vec![build];
    }
    build.push('\n');
    build.push_str(&read_credentials(place));
    vec![build, credentials(place)]
}

pub(super) fn deploy(place: &Place) -> Vec<String> {
    let build = format!(
        "// build.sbt; then: sbt publish
publishTo := Some({})
{}",
        resolver(place),
        read_credentials(place)
    );
    vec![build, credentials(place)]
}

fn resolver(place: &Place) -> String {
    let (id, url) = (place.id(), double_quoted(place.url()));
    match place.is_http() {
        true => format!("(\"{id}\" at \"{url}\").withAllowInsecureProtocol(true)"),
        false => format!("\"{id}\" at \"{url}\""),
    }
}

fn read_credentials(place: &Place) -> String {
    format!("credentials += Credentials(Path.userHome / \".sbt\" / \"{}.credentials\")", place.id())
}

/// sbt looks up credentials by host, and by realm if the file names one. It names none, because the realm can be
/// configured.
fn credentials(place: &Place) -> String {
    format!(
        "# ~/.sbt/{}.credentials
host={}
user={YOUR_NAME}
password={YOUR_TOKEN}",
        place.id(),
        property(place.host())
    )
}
