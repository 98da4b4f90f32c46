//! The pure core of bridgetrace: [`input::Input`]s in, [`finding::Finding`]s out.
//!
//! It does no IO, reads no clock and knows no async: the same inputs give the same findings,
//! live or from a recording.

pub mod belonging;
mod condition;
mod core;
mod daemon_life;
pub mod decode;
mod describe;
mod diagnose;
mod doubt;
mod ending;
mod excuse;
pub mod finding;
pub mod incident;
pub mod input;
mod killed;
pub mod overview;
pub mod pools;
mod prefix;
pub mod remedy;
pub mod remote;
pub mod rescue;
pub mod summary;
pub mod time;
pub mod world;

pub use self::core::Core;
