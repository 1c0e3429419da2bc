//! Why the deploy protocol refuses: one variant per reason. `Display` is the whole reason, one line of ASCII, because
//! some clients show nothing but the reason phrase of the answer.

use std::sync::Arc;

use logjar_maven::checksum::Algorithm;

use crate::rejection::{Class, Rejection};

/// How many characters of a foreign text a reason shows.
const SHOWN_MAX: usize = 80;
/// How many characters are kept of a parser's message, which may contain foreign text.
const REASON_MAX: usize = 400;

/// A refusal by the deploy protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeployRejection {
    /// Other bytes for a name within a run: two builds with one token, which cannot be told apart.
    #[error(
        "another deploy of `{version}` is under way or was cut off less than {pause_s} s ago; wait \
         until it has ended, then deploy again, and give each build its own token"
    )]
    UnderWay {
        /// Coordinates of the version or build.
        version: String,
        /// Seconds until an interrupted deploy counts as ended.
        pause_s: i64,
    },
    /// A sum that does not match its file (rule 22).
    #[error(
        "the {} sum sent for `{name}` is `{sent}`, but the file received has `{received}`; deploy it \
         again", .algorithm.extension()
    )]
    SumWrong {
        /// The file.
        name: Arc<str>,
        /// Which sum.
        algorithm: Algorithm,
        /// The sum that was sent, in hex.
        sent: String,
        /// The sum of the bytes that were received.
        received: String,
    },
    /// The body of a sum contains no sum (rule 22).
    #[error(
        "the body sent as `{name}.{}` is not such a sum; send only its hex digits", .algorithm.extension()
    )]
    SumUnreadable {
        /// The file.
        name: Arc<str>,
        /// Which sum.
        algorithm: Algorithm,
    },
    /// A sum came without its file.
    #[error(
        "`{version}` is incomplete: a sum of `{name}` was sent, but not the file itself; send the file, \
         or deploy again without its sum"
    )]
    SumWithoutFile {
        /// Coordinates of the version or build.
        version: String,
        /// The file.
        name: Arc<str>,
    },
    /// A file without any sum, if rule 21 is on.
    #[error("`{version}` is incomplete: no sum of `{name}` was sent; deploy with checksums switched on")]
    SumMissing {
        /// Coordinates of the version or build.
        version: String,
        /// The file.
        name: Arc<str>,
    },
    /// Some files are signed and this one is not (rule 23).
    #[error(
        "`{version}` is incomplete: some of its files are signed, but `{name}` is not; sign all files or none"
    )]
    SignatureMissing {
        /// Coordinates of the version or build.
        version: String,
        /// The signature that is missing.
        name: String,
    },

    /// The deploy should be finished but has no POM (rule 9).
    #[error("`{version}` is incomplete: its POM is missing; deploy it with its POM")]
    PomMissing {
        /// Coordinates of the version or build.
        version: String,
    },
    /// The POM cannot be parsed (rule 10).
    #[error("the POM `{name}` cannot be read: {}; fix it and deploy again", shown_to(.why, REASON_MAX))]
    PomInvalid {
        /// The file.
        name: Arc<str>,
        /// What is wrong with it.
        why: String,
    },
    /// The POM names something other than the path (rule 13).
    #[error(
        "the {part} in the POM, {}, does not match the {part} that it is deployed to, `{path}`; make them the same",
        in_pom(.pom)
    )]
    PomMismatch {
        /// Which coordinate.
        part: PomPart,
        /// What the POM says.
        pom: String,
        /// What the path says.
        path: String,
    },
    /// A coordinate in the POM needs a property that the POM does not define (rule 13).
    #[error(
        "the {part} in the POM `{name}` needs the property `{}`, which the POM itself does not \
         define; use the flatten-maven-plugin or write the value",
        shown(.property)
    )]
    PomUnresolved {
        /// Which coordinate.
        part: PomPart,
        /// The file.
        name: Arc<str>,
        /// The property's name.
        property: String,
    },
    /// `maven-metadata.xml` cannot be parsed (rule 10).
    #[error("the maven-metadata.xml cannot be read: {}; deploy again", shown(.why))]
    MetadataInvalid {
        /// What is wrong with it.
        why: String,
    },
    /// Ivy sends its descriptor last, and no POM came before it.
    #[error(
        "`{version}` has an Ivy descriptor, `{name}`, and no POM; publish a POM too (ivy:makepom), \
         before the descriptor"
    )]
    IvyWithoutPom {
        /// Coordinates of the version or build.
        version: String,
        /// The descriptor.
        name: Arc<str>,
    },

    /// A release or build that already exists (rule 19).
    #[error(
        "`{version}` was deployed on {day} by `{user}`{}; deployed files cannot change, so use a new version",
        if *.is_new { format!(" without `{name}`") } else { format!(", and `{name}` was different then") }
    )]
    Redeploy {
        /// Coordinates of the version or build.
        version: String,
        /// A file that is new or has different bytes.
        name: Arc<str>,
        /// Whether it is new.
        is_new: bool,
        /// The day it was deployed, `yyyy-mm-dd`.
        day: String,
        /// Who deployed it.
        user: String,
    },
    /// A late file, after the window.
    #[error(
        "`{version}` was deployed on {day}, and files can be added for only {minutes} minutes, so \
         `{name}` is too late; use a new version"
    )]
    LateWindowOver {
        /// Coordinates of the version or build.
        version: String,
        /// The file.
        name: Arc<str>,
        /// The day it was deployed, `yyyy-mm-dd`.
        day: String,
        /// Length of the window.
        minutes: i64,
    },
    /// A late file that is not an attachment.
    #[error(
        "`{version}` was deployed without `{name}`, and POM and main file cannot be added later; use a new version"
    )]
    LateMainFile {
        /// Coordinates of the version or build.
        version: String,
        /// The file.
        name: Arc<str>,
    },
    /// A late file of a version that was promoted.
    #[error("`{version}` was promoted, so `{name}` cannot be added any more; use a new version")]
    Promoted {
        /// Coordinates of the version or build.
        version: String,
        /// The file.
        name: Arc<str>,
    },

    /// A finish was requested, but there is nothing that it could mean.
    #[error(
        "nothing to finish: no build of `{}` by this token is ready; deploy its POM and files first", shown(.version)
    )]
    NothingToFinish {
        /// Coordinates of what was to be finished.
        version: String,
    },
    /// A finish was requested, and several builds are open.
    #[error(
        "several builds of `{version}` are open with this token; name the build to finish by its timestamp"
    )]
    SeveralOpen {
        /// Coordinates of the version.
        version: String,
    },
    /// The open deploys of the token hold too much.
    #[error(
        "with `{name}`, the open deploys of this token would hold more than {limit} bytes; finish \
         some, wait until they have ended, or raise deploy.open_bytes"
    )]
    TooMuchOpen {
        /// The file that did not fit.
        name: Arc<str>,
        /// The limit in bytes.
        limit: u64,
    },
    /// The token has too many open deploys.
    #[error(
        "this token has {limit} deploys open, the most it may have; finish some or wait until they have ended"
    )]
    TooManyOpen {
        /// How many it may have.
        limit: usize,
    },
    /// Refused by a rule from outside the protocol: rights, names, size.
    #[error("{0}")]
    Decided(Arc<Rejection>),
    /// Refused before a restart; only the reason is left.
    #[error("{}", reason)]
    Remembered {
        /// The whole reason.
        reason: String,
    },
}

