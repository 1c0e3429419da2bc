//! From a refusal to an answer: the only place where refusals get status codes.
//!
//! Build tools show at most the reason phrase (old ones) or the `detail` of the problem document (RFC 9457, new ones),
//! so both contain the whole reason, in plain ASCII on one line.

use std::borrow::Cow;

use http::{HeaderValue, StatusCode, header};
use hyper::Response;
use hyper::ext::ReasonPhrase;
use logjar_domain::rejection::{Class, Rejection};
use logjar_eventlog::error::{Class as LogClass, LogError};
use logjar_search::search::QueryError;

use super::body::Answer;
use super::request_id;
use crate::auth::hashing::HashingError;
use crate::auth::sign_in::SignInError;
use crate::collapse::CollapseError;
use crate::compression::CompressionError;
use crate::erasure::ErasureError;
use crate::facts::FactsError;
use crate::rebuild::RebuildError;
use crate::retention::RetentionError;
use crate::search::SearchError;
use crate::sequencer::SubmitError;

/// The longest reason phrase that every proxy and client passes on.
const PHRASE_MAX: usize = 200;
/// When a client that met a busy server should try again.
const RETRY_SECONDS: u64 = 2;

/// The tag of everything that fails because the log is damaged.
const DAMAGED: &str = "log-damaged";

/// Why a request does not succeed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A rule.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A path or value that is invalid.
    #[error("{0}")]
    BadRequest(String),
    /// Nothing is there.
    #[error("there is nothing at this address")]
    NotFound,
    /// Something in the API that does not exist, or not for the caller.
    #[error("{0} does not exist, or you may not see it")]
    Missing(String),
    /// Another method is needed.
    #[error("{method} is not possible here{}", .allow.map(|allow| format!("; use {allow}")).unwrap_or_default())]
    MethodNotAllowed {
        /// The one that was used.
        method: String,
        /// Those that are allowed; `None` if the router adds the header with them.
        allow: Option<&'static str>,
    },
    /// A page of another site made a browser send this.
    #[error("a page of another site may not change anything here")]
    CrossSite,
    /// A body in an unsupported format; says which, and what is supported.
    #[error("{0}")]
    UnsupportedMedia(String),
    /// An `Expect` other than `100-continue`.
    #[error("the only `Expect` that can be met is `100-continue`")]
    ExpectationFailed,
    /// A body in an unknown transfer coding, or in several.
    #[error("the only `Transfer-Encoding` that is understood is `chunked`")]
    UnknownTransferCoding,
    /// A condition of the request does not match.
    #[error("the file does not meet the condition of the request")]
    PreconditionFailed,
    /// A range outside the file.
    #[error("the range lies outside the file of {length} bytes")]
    RangeNotSatisfiable {
        /// Length of the file in bytes.
        length: u64,
    },
    /// A body above the limit.
    #[error("the body is larger than {limit} bytes, the limit for {what}")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// What the limit is for.
        what: &'static str,
    },
    /// A body that arrives too slowly.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// A body that broke off.
    #[error("the body was cut off: {0}")]
    BrokenOff(String),
    /// The disk is full.
    #[error("the disk of the server is full; changes are accepted again as soon as there is space")]
    NoSpace,
    /// Try again.
    #[error("the server is busy or stopping, try again")]
    Busy,
    /// Too many tries to sign in: with this name, from this address, or by everybody at once.
    #[error("too many attempts to sign in; try again in {seconds} s")]
    TooManySignIns {
        /// When to try again, in seconds.
        seconds: u64,
    },
    /// Something was not rebuilt. Only administrators may ask for it, so they read the reason.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    /// Facts were not corrected. Only administrators may ask for it, so they read the reason.
    #[error(transparent)]
    Facts(FactsError),
    /// Builds were not removed. Only administrators may ask for it, so they read the reason.
    #[error(transparent)]
    Retention(RetentionError),
    /// Segments were not compressed. Only administrators may ask for it, so they read the reason.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The log was not collapsed. Only administrators may ask for it, so they read the reason.
    #[error(transparent)]
    Collapse(CollapseError),
    /// Somebody was not erased, or something of them is left. Only administrators may ask for it.
    #[error(transparent)]
    Erasure(ErasureError),
    /// There is no index to search in, or there are too many searches.
    #[error(transparent)]
    NoSearch(SearchError),
    /// Lines of the log are not as they were written.
    #[error("the log is damaged; `logjar log verify` says where")]
    DamagedLog,
    /// Something failed in the server; the reason is in the diagnostics, not in the answer.
    #[error("something failed on the server{}", of_request())]
    Internal,
}

