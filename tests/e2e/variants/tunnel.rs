//! A tunnel between two namespaces: two tun devices and a program that carries the packets.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::Netns;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;

/// Milliseconds after which the program looks whether it may end.
const LOOK: u8 = 20;

/// The devices exist as long as this.
pub(crate) struct Tunnel {
    stop: Arc<AtomicBool>,
    carrier: Option<JoinHandle<Result<()>>>,
}

impl Tunnel {
    /// A device of this name in both namespaces; down, without addresses.
    pub(crate) fn dig(here: &Netns, there: &Netns, name: &'static str) -> Result<Self> {
        let ends = [device(here, name)?, device(there, name)?];
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let carrier = thread::spawn(move || carry(&ends, &stopped));
        Ok(Self {
            stop,
            carrier: Some(carrier),
        })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(Ok(Err(error))) = self.carrier.take().map(JoinHandle::join) {
            eprintln!("lab: the tunnel had collapsed: {error:#}");
        }
    }
}

/// `struct ifreq` as far as `TUNSETIFF` reads it (`include/uapi/linux/if_tun.h`).
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest: [u8; 22],
}

fn device(netns: &Netns, name: &str) -> Result<File> {
    let open = || -> Result<File> {
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/net/tun")?;
        let mut request = Request {
            name: [0; libc::IFNAMSIZ],
            flags: libc::c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI)?,
            rest: [0; 22],
        };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        // SAFETY: the request is as long as a struct ifreq and lives through the call.
        let made = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
        ensure!(made == 0, std::io::Error::last_os_error());
        Ok(file)
    };
    netns
        .enter(open)?
        .with_context(|| format!("make {name} in {}", netns.name()))
}

fn carry(ends: &[File; 2], stop: &AtomicBool) -> Result<()> {
    let mut packet = [0; 65_536];
    while !stop.load(Ordering::Acquire) {
        let mut ready = ends
            .each_ref()
            .map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
        poll(&mut ready, PollTimeout::from(LOOK))?;
        let readable = ready.map(|end| end.any().unwrap_or(false));
        for (from, to) in [(0, 1), (1, 0)] {
            // A device that is down has nothing to say and takes nothing.
            if readable[from]
                && let Ok(length) = (&ends[from]).read(&mut packet)
            {
                (&ends[to]).write_all(&packet[..length]).ok();
            }
        }
    }
    Ok(())
}
