//! Settings of the namespace the calling thread is in.

use std::{fs, path::Path};

use tracer_core::input::Sysctls;

/// What this folder shows are the settings of the namespace of the thread that looks, unlike
/// `/proc/net`, which shows those of the process.
/// <https://github.com/torvalds/linux/blob/v6.12/net/sysctl_net.c#L30>
const FOLDER: &str = "/proc/sys/net/ipv4";

/// The settings, unless something (a container's runtime) hides them.
pub(super) fn read() -> Option<Sysctls> {
    Some(Sysctls {
        tcp_retries2: number("tcp_retries2")?,
    })
}

fn number(name: &str) -> Option<u32> {
    let text = fs::read_to_string(Path::new(FOLDER).join(name)).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use nix::sched::{CloneFlags, unshare};

    use super::*;

    #[test]
    fn the_host_has_settings() {
        assert!(read().is_some_and(|it| it.tcp_retries2 > 0));
    }

    /// Needs root: without it there is nothing to compare with.
    #[test]
    fn a_thread_sees_the_settings_of_its_own_namespace() {
        let before = read().expect("settings");
        let told = before.tcp_retries2 + 1;
        let inside = thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).ok()?;
            let file = Path::new(FOLDER).join("tcp_retries2");
            fs::write(file, told.to_string()).expect("write");
            read()
        });
        if let Some(inside) = inside.join().expect("no panic") {
            assert_eq!(inside.tcp_retries2, told);
        }
        assert_eq!(read(), Some(before));
    }
}
