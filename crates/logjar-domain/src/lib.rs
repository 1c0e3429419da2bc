//! What may happen in a registry: commands in, events out. Pure: time, identities and expensive facts are
//! arguments, so the same input always gives the same output.
//!
//! Reading order: the vocabulary ([`ids`], [`names`], [`access`]), what is requested ([`command`]), what happened
//! ([`event`]), why something is refused ([`rejection`]), the fold of all events ([`state`]), who may do what
//! ([`permission`], [`inheritance`] from the groups above, [`sight`] over everything at once, [`folder`] for listings,
//! [`deploy_rights`]), the rules ([`decide`], then one file per noun), the digest of a state ([`canonical`]), and the
//! protocol that turns the requests of build tools into deploys ([`open_deploy`]).

pub mod access;
pub mod day;
pub mod ids;
pub mod names;

pub mod command;
pub mod event;
pub mod rejection;

pub mod canonical;
pub mod collapse;
pub mod fingerprint;
pub mod state;

pub mod decide;
pub mod deploy;
pub mod deploy_rights;
pub mod folder;
mod group;
pub mod inheritance;
pub mod permission;
mod repository;
pub mod retention;
pub mod rules;
pub mod scopes;
pub mod sight;
mod token;
mod user;

pub mod open_deploy;
