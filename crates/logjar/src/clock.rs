//! The clock and the random numbers of the process: everything below takes them as arguments.

use logjar_domain::ids::Moment;

/// The time of the machine.
pub fn now() -> Moment {
    Moment(jiff::Timestamp::now().as_microsecond())
}

/// Random text for a new identity: 80 bits in 16 letters and digits that can't be mistaken for one another.
pub fn fresh_id() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    random_bytes::<16>().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// Random bytes from the system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Without random numbers no identity and no token is safe: there is nothing to go on with.
        tracing::error!("the system gives no random numbers: {error}");
        std::process::exit(crate::exit::IO);
    }
    bytes
}

/// A moment as people and programs read it, `2026-11-24T04:01:17.123456Z`.
pub fn rfc3339(moment: Moment) -> String {
    logjar_eventlog::micros::Micros(moment.0).to_string()
}
