//! `/metrics`, for monitoring: figures in Prometheus' text format.
//!
//! Everybody may read them, so no label is a name that somebody chose, and the registry's contents are counted only as
//! far as everybody may read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use http::header;
use logjar_domain::access::Actor;

use crate::clock::{now, since_boot};
use crate::collapse::Collapsing;
use crate::compression::Compression;
use crate::config::Config;
use crate::deploy::Deploys;
use crate::erasure::Erasure;
use crate::http::cache::Cache;
use crate::http::contents::Registry;
use crate::http::error::HttpError;
use crate::http::extract::ApiError;
use crate::http::parts::{Parts, part};
use crate::metrics::text::{CONTENT_TYPE, Page};
use crate::metrics::{Area, Metrics, SignIn, process};
use crate::queries::by_time::times_at;
use crate::queries::counts::{Counts, LastCounts};
use crate::retention::Retention;
use crate::search::SearchIndex;
use crate::sequencer::Sequencer;
use logjar_eventlog::log::{LogReader, Segment, SegmentState};

/// First digits of statuses, as labels.
const CLASSES: [(usize, &str); 5] = [(1, "1xx"), (2, "2xx"), (3, "3xx"), (4, "4xx"), (5, "5xx")];

/// Whatever has figures.
#[derive(Clone)]
pub struct Figures {
    compression: Arc<Compression>,
    collapsing: Arc<Collapsing>,
    erasure: Arc<Erasure>,
    config: Arc<Config>,
    registry: Registry,
    log: Arc<dyn LogReader>,
    retention: Arc<Retention>,
    sequencer: Sequencer,
    deploys: Arc<Deploys>,
    search: Arc<SearchIndex>,
    metrics: Arc<Metrics>,
    answers: Arc<Cache>,
    counts: Arc<LastCounts>,
}

impl FromRef<Parts> for Figures {
    fn from_ref(parts: &Parts) -> Self {
        Self {
            compression: part(parts),
            collapsing: part(parts),
            erasure: part(parts),
            config: part(parts),
            registry: part(parts),
            log: part(parts),
            retention: part(parts),
            sequencer: part(parts),
            deploys: part(parts),
            search: part(parts),
            metrics: part(parts),
            answers: part(parts),
            counts: part(parts),
        }
    }
}

