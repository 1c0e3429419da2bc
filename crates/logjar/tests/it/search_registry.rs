//! A registry to search in: its log is written in one go, with the days and POMs that a test gives, and then opened by
//! the real program's parts in this process. Deploys over HTTP would bring the same events, a thousand times slower.

use std::fs;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use logjar::app::{App, FIRST_REPOSITORY};
use logjar::clock::now;
use logjar::config::Config;
use logjar::downloads::Downloads;
use logjar::search::{SearchError, follow};
use logjar::sequencer::{Outcome, SubmitError};
use logjar::startup::{self, Writing};
use logjar::storage::DataFolder;
use logjar::stored_event::encode;
use logjar_domain::access::{Abilities, Actor};
use logjar_domain::command::{Command, Deploy};
use logjar_domain::event::{By, Event, Policy, ReadAccess, Recorded, UserKind, VersionDeployed};
use logjar_domain::ids::{DeployId, Moment, RepositoryName};
use logjar_domain::rules::Rules;
use logjar_domain::sight::{Extent, Sight};
use logjar_eventlog::log::EventLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use logjar_maven::coordinates::Gav;
use logjar_maven::pom::{self, Pom};
use logjar_search::search::{Found, Page};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::server::{files_below, without_forks};

/// A repository that only those may read who were granted it; nobody is.
pub(crate) const HIDDEN_REPOSITORY: &str = "inner";
/// How long an index may take to catch up before the test fails.
const CATCH_UP_TIME: Duration = Duration::from_secs(60);
/// Lines that one sync carries.
const BATCH: usize = 512;
/// 2019-12-31, before the first deploy.
const OPENED_AT: Moment = Moment(1_577_750_400_000_000);

/// A version to publish.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) hidden: bool,
    pub(crate) at: Moment,
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: String,
    pub(crate) licence: String,
    pub(crate) description: String,
    pub(crate) url: String,
    pub(crate) author: String,
    /// Each `group:artifact`.
    pub(crate) dependencies: Vec<String>,
    /// Of all versions together, counted when the registry opens.
    pub(crate) downloads: u64,
}

/// A registry whose index is up to date.
pub(crate) struct Registry {
    temporary: TempDir,
    runtime: Runtime,
    /// The downloads, counted anew after each opening: they are no part of what is rebuilt.
    counted: Vec<(Gav, u64)>,
    writing: Option<Writing>,
    /// Keeps the index up to date.
    following: Option<JoinHandle<()>>,
}

