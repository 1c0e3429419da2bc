//! A small language for sequences of requests, so that one rule of the deploy protocol is tested in one line.
//!
//! A script is a list of words. Context that stays: `@12` the clock in seconds, `+3` later; `maven` and
//! `curl` a client that sends metadata and one that does not; `t:b1` the token (its first letter is the
//! user); `v:1.0` the version, `v:1.0-SNAPSHOT/2` the second stamp of one.
//!
//! Requests: `.pom`, `-sources.jar`, `.jar.sha1`, `.jar.asc`, `ivy` are PUTs; `#2` after a name means other bytes
//! (after a sum that of other bytes), `~` after a sum one that does not fit, `~~` none at all, `(war)` after `.pom`
//! its packaging (`(bad)`, `(group)`, `(property)`: what is wrong with it; `(gradle)`: with Gradle's marker).
//! `<.jar` begins a PUT, `>.jar` ends it, `%.jar` breaks it off, `^.jar` is refused by a rule outside the protocol.
//! `announce:.pom,.jar` (`@older` after a
//! file of an older build) and `announce-plain` are version-level metadata, `meta:1.0,1.1` is artifact-level (with
//! `meta-unreadable` and `meta.sha1`), `plugins` is group-level, `finish` asks for the finish. Each is taken, or
//! refused with the tag after `!`.
//!
//! The world: `tick`, `restart`, `promote`, `fail:503` and `fail:rule` for the next commit.
//!
//! Checks: `has:.jar,.pom` the files of the version's newest build, `none` it is not published, `events:1+2`
//! deploys and late files, `held:1` folders below `uploads/`, `says:POM` a word of the last answer.

use std::collections::BTreeMap;

use logjar_domain::ids::Moment;
use logjar_domain::open_deploy::Settings;
use logjar_domain::open_deploy::published::VersionKey;
use logjar_domain::open_deploy::rejection::DeployRejection;
use logjar_domain::open_deploy::request::{Body, Put};
use logjar_domain::open_deploy::step::{Answer, CommitResult};
use logjar_maven::coordinates::{Gav, Version};
use logjar_maven::layout::{Build, Target, VersionFile, file_name, version_folder};
use logjar_maven::metadata::{Metadata, Plugin, SnapshotVersion, Versioning};
use logjar_maven::snapshot_version::Stamp;

use crate::world::{self, World};

/// Runs a script; the panic of a step that goes wrong names it.
pub(crate) fn run(name: &str, settings: &Settings, script: &str) {
    let mut script = Script::new(settings.clone(), format!("{name}: {script}"));
    for word in script.whole.clone().strip_prefix(&format!("{name}: ")).unwrap().split_whitespace() {
        script.context = format!("{} -- at `{word}`", script.whole);
        script.word(word);
    }
}

struct Script {
    world: World,
    settings: Settings,
    whole: String,
    context: String,
    now: Moment,
    token: String,
    waits_for_metadata: bool,
    gav: Gav,
    build: Build,
    /// PUTs in progress, by the word that began them.
    begun: BTreeMap<String, Put>,
    /// Bytes last begun by file name.
    bytes: BTreeMap<String, Vec<u8>>,
    last_answer: String,
}

impl Script {
    fn new(settings: Settings, whole: String) -> Self {
        Self {
            world: World::new(settings.clone()),
            settings,
            whole,
            context: String::new(),
            now: Moment(0),
            token: "a1".to_owned(),
            waits_for_metadata: true,
            gav: Gav::parse("org.example", "a", "1.0").unwrap(),
            build: Build::Release,
            begun: BTreeMap::new(),
            bytes: BTreeMap::new(),
            last_answer: String::new(),
        }
    }

    fn word(&mut self, word: &str) {
        let (word, refusal) = word.split_once('!').map_or((word, None), |(word, tag)| (word, Some(tag)));
        let seconds = |text: &str| (text.parse::<f64>().unwrap() * 1e6) as i64;
        match word.split_once(':').unwrap_or((word, "")) {
            ("maven", _) => self.waits_for_metadata = true,
            ("curl", _) => self.waits_for_metadata = false,
            ("t", token) => self.token = token.to_owned(),
            ("v", version) => self.set_version(version),
            ("tick", _) => self.world.tick(self.now),
            ("restart", _) => self.world.restart(self.settings.clone()),
            ("promote", _) => self.published().unwrap().deploy.promoted = true,
            ("fail", "503") => self.world.next_results.push(CommitResult::Unavailable),
            ("fail", _) => self.world.next_results.push(CommitResult::Refused(outside_reason())),
            ("has", files) => self.check_files(files),
            ("none", _) => assert!(self.published().is_none(), "{}: it is published", self.context),
            ("events", counts) => {
                let table = &self.world.table;
                assert_eq!(
                    format!("{}+{}", table.versions.len(), table.files_added),
                    counts,
                    "{}",
                    self.context
                );
            }
            ("held", count) => assert_eq!(self.world.uploads.len().to_string(), count, "{}", self.context),
            ("says", text) => {
                assert!(self.last_answer.contains(text), "{}: {}", self.context, self.last_answer)
            }
            (clock, _) if clock.starts_with('@') => self.now = Moment(seconds(&clock[1..])),
            (clock, _) if clock.starts_with('+') => self.now = Moment(self.now.0 + seconds(&clock[1..])),
            (request, argument) => {
                if let Some(answer) = self.request(request, argument) {
                    self.check_answer(&answer, refusal);
                }
            }
        }
    }

