//! The words that names and descriptions are made of: a few hundred that are usual in the names of libraries, and a
//! tail of made-up ones. A word is the rarer the later it stands.

use std::collections::HashSet;

use super::random::{Random, Zipf};

/// How many words there are.
const WORDS: usize = 4_000;

/// In a description every other word or so is one of these.
const SMALL_WORDS: [&str; 12] =
    ["a", "for", "the", "and", "of", "in", "with", "to", "from", "on", "your", "that"];

const USUAL: &str = "\
    clojure library client server http json data web core api simple tools java test async component cljs ring \
    wrapper parser utils plugin database sql schema state react spec time string file log router config \
    template cache event stream message queue graph tree map set list vector lens macro compiler lexer grammar \
    script shell build deploy package lein boot maven gradle docker kubernetes cloud storage bucket lambda aws \
    azure google firebase kafka rabbit redis mongo postgres mysql sqlite datomic datascript cassandra elastic \
    lucene solr search index query filter sort merge diff patch version git github gitlab jenkins travis \
    metrics monitor trace profile benchmark report chart plot table grid form field input validation rule \
    logic prolog unify match pattern regex text markdown html css style theme layout page site blog feed rss \
    mail smtp imap chat bot slack discord telegram twitter oauth auth token session cookie crypto hash sign \
    key secret vault encrypt password user role access policy audit money currency payment invoice tax bank \
    ledger account order cart shop product catalog stock price trade market finance date calendar clock timer \
    schedule cron job worker pool thread lock atom agent actor future promise channel pipe socket websocket \
    tcp udp dns proxy gateway balance retry circuit breaker rate limit throttle batch bulk import export csv \
    excel pdf image audio video sound music midi synth game engine sprite physics math matrix tensor neural \
    network learn model train cluster classify regress bayes random sample statistics probability geometry geo \
    location route weather sensor device robot arduino serial usb bluetooth mobile android ios swift kotlin \
    scala groovy python ruby javascript typescript node npm browser dom canvas webgl svg font color pixel \
    animation transition fiber hook effect reducer store atomics subscription graphql grpc protobuf avro \
    thrift transit edn yaml toml xml soap rest swagger openapi contract mock stub fixture assert check \
    generator property fuzz coverage lint format pretty print debug inspect repl nrepl editor emacs vim \
    cursive hotload reload watch notify daemon process signal memory heap buffer bytes codec base64 compress \
    zip tar archive backup restore sync replicate raft consensus leader election registry discovery service \
    mesh ingress quota billing tenant admin console dashboard widget menu dialog modal tab";

const ONSETS: [&str; 16] = ["b", "br", "c", "d", "dr", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t"];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "a", "o", "ai"];
const CODAS: [&str; 8] = ["", "", "", "", "n", "r", "l", "x"];

/// The words, and how often each is drawn.
pub(crate) struct Vocabulary {
    words: Vec<String>,
    in_names: Zipf,
    in_descriptions: Zipf,
}

impl Vocabulary {
    /// The same words for every seed.
    pub(crate) fn new() -> Self {
        let mut random = Random::new(0, 0);
        let mut words: Vec<String> = Vec::with_capacity(WORDS);
        let mut known = HashSet::new();
        words.extend(
            USUAL.split_whitespace().filter(|word| known.insert((*word).to_owned())).map(str::to_owned),
        );
        while words.len() < WORDS {
            let syllables = 2 + random.below(2);
            let word: String = (0..syllables).map(|_| syllable(&mut random)).collect();
            if known.insert(word.clone()) {
                words.push(word);
            }
        }
        // Names are chosen to differ, so their words are more alike in number than those of prose.
        let (in_names, in_descriptions) = (Zipf::new(words.len(), 60), Zipf::new(words.len(), 8));
        Self { words, in_names, in_descriptions }
    }

    /// A word of a name.
    pub(crate) fn name_word(&self, random: &mut Random) -> &str {
        &self.words[self.in_names.draw(random)]
    }

    /// Some words joined with `-`, two as a rule.
    pub(crate) fn name(&self, random: &mut Random) -> String {
        let words = [1, 2, 2, 2, 2, 2, 3, 3, 3, 3][random.below(10)];
        let words: Vec<&str> = (0..words).map(|_| self.name_word(random)).collect();
        words.join("-")
    }

    /// A sentence of 5 to 15 words.
    pub(crate) fn description(&self, random: &mut Random) -> String {
        let length = 5 + random.below(11);
        let mut text = String::new();
        for place in 0..length {
            let small = place + 1 < length && random.percent(35);
            let word = if small {
                random.pick(&SMALL_WORDS)
            } else {
                &self.words[self.in_descriptions.draw(random)]
            };
            let mut letters = word.chars();
            match letters.next() {
                Some(first) if place == 0 => text.push(first.to_ascii_uppercase()),
                Some(first) => text.extend([' ', first]),
                None => {}
            }
            text.extend(letters);
        }
        if random.percent(50) {
            text.push('.');
        }
        text
    }
}

fn syllable(random: &mut Random) -> String {
    [random.pick(&ONSETS), random.pick(&VOWELS), random.pick(&CODAS)].concat()
}
