//! The same outages over IPv6: a docker network that covers the PC's own /64.

mod asking;
mod counts;
mod ghost;
mod misdelivery;
mod open;
mod recreate;
mod replies;
mod scene;
mod silence;
