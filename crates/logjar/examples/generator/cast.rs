//! Who and what there is: users, groups and artifacts, with the names that they have in real life.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use logjar_domain::ids::{TokenId, UserId};
use logjar_domain::names::is_reserved;
use logjar_maven::coordinates::{ArtifactId, GroupId, NameError};

use super::Shape;
use super::random::{Random, Zipf};
use super::vocabulary::Vocabulary;

const FIRST_NAMES: [&str; 24] = [
    "Amy", "Ben", "Chloe", "Dan", "Emma", "Felix", "Grace", "Hugo", "Ines", "Jan", "Kim", "Lena", "Max",
    "Nora", "Otto", "Petra", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Viktor", "Wanda", "Yusuf",
];
/// What groups of organisations begin with.
const GROUP_PREFIXES: [&str; 8] = ["io.github", "com", "org", "io", "net", "dev", "com.github", "co.uk"];

/// A user.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) name: Arc<str>,
    /// As POMs name authors.
    pub(crate) full_name: String,
    pub(crate) token: TokenId,
    /// Every user has it from registration on.
    pub(crate) own_group: GroupId,
}

/// A group, and the index of who owns it.
pub(crate) struct OwnedGroup {
    pub(crate) id: GroupId,
    pub(crate) owner: usize,
    /// Whether it is there before anything is deployed to it.
    pub(crate) personal: bool,
}

/// An artifact, and the index of its group.
pub(crate) struct NamedArtifact {
    pub(crate) group: usize,
    pub(crate) id: ArtifactId,
}

/// All of them, in the order in which they appear.
pub(crate) struct Cast {
    pub(crate) people: Vec<Person>,
    pub(crate) groups: Vec<OwnedGroup>,
    pub(crate) artifacts: Vec<NamedArtifact>,
}

impl Cast {
    /// Names them all.
    pub(crate) fn new(shape: &Shape, vocabulary: &Vocabulary) -> Result<Self, NameError> {
        let mut random = Random::new(shape.seed, 1);
        let people = name_people(shape.users.max(1), vocabulary, &mut random)?;
        let activity = Zipf::new(people.len(), 5);
        let namer = Namer {
            vocabulary,
            activity,
            people: &people,
            groups: Vec::new(),
            by_name: HashMap::new(),
            organisations: Vec::new(),
            taken: HashSet::with_capacity(shape.artifacts),
        };
        let (groups, artifacts) = namer.run(shape.artifacts, &mut random)?;
        Ok(Self { people, groups, artifacts })
    }

    /// Group and artifact in text.
    pub(crate) fn coordinates(&self, artifact: usize) -> (&GroupId, &ArtifactId) {
        let named = &self.artifacts[artifact];
        (&self.groups[named.group].id, &named.id)
    }

    /// The owner of an artifact's group.
    pub(crate) fn owner_of(&self, artifact: usize) -> &Person {
        &self.people[self.groups[self.artifacts[artifact].group].owner]
    }
}

fn name_people(count: usize, vocabulary: &Vocabulary, random: &mut Random) -> Result<Vec<Person>, NameError> {
    let mut taken = HashSet::new();
    let mut people = Vec::with_capacity(count);
    while people.len() < count {
        let (first, last) = (random.pick(&FIRST_NAMES), vocabulary.name_word(random));
        let mut name = match random.below(3) {
            0 => format!("{}-{last}", first.to_ascii_lowercase()),
            1 => format!("{last}{}", random.below(100)),
            _ => format!("{}{last}", first.to_ascii_lowercase()),
        };
        if !taken.insert(name.clone()) {
            name = format!("{name}-{}", people.len());
            taken.insert(name.clone());
        }
        let own_group = GroupId::parse(&format!("org.clojars.{name}"))?;
        let mut letters = last.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        let full_name = format!("{first} {}{}", capital.unwrap_or_default(), letters.as_str());
        let (id, token) = (UserId::new(random.id("u_")), TokenId::new(random.id("t_")));
        people.push(Person { id, name: name.into(), full_name, token, own_group });
    }
    Ok(people)
}

