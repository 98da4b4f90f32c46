//! The lab itself: does it show what it claims, and does it leave nothing behind?

mod compose;
mod containers;
mod daemon;
mod dind;
mod dual;
mod leaks;
mod peers;
mod resolver;
mod scenarios;
mod shared;
mod topology;
mod tracer;
