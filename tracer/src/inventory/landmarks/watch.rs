//! The host's own files, read again whenever one of them changes.

use std::{fs, os::unix::fs::MetadataExt as _};

use tokio::{sync::mpsc::Sender, task};
use tracer_core::input::{Body, Input, Landmark};

use super::{HOSTS, HOSTS_OWN, RESOLV_CONF, UPSTREAM, read};
use crate::inventory::{files::Root, pulse::Pulse, send};

/// Between two looks at the files' times, seconds: a few system calls. Notifications would have to follow
/// links, files that are replaced and folders that do not exist yet.
const LOOK: u32 = 10;

/// What tells one state of a file from the next.
type Stamp = Option<[i64; 7]>;

/// The host's landmarks as last told.
#[derive(Default)]
struct Host {
    stamps: Vec<Stamp>,
    /// Nothing before the first look: that there are none is news, too.
    landmarks: Option<Vec<Landmark>>,
}

/// Sends the host's landmarks, and again when they change, until nobody listens.
pub(crate) async fn watch(mut pulse: Pulse, inputs: Sender<Input>) {
    let mut host = Host::default();
    loop {
        let look = task::spawn_blocking(move || {
            let news = host.look();
            (host, news)
        });
        let Ok((seen, news)) = look.await else {
            return;
        };
        host = seen;
        if let Some(landmarks) = news
            && send(&inputs, Body::Landmarks(landmarks)).await.is_err()
        {
            return;
        }
        tokio::select! {
            Ok(()) = pulse.pause(LOOK) => {}
            () = inputs.closed() => return,
        }
    }
}

impl Host {
    /// The landmarks if they changed since the last look.
    fn look(&mut self) -> Option<Vec<Landmark>> {
        let files = [RESOLV_CONF, HOSTS].into_iter().chain(UPSTREAM);
        // Before the files are read: what changes while they are is seen the next time.
        let stamps: Vec<Stamp> = files.map(stamp).collect();
        if stamps == self.stamps {
            return None;
        }
        self.stamps = stamps;
        let landmarks = read(&Root::own().ok()?, HOSTS_OWN);
        let news = (self.landmarks.as_ref() != Some(&landmarks)).then(|| landmarks.clone());
        self.landmarks = Some(landmarks);
        news
    }
}

fn stamp(path: &str) -> Stamp {
    let file = fs::metadata(path).ok()?;
    let (device, inode) = (file.dev().cast_signed(), file.ino().cast_signed());
    let size = file.size().cast_signed();
    Some([
        device,
        inode,
        size,
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_twice() {
        let mut host = Host::default();
        let first = host.look();
        assert!(first.is_some());
        assert_eq!(first, host.landmarks);
        assert_eq!(host.look(), None);
        // As if a file had been touched, but not changed.
        host.stamps.clear();
        assert_eq!(host.look(), None);
        host.stamps.clear();
        host.landmarks.iter_mut().for_each(|known| {
            known.push(Landmark {
                address: "192.0.2.1".parse().expect("address"),
                role: tracer_core::input::LandmarkRole::Nameserver,
                source: RESOLV_CONF.to_owned(),
            });
        });
        assert!(host.look().is_some());
    }

    #[test]
    fn a_file_that_is_written_to_has_another_stamp() {
        let path = std::env::temp_dir().join(format!("bridgetrace-stamp-{}", std::process::id()));
        let name = path.to_str().expect("text");
        assert_eq!(stamp(name), None);
        fs::write(&path, "1").expect("write");
        let first = stamp(name);
        fs::write(&path, "12").expect("write");
        assert_ne!(stamp(name), first);
        fs::remove_file(&path).expect("clean up");
    }
}
