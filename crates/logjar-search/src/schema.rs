//! The fields of a document. Nothing is stored but what identifies it.
//!
//! There are two kinds of fields with words. The *ranked* ones contain every word of a document once, in the best of
//! three places: its name, its group, elsewhere. A query without a field looks there, and the place where a word was
//! found determines the class of the hit. The others, with positions, are for queries that name a field, and for
//! phrases.

use tantivy::schema::{
    FAST, Field, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};

/// Column of the coordinates `group:artifact`.
pub(crate) const ID: &str = "id";
/// Column of the repository.
pub(crate) const REPOSITORY: &str = "repository";
/// Column of the artifact's key in the download counts.
pub(crate) const DOWNLOADS: &str = "downloads";
/// Column of where the artifact comes from (see [`super::document::Origin`]).
pub(crate) const ORIGIN: &str = "origin";
/// Column of the key that joins the documents of one artifact in several repositories; 0 if it is in only one.
pub(crate) const SHARED: &str = "shared";

/// The fields by their use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// `group:artifact`, unchanged.
    pub(crate) id: Field,
    /// `group:artifact` in lower case: what people type.
    pub(crate) lower_id: Field,
    /// The repository.
    pub(crate) repository: Field,
    /// Words of the name.
    pub(crate) ranked_name: Field,
    /// Words of the group that are not in the name.
    pub(crate) ranked_group: Field,
    /// All other words.
    pub(crate) ranked_text: Field,
    /// The whole name, and group and name, as keys.
    pub(crate) exact: Field,
    /// What the name begins with, at each end of a word, as keys.
    pub(crate) begins: Field,
    /// The whole group as a key.
    pub(crate) whole_group: Field,
    /// Words of the group.
    pub(crate) group: Field,
    /// Words of the name.
    pub(crate) artifact: Field,
    /// The latest version, in lower case.
    pub(crate) version: Field,
    /// When it was deployed, in microseconds.
    pub(crate) at: Field,
    /// Words of the display name and the description.
    pub(crate) description: Field,
    /// Words of the licences.
    pub(crate) licenses: Field,
    /// Words of the project's URL.
    pub(crate) url: Field,
    /// Words of the authors.
    pub(crate) authors: Field,
    /// Dependencies in lower case, each as `group:artifact` and by its name alone.
    pub(crate) dependency: Field,
    /// See [`DOWNLOADS`].
    pub(crate) downloads: Field,
    /// See [`ORIGIN`].
    pub(crate) origin: Field,
    /// See [`SHARED`].
    pub(crate) shared: Field,
}

/// The schema and its fields.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let fields = Fields {
        id: builder.add_text_field(ID, whole() | FAST),
        lower_id: builder.add_text_field("lower_id", whole()),
        repository: builder.add_text_field(REPOSITORY, whole() | FAST),
        ranked_name: builder.add_text_field("ranked_name", split(IndexRecordOption::Basic)),
        ranked_group: builder.add_text_field("ranked_group", split(IndexRecordOption::Basic)),
        ranked_text: builder.add_text_field("ranked_text", split(IndexRecordOption::Basic)),
        exact: builder.add_text_field("exact", whole()),
        begins: builder.add_text_field("begins", whole()),
        whole_group: builder.add_text_field("whole_group", whole()),
        group: positions(&mut builder, "group"),
        artifact: positions(&mut builder, "artifact"),
        version: builder.add_text_field("version", whole()),
        at: builder.add_i64_field("at", FAST),
        description: positions(&mut builder, "description"),
        licenses: positions(&mut builder, "licenses"),
        url: positions(&mut builder, "url"),
        authors: positions(&mut builder, "authors"),
        dependency: builder.add_text_field("dependency", whole()),
        downloads: builder.add_u64_field(DOWNLOADS, FAST),
        origin: builder.add_u64_field(ORIGIN, FAST),
        shared: builder.add_u64_field(SHARED, FAST),
    };
    (builder.build(), fields)
}

/// A text that is a single term.
fn whole() -> TextOptions {
    indexed("raw", IndexRecordOption::Basic)
}

/// Words that were already split, separated by single blanks.
fn split(option: IndexRecordOption) -> TextOptions {
    indexed("whitespace", option)
}

fn positions(builder: &mut SchemaBuilder, name: &str) -> Field {
    builder.add_text_field(name, split(IndexRecordOption::WithFreqsAndPositions))
}

fn indexed(tokenizer: &str, option: IndexRecordOption) -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option);
    TextOptions::default().set_indexing_options(indexing.set_fieldnorms(false))
}
