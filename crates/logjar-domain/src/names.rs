//! Which names people may choose (the rules for Maven's own names are in `logjar_maven::coordinates`).

use crate::ids::RepositoryName;
use crate::rejection::Rejection;

/// First path segments that belong to the server itself, now or later. A user, a single-label group or an artifact in
/// it would be hidden behind these addresses, so none of them may have such a name.
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

/// Group prefixes of hosting services whose domain is not a public suffix because their users' pages are elsewhere:
/// `github.com`, for example, whose pages are at `github.io`. Also the parents of groups that users get with their
/// names.
const HOSTING_PREFIXES: &[&str] = &[
    "com.bitbucket",
    "com.gitee",
    "com.github",
    "com.gitlab",
    "com.googlecode",
    "com.netlify",
    "com.sourceforge",
    "com.wordpress",
    "ht.sr",
    "io.bitbucket",
    "io.gitee",
    "io.gitlab",
    "io.sourceforge",
    "net.clojars",
    "net.launchpad",
    "net.sourceforge",
    "org.bitbucket",
    "org.clojars",
    "org.codeberg",
    "org.framagit",
];

/// Whether a group name is one below which anybody can register, so that nobody may claim all of it: a public suffix of
/// the published list, in the order of groups (`uk.co`) or of domains (`co.uk`), a country, or the prefix of a hosting
/// service.
pub fn is_public_suffix(group: &str) -> bool {
    let lower = group.to_ascii_lowercase();
    let labels: Vec<&str> = lower.rsplit('.').collect();
    is_listed_suffix(&labels.join("."))
        || is_listed_suffix(&lower)
        || lower.len() == 2
        || HOSTING_PREFIXES.contains(&lower.as_str())
}

/// Whether the whole domain is a suffix on the published list. A label that is not on it is not a suffix here, although
/// for browsers every last label of a domain is one.
fn is_listed_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == domain.as_bytes())
}

/// Whether a name is a first path segment that belongs to the server.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// Checks a user's name: `[a-z0-9_-]+`, at most 39 characters, not reserved for the server.
pub fn check_user_name(name: &str) -> Result<(), Rejection> {
    let well_formed = !name.is_empty()
        && name.len() <= 39
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-');
    if !well_formed {
        return Err(Rejection::UserNameInvalid { name: name.to_owned() });
    }
    if is_reserved(name) || looks_like_identity(name) {
        return Err(Rejection::NameReserved { name: name.to_owned() });
    }
    Ok(())
}

/// Whether a name could be taken for the identity of a user, by which erased ones are shown.
fn looks_like_identity(name: &str) -> bool {
    name.strip_prefix("u_").is_some_and(|rest| rest.len() == 16)
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
        for shared in [
            "com",
            "ORG",
            "uk",
            "uk.co",
            "co.uk",
            "io.github",
            "com.github",
            "au.com",
            "com.au",
            "app.web",
            "app.Web",
            "net.azurewebsites",
            "com.firebaseapp",
            "dev.fly",
            "com.onrender",
            "in.co",
            "com.herokuapp",
            "app.vercel",
            "org.clojars",
            "jp.co",
            "ck.anything",
            "tools",
            "zz",
        ] {
            assert!(is_public_suffix(shared), "{shared}");
        }
        for own in [
            "hiccup",
            "com.example",
            "io.github.amy",
            "uk.co.example",
            "org.example",
            "app.web.amy",
            "org.clojure",
            "ring",
            "compojure",
            "com.amazonaws",
            "org.apache.maven",
            "io.netty",
            "ck.www",
            "com.google.guava",
            "org.jetbrains.kotlin",
            "io.quarkus",
            "dev.zio",
        ] {
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