    /// A request; no answer if a PUT has begun and its body is being read.
    fn request(&mut self, request: &str, argument: &str) -> Option<Answer> {
        match request {
            "announce" => Some(self.announce(self.listed(argument))),
            "announce-plain" => Some(self.announce(Versioning::default())),
            "meta" => {
                let versions = argument.split(',').map(str::to_owned).collect();
                let versioning = Versioning { versions, ..Versioning::default() };
                Some(self.metadata(
                    "org/example/a",
                    Metadata { versioning: Some(versioning), ..Metadata::default() },
                ))
            }
            "plugins" => {
                let plugin =
                    Plugin { name: "a".to_owned(), prefix: "a".to_owned(), artifact: "a".to_owned() };
                Some(
                    self.metadata("org/example/a", Metadata { plugins: vec![plugin], ..Metadata::default() }),
                )
            }
            "meta-unreadable" => Some(self.metadata_put("", Body::Metadata(Err("a tag is open".to_owned())))),
            "meta.sha1" => Some(self.metadata_put(".sha1", Body::Ignored)),
            "finish" => {
                let stamp = if let Build::Stamped(stamp) = self.build { Some(stamp) } else { None };
                Some(self.world.finish(self.now, &self.gav.clone(), stamp, &world::deployer(&self.token)))
            }
            _ => self.file(request),
        }
    }

    fn file(&mut self, word: &str) -> Option<Answer> {
        let (mode, name) = match word.chars().next() {
            Some(mode @ ('<' | '>' | '%' | '^')) => (Some(mode), &word[1..]),
            _ => (None, word),
        };
        if mode == Some('>') {
            let put = self.begun.remove(name).expect("it has begun");
            let body = self.body(&put, name);
            return Some(self.world.complete(self.now, &put, body));
        }
        if mode == Some('%') {
            let put = self.begun.remove(name).expect("it has begun");
            self.world.open.abort(&put);
            return None;
        }
        let (path, deployer) = (self.path(name), world::deployer(&self.token));
        let put = self.world.put(&path, &deployer, self.waits_for_metadata);
        self.note_bytes(&put, name);
        if let Err(reason) = self.world.begin(self.now, &put) {
            return Some(Answer::Refused(reason));
        }
        match mode {
            Some('<') => {
                self.begun.insert(name.to_owned(), put);
                None
            }
            Some(_) => Some(self.world.refuse(self.now, &put, outside_reason())),
            None => {
                let body = self.body(&put, name);
                Some(self.world.complete(self.now, &put, body))
            }
        }
    }

    fn path(&self, word: &str) -> String {
        let suffix = word.split(['#', '~', '(']).next().unwrap();
        let file = match suffix.strip_prefix("ivy") {
            Some(sum) => format!("ivy-{}.xml{sum}", self.gav.version),
            None => format!("{}{suffix}", file_name(&self.gav, &self.build, None, "").trim_end_matches('.')),
        };
        format!("{}/{file}", version_folder(&self.gav))
    }

    fn note_bytes(&mut self, put: &Put, word: &str) {
        let (Target::File(file), None) = (&put.path.target, put.path.sum) else { return };
        self.bytes.insert(file.name.to_string(), self.bytes(file, word));
    }

    /// The bytes that a word means: its label makes them differ.
    fn bytes(&self, file: &VersionFile, word: &str) -> Vec<u8> {
        let label = word.split_once('#').map_or("", |(_, label)| label);
        if file.is_pom() {
            self.pom(word, label).into_bytes()
        } else {
            format!("{} {label}", file.name).into_bytes()
        }
    }

    fn pom(&self, word: &str, label: &str) -> String {
        let trait_ = word.split_once('(').map_or("jar", |(_, rest)| rest.trim_end_matches(')'));
        match trait_ {
            "bad" => "<project>".to_owned(),
            "group" => world::pom_of(&Gav::parse("org.other", "a", "1.0").unwrap(), "jar", label),
            "property" => {
                world::pom_of(&self.gav, "jar", label).replace("<version>1.0<", "<version>${revision}<")
            }
            "gradle" => {
                let marker = "<!-- do_not_remove: published-with-gradle-metadata --></project>";
                world::pom_of(&self.gav, "jar", label).replace("</project>", marker)
            }
            packaging => world::pom_of(&self.gav, packaging, label),
        }
    }

