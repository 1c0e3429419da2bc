//! `Last-Modified` of generated metadata: it goes up by at least a second with each change, because some clients compare
//! whole seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use logjar_domain::ids::RepositoryName;
use logjar_maven::layout::MetadataFolder;

use crate::projections::metadata::Basis;

/// Dates that are remembered at least; older ones are forgotten when there are more.
const REMEMBERED: usize = 4_096;

/// The dates that were given out lately.
#[derive(Default)]
pub struct MetadataDates {
    given: Mutex<HashMap<(RepositoryName, String), Given>>,
}

#[derive(Clone, Copy)]
struct Given {
    revision: u64,
    seconds: u64,
}

impl MetadataDates {
    /// The date of a document with this basis: when it changed, or a second after the date of the revision before.
    pub fn date(&self, repository: &RepositoryName, folder: &MetadataFolder, basis: Basis) -> SystemTime {
        let changed = u64::try_from(basis.changed.0.div_euclid(1_000_000)).unwrap_or_default();
        let key = (repository.clone(), format!("{folder:?}"));
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = match given.get(&key) {
            Some(before) if before.revision == basis.revision => before.seconds,
            Some(before) => changed.max(before.seconds + 1),
            None => changed,
        };
        if given.len() >= REMEMBERED {
            let newest = given.values().map(|each| each.seconds).max().unwrap_or_default();
            given.retain(|_, each| each.seconds + 60 >= newest);
        }
        given.insert(key, Given { revision: basis.revision, seconds });
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logjar_domain::ids::Moment;

    #[test]
    fn every_change_shows() {
        let dates = MetadataDates::default();
        let repository = RepositoryName::new("repo");
        let folder = MetadataFolder::Folder { segments: vec!["org".to_owned(), "a".to_owned()] };
        let date = |revision, micros| {
            let date = dates.date(&repository, &folder, Basis { revision, changed: Moment(micros) });
            date.duration_since(SystemTime::UNIX_EPOCH).expect("after the epoch").as_secs()
        };
        assert_eq!(date(1, 5_100_000), 5);
        assert_eq!(date(1, 5_100_000), 5);
        assert_eq!(date(2, 5_200_000), 6);
        assert_eq!(date(3, 5_300_000), 7);
        assert_eq!(date(4, 60_000_000), 60);
    }
}
