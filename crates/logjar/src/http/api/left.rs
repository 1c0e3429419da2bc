//! Warnings about what nobody administers after a change. The change itself is not refused: the command line on the
//! server can always appoint somebody else.

use logjar_domain::access::Scope;
use logjar_domain::ids::UserId;
use logjar_domain::inheritance::has_admin;
use logjar_domain::permission::has_administrator;
use logjar_domain::state::State;
use logjar_maven::coordinates::GroupId;

use crate::http::contents::Registry;

/// How many groups are named in warnings of their own.
const NAMED: usize = 5;

/// What a user administers before a change.
pub(super) struct Administered {
    registry: bool,
    groups: Vec<GroupId>,
}

impl Administered {
    /// What the user of that name administers now.
    pub(super) fn by(state: &State, name: &str) -> Self {
        let Some((id, user)) = state.user_named(name).filter(|(_, user)| !user.disabled) else {
            return Self { registry: false, groups: Vec::new() };
        };
        let groups = state.groups_of(id).filter(|(_, group)| {
            let mut own = group.members.iter().filter(|member| member.user == *id);
            own.any(|member| member.admin && member.scope == Scope::Group)
        });
        let groups = groups.map(|(name, _)| name.clone()).collect();
        Self { registry: user.admin, groups }
    }

    /// Warnings about what nobody would administer without a user.
    pub(super) fn warnings_without(&self, registry: &Registry, user: &UserId) -> Vec<String> {
        self.warnings_in(registry, Some(user))
    }

    /// Warnings about what nobody administers any more, judged by the state after the change.
    pub(super) fn warnings(&self, registry: &Registry) -> Vec<String> {
        self.warnings_in(registry, None)
    }

    fn warnings_in(&self, registry: &Registry, without: Option<&UserId>) -> Vec<String> {
        let state = registry.read();
        let mut warnings = Vec::new();
        let (has_no, have_no) = match without {
            None => ("has no", "have no"),
            Some(_) => ("would have no", "would have no"),
        };
        if self.registry && !has_administrator(&state, without) {
            let mend = "make somebody one with: logjar user promote NAME";
            warnings.push(format!("the registry {has_no} administrator any more; {mend}"));
        }
        let left: Vec<&GroupId> =
            self.groups.iter().filter(|group| !has_admin(&state, &registry.rules, group, without)).collect();
        warnings.extend(left.iter().take(NAMED).map(|group| {
            format!(
                "the group `{group}` {has_no} admin any more; make somebody one with: logjar group grant {group} NAME --admin"
            )
        }));
        match left.len().saturating_sub(NAMED) {
            0 => {}
            1 => warnings.push(format!("one more group {has_no} admin any more")),
            more => warnings.push(format!("{more} more groups {have_no} admin any more")),
        }
        warnings
    }
}
