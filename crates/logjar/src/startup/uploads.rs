//! What is found in `uploads/` at start: deploys whose event is on the log are published, open ones go on.

use std::collections::{HashMap, HashSet};
use std::fs::File;

use logjar_domain::event::{Event, Recorded, StoredFile};
use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_eventlog::error::{Damage, Fault, LogError};
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::file_of_version;

use super::OpenError;
use super::state_snapshot::Unplaced;
use crate::deploy::{Deploys, facts_of, record};
use crate::storage::digest::digest;
use crate::storage::publish::{mend_sums, publish};
use crate::storage::read::OnTheirWay;
use crate::storage::{DataFolder, uploads};
use crate::stored_event::{Detail, decode};

/// Uploads that are looked for on the log while it is replayed.
pub struct Unfinished {
    folder: DataFolder,
    /// Listed when first asked for, because then the lock is held and nobody else makes or removes any.
    wanted: Option<HashSet<DeployId>>,
    on_log: HashMap<DeployId, Placed>,
}

struct Placed {
    repository: RepositoryName,
    gav: Gav,
    files: Vec<StoredFile>,
    is_new_release: bool,
}

impl Unfinished {
    /// Nothing is known yet.
    pub fn new(folder: &DataFolder) -> Self {
        Self { folder: folder.clone(), wanted: None, on_log: HashMap::new() }
    }

    /// For a server that can't become the writer now: looks at what is there and throws nothing away.
    ///
    /// # Errors
    /// If `uploads/` can't be read.
    pub fn looking(folder: &DataFolder) -> std::io::Result<Self> {
        let wanted = Some(uploads::list(folder)?.into_iter().collect());
        Ok(Self { folder: folder.clone(), wanted, on_log: HashMap::new() })
    }

    /// Has versions whose files have no place yet served from their uploads.
    pub fn serve_from_uploads(&self, on_their_way: &OnTheirWay) {
        for (upload, placed) in &self.on_log {
            on_their_way.begin(&placed.repository, &placed.gav, upload);
        }
    }

    /// Looks at an event while the log is replayed under the lock.
    ///
    /// # Errors
    /// If `uploads/` can't be read.
    pub fn note(&mut self, recorded: &Recorded) -> std::io::Result<()> {
        let wanted = self.wanted()?;
        if !recorded.event.upload().is_some_and(|upload| wanted.contains(upload)) {
            return Ok(());
        }
        let (upload, repository, gav, files, is_new_release) = match &recorded.event {
            Event::VersionDeployed(deployed) => {
                let is_new_release = deployed.stamp.is_none();
                (&deployed.deploy, &deployed.repository, &deployed.gav, &deployed.files, is_new_release)
            }
            Event::FilesAdded(added) => (&added.upload, &added.repository, &added.gav, &added.files, false),
            _ => return Ok(()),
        };
        let placed =
            Placed { repository: repository.clone(), gav: gav.clone(), files: files.clone(), is_new_release };
        self.on_log.insert(upload.clone(), placed);
        Ok(())
    }

    /// Looks at events that are not replayed, because a state snapshot has them, and whose files had no place yet
    /// when it was made.
    ///
    /// # Errors
    /// If `uploads/` or the log can't be read.
    pub fn look_back(&mut self, unplaced: &[Unplaced], reader: &dyn LogReader) -> Result<(), OpenError> {
        for Unplaced { seq, upload } in unplaced {
            if !self.wanted()?.contains(upload) {
                continue;
            }
            let gone =
                || Damage { file: self.folder.events(), line: Some(*seq), offset: 0, fault: Fault::Missing };
            let line = reader.read(*seq)?.ok_or_else(|| LogError::Corrupt(gone()))?;
            let recorded = decode(&line, Detail::State).map_err(|error| LogError::Replay {
                seq: *seq,
                kind: line.kind().to_owned(),
                source: error.into(),
            })?;
            self.note(&recorded)?;
        }
        Ok(())
    }

    fn wanted(&mut self) -> std::io::Result<&mut HashSet<DeployId>> {
        if self.wanted.is_none() {
            self.wanted = Some(uploads::sweep(&self.folder)?.into_iter().collect());
        }
        Ok(self.wanted.get_or_insert_default())
    }

    /// Publishes what is on the log, with the files that its event lists and no others.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn publish(&mut self) -> std::io::Result<()> {
        // With a state snapshot there may have been no event to look at.
        self.wanted()?;
        let folder = &self.folder;
        for (upload, placed) in self.on_log.drain() {
            let names: Vec<&str> = placed.files.iter().map(|file| &*file.name).collect();
            publish(folder, &upload, (&placed.repository, &placed.gav), &names, placed.is_new_release)?;
            let version = folder.version_folder(&placed.repository, &placed.gav);
            for name in names {
                // A file that is gone is for `log verify --files` to tell; the others are served all the same.
                if let Err(error) = mend_sums(&version.join(name)) {
                    tracing::error!("{}: {error}", version.join(name).display());
                }
            }
            if let Some(wanted) = &mut self.wanted {
                wanted.remove(&upload);
            }
        }
        Ok(())
    }

    /// Gives open deploys back to the protocol; what can't be read back is thrown away.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn reopen(self, deploys: &Deploys) -> std::io::Result<()> {
        let folder = &self.folder;
        for upload in self.wanted.into_iter().flatten() {
            let restored = record::decode(&uploads::record(folder, &upload), &record::Clocks::read())
                .filter(|record| record.deploy == upload);
            let taken = restored.is_some_and(|record| {
                let files = uploads::files_of(folder, &upload);
                // Nothing of an open deploy was synced: after a power cut a file may have its length and other bytes.
                let whole = record.files.iter().all(|file| {
                    File::open(files.join(&*file.name))
                        .and_then(digest)
                        .is_ok_and(|found| found == file.digests)
                });
                let is_pom = |name: &&str| file_of_version(&record.gav, name).is_ok_and(|file| file.is_pom());
                let pom_name = record.files.iter().map(|file| &*file.name).find(is_pom);
                let pom = pom_name
                    .and_then(|name| std::fs::read(files.join(name)).ok())
                    .and_then(|bytes| facts_of(&bytes).ok());
                whole && deploys.reopen(record, pom)
            });
            if !taken {
                uploads::discard(folder, &upload)?;
            }
        }
        Ok(())
    }
}
