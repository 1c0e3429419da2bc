//! Zstandard's seekable format: frames that can be decompressed one by one, and behind them a table of where they are,
//! in a frame that decompressors skip. So `zstdcat` shows the whole file, and one line costs one frame.
//!
//! The format: <https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md>.

use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use zstd::bulk::Compressor;
use zstd::stream::read::Decoder;

use crate::files::disk::DiskFile;
use crate::files::durable::{CHUNK, FileFrom};
use crate::format::cursor::Cursor;
use crate::format::line::LINE_MAX;

/// A frame gets no more lines once it has this many bytes. Larger ones would save a few per cent more, and a line in
/// the middle would take longer than half a millisecond.
const FRAME_BYTES: usize = 512 << 10;
/// The most bytes of a frame.
const FRAME_MAX: usize = FRAME_BYTES + LINE_MAX;
/// The most bytes of a compressed frame: what cannot be compressed grows a little.
const STORED_MAX: usize = 2 * FRAME_MAX;
/// The power of two that is the most bytes of a frame: a decompressor needs no larger window.
const WINDOW_LOG: u32 = 20;
/// Higher levels take many times as long and save a few per cent.
const LEVEL: i32 = 9;

/// How the skipped frame with the table begins.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
/// How it ends.
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
/// Bytes before the table, of an entry, and behind the table: number of frames, descriptor, magic.
const TABLE_START: usize = 8;
const ENTRY: usize = 8;
const TABLE_END: usize = 9;

/// The first line of a file that may be cut off anywhere, without its line feed.
///
/// # Errors
/// It does not have one.
pub(crate) fn first_line(file: Arc<dyn DiskFile>) -> io::Result<Vec<u8>> {
    let source = Decoder::new(FileFrom { file, offset: 0, end: u64::MAX })?;
    let mut line = Vec::new();
    BufReader::new(source.take(LINE_MAX as u64)).read_until(b'\n', &mut line)?;
    line.pop().filter(|last| *last == b'\n').map(|_| line).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// A file of frames, open for reading.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    file: Arc<dyn DiskFile>,
    /// Where each frame begins, and at last where they end.
    starts: Arc<[Start]>,
}

/// The beginning of a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Start {
    /// In the file.
    stored: u64,
    /// In what was compressed.
    plain: u64,
}

impl Frames {
    /// Reads the table.
    ///
    /// # Errors
    /// `InvalidData` if it is not one, or does not fit the file; any other error of the system.
    pub(crate) fn open(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        let size = file.size()?;
        let end = bytes(&file, size.saturating_sub(TABLE_END as u64), size)?;
        let mut cursor = Cursor::new(&end);
        let (Some(count), Some([0]), Some(SEEKABLE_MAGIC)) = (cursor.u32(), cursor.array(), cursor.u32())
        else {
            return Err(damaged("it does not end with a table of its frames"));
        };
        let table = u64::from(count) * ENTRY as u64 + (TABLE_START + TABLE_END) as u64;
        let begin = size.checked_sub(table).ok_or_else(|| damaged("the table of its frames is cut off"))?;
        let table = bytes(&file, begin, size)?;
        let starts =
            starts_of(&table, count, begin).ok_or_else(|| damaged("the table of its frames is not right"))?;
        Ok(Self { file, starts: starts.into() })
    }

    /// How many bytes were compressed.
    pub(crate) fn plain_len(&self) -> u64 {
        self.starts.last().map_or(0, |end| end.plain)
    }

    /// How many bytes the file has.
    pub(crate) fn stored_len(&self) -> u64 {
        let table = self.starts.len().saturating_sub(1) * ENTRY + TABLE_START + TABLE_END;
        self.starts.last().map_or(0, |end| end.stored) + table as u64
    }

    /// The SHA-256 of the file, read anew. Blocks.
    ///
    /// # Errors
    /// Any error of the system.
    pub(crate) fn sha256(&self) -> io::Result<[u8; 32]> {
        let mut source = FileFrom { file: Arc::clone(&self.file), offset: 0, end: u64::MAX };
        let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
        loop {
            match source.read(&mut chunk)? {
                0 => return Ok(hasher.finalize().into()),
                length => hasher.update(chunk.get(..length).unwrap_or_default()),
            }
        }
    }

    /// What was compressed, from `start` up to `end`.
    pub(crate) fn range(&self, start: u64, end: u64) -> FramesFrom {
        let next = self.starts.partition_point(|each| each.plain <= start).saturating_sub(1);
        let frame = self.starts.get(next).copied().unwrap_or_default();
        let until = self.starts.last().map_or(0, |end| end.stored);
        let stored = FileFrom { file: Arc::clone(&self.file), offset: frame.stored, end: until };
        FramesFrom {
            stored: Some(stored),
            decoder: None,
            before: start.saturating_sub(frame.plain),
            left: end.saturating_sub(start),
        }
    }
}

