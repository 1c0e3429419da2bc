//! An index in a folder or in memory: opened, changed in bursts, and stamped with which log, and how much of it, the
//! index contains.

use std::path::Path;

use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::store::Compressor;
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term,
};

use crate::document::Artifact;
use crate::schema::{Fields, schema};
use crate::search::Searcher;
use crate::stamp::Stamp;

/// How much memory a burst of changes may take, in bytes.
const BURST_BYTES: usize = 16_000_000;

/// How much memory building everything may take, in bytes, per artifact and at most. Tantivy takes its part of it at
/// once.
const BUILD_BYTES_PER_ARTIFACT: usize = 2_000;
const BUILD_BYTES_MAX: usize = 64_000_000;

/// Segments with more documents are no longer merged, so that a merge ends within seconds.
const MERGED_DOCUMENTS_MAX: usize = 100_000;

/// Share of a segment's documents that may be deleted before it is rewritten.
const DELETED_MAX: f32 = 0.25;

/// An index and the right to change it.
pub struct Keeper {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    writer: Option<IndexWriter>,
    bytes: usize,
}

/// Why the index in a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// There is none.
    #[error("there is no index")]
    Missing,
    /// It was left unfinished.
    #[error("it was never finished")]
    Unfinished,
    /// It has other fields.
    #[error("its fields are different")]
    OtherFields,
    /// Some of its files have changed.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// An error from Tantivy.
    #[error(transparent)]
    Index(#[from] TantivyError),
}

/// An index could not be written: the error from Tantivy.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IndexError(#[from] TantivyError);

impl IndexError {
    /// The I/O error that is the cause, if there is one.
    pub fn io(&self) -> Option<&std::io::Error> {
        match &self.0 {
            TantivyError::IoError(source) => Some(source),
            _ => None,
        }
    }
}

impl Keeper {
    /// An empty index in memory, for about this many artifacts.
    ///
    /// # Errors
    /// Any error from Tantivy.
    pub fn in_memory(artifacts: usize) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let index = Index::builder().schema(schema).settings(settings()).create_in_ram()?;
        Ok(Self::new(index, fields, build_bytes(artifacts))?)
    }

    /// An empty index in an empty folder, for about this many artifacts.
    ///
    /// # Errors
    /// A folder that can't be written.
    pub fn create(folder: &Path, artifacts: usize) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let index = Index::builder().schema(schema).settings(settings()).create_in_dir(folder)?;
        Ok(Self::new(index, fields, build_bytes(artifacts))?)
    }

    /// The index in a folder, if its stamp is accepted. All its files are read and their sums compared.
    ///
    /// # Errors
    /// An index that is missing or damaged, or the error about its stamp.
    pub fn open<E: From<Unusable>>(
        folder: &Path,
        check: impl FnOnce(&Stamp) -> Result<(), E>,
    ) -> Result<(Self, Stamp), E> {
        let (index, fields, stamp) = Self::look(folder)?;
        check(&stamp)?;
        let damaged = index.validate_checksum().map_err(Unusable::from)?.into_iter().next();
        if let Some(file) = damaged {
            let said = format!("`{}` does not hold what was written", file.display());
            return Err(Unusable::Damaged(said).into());
        }
        Ok((Self::new(index, fields, BURST_BYTES).map_err(Unusable::from)?, stamp))
    }

    fn look(folder: &Path) -> Result<(Index, Fields, Stamp), Unusable> {
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
        Ok((index, fields, stamp))
    }

    fn new(index: Index, fields: Fields, bytes: usize) -> tantivy::Result<Self> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { index, reader, fields, writer: None, bytes })
    }

    /// A view of what is committed, for searching; it follows later commits.
    pub fn searcher(&self) -> Searcher {
        Searcher { reader: self.reader.clone(), fields: self.fields }
    }

    /// Replaces all documents of an artifact.
    ///
    /// # Errors
    /// Any error from Tantivy. Then nothing since the last commit is kept.
    pub fn replace(&mut self, artifact: &Artifact) -> Result<(), IndexError> {
        let documents = artifact.documents(&self.fields);
        let old = Term::from_field_text(self.fields.id, &artifact.id());
        let deleted = self.writer().map(|writer| {
            writer.delete_term(old);
        });
        self.undo_if_failed(deleted)?;
        Ok(self.put(documents)?)
    }

    /// Adds the documents of an artifact that is not in the index: much faster than [`Self::replace`].
    ///
    /// # Errors
    /// As there.
    pub fn add(&mut self, artifact: &Artifact) -> Result<(), IndexError> {
        Ok(self.put(artifact.documents(&self.fields))?)
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
    /// Any error from Tantivy, such as a full disk. Then nothing since the last commit is kept.
    pub fn commit(&mut self, stamp: Option<&Stamp>) -> Result<(), IndexError> {
        let payload =
            stamp.map(Stamp::text).transpose().map_err(std::io::Error::other).map_err(TantivyError::from)?;
        let committed = self.writer().and_then(|writer| {
            let mut prepared = writer.prepare_commit()?;
            payload.iter().for_each(|payload| prepared.set_payload(payload));
            prepared.commit()
        });
        let committed = committed.map(|_| ());
        self.undo_if_failed(committed)?;
        Ok(self.reader.reload()?)
    }

    /// Waits for merges and releases the writer's memory. Changes that are not committed are lost.
    ///
    /// # Errors
    /// Any error from Tantivy.
    pub fn close(&mut self) -> Result<(), IndexError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.wait_merging_threads()?;
        Ok(self.reader.reload()?)
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

    /// A writer that failed is not used again; the next change opens a new one.
    fn undo_if_failed(&mut self, result: tantivy::Result<()>) -> tantivy::Result<()> {
        if result.is_err() {
            // The result of its merges is useless, but must not be written later either.
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
