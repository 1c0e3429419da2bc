//! Snippets: what people paste into their build so that it resolves from a repository here or deploys to it.
//!
//! A snippet is one or more blocks separated by empty lines. The first line of a block is a comment that names the file
//! it belongs in; no block contains an empty line. Names and tokens are placeholders. If the address is http, the
//! snippet contains the setting that makes each tool accept http; if it is https, it does not.
//!
//! This module only makes text: who may see a repository, and which address leads here, is decided elsewhere.

mod deps;
mod escape;
mod gradle;
mod leiningen;
mod maven;
mod sbt;

/// Placeholder for the reader's user name.
const YOUR_NAME: &str = "YOUR-NAME";
/// Placeholder for the reader's token.
const YOUR_TOKEN: &str = "YOUR-TOKEN";

/// A build tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Apache Maven, 3.8 and newer.
    Maven,
    /// Leiningen.
    Leiningen,
    /// tools.deps: the `clojure` command and `deps.edn`.
    Deps,
    /// Gradle, 6.6 and newer; build scripts in Groovy.
    Gradle,
    /// sbt, 1.5 and newer: older ones require a realm with credentials.
    Sbt,
}

impl Tool {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Maven, Self::Leiningen, Self::Deps, Self::Gradle, Self::Sbt];

    /// The name in addresses and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maven => "maven",
            Self::Leiningen => "lein",
            Self::Deps => "deps",
            Self::Gradle => "gradle",
            Self::Sbt => "sbt",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Maven => "Maven",
            Self::Leiningen => "Leiningen",
            Self::Deps => "deps.edn",
            Self::Gradle => "Gradle",
            Self::Sbt => "sbt",
        }
    }

    /// The tool with that [`name`](Self::name).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

/// A repository as a build tool needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    url: String,
    id: String,
    asks_readers: bool,
}

impl Place {
    /// A repository that everybody may read.
    ///
    /// `base` is the server's address without a slash at the end (`http://127.0.0.1:8930`, `https://host/path`), `path`
    /// the repository's path below it (`repo`, `repository/NAME`), `repository` its name.
    pub fn new(base: &str, path: &str, repository: &str) -> Self {
        let plain = repository.chars().filter(|each| each.is_ascii_alphanumeric() || *each == '-');
        let id = match repository {
            crate::app::FIRST_REPOSITORY => "logjar".to_owned(),
            _ => format!("logjar-{}", plain.collect::<String>()),
        };
        Self { url: format!("{base}/{path}/"), id, asks_readers: false }
    }

    /// The same repository, if it also requires credentials for reading.
    #[must_use]
    pub fn asking_readers(self) -> Self {
        Self { asks_readers: true, ..self }
    }

    /// The repository's address, with a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What build files call the repository: letters, digits and `-`.
    fn id(&self) -> &str {
        &self.id
    }

    fn is_http(&self) -> bool {
        self.url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
    }

    /// The host without its port, as Java's `URL.getHost` gives it: with brackets if it is an IPv6 address.
    fn host(&self) -> &str {
        let after_scheme = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
        let host_and_port = authority.rsplit('@').next().unwrap_or_default();
        match host_and_port.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => host_and_port,
        }
    }

    /// Whether Maven blocks the address: plain http to any host but these two, whatever else leads to this machine.
    fn is_blocked_by_maven(&self) -> bool {
        self.is_http() && !matches!(self.host(), "localhost" | "127.0.0.1")
    }
}

/// Makes a tool resolve from a repository; without a line end after the last line.
pub fn resolve(place: &Place, tool: Tool) -> String {
    let blocks = match tool {
        Tool::Maven => maven::resolve(place),
        Tool::Leiningen => leiningen::resolve(place),
        Tool::Deps => deps::resolve(place),
        Tool::Gradle => gradle::resolve(place),
        Tool::Sbt => sbt::resolve(place),
    };
    blocks.join("\n\n")
}

/// Makes a tool deploy to a repository; without a line end after the last line. tools.deps has no deploy of its own;
/// its users get a command for Maven's deploy plugin, which deploys their jar and POM unchanged.
pub fn deploy(place: &Place, tool: Tool) -> String {
    let blocks = match tool {
        Tool::Maven => maven::deploy(place),
        Tool::Leiningen => leiningen::deploy(place),
        Tool::Deps => deps::deploy(place),
        Tool::Gradle => gradle::deploy(place),
        Tool::Sbt => sbt::deploy(place),
    };
    blocks.join("\n\n")
}

#[cfg(test)]
mod tests;
