//! Tests of what is kept, and for how long.

use std::fs;

use super::*;

const NOW: Moment = Moment(1_800_000_000_000_000);
const PATIENCE: Duration = Duration::from_secs(40);

fn refusal(number: u64, user: Option<&str>) -> Refusal {
    Refusal {
        at: format!("2027-01-15T08:00:{number:09}Z"),
        user: user.map(str::to_owned),
        path: "repo/org/example/lib/1.0/lib-1.0.pom".to_owned(),
        tag: "pom-file-invalid".to_owned(),
        detail: "no".to_owned(),
        status: 403,
        client: None,
        request: None,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().expect("plain names")).collect();
    names.sort();
    names
}

#[test]
fn refused_sign_ins_are_kept_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let activity = Activity::open(folder.path().to_owned(), NOW, 36_500);
    for (user, reason, seconds) in [
        (Some("amy"), SignInReason::Wrong, 0),
        (Some("amy"), SignInReason::Wrong, 0),
        (Some("amy"), SignInReason::Throttled, 1),
        (Some("amy"), SignInReason::Throttled, 2),
        (None, SignInReason::Throttled, 3),
        (Some("amy"), SignInReason::Throttled, 70),
    ] {
        let (user, client) = (user.map(str::to_owned), "192.0.2.1".to_owned());
        let refused = RefusedSignIn { at: String::new(), user, reason, client };
        activity.keep_sign_in(&refused, NOW, Duration::from_secs(seconds));
    }
    activity.finish(PATIENCE);
    let kept = fs::read_to_string(SIGN_INS.file(folder.path(), &day(NOW))).expect("the day's file");
    let parts = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        format!("{} {}", line["user"], line["reason"])
    };
    assert_eq!(
        kept.lines().map(parts).collect::<Vec<_>>(),
        [
            r#""amy" "wrong""#,
            r#""amy" "wrong""#,
            r#""amy" "throttled""#,
            r#"null "throttled""#,
            r#""amy" "throttled""#
        ]
    );
    assert!(activity.recent(None).is_empty(), "they push no deploy out of memory");
}

#[test]
fn strangers_push_nobody_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let activity = Activity::open(folder.path().to_owned(), NOW, 36_500);
    activity.keep(refusal(0, Some("amy")), Whose::User, NOW);
    for number in 1..30_000 {
        let address = Some(IpAddr::from(((number % 50) as u32).to_be_bytes()));
        activity.keep(refusal(number, None), Whose::Stranger(address), NOW);
    }
    activity.keep(refusal(30_000, Some("amy")), Whose::User, NOW);
    activity.finish(PATIENCE);
    let again = Activity::open(folder.path().to_owned(), NOW, 36_500);
    for activity in [activity, again] {
        assert_eq!(activity.recent(Some("amy")).len(), 2);
        let all = activity.recent(None);
        assert_eq!(all.len(), 2 + STRANGERS_MAX);
        assert!(all.is_sorted_by(|one, other| one.at >= other.at), "the newest first");
    }
}

#[test]
fn old_files_go_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (today, old) = (day(crate::clock::now()), "2020-01-01");
    for kind in KINDS {
        for day in [old, &today] {
            fs::write(kind.file(folder.path(), day), "").expect("writable");
        }
    }
    fs::write(folder.path().join("other-2020-01-01.jsonl"), "").expect("writable");
    let activity = Activity::open(folder.path().to_owned(), NOW, 90);
    assert_eq!(names(folder.path()).len(), 7, "who only looks removes nothing");
    activity.keep_house();
    activity.finish(PATIENCE);
    let left = KINDS.map(|kind| format!("{}-{today}.jsonl", kind.name));
    let mut expected = left.to_vec();
    expected.push("other-2020-01-01.jsonl".to_owned());
    expected.sort();
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn a_file_is_read_back_from_its_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lines: String = (0..10_000)
        .map(|number| serde_json::to_string(&refusal(number, Some("amy"))).expect("JSON") + "\n")
        .collect();
    assert!(lines.len() as u64 > READ_BACK);
    fs::write(USERS.file(folder.path(), &day(NOW)), lines).expect("writable");
    let latest = Activity::open(folder.path().to_owned(), NOW, 90).recent(None);
    assert_eq!((latest.len(), latest[0].at.as_str()), (USERS_MAX, "2027-01-15T08:00:000009999Z"));
}