    fn body(&self, put: &Put, word: &str) -> Body {
        let Target::File(file) = &put.path.target else { panic!("no file") };
        let known = self.bytes.get(&*file.name).filter(|_| !word.contains('#'));
        let bytes = known.cloned().unwrap_or_else(|| self.bytes(file, word));
        match put.path.sum {
            None => world::file_body(put, &bytes),
            Some(_) if word.ends_with("~~") => Body::Sum(None),
            Some(_) if word.ends_with('~') => world::sum_body(put, b"other"),
            Some(_) => world::sum_body(put, &bytes),
        }
    }

    /// The files of the current build, as the version-level document lists them.
    fn listed(&self, files: &str) -> Versioning {
        let Build::Stamped(stamp) = self.build else { panic!("no stamp") };
        let value = format!("{}-{stamp}", self.gav.version.base());
        let file = |file: &str| {
            let (file, value) = match file.strip_suffix("@older") {
                Some(file) => (file, "1.0-20261124.070000-1".to_owned()),
                None => (file, value.clone()),
            };
            let (classifier, extension) = file.split_once('.').unwrap();
            let classifier = classifier.strip_prefix('-').map(str::to_owned);
            SnapshotVersion { classifier, extension: extension.to_owned(), value, updated: None }
        };
        let snapshot_versions = files.split(',').filter(|file| !file.is_empty()).map(file).collect();
        Versioning { snapshot: Some(stamp), snapshot_versions, ..Versioning::default() }
    }

    fn announce(&mut self, versioning: Versioning) -> Answer {
        let folder = version_folder(&self.gav);
        self.metadata(&folder, Metadata { versioning: Some(versioning), ..Metadata::default() })
    }

    fn metadata(&mut self, folder: &str, metadata: Metadata) -> Answer {
        self.put_at(&format!("{folder}/maven-metadata.xml"), world::metadata_body(metadata))
    }

    /// A PUT of the artifact-level document, or of its sum.
    fn metadata_put(&mut self, sum: &str, body: Body) -> Answer {
        self.put_at(&format!("org/example/a/maven-metadata.xml{sum}"), body)
    }

    fn put_at(&mut self, path: &str, body: Body) -> Answer {
        let put = self.world.put(path, &world::deployer(&self.token), self.waits_for_metadata);
        match self.world.begin(self.now, &put) {
            Ok(()) => self.world.complete(self.now, &put, body),
            Err(reason) => Answer::Refused(reason),
        }
    }

    fn set_version(&mut self, text: &str) {
        let (version, stamp) =
            text.split_once('/').map_or((text, None), |(version, stamp)| (version, Some(stamp)));
        self.gav.version = Version::parse(version).unwrap();
        self.build = match stamp {
            Some(number) => {
                Build::Stamped(Stamp::parse(&format!("20261124.08000{number}-{number}")).unwrap())
            }
            None if self.gav.version.is_snapshot() => Build::Plain,
            None => Build::Release,
        };
    }

    fn published(&mut self) -> Option<&mut world::PublishedVersion> {
        let repository = logjar_domain::ids::RepositoryName::new(world::REPOSITORY);
        let key = VersionKey { repository, gav: self.gav.clone(), build: self.build };
        self.world.table.versions.iter_mut().rfind(|version| version.key == key)
    }

    fn check_files(&mut self, files: &str) {
        let context = self.context.clone();
        let version = self.published().unwrap_or_else(|| panic!("{context}: it is not published"));
        let mut found =
            version.digests.keys().map(|name| world::suffix_of(&version.key, name)).collect::<Vec<_>>();
        let mut wanted = files.split(',').map(str::to_owned).collect::<Vec<_>>();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{context}");
    }

    fn check_answer(&mut self, answer: &Answer, refusal: Option<&str>) {
        let tag = match answer {
            Answer::Created { .. } => None,
            Answer::Refused(reason) => Some(reason.tag()),
        };
        assert_eq!(tag, refusal, "{}: {answer:?}", self.context);
        self.last_answer = match answer {
            Answer::Created { missing } => missing.clone().unwrap_or_default(),
            Answer::Refused(reason) => reason.to_string(),
        };
        assert!(self.last_answer.is_ascii() && !self.last_answer.contains('\n'), "{}", self.context);
    }
}

/// A refusal by a rule that is not the protocol's.
fn outside_reason() -> DeployRejection {
    DeployRejection::Remembered { reason: "a rule".to_owned() }
}
