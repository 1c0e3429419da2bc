//! The table of all keys: how each is named, parsed and printed, and what it is for. A test checks the documentation
//! against it.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use logjar_domain::rules::GroupCreation;

use super::Config;

/// One key: its name, how its value is parsed and printed, and what it is for.
pub struct Key {
    /// Its dotted name.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    pub(super) get: fn(&Config) -> String,
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
}

const KIB: u64 = 1 << 10;
const TIB: u64 = 1 << 40;

/// All keys, in the order of the file.
pub const KEYS: &[Key] = &[
    Key {
        name: "listen",
        about: "Address and port to listen on.",
        get: |c| c.listen.to_string(),
        set: |c, v| put(&mut c.listen, v, "an address and port such as 127.0.0.1:8930"),
    },
    Key {
        name: "insecure_http",
        about: "Listen beyond loopback although nothing encrypts the traffic.",
        get: |c| c.insecure_http.to_string(),
        set: |c, v| put(&mut c.insecure_http, v, "true or false"),
    },
    Key {
        name: "public_url",
        about: "What absolute addresses begin with; may have a path.",
        get: |c| c.public_url.clone().unwrap_or_default(),
        set: set_public_url,
    },
    Key {
        name: "trusted_proxies",
        about: "Addresses whose X-Forwarded-For and X-Forwarded-Proto count, separated by commas.",
        get: |c| join(&c.trusted_proxies),
        set: set_trusted_proxies,
    },
    Key {
        name: "realm",
        about: "Realm of Basic authentication; keep it, clients look credentials up by it.",
        get: |c| c.realm.clone(),
        set: set_realm,
    },
    Key {
        name: "groups.create",
        about: "Who may claim a group that nobody owns: admin or open.",
        get: |c| group_creation_name(c.groups_create).to_owned(),
        set: set_group_creation,
    },
    Key {
        name: "groups.inherit",
        about: "Whether rights in all of a group hold in the groups below it.",
        get: |c| c.groups_inherit.to_string(),
        set: |c, v| put(&mut c.groups_inherit, v, "true or false"),
    },
    Key {
        name: "tokens.prefix",
        about: "What new tokens begin with.",
        get: |c| c.tokens_prefix.clone(),
        set: set_tokens_prefix,
    },
    Key {
        name: "tokens.days",
        about: "Days after which new tokens expire, unless told otherwise.",
        get: |c| c.tokens_days.to_string(),
        set: |c, v| put_in(&mut c.tokens_days, v, 1..=36_500, "a number of days, 1 to 36500"),
    },
    Key {
        name: "deploy.body_limit",
        about: "The largest file, in bytes (1048576, 64MiB, 1GiB).",
        get: |c| c.deploy_body_limit.to_string(),
        set: |c, v| put_bytes(&mut c.deploy_body_limit, v, KIB..=TIB),
    },
    Key {
        name: "deploy.open_bytes",
        about: "How much all open deploys of one token may hold together, in bytes.",
        get: |c| c.deploy_open_bytes.to_string(),
        set: |c, v| put_bytes(&mut c.deploy_open_bytes, v, KIB..=TIB * 1024),
    },
    Key {
        name: "deploy.late_window",
        about: "Seconds during which a deployed version accepts late files.",
        get: |c| c.deploy_late_window.to_string(),
        set: |c, v| {
            put_in(&mut c.deploy_late_window, v, 0..=31_536_000, "a number of seconds, 0 to 31536000")
        },
    },
    Key {
        name: "deploy.require_sums",
        about: "Whether every file needs a sum.",
        get: |c| c.deploy_require_sums.to_string(),
        set: |c, v| put(&mut c.deploy_require_sums, v, "true or false"),
    },
    Key {
        name: "deploy.refused_extensions",
        about: "Extensions of files that are never accepted, separated by commas.",
        get: |c| c.deploy_refused_extensions.join(","),
        set: |c, v| {
            c.deploy_refused_extensions = list(v);
            Ok(())
        },
    },
    Key {
        name: "deploy.metadata_agents",
        about: "Beginnings of the User-Agent of clients that finish a deploy with metadata, separated by commas.",
        get: |c| c.deploy_metadata_agents.join(","),
        set: |c, v| {
            c.deploy_metadata_agents = list(v);
            Ok(())
        },
    },
    Key {
        name: "http.connections",
        about: "How many connections may be open at once.",
        get: |c| c.http_connections.to_string(),
        set: |c, v| put_in(&mut c.http_connections, v, 1..=1_000_000, "a number, 1 or more"),
    },
    Key {
        name: "http.idle_timeout",
        about: "Seconds that a connection may stay silent while the server waits for it.",
        get: |c| c.http_idle_timeout.to_string(),
        set: |c, v| put_in(&mut c.http_idle_timeout, v, 1..=3_600, "a number of seconds, 1 to 3600"),
    },
    Key {
        name: "http.keep_alive",
        about: "Seconds that a connection waits for its next request.",
        get: |c| c.http_keep_alive.to_string(),
        set: |c, v| put_in(&mut c.http_keep_alive, v, 1..=3_600, "a number of seconds, 1 to 3600"),
    },
    Key {
        name: "http.cache_bytes",
        about: "Size limit of the cache of ready answers for small files, in bytes.",
        get: |c| c.http_cache_bytes.to_string(),
        set: |c, v| put_bytes(&mut c.http_cache_bytes, v, 0..=TIB),
    },
    Key {
        name: "log.segment_bytes",
        about: "Size at which a segment of the log is sealed and a new one begins, in bytes.",
        get: |c| c.log_segment_bytes.to_string(),
        set: |c, v| put_bytes(&mut c.log_segment_bytes, v, KIB..=TIB),
    },
    Key {
        name: "retention.grace",
        about: "Seconds for which retention keeps a build that another one took the place of.",
        get: |c| c.retention_grace.to_string(),
        set: |c, v| put_in(&mut c.retention_grace, v, 0..=31_536_000, "a number of seconds, 0 to 31536000"),
    },
    Key {
        name: "log.keep_plain",
        about: "Seconds that the plain file of a compressed segment stays, for copies of the folder under way.",
        get: |c| c.log_keep_plain.to_string(),
        set: |c, v| put_in(&mut c.log_keep_plain, v, 0..=31_536_000, "a number of seconds, 0 to 31536000"),
    },
    Key {
        name: "activity.keep",
        about: "Days for which refused deploys are kept.",
        get: |c| c.activity_keep.to_string(),
        set: |c, v| put_in(&mut c.activity_keep, v, 0..=36_500, "a number of days, 0 to 36500"),
    },
];

