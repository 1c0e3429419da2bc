//! Tokens in Basic authentication: the user's name, and the token as the password.
//!
//! The token is looked up by its SHA-256 first, and its owner compared afterwards, so neither an answer nor its time
//! depends on whether a name exists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use logjar_domain::access::Actor;
use logjar_domain::ids::Moment;
use logjar_domain::permission::acting;
use logjar_domain::rejection::Rejection;
use logjar_domain::state::State;
use logjar_maven::checksum::to_hex;
use sha2::{Digest, Sha256};

/// A new token: the text that its owner sees once, and what is stored of it.
pub struct NewToken {
    /// The token itself.
    pub text: String,
    /// Its SHA-256.
    pub hash: [u8; 32],
}

/// Creates a token: the prefix and 60 hex digits of random bits.
pub fn generate(prefix: &str) -> NewToken {
    let text = format!("{prefix}{}", to_hex(&crate::clock::random_bytes::<30>()));
    let hash = hash(&text);
    NewToken { text, hash }
}

/// What is stored of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A user name and password as a client sent them.
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The token, if it is one.
    pub password: String,
}

/// The Basic credentials of a request, if it has any that can be decoded.
pub fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let value = values.next()?.to_str().ok()?;
    // Of two it cannot be told who is meant.
    if values.next().is_some() {
        return None;
    }
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credentials { user: user.to_owned(), password: password.to_owned() })
}

/// Whether the password of the credentials is a token of this registry, good or void, and the name is its owner's.
pub fn is_ours(state: &State, credentials: &Credentials) -> bool {
    let token = state.token_with_hash(&hash(&credentials.password));
    let owner = token.and_then(|(_, token)| state.users.get(&token.user));
    owner.is_some_and(|user| *user.name == *credentials.user)
}

/// The actor of a request: anonymous without credentials.
///
/// # Errors
/// If there are credentials but they are not a good token of that user, or an expired one.
pub fn authenticate(state: &State, now: Moment, headers: &HeaderMap) -> Result<Actor, Rejection> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(Actor::Anonymous);
    }
    let Some(credentials) = credentials(headers) else { return Err(Rejection::TokenInvalid) };
    if credentials.password.is_empty() {
        return Err(Rejection::TokenRequired);
    }
    let Some((id, token)) = state.token_with_hash(&hash(&credentials.password)) else {
        return Err(Rejection::TokenInvalid);
    };
    let owned = state.users.get(&token.user).is_some_and(|user| *user.name == *credentials.user);
    if !owned {
        return Err(Rejection::TokenInvalid);
    }
    let actor = Actor::with_token(token.user.clone(), id.clone());
    acting(state, now, &actor)?;
    Ok(actor)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn of_two_credentials_none_counts() {
        let mut headers = HeaderMap::new();
        for expected in [Some("amy"), None] {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static("Basic YW15OnRva2Vu"));
            assert_eq!(credentials(&headers).map(|found| found.user).as_deref(), expected);
        }
    }
}
