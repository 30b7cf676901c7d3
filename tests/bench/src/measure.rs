//! What a process has used, as Linux tells it.

use crate::work::Report;
use std::collections::HashMap;
use std::fs;
use std::time::Instant;

/// Clock ticks a second; the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// CPU seconds of this process and of its children that have ended.
pub(crate) fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The most memory that a process has held, in octets.
pub(crate) fn peak(pid: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Busy and whole CPU seconds of the machine.
pub(crate) fn machine() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    let whole: f64 = ticks.iter().take(8).sum();
    ((whole - idle) / TICKS, whole / TICKS)
}

/// CPU seconds of a process and of everything that it has started.
pub(crate) fn tree(root: u32) -> f64 {
    let mut processes = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields: Vec<f64> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(|n| n.parse().unwrap_or(0.0)).collect();
        if let [_, parent, ..] = fields.as_slice() {
            // Children that have ended are in their parent's sum.
            let seconds = fields.iter().skip(11).take(4).sum::<f64>() / TICKS;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an identity of a process")]
            processes.insert(pid, (*parent as u32, seconds));
        }
    }
    let below = |pid: u32| {
        let mut at = Some(pid);
        while let Some(pid) = at.filter(|pid| *pid != root) {
            at = processes.get(&pid).map(|(parent, _)| *parent);
        }
        at.is_some()
    };
    processes.iter().filter(|(pid, _)| below(**pid)).map(|(_, (_, seconds))| seconds).sum()
}

/// Measures a piece of work of this process.
pub(crate) struct Meter {
    begun: Instant,
    cpu: f64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), cpu: cpu() }
    }

    pub(crate) fn stop(self) -> Report {
        Report { seconds: self.begun.elapsed().as_secs_f64(), cpu: cpu() - self.cpu, ..Report::default() }
    }
}
