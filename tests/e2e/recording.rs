//! What is recorded is what is replayed, whatever happens to the recorder and its disk.

mod disk;
mod dump;
mod killed;
mod refusals;
mod replay;
pub(crate) mod scene;
