//! Who asks, and gets no answer: this host, its daemon, or a container whose packets, or whose replies, are
//! passed on into the bridge of another network.

mod egress;
mod firewall;
mod machines;
mod mirror;
mod names;
mod open;
mod published;
mod scene;
