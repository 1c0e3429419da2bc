//! The rules of the deploy protocol, one row each. `script.rs` says what the words mean.

use logjar_domain::open_deploy::Settings;

use crate::late_files::LATE;
use crate::script::run;

/// A name for the rule, and the sequence that shows it.
pub(crate) type Row = (&'static str, &'static str);

/// Open deploys and runs.
const RUNS: &[Row] = &[
    ("files are visible only after the finish", ".pom .jar none meta:1.0 has:.jar,.pom events:1+0 held:0"),
    ("any order", "-sources.jar .jar.sha1 .pom.md5 .jar .pom meta:1.0 has:.jar,.pom,-sources.jar"),
    ("the same bytes again", ".pom .pom .jar .jar meta:1.0 meta:1.0 has:.jar,.pom events:1+0"),
    ("a metadata after a lost answer", ".pom .jar meta:1.0 +20 meta:1.0 events:1+0"),
    ("other bytes within a run", ".pom .jar .jar#2!deploy-under-way meta:1.0!deploy-under-way none"),
    (
        "everything in such a run is refused",
        ".pom .jar .jar#2!deploy-under-way -sources.jar!deploy-under-way .pom.sha1!deploy-under-way",
    ),
    (
        "such a run leaves nothing",
        ".pom .jar .jar#2!deploy-under-way +10 tick held:0 .jar#2 .pom meta:1.0 has:.jar,.pom",
    ),
    (
        "a refused PUT does not prolong a run",
        ".pom .jar +9 .jar#2!deploy-under-way +1 .jar#2 .pom meta:1.0 has:.jar,.pom",
    ),
    ("a run ends after 10 s", ".pom .jar +9.9 .jar#2!deploy-under-way"),
    ("a new run drops the old one", ".pom .jar -javadoc.jar +10 .pom .jar#2 meta:1.0 has:.jar,.pom"),
    ("also if it begins with other bytes", ".pom .jar -javadoc.jar +10 .pom#2 .jar#2 meta:1.0 has:.jar,.pom"),
    ("a new run with a new name goes on", "curl .jar +60 .pom has:.jar,.pom"),
    (
        "a run with a PUT in progress does not end",
        ".pom <.jar +60 .pom#2!deploy-under-way >.jar!deploy-under-way",
    ),
    ("a large file may take its time", ".pom <.jar +600 >.jar meta:1.0 has:.jar,.pom"),
    ("a body that broke off leaves nothing", ".pom <.jar +60 %.jar .pom#2 .jar#2 meta:1.0 has:.jar,.pom"),
    ("a body that broke off opens nothing", "<.jar %.jar tick held:0"),
    (
        "a file in progress may end after the finish",
        ".pom .jar <-sources.jar meta:1.0 >-sources.jar has:.jar,.pom,-sources.jar",
    ),
    (
        "a sum without its file ends with the run",
        ".pom .jar -x.jar.sha1 +10 -sources.jar meta:1.0 has:.jar,.pom,-sources.jar",
    ),
    ("a sum without its file", ".pom .jar -x.jar.sha1 meta:1.0!file-missing none held:0"),
    ("they go with it", ".pom .jar +10 .pom.sha1#3!file-invalid-checksum .pom#2!file-invalid-checksum"),
    (
        "sums before their files begin a new try too",
        ".pom .jar +10 .pom.sha1#2!file-invalid-checksum .pom#2 .jar#2 .jar.sha1 meta:1.0 has:.jar,.pom",
    ),
    (
        "a deploy is dropped after a day",
        ".pom .jar +86399 tick held:1 +1 tick held:0 .pom .jar meta:1.0 has:.jar,.pom",
    ),
    ("two tokens do not meet", ".pom .jar t:a2 .pom#2 .jar#2 .pom.sha1 t:a1 meta:1.0 has:.jar,.pom"),
    (
        "two versions of one token",
        ".pom v:1.1 .pom v:1.0 .jar v:1.1 .jar meta:1.0,1.1 has:.jar,.pom v:1.0 has:.jar,.pom events:2+0",
    ),
    (
        "one version at a time",
        ".pom .jar v:1.1 .pom v:1.0 meta:1.0 has:.jar,.pom v:1.1 none .jar meta:1.0,1.1 has:.jar,.pom",
    ),
    ("a restart in the middle", ".pom .jar .jar.sha1 restart +1 .jar meta:1.0 has:.jar,.pom"),
    (
        "a mark outlives a restart",
        ".pom .jar .jar.sha1~!file-invalid-checksum restart meta:1.0!file-invalid-checksum none",
    ),
    (
        "so does a refused file",
        ".jar .pom(group)!pom-file-mismatch-group restart meta:1.0!refused-before-restart",
    ),
    ("and a conflict", ".pom .jar .jar#2!deploy-under-way restart meta:1.0!deploy-under-way +10 tick held:0"),
];

