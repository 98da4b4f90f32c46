//! What makes each hook run, a slice at a time, and never a loss.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

use anyhow::{Context as _, Result};
use bridgetrace_lab::topology::{PC, PC6};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::scene::{FORBIDDEN, PORT, Scene};
use crate::bench::traffic::Sender;

/// Datagrams a slice.
const SLICE: u32 = 500;
/// Connections that are refused, signals, a slice.
const FEW: u32 = 200;
/// Programs started a slice.
const PROGRAMS: u32 = 20;
/// Nanoseconds over an empty program.
const CHEAP: f64 = 5.0;
const INTO_BRIDGE: f64 = 10.0;

/// A hook and what makes it run.
pub(super) struct Stimulus {
    pub(super) name: &'static str,
    pub(super) tracepoint: &'static str,
    /// Name of the tracer's program.
    pub(super) program: &'static str,
    /// Nanoseconds over an empty program, at most.
    pub(super) target: f64,
    /// One slice; `None` for what happens by itself.
    pub(super) go: Option<Box<dyn FnMut() -> Result<()>>>,
}

const FIB: (&str, &str) = ("fib_table_lookup", "on_fib_lookup");
const FIB6: (&str, &str) = ("fib6_table_lookup", "on_fib6_lookup");
const TIMER: (&str, &str) = ("neigh_timer_handler", "on_neigh_timer");
const DROP: (&str, &str) = ("kfree_skb", "on_skb_drop");

fn stimulus(
    name: &'static str,
    (tracepoint, program): (&'static str, &'static str),
    go: impl FnMut() -> Result<()> + 'static,
) -> Stimulus {
    Stimulus {
        name,
        tracepoint,
        program,
        target: CHEAP,
        go: Some(Box::new(go)),
    }
}

fn datagrams(sender: Sender) -> impl FnMut() -> Result<()> {
    move || {
        sender.send(SLICE);
        Ok(())
    }
}

impl Scene {
    /// In the order in which they take turns.
    pub(super) fn stimuli(&self) -> Result<Vec<Stimulus>> {
        let (srv, container) = (&self.lab.srv, self.sink());
        let local = |address: [u8; 4]| SocketAddr::new(Ipv4Addr::from(address).into(), PORT);
        let into_bridge = |name, go| Stimulus {
            target: INTO_BRIDGE,
            ..stimulus(name, FIB, go)
        };
        let mut all = vec![
            stimulus(
                "lookup, not into a bridge",
                FIB,
                datagrams(Sender::new(srv, (PC, PORT).into())?),
            ),
            into_bridge(
                "lookup into a bridge, own packet",
                datagrams(Sender::new(srv, container)?),
            ),
            into_bridge(
                "lookup into a bridge, passing packet",
                datagrams(Sender::connected(&self.lab.router, container)?),
            ),
            stimulus(
                "IPv6 lookup, not into a bridge",
                FIB6,
                datagrams(Sender::new(srv, (PC6, PORT).into())?),
            ),
            stimulus(
                "dropped: no socket",
                DROP,
                datagrams(Sender::new(srv, local([127, 0, 0, 1]))?),
            ),
            stimulus(
                "dropped: firewall",
                DROP,
                datagrams(Sender::new(srv, local(FORBIDDEN))?),
            ),
        ];
        all.extend(self.rare()?);
        Ok(all)
    }

    fn rare(&self) -> Result<[Stimulus; 5]> {
        let srv = self.lab.srv.clone();
        let uplink = |last: u8| SocketAddr::new(IpAddr::from([172, 42, 10, last]), PORT);
        let absent = (200..250).map(|last| Sender::new(&srv, uplink(last)));
        let absent: Vec<Sender> = absent.collect::<Result<_>>()?;
        let mut turn = 0;
        Ok([
            stimulus(
                "unresolved on the uplink",
                ("neigh_event_send_done", "on_neigh_send"),
                move || {
                    // One after the other, so that their timers do not run all at once.
                    turn = (turn + 1) % absent.len();
                    absent[turn].send(FEW);
                    Ok(())
                },
            ),
            Stimulus {
                // The timers of those who are absent run every second.
                go: None,
                ..stimulus("a neighbour's timer", TIMER, || Ok(()))
            },
            stimulus(
                "connection refused",
                ("tcp_receive_reset", "on_tcp_reset"),
                move || {
                    srv.enter(|| {
                        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
                        (0..FEW).for_each(|_| drop(TcpStream::connect(nobody)));
                    })
                },
            ),
            stimulus("a signal", ("signal_generate", "on_signal"), || {
                (0..FEW).try_for_each(|_| kill(Pid::this(), Signal::SIGWINCH).context("SIGWINCH"))
            }),
            stimulus(
                "a program starts",
                ("sched_process_exec", "on_exec"),
                || {
                    (0..PROGRAMS).try_for_each(|_| {
                        Command::new("true")
                            .status()
                            .map(drop)
                            .context("start `true`")
                    })
                },
            ),
        ])
    }
}
