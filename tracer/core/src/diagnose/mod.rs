//! One rule a file: is this event part of an outage of that kind?

pub mod reply_blackhole;
