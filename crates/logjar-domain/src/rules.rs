//! Settings that decisions and rights depend on. They are not part of the log: they may differ after a restart.

/// Configurable rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who may claim a group without members.
    pub group_creation: GroupCreation,
    /// Whether rights in a whole group apply in the groups below it.
    pub inherit: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { group_creation: GroupCreation::default(), inherit: true }
    }
}

/// Who may claim a group without members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GroupCreation {
    /// An administrator, by deploying to it or by hand.
    #[default]
    Admin,
    /// The first deployer.
    Open,
}