/// Checks, and what is complete.
const CHECKS: &[Row] = &[
    ("a wrong sum", ".pom .jar .jar.sha1~!file-invalid-checksum meta:1.0!file-invalid-checksum none held:0"),
    ("a body that is no sum", ".pom .jar .jar.sha1~~!file-invalid-checksum meta:1.0!file-invalid-checksum"),
    (
        "a right sum takes a wrong one back",
        ".pom .jar .jar.sha1~!file-invalid-checksum .jar.sha1 meta:1.0 has:.jar,.pom",
    ),
    (
        "a right sum of another kind does not",
        ".pom .jar .jar.sha1~!file-invalid-checksum .jar.md5 meta:1.0!file-invalid-checksum",
    ),
    (
        "a file that does not fit its sum",
        ".pom .jar.sha1~ .jar!file-invalid-checksum meta:1.0!file-invalid-checksum none",
    ),
    (
        "such a file accepted after all",
        ".pom .jar.sha1~ .jar!file-invalid-checksum .jar.sha1 .jar meta:1.0 has:.jar,.pom",
    ),
    ("sums of signatures", ".pom .jar .jar.asc .jar.asc.sha1 meta:1.0 has:.jar,.jar.asc,.pom"),
    (
        "a wrong sum of a signature",
        ".pom .jar .jar.asc .jar.asc.md5~!file-invalid-checksum meta:1.0!file-invalid-checksum",
    ),
    ("no POM", ".jar meta:1.0!pom-file-missing none held:0"),
    ("a POM alone", ".pom(war) meta:1.0 has:.pom"),
    ("an unreadable POM", ".jar .pom(bad)!pom-file-invalid meta:1.0!pom-file-invalid"),
    (
        "a POM of something else",
        ".jar .pom(group)!pom-file-mismatch-group meta:1.0!pom-file-mismatch-group says:org.other",
    ),
    (
        "a version that the POM does not define",
        ".jar .pom(property)!pom-file-mismatch-version says:flatten-maven-plugin says:revision",
    ),
    ("a mended POM", ".jar .pom(bad)!pom-file-invalid .pom meta:1.0 has:.jar,.pom"),
    ("a POM with a classifier is none", "-build.pom .jar meta:1.0!pom-file-missing"),
    ("it is never parsed", ".pom .jar -build.pom(bad) meta:1.0 has:.jar,.pom,-build.pom"),
    (
        "a refusal outside the protocol marks",
        ".pom ^.jar!refused-before-restart meta:1.0!refused-before-restart none",
    ),
    ("also as the first PUT", "^.jar!refused-before-restart .pom meta:1.0!refused-before-restart none"),
    (
        "a commit refused by a rule discards",
        ".pom .jar fail:rule meta:1.0!refused-before-restart held:0 none meta:1.0!refused-before-restart",
    ),
    (
        "a commit that could not be made keeps all",
        ".pom .jar fail:503 meta:1.0!refused-before-restart held:1 +5 meta:1.0 has:.jar,.pom",
    ),
    (
        "its run ends all the same",
        ".pom .jar fail:503 meta:1.0!refused-before-restart +10 .pom .jar#2 meta:1.0 has:.jar,.pom held:0",
    ),
    (
        "the last refusal is repeated",
        ".jar meta:1.0!pom-file-missing +1 meta:1.0!pom-file-missing +299 meta:1.0!nothing-to-finish",
    ),
    ("to its own token alone", ".jar meta:1.0!pom-file-missing t:a2 meta:1.0!nothing-to-finish"),
    ("a success ends it", ".jar meta:1.0!pom-file-missing v:1.1 .pom meta:1.0,1.1 meta:1.0,1.1 has:.pom"),
    (
        "another token was faster",
        ".pom .jar#1 t:a2 .pom .jar#2 meta:1.0 t:a1 meta:1.0!redeploy-non-snapshot says:`a` held:0 events:1+0",
    ),
    (
        "every PUT says so",
        "curl .pom -x.jar t:b1 .pom .jar t:a1 .jar!redeploy-non-snapshot says:x.jar .pom.sha1!redeploy-non-snapshot",
    ),
    (
        "a new try after that",
        ".pom .jar#1 t:b1 .pom .jar meta:1.0 t:a1 +10 .pom .jar meta:1.0 held:0 events:1+0",
    ),
    ("and sent the same bytes", ".pom .jar t:a2 .pom .jar meta:1.0 t:a1 meta:1.0 held:0 events:1+0"),
];

