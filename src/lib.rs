//! f3s: families of layered container images from short Rhai scripts.
//!
//! The modules in the order in which a run passes through them:
//!
//! 1. [`world`] reads the project's files, its environment and the clock.
//! 2. [`script`] evaluates recipes. Host functions record steps; nothing is built yet. The result is a [`recipe::Family`].
//! 3. [`graph`] orders the family and refuses cycles and clashes.
//! 4. [`lower`] makes of every image a [`dockerfile`] and a build context. [`consent`] tells what the family wants of the
//!    machine beyond the project.
//! 5. [`plan`] compares the images with what the engine has: what is to be done, and why.
//! 6. [`artifact`] fetches downloads and source trees.
//! 7. [`execute`] schedules builds, checks, tags and pushes. [`engine`] does them; [`registry`] knows what was pushed already.
//!    [`transport`] is the way to both.
//! 8. [`report`] says on the terminal, in plain lines or as JSON what happens.
//!
//! [`pipeline`] joins them, [`watch`] waits for the next round; [`cli`] is its face. [`diagnostic`], [`event`], [`path`],
//! [`config`] and [`recipe`] are the data that these modules hand on; [`digest`], [`file`], [`folders`], [`harmless`], [`http`],
//! [`pattern`] and [`shell`] are what all of them use.

pub mod artifact;
pub mod cli;
pub mod config;
pub mod consent;
pub mod diagnostic;
pub mod digest;
pub mod dockerfile;
pub mod engine;
pub mod event;
pub mod execute;
pub mod file;
pub mod folders;
pub mod graph;
pub mod harmless;
pub mod http;
pub mod lower;
pub mod path;
pub mod pattern;
pub mod pipeline;
pub mod plan;
pub mod recipe;
pub mod registry;
pub mod report;
#[expect(clippy::disallowed_types, reason = "Rhai lives in this room")]
pub mod script;
pub mod shell;
pub mod transport;
pub mod watch;
pub mod world;
