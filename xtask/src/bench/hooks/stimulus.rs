//! What makes each hook run, a slice at a time, and never a loss.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};

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
/// Drops to a packet that passes: a fraction of a millisecond.
const AT_A_TIME: u32 = 20;
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
    /// Name of the least that can decide there, where that was worked out.
    pub(super) least: Option<&'static str>,
    /// Nanoseconds over an empty program, at most.
    pub(super) target: f64,
    /// Runs that a slice makes, at least.
    pub(super) runs: u32,
    /// One slice; `None` for what happens by itself.
    pub(super) go: Option<Go>,
}

/// Makes things happen.
pub(super) type Go = Box<dyn FnMut() -> Result<()>>;

const FIB: (&str, &str) = ("fib_table_lookup", "on_fib_lookup");
const FIB6: (&str, &str) = ("fib6_table_lookup", "on_fib6_lookup");
const TIMER: (&str, &str) = ("neigh_timer_handler", "on_neigh_timer");
const EXEC: (&str, &str) = ("sched_process_exec", "on_exec");
const DROP: (&str, &str) = ("kfree_skb", "on_skb_drop");

fn stimulus(
    name: &'static str,
    (tracepoint, program): (&'static str, &'static str),
    runs: u32,
    go: impl FnMut() -> Result<()> + 'static,
) -> Stimulus {
    Stimulus {
        name,
        tracepoint,
        program,
        least: least(program),
        target: CHEAP,
        runs,
        go: Some(Box::new(go)),
    }
}

/// Of `xtask/bench-ebpf`, by the tracer's program.
fn least(program: &str) -> Option<&'static str> {
    Some(match program {
        "on_fib_lookup" => "least_lookup",
        "on_fib6_lookup" => "least_lookup6",
        "on_skb_drop" => "least_drop",
        "on_neigh_send" => "least_send",
        "on_neigh_timer" => "least_timer",
        "on_tcp_reset" => "least_reset",
        "on_exec" => "least_exec",
        _ => return None,
    })
}

/// With nothing to read.
fn starts(program: &'static str) -> impl FnMut() -> Result<()> {
    let start = move || {
        let mut command = Command::new(program);
        let ended = command.stdin(Stdio::null()).status();
        ended.map(drop).with_context(|| format!("start {program}"))
    };
    move || (0..PROGRAMS).try_for_each(|_| start())
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
        let local = |address: Ipv4Addr| SocketAddr::new(address.into(), PORT);
        let into_bridge = |name, hook, sender| Stimulus {
            target: INTO_BRIDGE,
            ..stimulus(name, hook, SLICE, datagrams(sender))
        };
        let mut all = vec![
            stimulus(
                "lookup, not into a bridge",
                FIB,
                SLICE,
                datagrams(Sender::new(srv, (PC, PORT).into())?),
            ),
            into_bridge(
                "lookup into a bridge, own packet",
                FIB,
                Sender::new(srv, container)?,
            ),
            into_bridge(
                "lookup into a bridge, passing packet",
                FIB,
                Sender::connected(&self.lab.router, container)?,
            ),
            stimulus(
                "lookup for what a container sends out",
                FIB,
                SLICE,
                datagrams(Sender::connected(&self.netns, (PC, PORT).into())?),
            ),
            stimulus(
                "IPv6 lookup, not into a bridge",
                FIB6,
                SLICE,
                datagrams(Sender::new(srv, (PC6, PORT).into())?),
            ),
            into_bridge(
                "IPv6 lookup into a bridge, own packet",
                FIB6,
                Sender::new(srv, self.sink6())?,
            ),
            Stimulus {
                // `least_drop` takes every reason for one that matters.
                least: None,
                ..stimulus(
                    "dropped: no socket",
                    DROP,
                    SLICE,
                    datagrams(Sender::new(srv, local(Ipv4Addr::LOCALHOST))?),
                )
            },
            stimulus(
                "dropped: firewall",
                DROP,
                SLICE,
                datagrams(Sender::new(srv, local(FORBIDDEN))?),
            ),
            stimulus(
                "dropped: firewall, while packets pass",
                DROP,
                SLICE,
                self.drops_while_packets_pass()?,
            ),
        ];
        all.extend(self.rare()?);
        Ok(all)
    }

    /// What passes is remembered for two jiffies.
    fn drops_while_packets_pass(&self) -> Result<impl FnMut() -> Result<()> + use<>> {
        let passing = Sender::connected(&self.lab.router, self.sink())?;
        let dropped = Sender::new(&self.lab.srv, (FORBIDDEN, PORT).into())?;
        Ok(move || {
            for _ in 0..SLICE / AT_A_TIME {
                passing.send(1);
                dropped.send(AT_A_TIME);
            }
            Ok(())
        })
    }

    fn rare(&self) -> Result<[Stimulus; 6]> {
        let srv = self.lab.srv.clone();
        let uplink = |last: u8| SocketAddr::new(IpAddr::from([172, 42, 10, last]), PORT);
        let absent = (200..250).map(|last| Sender::new(&srv, uplink(last)));
        let absent: Vec<Sender> = absent.collect::<Result<_>>()?;
        let mut turn = 0;
        Ok([
            stimulus(
                "unresolved on the uplink",
                ("neigh_event_send_done", "on_neigh_send"),
                FEW,
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
                ..stimulus("a neighbour's timer", TIMER, 0, || Ok(()))
            },
            stimulus(
                "connection refused",
                ("tcp_receive_reset", "on_tcp_reset"),
                FEW,
                move || {
                    srv.enter(|| {
                        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
                        (0..FEW).for_each(|_| drop(TcpStream::connect(nobody)));
                    })
                },
            ),
            stimulus("a signal", ("signal_generate", "on_signal"), FEW, || {
                (0..FEW).try_for_each(|_| kill(Pid::this(), Signal::SIGWINCH).context("SIGWINCH"))
            }),
            stimulus("a program starts", EXEC, PROGRAMS, starts("true")),
            stimulus(
                "a program starts, named with a c",
                EXEC,
                PROGRAMS,
                starts("cat"),
            ),
        ])
    }
}
