//! What this process uses of its machine: processor, memory, and the room on the disks that it writes to.

use std::path::{Path, PathBuf};
use std::time::Instant;

/// Ticks a second in which Linux counts processor time for everybody, whatever its own clock does.
const TICKS: f64 = 100.0;

/// The process and its disks now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MachineFigures {
    /// Processor time of all threads since the look before, percent of one core.
    pub cpu_percent: Option<f64>,
    /// Processor time of all threads since the start, seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory, bytes.
    pub memory: Option<u64>,
    /// The fullest disk of those that the host writes to.
    pub disk: Option<Disk>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Disk {
    /// The host's folder on it.
    pub folder: PathBuf,
    /// Bytes that this user may still write.
    pub free: u64,
    /// The same as a share of all bytes, percent.
    pub free_percent: f64,
}

/// Looks at the process and at the disks of some folders.
pub struct Machine {
    folders: Vec<PathBuf>,
    last: Option<(Instant, f64)>,
}

impl Machine {
    /// For the disks of these folders; they need not be there yet.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, last: None }
    }

    /// How it is now. What the system doesn't tell is none.
    pub fn look(&mut self) -> MachineFigures {
        let cpu_seconds = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat));
        let now = Instant::now();
        let before = std::mem::replace(&mut self.last, cpu_seconds.map(|seconds| (now, seconds)));
        let cpu_percent = cpu_seconds.zip(before).and_then(|(seconds, (at, then))| {
            let passed = now.duration_since(at).as_secs_f64();
            (passed > 0.0).then(|| 100.0 * (seconds - then).max(0.0) / passed)
        });
        let memory = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| resident(&status));
        let disks = self.folders.iter().filter_map(|folder| disk(folder));
        MachineFigures { cpu_percent, cpu_seconds, memory, disk: disks.min_by(|a, b| a.free_percent.total_cmp(&b.free_percent)) }
    }
}

/// `utime` and `stime` of `/proc/self/stat`. The name before them may hold anything, so it is counted from its end.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

fn resident(status: &str) -> Option<u64> {
    let kilobytes: u64 = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// The disk of a folder, or of the nearest folder above it that is there.
#[must_use]
pub fn disk(folder: &Path) -> Option<Disk> {
    let there = folder.ancestors().find(|one| one.exists()).unwrap_or_else(|| Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let stat = rustix::fs::statvfs(there).ok()?;
    let (free, all) = (stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize));
    (all > 0).then(|| Disk { folder: folder.to_owned(), free, free_percent: 100.0 * free as f64 / all as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_whose_name_looks_like_numbers_is_read_right() {
        let stat = "42 (a) 1 2 3) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 8 0 100 1000000 500";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(resident("Name:\tx\nVmRSS:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!((cpu_seconds("nonsense"), resident("nonsense")), (None, None));
    }

    #[test]
    fn this_process_uses_memory_and_a_folder_that_is_not_there_yet_has_a_disk() {
        let mut machine = Machine::new(vec![std::env::temp_dir().join("leadline-not-there").join("below")]);
        let figures = machine.look();
        assert!(figures.memory.is_some_and(|bytes| bytes > 1 << 20));
        assert!(figures.disk.is_some_and(|disk| disk.free_percent > 0.0 && disk.free_percent <= 100.0));
        assert_eq!(figures.cpu_percent, None, "nothing to compare with yet");
        assert!(machine.look().cpu_percent.is_some());
    }
}
