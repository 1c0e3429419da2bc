//! The order of hits, which depends on the query and the documents alone: not on how many there are, how often a word
//! occurs, or when a document was indexed. So an index that grew by live updates and one that was rebuilt give the same
//! list.
//!
//! First the class (see [`super::query`]). Then, for names that are exactly what was asked for, where the artifact
//! comes from; for all others only whether it is in a personal group. Then downloads, then coordinates.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use logjar_domain::scopes::Reach;
use logjar_domain::sight::{Extent, Sight};
use logjar_maven::coordinates::GroupId;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{ColumnValues, StrColumn};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

use crate::document::Origin;
use crate::query::Class;
use crate::schema;

/// How many documents' popularity is looked up at once.
const ASKED_AT_ONCE: usize = 1_024;

/// How popular artifacts are. It is called for the documents that a query finds, so it must answer right away.
pub trait Popularity: Send + Sync {
    /// The popularity of each of the artifacts with these keys, in their order; more is better.
    fn of_each(&self, artifacts: &[u64]) -> Vec<u64>;
}

/// Collects the best hits that are in sight.
pub(crate) struct Best {
    /// How many.
    pub(crate) limit: usize,
    /// What the caller may see.
    pub(crate) sight: Arc<Sight>,
    /// What is popular.
    pub(crate) popularity: Arc<dyn Popularity>,
}

/// What was collected.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// The total number of artifacts.
    pub(crate) total: usize,
    /// The ids of the best, in order.
    pub(crate) ids: Vec<String>,
}

/// What hits are ordered by, apart from coordinates. Greater is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    class: Class,
    origin: u64,
    downloads: u64,
}

/// A hit in a segment, with the ordinal of its id there. Less is better.
type Placed = (std::cmp::Reverse<Worth>, u64);

/// The best hits of a segment, found without sorting all of them.
struct Top {
    limit: usize,
    placed: Vec<Placed>,
    /// Hits worse than this are not among the best.
    worst: Option<Placed>,
}

/// The result of a segment.
pub(crate) struct Harvest {
    ids: Option<StrColumn>,
    top: Top,
    alone: usize,
    /// Hits that may be in other segments or repositories too: the key that joins them, worth, ordinal of the id.
    shared: Vec<(u64, Worth, u64)>,
}

/// A hit whose worth is not known yet.
struct Found {
    class: Class,
    origin: u64,
    /// The key by which its popularity is looked up.
    key: u64,
    /// The key that joins it with others; 0 if there are none.
    join_key: u64,
    /// The ordinal of its id.
    id: u64,
}

/// Collects in one segment.
pub(crate) struct InSegment {
    harvest: Harvest,
    found: Vec<Found>,
    id: Numbers,
    shared: Option<Numbers>,
    origin: Numbers,
    key: Numbers,
    visible: Option<Visible>,
    popularity: Arc<dyn Popularity>,
}

type Numbers = Arc<dyn ColumnValues<u64>>;

impl Top {
    fn new(limit: usize) -> Self {
        Self { limit, placed: Vec::new(), worst: None }
    }

    /// Whether a hit of that class could still be one of the best.
    fn wants(&self, class: Class) -> bool {
        self.worst.is_none_or(|(worth, _)| class >= worth.0.class)
    }

