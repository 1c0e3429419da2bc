//! File systems without reliable locks. On them two processes can both get the lock, so a log there is refused.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use rustix::fs::{major, minor, statfs};

/// `f_type` of statfs(2), and what people call it.
const UNSAFE_MAGIC: [(u32, &str); 6] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    // Virtiofs has the same number as FUSE, whose protocol it speaks.
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9p"),
];

/// Types in /proc/self/mountinfo, for those whose number is not known. Fakeowner is how containers on desktops see
/// their host's folders.
const UNSAFE_TYPES: [&str; 9] =
    ["nfs", "nfs4", "cifs", "smb3", "fuse", "fuseblk", "virtiofs", "9p", "fakeowner"];

/// The kind of the file system below a folder, if it is one of these.
///
/// # Errors
/// Any error of the system.
pub(crate) fn unsafe_kind(folder: &Path) -> io::Result<Option<String>> {
    let statistics = statfs(folder)?;
    let device = fs::metadata(folder)?.dev();
    // Without /proc, as in a bare chroot, only the number is checked.
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount_type = mount_type(&mounts, &format!("{}:{}", major(device), minor(device)));
    Ok(judge(statistics.f_type as u32, mount_type))
}

fn judge(magic: u32, mount_type: Option<&str>) -> Option<String> {
    let by_magic = UNSAFE_MAGIC.iter().find(|(number, _)| *number == magic);
    let is_unsafe = |name: &&str| UNSAFE_TYPES.contains(name) || name.starts_with("fuse.");
    mount_type.filter(is_unsafe).or(by_magic.map(|(_, name)| *name)).map(str::to_owned)
}

/// The type of the file system on a device, from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
fn mount_type<'a>(mounts: &'a str, device: &str) -> Option<&'a str> {
    let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some(device))?;
    mount.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
90 28 0:55 / /host/code rw shared:3 - fakeowner grpcfuse rw
91 28 0:56 / /mnt/with\\040blank rw - fuse.sshfs a@b:/ rw";

    #[test]
    fn local_disks_are_accepted() {
        assert_eq!(mount_type(MOUNTS, "259:2"), Some("ext4"));
        assert_eq!(judge(0xef53, Some("ext4")), None);
        assert_eq!(judge(0x0102_1994, None), None);
    }

    #[test]
    fn shared_folders_are_refused() {
        for (magic, device, kind) in [
            (0x6969, "0:99", "NFS"),
            (0x6573_5546, "0:99", "FUSE"),
            (0x6573_5546, "0:56", "fuse.sshfs"),
            (0x1234, "0:55", "fakeowner"),
        ] {
            let found = judge(magic, mount_type(MOUNTS, device));
            assert_eq!(found.as_deref(), Some(kind), "{magic:x} {device}");
        }
    }
}
