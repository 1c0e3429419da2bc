//! Search: an index with one document for each artifact of a repository, built with Tantivy. It determines which
//! artifacts match a query and in which order. What is indexed is an argument, and what is shown of the hits is not
//! known here.
//!
//! Reading order: [`words`] and [`document`] (what is indexed), [`syntax`] and [`query`] (what is asked), [`ranking`]
//! (in which order), [`search`] (a query's way through them), [`keeper`] and [`stamp`] (an index in a folder). Why it
//! is like this: `docs/adr/0008-search-index.md`; why it is a package: `docs/adr/0009-search-is-a-package.md`.

mod coordinates;
pub mod document;
pub mod keeper;
mod query;
mod ranking;
mod schema;
pub mod search;
pub mod stamp;
mod syntax;
mod times;
mod tokens;
mod words;

pub use ranking::Popularity;
