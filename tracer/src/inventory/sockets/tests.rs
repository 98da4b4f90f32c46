use std::{net::UdpSocket, time::Duration};

use tokio::{runtime, sync::mpsc, time::timeout};

use tracer_core::input::Landmark;

use super::*;

fn socket() -> (UdpSocket, u64) {
    use std::os::fd::AsRawFd as _;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).expect("link");
    let inode = socket_inode(link.to_str().expect("text")).expect("inode");
    (socket, inode)
}

/// Whose socket it is, and that one's landmarks.
fn told(body: Body) -> (u32, Vec<Landmark>) {
    match body {
        Body::SocketOwner {
            process, landmarks, ..
        } => (process.pid, landmarks),
        other => panic!("{other:?}"),
    }
}

fn in_runtime(test: impl Future<Output = ()>) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("runtime").block_on(test);
}

#[test]
fn the_hinted_process_is_asked_first() {
    in_runtime(async {
        let (_open, inode) = socket();
        let (inputs, _received) = mpsc::channel(8);
        let owner = SocketIndex::new(inputs).lookup(inode, std::process::id());
        assert_eq!(told(owner.expect("an owner")).0, std::process::id());
    });
}

#[test]
fn an_owner_not_known_yet_is_sent_when_found() {
    in_runtime(async {
        let (_open, inode) = socket();
        let (inputs, mut received) = mpsc::channel(8);
        let index = SocketIndex::new(inputs);
        if index.lookup(inode, 0).is_none() {
            let input = timeout(Duration::from_secs(20), received.recv()).await;
            let (pid, landmarks) = told(input.expect("in time").expect("an input").body);
            // Its files are those of the tracer.
            assert_eq!((pid, landmarks), (std::process::id(), Vec::new()));
        }
        assert!(index.lookup(inode, 0).is_some());
    });
}

#[test]
fn a_closed_socket_has_no_owner() {
    in_runtime(async {
        let (open, inode) = socket();
        let (inputs, _received) = mpsc::channel(8);
        let index = SocketIndex::new(inputs);
        assert!(index.lookup(inode, std::process::id()).is_some());
        drop(open);
        assert_eq!(index.lookup(inode, std::process::id()), None);
    });
}

#[test]
fn only_sockets_have_a_socket_inode() {
    assert_eq!(socket_inode("socket:[12345]"), Some(12345));
    assert_eq!(socket_inode("pipe:[12345]"), None);
    assert_eq!(socket_inode("socket:[x]"), None);
}

/// Needs root and `unshare`: elsewhere there is nobody with files of its own.
#[test]
fn an_owner_with_files_of_its_own_comes_with_its_landmarks() {
    let folder = std::env::temp_dir().join(format!("bridgetrace-owner-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("folder");
    let resolv_conf = folder.join("resolv.conf");
    fs::write(&resolv_conf, "nameserver 192.0.2.53\n").expect("file");
    let (open, inode) = socket();
    let script = format!(
        "mount --bind {} /etc/resolv.conf && echo ready && exec sleep 60",
        resolv_conf.display()
    );
    let mut child = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .stdin(std::os::fd::OwnedFd::from(open))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("unshare");
    let mut ready = [0; 5];
    let out = child.stdout.as_mut().expect("stdout");
    if std::io::Read::read_exact(out, &mut ready).is_ok() {
        in_runtime(async {
            let (inputs, mut received) = mpsc::channel(8);
            let index = SocketIndex::new(inputs);
            assert_eq!(index.lookup(inode, child.id()), None);
            let input = timeout(Duration::from_secs(20), received.recv()).await;
            let (pid, landmarks) = told(input.expect("in time").expect("an input").body);
            assert_eq!(pid, child.id());
            let first = landmarks.first().expect("a landmark");
            assert_eq!(first.address.to_string(), "192.0.2.53");
        });
    }
    child.kill().expect("kill");
    child.wait().expect("wait");
    fs::remove_dir_all(folder).expect("clean up");
}
