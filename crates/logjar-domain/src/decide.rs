//! The entry to all rules: a command and the state give a decision. Pure and total: no clock, no file, no random
//! number.

use crate::access::Actor;
use crate::command::Command;
use crate::event::Event;
use crate::ids::Moment;
use crate::permission::check_credential;
use crate::rejection::Rejection;
use crate::rules::Rules;
use crate::state::State;
use crate::{deploy, group, repository, retention, token, user};

/// What a decision may look at besides the state and the command.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The current time, which the rules use. An event may be dated a little later: dates never go backward.
    pub now: Moment,
    /// Who asks.
    pub actor: &'a Actor,
    /// Random text for the one identity that an event may create.
    pub fresh: &'a str,
    /// Configurable rules.
    pub rules: &'a Rules,
}

/// The result of a command that is not refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// This happened.
    Append(Event),
    /// The state already is what was asked for.
    Nothing,
}

/// Decides a command. It first checks who acts: a credential that was good when the request began may have become void
/// since.
///
/// # Errors
/// The reason for the refusal; the state is unchanged.
pub fn decide(state: &State, command: &Command, context: &Context<'_>) -> Result<Decision, Rejection> {
    check_credential(state, context.now, context.actor, command.deploy())?;
    match command {
        Command::OpenLog => Ok(Decision::Append(Event::LogOpened)),
        Command::RegisterUser { name, kind, admin, email, password_hash, name_digest } => {
            let (kind, admin, name_digest) = (*kind, *admin, name_digest.as_ref());
            let wish = user::Registration { name, kind, admin, email, password_hash, name_digest };
            user::register(state, context, wish)
        }
        Command::ChangePassword { name, password_hash } => {
            user::change_password(state, context, name, password_hash)
        }
        Command::EraseUser { name, name_digest } => user::erase(state, context, name, *name_digest),
        Command::DisableUser { name } => user::disable(state, context, name),
        Command::EnableUser { name } => user::enable(state, context, name),
        Command::ChangeAdmin { name, admin } => user::change_admin(state, context, name, *admin),
        Command::CreateToken { user, name, hash, limit, can, expires, single_use } => {
            let wish = token::Wish {
                user,
                name: name.as_deref(),
                hash: *hash,
                limit: limit.as_ref(),
                can: *can,
                expires: *expires,
                single_use: *single_use,
            };
            token::create(state, context, wish)
        }
        Command::DisableToken { token } => token::disable(state, context, token),
        Command::CreateGroup { group, owner, over } => group::create(state, context, group, owner, *over),
        Command::GrantMember { group, user, scope, can, admin, over } => {
            let wish = group::Grant { group, user, scope, can: *can, admin: *admin, over: *over };
            group::grant(state, context, wish)
        }
        Command::RevokeMember { group, user, scope } => group::revoke(state, context, group, user, scope),
        Command::CreateRepository { name, policy, read } => {
            repository::create(state, context, name, *policy, *read)
        }
        Command::ChangeRepository { name, policy, read, keep } => {
            repository::change(state, context, name, *policy, *read, *keep)
        }
        Command::Deploy(deploy) => deploy::deploy(state, context, deploy),
        Command::AddFiles(added) => deploy::add_files(state, context, added),
        Command::CorrectFacts(corrected) => deploy::correct_facts(state, context, corrected),
        Command::ExpireBuilds(wish) => retention::expire(state, context, wish),
    }
}
