//! `logjar snippet`.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::client::{Wants, segment, with_client};
use super::listing::text;
use super::{Failure, Global, output};
use crate::app::FIRST_REPOSITORY;
use crate::snippets::Tool;

#[derive(Args)]
pub(super) struct Options {
    /// The build tool
    #[arg(value_name = "TOOL", value_parser = PossibleValuesParser::new(Tool::ALL.map(Tool::name)))]
    tool: String,
    /// The repository
    #[arg(long, value_name = "NAME", default_value = FIRST_REPOSITORY)]
    repository: String,
    /// Print what the build needs to deploy, not to resolve
    #[arg(long)]
    deploy: bool,
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let Options { tool, repository, deploy } = options;
    let path = format!("/api/v1/snippets/{tool}?repository={}&deploy={deploy}", segment(repository));
    let answer = with_client(global, Wants::Reading, async |client| client.get(&path).await)?;
    match global.json {
        true => output::json(&answer),
        false => output::line(text(&answer, "snippet")),
    }
}
