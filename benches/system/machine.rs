//! What the kernel says: cores, memory, CPU time, and how much of it others took.

use std::fs;
use std::time::Instant;

use anyhow::Context;

/// Of `/proc`: `USER_HZ` is 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) fn cores() -> anyhow::Result<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

pub(crate) fn memory_gib() -> anyhow::Result<f64> {
    let meminfo = fs::read_to_string("/proc/meminfo")?;
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).context("no MemTotal")?;
    let kib: f64 = total.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / f64::from(1 << 20))
}

/// User and system time of a process so far.
pub(crate) fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold anything but ends with the last parenthesis; utime and stime are fields 14 and 15.
    let (_, behind) = stat.rsplit_once(')').context("/proc/<pid>/stat has no name")?;
    let ticks = behind.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// Time that all cores together were not idle, what the host took (`steal`) included.
fn busy_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks = line.split_whitespace().skip(1).map(str::parse::<f64>).collect::<Result<Vec<_>, _>>()?;
    // user nice system idle iowait irq softirq steal
    let [user, nice, system, _, _, irq, softirq, steal, ..] = ticks[..] else {
        anyhow::bail!("/proc/stat is short");
    };
    Ok((user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND)
}

/// How much of the machine processes other than the server and this one take: figures of a busy machine are no figures.
pub(crate) struct Others {
    server: u32,
    since: Instant,
    busy: f64,
    ours: f64,
}

impl Others {
    pub(crate) fn watch(server: u32) -> anyhow::Result<Self> {
        Ok(Self { server, since: Instant::now(), busy: busy_seconds()?, ours: ours(server)? })
    }

    /// Of the time of all cores.
    pub(crate) fn percent(&self) -> anyhow::Result<f64> {
        let others = (busy_seconds()? - self.busy) - (ours(self.server)? - self.ours);
        Ok((100.0 * others / (self.since.elapsed().as_secs_f64() * cores()? as f64)).max(0.0))
    }
}

fn ours(server: u32) -> anyhow::Result<f64> {
    Ok(cpu_seconds(server)? + cpu_seconds(std::process::id())?)
}
