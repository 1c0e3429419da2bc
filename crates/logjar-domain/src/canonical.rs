//! The canonical text of a state: equal registries have equal texts, whatever the way they came about.
//!
//! Positions, and what the log says about itself, are not in it.

use std::fmt::{self, Write};

use crate::state::{Artifact, BuildState, Group, Repository, State, Token, User};

/// Writes the canonical text, a line a thing, sorted.
///
/// # Errors
/// Only those of `out`.
pub fn write(state: &State, out: &mut impl Write) -> fmt::Result {
    for (id, user) in &state.users {
        write_user(out, id.as_str(), user)?;
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
    let User { name, kind, admin, email, password_hash, disabled, since } = user;
    writeln!(out, "user {id} {name:?} {kind:?} {admin} {email:?} {password_hash:?} {disabled} {}", since.0)
}

fn write_token(out: &mut impl Write, id: &str, token: &Token) -> fmt::Result {
    let Token { user, name, hash, limit, can, expires, single_use, used_by, disabled, since } = token;
    let used_by = used_by.as_ref().map(|deploy| deploy.as_str());
    writeln!(
        out,
        "token {id} {user} {name:?} {hash:?} {limit:?} {can:?} {expires:?} {single_use} {used_by:?} {disabled} {}",
        since.0
    )
}

fn write_group(out: &mut impl Write, name: &str, group: &Group) -> fmt::Result {
    let mut members: Vec<_> = group.members.iter().collect();
    members.sort_by(|a, b| (&a.user, &a.scope).cmp(&(&b.user, &b.scope)));
    writeln!(out, "group {name}")?;
    for member in members {
        writeln!(out, " member {} {:?} {:?} {}", member.user, member.scope, member.can, member.admin)?;
    }
    Ok(())
}

fn write_repository(out: &mut impl Write, name: &str, repository: &Repository) -> fmt::Result {
    writeln!(out, "repository {name} {} {}", repository.policy.as_str(), repository.read.as_str())?;
    for ((group, artifact), details) in &repository.artifacts {
        writeln!(out, " artifact {group}:{artifact} {} {:?}", details.updated.0, details.plugin_prefix)?;
        write_versions(out, details)?;
    }
    Ok(())
}

fn write_versions(out: &mut impl Write, artifact: &Artifact) -> fmt::Result {
    for version in &artifact.versions {
        writeln!(out, "  version {} {} {:016x}", version.version, version.moment.0, version.fingerprint.0)?;
        for BuildState { stamp, plain, moment, fingerprint, .. } in version.builds() {
            writeln!(out, "   build {stamp} {plain} {} {:016x}", moment.0, fingerprint.0)?;
        }
    }
    Ok(())
}
