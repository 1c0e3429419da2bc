//! What the OpenAPI document says about each route: one entry per route and method.

use super::{Answers, Operation, Parameter};

/// For routes that only read and are not for everybody.
const PRIVATE: &[u16] = &[403];
/// The same if something is named.
const NAMED: &[u16] = &[403, 404];
/// For routes that change something.
const CHANGING: &[u16] = &[403, 404, 409, 503, 507];

/// Parameters of paged lists.
const PAGE: &[&str] = &["page", "per_page"];

/// Every parameter of every route.
pub(super) const PARAMETERS: &[Parameter] = &[
    parameter("name", "Name of a user or of a repository", "Name", "ben"),
    parameter("id", "Identity of a token, `t_…`", "Name", "t_mp2tmy65i8b2hkju"),
    parameter("group", "Group", "Name", "org.example"),
    parameter("artifact", "Artifact of the group", "Name", "greeting"),
    parameter("version", "Version, with `-SNAPSHOT` for a snapshot", "Name", "1.0.0"),
    parameter("repository", "Name of a repository", "Name", "repo"),
    parameter("stamp", "Which build of a snapshot version", "Name", "20261124.080000-1"),
    parameter("tool", "Build tool", "Tool", "maven"),
    parameter("deploy", "The snippet for deploying, not for resolving", "Flag", "true"),
    parameter("from", "Position of the first line", "Position", "1"),
    parameter("since", "Only lines from this time on", "Moment", "2026-11-25T02:45:40.000000Z"),
    parameter("until", "Position of the last line", "Position", "3"),
    parameter("about", "Only lines about this topic; repeat it for any of several", "Name", "user:amy"),
    parameter("q", "Words, `field:word`, or coordinates", "Query", "greeting"),
    parameter("page", "Which page of the list", "Page", "1"),
    parameter("per_page", "Rows per page", "Rows", "20"),
    parameter("limit", "Most rows to answer with", "Rows", "20"),
    parameter("after", "Only what comes after this name", "Name", "org.example"),
    parameter(
        "before",
        "Where to continue the list: the `next` of an earlier answer",
        "Cursor",
        "97x3fmnb6ktm0.9",
    ),
    parameter(
        "private",
        "Whole lines instead of public forms, only on the server's own machine",
        "Flag",
        "false",
    ),
];

