//! `ghost-network`: what cancelled jobs and forgetful daemons leave behind, whose it was, and the
//! commands that take it away.

mod cancelled;
mod forgotten;
mod jobs;
mod kernel_log;
mod namespace;
mod phantom;
mod pod;
mod scene;
mod shell;
mod strangers;
mod twins;
mod veth;
