//! A Maven repository server whose only database is an append-only event log.
//!
//! Reading order: the write path ([`sequencer`], [`stored_event`], [`projections`]), deploys ([`deploy`], [`storage`]),
//! HTTP ([`http`]), and what puts it together ([`app`], [`cli`]). ARCHITECTURE.md has the map and walkthroughs.

pub mod clock;
pub mod clock_watch;
pub mod config;
pub mod descriptors;
pub mod disk_space;
pub mod exit;
mod numbers;
mod quoting;

pub mod digest;
pub mod log_filter;
pub mod projections;
pub mod queries;
pub mod search;
pub mod sequencer;
pub mod startup;
pub mod stored_event;

pub mod activity;
pub mod collapse;
pub mod compression;
pub mod deploy;
pub mod downloads;
pub mod erasure;
pub mod facts;
pub mod rebuild;
pub mod retention;
pub mod storage;
pub mod tree_metadata;

pub mod auth;
pub mod http;
pub mod metrics;
pub mod snippets;

pub mod admin_socket;
pub mod app;
pub mod cli;
pub mod tasks;
