//! End-to-end suites: real namespaces, a real dockerd, real traffic.

mod asking;
mod circumstances;
mod cousins;
mod healthy;
mod lab;
mod outage;
mod remedies;
mod variants;
