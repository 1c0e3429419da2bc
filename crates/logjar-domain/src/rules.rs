//! Settings that decisions and rights depend on. They are not part of the log: they may differ after a restart.

/// Configurable rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who may claim a group without members.
    pub group_creation: GroupCreation,
    /// Whether rights in a whole group apply in the groups below it.
    pub inherit: bool,
    /// Seconds during which a version accepts late files.
    pub late_window_s: i64,
    /// Seconds for which retention keeps a build that another one took the place of.
    pub retention_grace_s: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            group_creation: GroupCreation::default(),
            inherit: true,
            late_window_s: 3_600,
            retention_grace_s: 3_600,
        }
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
