//! What may be under way at once: bytes and versions of a token, names of a deploy. And the rules with a switch.

use logjar_domain::open_deploy::Settings;

use crate::protocol::{Row, all};
use crate::script::run;

#[test]
fn a_token_holds_a_limited_amount() {
    // A POM has some 130 bytes here, any other file about 10.
    let rows: &[Row] = &[
        (
            "the oldest quiet deploy goes first",
            "@0 .pom @1 v:1.1 .pom @20 v:1.2 .pom .jar held:2 v:1.1 meta:1.1 has:.pom v:1.0 none",
        ),
        ("none under way", ".pom v:1.1 .pom v:1.2 .pom!too-much-open v:1.0 meta:1.0 has:.pom"),
        (
            "what does not fit marks its name",
            "v:1.1 .pom v:1.2 .pom v:1.0 .jar .pom!too-much-open meta:1.0!too-much-open",
        ),
        ("the same file again takes no more", "v:1.1 .pom v:1.2 .pom v:1.1 .pom meta:1.1 has:.pom"),
        (
            "of another token none goes",
            "t:a2 .pom +20 t:a1 v:1.1 .pom v:1.2 .pom t:a2 v:1.0 meta:1.0 has:.pom",
        ),
    ];
    all(rows, &Settings { open_bytes_per_token: 350, ..Settings::default() });
}

#[test]
fn a_token_has_so_many_deploys_open() {
    let rows: &[Row] = &[
        (
            "the oldest quiet deploy goes first",
            "@0 .pom @1 v:1.1 .pom @20 v:1.2 .pom held:2 v:1.1 meta:1.1 has:.pom v:1.0 none",
        ),
        (
            "none under way",
            ".pom v:1.1 .pom v:1.2 .pom!too-much-open meta:1.2!too-much-open v:1.0 meta:1.0 has:.pom",
        ),
        (
            "more of those that are",
            ".pom v:1.1 .pom v:1.0 .jar meta:1.0 has:.jar,.pom v:1.2 .pom meta:1.2 has:.pom",
        ),
        (
            "what is announced counts",
            "v:1.0-SNAPSHOT/1 announce:.pom v:1.0-SNAPSHOT/2 announce:.pom v:1.2 .pom!too-much-open",
        ),
        (
            "and goes like any other",
            "v:1.0-SNAPSHOT/1 announce:.pom v:1.0-SNAPSHOT/2 announce:.pom +20 v:1.2 .pom meta:1.2",
        ),
    ];
    all(rows, &Settings { open_deploys_per_token: 2, ..Settings::default() });
}

#[test]
fn a_deploy_has_so_many_names() {
    let mut many = String::from(".pom .jar");
    (2..100).for_each(|number| many.push_str(&format!(" -x{number}.jar")));
    for (name, more) in [
        ("a file", "-y.jar!too-many-files -z.jar!too-many-files meta:1.0!too-many-files none held:0"),
        ("a sum", "-y.jar.sha1!too-many-files meta:1.0!too-many-files none held:0"),
        ("those that are there again", ".jar .jar.sha1 meta:1.0 events:1+0"),
        ("a late file", "meta:1.0 -y.jar events:1+1"),
    ] {
        run(name, &Settings::default(), &format!("{many} {more}"));
    }
    let mut late = String::from("curl .pom .pom.md5 .jar .jar.md5");
    (0..100).for_each(|number| late.push_str(&format!(" -x{number}.jar")));
    run(
        "late files that wait",
        &Settings::default(),
        &format!("{late} held:100 -y.jar!too-many-files -y.jar.md5!too-many-files"),
    );
}

#[test]
fn a_version_has_so_many_files() {
    // All but 50 of those that it may have, with the sums that late files wait for.
    let mut script = String::from("curl .pom .pom.md5 .jar .jar.md5");
    (2..450).for_each(|number| script.push_str(&format!(" -x{number}.jar -x{number}.jar.md5")));
    (450..500).for_each(|number| script.push_str(&format!(" -x{number}.jar")));
    script.push_str(" -y.jar!too-many-files -y.jar.md5!too-many-files -x2.jar -x450.jar");
    (450..500).for_each(|number| script.push_str(&format!(" -x{number}.jar.md5")));
    script.push_str(" -y.jar!too-many-files events:1+498");
    run("those that wait count", &Settings::default(), &script);
}

#[test]
fn rule_21_wants_a_sum_of_every_file() {
    let rows: &[Row] = &[
        ("a sum of each", ".pom .pom.md5 .jar .jar.sha1 .jar.asc meta:1.0 has:.jar,.jar.asc,.pom"),
        ("one without", ".pom .pom.md5 .jar meta:1.0!file-missing-checksum none held:0"),
        ("without metadata it is not finished", "curl .pom .jar none .pom.md5 .jar.sha1 has:.jar,.pom"),
        (
            "a snapshot stays and says why",
            "v:1.0-SNAPSHOT/1 .pom announce:.pom meta:1.0-SNAPSHOT!file-missing-checksum held:1 .pom.md5 meta:1.0-SNAPSHOT has:.pom",
        ),
    ];
    all(rows, &Settings { require_sums: true, ..Settings::default() });
}

#[test]
fn rule_23_wants_all_signatures_or_none() {
    let rows: &[Row] = &[
        ("none", ".pom .jar meta:1.0 has:.jar,.pom"),
        ("all", ".pom .jar .jar.asc .pom.asc meta:1.0 has:.jar,.jar.asc,.pom,.pom.asc"),
        ("one", ".pom .jar .jar.asc meta:1.0!file-missing-signature says:.pom.asc"),
        (
            "of each kind",
            ".pom .jar .jar.asc .pom.asc .jar.sig meta:1.0!file-missing-signature says:.pom.sig",
        ),
        ("only metadata and a request finish", "curl .pom .jar none finish has:.jar,.pom"),
    ];
    all(rows, &Settings { require_all_signatures: true, ..Settings::default() });
}
