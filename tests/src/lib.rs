//! The lab: what the end-to-end suites stand on.
//!
//! Nothing in here is simulated. Machines are network namespaces, the daemon is a real
//! dockerd inside one of them, the peers are real ssh, ping, TCP and UDP. Everything is
//! RAII: a value owns what it made in the kernel and takes it away when it is dropped,
//! and what a killed test run could not take away is swept by the next run.
//!
//! A test states its topology, the stimulus and the expected finding:
//!
//! ```no_run
//! use bridgetrace_lab::{Dockerd, Topology, peers, preflight, topology, world::WorldDump};
//!
//! fn main() -> anyhow::Result<()> {
//!     preflight::require()?;
//!     let lab = Topology::new()?;
//!     let daemon = Dockerd::start(&lab.srv)?;
//!     let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
//!     world.on_error(|| {
//!         daemon.docker(&["network", "create", "--subnet", "172.22.0.0/16", "collision"])?;
//!         anyhow::ensure!(!peers::reachable(&lab.pc, topology::SRV)?);
//!         Ok(())
//!     })
//! }
//! ```

pub mod api;
mod capture;
pub mod certificates;
mod cgroup;
pub mod console;
pub mod container;
pub mod dind;
pub mod docker;
pub mod dockerd;
pub mod engine;
pub mod firewall;
mod home;
pub mod names;
pub mod netns;
pub mod peers;
pub mod preflight;
pub mod process;
mod recording;
mod sandbox;
pub mod scenario;
pub mod service;
pub mod shared;
pub mod showcase;
pub mod topology;
pub mod tracer;
mod turns;
pub mod wait;
pub mod world;

pub use api::Api;
pub use container::Container;
pub use dind::Dind;
pub use docker::Docker;
pub use dockerd::Dockerd;
pub use engine::Engine;
pub use netns::Netns;
pub use process::Process;
pub use service::Service;
pub use shared::Shared;
pub use topology::Topology;
pub use tracer::Tracer;
pub use turns::alone;
pub use wait::{wait_for, wait_until};
pub use world::WorldDump;