/// Finish by metadata.
const METADATA: &[Row] = &[
    ("a snapshot", "v:1.0-SNAPSHOT/1 .pom .jar announce:.pom,.jar none meta:1.0-SNAPSHOT has:.jar,.pom"),
    (
        "announced before its files",
        "v:1.0-SNAPSHOT/1 announce:.pom,.jar .pom .jar meta:1.0-SNAPSHOT has:.jar,.pom",
    ),
    ("not announced", "v:1.0-SNAPSHOT/1 .pom .jar meta:1.0-SNAPSHOT!nothing-to-finish none held:1"),
    (
        "not announced, but the version exists",
        "v:1.0-SNAPSHOT/1 .pom announce:.pom meta:1.0-SNAPSHOT v:1.0-SNAPSHOT/2 .pom meta:1.0-SNAPSHOT none held:1",
    ),
    (
        "not all that is listed has come",
        "v:1.0-SNAPSHOT/1 announce:.pom,.jar .pom meta:1.0-SNAPSHOT!nothing-to-finish none held:1 .jar meta:1.0-SNAPSHOT has:.jar,.pom",
    ),
    (
        "a further stamp without a POM",
        "v:1.0-SNAPSHOT/1 .pom announce:.pom meta:1.0-SNAPSHOT v:1.0-SNAPSHOT/2 -sources.jar announce:-sources.jar meta:1.0-SNAPSHOT has:-sources.jar",
    ),
    (
        "the first stamp without a POM",
        "v:1.0-SNAPSHOT/1 -sources.jar announce:-sources.jar meta:1.0-SNAPSHOT!pom-file-missing none held:1",
    ),
    (
        "a stamp a second off",
        "v:1.0-SNAPSHOT/1 .pom .jar v:1.0-SNAPSHOT/2 announce:.pom,.jar meta:1.0-SNAPSHOT none v:1.0-SNAPSHOT/1 has:.jar,.pom",
    ),
    (
        "a second off with two stamps open",
        "v:1.0-SNAPSHOT/1 .pom v:1.0-SNAPSHOT/2 .pom v:1.0-SNAPSHOT/3 announce:.pom meta:1.0-SNAPSHOT!nothing-to-finish held:2",
    ),
    (
        "a second off without a POM",
        "v:1.0-SNAPSHOT/1 .jar v:1.0-SNAPSHOT/2 announce:.jar meta:1.0-SNAPSHOT!pom-file-missing held:1",
    ),
    (
        "a second off after the run",
        "v:1.0-SNAPSHOT/1 .pom +10 v:1.0-SNAPSHOT/2 announce:.pom meta:1.0-SNAPSHOT!nothing-to-finish held:1",
    ),
    (
        "a cancelled announcement takes no later build",
        "v:1.0-SNAPSHOT/1 announce:.pom +1 v:1.0-SNAPSHOT/2 .pom meta:1.0-SNAPSHOT!nothing-to-finish held:1",
    ),
    (
        "several ready stamps",
        "v:1.0-SNAPSHOT/1 .pom announce:.pom v:1.0-SNAPSHOT/2 .pom announce:.pom meta:1.0-SNAPSHOT has:.pom v:1.0-SNAPSHOT/1 has:.pom",
    ),
    (
        "one of them is marked",
        "v:1.0-SNAPSHOT/1 .pom .pom.sha1~!file-invalid-checksum announce:.pom v:1.0-SNAPSHOT/2 .pom announce:.pom \
         meta:1.0-SNAPSHOT!file-invalid-checksum has:.pom v:1.0-SNAPSHOT/1 none held:0",
    ),
    (
        "releases come first",
        "v:1.1-SNAPSHOT/1 .pom announce:.pom v:1.0 .pom meta:1.0,1.1-SNAPSHOT has:.pom v:1.1-SNAPSHOT/1 none held:1",
    ),
    (
        "one of two releases is incomplete",
        ".pom v:1.1 .jar meta:1.0,1.1!pom-file-missing none v:1.0 none held:1 meta:1.0 has:.pom",
    ),
    ("what is not listed is left alone", ".pom v:1.1 .pom meta:1.1 has:.pom v:1.0 none held:1"),
    (
        "a cancelled build of a version that another token published",
        ".jar t:b1 .pom meta:1.0 t:a1 v:1.1 .pom meta:1.0,1.1 has:.pom",
    ),
    (
        "a cancelled stamp",
        "v:1.0-SNAPSHOT/1 .pom v:1.0-SNAPSHOT/2 .pom .jar announce:.pom,.jar meta:1.0-SNAPSHOT has:.jar,.pom v:1.0-SNAPSHOT/1 none",
    ),
    ("nothing to finish and nothing there", "meta:1.0!nothing-to-finish says:org.example:a:1.0"),
    ("nothing to finish but a listed version exists", ".pom meta:1.0 v:1.1 t:b1 meta:1.0,1.1 none"),
    (
        "files of older builds are listed too",
        "v:1.0-SNAPSHOT/1 .pom announce:.pom,-x.jar@older meta:1.0-SNAPSHOT has:.pom",
    ),
    ("an announcement prolongs the run", "v:1.0-SNAPSHOT/1 .pom +9 announce:.pom +9 .pom#2!deploy-under-way"),
    (
        "a second off without a POM where the version exists",
        "v:1.0-SNAPSHOT/1 .pom announce:.pom meta:1.0-SNAPSHOT v:1.0-SNAPSHOT/2 -x.jar v:1.0-SNAPSHOT/3 announce: meta:1.0-SNAPSHOT v:1.0-SNAPSHOT/2 none",
    ),
    (
        "a document that cannot be read",
        ".pom .jar meta-unreadable!maven-metadata-file-invalid none meta:1.0 has:.jar,.pom",
    ),
    ("sums of metadata", ".pom .jar meta.sha1 none meta:1.0 has:.jar,.pom meta.sha1"),
    ("plugins finish nothing", ".pom plugins none held:1"),
    (
        "a conflict of stamps",
        "v:1.0-SNAPSHOT/1 .pom .jar .jar#2!deploy-under-way announce:.pom,.jar meta:1.0-SNAPSHOT!deploy-under-way none",
    ),
    (
        "a plain snapshot of a metadata client",
        "v:1.0-SNAPSHOT .pom .jar announce-plain none meta:1.0-SNAPSHOT has:.jar,.pom",
    ),
    (
        "a stamp that is there sent again",
        "v:1.0-SNAPSHOT/1 .pom announce:.pom meta:1.0-SNAPSHOT .pom announce:.pom meta:1.0-SNAPSHOT events:1+0 .pom#2!redeploy-non-snapshot",
    ),
];

