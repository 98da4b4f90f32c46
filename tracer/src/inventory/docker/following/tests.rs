//! An engine as its socket shows it. A real one inspects whatever it lists; a proxy before it, or a network that is broken,
//! does not.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use tokio::sync::mpsc;
use tracer_core::input::Body;

use super::*;
use crate::inventory::{docker::watch, pulse::Pulse};

const NETWORKS: &str = r#"[{"Id":"front","Name":"front","Driver":"bridge"}]"#;
const CONTAINERS: &str = r#"[{"Id":"web","Names":["/web"],"State":"running","NetworkSettings":
    {"Networks":{"front":{"NetworkID":"front","IPAddress":"10.1.0.2"}}}}]"#;
const MADE: &str = r#"{"Type":"network","Action":"create","Actor":{"ID":"back"},"timeNano":1}"#;

/// Whether the network was asked for, in vain.
type Refused = Arc<(Mutex<bool>, Condvar)>;

fn serve(listener: &UnixListener, refused: &Refused) {
    for stream in listener.incoming() {
        let (stream, refused) = (stream.expect("a connection"), Arc::clone(refused));
        thread::spawn(move || answer(stream, &refused));
    }
}

/// One request, if there is one: who only knocks asks nothing.
fn answer(mut stream: UnixStream, (refused, told): &(Mutex<bool>, Condvar)) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
    let path = request.split(' ').nth(1)?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = path.trim_start_matches("/v1.43");
    let (status, body) = match path {
        "/version" => (200, r#"{"ApiVersion":"1.43","Version":"24.0"}"#),
        "/networks" => (200, NETWORKS),
        "/containers/json" => (200, CONTAINERS),
        "/events" if !query.contains("until") => {
            let lock = refused.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = told.wait_while(lock, |refused| !*refused);
            drop(waited);
            (200, MADE)
        }
        "/networks/front" => {
            *refused.lock().unwrap_or_else(PoisonError::into_inner) = true;
            told.notify_all();
            (500, r#"{"message":"broken"}"#)
        }
        _ => (200, "{}"),
    };
    // The stream of events goes on: no length, no end.
    let length = if body == MADE {
        String::new()
    } else {
        format!("Content-Length: {}\r\nConnection: close\r\n", body.len())
    };
    let head = format!("HTTP/1.1 {status} so\r\nContent-Type: application/json\r\n{length}\r\n");
    stream
        .write_all(format!("{head}{body}\n").as_bytes())
        .ok()?;
    if body == MADE {
        loop {
            thread::park();
        }
    }
    Some(())
}

#[tokio::test]
async fn a_listed_network_that_cannot_be_inspected_is_no_loss_of_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let refused = Refused::default();
    thread::spawn(move || serve(&listener, &refused));
    let (sender, mut inputs) = mpsc::channel(64);
    let endpoint = Endpoint::Unix(path.display().to_string());
    let pulse = Pulse::start().expect("a timer");
    tokio::spawn(watch(endpoint, Depth::Soon, pulse, sender));
    let mut said = Vec::new();
    // Nothing else is said between the listing and what happens after the refusal.
    while said.last() != Some(&"made") {
        let input = inputs.recv().await.expect("an input");
        said.push(match input.body {
            Body::Daemon(daemon) if matches!(daemon.status, DaemonStatus::Reachable(_)) => {
                "reachable"
            }
            Body::Daemon(_) => "unreachable",
            Body::DockerHistory { .. } => "history",
            Body::DockerListing { networks, .. } if networks[0].endpoints.len() == 1 => "listing",
            Body::DockerNetworkMade { .. } => "made",
            _ => continue,
        });
    }
    assert_eq!(said, ["reachable", "history", "listing", "made"]);
}
