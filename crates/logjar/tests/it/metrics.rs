//! `/metrics`: the format, read by a strict parser, and numbers that change as things happen.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Request;
use crate::deploy::{Deploy, pom};
use crate::server::TestServer;
use crate::source;

/// What a scrape found.
struct Scrape {
    /// Kind by name.
    families: BTreeMap<String, String>,
    /// Value by name and labels.
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    fn of(server: &TestServer) -> Self {
        let answer = server.get("/metrics").expect(200, "/metrics");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::parse(&answer.text())
    }

    /// Takes what the format requires and what its guide to names asks for, and nothing else.
    fn parse(text: &str) -> Self {
        let mut scrape = Self { families: BTreeMap::new(), samples: BTreeMap::new() };
        let mut lines = text.strip_suffix('\n').expect("the last line ends too").lines().peekable();
        while let Some(line) = lines.next() {
            let (name, help) = line.strip_prefix("# HELP ").expect(line).split_once(' ').unwrap();
            assert!(help.ends_with('.') && !help.contains('\\'), "{line}");
            let kind = lines.next().unwrap();
            let kind = kind.strip_prefix(&format!("# TYPE {name} ")).unwrap_or_else(|| panic!("{kind}"));
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{name} is a {kind}");
            assert!(name.starts_with("logjar_") && is_name(name), "{name}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert_eq!(
                scrape.families.insert(name.to_owned(), kind.to_owned()),
                None,
                "{name} is there twice"
            );
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                scrape.sample(name, kind, line);
            }
        }
        scrape.check_histograms();
        scrape
    }

    fn sample(&mut self, family: &str, kind: &str, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect(line)),
            None => (series, ""),
        };
        let suffix = name.strip_prefix(family).expect(line);
        match kind {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        for label in labels.split(',').filter(|labels| !labels.is_empty()) {
            let (name, value) = label.split_once("=\"").expect(line);
            let value = value.strip_suffix('"').expect(line);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.+".contains(&byte);
            assert!(is_name(name) && value.bytes().all(plain), "{line}");
        }
        let value: f64 = value.parse().expect(line);
        assert!(value.is_finite() && value >= 0.0, "{line}");
        assert_eq!(self.samples.insert(series.to_owned(), value), None, "{series} is there twice");
    }

    fn check_histograms(&self) {
        for (name, _) in self.families.iter().filter(|(_, kind)| *kind == "histogram") {
            let prefix = format!("{name}_bucket{{le=\"");
            let mut buckets: Vec<(f64, f64)> = self
                .samples
                .iter()
                .filter_map(|(series, value)| {
                    let bound = series.strip_prefix(&prefix)?.strip_suffix("\"}")?;
                    Some((bound.parse().unwrap(), *value))
                })
                .collect();
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by(|one, other| one.1 <= other.1), "{name}: {buckets:?}");
            let (bound, all) = buckets.last().copied().unwrap();
            assert_eq!((bound, all), (f64::INFINITY, self.value(&format!("{name}_count"))), "{name}");
        }
    }

    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("there is no {series}: {:?}", self.samples))
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// By how much each series went up.
fn changes(before: &Scrape, after: &Scrape) -> BTreeMap<String, f64> {
    let value = |series: &String| before.samples.get(series).copied().unwrap_or_default();
    after.samples.iter().map(|(series, now)| (series.clone(), now - value(series))).collect()
}

