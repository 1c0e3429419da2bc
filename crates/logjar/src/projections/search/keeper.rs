//! An index in a folder or in memory: opened, changed in bursts, and stamped with how much of which log is in it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::store::Compressor;
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term,
};

use super::BuildError;
use super::document::Outline;
use super::schema::{Fields, schema};
use super::stamp::Stamp;

/// What a burst of changes may take, in bytes.
const BURST_BYTES: usize = 16_000_000;

/// What building everything may take, in bytes, for each artifact and at most. Tantivy takes its part of it at once.
const BUILD_BYTES_PER_ARTIFACT: usize = 2_000;
const BUILD_BYTES_MAX: usize = 64_000_000;

/// Segments with more documents are not merged any more: a merge ends within seconds.
const MERGED_DOCUMENTS_MAX: usize = 100_000;

/// Share of a segment's documents that may be deleted ones before it is written anew.
const DELETED_MAX: f32 = 0.25;

/// An index and the right to change it.
pub(super) struct Keeper {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    writer: Option<IndexWriter>,
    bytes: usize,
}

/// Why the index in a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// There is none.
    #[error("there is none")]
    Missing,
    /// It was left half made.
    #[error("it was never finished")]
    Unfinished,
    /// It has other fields.
    #[error("it has other fields")]
    OtherFields,
    /// Some of its files are not what they were.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It belongs to another log, or to lines that this log does not have.
    #[error(
        "it was made from another log, or from more than this log has; it is at {position}, the log ends at {end}"
    )]
    Foreign {
        /// How far it says it is.
        position: u64,
        /// The end of the log.
        end: u64,
    },
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What Tantivy says.
    #[error(transparent)]
    Index(#[from] TantivyError),
}

impl Keeper {
    /// An empty index in memory, for about as many artifacts.
    ///
    /// # Errors
    /// What Tantivy says.
    pub(super) fn in_memory(artifacts: usize) -> tantivy::Result<Self> {
        let (schema, fields) = schema();
        let index = Index::builder().schema(schema).settings(settings()).create_in_ram()?;
        Self::new(index, fields, build_bytes(artifacts))
    }