/// Names groups and artifacts.
struct Namer<'a> {
    vocabulary: &'a Vocabulary,
    activity: Zipf,
    people: &'a [Person],
    groups: Vec<OwnedGroup>,
    by_name: HashMap<String, usize>,
    /// Groups that take further artifacts; the first are the largest.
    organisations: Vec<usize>,
    taken: HashSet<String>,
}

impl Namer<'_> {
    fn run(
        mut self,
        artifacts: usize,
        random: &mut Random,
    ) -> Result<(Vec<OwnedGroup>, Vec<NamedArtifact>), NameError> {
        let mut named = Vec::with_capacity(artifacts);
        for number in 0..artifacts {
            // The first one is the one that nearly all others depend on.
            let (group, artifact) = match number {
                0 => (self.group("org.clojure", 0, false)?, "clojure".to_owned()),
                _ => self.next_names(random)?,
            };
            self.taken.insert(format!("{}:{artifact}", self.groups[group].id));
            named.push(NamedArtifact { group, id: ArtifactId::parse(&artifact)? });
        }
        Ok((self.groups, named))
    }

    /// More than half of all artifacts are alone in their group; the rest goes to groups of persons and organisations.
    fn next_names(&mut self, random: &mut Random) -> Result<(usize, String), NameError> {
        let owner = self.activity.draw(random);
        let mut artifact = self.artifact_name(random);
        let group = match random.below(100) {
            0..35 => return self.alone(artifact, owner, random),
            35..55 => {
                let group = self.people[owner].own_group.to_string();
                self.group(&group, owner, true)?
            }
            55..75 => self.organisation(owner, random)?,
            _ => match self.organisations.len() {
                0 => self.organisation(owner, random)?,
                // Two draws, so that the oldest have the most.
                count => {
                    let bound = 1 + random.below(count);
                    self.organisations[random.below(bound)]
                }
            },
        };
        if random.percent(30)
            && let Some(family) = self.groups[group].id.labels().last()
        {
            artifact = format!("{family}-{artifact}");
        }
        while self.taken.contains(&format!("{}:{artifact}", self.groups[group].id)) {
            artifact = format!("{artifact}-{}", self.vocabulary.name_word(random));
        }
        Ok((group, artifact))
    }

    /// An artifact whose group has its name, as `hiccup:hiccup`.
    fn alone(
        &mut self,
        mut name: String,
        owner: usize,
        random: &mut Random,
    ) -> Result<(usize, String), NameError> {
        // A group has no dot in the middle of a label, as Scala's suffixes have.
        name.retain(|letter| letter != '.');
        while is_reserved(&name) || self.by_name.contains_key(&name) {
            name = format!("{name}-{}", self.vocabulary.name_word(random));
        }
        Ok((self.group(&name, owner, false)?, name))
    }

    fn artifact_name(&self, random: &mut Random) -> String {
        let name = self.vocabulary.name(random);
        match random.below(100) {
            0..8 => format!("clj-{name}"),
            8..11 => format!("{name}_{}", random.pick(&["2.13", "2.12", "3"])),
            11..15 => format!("{}.{name}", self.vocabulary.name_word(random)),
            _ => name,
        }
    }

    fn organisation(&mut self, owner: usize, random: &mut Random) -> Result<usize, NameError> {
        let name = format!("{}.{}", random.pick(&GROUP_PREFIXES), self.vocabulary.name(random));
        let group = self.group(&name, owner, false)?;
        self.organisations.push(group);
        Ok(group)
    }

    /// The group of that name, made if there is none.
    fn group(&mut self, name: &str, owner: usize, personal: bool) -> Result<usize, NameError> {
        if let Some(known) = self.by_name.get(name) {
            return Ok(*known);
        }
        let id = GroupId::parse(name)?;
        self.groups.push(OwnedGroup { id, owner, personal });
        self.by_name.insert(name.to_owned(), self.groups.len() - 1);
        Ok(self.groups.len() - 1)
    }
}
