//! The command line. Commands are HTTP requests to the running server over its admin socket; when none runs, the same
//! requests are answered in this process, which opens the data folder itself.

mod auth;
mod client;
mod config;
mod groups;
mod listing;
mod log;
mod output;
mod password;
mod progress;
mod rebuild;
mod recent;
mod repositories;
mod restore;
mod retention;
mod search;
mod serve;
mod snippet;
mod tokens;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use logjar_eventlog::error::{Class, LogError};

use crate::config::ConfigError;
use crate::exit;
use crate::quoting::quoted;
use crate::sequencer::WriterError;
use crate::startup::OpenError;
use crate::storage::DataFolder;

/// A Maven repository server whose only database is an append-only event log.
#[derive(Parser)]
#[command(version, propagate_version = true, after_help = "Start with: logjar serve")]
struct CommandLine {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// The data folder
    #[arg(long, global = true, env = "LOGJAR_DATA", default_value = "./data", value_name = "DIR")]
    data: PathBuf,
    /// The configuration file [default: logjar.toml in the data folder]
    #[arg(long, global = true, env = "LOGJAR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = "Example: logjar serve --listen 127.0.0.1:8930")]
    Serve(serve::Options),
    /// Manage users: people and services
    #[command(subcommand)]
    User(users::Command),
    /// Check passwords of users
    #[command(subcommand)]
    Auth(auth::Command),
    /// Manage deploy tokens
    #[command(subcommand)]
    Token(tokens::Command),
    /// Manage Maven groups and their members
    #[command(subcommand)]
    Group(groups::Command),
    /// Manage Maven repositories
    #[command(subcommand)]
    Repo(repositories::Command),
    /// Remove old builds of snapshot versions
    #[command(subcommand)]
    Retention(retention::Command),
    /// Search for artifacts
    #[command(
        after_help = "Examples:\n  logjar search json parser\n  logjar search 'group:org.example json*'\n  logjar search '[hiccup \"1.0.5\"]'"
    )]
    Search(search::Options),
    /// List recent deploys, the newest first
    #[command(after_help = "Example: logjar recent --limit 5")]
    Recent(recent::Options),
    /// Print what to paste into a build, so that it resolves from here or deploys to here
    #[command(
        after_help = "Examples:\n  logjar snippet maven\n  logjar snippet lein --deploy\n  logjar snippet deps --repository internal"
    )]
    Snippet(snippet::Options),
    /// Read and check the event log
    #[command(subcommand)]
    Log(log::Command),
    /// Rebuild what is derived from the log, or correct what the log says of POMs
    #[command(
        after_help = "Examples:\n  logjar rebuild\n  logjar rebuild search\n  logjar rebuild facts --dry-run"
    )]
    Rebuild(rebuild::Options),
    /// Make a data folder usable that was copied while a server was running
    #[command(after_help = "Example: logjar restore --from-copy /backup/logjar-data")]
    Restore(restore::Options),
    /// Write and show the configuration
    #[command(subcommand)]
    Config(config::Command),
}

/// Why a command failed, and what its exit code is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server or a rule said no.
    #[error("{0}")]
    Refused(String),
    /// The server can't parse the request; a command that only asks a question treats this as a usage error.
    #[error("{0}")]
    Invalid(String),
    /// Done, with something to report that has already been printed.
    #[error("")]
    Reported,
    /// The options contradict each other.
    #[error("{0}")]
    Usage(String),
    /// The data folder can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The server's writer failed.
    #[error("{0}; start the server again")]
    Writer(WriterError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Reading or writing.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The log is damaged, and the damaged part is needed for the answer.
    #[error("{0}")]
    Damaged(String),
    /// Something failed in the server.
    #[error("{0}")]
    Failed(String),
    /// The server is busy, full or stopping.
    #[error("{0}")]
    Busy(String),
    /// Nobody reads the output any more.
    #[error("")]
    ClosedPipe,
}

