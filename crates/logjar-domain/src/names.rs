//! Which names people may choose (the rules for Maven's own names are in `logjar_maven::coordinates`).

use crate::ids::RepositoryName;
use crate::rejection::Rejection;

/// First path segments that belong to the server itself, now or later. A user, a single-label group and an
/// artifact in it would be hidden behind these addresses, so none of them may be named so.
pub const RESERVED: &[&str] = &[
    "about",
    "activity",
    "admin",
    "api",
    "artifacts",
    "assets",
    "badges",
    "browse",
    "contact",
    "css",
    "dashboard",
    "deploys",
    "dmca",
    "docs",
    "download",
    "events",
    "favicon.ico",
    "feeds",
    "files",
    "forgot-password",
    "groups",
    "health",
    "help",
    "images",
    "index",
    "invite",
    "js",
    "local",
    "log",
    "login",
    "logout",
    "maven",
    "metrics",
    "mfa",
    "mirrors",
    "new",
    "notification-preferences",
    "oauth",
    "opensearch.xml",
    "password-resets",
    "pages",
    "profile",
    "projects",
    "promoted",
    "promotions",
    "register",
    "releases",
    "repo",
    "repositories",
    "repository",
    "reset",
    "robots.txt",
    "search",
    "security",
    "settings",
    "setup",
    "sitemap.xml",
    "snapshots",
    "static",
    "stats",
    "status",
    "system",
    "terms",
    "tokens",
    "upload",
    "uploads",
    "user",
    "users",
    "verify",
    "welcome",
];

/// Labels under which anybody can get a name, and the prefixes of hosting services: nobody owns these, so no
/// group of that name can be claimed. Two-letter labels (countries) are covered by [`is_public_suffix`].
const PUBLIC_SUFFIXES: &[&str] = &[
    "academy",
    "agency",
    "aero",
    "ai",
    "app",
    "art",
    "asia",
    "biz",
    "blog",
    "build",
    "business",
    "cat",
    "center",
    "cloud",
    "club",
    "codes",
    "com",
    "community",
    "company",
    "computer",
    "consulting",
    "coop",
    "design",
    "dev",
    "digital",
    "edu",
    "email",
    "energy",
    "engineering",
    "events",
    "expert",
    "finance",
    "foundation",
    "games",
    "global",
    "gov",
    "group",
    "guru",
    "host",
    "info",
    "ink",
    "institute",
    "int",
    "international",
    "jobs",
    "land",
    "life",
    "link",
    "live",
    "ltd",
    "media",
    "mil",
    "mobi",
    "museum",
    "name",
    "net",
    "network",
    "news",
    "ninja",
    "one",
    "online",
    "org",
    "page",
    "partners",
    "plus",
    "post",
    "press",
    "pro",
    "run",
    "school",
    "science",
    "services",
    "shop",
    "site",
    "software",
    "solutions",
    "space",
    "store",
    "studio",
    "systems",
    "team",
    "tech",
    "technology",
    "tel",
    "tools",
    "top",
    "travel",
    "university",
    "work",
    "works",
    "world",
    "xyz",
    "zone",
    // hosting services, as group prefixes
    "com.appspot",
    "com.bitbucket",
    "com.blogspot",
    "com.gitee",
    "com.github",
    "com.gitlab",
    "com.googlecode",
    "com.herokuapp",
    "com.netlify",
    "com.wordpress",
    "app.netlify",
    "app.vercel",
    "dev.pages",
    "dev.workers",
    "io.bitbucket",
    "io.gitee",
    "io.github",
    "io.gitlab",
    "io.readthedocs",
    "io.sourceforge",
    "ht.sr",
    "org.bitbucket",
    "org.codeberg",
    "org.framagit",
    "page.codeberg",
    "net.sourceforge",
    "net.launchpad",
    "com.sourceforge",
    "net.clojars",
    "org.clojars",
    "co.uk",
    "com.au",
    "co.jp",
    "com.br",
    "co.nz",
    "co.za",
    "org.uk",
];

/// Second-level labels that registries of countries sell names under (`uk.co`, `au.com`, `jp.ac`).
const COUNTRY_SECOND_LEVELS: &[&str] =
    &["ac", "co", "com", "edu", "gob", "gov", "govt", "mil", "ne", "net", "nom", "or", "org"];

/// Whether a group name is one under which anybody can get a name, so that nobody may claim all of it.
pub fn is_public_suffix(group: &str) -> bool {
    let lower = group.to_ascii_lowercase();
    if PUBLIC_SUFFIXES.contains(&lower.as_str()) {
        return true;
    }
    match lower.split_once('.') {
        None => lower.len() == 2,
        Some((country, second)) => country.len() == 2 && COUNTRY_SECOND_LEVELS.contains(&second),
    }
}

/// Whether a name is a first path segment of the server's own.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// Checks a user's name: `[a-z0-9_-]+`, at most 39 characters, none of the server's own.
pub fn check_user_name(name: &str) -> Result<(), Rejection> {
    let well_formed = !name.is_empty()
        && name.len() <= 39
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-');
    if !well_formed {
        return Err(Rejection::UserNameInvalid { name: name.to_owned() });
    }
    if is_reserved(name) {
        return Err(Rejection::NameReserved { name: name.to_owned() });
    }
    Ok(())
}

/// Reads a repository's name: `[a-z0-9][a-z0-9-]{0,38}`.
pub fn parse_repository_name(name: &str) -> Result<RepositoryName, Rejection> {
    let well_formed = name.len() <= 39
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if well_formed {
        Ok(RepositoryName::new(name))
    } else {
        Err(Rejection::RepositoryNameInvalid { name: name.to_owned() })
    }
}

/// Checks an e-mail address as far as a server can: one `@` with text on both sides, no blanks, at most 256 bytes.
pub fn check_email(email: &str) -> Result<(), Rejection> {
    let has_two_parts = email
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    let well_formed = email.len() <= 256
        && !email.chars().any(|each| each.is_whitespace() || each.is_control())
        && has_two_parts;
    if well_formed { Ok(()) } else { Err(Rejection::EmailInvalid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_own_what_everybody_shares() {
        for shared in ["com", "ORG", "uk", "uk.co", "co.uk", "io.github", "com.github", "au.com"] {
            assert!(is_public_suffix(shared), "{shared}");
        }
        for own in ["hiccup", "com.example", "io.github.amy", "uk.co.example", "org.example"] {
            assert!(!is_public_suffix(own), "{own}");
        }
    }

    #[test]
    fn user_names() {
        for good in ["amy", "a", "ci-bot_2"] {
            assert!(check_user_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Amy", "a b", "é", "admin", "repo", &"x".repeat(40)] {
            assert!(check_user_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn repository_names() {
        for good in ["repo", "releases", "3rd-party"] {
            assert!(parse_repository_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "Repo", "a.b", "a/b", &"x".repeat(40)] {
            assert!(parse_repository_name(bad).is_err(), "{bad}");
        }
    }
}