impl Key {
    /// The name of its environment variable.
    pub fn variable(&self) -> String {
        format!("LOGJAR_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// Its value as text.
    pub fn value(&self, config: &Config) -> String {
        (self.get)(config)
    }
}

fn put<T: std::str::FromStr>(target: &mut T, value: &str, expected: &str) -> Result<(), String> {
    *target = value.trim().parse().map_err(|_| expected.to_owned())?;
    Ok(())
}

fn put_in<T: std::str::FromStr + PartialOrd>(
    target: &mut T,
    value: &str,
    allowed: RangeInclusive<T>,
    expected: &str,
) -> Result<(), String> {
    let parsed = value.trim().parse().ok().filter(|number| allowed.contains(number));
    *target = parsed.ok_or_else(|| expected.to_owned())?;
    Ok(())
}

fn put_bytes(target: &mut u64, value: &str, allowed: RangeInclusive<u64>) -> Result<(), String> {
    let number = bytes(value)?;
    if !allowed.contains(&number) {
        let least =
            if *allowed.start() == 0 { "0".to_owned() } else { format!("{}KiB", allowed.start() / KIB) };
        return Err(format!("at least {least} and at most {}GiB", allowed.end() >> 30));
    }
    *target = number;
    Ok(())
}

/// Parses a number of bytes: digits, or digits and KiB, MiB or GiB.
fn bytes(value: &str) -> Result<u64, String> {
    let value = value.trim();
    let (digits, unit) = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
        .into_iter()
        .find_map(|(name, shift)| value.strip_suffix(name).map(|digits| (digits.trim(), 1_u64 << shift)))
        .unwrap_or((value, 1));
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "a number of bytes such as 1048576, 64MiB or 1GiB".to_owned())
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|each| !each.is_empty()).map(str::to_owned).collect()
}

fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn set_public_url(config: &mut Config, value: &str) -> Result<(), String> {
    let value = value.trim().trim_end_matches('/');
    if value.is_empty() {
        config.public_url = None;
        return Ok(());
    }
    if !value.starts_with("http://") && !value.starts_with("https://") {
        return Err("an address such as https://repo.example.org".to_owned());
    }
    config.public_url = Some(value.to_owned());
    Ok(())
}

fn set_trusted_proxies(config: &mut Config, value: &str) -> Result<(), String> {
    let parsed: Result<Vec<IpAddr>, _> = list(value).iter().map(|each| each.parse()).collect();
    config.trusted_proxies = parsed.map_err(|_| "IP addresses separated by commas".to_owned())?;
    Ok(())
}

fn set_realm(config: &mut Config, value: &str) -> Result<(), String> {
    let plain = !value.is_empty()
        && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if !plain {
        return Err("plain ASCII without spaces or quotes".to_owned());
    }
    value.clone_into(&mut config.realm);
    Ok(())
}

fn set_tokens_prefix(config: &mut Config, value: &str) -> Result<(), String> {
    let plain = value.len() <= 20
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !plain {
        return Err("at most 20 letters, digits, `_` and `-`".to_owned());
    }
    value.clone_into(&mut config.tokens_prefix);
    Ok(())
}

fn group_creation_name(creation: GroupCreation) -> &'static str {
    match creation {
        GroupCreation::Admin => "admin",
        GroupCreation::Open => "open",
    }
}

fn set_group_creation(config: &mut Config, value: &str) -> Result<(), String> {
    config.groups_create = match value {
        "admin" => GroupCreation::Admin,
        "open" => GroupCreation::Open,
        _ => return Err("admin or open".to_owned()),
    };
    Ok(())
}
