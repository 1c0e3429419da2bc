//! The sums that are stored beside files, for other web servers. They can be computed again at any time, so they are
//! never trusted.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use logjar_maven::checksum::{Algorithm, Digests};

use super::DataFolder;
use super::digest::digest;
use super::publish::Placing;
use super::regular::{Thing, holds, open};
use super::tree::write_over;

/// The sums that are stored beside every file. The others are computed on request.
pub const STORED_SUMS: [Algorithm; 2] = [Algorithm::Sha1, Algorithm::Md5];

fn with_extension(file: &Path, sum: Algorithm) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(sum.extension());
    PathBuf::from(name)
}

/// Writes the sums of placed files beside them, dated like the files; where the digests of a file are not known, after
/// it was compared with the log. Not synced: sums can be computed again.
///
/// # Errors
/// The first one, if the system refuses; the other files get their sums all the same.
pub fn write_sums(folder: &DataFolder, placing: &Placing) -> io::Result<()> {
    let version = placing.version_folder(folder);
    let known = placing.digests.iter().map(Some).chain(std::iter::repeat(None));
    let mut result = Ok(());
    for (file, digests) in placing.files.iter().zip(known) {
        let path = version.join(&*file.name);
        let written = match digests {
            Some(digests) => mend_sums_of(folder, &path, digests, placing.moment).map(|_| ()),
            None => mend_sums(folder, &path, &file.sha256, placing.moment).map(|_| ()),
        };
        result = result.and(written);
    }
    result
}

/// Names of the sums beside a stored file that are missing or wrong.
pub fn wrong_sums(file: &Path, digests: &Digests) -> Vec<PathBuf> {
    let is_wrong =
        |(path, sum): &(PathBuf, Algorithm)| !holds(path, digests.hex(*sum).as_bytes()).unwrap_or_default();
    let sums = STORED_SUMS.map(|sum| (with_extension(file, sum), sum));
    sums.into_iter().filter(is_wrong).map(|(path, _)| path).collect()
}

/// Rewrites the sums of a stored file where they are missing or wrong, and dates them. The file is only trusted if it
/// has the bytes that the log says. Returns how many sums were written, or `None` if the file is missing or a different
/// one.
///
/// # Errors
/// If the system refuses.
pub fn mend_sums(
    folder: &DataFolder,
    file: &Path,
    sha256: &[u8; 32],
    moment: Option<SystemTime>,
) -> io::Result<Option<u64>> {
    let Thing::File(found) = open(file)? else { return Ok(None) };
    let digests = digest(found.file)?;
    if digests.sha256 != *sha256 {
        return Ok(None);
    }
    mend_sums_of(folder, file, &digests, moment).map(Some)
}

/// As [`mend_sums`], of a file whose digests are known.
pub(super) fn mend_sums_of(
    folder: &DataFolder,
    file: &Path,
    digests: &Digests,
    moment: Option<SystemTime>,
) -> io::Result<u64> {
    let mut written = 0;
    for sum in STORED_SUMS {
        let date = |file: &File| moment.map_or(Ok(()), |moment| file.set_modified(moment));
        let hex = digests.hex(sum);
        written += u64::from(write_over(folder, &with_extension(file, sum), hex.as_bytes(), date)?);
    }
    Ok(written)
}
