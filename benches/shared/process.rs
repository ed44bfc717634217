//! What a process holds, as Linux tells it in `/proc`.

/// The value of a line of its status, such as `VmHWM`, the most memory that it had at once.
pub(crate) fn kilobytes(process: u32, what: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(what))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
