//! Debian's archive, beside what is installed here: other suites can be read and unpacked, and never
//! be installed.

mod archive;
mod suite;

pub(crate) use archive::Archive;
pub(crate) use suite::Suite;
