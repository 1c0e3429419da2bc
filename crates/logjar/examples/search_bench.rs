//! The search index by itself: no HTTP, no reading of what lists show. And the documents that are in it, for a peer.
//!
//! Usage: `search_bench DATA` builds the index of a data folder that no server writes to, and says how long that took
//! and how large it is. Then it answers the queries on its standard input, one a line, for anonymous readers and the
//! first 24 hits. `search_bench DATA documents` prints all documents instead. Everything it prints is JSON, a line
//! each.

use std::error::Error;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logjar::app::App;
use logjar::clock::now;
use logjar::config::Config;
use logjar::queries::summary::{Summary, outlines, read_all};
use logjar::search::follow;
use logjar::startup;
use logjar::storage::DataFolder;
use logjar_domain::access::Actor;
use logjar_domain::rules::Rules;
use logjar_domain::sight::Sight;
use logjar_search::search::{Hit, Page};
use serde_json::{Value, json};

// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a page of results shows.
const PAGE: Page = Page { offset: 0, limit: 24 };
/// Artifacts whose documents are made at once.
const AT_ONCE: usize = 1_000;
/// How often it is looked whether the index is up to date.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (data, documents) = match &arguments[..] {
        [data] => (data, false),
        [data, what] if what == "documents" => (data, true),
        _ => return Err("usage: search_bench DATA [documents]".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let opened = runtime.block_on(startup::open_writer(DataFolder::new(data), Config::default(), false))?;
    let sight = Sight::of(&opened.app.projections.read(), now(), &Actor::Anonymous, &Rules::default());
    if documents {
        print_documents(&opened.app, &sight)?;
    } else {
        runtime.block_on(measure(&opened.app, &sight))?;
    }
    Ok(opened.running.stop()?)
}

async fn measure(app: &Arc<App>, sight: &Sight) -> Result<(), Failure> {
    let mut documents = 0;
    let began = Instant::now();
    app.search.rebuild(&mut |_, all| documents = all)?;
    let seconds = began.elapsed().as_secs_f64();
    // From here on as in a server, where another task keeps the index up to date.
    let following = tokio::spawn(follow::run(app.search.clone()));
    while app.search.position() < app.projections.read().position() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let bytes = bytes_of(&app.folder.derived(), "search-")?;
    print(&json!({ "documents": documents, "seconds": seconds, "bytes": bytes }))?;
    for query in io::stdin().lock().lines() {
        let (query, began) = (query?, Instant::now());
        let found = app.search.search(&query, sight, PAGE)?;
        let micros = began.elapsed().as_secs_f64() * 1e6;
        let first = found.hits.first().map(|hit| format!("{}:{}", hit.group, hit.artifact));
        print(&json!({ "total": found.total, "micros": micros, "first": first }))?;
    }
    following.abort();
    Ok(())
}

/// Bytes of the files in the folders of that prefix.
fn bytes_of(parent: &Path, prefix: &str) -> io::Result<u64> {
    let mut bytes = 0;
    for folder in parent.read_dir()? {
        let folder = folder?;
        if folder.file_name().to_string_lossy().starts_with(prefix) {
            for file in folder.path().read_dir()? {
                bytes += file?.metadata()?.len();
            }
        }
    }
    Ok(bytes)
}

/// What is indexed of every artifact, as it stands in its POM.
fn print_documents(app: &App, sight: &Sight) -> Result<(), Failure> {
    let mut hits = Vec::new();
    for repository in app.projections.read().repositories.values() {
        let keys = repository.artifacts.keys().cloned();
        hits.extend(keys.map(|(group, artifact)| Hit { group, artifact }));
    }
    let mut printed = BufWriter::new(io::stdout().lock());
    for some in hits.chunks(AT_ONCE) {
        let outlines = outlines(&app.projections.read(), sight, &app.downloads, some);
        for summary in read_all(outlines, app.reader.as_ref())? {
            writeln!(printed, "{}", document(&summary))?;
        }
    }
    Ok(printed.flush()?)
}

fn document(summary: &Summary) -> Value {
    let (outline, pom) = (&summary.outline, summary.pom.as_deref());
    let licenses = pom.iter().flat_map(|pom| &pom.licenses).flat_map(|license| [&license.name, &license.url]);
    json!({
        "group": outline.group.as_str(),
        "artifact": outline.artifact.as_str(),
        "title": pom.and_then(|pom| pom.name.as_deref()),
        "description": summary.description(),
        "licenses": licenses.flatten().collect::<Vec<_>>(),
        "authors": pom.map(|pom| &pom.authors),
        "url": pom.and_then(|pom| pom.url.as_deref()),
    })
}

fn print(value: &Value) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{value}")?;
    output.flush()
}
