//! Numbers in query parameters: pages, limits, positions. A value that is not a number, or out of bounds, gets an
//! answer that says what would be right.

use logjar_search::search::{HITS_MAX, Page};

use super::error::HttpError;

/// The last page that can be requested.
pub const PAGE_MAX: u32 = 10_000;
/// Rows of a page by default.
pub const PER_PAGE: u32 = 20;
/// Maximum rows of a page.
pub const PER_PAGE_MAX: u32 = 100;

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Which, from 1.
    pub page: u32,
    /// Rows of a page.
    pub per_page: u32,
}

impl Paging {
    /// Reads `page` and `per_page`.
    ///
    /// # Errors
    /// If one is not a number within bounds.
    pub fn parse(page: Option<&str>, per_page: Option<&str>) -> Result<Self, HttpError> {
        let per_page = number("per_page", per_page, PER_PAGE_MAX.into())?;
        Ok(Self {
            page: page_number(page)?,
            per_page: per_page.and_then(|rows| u32::try_from(rows).ok()).unwrap_or(PER_PAGE),
        })
    }

    /// Rows before the page.
    pub fn offset(self) -> usize {
        self.page.saturating_sub(1) as usize * self.per_page as usize
    }

    /// How many pages this many rows make, as far as they can be requested.
    pub fn pages(self, total: usize) -> usize {
        total.div_ceil(self.per_page as usize).min(PAGE_MAX as usize)
    }

    /// How many pages of this many hits can be requested.
    pub fn pages_of_search(self, total: usize) -> usize {
        self.pages(total.min(HITS_MAX))
    }

    /// The page of a search.
    pub fn of_search(self) -> Page {
        Page { offset: self.offset(), limit: self.per_page as usize }
    }

    /// The page, from all rows.
    pub fn of<T>(self, rows: &[T]) -> &[T] {
        let end = self.offset().saturating_add(self.per_page as usize).min(rows.len());
        rows.get(self.offset()..end).unwrap_or_default()
    }
}

/// Parses the number of a page; the first by default.
///
/// # Errors
/// If it is not a number within bounds.
pub fn page_number(text: Option<&str>) -> Result<u32, HttpError> {
    let number = number("page", text, PAGE_MAX.into())?;
    Ok(number.and_then(|page| u32::try_from(page).ok()).unwrap_or(1))
}

/// Parses a whole number from 1 to `most`.
///
/// # Errors
/// If it is something else.
pub fn number(name: &'static str, text: Option<&str>, most: u64) -> Result<Option<u64>, HttpError> {
    let Some(text) = text else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if digits && (1..=most).contains(&number) => Ok(Some(number)),
        _ => {
            let shown: String = text.chars().take(40).collect();
            Err(HttpError::BadRequest(format!(
                "`{name}` is `{shown}`; it must be a whole number from 1 to {most}"
            )))
        }
    }
}

/// The refusal of a cursor that did not come from a list.
pub fn not_a_cursor(name: &'static str, text: &str) -> HttpError {
    let shown: String = text.chars().take(40).collect();
    HttpError::BadRequest(format!(
        "`{name}` is `{shown}`; it must be the `next` of an earlier answer; leave it out to start at the beginning"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_bounds() {
        for (text, page) in [(None, 1), (Some("1"), 1), (Some("007"), 7), (Some("10000"), PAGE_MAX)] {
            assert_eq!(page_number(text).ok(), Some(page), "{text:?}");
        }
        for text in
            ["", "0", "-1", "+1", "a", "1.0", " 1", "10001", "99999999999", "99999999999999999999999", "١"]
        {
            let error = page_number(Some(text)).expect_err(text).to_string();
            assert!(error.ends_with("it must be a whole number from 1 to 10000"), "{error}");
        }
    }

    #[test]
    fn pages_of_rows() {
        let rows: Vec<u32> = (0..45).collect();
        let page = |page| Paging { page, per_page: 20 };
        assert_eq!(page(1).of(&rows).len(), 20);
        assert_eq!(page(3).of(&rows), [40, 41, 42, 43, 44]);
        assert_eq!(page(4).of(&rows), [0; 0]);
        assert_eq!(page(PAGE_MAX).of(&rows), [0; 0]);
        assert_eq!((page(1).pages(0), page(1).pages(20), page(1).pages(21)), (0, 1, 2));
        assert_eq!((page(1).pages_of_search(9_999), page(1).pages_of_search(10_001)), (500, 500));
    }
}
