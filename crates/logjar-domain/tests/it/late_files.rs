//! The rules of late files, one row each. `script.rs` says what the words mean.

use crate::protocol::Row;

/// Repeats of what is there, and late files.
pub(crate) const LATE: &[Row] = &[
    ("a release again with the same bytes", ".pom .jar meta:1.0 .pom .jar meta:1.0 events:1+0 held:0"),
    (
        "a release again with other bytes",
        ".pom .jar meta:1.0 .pom .jar#2!redeploy-non-snapshot meta:1.0!redeploy-non-snapshot says:1970-01-01 events:1+0",
    ),
    (
        "by another user",
        ".pom .jar meta:1.0 t:b1 .pom .jar#2!redeploy-non-snapshot -x.jar!redeploy-non-snapshot",
    ),
    ("another token of the same user", "curl .pom .jar t:a2 -sources.jar!redeploy-non-snapshot"),
    (
        "a late file of a deploy without sums",
        "curl .pom .jar -sources.jar has:.jar,.pom,-sources.jar events:1+1",
    ),
    (
        "a late file of a deploy with sums",
        "curl .pom .pom.md5 .jar .jar.md5 -sources.jar events:1+0 says:sum -sources.jar.sha1 events:1+1 held:0",
    ),
    ("its sum first", "curl .pom .pom.md5 .jar .jar.md5 -sources.jar.sha1 -sources.jar events:1+1"),
    (
        "its sum is wrong",
        "curl .pom .pom.md5 .jar .jar.md5 -sources.jar -sources.jar.sha1~!file-invalid-checksum -sources.jar.md5 events:1+0 -sources.jar.sha1 events:1+1",
    ),
    (
        "it does not fit the sum that came first",
        "curl .pom .jar -sources.jar.sha1~ -sources.jar!file-invalid-checksum events:1+0 held:0",
    ),
    ("late signatures wait for nothing", "curl .pom .pom.md5 .jar .jar.md5 .jar.asc .pom.sig events:1+2"),
    (
        "a late sum of a committed file",
        "curl .pom .jar .jar.sha1 .jar.md5~!file-invalid-checksum has:.jar,.pom events:1+0",
    ),
    (
        "no late POM",
        "v:1.0-SNAPSHOT/1 .pom announce: meta:1.0-SNAPSHOT v:1.0-SNAPSHOT/2 -x.jar announce: meta:1.0-SNAPSHOT .pom!redeploy-non-snapshot",
    ),
    ("no late main file", ".pom meta:1.0 .jar!redeploy-non-snapshot says:main"),
    (
        "a late module",
        "curl .pom .jar .module has:.jar,.module,.pom events:1+1 .module#2!redeploy-non-snapshot",
    ),
    (
        "another machine of a matrix build",
        ".pom .jar -linux.jar meta:1.0 .pom .jar -mac.jar -mac.jar.sha1 meta:1.0 .pom .jar -win.jar meta:1.0 \
         has:-linux.jar,-mac.jar,-win.jar,.jar,.pom events:1+2 held:0",
    ),
    (
        "one whose jar is another",
        ".pom .jar meta:1.0 .pom .jar#2!redeploy-non-snapshot -mac.jar meta:1.0!redeploy-non-snapshot says:a-1.0.jar \
         events:1+0 held:0",
    ),
    (
        "one that comes too late",
        ".pom .jar meta:1.0 +3601 .pom .jar -mac.jar!redeploy-non-snapshot says:minutes meta:1.0!redeploy-non-snapshot",
    ),
    (
        "one whose file has a wrong sum",
        ".pom .jar meta:1.0 .pom -mac.jar -mac.jar.sha1~!file-invalid-checksum meta:1.0!file-invalid-checksum held:0",
    ),
    ("a new name by somebody else", ".pom .jar meta:1.0 t:b1 -x.jar!redeploy-non-snapshot says:without"),
    (
        "a matrix build that cannot be committed now",
        ".pom .jar meta:1.0 .pom -mac.jar fail:503 meta:1.0!refused-before-restart held:1 meta:1.0 held:0 events:1+1",
    ),
    (
        "two at once, and a restart before their metadata",
        ".pom .jar meta:1.0 .pom .jar -mac.jar restart -win.jar meta:1.0 meta:1.0 held:0 events:1+2",
    ),
    (
        "one whose jar is another, before a restart",
        ".pom .jar meta:1.0 .jar#2!redeploy-non-snapshot -mac.jar restart meta:1.0!redeploy-non-snapshot held:0 events:1+0",
    ),
    (
        "and one that shows it later",
        ".pom .jar meta:1.0 .pom -mac.jar .jar#2!redeploy-non-snapshot restart meta:1.0!redeploy-non-snapshot held:0 \
         events:1+0",
    ),
    ("within the window", "curl .pom .jar +3600 -sources.jar events:1+1"),
    ("after the window", "curl .pom .jar +3601 -sources.jar!redeploy-non-snapshot says:60"),
    ("after a promotion", "curl .pom .jar promote -sources.jar!redeploy-non-snapshot says:promoted"),
    (
        "a late file again",
        "curl .pom .jar -sources.jar -sources.jar events:1+1 -sources.jar#2!redeploy-non-snapshot",
    ),
    (
        "other bytes for one that waits",
        "curl .pom .pom.md5 .jar .jar.md5 -s.jar -s.jar#2!deploy-under-way +10 -s.jar#2 -s.jar.md5 events:1+1 held:0",
    ),
    (
        "metadata clients may add files",
        ".pom .jar meta:1.0 -sources.jar meta:1.0 has:.jar,.pom,-sources.jar events:1+1",
    ),
    (
        "a repeat makes new names wait",
        ".pom .jar meta:1.0 .pom -new.jar -new.jar.sha1 .jar.asc events:1+0 meta:1.0 held:0 events:1+2 meta:1.0 events:1+2",
    ),
    (
        "however long it takes for it to come",
        ".pom .jar meta:1.0 .pom -new.jar +600 tick held:1 events:1+0 meta:1.0 held:0 events:1+1",
    ),
    (
        "of an earlier version they are left alone",
        ".pom .jar meta:1.0 .pom -mac.jar +600 tick v:1.1 .pom .jar meta:1.0,1.1 .pom -win.jar meta:1.0,1.1 \
         has:.jar,.pom,-win.jar held:1 events:2+1",
    ),
    (
        "a refusal of an earlier try is not told again",
        ".pom .jar meta:1.0 .pom -mac.jar .jar.sha1~!file-invalid-checksum +60 tick .pom -mac.jar meta:1.0 held:0 \
         events:1+1",
    ),
    (
        "they are not dropped while they are committed",
        ".pom .jar meta:1.0 .pom -mac.jar +86399 fail:503 meta:1.0!refused-before-restart +10 tick held:1 meta:1.0 \
         held:0 events:1+1",
    ),
    (
        "those of a redeploy go after 10 s",
        ".pom .jar meta:1.0 .jar#2!redeploy-non-snapshot -new.jar held:1 +10 tick held:0 events:1+0",
    ),
    ("not while a PUT comes", ".pom .jar meta:1.0 .pom -new.jar +9 -new2.jar +9 tick held:2"),
    (
        "after them late files are late files again",
        ".pom .jar meta:1.0 .pom -new.jar +10 -more.jar events:1+1",
    ),
    ("the retry of the last PUT is no repeat", ".pom .jar meta:1.0 -a.jar -a.jar -b.jar meta:1.0 events:1+2"),
    (
        "a redeploy that a new try repeats",
        ".pom .jar meta:1.0 .jar#2!redeploy-non-snapshot -new.jar meta:1.0!redeploy-non-snapshot events:1+0",
    ),
    (
        "a late file whose commit is refused",
        "curl .pom .jar fail:rule -s.jar!refused-before-restart held:0 events:1+0",
    ),
    (
        "a late file that could not be committed",
        "curl .pom .jar fail:503 -s.jar!refused-before-restart -s.jar events:1+1 held:0",
    ),
    (
        "an old sum is not of a late file",
        "curl .pom .pom.md5 .jar .jar.md5 -s.jar.sha1~ +10 -s.jar -s.jar.sha1 events:1+1",
    ),
    (
        "a late file that waits outlives a restart",
        "curl .pom .pom.md5 .jar .jar.md5 -s.jar restart held:1 -s.jar.sha1~!file-invalid-checksum restart -s.jar.md5 events:1+0 -s.jar.sha1 events:1+1 held:0",
    ),
    (
        "after a restart late files wait for nothing",
        "curl .pom .pom.md5 .jar .jar.md5 restart -s.jar events:1+1",
    ),
];
