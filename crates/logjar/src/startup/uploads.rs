//! What a start finds in `uploads/`: files whose event is on the log are placed, in the order of the log; open deploys
//! continue.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use logjar_domain::event::{Event, Recorded};
use logjar_domain::ids::DeployId;
use logjar_domain::open_deploy::record::DeployRecord;
use logjar_domain::state::State;
use logjar_eventlog::error::{Damage, Fault, LogError};
use logjar_eventlog::log::LogReader;
use logjar_maven::layout::file_of_version;
use logjar_maven::pom::Pom;

use super::OpenError;
use super::state_snapshot::Unplaced;
use crate::deploy::{Deploys, facts_of, record};
use crate::storage::DataFolder;
use crate::storage::publish::{Placing, moment_of};
use crate::storage::read::OnTheirWay;
use crate::storage::uploads::{self, Present};
use crate::stored_event::{Detail, decode};

/// How much of a POM is read; a larger one was never accepted.
const POM_MAX: u64 = 4 << 20;

/// Why a deploy can't be finished with a file that is there but was not recorded, as after a power cut, which may take
/// lines of the record that files outlive.
const NOT_RECORDED: &str = "it arrived just before the server stopped, and was not recorded; send it again";

/// Uploads that are looked for on the log while it is replayed.
pub struct Unfinished {
    folder: DataFolder,
    wanted: HashSet<DeployId>,
    on_log: BTreeMap<u64, Placing>,
    warnings: Vec<String>,
}

impl Unfinished {
    /// Discards what had only half arrived. Must be called with the lock held, because then nobody else creates or
    /// removes uploads.
    ///
    /// # Errors
    /// If `uploads/` can't be read.
    pub fn swept(folder: &DataFolder) -> std::io::Result<Self> {
        Ok(Self::of(folder, uploads::sweep(folder)?))
    }

    fn of(folder: &DataFolder, present: Present) -> Self {
        let told =
            |path: &PathBuf| format!("`{}` is not the folder of a deploy and is left alone", path.display());
        Self {
            folder: folder.clone(),
            warnings: present.others.iter().map(told).collect(),
            wanted: present.deploys.into_iter().collect(),
            on_log: BTreeMap::new(),
        }
    }

    /// For a server that can't become the writer now: lists what is there and discards nothing.
    ///
    /// # Errors
    /// If `uploads/` can't be read.
    pub fn looking(folder: &DataFolder) -> std::io::Result<Self> {
        Ok(Self::of(folder, uploads::list(folder)?))
    }

    /// Has versions with unplaced files served from their uploads.
    pub fn serve_from_uploads(&self, on_their_way: &OnTheirWay) {
        for placing in self.on_log.values() {
            on_their_way.begin(&placing.repository, &placing.gav, &placing.upload);
        }
    }

    /// Looks at an event while the log is replayed under the lock, and at the state after it.
    pub fn note(&mut self, recorded: &Recorded, state: &State) {
        if !recorded.event.upload().is_some_and(|upload| self.wanted.contains(upload)) {
            return;
        }
        let (upload, repository, gav, files, stamp) = match &recorded.event {
            Event::VersionDeployed(deployed) => {
                (&deployed.deploy, &deployed.repository, &deployed.gav, &deployed.files, deployed.stamp)
            }
            Event::FilesAdded(added) => {
                (&added.upload, &added.repository, &added.gav, &added.files, added.stamp)
            }
            _ => return,
        };
        let placing = Placing {
            seq: recorded.seq,
            upload: upload.clone(),
            repository: repository.clone(),
            gav: gav.clone(),
            files: files.clone(),
            digests: Vec::new(),
            is_new_release: stamp.is_none() && matches!(recorded.event, Event::VersionDeployed(_)),
            moment: moment_of(state, repository, gav, stamp),
            late: Vec::new(),
        };
        self.on_log.insert(recorded.seq, placing);
    }