    fn push(&mut self, placed: Placed) {
        if self.worst.is_some_and(|worst| placed > worst) {
            return;
        }
        self.placed.push(placed);
        if self.placed.len() >= self.limit.saturating_mul(2) {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if let Some(last) = self.limit.checked_sub(1)
            && self.placed.len() > self.limit
        {
            let (_, worst, _) = self.placed.select_nth_unstable(last);
            self.worst = Some(*worst);
        }
        self.placed.truncate(self.limit);
    }
}

impl Collector for Best {
    type Fruit = Collected;
    type Child = InSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<InSegment> {
        let columns = segment.fast_fields();
        let numbers = |name: &str| columns.column_first_or_default::<u64>(name);
        let ids = columns.str(schema::ID)?;
        let shared = numbers(schema::SHARED)?;
        Ok(InSegment {
            id: ordinals(ids.as_ref(), segment),
            shared: (shared.max_value() > 0).then_some(shared),
            origin: numbers(schema::ORIGIN)?,
            key: numbers(schema::DOWNLOADS)?,
            visible: Visible::new(&self.sight, segment, ids.as_ref())?,
            popularity: self.popularity.clone(),
            found: Vec::new(),
            harvest: Harvest { ids, top: Top::new(self.limit), alone: 0, shared: Vec::new() },
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<Harvest>) -> tantivy::Result<Collected> {
        let mut joined = join(&segments);
        let alone: usize = segments.iter().map(|segment| segment.alone).sum();
        let total = alone + joined.len();
        let mut best: Vec<(std::cmp::Reverse<Worth>, String)> = Vec::new();
        for mut segment in segments {
            for (key, _, ordinal) in &segment.shared {
                if let Some(worth) = joined.remove(key) {
                    segment.top.push((std::cmp::Reverse(worth), *ordinal));
                }
            }
            segment.top.shrink();
            let Some(ids) = segment.ids else { continue };
            for (worth, ordinal) in segment.top.placed {
                let mut id = String::new();
                ids.ord_to_str(ordinal, &mut id)?;
                best.push((worth, id));
            }
        }
        best.sort_unstable();
        best.truncate(self.limit);
        Ok(Collected { total, ids: best.into_iter().map(|(_, id)| id).collect() })
    }
}

/// One worth for each artifact in several repositories: the best class, all downloads.
fn join(segments: &[Harvest]) -> HashMap<u64, Worth> {
    let mut joined: HashMap<u64, Worth> = HashMap::new();
    for (key, worth, _) in segments.iter().flat_map(|segment| &segment.shared) {
        match joined.entry(*key) {
            Entry::Vacant(vacant) => {
                vacant.insert(*worth);
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.class = known.class.max(worth.class);
                known.origin = known.origin.max(worth.origin);
                known.downloads = known.downloads.saturating_add(worth.downloads);
            }
        }
    }
    joined
}

impl SegmentCollector for InSegment {
    type Fruit = Harvest;

    fn collect(&mut self, document: DocId, score: Score) {
        if self.visible.as_ref().is_some_and(|visible| !visible.shows(document, &*self.id)) {
            return;
        }
        let class = Class::of(score);
        let join_key = self.shared.as_ref().map_or(0, |shared| shared.get_val(document));
        if join_key == 0 {
            self.harvest.alone += 1;
            if !self.harvest.top.wants(class) {
                return;
            }
        }
        let origin = self.origin.get_val(document);
        let most = if class.is_exact() { origin } else { Origin::Elsewhere.number() };
        let (key, id) = (self.key.get_val(document), self.id.get_val(document));
        self.found.push(Found { class, origin: origin.min(most), key, join_key, id });
        if self.found.len() == ASKED_AT_ONCE {
            self.weigh();
        }
    }

    fn harvest(mut self) -> Harvest {
        self.weigh();
        self.harvest
    }
}

impl InSegment {
    /// Looks up the popularity of what was found, all at once, and adds the hits.
    fn weigh(&mut self) {
        let keys: Vec<u64> = self.found.iter().map(|found| found.key).collect();
        let popularity = self.popularity.of_each(&keys);
        for (Found { class, origin, join_key, id, .. }, downloads) in self.found.drain(..).zip(popularity) {
            let worth = Worth { class, origin, downloads };
            match join_key {
                0 => self.harvest.top.push((std::cmp::Reverse(worth), id)),
                _ => self.harvest.shared.push((join_key, worth, id)),
            }
        }
    }
}

/// Which of a segment's documents are in sight.
struct Visible {
    repository: Numbers,
    extents: Vec<VisibleExtent>,
}

/// How much of one repository is in sight.
enum VisibleExtent {
    Nothing,
    All,
    /// Ordinals of ids, from the first of each range to before the second.
    Some(Vec<(u64, u64)>),
}

impl Visible {
    /// `None` if nothing is hidden.
    fn new(sight: &Sight, segment: &SegmentReader, ids: Option<&StrColumn>) -> tantivy::Result<Option<Self>> {
        let (Some(repositories), Some(ids)) = (segment.fast_fields().str(schema::REPOSITORY)?, ids) else {
            return Ok(Some(Self { repository: ordinals(None, segment), extents: Vec::new() }));
        };
        let mut extents = Vec::new();
        for ordinal in 0..repositories.num_terms() as u64 {
            let mut name = String::new();
            repositories.ord_to_str(ordinal, &mut name)?;
            let extent = sight.repositories().find(|(repository, _)| repository.as_str() == name);
            extents.push(match extent {
                None => VisibleExtent::Nothing,
                Some((_, Extent::All)) => VisibleExtent::All,
                Some((_, Extent::Scopes(scopes))) => {
                    let ranges = scopes.groups().flat_map(|(group, reach)| ranges(group, reach));
                    let ordinals = ranges.map(|(first, end)| range(ids, &first, &end));
                    VisibleExtent::Some(ordinals.collect::<tantivy::Result<_>>()?)
                }
            });
        }
        // What the sight says about all repositories only covers those that existed at its time: others may have come
        // since.
        let shows_all = extents.iter().all(|extent| matches!(extent, VisibleExtent::All));
        Ok((!shows_all).then(|| Self { repository: ordinals(Some(&repositories), segment), extents }))
    }

    fn shows(&self, document: DocId, ids: &dyn ColumnValues<u64>) -> bool {
        let ordinal = usize::try_from(self.repository.get_val(document)).ok();
        match ordinal.and_then(|ordinal| self.extents.get(ordinal)) {
            None | Some(VisibleExtent::Nothing) => false,
            Some(VisibleExtent::All) => true,
            Some(VisibleExtent::Some(ranges)) => {
                let id = ids.get_val(document);
                ranges.iter().any(|(first, end)| (*first..*end).contains(&id))
            }
        }
    }
}

/// The column of a text's ordinals; zeros for a segment without the text.
fn ordinals(column: Option<&StrColumn>, segment: &SegmentReader) -> Numbers {
    match column {
        Some(column) => column.ords().clone().first_or_default_col(0),
        None => {
            tantivy::columnar::Column::<u64>::build_empty_column(segment.max_doc()).first_or_default_col(0)
        }
    }
}

/// Ranges of ids, each from the first up to, but not including, the second, that contain what a group's reach covers.
fn ranges(group: &GroupId, reach: &Reach) -> Vec<(String, String)> {
    let mut ranges: Vec<_> = reach
        .artifacts
        .iter()
        .map(|artifact| (format!("{group}:{artifact}"), format!("{group}:{artifact}\0")))
        .collect();
    if reach.whole {
        ranges.push((format!("{group}:"), format!("{group};")));
    }
    if reach.below {
        ranges.push((format!("{group}."), format!("{group}/")));
    }
    ranges
}

/// Ordinals of the ids from `first` up to, but not including, `end`.
fn range(ids: &StrColumn, first: &str, end: &str) -> tantivy::Result<(u64, u64)> {
    let bounds = ids.dictionary().term_bounds_to_ord(Bound::Included(first), Bound::Excluded(end));
    match bounds.map_err(TantivyError::from)? {
        (Bound::Included(first), Bound::Excluded(end)) => Ok((first, end)),
        _ => Ok((0, 0)),
    }
}
