//! Whether anybody still reads what is written to standard output: `status --watch | head -1` ends with
//! its reader, and not with the next news.

/// Whether the reader of standard output is gone. Only Unix tells before something is written; elsewhere
/// nobody is known to be gone.
#[must_use]
pub fn is_unread() -> bool {
    has_hung_up()
}

#[cfg(unix)]
fn has_hung_up() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let output = std::io::stdout();
    let mut asked = [PollFd::new(&output, PollFlags::empty())];
    let polled = poll(&mut asked, Some(&Timespec::default()));
    polled.is_ok() && asked[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(not(unix))]
const fn has_hung_up() -> bool {
    false
}
