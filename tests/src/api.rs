//! The daemon's own API: a request costs a fraction of what starting a client does.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Longer than any request of a lab.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Speaks to one daemon.
#[derive(Clone, Debug)]
pub struct Api {
    socket: PathBuf,
}

impl Api {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Creates a network, with a subnet of its own if one is named; returns its id, or what the daemon
    /// says against it.
    pub fn create_network(
        &self,
        name: &str,
        subnet: Option<&str>,
    ) -> Result<Result<String, String>> {
        let mut body = json!({"Name": name, "CheckDuplicate": true, "Driver": "bridge"});
        if let Some(subnet) = subnet {
            body["IPAM"] = json!({"Driver": "default", "Config": [{"Subnet": subnet}]});
        }
        let (status, answer) = self.request("POST", "/networks/create", Some(&body))?;
        let text = |key: &str| answer[key].as_str().map(str::to_owned);
        match status {
            201 => Ok(Ok(text("Id").context("a network without an id")?)),
            _ => Ok(Err(text("message").context("a refusal without a reason")?)),
        }
    }

    /// Removes a network.
    pub fn remove_network(&self, id: &str) -> Result<()> {
        match self.request("DELETE", &format!("/networks/{id}"), None)? {
            (204, _) => Ok(()),
            (status, answer) => bail!("network {id} is not removed: {status} {answer}"),
        }
    }

    /// The first subnet of a network.
    pub fn subnet(&self, id: &str) -> Result<String> {
        let (_, network) = self.request("GET", &format!("/networks/{id}"), None)?;
        let subnet = network["IPAM"]["Config"][0]["Subnet"].as_str();
        Ok(subnet
            .with_context(|| format!("no subnet: {network}"))?
            .to_owned())
    }

    /// Makes a container of an image in a network, which runs `command`; returns its id.
    pub fn create_container(&self, image: &str, network: &str, command: &[&str]) -> Result<String> {
        let body = json!({"Image": image, "Cmd": command, "HostConfig": {"NetworkMode": network, "Init": true}});
        let (status, answer) = self.request("POST", "/containers/create", Some(&body))?;
        let id = answer["Id"].as_str().filter(|_| status == 201);
        Ok(id
            .with_context(|| format!("no container: {status} {answer}"))?
            .to_owned())
    }

    /// Connects a container to one more network: at once if it runs, else when it starts.
    pub fn connect(&self, network: &str, container: &str) -> Result<()> {
        let body = json!({"Container": container});
        let path = format!("/networks/{network}/connect");
        match self.request("POST", &path, Some(&body))? {
            (200, _) => Ok(()),
            (status, answer) => bail!("{container} is not connected: {status} {answer}"),
        }
    }

    /// Starts a container.
    pub fn start_container(&self, id: &str) -> Result<()> {
        match self.request("POST", &format!("/containers/{id}/start"), None)? {
            (204, _) => Ok(()),
            (status, answer) => bail!("{id} is not started: {status} {answer}"),
        }
    }

    /// A request and its answer. HTTP/1.0: the answer ends with the connection, in one piece.
    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = UnixStream::connect(&self.socket).context("reach the daemon")?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }
}
