//! What the system says about this process, from `/proc`.

use std::fs;

/// Ticks a second in which Linux reports CPU time to programs, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// Figures about this process. What can't be read is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Bytes in memory, including shared ones.
    pub resident_bytes: u64,
    /// Seconds of CPU time, including in the kernel.
    pub cpu_seconds: f64,
    /// Open file descriptors.
    pub open_files: u64,
    /// How many there may be.
    pub open_files_max: u64,
}

/// Reads the figures from the system.
pub fn read() -> Process {
    Process {
        resident_bytes: resident_bytes().unwrap_or_default(),
        cpu_seconds: cpu_seconds().unwrap_or_default(),
        // The folder itself is open while it is read.
        open_files: fs::read_dir("/proc/self/fd").map_or(0, |open| (open.count() as u64).saturating_sub(1)),
        open_files_max: open_files_max().unwrap_or_default(),
    }
}

/// proc_pid_status(5): `VmRSS:      9544 kB`.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// proc_pid_stat(5): fields 14 and 15, ticks in user mode and in the kernel. The name before them may contain blanks,
/// and ends with the last bracket.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> =
        fields.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Some(ticks.iter().sum::<u64>() as f64 / TICKS_PER_SECOND)
}

fn open_files_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory_and_files() {
        let mut sum = 0_u64;
        // Two ticks of work, so that the CPU time shows.
        while cpu_seconds() < Some(0.02) {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
        let process = read();
        assert!(process.resident_bytes > 100_000 && process.cpu_seconds >= 0.02, "{process:?} {sum}");
        assert!(process.open_files >= 3 && process.open_files <= process.open_files_max, "{process:?}");
    }
}
