//! The prefix of a Maven plugin, from the descriptor in its jar.
//!
//! A jar states how large its directory is, and all of it is read into memory to find one entry. So only a limited part
//! of a jar is read, and of only a few at a time: a jar that is nearly all directory is not a plugin that anybody uses.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use logjar_maven::plugin;
use tokio::sync::Semaphore;

/// The largest plugin whose jar is opened, in bytes.
const JAR_MAX: u64 = 64 << 20;
/// How many bytes of a jar are read at most: 100,000 entries, many times what the largest plugins have.
const READ_MAX: u64 = 8 << 20;
/// The largest descriptor, unpacked, in bytes.
const DESCRIPTOR_MAX: u64 = 4 << 20;
/// How many jars may be open at once.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// The prefix in the jar's descriptor; `None` if there is none that can be read within the limits. `open` may wait for
/// the disk.
pub(super) async fn prefix(open: impl FnOnce() -> io::Result<File> + Send + 'static) -> Option<String> {
    let _permit = AT_ONCE.acquire().await.ok()?;
    tokio::task::spawn_blocking(move || prefix_in(open().ok()?)).await.ok().flatten()
}

fn prefix_in(file: File) -> Option<String> {
    if file.metadata().ok()?.len() > JAR_MAX {
        return None;
    }
    let mut jar = zip::ZipArchive::new(Rationed { file, left: READ_MAX }).ok()?;
    let entry = jar.by_name("META-INF/maven/plugin.xml").ok()?;
    let mut descriptor = Vec::new();
    entry.take(DESCRIPTOR_MAX).read_to_end(&mut descriptor).ok()?;
    plugin::plugin_prefix(&descriptor)
}

/// A file of which only a limited part is read.
struct Rationed {
    file: File,
    left: u64,
}

impl Read for Rationed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Seek for Rationed {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    const DESCRIPTOR: &str = "<plugin><goalPrefix>greet</goalPrefix></plugin>";

    /// A jar with this many empty entries and a descriptor.
    fn jar(entries: u32) -> File {
        let mut jar = zip::ZipWriter::new(tempfile::tempfile().expect("a temporary file"));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for number in 0..entries {
            jar.start_file(format!("an/entry/with/a/name/of/some/length/{number}.class"), options)
                .expect("room");
        }
        jar.start_file("META-INF/maven/plugin.xml", options).expect("room");
        jar.write_all(DESCRIPTOR.as_bytes()).expect("room");
        let mut file = jar.finish().expect("a jar");
        file.rewind().expect("a file");
        file
    }

    #[test]
    fn a_jar_that_is_all_directory_is_not_read() {
        assert_eq!(prefix_in(jar(20_000)).as_deref(), Some("greet"));
        assert_eq!(prefix_in(jar(120_000)), None);
    }

    #[test]
    fn only_so_much_is_read() {
        let mut rationed = Rationed { file: jar(100), left: 10 };
        let mut bytes = Vec::new();
        assert!(rationed.read_to_end(&mut bytes).is_err());
        assert_eq!(bytes.len(), 10);
    }
}
