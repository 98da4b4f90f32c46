//! A program each: a thin shell around a `try_*` that ends early with `None`.

mod dev_queue;
mod dev_receive;
mod fib_lookup;
mod neigh_send;
mod neigh_timer;
mod skb_drop;
