//! A program each: a thin shell around a `try_*` that ends early with `None`.

mod dev_queue;
mod dev_receive;
mod fib6_lookup;
mod fib_lookup;
mod lookup;
mod neigh_send;
mod neigh_timer;
mod process_exec;
mod process_signal;
mod skb_drop;
mod skb_refused;
mod tcp_reset;
mod tcp_retransmit;
