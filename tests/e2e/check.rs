//! `bridgetrace check`: one look without tracing, its findings, its last line and its exit status.

mod clean;
mod look;
