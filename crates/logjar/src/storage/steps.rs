//! The steps of placing files, for tests that stop before each of them.

/// Called before every change of a name and every sync. Fails only where a test says so.
#[cfg(not(test))]
pub(super) fn step() -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(super) use tests::step;

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    pub(in crate::storage) fn step() -> io::Result<()> {
        match LEFT.get() {
            Some(0) => Err(io::Error::other("stopped by the test")),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Makes everything in this thread fail after this many steps; `None`: nothing.
    pub(in crate::storage) fn stop_after(steps: Option<u32>) {
        LEFT.set(steps);
    }
}