    /// Looks at events that are not replayed, because they are in a state snapshot, and whose files had not been placed
    /// when it was made.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn look_back(
        &mut self,
        unplaced: &[Unplaced],
        state: &State,
        reader: &dyn LogReader,
    ) -> Result<(), OpenError> {
        for Unplaced { seq, upload } in unplaced {
            if !self.wanted.contains(upload) {
                continue;
            }
            let gone =
                || Damage { file: self.folder.events(), line: Some(*seq), offset: 0, fault: Fault::Missing };
            let Some(line) = reader.read(*seq)? else {
                if *seq > reader.durable() {
                    return Err(LogError::Corrupt(gone()).into());
                }
                // Its line was collapsed, because retention had removed the build: it stays for nobody.
                self.wanted.remove(upload);
                self.discard(upload);
                continue;
            };
            let recorded = decode(&line, Detail::State).map_err(|error| LogError::Replay {
                seq: *seq,
                kind: line.kind().to_owned(),
                source: error.into(),
            })?;
            self.note(&recorded, state);
        }
        Ok(())
    }

    /// The uploads that are on the log, with exactly the files that their events list, in the order of the log.
    pub fn take_placings(&mut self, state: &State, reader: &dyn LogReader) -> Vec<Placing> {
        let placings = std::mem::take(&mut self.on_log).into_values();
        // Uploads of builds that retention has removed since stay for nobody.
        let (gone, mut placings): (Vec<Placing>, Vec<Placing>) =
            placings.partition(|placing| placing.is_removed(state));
        for placing in gone {
            self.wanted.remove(&placing.upload);
            self.discard(&placing.upload);
        }
        for placing in &mut placings {
            self.wanted.remove(&placing.upload);
            if placing.is_new_release {
                match late_names(placing, state, reader) {
                    Some(late) => placing.late = late,
                    // Without knowing everything that belongs there, nothing is taken for a stray.
                    None => placing.is_new_release = false,
                }
            }
        }
        placings
    }

    /// Returns open deploys to the protocol, without reading the contents of their files: these were synced before the
    /// record named them. What can't be continued is discarded. Returns warnings for people.
    pub fn reopen(mut self, deploys: &Deploys) -> Vec<String> {
        let folder = self.folder.clone();
        let clocks = record::Clocks::read();
        let read = |upload| (recorded(&folder, &upload, &clocks), upload);
        let mut found: Vec<_> = std::mem::take(&mut self.wanted).into_iter().map(read).collect();
        // Where a deploy that was given up is still there, the one that took its place goes on.
        found.sort_by_key(|(record, _)| std::cmp::Reverse(record.as_ref().map(|record| record.last_put)));
        for (record, upload) in found {
            let taken = record.is_some_and(|record| {
                let is_whole = record.files.iter().all(|file| {
                    let found = uploads::open(&folder, &upload, &file.name).and_then(|file| file.metadata());
                    found.is_ok_and(|found| found.len() == file.size)
                });
                let pom = pom_of(&record, &folder);
                is_whole && deploys.reopen(record, pom)
            });
            if !taken {
                self.discard(&upload);
            }
        }
        self.warnings
    }

    fn discard(&mut self, upload: &DeployId) {
        if let Err(error) = uploads::discard(&self.folder, upload) {
            let path = uploads::folder_of(&self.folder, upload);
            self.warnings.push(format!("could not remove `{}`: {error}", path.display()));
        }
    }
}

/// What was recorded of an open deploy or a late file.
fn recorded(folder: &DataFolder, upload: &DeployId, clocks: &record::Clocks<'_>) -> Option<DeployRecord> {
    let decoded = uploads::record(folder, upload, |line| record::decode(line, clocks));
    let mut record = decoded.filter(|record| record.deploy == *upload)?;
    if record.late_for.is_none() {
        let is_unknown = |name: &String| {
            let is_of_build = file_of_version(&record.gav, name).is_ok_and(|file| file.build == record.build);
            is_of_build && !record.files.iter().any(|file| *file.name == **name)
        };
        let unknown: Vec<String> =
            uploads::names(folder, upload).unwrap_or_default().into_iter().filter(is_unknown).collect();
        record.refused.extend(unknown.into_iter().map(|name| (name.into(), NOT_RECORDED.to_owned())));
    }
    Some(record)
}

/// Names of the late files of a release; `None` if the log can't be read.
fn late_names(placing: &Placing, state: &State, reader: &dyn LogReader) -> Option<Vec<Arc<str>>> {
    let version = state.version(&placing.repository, &placing.gav)?;
    let mut names = Vec::new();
    for seq in version.late() {
        let line = reader.read(*seq).ok().flatten()?;
        if let Event::FilesAdded(added) = decode(&line, Detail::State).ok()?.event {
            names.extend(added.files.iter().map(|file| file.name.clone()));
        }
    }
    Some(names)
}

fn pom_of(record: &DeployRecord, folder: &DataFolder) -> Option<Arc<Pom>> {
    let is_pom = |name: &&str| file_of_version(&record.gav, name).is_ok_and(|file| file.is_pom());
    let name = record.files.iter().map(|file| &*file.name).find(is_pom)?;
    let mut bytes = Vec::new();
    uploads::open(folder, &record.deploy, name).ok()?.take(POM_MAX).read_to_end(&mut bytes).ok()?;
    facts_of(&bytes).ok()
}