#[test]
fn every_series_is_documented() {
    let page = source::read("docs/operating.md");
    let documented: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `logjar_"))
        .map(|row| row.split(['`', '{']).next().unwrap())
        .collect();
    let series: BTreeSet<String> = Scrape::of(&TestServer::start()).families.into_keys().collect();
    let rows: BTreeSet<String> = documented.iter().map(|name| format!("logjar_{name}")).collect();
    assert_eq!(rows, series);
    assert_eq!(rows.len(), documented.len(), "a row a series: {documented:?}");
    assert!((24..60).contains(&series.len()), "{} series", series.len());
}

#[test]
fn numbers_change_as_things_happen() {
    let server = TestServer::with_amy();
    let before = Scrape::of(&server);
    let lib = Deploy::new("org.example:lib:1.0");
    lib.send(&server, "amy").created();
    lib.clone().file(".jar", "other bytes").send(&server, "amy").refusal();
    Deploy::new("org.example:lib:2.0-SNAPSHOT").stamp("20261124.080000-1").send(&server, "amy").created();
    Deploy::new("org.example:open:1.0").left_open().send(&server, "amy").created();
    for _ in 0..3 {
        server.get(&lib.path(".jar")).expect(200, "the jar");
    }
    server.get(&lib.path(".war")).expect(404, "a war");
    server.get("/health/live").expect(200, "health");
    for (query, status) in [("lib", 200), ("nothing*", 200), ("at:[", 400)] {
        server.get(&format!("/api/v1/search?q={query}")).expect(status, query);
    }
    server.get("/api/v1/users").expect(401, "the API");
    server.get("/nothing").expect(404, "nothing");
    server.get("/repo/../nothing").expect(400, "a path that leads elsewhere");
    let after = Scrape::of(&server);
    let went_up = changes(&before, &after);
    // Two deploys, and the token that they are made with.
    for (series, by) in [
        ("logjar_deploys_total{kind=\"release\"}", 1.0),
        ("logjar_deploys_total{kind=\"snapshot\"}", 1.0),
        ("logjar_deploys_total{kind=\"late\"}", 0.0),
        ("logjar_open_deploys", 1.0),
        ("logjar_downloads_total", 3.0),
        ("logjar_cache_hits_total", 2.0),
        ("logjar_cache_misses_total", 1.0),
        ("logjar_cache_answers", 1.0),
        ("logjar_log_events_total", 3.0),
        ("logjar_log_position", 3.0),
        ("logjar_log_append_seconds_count", 3.0),
        ("logjar_http_requests_total{area=\"health\",code=\"2xx\"}", 1.0),
        ("logjar_http_requests_total{area=\"api\",code=\"4xx\"}", 2.0),
        ("logjar_search_seconds_count", 2.0),
        ("logjar_http_requests_total{area=\"other\",code=\"4xx\"}", 2.0),
        ("logjar_http_requests_total{area=\"metrics\",code=\"2xx\"}", 1.0),
        ("logjar_http_requests_in_flight", 0.0),
        ("logjar_users", 0.0),
        ("logjar_groups", 1.0),
        ("logjar_artifacts", 1.0),
        ("logjar_versions", 2.0),
        ("logjar_disk_full", 0.0),
        ("logjar_log_ahead_seconds", 0.0),
        ("logjar_clock_moved_seconds", 0.0),
    ] {
        assert_eq!(went_up[series], by, "{series}");
    }
    // The war, and one PUT at least of the deploy that is refused.
    assert!(went_up["logjar_http_requests_total{area=\"repository\",code=\"4xx\"}"] >= 2.0);
    assert!(went_up["logjar_refused_puts_total{reason=\"redeploy-non-snapshot\"}"] >= 1.0);
    assert!(after.value("logjar_open_deploys_bytes") > 100.0);
    for series in ["logjar_http_sent_bytes_total", "logjar_http_received_bytes_total"] {
        assert!(went_up[series] > 1_000.0, "{series}");
    }
    for (name, _) in after.families.iter().filter(|(_, kind)| *kind == "counter") {
        for (series, by) in went_up.iter().filter(|(series, _)| series.starts_with(name.as_str())) {
            assert!(*by >= 0.0, "{series} is a counter and went down by {by}");
        }
    }
}

#[test]
fn nothing_of_a_private_repository_shows() {
    let server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    let before = Scrape::of(&server);
    server.logjar(&["repo", "create", "secretive", "--read", "granted"]).expect(0);
    let hidden = Deploy::new("net.hidden:unseen:1.0").repository("secretive");
    hidden.send(&server, "amy").created();
    hidden.clone().file(".pom", pom("net.hidden", "else", "1.0", "jar")).send(&server, "amy").refusal();
    let path = hidden.path(".jar");
    server.send(&Request::get(&path).authorized("amy", &server.token_of("amy"))).expect(200, &path);
    let text = server.get("/metrics").expect(200, "/metrics").text();
    for name in ["secretive", "hidden", "unseen", "amy", "example"] {
        assert!(!text.contains(name), "{name} shows in {text}");
    }
    let after = Scrape::of(&server);
    let went_up = changes(&before, &after);
    for name in ["groups", "repositories", "artifacts", "versions", "downloads_total", "cache_answers"] {
        assert_eq!(went_up[&format!("logjar_{name}")], 0.0, "{name}");
    }
    server.logjar(&["repo", "set", "secretive", "--read", "public"]).expect(0);
    let public = changes(&after, &Scrape::of(&server));
    for name in ["groups", "repositories", "artifacts", "versions"] {
        assert_eq!(public[&format!("logjar_{name}")], 1.0, "{name}");
    }
}

#[test]
fn pages_and_metrics_count_alike() {
    let server = TestServer::with_amy();
    server.logjar(&["repo", "create", "second"]).expect(0);
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    for version in ["1.0", "2.0"] {
        let deploy = Deploy::new(&format!("org.example:lib:{version}"));
        deploy.repository("second").send(&server, "amy").created();
    }
    let scrape = Scrape::of(&server);
    let series = ["groups", "artifacts", "versions"].map(|name| scrape.value(&format!("logjar_{name}")));
    assert_eq!(series, [1.0, 1.0, 2.0], "what is in two repositories counts once");
    let home = server.get("/").expect(200, "the page").text();
    for count in ["1 artifact", "2 versions", "1 group"] {
        assert!(home.contains(count), "{count}: {home}");
    }
}
