//! What a server does besides answering: loops that start when it serves, and that one shutdown ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::clock::{now, since_boot};
use crate::compression;
use crate::deploy::Deploys;
use crate::downloads::{self, Downloads};
use crate::erasure;
use crate::projections::Changed;
use crate::retention;
use crate::search::follow;
use crate::sequencer::Sequencer;
use crate::startup::state_snapshot;
use crate::tree_metadata;

/// How often timeouts of open deploys, and the clocks, are checked.
const TICK: Duration = Duration::from_secs(1);

/// The running loops.
pub struct Tasks {
    stop: watch::Sender<bool>,
    loops: JoinSet<()>,
    downloads: Arc<Downloads>,
}

impl Tasks {
    /// Starts the loops of a server that writes.
    pub fn of_writer(app: &Arc<App>, changed: mpsc::UnboundedReceiver<Changed>) -> Self {
        let mut tasks = Self::of_reader(app);
        tasks.add(tree_metadata::run(app.rebuilds.tree.clone(), changed));
        tasks.add(state_snapshot::run(app.folder.clone(), app.reader.clone(), app.rebuilds.turns.clone()));
        tasks.add(follow::run(app.search.clone()));
        tasks.add(pass_time(app.sequencer.clone(), app.deploys.clone()));
        tasks.add(retention::run(app.retention.clone()));
        tasks.add(compression::run(app.compression.clone()));
        tasks.add(erasure::run(app.erasure.clone()));
        tasks.add(downloads::merge_days(app.downloads.clone()));
        tasks
    }

    /// Starts the loops of a server that only reads.
    pub fn of_reader(app: &Arc<App>) -> Self {
        let (stop, _) = watch::channel(false);
        let mut tasks = Self { stop, loops: JoinSet::new(), downloads: app.downloads.clone() };
        tasks.add(downloads::keep(app.downloads.clone()));
        tasks
    }

    fn add(&mut self, each: impl Future<Output = ()> + Send + 'static) {
        let mut stopped = self.stop.subscribe();
        self.loops.spawn(async move {
            tokio::select! {
                () = each => {}
                // An error means that nobody can stop it any more, so it stops.
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
    }

    /// Ends them all, and writes what was collected. What one of them is doing on a thread of its own is finished
    /// first.
    pub async fn end(mut self) {
        let _ = self.stop.send(true);
        while self.loops.join_next().await.is_some() {}
        downloads::write_last(&self.downloads).await;
    }
}

async fn pass_time(sequencer: Sequencer, deploys: Arc<Deploys>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        if let Some(jump) = sequencer.clocks().look(now(), since_boot()) {
            tracing::warn!("{jump}");
        }
        let deploys = deploys.clone();
        let _ = tokio::task::spawn_blocking(move || deploys.tick()).await;
    }
}