/// The table's entries as places; `None` if they are not those of the `begin` bytes before it.
fn starts_of(table: &[u8], count: u32, begin: u64) -> Option<Vec<Start>> {
    let mut cursor = Cursor::new(table);
    let length = table.len().checked_sub(TABLE_START)?;
    if (cursor.u32()?, usize::try_from(cursor.u32()?).ok()?) != (SKIPPABLE_MAGIC, length) {
        return None;
    }
    let mut starts = vec![Start::default()];
    let mut place = Start::default();
    for _ in 0..count {
        let (stored, plain) = (cursor.u32()?, cursor.u32()?);
        if stored == 0 || plain == 0 || stored as usize > STORED_MAX || plain as usize > FRAME_MAX {
            return None;
        }
        place = Start { stored: place.stored + u64::from(stored), plain: place.plain + u64::from(plain) };
        starts.push(place);
    }
    (place.stored == begin).then_some(starts)
}

/// What was compressed, from some byte on.
pub(crate) struct FramesFrom {
    /// The frames from the one with that byte on, until something is read.
    stored: Option<FileFrom>,
    decoder: Option<Decoder<'static, BufReader<FileFrom>>>,
    /// Bytes that are not wanted, because a frame can only be read from its beginning.
    before: u64,
    /// Bytes that are.
    left: u64,
}

impl FramesFrom {
    fn decoder(&mut self) -> io::Result<&mut Decoder<'static, BufReader<FileFrom>>> {
        if let Some(stored) = self.stored.take() {
            let mut decoder = Decoder::new(stored)?;
            decoder.window_log_max(WINDOW_LOG)?;
            self.decoder = Some(decoder);
        }
        self.decoder.as_mut().ok_or_else(|| damaged("its bytes cannot be decompressed"))
    }

    fn read_wanted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = mem::take(&mut self.before);
        let decoder = self.decoder()?;
        io::copy(&mut decoder.take(before), &mut io::sink())?;
        decoder.read(buffer)
    }
}

impl Read for FramesFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let wanted = buffer.get_mut(..length).filter(|wanted| !wanted.is_empty());
        let Some(wanted) = wanted else { return Ok(0) };
        let read = self.read_wanted(wanted).map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            // The library says no more than a few words about its own state.
            None => damaged("its bytes cannot be decompressed"),
        })?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Writes a file of frames.
pub(crate) struct FramesWriter<'a> {
    file: &'a dyn DiskFile,
    compressor: Compressor<'static>,
    /// Lines of the next frame.
    plain: Vec<u8>,
    table: Vec<u8>,
    written: u64,
    hasher: Sha256,
}

impl<'a> FramesWriter<'a> {
    /// Writes to an empty file.
    ///
    /// # Errors
    /// If there is no memory.
    pub(crate) fn new(file: &'a dyn DiskFile) -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        let (plain, table) = (Vec::new(), Vec::new());
        Ok(Self { file, compressor, plain, table, written: 0, hasher: Sha256::new() })
    }

    /// Adds a line, given without its line feed.
    ///
    /// # Errors
    /// Any error of the system.
    pub(crate) fn add(&mut self, line: &[u8]) -> io::Result<()> {
        self.plain.extend_from_slice(line);
        self.plain.push(b'\n');
        if self.plain.len() >= FRAME_BYTES { self.end_frame() } else { Ok(()) }
    }

    /// Ends the file, and returns its SHA-256. The caller syncs it.
    ///
    /// # Errors
    /// Any error of the system.
    pub(crate) fn finish(mut self) -> io::Result<[u8; 32]> {
        if !self.plain.is_empty() {
            self.end_frame()?;
        }
        let count = (self.table.len() / ENTRY) as u32;
        let mut end = Vec::new();
        end.extend_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
        end.extend_from_slice(&((self.table.len() + TABLE_END) as u32).to_le_bytes());
        end.append(&mut self.table);
        end.extend_from_slice(&count.to_le_bytes());
        end.push(0);
        end.extend_from_slice(&SEEKABLE_MAGIC.to_le_bytes());
        self.write(&end)?;
        Ok(self.hasher.finalize().into())
    }

    fn end_frame(&mut self) -> io::Result<()> {
        let frame = self.compressor.compress(&self.plain)?;
        self.write(&frame)?;
        self.table.extend_from_slice(&(frame.len() as u32).to_le_bytes());
        self.table.extend_from_slice(&(self.plain.len() as u32).to_le_bytes());
        self.plain.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(bytes, self.written)?;
        self.written += bytes.len() as u64;
        self.hasher.update(bytes);
        Ok(())
    }
}

/// Bytes of a file; fewer if it ends before.
fn bytes(file: &Arc<dyn DiskFile>, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    FileFrom { file: Arc::clone(file), offset: start, end }.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
