//! Listings of folders as pages, for people and for the tools that walk them: a row is a line by itself, in the form of
//! Maven Central's, and nothing else on the page is a link but the way to the first page.

use askama::Template;

use super::render;
use super::site::Site;
use crate::config::Config;
use crate::http::error::HttpError;
use crate::http::pages::Listing;

#[derive(Template)]
#[template(path = "listing.html")]
struct ListingPage<'a> {
    site: Site,
    listing: &'a Listing,
}

/// The page.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn html(config: &Config, listing: &Listing) -> Result<String, HttpError> {
    render(&ListingPage { site: Site::of(config), listing })
}
