//! What a version's text says apart from its place in Maven's order: whether it is a pre-release, and whether it begins
//! with a date.

/// Words in versions that are tried out before the release that they precede.
const EARLY: [&str; 7] = ["alpha", "beta", "milestone", "rc", "cr", "ea", "preview"];

/// Maven's abbreviations for the first three of them, if a number follows: `2.0-M1`.
const SHORT: [&str; 3] = ["a", "b", "m"];

/// Whether the version is an alpha, a beta, a milestone, a release candidate, an early access or a preview. Words end
/// where their letters end, and case does not matter.
pub fn is_early(version: &str) -> bool {
    let mut rest = version;
    while let Some(start) = rest.find(|each: char| each.is_ascii_alphabetic()) {
        let word_on = rest.get(start..).unwrap_or_default();
        let end = word_on.find(|each: char| !each.is_ascii_alphabetic()).unwrap_or(word_on.len());
        let (word, after) = word_on.split_at(end);
        let is_one_of = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        if is_one_of(&EARLY) || (is_one_of(&SHORT) && after.starts_with(|next: char| next.is_ascii_digit())) {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether the version begins with a date of eight digits, such as `20031013.1`. Such a number is higher than that of
/// any ordinary version, so if a project has both, Maven's order says nothing.
pub fn begins_with_day(version: &str) -> bool {
    let Some((digits, after)) = version.split_at_checked(8) else { return false };
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits
        && !after.starts_with(|next: char| next.is_ascii_digit())
        && number(0, 4).is_some_and(|year| (1990..2100).contains(&year))
        && number(4, 6).is_some_and(|month| (1..=12).contains(&month))
        && number(6, 8).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_versions() {
        let early = [
            "1.0-alpha",
            "1.0-alpha1",
            "1.0alpha",
            "2.0.0-ALPHA-3",
            "1.0.Beta2",
            "1.0b2",
            "1.0-b02",
            "2.0-M1",
            "2.0.0.M5",
            "4.0-milestone-2",
            "1.0-rc1",
            "1.0.RC",
            "3.0.0.CR1",
            "21-ea+35",
            "1.0-preview.1",
            "1.0-a1",
            "rc1",
        ];
        for version in early {
            assert!(is_early(version), "{version}");
        }
        let others = [
            "1.0",
            "1.0-jre",
            "33.0.0-android",
            "1.0.Final",
            "1.0.GA",
            "r09",
            "1.0-b",
            "1.0-m",
            "1.0-march",
            "1.0-early",
            "1.0-sp1",
            "1.0-release",
            "1.0.0-arc1",
            "1.0-alphabet",
            "2.13.0-macro",
            "",
        ];
        for version in others {
            assert!(!is_early(version), "{version}");
        }
    }

    #[test]
    fn days_of_versions() {
        for version in ["20031013", "20031013.1", "20231013-r1", "20040616.120000"] {
            assert!(begins_with_day(version), "{version}");
        }
        for version in [
            "1.0",
            "2003",
            "200310131",
            "20031313",
            "20031032",
            "30031013",
            "2003.10.13",
            "v20031013",
            "é1234567",
        ] {
            assert!(!begins_with_day(version), "{version}");
        }
    }
}