/// Every route of `/health` and `/api/v1`.
pub(super) const OPERATIONS: &[Operation] = &[
    get("/health/live", "Whether the process is running", Answers::Text("text/plain")),
    get("/health/ready", "Whether reads are right, and up to which position", Answers::One("Ready")),
    post("/api/v1/auth/check", "Whether a user may sign in with a password", Answers::One("SignInCheck"))
        .taking("SignIn")
        .refusing(&[429, 503]),
    get("/api/v1/whoami", "Whose token it is, and what it can", Answers::One("WhoAmI")),
    get("/api/v1/openapi.json", "This document", Answers::One("OpenApi")),
    get("/api/v1/users", "All users, for administrators", Answers::List("User")).refusing(PRIVATE),
    post("/api/v1/users", "Register a user, for administrators", Answers::One("User"))
        .taking("NewUser")
        .refusing(CHANGING),
    get("/api/v1/users/{name}", "A user, for administrators and the user", Answers::One("UserInFull"))
        .refusing(NAMED),
    post("/api/v1/users/{name}/disable", "Disable a user", Answers::One("UserDisabled")).refusing(CHANGING),
    post("/api/v1/users/{name}/enable", "Enable a disabled user", Answers::One("UserEnabled"))
        .refusing(CHANGING),
    post(
        "/api/v1/users/{name}/erase",
        "Erase what is private about a user, for ever",
        Answers::Text("application/x-ndjson"),
    )
    .taking("EraseOrder")
    .refusing(CHANGING),
    post("/api/v1/users/{name}/promote", "Make a user an administrator", Answers::One("UserAdmin"))
        .refusing(CHANGING),
    post("/api/v1/users/{name}/demote", "Take away a user's administrator rights", Answers::One("UserAdmin"))
        .refusing(CHANGING),
    post("/api/v1/users/{name}/password", "Change a user's password", Answers::One("UserName"))
        .taking("NewPassword")
        .refusing(CHANGING),
    get(
        "/api/v1/tokens",
        "All tokens for administrators, otherwise the caller's own",
        Answers::List("Token"),
    )
    .refusing(PRIVATE),
    post("/api/v1/tokens", "Make a token; only this answer shows it", Answers::One("CreatedToken"))
        .taking("NewToken")
        .refusing(CHANGING),
    post("/api/v1/tokens/{id}/disable", "Disable a token", Answers::One("TokenDisabled")).refusing(CHANGING),
    post("/api/v1/tokens/disable", "Disable a token by its secret", Answers::One("TokenDisabled"))
        .taking("TokenSecret")
        .refusing(CHANGING),
    get(
        "/api/v1/groups",
        "All groups for administrators, otherwise those in which the caller has rights",
        Answers::One("GroupList"),
    )
    .asking(&["limit", "after"])
    .refusing(PRIVATE),
    post("/api/v1/groups", "Create a group, for administrators", Answers::One("Group"))
        .taking("Group")
        .refusing(CHANGING),
    get("/api/v1/groups/{group}", "Members and artifacts of a group", Answers::One("GroupInFull"))
        .asking(PAGE)
        .refusing(&[404]),
    get("/api/v1/groups/{group}/members", "The members of a group", Answers::List("Member")).refusing(NAMED),
    post("/api/v1/groups/{group}/grant", "Grant rights, for admins of the group", Answers::One("Membership"))
        .taking("Rights")
        .refusing(CHANGING),
    post(
        "/api/v1/groups/{group}/revoke",
        "Revoke rights, for admins of the group",
        Answers::One("Membership"),
    )
    .taking("Rights")
    .refusing(CHANGING),
    get("/api/v1/repositories", "The repositories that the caller may read", Answers::List("Repository")),
    post(
        "/api/v1/repositories",
        "Create a repository, for administrators",
        Answers::One("RepositorySettings"),
    )
    .taking("NewRepository")
    .refusing(CHANGING),
    patch("/api/v1/repositories/{name}", "Change a repository", Answers::One("RepositorySettings"))
        .taking("RepositoryChanges")
        .refusing(CHANGING),
    post(
        "/api/v1/deploys/{repository}/{group}/{artifact}/{version}/finish",
        "Finish the caller's open deploy of a version",
        Answers::One("Finished"),
    )
    .asking(&["stamp"])
    .refusing(CHANGING),
    post(
        "/api/v1/rebuild",
        "Rebuild what is derived from the log, for administrators",
        Answers::Text("application/x-ndjson"),
    )
    .taking("RebuildOrder")
    .refusing(&[403, 503]),
    get(
        "/api/v1/snippets/{tool}",
        "What to paste into a build, so that it resolves from a repository or deploys to it",
        Answers::One("Snippet"),
    )
    .asking(&["repository", "deploy"])
    .refusing(&[404]),
    get(
        "/api/v1/artifacts/{group}/{artifact}",
        "An artifact and its versions",
        Answers::One("ArtifactInFull"),
    )
    .asking(PAGE)
    .refusing(&[404]),
    get(
        "/api/v1/artifacts/{group}/{artifact}/dependents",
        "Artifacts that depend on an artifact, which may be elsewhere",
        Answers::One("Dependents"),
    )
    .asking(PAGE)
    .refusing(&[503]),
    get("/api/v1/recent", "Recent deploys, the newest first", Answers::One("Deploys"))
        .asking(&["limit", "before"]),
    get("/api/v1/search", "Artifacts that match a query, the best first", Answers::One("SearchResults"))
        .asking(&["q", "page", "per_page"])
        .refusing(&[503]),
    get("/api/v1/refusals", "The latest refused deploys", Answers::List("Refusal")),
    get("/api/v1/log/stat", "Figures about the log, for administrators", Answers::One("LogFigures"))
        .refusing(PRIVATE),
    get(
        "/api/v1/log/digest",
        "What tells two registries apart, for administrators",
        Answers::One("LogDigest"),
    )
    .refusing(PRIVATE),
    get("/api/v1/log/lines", "Stored lines, for administrators", Answers::Text("application/x-ndjson"))
        .asking(&["from", "since", "until", "private", "about"])
        .refusing(PRIVATE),
    post(
        "/api/v1/retention/run",
        "Remove the builds of snapshot versions that repositories do not keep, for administrators",
        Answers::One("Retained"),
    )
    .taking("RetentionOrder")
    .refusing(CHANGING),
    post(
        "/api/v1/log/roll",
        "Seal the active segment of the log and begin a new one",
        Answers::One("Rolled"),
    )
    .refusing(&[403, 503, 507]),
    post(
        "/api/v1/log/compress",
        "Compress all sealed segments of the log",
        Answers::Text("application/x-ndjson"),
    )
    .refusing(PRIVATE),
    post(
        "/api/v1/log/collapse",
        "Move lines of the log that only repeat what others say to an archive",
        Answers::Text("application/x-ndjson"),
    )
    .taking("CollapseOrder")
    .refusing(CHANGING),
    post(
        "/api/v1/log/forget-archive",
        "Forget an archive that is lost: what collapsed into it can't be read any more",
        Answers::One("Forgotten"),
    )
    .taking("LostArchive")
    .refusing(CHANGING),
];

const fn parameter(
    name: &'static str,
    description: &'static str,
    schema: &'static str,
    example: &'static str,
) -> Parameter {
    Parameter { name, description, schema, example }
}

const fn get(path: &'static str, summary: &'static str, answers: Answers) -> Operation {
    Operation { method: "get", path, summary, query: &[], takes: None, answers, refusals: &[] }
}

const fn post(path: &'static str, summary: &'static str, answers: Answers) -> Operation {
    Operation { method: "post", ..get(path, summary, answers) }
}

const fn patch(path: &'static str, summary: &'static str, answers: Answers) -> Operation {
    Operation { method: "patch", ..get(path, summary, answers) }
}

impl Operation {
    /// With query parameters.
    const fn asking(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// With a body.
    const fn taking(self, schema: &'static str) -> Self {
        Self { takes: Some(schema), ..self }
    }

    /// With refusals of its own.
    const fn refusing(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }
}
