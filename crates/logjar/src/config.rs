//! Configuration: one struct, every key documented. Defaults, then `logjar.toml`, then the environment, then flags.
//!
//! A key `deploy.body_limit` is `LOGJAR_DEPLOY_BODY_LIMIT` in the environment. An unknown key in the file is an error;
//! an unknown `LOGJAR_*` variable a warning, because container platforms set such names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use logjar_domain::rules::{GroupCreation, Rules};
use logjar_eventlog::writer::SEGMENT_BYTES;

pub mod keys;

use self::keys::KEYS;

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `listen`: address and port.
    pub listen: SocketAddr,
    /// `insecure_http`: listen beyond loopback although nothing encrypts the traffic.
    pub insecure_http: bool,
    /// `public_url`: the base of absolute addresses; it may have a path.
    pub public_url: Option<String>,
    /// `trusted_proxies`: whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// `realm`: the realm of Basic authentication; some clients look up credentials by it.
    pub realm: String,
    /// `groups.create`: who may claim a group without members: `admin` or `open`.
    pub groups_create: GroupCreation,
    /// `groups.inherit`: whether rights in a whole group apply in the groups below it.
    pub groups_inherit: bool,
    /// `tokens.prefix`: prefix of new tokens.
    pub tokens_prefix: String,
    /// `tokens.days`: default lifetime of new tokens in days.
    pub tokens_days: u32,
    /// `deploy.body_limit`: the largest file, in bytes.
    pub deploy_body_limit: u64,
    /// `deploy.open_bytes`: how much the open deploys of one token may take together, in bytes.
    pub deploy_open_bytes: u64,
    /// `deploy.late_window`: how long a version accepts late files, in seconds.
    pub deploy_late_window: u64,
    /// `deploy.require_sums`: rule 21, every file needs a sum.
    pub deploy_require_sums: bool,
    /// `deploy.refused_extensions`: extensions that are never accepted.
    pub deploy_refused_extensions: Vec<String>,
    /// `deploy.metadata_agents`: User-Agent prefixes of clients that finish a deploy with metadata.
    pub deploy_metadata_agents: Vec<String>,
    /// `http.connections`: maximum number of connections at once.
    pub http_connections: u32,
    /// `http.idle_timeout`: seconds for which a connection may send nothing while a request is unfinished.
    pub http_idle_timeout: u64,
    /// `http.keep_alive`: seconds for which a connection waits for its next request.
    pub http_keep_alive: u64,
    /// `http.cache_bytes`: maximum size of the cache of ready answers, in bytes.
    pub http_cache_bytes: u64,
    /// `retention.grace`: seconds for which retention keeps a build that another one took the place of.
    pub retention_grace: i64,
    /// `log.keep_plain`: seconds that the plain file of a compressed segment stays.
    pub log_keep_plain: u64,
    /// `log.segment_bytes`: how large a segment of the log may get before a new one is begun.
    pub log_segment_bytes: u64,
    /// `activity.keep`: how many days refusals are kept.
    pub activity_keep: u32,
}

impl Default for Config {
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|each| (*each).to_owned()).collect();
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8930),
            insecure_http: false,
            public_url: None,
            trusted_proxies: Vec::new(),
            realm: "logjar".to_owned(),
            groups_create: GroupCreation::Admin,
            groups_inherit: true,
            tokens_prefix: "logjar_".to_owned(),
            tokens_days: 90,
            deploy_body_limit: 1 << 30,
            deploy_open_bytes: 5 << 30,
            deploy_late_window: 3600,
            deploy_require_sums: false,
            deploy_refused_extensions: texts(&["html", "htm", "xhtml", "svg", "js", "css"]),
            deploy_metadata_agents: texts(&[
                "Apache-Maven",
                "Leiningen",
                "Aether",
                "Gradle",
                "tools.deps",
                "JBang",
            ]),
            http_connections: 1024,
            http_idle_timeout: 30,
            http_keep_alive: 75,
            http_cache_bytes: 8 << 20,
            retention_grace: 3_600,
            log_keep_plain: 3_600,
            log_segment_bytes: SEGMENT_BYTES,
            activity_keep: 90,
        }
    }
}

impl Config {
    /// The settings that decisions and rights depend on.
    pub fn rules(&self) -> Rules {
        Rules {
            group_creation: self.groups_create,
            inherit: self.groups_inherit,
            late_window_s: self.deploy_late_window.cast_signed(),
            retention_grace_s: self.retention_grace,
        }
    }
}

/// Why a configuration can't be used. Each text names the key, where it was set and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read the configuration file `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not valid TOML.
    #[error("`{path}` is not valid TOML: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        reason: String,
    },
    /// A key that does not exist.
    #[error("`{path}` sets the unknown key `{key}`; `logjar config show` lists all keys")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// An invalid value.
    #[error("`{key}` (from {origin}) is `{value}`, but must be {expected}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// Where it was set.
        origin: String,
        /// What it was set to.
        value: String,
        /// What a valid value looks like.
        expected: String,
    },
}

