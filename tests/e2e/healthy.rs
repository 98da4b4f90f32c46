//! Busy and healthy hosts, of which nothing is said. Each test first makes sure that what it does
//! reached the tracer, and ends with a real collision: the stream was alive all the time.

mod addresses;
mod bridges;
mod churn;
mod guests;
mod host;
mod load;
mod outsiders;
mod probes;
mod published;
mod questions;
mod v6;
