//! How `bridgetrace dump` finds a recorder that runs, and has it write what it holds in memory: a
//! socket named after its pid. Whoever connects gets the path of the recording once everything is
//! written.

use std::{
    env, fs,
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::DirBuilderExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process,
    sync::{
        Weak,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::writer::Message;

/// Where the sockets are, unless systemd says otherwise (`RuntimeDirectory=`).
const FOLDER: &str = "/run/bridgetrace";
/// How long a recorder may take to write what it holds.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a path at most (`PATH_MAX`).
const PATH: u64 = 4096;

/// The socket, removed on drop.
pub(super) struct Control(PathBuf);

/// A recorder that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its pid, as far as it knows.
    pub(crate) pid: u32,
    /// Its recording.
    pub(crate) file: PathBuf,
}

/// Lets the recorder be found whose queue this is.
pub(super) fn announce(file: &Path, queue: Weak<SyncSender<Message>>) -> Result<Control> {
    let file = fs::canonicalize(file)?;
    let folder = folder();
    create_private(&folder).with_context(|| format!("create {}", folder.display()))?;
    sweep(&folder);
    let path = folder.join(format!("{}.sock", process::id()));
    let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
    let serve = move || {
        for client in listener.incoming().map_while(Result::ok) {
            // A client that is gone has no use for an answer.
            let _ = answer(client, &file, &queue);
        }
    };
    thread::Builder::new().name("control".into()).spawn(serve)?;
    Ok(Control(path))
}

/// Recorders that run here; each has written everything it was told.
pub(crate) fn recorders() -> Vec<Found> {
    let sockets = sockets(&folder()).into_iter();
    let mut found: Vec<Found> = sockets
        .filter_map(|(pid, path)| {
            let file = ask(&path).ok()?;
            Some(Found { pid, file })
        })
        .collect();
    found.sort_by_key(|found| found.pid);
    found
}

fn answer(mut client: UnixStream, file: &Path, queue: &Weak<SyncSender<Message>>) -> Result<()> {
    client.set_write_timeout(Some(PATIENCE))?;
    let (done, flushed) = sync_channel(1);
    let queue = queue.upgrade().context("the end has begun")?;
    queue.send(Message::Flush(done))?;
    drop(queue);
    flushed.recv_timeout(PATIENCE)?;
    client.write_all(file.as_os_str().as_bytes())?;
    Ok(())
}

fn ask(socket: &Path) -> io::Result<PathBuf> {
    let client = UnixStream::connect(socket)?;
    client.set_read_timeout(Some(PATIENCE * 2))?;
    let mut path = Vec::new();
    client.take(PATH).read_to_end(&mut path)?;
    if path.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(std::ffi::OsString::from_vec(path).into())
}

fn folder() -> PathBuf {
    // Several are separated by colons.
    let given = env::var_os("RUNTIME_DIRECTORY");
    let first = given
        .as_ref()
        .and_then(|given| env::split_paths(given).next());
    first
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or_else(|| FOLDER.into())
}

fn create_private(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Sockets with the pids in their names.
fn sockets(folder: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let socket = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let pid = name.strip_suffix(".sock")?.parse().ok()?;
        Some((pid, entry.path()))
    };
    entries.filter_map(socket).collect()
}

/// Removes what recorders that were killed left behind, one with our pid included.
fn sweep(folder: &Path) {
    for (_, path) in sockets(folder) {
        let gone = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
        if UnixStream::connect(&path).is_err_and(gone) {
            // If it stays, the next one tries again.
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // The next recorder sweeps what stays.
        let _ = fs::remove_file(&self.0);
    }
}
