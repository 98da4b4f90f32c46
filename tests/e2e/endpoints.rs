//! How a daemon is reached, and exactly why not: dockerd with TLS, certificates by openssl.

mod certificates;
mod contexts;
mod look;
mod ports;
mod sidecar;
mod stream;
