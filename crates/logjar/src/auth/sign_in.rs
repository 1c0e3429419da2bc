//! Signing in with a name and a password.
//!
//! Neither an answer nor its time reveals whether a name is known: a user who can't sign in (unknown, disabled, without
//! a password) is checked against a hash that belongs to no password, and tries for all names are throttled alike.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use logjar_domain::ids::UserId;
use logjar_domain::state::State;

use super::hashing::{Hashing, HashingError};
use super::password::{self, Memory};
use super::throttle::{Throttle, Wait};
use crate::projections::Projections;

/// Why the password was not checked.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Too many wrong tries before it.
    #[error("too many attempts to sign in; wait {} s", .0.seconds)]
    Throttled(Wait),
    /// It could not be hashed now.
    #[error(transparent)]
    Hashing(#[from] HashingError),
}

/// Signs people in.
pub struct SignIns {
    projections: Arc<Projections>,
    hashing: Hashing,
    throttle: Throttle,
}

impl SignIns {
    /// No tries so far.
    pub fn new(projections: Arc<Projections>, hashing: Hashing) -> Self {
        Self { projections, hashing, throttle: Throttle::default() }
    }

    /// The user with this name and password; `None` if there is none. `from` is the address of the caller: `None` for
    /// the command line of the server's own machine, which is not throttled. `now` is a moment of the boot clock.
    ///
    /// # Errors
    /// If there were too many tries, or too many at once.
    pub async fn sign_in(
        &self,
        name: &str,
        password: String,
        from: Option<IpAddr>,
        now: Duration,
    ) -> Result<Option<UserId>, SignInError> {
        let admitted = from.map(|address| self.throttle.admit(name, address, now));
        let admitted = admitted.transpose().map_err(SignInError::Throttled)?;
        let known = can_sign_in(&self.projections.read(), name);
        let hash = known.as_ref().map_or_else(|| Arc::from(password::NOBODYS), |(_, hash)| hash.clone());
        let verified = self.hashing.run(move |memory| is_password(&password, &hash, memory)).await;
        let is_right = match verified {
            Ok(is_right) => is_right,
            Err(error) => {
                admitted.iter().for_each(|this| self.throttle.was_nothing(this));
                return Err(error.into());
            }
        };
        // The password may have been changed, or the user disabled, while it was hashed.
        let is_right = is_right && known.is_some() && known == can_sign_in(&self.projections.read(), name);
        if !is_right {
            return Ok(None);
        }
        admitted.iter().for_each(|this| self.throttle.was_right(this, now));
        Ok(known.map(|(user, _)| user))
    }
}

/// The user with that name and the hash of the password, if there is one who may sign in.
fn can_sign_in(state: &State, name: &str) -> Option<(UserId, Arc<str>)> {
    let (id, user) = state.user_named(name).filter(|(_, user)| !user.disabled)?;
    Some((id.clone(), user.password_hash.clone()?))
}

/// Whether the password belongs to the hash. A hash that can't be checked takes the time of one that can.
fn is_password(password: &str, hash: &str, memory: &mut Memory) -> bool {
    password::verify(password, hash, memory).unwrap_or_else(|error| {
        tracing::error!("{error}; set a new password for its user");
        let _ = password::verify(password, password::NOBODYS, memory);
        false
    })
}

#[cfg(test)]
mod tests {
    use logjar_domain::event::{By, Event, Recorded, UserKind, UserRegistered};
    use logjar_domain::ids::Moment;
    use logjar_domain::state::evolve;

    use super::*;

    const NOW: Moment = Moment(1_800_000_000_000_000);
    const BOOTED: Duration = Duration::from_secs(1_000);
    const PASSWORD: &str = "correct horse battery staple";

    fn register(state: &mut State, name: &str, password_hash: Option<String>) {
        let registered = UserRegistered {
            user: UserId::new(format!("u_{name}")),
            name: name.into(),
            kind: UserKind::Person,
            admin: false,
            email: None,
            password_hash: password_hash.map(Arc::from),
            groups: Vec::new(),
        };
        let event = Event::UserRegistered(Arc::new(registered));
        evolve(state, &Recorded { seq: 1, at: NOW, by: By::Local, event });
    }

    /// amy has a password, ben has none, cid is disabled, and what stands for dot's hash is none.
    fn sign_ins(hashing: Hashing) -> SignIns {
        let mut state = State::default();
        let hash = password::hash(PASSWORD, &mut Memory::default()).expect("a hash");
        register(&mut state, "amy", Some(hash.clone()));
        register(&mut state, "ben", None);
        register(&mut state, "cid", Some(hash));
        register(&mut state, "dot", Some("$2y$10$abcdefghijklmnopqrstuv".to_owned()));
        let event = Event::UserDisabled { user: UserId::new("u_cid") };
        evolve(&mut state, &Recorded { seq: 2, at: NOW, by: By::Local, event });
        SignIns::new(Projections::new(state, 2).0, hashing)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
    }

    #[test]
    fn who_may_sign_in() {
        let sign_ins = sign_ins(Hashing::default());
        for (name, password, user) in [
            ("amy", PASSWORD, Some("u_amy")),
            ("amy", "another password", None),
            ("amy", "", None),
            ("Amy", PASSWORD, None),
            ("u_amy", PASSWORD, None),
            ("ben", PASSWORD, None),
            ("ben", "", None),
            ("cid", PASSWORD, None),
            ("dot", PASSWORD, None),
            ("nobody", PASSWORD, None),
            ("", "", None),
        ] {
            let signed_in = runtime().block_on(sign_ins.sign_in(name, password.to_owned(), None, BOOTED));
            let signed_in = signed_in.expect("nothing is throttled here");
            assert_eq!(signed_in.as_ref().map(UserId::as_str), user, "{name} with `{password}`");
        }
    }

    #[test]
    fn a_throttled_try_learns_nothing_and_makes_no_hash() {
        // Without any room for a hash, those that are not throttled find it busy.
        let sign_ins = sign_ins(Hashing::new(0, 0));
        let from = Some(IpAddr::from([192, 0, 2, 1]));
        let mut outcomes = Vec::new();
        for name in ["amy", "nobody"] {
            let busy = runtime().block_on(sign_ins.sign_in(name, PASSWORD.to_owned(), from, BOOTED));
            assert!(matches!(busy, Err(SignInError::Hashing(HashingError::Busy))), "{busy:?}");
            for _ in 0..5 {
                sign_ins.throttle.admit(name, IpAddr::from([192, 0, 2, 1]), BOOTED).expect("a free try");
            }
            let throttled = runtime().block_on(sign_ins.sign_in(name, PASSWORD.to_owned(), from, BOOTED));
            outcomes.push(throttled.expect_err("throttled").to_string());
        }
        assert_eq!(outcomes, ["too many attempts to sign in; wait 1 s"; 2]);
    }
}
