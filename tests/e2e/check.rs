//! `bridgetrace check`: one look without tracing, its findings, its last line and its exit status; and
//! what the live stream says of a network before a packet is lost in it.

mod clean;
mod doctor;
mod gitlab;
mod live;
pub(crate) mod look;
mod overlap;
