//! The sums that clients sent for their files, whichever of the two came first.
//!
//! Verdicts are never stored, but always computed from the sum and the file: so a right sum replaces a wrong one.

use std::collections::BTreeMap;
use std::sync::Arc;

use logjar_maven::checksum::{Algorithm, Digests};

use super::rejection::DeployRejection;

/// Sums by file and algorithm; for each the one that came last.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums(BTreeMap<(Arc<str>, Algorithm), Sum>);

/// One sum: `None` if the body contained none, which matches no file.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) hex: Option<String>,
    /// The run in which it came.
    run: u32,
}

/// What the sums say about one file.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Whether at least one matches.
    pub(super) right: bool,
    /// One that does not match.
    pub(super) wrong: Option<DeployRejection>,
}

impl Sums {
    pub(super) fn insert(&mut self, name: &Arc<str>, algorithm: Algorithm, hex: Option<String>, run: u32) {
        self.0.insert((name.clone(), algorithm), Sum { hex, run });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Algorithm, Option<&str>)> {
        self.0.iter().map(|((name, algorithm), sum)| (name, *algorithm, sum.hex.as_deref()))
    }

    /// The files for which a sum came.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let mut last: Option<&Arc<str>> = None;
        self.0.keys().map(|(name, _)| name).filter(move |name| last.replace(name) != Some(name))
    }

    /// Compares a file with all sums that came for it.
    pub(super) fn judge(&self, name: &str, digests: &Digests) -> Verdict {
        let mut verdict = Verdict::default();
        for (_, algorithm, hex) in self.iter().filter(|(other, ..)| ***other == *name) {
            match compare(name, algorithm, hex, &digests.hex(algorithm)) {
                Ok(()) => verdict.right = true,
                Err(wrong) => verdict.wrong = Some(wrong),
            }
        }
        verdict
    }

    /// The first file for which a sum came, but not the file.
    pub(super) fn without_file(&self, has_file: impl Fn(&str) -> bool) -> Option<&Arc<str>> {
        self.iter().map(|(name, ..)| name).find(|name| !has_file(name))
    }

    /// Forgets the sums whose file has not come.
    pub(super) fn forget_without_file(&mut self, has_file: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _), _| has_file(name));
    }

    /// Forgets the sums of one file.
    pub(super) fn forget(&mut self, file: &str) {
        self.0.retain(|(name, _), _| **name != *file);
    }

    /// The sums of a single run.
    pub(super) fn of_run(&self, run: u32) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(_, sum)| sum.run == run)
                .map(|(key, sum)| (key.clone(), sum.clone()))
                .collect(),
        )
    }
}

/// Compares a sum that was sent with that of its file.
pub(super) fn compare(
    name: &str,
    algorithm: Algorithm,
    hex: Option<&str>,
    received: &str,
) -> Result<(), DeployRejection> {
    match hex {
        None => Err(DeployRejection::SumUnreadable { name: name.into(), algorithm }),
        Some(sent) if sent == received => Ok(()),
        Some(sent) => {
            let (sent, received) = (sent.to_owned(), received.to_owned());
            Err(DeployRejection::SumWrong { name: name.into(), algorithm, sent, received })
        }
    }
}
