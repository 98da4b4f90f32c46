//! The core from outside: stories, properties, and what was captured from the lab.

mod common;
mod daemons;
mod doubtful;
mod elsewhere;
mod golden;
mod jobs;
mod neighbours;
mod properties;
mod scenarios;
mod story;
mod waiting;
