//! End-to-end suites: real namespaces, a real dockerd, real traffic.

mod asking;
mod check;
mod circumstances;
mod cousins;
mod daemons;
mod dual;
mod endpoints;
mod ghosts;
mod healthy;
mod inner;
mod killed;
mod lab;
mod outage;
mod pools;
mod recording;
mod remedies;
mod report;
mod rescue;
mod top;
mod variants;