/// A coordinate that both POM and path have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PomPart {
    /// `groupId`.
    Group,
    /// `artifactId`.
    Name,
    /// `version`.
    Version,
}

impl std::fmt::Display for PomPart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            PomPart::Group => "group",
            PomPart::Name => "artifact",
            PomPart::Version => "version",
        })
    }
}

impl DeployRejection {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::UnderWay { .. } => Class::Conflict,
            Self::SeveralOpen { .. } => Class::Invalid,
            Self::Decided(rejection) => rejection.class(),
            Self::SumWrong { .. }
            | Self::SumUnreadable { .. }
            | Self::SumWithoutFile { .. }
            | Self::SumMissing { .. }
            | Self::SignatureMissing { .. }
            | Self::PomMissing { .. }
            | Self::IvyWithoutPom { .. }
            | Self::PomInvalid { .. }
            | Self::PomMismatch { .. }
            | Self::PomUnresolved { .. }
            | Self::MetadataInvalid { .. }
            | Self::Redeploy { .. }
            | Self::LateWindowOver { .. }
            | Self::LateMainFile { .. }
            | Self::Promoted { .. }
            | Self::NothingToFinish { .. }
            | Self::TooMuchOpen { .. }
            | Self::TooManyOpen { .. }
            | Self::Remembered { .. } => Class::Forbidden,
        }
    }

    /// A short name for activity files and programs; for Clojars' rules the same as there.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::UnderWay { .. } => "deploy-under-way",
            Self::SumWrong { .. } | Self::SumUnreadable { .. } => "file-invalid-checksum",
            Self::SumWithoutFile { .. } => "file-missing",
            Self::SumMissing { .. } => "file-missing-checksum",
            Self::SignatureMissing { .. } => "file-missing-signature",
            Self::PomMissing { .. } | Self::IvyWithoutPom { .. } => "pom-file-missing",
            Self::PomInvalid { .. } => "pom-file-invalid",
            Self::PomMismatch { part, .. } | Self::PomUnresolved { part, .. } => match part {
                PomPart::Group => "pom-file-mismatch-group",
                PomPart::Name => "pom-file-mismatch-name",
                PomPart::Version => "pom-file-mismatch-version",
            },
            Self::MetadataInvalid { .. } => "maven-metadata-file-invalid",
            Self::Redeploy { .. }
            | Self::LateWindowOver { .. }
            | Self::LateMainFile { .. }
            | Self::Promoted { .. } => "redeploy-non-snapshot",
            Self::NothingToFinish { .. } => "nothing-to-finish",
            Self::SeveralOpen { .. } => "several-open",
            Self::TooMuchOpen { .. } | Self::TooManyOpen { .. } => "too-much-open",
            Self::Decided(rejection) => rejection.tag(),
            Self::Remembered { .. } => "refused-before-restart",
        }
    }

    /// A short title for people; for Clojars' rules the same as there.
    pub fn title(&self) -> &'static str {
        match self {
            Self::UnderWay { .. } => "Deploy under way",
            Self::SumWrong { .. } | Self::SumUnreadable { .. } => "Invalid checksum",
            Self::SumWithoutFile { .. } => "Missing file",
            Self::SumMissing { .. } => "File missing checksum",
            Self::SignatureMissing { .. } => "File missing signature",
            Self::PomMissing { .. } | Self::IvyWithoutPom { .. } => "Missing POM file",
            Self::PomInvalid { .. } | Self::PomMismatch { .. } | Self::PomUnresolved { .. } => {
                "Invalid POM file"
            }
            Self::MetadataInvalid { .. } => "Invalid maven-metadata.xml file",
            Self::Redeploy { .. }
            | Self::LateWindowOver { .. }
            | Self::LateMainFile { .. }
            | Self::Promoted { .. } => "Non-SNAPSHOT redeploy",
            Self::NothingToFinish { .. } => "Nothing to finish",
            Self::SeveralOpen { .. } => "Several builds open",
            Self::TooMuchOpen { .. } | Self::TooManyOpen { .. } => "Too much open",
            Self::Decided(rejection) => rejection.title(),
            Self::Remembered { .. } => "Refused file",
        }
    }
}

/// A coordinate as in the POM, which may lack it.
fn in_pom(text: &str) -> String {
    if text.is_empty() { "which is missing".to_owned() } else { format!("`{}`", shown(text)) }
}

/// A text from a client, made fit for a reason: printable ASCII, and limited in length.
fn shown(text: &str) -> String {
    shown_to(text, SHOWN_MAX)
}

fn shown_to(text: &str, max: usize) -> String {
    let mut shown = text.chars().take(max).flat_map(char::escape_default).collect::<String>();
    shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(max).is_some() {
        shown.push_str("...");
    }
    shown
}
