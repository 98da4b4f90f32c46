//! The core from outside: stories, properties, and what was captured from the lab.

mod common;
mod golden;
mod properties;
mod scenarios;