/// A configuration and where each value came from.
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each key that is not at its default was set.
    pub sources: BTreeMap<&'static str, String>,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Sets a key from a flag.
    ///
    /// # Errors
    /// If the value is invalid for the key.
    pub fn set(&mut self, name: &str, value: &str, origin: &str) -> Result<(), ConfigError> {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else { return Ok(()) };
        (key.set)(&mut self.config, value).map_err(|expected| ConfigError::BadValue {
            key: key.name,
            origin: origin.to_owned(),
            value: value.to_owned(),
            expected,
        })?;
        self.sources.insert(key.name, origin.to_owned());
        Ok(())
    }
}

/// Reads the file (if it exists, or was named) and the environment.
///
/// # Errors
/// The first thing that is wrong.
pub fn load(
    file: &Path,
    must_exist: bool,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded { config: Config::default(), sources: BTreeMap::new(), warnings: Vec::new() };
    match std::fs::read_to_string(file) {
        Ok(text) => apply_file(&mut loaded, file, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {}
        Err(source) => return Err(ConfigError::Unreadable { path: file.to_owned(), source }),
    }
    for (variable, value) in environment {
        match KEYS.iter().find(|key| key.variable() == variable) {
            Some(key) => loaded.set(key.name, &value, &variable)?,
            None if variable.starts_with("LOGJAR_") && !OTHER_VARIABLES.contains(&variable.as_str()) => {
                loaded.warnings.push(format!(
                    "the environment variable {variable} is not one that logjar knows and is ignored"
                ));
            }
            None => {}
        }
    }
    Ok(loaded)
}

/// Variables that belong to us but are not keys: options of every command, and the diagnostics filter.
const OTHER_VARIABLES: &[&str] = &["LOGJAR_DATA", "LOGJAR_CONFIG", "LOGJAR_TRACE"];

fn apply_file(loaded: &mut Loaded, path: &Path, text: &str) -> Result<(), ConfigError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        path: path.to_owned(),
        reason: one_line(&error.to_string()),
    })?;
    let mut values = Vec::new();
    flatten("", &table, &mut values);
    for (name, value) in values {
        if !KEYS.iter().any(|key| key.name == name) {
            return Err(ConfigError::UnknownKey { path: path.to_owned(), key: name });
        }
        loaded.set(&name, &value, &path.display().to_string())?;
    }
    Ok(())
}

fn flatten(prefix: &str, table: &toml::Table, values: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(table) => flatten(&name, table, values),
            toml::Value::Array(items) => {
                values.push((name, items.iter().map(plain).collect::<Vec<_>>().join(",")))
            }
            value => values.push((name, plain(value))),
        }
    }
}

fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A file with every key at its default, commented out, and what it is for.
pub fn template() -> String {
    let defaults = Config::default();
    let mut text =
        String::from("# logjar.toml: every key with its default. Remove the `#` before a key to set it.\n");
    for key in KEYS {
        let _ = write!(text, "\n# {}\n# {} = {}\n", key.about, key.name, toml_value(&key.value(&defaults)));
    }
    text
}

fn toml_value(value: &str) -> String {
    let bare = value == "true" || value == "false" || value.parse::<u64>().is_ok();
    if bare { value.to_owned() } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("logjar.toml");
        std::fs::write(&file, text).expect("writable");
        load(&file, true, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn later_sources_win() {
        let text =
            "listen = \"127.0.0.1:1\"\n[deploy]\nbody_limit = \"2MiB\"\nrefused_extensions = [\"exe\"]\n";
        let loaded = load_text(text, &[("LOGJAR_LISTEN", "127.0.0.1:2")]).expect("good");
        assert_eq!(loaded.config.listen.port(), 2);
        assert_eq!(loaded.config.deploy_body_limit, 2 << 20);
        assert_eq!(loaded.config.deploy_refused_extensions, ["exe"]);
        assert_eq!(loaded.sources["listen"], "LOGJAR_LISTEN");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("colour = 1", "unknown key `colour`"),
            ("listen = \"here\"", "`listen`"),
            ("[groups]\ncreate = \"all\"", "admin or open"),
            ("[http]\nidle_timeout = 0", "1 to 3600"),
            ("[http]\nidle_timeout = 9223372036854775807", "1 to 3600"),
            ("[http]\nkeep_alive = 100000", "1 to 3600"),
            ("[deploy]\nbody_limit = 0", "at least 1KiB and at most 1024GiB"),
            ("[deploy]\nbody_limit = \"17179869183GiB\"", "at least 1KiB and at most 1024GiB"),
            ("[deploy]\nopen_bytes = \"2000000GiB\"", "at most 1048576GiB"),
            ("[deploy]\nlate_window = 9223372036854775807", "0 to 31536000"),
            ("[activity]\nkeep = 4294967295", "0 to 36500"),
            ("listen =", "not valid TOML"),
        ] {
            let Err(error) = load_text(text, &[]) else { panic!("`{text}` was taken") };
            assert!(error.to_string().contains(part), "{error}");
        }
        let loaded = load_text("", &[("LOGJAR_PORT", "tcp://1.2.3.4")]).expect("only a warning");
        assert!(loaded.warnings[0].contains("LOGJAR_PORT"));
    }

    #[test]
    fn the_template_is_read_back_as_the_defaults() {
        let text: String = template()
            .lines()
            .map(|line| {
                format!("{}\n", line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(""))
            })
            .collect();
        assert_eq!(load_text(&text, &[]).expect("good").config, Config::default());
    }
}
