//! The same over IPv6.

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario::collide6;
use bridgetrace_lab::topology::{PC6, SRV6};
use bridgetrace_lab::{Dockerd, Topology, peers, preflight};
use nix::sys::signal::Signal;

use super::held::applied;
use super::scene::Scene;

#[test]
fn a_client_of_ipv6_is_let_back_in() -> Result<()> {
    preflight::require()?;
    let lab = Topology::dual()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let scene = Scene { lab, daemon };
    scene.play(|| {
        collide6(&scene.daemon)?;
        ensure!(!peers::reachable(&scene.lab.pc, SRV6)?);
        let before = scene.routes()?;
        let mut rescue = scene.start(PC6, &["--yes"])?;
        applied(&rescue)?;
        let ours = scene.ours()?;
        let wanted = "fd00:172:22:10::119 via fd00:172:42:10::1 dev eno8303";
        ensure!(ours.starts_with(wanted), "{ours}");
        ensure!(peers::reachable(&scene.lab.pc, SRV6)?);
        let (status, _) = rescue.end(Signal::SIGINT)?;
        ensure!(status.success(), "{status}");
        ensure!(scene.routes()? == before, "not as it was");
        ensure!(!peers::reachable(&scene.lab.pc, SRV6)?);
        Ok(())
    })
}
