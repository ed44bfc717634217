//! Whether a folder lies on a network's disk. There SQLite's locks hold only sometimes, and what was
//! synced may be gone: a ledger cannot promise anything.
//!
//! Known for Linux only; elsewhere every disk is taken for a local one.

#[cfg(target_os = "linux")]
pub use self::linux::{file_system, network_disk};

/// What the file system of a folder is called, where the system tells.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn file_system(_folder: &std::path::Path) -> Option<String> {
    None
}

/// The kind of the network's disk that a folder lies on, or would lie on; `None` if it is local.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn network_disk(_folder: &std::path::Path) -> Option<String> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{OsStr, OsString};
    use std::fs;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    /// What the kernel calls a file system by number, as far as others are at its other end.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Kind {
        Local,
        Network(&'static str),
        /// A program's: its name says what it is.
        Fuse,
    }

    /// The kind of the network's disk that a folder lies on, or would lie on; `None` if it is local.
    #[must_use]
    pub fn network_disk(folder: &Path) -> Option<String> {
        let folder = std::path::absolute(folder).ok()?;
        let there = folder.ancestors().find_map(|folder| folder.canonicalize().ok())?;
        let number = u64::try_from(rustix::fs::statfs(&there).ok()?.f_type).ok()?;
        match kind(number & 0xffff_ffff) {
            Kind::Local => None,
            Kind::Network(name) => Some(name.to_owned()),
            Kind::Fuse => {
                let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
                let name = mounted(&mounts, &there);
                (!is_local(&name)).then_some(name)
            }
        }
    }

    /// What the file system of a folder is called.
    #[must_use]
    pub fn file_system(folder: &Path) -> Option<String> {
        let there = folder.canonicalize().ok()?;
        Some(mounted(&fs::read("/proc/self/mountinfo").ok()?, &there))
    }

    /// As `linux/magic.h` and the file systems themselves have them.
    fn kind(number: u64) -> Kind {
        Kind::Network(match number {
            0x6969 => "NFS",
            0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
            0x0102_1997 => {
                "9p: a drive of Windows under WSL, or a folder of a virtual machine's host"
            }
            0x786f_4256 => "vboxsf: a folder of a virtual machine's host",
            0x7c7c_6673 => "prl_fs: a folder of a virtual machine's host",
            0xbacb_acbc => "vmhgfs: a folder of a virtual machine's host",
            0x5346_414f | 0x6b41_4653 => "AFS",
            0x7375_7245 => "Coda",
            0x564c => "NCP",
            0x00c3_6400 => "Ceph",
            0x0bd0_0bd0 => "Lustre",
            0x4750_4653 => "GPFS",
            0x1983_0326 => "BeeGFS",
            0x2003_0528 => "OrangeFS",
            0xaad7_aaea => "PanFS",
            0xbeef_dead => "StorNext",
            0x0131_11a8 => "Ibrix",
            0x7461_636f => "OCFS2",
            0x0116_1970 => "GFS2",
            0x6573_5546 => return Kind::Fuse,
            _ => return Kind::Local,
        })
    }

    /// Programs that only change how a disk of this machine looks.
    fn is_local(name: &str) -> bool {
        let local =
            ["fuseblk", "fuse-overlayfs", "ntfs-3g", "exfat", "gocryptfs", "encfs", "cryfs"];
        let name = name.strip_prefix("fuse.").unwrap_or(name);
        local.contains(&name) || ["bindfs", "mergerfs", "unionfs"].contains(&name)
    }

    /// The name of the file system that a path is on, by the list of what is mounted:
    /// `ID PARENT DEVICE ROOT PLACE OPTIONS [FIELD…] - NAME SOURCE OPTIONS`.
    fn mounted(mounts: &[u8], path: &Path) -> String {
        let mut found = (PathBuf::new(), "fuse".to_owned());
        for line in mounts.split(|&byte| byte == b'\n') {
            let words: Vec<_> = line.split(|&byte| byte == b' ').collect();
            let end = words.iter().position(|word| *word == b"-");
            let (Some(place), Some(Some(name))) = (words.get(4), end.map(|end| words.get(end + 1)))
            else {
                continue;
            };
            let place = PathBuf::from(unescaped(place));
            // The last of two in one place hides the first.
            if path.starts_with(&place) && place.as_os_str().len() >= found.0.as_os_str().len() {
                found = (place, OsStr::from_bytes(name).to_string_lossy().into_owned());
            }
        }
        found.1
    }

    /// A space is `\040` there.
    fn unescaped(word: &[u8]) -> OsString {
        let (mut bytes, mut rest) = (Vec::new(), word);
        while let Some((&byte, after)) = rest.split_first() {
            let octal = after.get(..3).filter(|_| byte == b'\\');
            let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
            match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                Some(meant) => {
                    bytes.push(meant);
                    rest = &after[3..];
                }
                None => {
                    bytes.push(byte);
                    rest = after;
                }
            }
        }
        OsString::from_vec(bytes)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_networks_are_told_from_the_disks() {
            for (number, network) in [
                (0x6969, true),
                (0xff53_4d42, true),
                (0x0102_1997, true),
                (0x00c3_6400, true),
                (0xef53, false),
                (0x5846_5342, false),
                (0x9123_683e, false),
                (0x794c_7630, false),
                (0x0102_1994, false),
                (0x2fc1_2fc1, false),
            ] {
                assert_eq!(kind(number) != Kind::Local, network, "{number:#x}");
            }
            assert_eq!(kind(0x6573_5546), Kind::Fuse);
        }

        #[test]
        fn a_program_is_known_by_the_name_that_it_is_mounted_under() {
            let mounts = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                40 22 0:40 / /home/eva/far rw,nosuid - fuse.sshfs far: rw\n\
                41 22 8:2 / /media/my\\040disk rw shared:1 - fuseblk /dev/sdb1 rw\n\
                42 40 0:41 / /home/eva/far/near rw shared:2 master:1 - fuse.gocryptfs x rw\n\
                broken\n";
            let name = |path: &str| mounted(mounts, Path::new(path));
            assert_eq!(name("/home/eva/far/spring.run"), "fuse.sshfs");
            assert_eq!(name("/home/eva/farther"), "ext4");
            assert_eq!(name("/home/eva/far/near/x"), "fuse.gocryptfs");
            assert_eq!(name("/media/my disk/x"), "fuseblk");
            assert_eq!(mounted(b"", Path::new("/x")), "fuse");
            for (name, local) in [
                ("fuseblk", true),
                ("fuse.gocryptfs", true),
                ("fuse.sshfs", false),
                ("fuse.rclone", false),
                ("fuse", false),
                ("virtiofs", false),
            ] {
                assert_eq!(is_local(name), local, "{name}");
            }
        }

        #[test]
        fn a_folder_that_is_to_be_made_is_judged_by_what_is_there() {
            let folder = tempfile::tempdir().unwrap();
            let here = network_disk(folder.path());
            assert_eq!(network_disk(&folder.path().join("a/b")), here);
        }
    }
}