impl Entry {
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.group, self.artifact)
    }

    fn gav(&self) -> Gav {
        Gav::parse(&self.group, &self.artifact, &self.version)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    fn repository(&self) -> RepositoryName {
        RepositoryName::new(if self.hidden { HIDDEN_REPOSITORY } else { FIRST_REPOSITORY })
    }

    /// What the POM says, read from the text of one, so that what is searched is what the reader makes of it.
    fn pom(&self) -> Arc<Pom> {
        let element = |name: &str, text: &str| match text {
            "" => String::new(),
            text => format!("<{name}>{}</{name}>", escape(text)),
        };
        let coordinates =
            [("groupId", &self.group), ("artifactId", &self.artifact), ("version", &self.version)]
                .map(|(name, text)| element(name, text))
                .concat();
        let dependencies: String = self
            .dependencies
            .iter()
            .map(|name| {
                let (group, artifact) = name.split_once(':').unwrap_or_else(|| panic!("{name} is no g:a"));
                let names = element("groupId", group) + &element("artifactId", artifact);
                format!("<dependency>{names}<version>1</version></dependency>")
            })
            .collect();
        let text = format!(
            "<project>{coordinates}{}{}<licenses><license>{}</license></licenses><developers><developer>{}</developer>\
             </developers><dependencies>{dependencies}</dependencies></project>",
            element("description", &self.description),
            element("url", &self.url),
            element("name", &self.licence),
            element("name", &self.author),
        );
        Arc::new(pom::read(text.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.name())))
    }

    fn event(&self, number: usize) -> Event {
        Event::VersionDeployed(Arc::new(VersionDeployed {
            deploy: DeployId::new(format!("d_{number}")),
            repository: self.repository(),
            gav: self.gav(),
            stamp: None,
            plain: false,
            pom: Some(self.pom()),
            plugin_prefix: None,
            files: Vec::new(),
            token: None,
            uses_up_token: false,
            claims_group: None,
        }))
    }

    fn command(&self, number: usize) -> Command {
        Command::Deploy(Arc::new(Deploy {
            deploy: DeployId::new(format!("d_live_{number}")),
            repository: self.repository(),
            gav: self.gav(),
            stamp: None,
            plain: false,
            pom: Some(self.pom()),
            plugin_prefix: None,
            files: Vec::new(),
        }))
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Registry {
    /// A registry with these versions, which are in the order of their days.
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let temporary = TempDir::new().unwrap();
        let folder = DataFolder::new(temporary.path().join("data"));
        folder.create().unwrap();
        write_log(&folder, entries);
        let counted = entries
            .iter()
            .filter(|entry| entry.downloads > 0)
            .map(|entry| (entry.gav(), entry.downloads))
            .collect();
        let mut registry =
            Self { temporary, runtime: Runtime::new().unwrap(), counted, writing: None, following: None };
        registry.open();
        registry
    }

    fn folder(&self) -> DataFolder {
        DataFolder::new(self.temporary.path().join("data"))
    }

    fn open(&mut self) {
        // A program that another test starts would have our descriptors, and so the lock, for a moment.
        let alone = without_forks();
        let opened = startup::open_writer(self.folder(), Config::default(), false);
        let writing = self.runtime.block_on(opened).unwrap();
        drop(alone);
        let downloads = &writing.app.downloads;
        for (gav, count) in &self.counted {
            let counter = Downloads::counter(&RepositoryName::new(FIRST_REPOSITORY), gav);
            (0..*count).for_each(|_| downloads.count_with(&counter));
        }
        downloads.gather();
        self.following = Some(self.runtime.spawn(follow::run(writing.app.search.clone())));
        self.writing = Some(writing);
        self.catch_up();
    }

    fn close(&mut self) {
        if let Some(following) = self.following.take() {
            following.abort();
            // It ends by that, so this is no success; what counts is that nobody holds the index any more.
            let _ = self.runtime.block_on(following);
        }
        let Writing { app, running, .. } = self.writing.take().expect("the registry is open");
        drop(app);
        running.stop().unwrap();
    }

    fn app(&self) -> &Arc<App> {
        &self.writing.as_ref().expect("the registry is open").app
    }

    /// Waits until everything on the log can be found.
    fn catch_up(&self) {
        let wanted = self.app().projections.read().position();
        let began = Instant::now();
        while self.app().search.position() < wanted {
            let position = self.app().search.position();
            assert!(
                began.elapsed() < CATCH_UP_TIME,
                "the index stays at {position}, the log ends at {wanted}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Deploys while the server runs; returns when all can be found.
    pub(crate) fn deploy(&self, entries: &[Entry]) {
        let actor = self.administrator();
        let deploys: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(number, entry)| {
                let (sequencer, actor, command) =
                    (self.app().sequencer.clone(), actor.clone(), entry.command(number));
                self.runtime.spawn(async move { sequencer.submit(command, actor).await })
            })
            .collect();
        for (deploy, entry) in deploys.into_iter().zip(entries) {
            let outcome = self.runtime.block_on(deploy).unwrap();
            outcome.unwrap_or_else(|error| panic!("{}: {error}", entry.name()));
        }
        self.catch_up();
    }

    /// Registers an administrator with a token.
    fn administrator(&self) -> Actor {
        let submit = |command| -> Result<Event, SubmitError> {
            let outcome = self.runtime.block_on(self.app().sequencer.submit(command, Actor::Local))?;
            let Outcome::Appended(recorded) = outcome else { panic!("nothing happened") };
            Ok(recorded.event.clone())
        };
        let register = Command::RegisterUser {
            name: "amy".to_owned(),
            kind: UserKind::Service,
            admin: true,
            email: None,
            password_hash: None,
            name_digest: None,
        };
        let create = Command::CreateToken {
            user: "amy".to_owned(),
            name: None,
            hash: [7; 32],
            limit: None,
            can: Abilities::READ_AND_DEPLOY,
            expires: None,
            single_use: false,
        };
        submit(register).unwrap();
        let Event::TokenCreated(created) = submit(create).unwrap() else { panic!("no token was made") };
        Actor::with_token(created.user.clone(), created.token.clone())
    }

    /// Makes the index anew while the server runs; meanwhile, before the first artifact, something happens.
    pub(crate) fn rebuild_while(&self, happens: impl FnOnce()) {
        let mut happens = Some(happens);
        self.app()
            .search
            .rebuild(&mut |_, _| happens.take().into_iter().for_each(|happens| happens()))
            .unwrap();
        assert!(happens.is_none(), "the rebuild said nothing of how far it is");
    }

    /// Takes all turns to search that there are, and says how many; nobody else has one meanwhile, and the next who
    /// waits has one as soon as one ends.
    pub(crate) fn take_all_turns(&self) -> usize {
        self.runtime.block_on(async {
            let mut turns = Vec::new();
            let waiting = loop {
                let mut turn = Box::pin(self.app().search.turn());
                match poll_fn(|context| Poll::Ready(turn.as_mut().poll(context))).await {
                    Poll::Ready(turn) => turns.push(turn.unwrap()),
                    Poll::Pending => break turn,
                }
            };
            let all = turns.len();
            drop(turns.pop());
            drop(waiting.await.unwrap());
            all
        })
    }

    /// What somebody finds who may see everything, and began to search before there was the hidden repository.
    pub(crate) fn names_before_hidden(&self, query: &str) -> (usize, Vec<String>) {
        let mut state = self.app().projections.read().clone();
        state.repositories.remove(&RepositoryName::new(HIDDEN_REPOSITORY)).unwrap();
        let sight = Sight::of(&state, now(), &Actor::Local, &Rules::default());
        let whole = sight.repositories().filter(|(_, extent)| **extent == Extent::All);
        assert_eq!(whole.count(), state.repositories.len(), "nothing at all is hidden");
        named(&self.app().search.search(query, &sight, Page { offset: 0, limit: 10 }).unwrap())
    }

    /// Stops, lets something happen to the folder of the index, and says how many artifacts a server finds that has
    /// no space to write.
    pub(crate) fn total_without_space(&mut self, query: &str, happens: impl FnOnce(&Path)) -> usize {
        self.close();
        happens(&self.index());
        let (app, _) = startup::open_read_only(self.folder(), Config::default(), true).unwrap();
        let sight = Sight::of(&app.projections.read(), now(), &Actor::Anonymous, &Rules::default());
        let found = app.search.search(query, &sight, Page { offset: 0, limit: 1 }).unwrap();
        drop(app);
        self.open();
        found.total
    }

    /// The folder of the index.
    pub(crate) fn index(&self) -> PathBuf {
        self.folder().derived().join("search-2")
    }

    /// Stops, throws away all that is derived from the log, and starts again.
    pub(crate) fn rebuild(&mut self) {
        self.close();
        fs::remove_dir_all(self.folder().derived()).unwrap();
        self.folder().create().unwrap();
        self.open();
    }

    /// The files of the index, sorted.
    pub(crate) fn index_files(&self) -> Vec<PathBuf> {
        let index = self.index();
        files_below(&index).into_iter().map(|file| index.join(file)).collect()
    }

    /// Stops, lets something happen to a file, and starts again.
    pub(crate) fn harm(&mut self, file: &Path, harm: impl FnOnce(&Path)) {
        self.close();
        harm(file);
        self.open();
    }

    /// What somebody without an account finds.
    pub(crate) fn search(&self, query: &str, offset: usize, limit: usize) -> Result<Found, SearchError> {
        let sight = Sight::of(&self.app().projections.read(), now(), &Actor::Anonymous, &Rules::default());
        self.app().search.search(query, &sight, Page { offset, limit })
    }

    /// Total, and names of the first hits.
    pub(crate) fn names(&self, query: &str, limit: usize) -> Result<(usize, Vec<String>), SearchError> {
        Ok(named(&self.search(query, 0, limit)?))
    }
}

fn named(found: &Found) -> (usize, Vec<String>) {
    (found.total, found.hits.iter().map(|hit| format!("{}:{}", hit.group, hit.artifact)).collect())
}

impl Drop for Registry {
    fn drop(&mut self) {
        if self.writing.is_some() {
            self.close();
        }
    }
}

/// Writes a log that says what [`Entry`]s say, and closes it cleanly.
fn write_log(folder: &DataFolder, entries: &[Entry]) {
    let recorded = |at, event| Recorded { seq: 0, at, by: By::System, event };
    let opened = encode(&recorded(OPENED_AT, Event::LogOpened));
    let options = OpenOptions::create(opened);
    let (mut log, _) = FileLog::open(&folder.events(), options, &mut |_| Ok(())).unwrap();
    let repositories =
        [(FIRST_REPOSITORY, ReadAccess::Public), (HIDDEN_REPOSITORY, ReadAccess::Granted)].into_iter();
    let repositories = repositories.map(|(name, read)| Event::RepositoryCreated {
        repository: RepositoryName::new(name),
        policy: Policy::Mixed,
        read,
    });
    let begun = repositories.zip(1..).map(|(event, number)| recorded(Moment(OPENED_AT.0 + number), event));
    let deployed = entries.iter().enumerate().map(|(number, entry)| recorded(entry.at, entry.event(number)));
    let lines: Vec<_> = begun.chain(deployed).map(|recorded| encode(&recorded)).collect();
    for batch in lines.chunks(BATCH) {
        log.reserve(batch.iter().map(|line| line.len_max() as u64).sum()).unwrap();
        log.append(batch).unwrap();
    }
    Box::new(log).close().unwrap();
}