    /// An empty index in a new folder, for about as many artifacts.
    ///
    /// # Errors
    /// A folder that can't be made.
    pub(super) fn create(folder: &Path, artifacts: usize) -> tantivy::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let (schema, fields) = schema();
        let index = Index::builder().schema(schema).settings(settings()).create_in_dir(folder)?;
        Self::new(index, fields, build_bytes(artifacts))
    }

    /// The index in a folder and its position. All its files are read and their sums compared.
    ///
    /// # Errors
    /// An index that is missing, damaged, or does not fit the log.
    pub(super) fn open(folder: &Path, log: &dyn LogReader) -> Result<(Self, u64), Unusable> {
        if !folder.join("meta.json").is_file() {
            return Err(if folder.is_dir() { Unusable::Unfinished } else { Unusable::Missing });
        }
        let directory = MmapDirectory::open(folder).map_err(|error| Unusable::Damaged(error.to_string()))?;
        let index = Index::open(directory)?;
        let (schema, fields) = schema();
        if index.schema() != schema {
            return Err(Unusable::OtherFields);
        }
        let stamp = index.load_metas()?.payload.ok_or(Unusable::Unfinished)?;
        let stamp = Stamp::parse(&stamp).map_err(|error| Unusable::Damaged(error.to_string()))?;
        let position = stamp.position;
        if Stamp::at(log, position)? != Some(stamp) {
            return Err(Unusable::Foreign { position, end: log.durable() });
        }
        if let Some(file) = index.validate_checksum()?.into_iter().next() {
            return Err(Unusable::Damaged(format!("`{}` is not as it was written", file.display())));
        }
        Ok((Self::new(index, fields, BURST_BYTES)?, position))
    }

    fn new(index: Index, fields: Fields, bytes: usize) -> tantivy::Result<Self> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { index, reader, fields, writer: None, bytes })
    }

    /// A look at what is committed, for searching; it follows later commits.
    pub(super) fn reader(&self) -> (IndexReader, Fields) {
        (self.reader.clone(), self.fields)
    }

    /// Replaces all documents of an artifact.
    ///
    /// # Errors
    /// A log that can't be read; what Tantivy says, and nothing since the last commit is kept then.
    pub(super) fn replace(&mut self, outline: &Outline, log: &dyn LogReader) -> Result<(), BuildError> {
        let documents = outline.documents(log, &self.fields)?;
        let old = Term::from_field_text(self.fields.id, &outline.id());
        let deleted = self.writer().map(|writer| {
            writer.delete_term(old);
        });
        self.undo_if_failed(deleted)?;
        Ok(self.put(documents)?)
    }

    /// Adds the documents of an artifact that the index does not know: much faster than [`Self::replace`].
    ///
    /// # Errors
    /// As there.
    pub(super) fn add(&mut self, outline: &Outline, log: &dyn LogReader) -> Result<(), BuildError> {
        let documents = outline.documents(log, &self.fields)?;
        Ok(self.put(documents)?)
    }

    fn put(&mut self, documents: Vec<TantivyDocument>) -> tantivy::Result<()> {
        let added = self.writer().and_then(|writer| {
            documents.into_iter().try_for_each(|document| writer.add_document(document).map(|_| ()))
        });
        self.undo_if_failed(added)
    }

    /// Makes all changes visible and durable, with a stamp. Without one the index can't be opened again.
    ///
    /// # Errors
    /// What Tantivy says, a full disk for example; nothing since the last commit is kept then.
    pub(super) fn commit(&mut self, stamp: Option<&Stamp>) -> tantivy::Result<()> {
        let payload = stamp.map(Stamp::text).transpose().map_err(std::io::Error::other)?;
        let committed = self.writer().and_then(|writer| {
            let mut prepared = writer.prepare_commit()?;
            payload.iter().for_each(|payload| prepared.set_payload(payload));
            prepared.commit()
        });
        let committed = committed.map(|_| ());
        self.undo_if_failed(committed)?;
        self.reader.reload()
    }

    /// Waits for merges and gives back the writer's memory. Changes that are not committed are lost.
    ///
    /// # Errors
    /// What Tantivy says.
    pub(super) fn close(&mut self) -> tantivy::Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.wait_merging_threads()?;
        self.reader.reload()
    }

    fn writer(&mut self) -> tantivy::Result<&mut IndexWriter> {
        if self.writer.is_none() {
            let options = IndexWriterOptions::builder()
                .num_worker_threads(1)
                .num_merge_threads(1)
                .memory_budget_per_thread(self.bytes)
                .build();
            let writer: IndexWriter = self.index.writer_with_options(options)?;
            let mut merging = LogMergePolicy::default();
            merging.set_max_docs_before_merge(MERGED_DOCUMENTS_MAX);
            merging.set_del_docs_ratio_before_merge(DELETED_MAX);
            writer.set_merge_policy(Box::new(merging));
            self.writer = Some(writer);
        }
        self.writer.as_mut().ok_or_else(|| TantivyError::SystemError("there is no writer".to_owned()))
    }

    /// A writer that failed is not used again; the next change opens another.
    fn undo_if_failed(&mut self, result: tantivy::Result<()>) -> tantivy::Result<()> {
        if result.is_err() {
            // What it merges is no use any more, but must not be written later either.
            let _ = self.writer.take().map(IndexWriter::wait_merging_threads);
        }
        result
    }
}

fn build_bytes(artifacts: usize) -> usize {
    artifacts.saturating_mul(BUILD_BYTES_PER_ARTIFACT).clamp(BURST_BYTES, BUILD_BYTES_MAX)
}

/// Nothing is stored, so nothing has to be compressed.
fn settings() -> IndexSettings {
    IndexSettings { docstore_compression: Compressor::None, ..IndexSettings::default() }
}