impl Failure {
    fn exit_code(&self) -> i32 {
        match self {
            Self::Refused(_) | Self::Invalid(_) | Self::Reported => exit::NO,
            Self::Usage(_) | Self::Config(_) => exit::USAGE,
            Self::Open(OpenError::Log(error)) => exit_code_of(error),
            Self::Open(OpenError::Folder(_)) => exit::NO,
            Self::Open(_) | Self::Io { .. } | Self::Writer(_) => exit::IO,
            Self::Damaged(_) => exit::CORRUPT,
            Self::Failed(_) => exit::IO,
            Self::Busy(_) => exit::LOCKED,
            Self::ClosedPipe => 0,
        }
    }
}

fn exit_code_of(error: &LogError) -> i32 {
    match error.class() {
        Class::Locked | Class::Short => exit::LOCKED,
        Class::Corrupt => exit::CORRUPT,
        Class::NoSpace | Class::Io | Class::Misuse => exit::IO,
        Class::Unusable => exit::NO,
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Open(error.into())
    }
}

impl From<WriterError> for Failure {
    fn from(error: WriterError) -> Self {
        match error {
            WriterError::Log(error) => error.into(),
            WriterError::Panicked => Self::Writer(error),
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let CommandLine { global, command } = CommandLine::parse();
    // A log of many years has many files.
    crate::descriptors::raise_limit();
    match run(&global, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = global.with_commands_to_type(&failure.to_string());
            if !text.is_empty() {
                output::error(&text);
            }
            ExitCode::from(u8::try_from(failure.exit_code()).unwrap_or(1))
        }
    }
}

fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(options) => serve::run(global, &options),
        Command::User(command) => users::run(global, command),
        Command::Auth(command) => auth::run(global, command),
        Command::Token(command) => tokens::run(global, command),
        Command::Group(command) => groups::run(global, command),
        Command::Repo(command) => repositories::run(global, command),
        Command::Retention(command) => retention::run(global, command),
        Command::Search(options) => search::run(global, &options),
        Command::Recent(options) => recent::run(global, &options),
        Command::Snippet(options) => snippet::run(global, &options),
        Command::Log(command) => log::run(global, command),
        Command::Rebuild(options) => rebuild::run(global, &options),
        Command::Restore(options) => restore::run(global, &options),
        Command::Config(command) => config::run(global, &command),
    }
}

impl Global {
    fn folder(&self) -> DataFolder {
        DataFolder::new(&self.data)
    }

    /// A command as it can be typed here: with this program as it was called, and the data folder if it was named.
    fn to_type(&self, command: &str) -> String {
        let program = match std::env::var_os("CARGO") {
            Some(_) => "cargo run --release --".to_owned(),
            None => std::env::args_os().next().map_or_else(|| "logjar".to_owned(), quoted),
        };
        let is_default = self.data == std::path::Path::new("./data");
        let data = if is_default { String::new() } else { format!("--data {} ", quoted(&self.data)) };
        format!("{program} {data}{command}")
    }

    /// A text with its commands as [`Self::to_type`] has them. What begins with `logjar` and the name of a command is
    /// one, after a colon, a backtick or `&&`.
    fn with_commands_to_type(&self, text: &str) -> String {
        let program = CommandLine::command();
        let begins_command = |rest: &str| {
            let name = rest.split([' ', '`', ';', '\n']).next().unwrap_or_default();
            program.get_subcommands().any(|command| command.get_name() == name)
        };
        let mut pieces = text.split("logjar ");
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let is_named = whole.ends_with(": ") || whole.ends_with('`') || whole.ends_with("&& ");
            whole += &if is_named && begins_command(piece) {
                self.to_type(piece)
            } else {
                format!("logjar {piece}")
            };
        }
        whole
    }

    fn config_file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| self.data.join("logjar.toml"))
    }

    /// The configuration from file and environment; warnings go to standard error.
    fn load_config(&self) -> Result<crate::config::Loaded, Failure> {
        let loaded = crate::config::load(&self.config_file(), self.config.is_some(), std::env::vars())?;
        for warning in &loaded.warnings {
            output::warning(warning);
        }
        Ok(loaded)
    }
}