/// All series.
pub async fn metrics(State(figures): State<Figures>) -> Result<Response, ApiError> {
    let made = tokio::task::spawn_blocking(move || page(&figures));
    let text = made.await.map_err(|_| HttpError::Internal)?;
    let headers = [(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

fn page(figures: &Figures) -> String {
    let mut page = Page::default();
    write_server(&mut page, figures);
    write_http(&mut page, figures);
    write_deploys(&mut page, figures);
    write_log(&mut page, figures);
    write_retention(&mut page, figures);
    write_reading(&mut page, figures);
    write_contents(&mut page, figures);
    write_process(&mut page);
    page.finish()
}

fn write_server(page: &mut Page, figures: &Figures) {
    let started = figures.metrics.started.0;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.labelled_gauge("logjar_build_info", "Version of the program; always 1.", version, 1);
    let role = if figures.sequencer.is_open() { "writer" } else { "reader" };
    page.labelled_gauge("logjar_role", "What the server may do; always 1.", [("role", role)], 1);
    page.gauge("logjar_start_time_seconds", "When the server started, in Unix time.", seconds(started));
    let up = seconds((now().0 - started).max(0));
    page.gauge("logjar_uptime_seconds", "How long the server has been running.", up);
}

fn write_http(page: &mut Page, figures: &Figures) {
    let metrics = &figures.metrics;
    let answers = Area::ALL.into_iter().flat_map(|area| {
        CLASSES.map(|(class, code)| ([("area", area.name()), ("code", code)], metrics.answers(area, class)))
    });
    page.counters("logjar_http_requests_total", "Answered requests.", answers);
    let in_flight = metrics.requests_in_flight.get();
    page.gauge("logjar_http_requests_in_flight", "Requests whose answer is being made.", in_flight);
    page.gauge("logjar_http_connections", "Open connections.", metrics.connections.get());
    let most = figures.config.http_connections;
    page.gauge("logjar_http_connections_max", "How many may be open at once; more wait.", most);
    let received = metrics.received_bytes.get();
    page.counter("logjar_http_received_bytes_total", "Bytes of requests, heads included.", received);
    let sent = metrics.sent_bytes.get();
    page.counter("logjar_http_sent_bytes_total", "Bytes of answers, heads included.", sent);
    let outcomes = SignIn::ALL.map(|outcome| ([("outcome", outcome.name())], metrics.sign_ins(outcome)));
    page.counters("logjar_sign_ins_total", "Sign-ins with a password.", outcomes);
}

fn write_deploys(page: &mut Page, figures: &Figures) {
    let metrics = &figures.metrics;
    let kinds = [
        ([("kind", "release")], metrics.releases.get()),
        ([("kind", "snapshot")], metrics.builds.get()),
        ([("kind", "late")], metrics.late_files.get()),
    ];
    page.counters("logjar_deploys_total", "Finished deploys of versions, and of late files.", kinds);
    let refusals = metrics.refusals();
    let refusals = refusals.iter().map(|(tag, count)| ([("reason", *tag)], count));
    page.counters("logjar_refused_puts_total", "Refused PUTs by reason, as answers name it.", refusals);
    let held = figures.deploys.held();
    page.gauge("logjar_open_deploys", "Deploys that have begun and are not finished.", held.deploys);
    let (unplaced, strays) = figures.deploys.placement().figures();
    let help = "Deploys and late files that are not in the tree yet and are served from uploads/.";
    page.gauge("logjar_unplaced_deploys", help, unplaced);
    let help = "Files that were in the place of a version and were moved to strays/ since the start.";
    page.counter("logjar_strays_total", help, strays);
    page.gauge(
        "logjar_open_deploys_bytes",
        "Bytes that open deploys and waiting late files hold.",
        held.bytes,
    );
}

fn write_segments(page: &mut Page, figures: &Figures) {
    let segments = figures.log.segments();
    let by_state = |figure: fn(&Segment) -> u64| {
        SegmentState::ALL.map(|state| {
            let those = segments.iter().filter(|segment| segment.state == state);
            ([("state", state.name())], those.map(figure).sum::<u64>())
        })
    };
    page.gauges("logjar_log_segments", "Files of the log.", by_state(|_| 1));
    page.gauges("logjar_log_segment_bytes", "Bytes of the files of the log.", by_state(|each| each.stored));
    let help = "Bytes of the lines, as they were before any of the files was compressed.";
    page.gauges("logjar_log_segment_plain_bytes", help, by_state(|each| each.bytes));
    let help = "When a segment was last compressed since the start, in Unix time; 0 if none was.";
    page.gauge("logjar_log_compressed_seconds", help, figures.compression.last());
    let collapsed: u64 = segments.iter().map(|segment| segment.collapsed).sum();
    page.gauge("logjar_log_collapsed_lines", "Lines of the log that stubs stand for.", collapsed);
    let help = "1 while private data of somebody who was erased may be left on the disk.";
    page.gauge("logjar_erasing", help, u64::from(figures.erasure.is_pending()));
    let help = "When lines were last collapsed since the start, in Unix time; 0 if none were.";
    page.gauge("logjar_log_collapsed_seconds", help, figures.collapsing.last());
    let log = figures.log.as_ref();
    let last = segments.last().and_then(|active| times_at(log, active.first.checked_sub(1)?).ok()?);
    let help =
        "When the last event before the active segment was, in Unix time; 0 if there is only one segment.";
    page.gauge("logjar_log_sealed_until_seconds", help, seconds(last.map_or(0, |(_, until)| until.0)));
}

fn write_log(page: &mut Page, figures: &Figures) {
    let metrics = &figures.metrics;
    let position = figures.registry.read().position();
    page.gauge("logjar_log_position", "The last event that readers see.", position);
    page.gauge("logjar_log_durable_position", "The last event on disk.", figures.log.durable());
    page.counter("logjar_log_events_total", "Events appended since the start.", metrics.lines.get());
    write_segments(page, figures);
    let help = "Time to append a batch of events, the sync included.";
    page.histogram("logjar_log_append_seconds", help, &metrics.appends);
    let (now, clocks) = (now(), figures.sequencer.clocks());
    let help = "How far the last event is dated ahead of the clock.";
    page.gauge("logjar_log_ahead_seconds", help, clocks.log_ahead(now));
    let help = "How far the clock was moved since the start, apart from the time that passed.";
    page.gauge("logjar_clock_moved_seconds", help, clocks.moved(now, since_boot()));
    let full = u8::from(figures.sequencer.disk_is_full());
    page.gauge("logjar_disk_full", "Whether the disk was too full for the last write.", full);
}

fn write_retention(page: &mut Page, figures: &Figures) {
    let done = figures.retention.figures();
    let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let help = "Builds of snapshot versions that retention removed since the start.";
    page.counter("logjar_retention_builds_total", help, count(&done.builds));
    let help = "Bytes of their files, sums included.";
    page.counter("logjar_retention_bytes_total", help, count(&done.bytes));
    let help = "When the last run ended since the start, in Unix time; 0 if there was none.";
    page.gauge("logjar_retention_run_seconds", help, count(&done.last));
}

fn write_reading(page: &mut Page, figures: &Figures) {
    let metrics = &figures.metrics;
    let downloads = metrics.downloads.get();
    page.counter("logjar_downloads_total", "Downloads of versions that everybody may read.", downloads);
    let cache = figures.answers.figures();
    page.counter("logjar_cache_hits_total", "Answers from the cache of ready answers.", cache.hits);
    page.counter("logjar_cache_misses_total", "Answers that were made and put into the cache.", cache.misses);
    page.gauge("logjar_cache_answers", "Answers in the cache.", cache.answers);
    page.gauge("logjar_cache_bytes", "Bytes in the cache.", cache.bytes);
    page.gauge("logjar_cache_bytes_max", "Most bytes that the cache may take.", cache.bytes_max);
    page.gauge(
        "logjar_search_position",
        "The last event that search has taken in.",
        figures.search.position(),
    );
    let help = "Time to answer a search query.";
    page.histogram("logjar_search_seconds", help, &metrics.searches);
}

fn write_contents(page: &mut Page, figures: &Figures) {
    let (users, public) = {
        let state = figures.registry.read();
        let users = state.users.values().filter(|user| !user.disabled).count();
        (users, figures.registry.sight_in(&state, &Actor::Anonymous))
    };
    let Counts { groups, artifacts, versions } = figures.counts.of(&figures.registry.projections, &public);
    page.gauge("logjar_users", "Users that are not disabled.", users);
    page.gauge("logjar_groups", "Groups with something that everybody may read.", groups);
    let repositories = public.repositories().count();
    page.gauge("logjar_repositories", "Repositories that everybody may read.", repositories);
    page.gauge("logjar_artifacts", "Artifacts in them, each counted once.", artifacts);
    page.gauge("logjar_versions", "Their versions, each counted once.", versions);
}

fn write_process(page: &mut Page) {
    let process = process::read();
    page.gauge("logjar_process_resident_bytes", "Memory of the process.", process.resident_bytes);
    page.counter("logjar_process_cpu_seconds_total", "CPU time of the process.", process.cpu_seconds);
    page.gauge("logjar_process_open_files", "Open descriptors of the process.", process.open_files);
    let most = process.open_files_max;
    page.gauge("logjar_process_open_files_max", "Most descriptors that the process may open.", most);
}

/// Microseconds as seconds.
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
