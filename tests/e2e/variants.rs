//! The cousins of incident I-1: other settings, other routes, other namespaces, other bridges.

mod elsewhere;
mod ghost;
mod hostile;
mod policy;
mod quiet;
mod rp_filter;
pub(crate) mod scene;
mod strangers;
pub(crate) mod tunnel;
mod uplinks;
mod victims;
