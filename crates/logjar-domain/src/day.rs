//! Dates in texts and file names: the only calendar needed here, without a clock or a time zone.

use crate::ids::Moment;

/// The day in UTC, `yyyy-mm-dd`.
pub fn day(moment: Moment) -> String {
    // Civil date from days since the epoch, proleptic Gregorian calendar; years begin in March so that the leap
    // day is the last of its year.
    let days = moment.0.div_euclid(86_400_000_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (micros, text) in [
            (0, "1970-01-01"),
            (86_399_999_999, "1970-01-01"),
            (951_782_400_000_000, "2000-02-29"),
            (1_795_564_800_000_000, "2026-11-25"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(day(Moment(micros)), text);
        }
    }
}
