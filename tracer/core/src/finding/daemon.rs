//! What findings about a daemon have to tell.

use crate::input::{Cause, Mount};

/// A daemon that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonTrouble {
    /// Where it is to be reached.
    pub endpoint: String,
    /// Why it cannot.
    pub cause: Cause,
    /// What to do about it, in a sentence without its full stop.
    pub remedy: Option<String>,
    /// The mount that hides the certificates, where one does.
    pub mount: Option<Mount>,
}
