//! Writes Prometheus' text format, version 0.0.4: a HELP and a TYPE line for each series, then its samples.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write};

use super::{BOUNDS, Histogram};

/// The media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of series.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// The whole text.
    pub fn finish(self) -> String {
        self.text
    }

    /// A number that only increases; its name ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.counters(name, help, [([], value)]);
    }

    /// Several such numbers, distinguished by labels.
    pub fn counters<'a, const N: usize, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'a str, &'a str); N], V)>,
    ) {
        self.samples(name, help, "counter", samples);
    }

    /// Numbers that go up and down, told apart by their labels.
    pub fn gauges<'a, const N: usize, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'a str, &'a str); N], V)>,
    ) {
        self.samples(name, help, "gauge", samples);
    }

    fn samples<'a, const N: usize, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        samples: impl IntoIterator<Item = ([(&'a str, &'a str); N], V)>,
    ) {
        self.head(name, help, kind);
        for (labels, value) in samples {
            self.sample(name, &labels, value);
        }
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.labelled_gauge(name, help, [], value);
    }

    /// Such a number, with labels.
    pub fn labelled_gauge<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [(&str, &str); N],
        value: impl Display,
    ) {
        self.gauges(name, help, [(labels, value)]);
    }

    /// Durations in seconds.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let bucket = format!("{name}_bucket");
        let counts = histogram.cumulated();
        for (bound, count) in BOUNDS.iter().zip(counts) {
            self.sample(&bucket, &[("le", &bound.to_string())], count);
        }
        let all = counts.last().copied().unwrap_or_default();
        self.sample(&bucket, &[("le", "+Inf")], all);
        self.sample(&format!("{name}_sum"), &[], histogram.seconds());
        self.sample(&format!("{name}_count"), &[], all);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        match labels.as_slice() {
            [] => self.line(format_args!("{name} {value}")),
            labels => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn series() {
        let mut page = Page::default();
        page.counter("a_total", "Things.", 3);
        page.labelled_gauge("b", "Others.", [("x", "a\"b\\c\nd"), ("y", "")], 0.5);
        page.counters("c_total", "None yet.", std::iter::empty::<([(&str, &str); 1], u64)>());
        assert_eq!(
            page.finish(),
            "# HELP a_total Things.\n# TYPE a_total counter\na_total 3\n\
             # HELP b Others.\n# TYPE b gauge\nb{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 0.5\n\
             # HELP c_total None yet.\n# TYPE c_total counter\n"
        );
    }

    #[test]
    fn histograms_are_cumulated() {
        let histogram = Histogram::default();
        for micros in [500, 501, 2_000_000] {
            histogram.note(Duration::from_micros(micros));
        }
        let mut page = Page::default();
        page.histogram("h_seconds", "Durations.", &histogram);
        let text = page.finish();
        for line in [
            "h_seconds_bucket{le=\"0.0005\"} 1",
            "h_seconds_bucket{le=\"0.001\"} 2",
            "h_seconds_bucket{le=\"1\"} 2",
            "h_seconds_bucket{le=\"+Inf\"} 3",
            "h_seconds_sum 2.001001",
            "h_seconds_count 3",
        ] {
            assert!(text.lines().any(|each| each == line), "`{line}` is missing in {text}");
        }
    }
}
