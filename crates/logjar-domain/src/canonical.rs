//! The canonical text of a state: equal registries have equal texts, however they came about.
//!
//! Positions, and what the log says about itself, are not part of it. Every field follows its name and has its own
//! format: servers of two versions, built by two compilers, have to write the same text.

use std::fmt::{self, Display, Formatter, Write};

use crate::access::{Abilities, Scope, TokenLimit};
use crate::event::Retention;
use crate::ids::Moment;
use crate::state::{
    Artifact, BuildState, Group, Member, MoreOfVersion, Repository, State, Token, User, VersionState,
};

/// Writes the canonical text, one line per item, sorted; versions in Maven's order, builds in the order of their
/// deploys.
///
/// # Errors
/// Only those of `out`.
pub fn write(state: &State, out: &mut impl Write) -> fmt::Result {
    for (id, user) in &state.users {
        write_user(out, id.as_str(), user)?;
    }
    for name in &state.erased_names {
        writeln!(out, "erased {}", Hex(name))?;
    }
    for (id, token) in &state.tokens {
        write_token(out, id.as_str(), token)?;
    }
    for (name, group) in &state.groups {
        write_group(out, name.as_str(), group)?;
    }
    for (name, repository) in &state.repositories {
        write_repository(out, name.as_str(), repository)?;
    }
    Ok(())
}

fn write_user(out: &mut impl Write, id: &str, user: &User) -> fmt::Result {
    let User { name, kind, admin, email, password_hash, disabled, erased, since } = user;
    write!(out, "user {id} name={} kind={} admin={admin}", Quoted(name), kind.as_str())?;
    write!(out, " email={} password_hash={}", quoted(email.as_deref()), quoted(password_hash.as_deref()))?;
    writeln!(out, " disabled={disabled} erased={erased} since={}", since.0)
}

fn write_token(out: &mut impl Write, id: &str, token: &Token) -> fmt::Result {
    let Token { user, name, hash, limit, can, expires, single_use, used_by, disabled, since, ended } = token;
    write!(out, "token {id} user={user} name={} hash={}", quoted(name.as_deref()), Hex(hash))?;
    match limit {
        Some(TokenLimit { group, scope }) => write!(out, " group={group} scope={}", ScopeName(scope))?,
        None => write!(out, " group=- scope=-")?,
    }
    let expires = OrNone(expires.map(|Moment(micros)| micros));
    write!(out, " can={} expires={expires} single_use={single_use}", Names(*can))?;
    write!(out, " used_by={} disabled={disabled} since={}", OrNone(used_by.as_ref()), since.0)?;
    writeln!(out, " ended={}", OrNone(ended.map(|Moment(micros)| micros)))
}

fn write_group(out: &mut impl Write, name: &str, group: &Group) -> fmt::Result {
    let Group { members } = group;
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by(|a, b| (&a.user, &a.scope).cmp(&(&b.user, &b.scope)));
    writeln!(out, "group {name}")?;
    for Member { user, scope, can, admin } in members {
        writeln!(out, " member {user} scope={} can={} admin={admin}", ScopeName(scope), Names(*can))?;
    }
    Ok(())
}

fn write_repository(out: &mut impl Write, name: &str, repository: &Repository) -> fmt::Result {
    let Repository { policy, read, retention, retention_since, artifacts, plugins: _ } = repository;
    write!(out, "repository {name} policy={} read={}", policy.as_str(), read.as_str())?;
    match retention {
        Some(Retention { keep_builds, keep_days }) => {
            write!(out, " keep_builds={keep_builds} keep_days={keep_days}")?;
        }
        None => write!(out, " keep_builds=- keep_days=-")?,
    }
    writeln!(out, " keep_since={}", retention_since.0)?;
    for ((group, artifact), details) in artifacts {
        let Artifact { versions, revision: _, changed: _, updated, dated: _, plugin_prefix } =
            details.as_ref();
        let plugin_prefix = quoted(plugin_prefix.as_deref());
        writeln!(out, " artifact {group}:{artifact} updated={} plugin_prefix={plugin_prefix}", updated.0)?;
        versions.iter().try_for_each(|version| write_version(out, version))?;
    }
    Ok(())
}

fn write_version(out: &mut impl Write, state: &VersionState) -> fmt::Result {
    let VersionState { version, seq: _, moment, fingerprint, more } = state;
    writeln!(out, "  version {version} moment={} fingerprint={:016x}", moment.0, fingerprint.0)?;
    // The newest files follow from the builds and their files.
    let Some(MoreOfVersion { builds, late: _, newest: _, expired, corrected: _ }) = more.as_deref() else {
        return Ok(());
    };
    expired.iter().try_for_each(|stamp| writeln!(out, "   expired {stamp}"))?;
    for BuildState { stamp, plain, seq: _, moment, late: _, fingerprint } in builds {
        write!(out, "   build {stamp} plain={plain} moment={}", moment.0)?;
        writeln!(out, " fingerprint={:016x}", fingerprint.0)?;
    }
    Ok(())
}

/// A text, or a bar if there is none.
fn quoted(text: Option<&str>) -> OrNone<Quoted<'_>> {
    OrNone(text.map(Quoted))
}

/// A text in quotes, on one line. `Debug` is not used because it depends on the standard library's Unicode tables.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(formatter, "\\{character}")?,
                '\0'..'\u{20}' | '\u{7f}' => {
                    write!(formatter, "\\u{:04x}", u32::from(character))?;
                }
                _ => formatter.write_char(character)?,
            }
        }
        formatter.write_char('"')
    }
}

/// A value, or a bar if there is none.
struct OrNone<T>(Option<T>);

impl<T: Display> Display for OrNone<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(formatter),
            None => formatter.write_char('-'),
        }
    }
}

/// What somebody may do, by the names on the log, separated by commas.
struct Names(Abilities);

impl Display for Names {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.names().collect();
        OrNone((!names.is_empty()).then(|| names.join(","))).fmt(formatter)
    }
}

/// The artifact, or `*` for the whole group.
struct ScopeName<'a>(&'a Scope);

impl Display for ScopeName<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Scope::Group => formatter.write_char('*'),
            Scope::Artifact(artifact) => formatter.write_str(artifact.as_str()),
        }
    }
}

/// Bytes in hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_in_one_line() {
        assert_eq!(quoted(None).to_string(), "-");
        for (text, expected) in [
            ("", r#""""#),
            ("-", r#""-""#),
            ("Ä \u{1F600}\u{301}", "\"Ä \u{1F600}\u{301}\""),
            ("a\"b\\c\n\0\u{7f}", r#""a\"b\\c\u000a\u0000\u007f""#),
        ] {
            assert_eq!(quoted(Some(text)).to_string(), expected);
        }
    }
}
