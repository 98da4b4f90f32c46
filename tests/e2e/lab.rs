//! The lab itself: does it show what it claims, and does it leave nothing behind?

mod compose;
mod daemon;
mod dual;
mod leaks;
mod peers;
mod shared;
mod topology;
mod tracer;
