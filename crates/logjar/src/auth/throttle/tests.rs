//! Tests of the counts: tables of moments, names and addresses.

use super::*;

const START: Duration = Duration::from_secs(1_000_000);

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn at(second: u64) -> Duration {
    START + Duration::from_secs(second)
}

/// Seconds to wait for a try at that second, 0 if it may go on.
fn wait(throttle: &Throttle, name: &str, from: u8, second: u64) -> u64 {
    throttle.admit(name, address(from), at(second)).err().map_or(0, |wait| wait.seconds)
}

#[test]
fn wrong_tries_for_a_name_wait_longer_and_longer() {
    let throttle = Throttle::default();
    // Second, and seconds to wait.
    let table = [
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 2),
        (2, 1),
        (3, 0),
        (7, 0),
        (15, 0),
        (31, 0),
        (62, 1),
        (63, 0),
        (64, 59),
        (123, 0),
        (182, 1),
        (183, 0),
        (183, 60),
    ];
    for (number, (second, seconds)) in table.into_iter().enumerate() {
        assert_eq!(wait(&throttle, "amy", 1, second), seconds, "row {number}");
    }
    assert_eq!(wait(&throttle, "ben", 1, 183), 0, "another name");
    assert_eq!(wait(&throttle, "amy", 2, 183), 0, "another address");
    assert_eq!(wait(&throttle, "amy", 1, 183 + 3_600), 0, "a row ends");
    assert_eq!(wait(&throttle, "amy", 1, 183 + 3_600), 0, "and the next one has its free tries");
}

#[test]
fn a_stranger_keeps_nobody_out() {
    let throttle = Throttle::default();
    // A try a second for a day, each time one may.
    let passed = (0..86_400).filter(|second| wait(&throttle, "amy", 1, *second) == 0).count();
    assert!((1_430..1_450).contains(&passed), "{passed} passed");
    let right = throttle.admit("amy", address(2), at(86_400)).expect("her own address need not wait");
    throttle.was_right(&right, at(86_400));
}

#[test]
fn who_guesses_from_many_addresses_keeps_out_no_known_one() {
    let throttle = Throttle::default();
    let home = throttle.admit("amy", address(250), at(0)).expect("nobody guesses yet");
    throttle.was_right(&home, at(0));
    let passed =
        (0..6_000_u64).filter(|number| wait(&throttle, "amy", (number % 200) as u8, number / 20) == 0);
    assert!((190..=210).contains(&passed.count()), "a hundred, and twenty a minute");
    assert!(wait(&throttle, "amy", 251, 299) > 0, "where she never was");
    for second in 300..305 {
        assert_eq!(wait(&throttle, "amy", 250, second), 0, "where she was before");
    }
    assert_eq!(wait(&throttle, "amy", 250, 305), 0, "a second after the fifth");
    assert!(wait(&throttle, "amy", 250, 305) > 0, "there too wrong ones wait in the end");
    assert_eq!(wait(&throttle, "amy", 251, 900), 0, "and elsewhere when nobody guesses any more");
}

#[test]
fn a_right_password_clears_the_name() {
    let throttle = Throttle::default();
    for _ in 0..4 {
        assert_eq!(wait(&throttle, "amy", 1, 0), 0);
    }
    let right = throttle.admit("amy", address(1), START).expect("the fifth");
    assert_eq!(wait(&throttle, "amy", 1, 0), 1);
    throttle.was_right(&right, START);
    for _ in 0..5 {
        assert_eq!(wait(&throttle, "amy", 1, 0), 0);
    }
    assert_eq!(wait(&throttle, "amy", 1, 0), 1);
}

#[test]
fn an_address_has_twenty_tries_a_minute() {
    let throttle = Throttle::default();
    let names: Vec<String> = (0..60).map(|number| format!("user{number}")).collect();
    let mut names = names.iter();
    let mut next = |from, second| wait(&throttle, names.next().expect("enough"), from, second);
    for _ in 0..20 {
        assert_eq!(next(1, 0), 0);
    }
    assert_eq!([next(1, 0), next(1, 1), next(1, 2), next(1, 3), next(1, 3)], [3, 2, 1, 0, 3]);
    assert_eq!(next(2, 3), 0, "another address");
    assert_eq!([next(1, 9), next(1, 9), next(1, 9)], [0, 0, 3], "one comes back every three seconds");
    let later = (0..20).map(|_| next(1, 100)).sum::<u64>();
    assert_eq!((later, next(1, 100)), (0, 3), "and after a minute all are back, but no more");
}

#[test]
fn right_passwords_cost_an_address_nothing() {
    let throttle = Throttle::default();
    for number in 0..100 {
        let right = throttle.admit(&format!("user{number}"), address(1), START).expect("no wrong try");
        throttle.was_right(&right, START);
    }
    // Nor do tries at whose password nobody looked.
    for _ in 0..200 {
        let nothing = throttle.admit("amy", address(1), START).expect("no wrong try");
        throttle.was_nothing(&nothing);
    }
}

#[test]
fn a_try_that_was_nothing_leaves_a_name_as_it_was() {
    let throttle = Throttle::default();
    for number in 0..8 {
        assert_eq!(wait(&throttle, "amy", 1, 100 * number), 0);
    }
    let nothing = throttle.admit("amy", address(1), at(1_000)).expect("it waited");
    assert_eq!(wait(&throttle, "amy", 1, 1_000), 16);
    throttle.was_nothing(&nothing);
    assert_eq!(wait(&throttle, "amy", 1, 1_000), 0, "somebody may try instead");
}

#[test]
fn just_after_the_machine_started() {
    let throttle = Throttle::default();
    let waits: Vec<u64> = (0..7)
        .map(|_| throttle.admit("amy", address(1), Duration::ZERO).err().map_or(0, |wait| wait.seconds))
        .collect();
    assert_eq!(waits, [0, 0, 0, 0, 0, 1, 1]);
}

#[test]
fn addresses_of_one_network() {
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("2001:db8::1", "2001:db8::ffff:1", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        let parse = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(parse(one) == parse(other), same, "{one} and {other}");
    }
}

#[test]
fn memory_is_bounded_and_the_oldest_go() {
    let throttle = Throttle::default();
    for _ in 0..5 {
        assert_eq!(wait(&throttle, "oldest", 1, 0), 0);
    }
    for number in 0..3 * ENTRIES_MAX as u32 {
        let from = IpAddr::from(number.to_be_bytes());
        let moment = at(1) + Duration::from_micros(number.into());
        let admitted = throttle.admit(&format!("user{number}"), from, moment).expect("a new address");
        if number % 2 == 0 {
            throttle.was_right(&admitted, moment);
        }
    }
    let counts = throttle.lock();
    for length in [
        counts.pairs.entries.len(),
        counts.addresses.entries.len(),
        counts.names.entries.len(),
        counts.known.entries.len(),
    ] {
        assert!((ENTRIES_MAX / 2..=ENTRIES_MAX).contains(&length), "{length}");
    }
    drop(counts);
    assert_eq!(wait(&throttle, "oldest", 1, 1), 0, "forgotten");
    let (last, name) = (3 * ENTRIES_MAX as u32 - 1, format!("user{}", 3 * ENTRIES_MAX - 1));
    let again = || throttle.admit(&name, IpAddr::from(last.to_be_bytes()), at(2)).is_ok();
    assert_eq!([again(), again(), again(), again(), again()], [true, true, true, true, false], "remembered");
}
