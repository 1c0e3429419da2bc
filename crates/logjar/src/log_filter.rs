//! Which lines of the log are about something: implements `logjar log cat --about` and `/api/v1/log/lines?about=`.
//!
//! A line is judged by what its event names, not by its text. Nothing here decides who may see a line.

use std::collections::BTreeSet;
use std::str::FromStr;

use logjar_domain::access::Scope;
use logjar_domain::event::{By, Event, Recorded};
use logjar_domain::ids::{RepositoryName, TokenId, UserId};
use logjar_domain::state::State;
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};

/// The ways to name something, for people.
pub const FORMS: &str = "user:NAME, group:GROUP, artifact:GROUP:ARTIFACT, version:GROUP:ARTIFACT:VERSION, token:ID, \
                         repository:NAME";

/// Something that lines may be about, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A user, by name or identity.
    User(String),
    /// A group.
    Group(GroupId),
    /// An artifact, in any repository.
    Artifact(GroupId, ArtifactId),
    /// A version, in any repository.
    Version(Gav),
    /// A token, by its identity.
    Token(TokenId),
    /// A repository.
    Repository(RepositoryName),
}

/// Why no line can be about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It has none of the forms.
    #[error("unknown topic `{text}`; use one of: {FORMS}")]
    Form {
        /// What was given.
        text: String,
    },
    /// There is no such user, token or repository.
    #[error("there is no {what} `{name}`; use one of: {FORMS}")]
    Missing {
        /// `user`, `token` or `repository`.
        what: &'static str,
        /// Its name.
        name: String,
    },
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        parse(text).ok_or_else(|| TopicError::Form { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Topic> {
    let (what, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
    let parts: Vec<&str> = name.split(':').collect();
    Some(match (what, parts.as_slice()) {
        ("user", [name]) => Topic::User((*name).to_owned()),
        ("group", [group]) => Topic::Group(GroupId::parse(group).ok()?),
        ("artifact", [group, artifact]) => {
            Topic::Artifact(GroupId::parse(group).ok()?, ArtifactId::parse(artifact).ok()?)
        }
        ("version", [group, artifact, version]) => Topic::Version(Gav::parse(group, artifact, version).ok()?),
        ("token", [id]) => Topic::Token(TokenId::new(*id)),
        ("repository", [name]) => Topic::Repository(RepositoryName::new(*name)),
        _ => return None,
    })
}

/// Selects lines about any of some topics; all lines if there are none.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    subjects: Vec<Subject>,
}

/// A topic that was looked up.
#[derive(Clone, Debug)]
enum Subject {
    /// A user, and every token that is or was theirs: lines about a token do not name its owner.
    User(UserId, BTreeSet<TokenId>),
    Group(GroupId),
    Artifact(GroupId, ArtifactId),
    Version(Gav),
    Token(TokenId),
    Repository(RepositoryName),
}

impl LogFilter {
    /// A filter for lines that are already on the log: it does not know the tokens of later lines.
    ///
    /// # Errors
    /// If there is no such user, token or repository. Groups, artifacts and versions need not exist.
    pub fn new(topics: Vec<Topic>, state: &State) -> Result<Self, TopicError> {
        let subjects = topics.into_iter().map(|topic| look_up(topic, state)).collect::<Result<_, _>>()?;
        Ok(Self { subjects })
    }

    /// Whether it selects every line, so that none need be decoded.
    pub fn is_open(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Whether the line is about one of the topics.
    pub fn picks(&self, recorded: &Recorded) -> bool {
        if self.is_open() {
            return true;
        }
        let named = named_by(&recorded.event);
        self.subjects.iter().any(|subject| match subject {
            Subject::User(user, tokens) => {
                recorded.by == By::User(user.clone())
                    || named.user == Some(user)
                    || named.token.is_some_and(|token| tokens.contains(token))
            }
            Subject::Group(group) => named.groups.contains(&group),
            Subject::Artifact(group, artifact) => named.artifact == Some((group, artifact)),
            Subject::Version(gav) => named.gav == Some(gav),
            Subject::Token(token) => named.token == Some(token),
            Subject::Repository(repository) => named.repository == Some(repository),
        })
    }
}

fn look_up(topic: Topic, state: &State) -> Result<Subject, TopicError> {
    let missing = |what, name: &str| TopicError::Missing { what, name: name.to_owned() };
    Ok(match topic {
        Topic::User(name) => {
            let by_id = || state.users.get_key_value(&UserId::new(name.as_str()));
            let found = state.user_named(&name).or_else(by_id);
            let (user, _) = found.ok_or_else(|| missing("user", &name))?;
            let tokens = state.tokens.iter().filter(|(_, token)| token.user == *user);
            Subject::User(user.clone(), tokens.map(|(id, _)| id.clone()).collect())
        }
        Topic::Token(id) if !state.tokens.contains_key(&id) => return Err(missing("token", id.as_str())),
        Topic::Repository(name) if !state.repositories.contains_key(&name) => {
            return Err(missing("repository", name.as_str()));
        }
        Topic::Group(group) => Subject::Group(group),
        Topic::Artifact(group, artifact) => Subject::Artifact(group, artifact),
        Topic::Version(gav) => Subject::Version(gav),
        Topic::Token(id) => Subject::Token(id),
        Topic::Repository(name) => Subject::Repository(name),
    })
}

/// What an event names.
#[derive(Default)]
struct Named<'a> {
    user: Option<&'a UserId>,
    token: Option<&'a TokenId>,
    groups: Vec<&'a GroupId>,
    artifact: Option<(&'a GroupId, &'a ArtifactId)>,
    gav: Option<&'a Gav>,
    repository: Option<&'a RepositoryName>,
}

/// One arm for each kind, so that nobody adds a kind without deciding what it is about.
fn named_by(event: &Event) -> Named<'_> {
    match event {
        Event::LogOpened => Named::default(),
        Event::UserRegistered(registered) => Named {
            user: Some(&registered.user),
            groups: registered.groups.iter().collect(),
            ..Named::default()
        },
        Event::PasswordChanged { user, .. }
        | Event::UserDisabled { user }
        | Event::UserEnabled { user }
        | Event::UserErased { user, .. }
        | Event::AdminChanged { user, .. } => Named { user: Some(user), ..Named::default() },
        Event::TokenCreated(created) => Named {
            user: Some(&created.user),
            token: Some(&created.token),
            ..created.limit.as_ref().map(|limit| within(&limit.group, &limit.scope)).unwrap_or_default()
        },
        Event::TokenDisabled { token } => Named { token: Some(token), ..Named::default() },
        Event::GroupCreated { group, owner } => {
            Named { user: Some(owner), groups: vec![group], ..Named::default() }
        }
        Event::MemberGranted { group, user, scope, .. } | Event::MemberRevoked { group, user, scope } => {
            Named { user: Some(user), ..within(group, scope) }
        }
        Event::RepositoryCreated { repository, .. } | Event::RepositorySettingsChanged { repository, .. } => {
            Named { repository: Some(repository), ..Named::default() }
        }
        Event::VersionDeployed(deployed) => {
            let mut named = of_version(&deployed.gav, &deployed.repository, deployed.token.as_ref());
            named.groups.extend(&deployed.claims_group);
            named
        }
        Event::FilesAdded(added) => of_version(&added.gav, &added.repository, added.token.as_ref()),
        Event::FactsCorrected(corrected) => of_version(&corrected.gav, &corrected.repository, None),
        Event::SnapshotExpired(expired) => of_version(&expired.gav, &expired.repository, None),
    }
}

fn within<'a>(group: &'a GroupId, scope: &'a Scope) -> Named<'a> {
    let artifact = match scope {
        Scope::Group => None,
        Scope::Artifact(artifact) => Some((group, artifact)),
    };
    Named { groups: vec![group], artifact, ..Named::default() }
}

fn of_version<'a>(gav: &'a Gav, repository: &'a RepositoryName, token: Option<&'a TokenId>) -> Named<'a> {
    Named {
        user: None,
        token,
        groups: vec![&gav.group],
        artifact: Some((&gav.group, &gav.artifact)),
        gav: Some(gav),
        repository: Some(repository),
    }
}

#[cfg(test)]
mod tests;
