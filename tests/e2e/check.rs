//! `bridgetrace check`: one look without tracing, its findings, its last line and its exit status.

mod clean;
pub(crate) mod look;
