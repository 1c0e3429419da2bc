//! Settings that decisions and rights depend on. What they say is no part of the log: they may differ after a restart.

/// Rules with a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who may claim a group that nobody has.
    pub group_creation: GroupCreation,
    /// Whether rights in all of a group hold in the groups below it.
    pub inherit: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { group_creation: GroupCreation::default(), inherit: true }
    }
}

/// Who may claim a group that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GroupCreation {
    /// An administrator, by deploying to it or by hand.
    #[default]
    Admin,
    /// The first deployer.
    Open,
}
