//! TCP connections that can be held open: established before the network exists, probed
//! after.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, SockRef, Socket, Type};

use crate::Netns;

const CONNECT: Duration = Duration::from_secs(5);

/// A server that sends back what it gets, on threads inside its namespace.
pub struct EchoServer {
    listener: TcpListener,
    connections: Connections,
    acceptor: Option<JoinHandle<Result<()>>>,
}

/// Handles to every connection ever accepted, to end them with the server.
type Connections = Arc<Mutex<Vec<TcpStream>>>;

impl EchoServer {
    /// Listens on `address` in `netns`.
    pub fn start(netns: &Netns, address: SocketAddr) -> Result<Self> {
        let listener = netns
            .enter(|| TcpListener::bind(address))?
            .with_context(|| format!("listen on {address} in {}", netns.name()))?;
        let connections = Connections::default();
        let accepting = (listener.try_clone()?, Arc::clone(&connections));
        let acceptor = netns.spawn(move || accept(&accepting.0, &accepting.1));
        Ok(Self {
            listener,
            connections,
            acceptor: Some(acceptor),
        })
    }
}

/// Threads inherit the namespace of the one that makes them.
fn accept(listener: &TcpListener, connections: &Connections) {
    let mut threads = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if let Ok(handle) = stream.try_clone() {
            connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(handle);
            threads.push(std::thread::spawn(move || echo_back(stream)));
        }
    }
    for stream in connections
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .drain(..)
    {
        // Fails if the client has ended the connection: nothing is left to end.
        stream.shutdown(Shutdown::Both).ok();
    }
    for thread in threads {
        thread.join().ok();
    }
}

fn echo_back(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        // Wakes the acceptor, which ends the connections.
        SockRef::from(&self.listener).shutdown(Shutdown::Both).ok();
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

/// Connects from `from` (port 0: any) in `netns`, within five seconds.
pub fn connect(netns: &Netns, from: SocketAddr, to: SocketAddr) -> Result<TcpStream> {
    let connect = || -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&from.into())?;
        socket.connect_timeout(&to.into(), CONNECT)?;
        // Connecting with a timeout is non-blocking underneath.
        socket.set_nonblocking(false)?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket.into())
    };
    netns
        .enter(connect)?
        .with_context(|| format!("connect {from} to {to} in {}", netns.name()))
}

/// Begins to connect from `from` in `netns`: the SYN is on its way. The connection is given up
/// when the socket is dropped.
pub fn begin_connect(netns: &Netns, from: SocketAddr, to: SocketAddr) -> Result<Socket> {
    let begin = || -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&from.into())?;
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => Err(error),
            _ => Ok(socket),
        }
    };
    netns
        .enter(begin)?
        .with_context(|| format!("connect {from} to {to} in {}", netns.name()))
}

/// Sends `payload` to an [`EchoServer`] and waits for it to come back; says how long it took.
pub fn echo(stream: &mut TcpStream, payload: &[u8], timeout: Duration) -> Result<Duration> {
    let start = Instant::now();
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(payload).context("send")?;
    let mut back = vec![0; payload.len()];
    stream.read_exact(&mut back).context("no echo")?;
    ensure!(back == payload, "another echo: {back:?}");
    Ok(start.elapsed())
}
