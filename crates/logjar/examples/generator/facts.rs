//! What the POM of an artifact says, and which files it has. All of it follows from the artifact, but for what changes
//! with each version.

use logjar_domain::event::StoredFile;
use logjar_maven::pom::{Dependency, License, Pom, Scm, Value};

use super::cast::Cast;
use super::random::{Random, Zipf};
use super::versions::Progress;
use super::vocabulary::Vocabulary;

const LICENSES: [(&str, &str); 4] = [
    ("EPL-1.0", "http://www.eclipse.org/legal/epl-v10.html"),
    ("EPL-2.0", "https://www.eclipse.org/legal/epl-2.0/"),
    ("MIT License", "https://opensource.org/licenses/MIT"),
    ("Apache License, Version 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
];
const SCOPES: [&str; 6] = ["compile", "compile", "compile", "compile", "provided", "test"];
/// How many dependencies an artifact has: one of these.
const DEPENDENCIES: [usize; 12] = [0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12];

/// What the facts of an artifact are drawn from.
pub(crate) struct Facts<'a> {
    pub(crate) seed: u64,
    pub(crate) cast: &'a Cast,
    pub(crate) vocabulary: &'a Vocabulary,
    /// The versions that all artifacts are at.
    pub(crate) progress: &'a [Progress],
    /// Which artifacts others depend on; the oldest are the most popular.
    pub(crate) popularity: &'a Zipf,
}

impl Facts<'_> {
    /// What the POM of a version says. `random` is for what changes with each version.
    pub(crate) fn pom(&self, artifact: usize, random: &mut Random) -> Pom {
        // The same stream at every version of the artifact.
        let mut fixed = Random::new(self.seed ^ 3, artifact as u64);
        let (group, id) = self.cast.coordinates(artifact);
        let owner = self.cast.owner_of(artifact);
        let page = format!("https://github.com/{}/{id}", owner.name);
        let known = |text: &str| Value::Known(text.to_owned());
        let license = |(name, url): (&str, &str)| License { name: Some(name.into()), url: Some(url.into()) };
        Pom {
            group: known(group.as_str()),
            artifact: known(id.as_str()),
            version: known(&self.progress[artifact].text()),
            packaging: "jar".to_owned(),
            name: Some(id.to_string()),
            description: fixed.percent(92).then(|| self.vocabulary.description(&mut fixed)),
            url: fixed.percent(80).then(|| page.clone()),
            licenses: vec![license(LICENSES[fixed.below(LICENSES.len())])],
            scm: fixed.percent(75).then(|| scm(&page, random)),
            authors: if fixed.percent(30) { vec![owner.full_name.clone()] } else { Vec::new() },
            dependencies: self.dependencies(artifact, &mut fixed),
            relocation: None,
            truncated: false,
        }
    }

    /// Nearly all depend on the first artifact, and on others that were there before.
    fn dependencies(&self, artifact: usize, fixed: &mut Random) -> Vec<Dependency> {
        if artifact == 0 {
            return Vec::new();
        }
        let mut on = vec![0];
        for _ in 1..DEPENDENCIES[fixed.below(DEPENDENCIES.len())].max(1) {
            let other = self.popularity.draw(fixed) % artifact;
            if !on.contains(&other) {
                on.push(other);
            }
        }
        let dependency = |other: usize| {
            let (group, id) = self.cast.coordinates(other);
            Dependency {
                group: group.to_string(),
                artifact: id.to_string(),
                version: Some(self.progress[other].text()),
                scope: SCOPES[other % SCOPES.len()].to_owned(),
            }
        };
        on.into_iter().map(dependency).collect()
    }

    /// The files of a version, whose names begin with `stem`.
    pub(crate) fn files(&self, artifact: usize, stem: &str, random: &mut Random) -> Vec<StoredFile> {
        let mut fixed = Random::new(self.seed ^ 4, artifact as u64);
        let magnitude = 12 + fixed.below(9);
        let mut names = vec![(format!("{stem}.jar"), magnitude), (format!("{stem}.pom"), 11)];
        if fixed.percent(12) {
            names.push((format!("{stem}-sources.jar"), magnitude));
        }
        if fixed.percent(6) {
            names.push((format!("{stem}-javadoc.jar"), magnitude));
        }
        if fixed.percent(8) {
            let signatures: Vec<_> = names.iter().map(|(name, _)| (format!("{name}.asc"), 9)).collect();
            names.extend(signatures);
        }
        let file = |(name, magnitude): (String, usize)| StoredFile {
            name: name.into(),
            size: (1 << magnitude) + random.below(1 << magnitude) as u64,
            sha256: random.digest(),
        };
        names.into_iter().map(file).collect()
    }
}

fn scm(page: &str, random: &mut Random) -> Scm {
    let commit: String = (0..40).map(|_| char::from(b"0123456789abcdef"[random.below(16)])).collect();
    Scm {
        connection: Some(format!("scm:git:{page}.git")),
        developer_connection: None,
        tag: Some(commit),
        url: Some(page.to_owned()),
    }
}
