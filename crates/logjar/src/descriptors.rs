//! File descriptors: the process uses as many as the system allows, and connections are limited so that enough are left
//! for everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that connections may not use up: for the log, search, files being written, folders being listed.
const KEPT_BACK: u64 = 256;
/// Descriptors that a connection may use: its own, and that of the file that it sends or receives.
const OF_A_CONNECTION: u64 = 2;

/// Raises the soft limit to the hard one. Returns how many descriptors the process may now have; `None` if there is no
/// limit.
pub fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // Then the limit is unchanged, and connections are kept below it.
        Err(_) => limit.current,
    }
}

/// How many connections are allowed at once, given the wanted number and the limit of file descriptors.
pub fn connections(wanted: u32, limit: Option<u64>) -> u32 {
    let most = limit.map_or(u64::MAX, |limit| limit.saturating_sub(KEPT_BACK) / OF_A_CONNECTION);
    wanted.min(u32::try_from(most).unwrap_or(u32::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stay_below_the_limit() {
        for (wanted, limit, expected) in [
            (1_024, None, 1_024),
            (1_024, Some(1 << 20), 1_024),
            (1_024, Some(1_024), 384),
            (100, Some(1_024), 100),
            (1_024, Some(300), 22),
            (1_024, Some(20), 1),
            (1_024, Some(0), 1),
        ] {
            assert_eq!(connections(wanted, limit), expected, "{wanted} of {limit:?}");
        }
    }
}