impl From<SubmitError> for HttpError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected(rejection),
            SubmitError::NoSpace => Self::NoSpace,
            SubmitError::Busy | SubmitError::Stopped => Self::Busy,
        }
    }
}

impl From<SignInError> for HttpError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Throttled(wait) => Self::TooManySignIns { seconds: wait.seconds },
            SignInError::Hashing(HashingError::Busy) => Self::TooManySignIns { seconds: RETRY_SECONDS },
            SignInError::Hashing(HashingError::Failed) => Self::Internal,
        }
    }
}

impl From<HashingError> for HttpError {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Busy => Self::Busy,
            HashingError::Failed => Self::Internal,
        }
    }
}

impl From<std::io::Error> for HttpError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => {
                tracing::error!("a file could not be read or written: {error}");
                Self::Internal
            }
        }
    }
}

impl From<LogError> for HttpError {
    fn from(error: LogError) -> Self {
        // Only administrators read from the archive, and whoever put it away can put it back.
        if matches!(error, LogError::Archive { .. }) {
            return Self::BadRequest(error.to_string());
        }
        tracing::error!("the log could not be read: {error}");
        if error.class() == LogClass::Corrupt { Self::DamagedLog } else { Self::Internal }
    }
}

impl From<FactsError> for HttpError {
    fn from(error: FactsError) -> Self {
        match error {
            FactsError::Log(error) => error.into(),
            FactsError::Writer(error) => error.into(),
            error => Self::Facts(error),
        }
    }
}

impl From<RetentionError> for HttpError {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Log(error) => error.into(),
            RetentionError::Writer(error) => error.into(),
            error => Self::Retention(error),
        }
    }
}

impl From<CollapseError> for HttpError {
    fn from(error: CollapseError) -> Self {
        match error {
            CollapseError::Log(error @ LogError::Archive { .. }) => error.into(),
            CollapseError::Log(error) => Self::Compression(error.into()),
            CollapseError::Compression(error) => error.into(),
            CollapseError::Retention(error) => error.into(),
            CollapseError::Writer(error) => error.into(),
            error => Self::Collapse(error),
        }
    }
}

impl From<ErasureError> for HttpError {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Log(error @ LogError::Archive { .. }) => error.into(),
            ErasureError::Log(error) => Self::Compression(error.into()),
            ErasureError::Compression(error) => error.into(),
            ErasureError::Writer(error) => error.into(),
            error => Self::Erasure(error),
        }
    }
}

impl From<SearchError> for HttpError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Query(QueryError::Syntax(text)) => Self::BadRequest(text),
            SearchError::Unavailable | SearchError::Busy => Self::NoSearch(error),
            SearchError::Query(QueryError::Index(_)) | SearchError::Build(_) => {
                tracing::error!("the search index could not be read: {error}");
                Self::Internal
            }
        }
    }
}