/// Finish without metadata, and by request.
const WHOLE: &[Row] = &[
    ("POM and main file", "curl .jar says:POM none .pom has:.jar,.pom events:1+0"),
    ("the POM alone if its packaging is pom", "curl .pom(pom) has:.pom"),
    ("the main file by its packaging", "curl .pom(war) says:.war .jar none .war has:.jar,.pom,.war"),
    ("a packaging that is no extension", "curl .pom(bundle) .jar has:.jar,.pom"),
    ("with the first right sum of each", "curl .pom .pom.sha1 .jar none says:sum .jar.md5 has:.jar,.pom"),
    ("with one sum, both need one", "curl .pom .jar.sha1 .jar none .pom.sha1 has:.jar,.pom"),
    (
        "a wrong sum holds it up",
        "curl .pom .pom.sha1 .jar .jar.sha1~!file-invalid-checksum none .jar.md5 none .jar.sha1 has:.jar,.pom",
    ),
    ("metadata after all", "curl .pom .jar meta:1.0 events:1+0"),
    ("a metadata client waits", ".pom .jar none says:maven-metadata.xml"),
    ("unless an Ivy descriptor is there", ".jar .pom none ivy has:.jar,.pom,ivy-1.0.xml"),
    (
        "an Ivy descriptor without a POM",
        "curl .jar ivy!pom-file-missing none .pom none says:Ivy ivy has:.jar,.pom,ivy-1.0.xml",
    ),
    (
        "a promised module",
        "curl .pom(gradle) .jar none says:.module .module has:.jar,.module,.pom events:1+0",
    ),
    ("with sums", "curl .pom(gradle) .pom.sha1 .jar .jar.sha1 none .module has:.jar,.module,.pom"),
    ("it outlives a restart", "curl .pom(gradle) restart .jar none .module has:.jar,.module,.pom"),
    ("metadata finishes without it and says so", ".pom(gradle) .jar meta:1.0 says:.module has:.jar,.pom"),
    (
        "so does a request",
        ".pom(gradle) .jar finish says:.module has:.jar,.pom .module has:.jar,.module,.pom",
    ),
    (
        "and metadata of a snapshot",
        "v:1.0-SNAPSHOT/1 .pom(gradle) .jar announce:.pom,.jar meta:1.0-SNAPSHOT says:.module has:.jar,.pom",
    ),
    ("nothing is said where it is there", ".pom(gradle) .jar .module meta:1.0 has:.jar,.module,.pom"),
    ("a refused commit is the answer", "curl .pom fail:rule .jar!refused-before-restart none held:0"),
    (
        "a commit that could not be made",
        "curl .pom fail:503 .jar!refused-before-restart none .jar has:.jar,.pom",
    ),
    ("finish by request", ".pom .jar finish has:.jar,.pom finish events:1+0"),
    (
        "finish by request of the next plain build",
        "v:1.0-SNAPSHOT .pom .jar finish .pom .jar#2 finish has:.jar,.pom events:2+0 held:0",
    ),
    ("finish by request of an incomplete deploy", ".jar finish!pom-file-missing held:0"),
    ("finish by request with nothing open", "finish!nothing-to-finish"),
    (
        "finish by request of one stamp",
        "v:1.0-SNAPSHOT/1 .pom v:1.0-SNAPSHOT/2 .pom finish has:.pom v:1.0-SNAPSHOT/1 none",
    ),
    (
        "finish by request of one of several",
        "v:1.0-SNAPSHOT/1 .pom v:1.0-SNAPSHOT/2 .pom v:1.0-SNAPSHOT finish!several-open",
    ),
    (
        "a plain snapshot",
        "curl v:1.0-SNAPSHOT .pom .jar has:.jar,.pom -sources.jar has:.jar,.pom,-sources.jar events:1+1",
    ),
    ("its names begin the next build", "curl v:1.0-SNAPSHOT .pom .jar .pom .jar#2 has:.jar,.pom events:2+0"),
    ("its last PUT again is a repeat", "curl v:1.0-SNAPSHOT .pom .jar .jar events:1+0 held:0"),
    ("not with other bytes", "curl v:1.0-SNAPSHOT .pom .jar .jar#2 held:1 .pom events:2+0"),
    ("not while the next build is open", "curl v:1.0-SNAPSHOT .pom .jar .pom#2 .jar events:2+0"),
    (
        "late sums of a plain build",
        "curl v:1.0-SNAPSHOT .pom .pom.sha1 .jar .jar.sha1 .jar.md5 .jar.md5 events:1+0 held:0",
    ),
    (
        "the next build of another token",
        "curl v:1.0-SNAPSHOT .pom .jar t:a2 -sources.jar .pom .jar has:.jar,.pom,-sources.jar events:2+0",
    ),
];

#[test]
fn runs() {
    all(RUNS, &Settings::default());
}

#[test]
fn checks() {
    all(CHECKS, &Settings::default());
}

#[test]
fn finish_by_metadata() {
    all(METADATA, &Settings::default());
}

#[test]
fn finish_without_metadata() {
    all(WHOLE, &Settings::default());
}

#[test]
fn late_files() {
    all(LATE, &Settings::default());
}

pub(crate) fn all(rows: &[Row], settings: &Settings) {
    for (name, script) in rows {
        run(name, settings, script);
    }
}
