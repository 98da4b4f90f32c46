//! The way into the kernel: what this kernel looks like (BTF), loading, attaching, reading.

mod batch;
mod btf;
mod counters;
mod load;
mod needs;
mod prefixes;
mod preflight;
#[cfg(test)]
mod registers;
mod relocation;
#[cfg(test)]
mod stack;
mod tracer;

pub(crate) use self::{
    preflight::capabilities,
    tracer::{Tracer, Watched},
};