impl HttpError {
    /// The status code; this match is the only one.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Rejected(rejection) => match rejection.class() {
                Class::Invalid => StatusCode::BAD_REQUEST,
                Class::Unauthenticated => StatusCode::UNAUTHORIZED,
                Class::Forbidden => StatusCode::FORBIDDEN,
                Class::Missing => StatusCode::NOT_FOUND,
                Class::Conflict => StatusCode::CONFLICT,
            },
            Self::BadRequest(_) | Self::BrokenOff(_) => StatusCode::BAD_REQUEST,
            Self::NotFound | Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::UnsupportedMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Self::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Self::Busy | Self::NoSearch(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Rebuild(error) => match error {
                RebuildError::UnderWay | RebuildError::ReadOnly | RebuildError::Stopped => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                RebuildError::WrongState(_) => StatusCode::CONFLICT,
                error if error.is_no_space() => StatusCode::INSUFFICIENT_STORAGE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Facts(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Retention(RetentionError::ReadOnly | RetentionError::Stopped) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Retention(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Compression(error) if error.is_no_space() => StatusCode::INSUFFICIENT_STORAGE,
            Self::Compression(CompressionError::Log(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Compression(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Collapse(CollapseError::NoRoom { .. }) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Collapse(CollapseError::ArchiveInside(_)) => StatusCode::BAD_REQUEST,
            Self::Collapse(CollapseError::ReadOnly | CollapseError::Stopped | CollapseError::Changed) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Erasure(ErasureError::ReadOnly | ErasureError::Stopped) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Collapse(_) | Self::Erasure(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManySignIns { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::DamagedLog | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A short name for programs and activity files.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.tag(),
            Self::BadRequest(_) => "bad-request",
            Self::NotFound | Self::Missing(_) => "not-found",
            Self::MethodNotAllowed { .. } => "method-not-allowed",
            Self::CrossSite => "cross-site",
            Self::UnsupportedMedia(_) => "unsupported-media-type",
            Self::ExpectationFailed => "expectation-failed",
            Self::UnknownTransferCoding => "unknown-transfer-coding",
            Self::PreconditionFailed => "precondition-failed",
            Self::RangeNotSatisfiable { .. } => "range-not-satisfiable",
            Self::TooLarge { .. } => "body-too-large",
            Self::TooSlow => "body-too-slow",
            Self::BrokenOff(_) => "body-broken-off",
            Self::NoSpace => "no-space",
            Self::Busy => "busy",
            Self::NoSearch(_) => "no-search",
            Self::TooManySignIns { .. } => "too-many-sign-ins",
            Self::Rebuild(error) if error.is_damage() => DAMAGED,
            Self::Rebuild(_) => "not-rebuilt",
            Self::Facts(_) => "not-corrected",
            Self::Retention(_) => "not-removed",
            Self::Compression(error) if error.is_damage() => DAMAGED,
            Self::Compression(_) => "not-compressed",
            Self::Collapse(_) => "not-collapsed",
            Self::Erasure(_) => "not-erased",
            Self::DamagedLog => DAMAGED,
            Self::Internal => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.title(),
            other => other.status().canonical_reason().unwrap_or("Error"),
        }
    }

    /// The whole reason on one line of ASCII.
    pub fn detail(&self) -> String {
        ascii(&self.to_string())
    }

    /// The problem document.
    pub fn problem(&self) -> serde_json::Value {
        let mut problem = serde_json::json!({
            "type": format!("tag:logjar,2026:{}", self.tag()),
            "title": self.title(),
            "status": self.status().as_u16(),
            "detail": self.detail(),
        });
        if let Some(request) = request_id::current() {
            problem["request"] = request.into();
        }
        problem
    }

    /// The answer for build tools and programs.
    pub fn response(&self) -> Response<Answer> {
        let status = self.status();
        let detail = self.detail();
        if matches!(self, Self::NotFound) {
            return not_found(&detail);
        }
        let mut response = Response::new(Answer::bytes(self.problem().to_string()));
        *response.status_mut() = status;
        if let Ok(phrase) = ReasonPhrase::try_from(phrase(&detail).into_bytes()) {
            response.extensions_mut().insert(phrase);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::MethodNotAllowed { allow: Some(allow), .. } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::RangeNotSatisfiable { length } => {
                if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
                    headers.insert(header::CONTENT_RANGE, value);
                }
            }
            Self::Busy | Self::NoSearch(_) | Self::Rebuild(RebuildError::UnderWay) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
            }
            Self::TooManySignIns { seconds } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            _ => {}
        }
        response
    }
}

/// Where whoever runs the server can find out more.
fn of_request() -> String {
    match request_id::current() {
        Some(id) => format!("; its diagnostics say what, with `id={id}`"),
        None => "; its diagnostics say what".to_owned(),
    }
}

/// A missing file is not a problem document: Maven 3.9 takes a 404 with one for a failed transfer and stops, although
/// it should look elsewhere.
fn not_found(detail: &str) -> Response<Answer> {
    let mut response = Response::new(Answer::bytes(format!("{detail}\n")));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One line of printable ASCII, whatever somebody wrote into a POM.
fn ascii(text: &str) -> String {
    text.chars().map(|each| if each.is_ascii_graphic() || each == ' ' { each } else { '?' }).collect()
}

/// The reason, cut to fit into a status line.
fn phrase(detail: &str) -> String {
    let cut: Cow<'_, str> = match detail.get(..PHRASE_MAX) {
        Some(start) if detail.len() > PHRASE_MAX => {
            format!("{}...", start.get(..PHRASE_MAX - 3).unwrap_or(start)).into()
        }
        _ => detail.into(),
    };
    cut.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_search_now_is_told_when_to_try_again() {
        for error in [SearchError::Busy, SearchError::Unavailable] {
            let response = HttpError::from(error).response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        }
    }

    #[test]
    fn reasons_are_one_line_of_ascii_whatever_they_hold() {
        let error = HttpError::BadRequest(format!("héllo\r\nX-Evil: 1 {}", "x".repeat(300)));
        let response = error.response();
        let phrase = response.extensions().get::<ReasonPhrase>().expect("a phrase").as_bytes();
        assert!(
            phrase.len() <= PHRASE_MAX && phrase.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        );
        assert!(phrase.starts_with(b"h?llo??X-Evil"));
    }
}
