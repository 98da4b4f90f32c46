//! A daemon whose networks come and go, and what `bridgetrace check` says of it.

use anyhow::{Context, Result, anyhow, ensure};
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::{Api, Dockerd, Engine, Netns, preflight};
use serde_json::Value;

use super::super::check::look::Look;
use super::dice::Dice;

/// A daemon in a namespace of its own.
pub(super) struct Scene {
    pub(super) host: Netns,
    pub(super) daemon: Dockerd,
    pub(super) api: Api,
    pub(super) dice: Dice,
    /// Networks that are there, by id, with their subnets.
    pub(super) networks: Vec<(String, String)>,
    /// One of them that is not to be removed now, by its id.
    pub(super) kept: Option<String>,
    /// What was done so far.
    pub(super) trail: Vec<String>,
    names: usize,
}

/// What is expected of the next networks.
#[derive(Debug)]
pub(super) struct Forecast {
    pub(super) next: Vec<String>,
    pub(super) certain: bool,
    /// Where it is not certain: every subnet that the very next network may get.
    pub(super) possible: Vec<String>,
    pub(super) free: u64,
    pub(super) look: Look,
}

impl Scene {
    /// Starts a daemon. Without iptables a network is made five times as fast, and gets the same
    /// subnet.
    pub(super) fn raise(engine: Engine, seed: u64, config: Option<Value>) -> Result<Self> {
        preflight::require()?;
        let host = Netns::new("pools")?;
        host.ip("link set lo up")?;
        let daemon = Dockerd::start_with(&host, options(engine, config)?)?;
        let api = daemon.api();
        Ok(Self {
            host,
            daemon,
            api,
            dice: Dice::new(seed),
            networks: Vec::new(),
            kept: None,
            trail: Vec::new(),
            names: 0,
        })
    }

    /// Plays the scene; a failure says what led there.
    pub(super) fn play(mut self, act: impl FnOnce(&mut Self) -> Result<()>) -> Result<Self> {
        act(&mut self).with_context(|| {
            let last = &self.trail[self.trail.len().saturating_sub(60)..];
            format!("seed {}, after:\n{}", self.dice.seed(), last.join("\n"))
        })?;
        Ok(self)
    }

    /// Creates a network; its subnet, or what the daemon says against it.
    pub(super) fn create(&mut self, subnet: Option<&str>) -> Result<Result<String, String>> {
        self.names += 1;
        let name = format!("net{}", self.names);
        match self.api.create_network(&name, subnet)? {
            Ok(id) => {
                let subnet = self.api.subnet(&id)?;
                self.trail.push(format!("{name} has {subnet}"));
                self.networks.push((id, subnet.clone()));
                Ok(Ok(subnet))
            }
            Err(refused) => {
                self.trail.push(format!("{name} is refused: {refused}"));
                Ok(Err(refused))
            }
        }
    }

    /// Removes the network at this place of the list.
    pub(super) fn remove(&mut self, which: usize) -> Result<()> {
        let (id, subnet) = self.networks.remove(which);
        self.trail.push(format!("{subnet} is removed"));
        self.api.remove_network(&id)
    }

    /// Removes any network but the one that is kept, if there is one.
    pub(super) fn remove_any(&mut self) -> Result<()> {
        let kept = |id: &String| self.kept.as_ref() == Some(id);
        let others = self
            .networks
            .iter()
            .enumerate()
            .filter(|(_, (id, _))| !kept(id));
        let others: Vec<usize> = others.map(|(which, _)| which).collect();
        if others.is_empty() {
            return Ok(());
        }
        let which = others[self.dice.below(others.len())];
        self.remove(which)
    }

    /// A route out of `lo`, as a VPN brings them.
    pub(super) fn route(&mut self, verb: &str, prefix: &str, scope: &str) -> Result<()> {
        self.trail
            .push(format!("route {verb} {prefix} scope {scope}"));
        self.host.ip(&format!(
            "route {verb} {prefix} dev lo scope {scope} metric 4711"
        ))
    }

    /// Asks `bridgetrace check`.
    pub(super) fn forecast(&mut self) -> Result<Forecast> {
        let endpoint = self.daemon.endpoint();
        let look = Look::at(&self.host, &["--docker-host", &endpoint])?;
        let texts = |value: &Value| -> Vec<String> {
            let texts = value.as_array().into_iter().flatten();
            texts.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let next = texts(&look.summary["next_subnets"]);
        let possible = texts(&look.summary["next_possible"]);
        ensure!(
            look.summary.get("next_possible_more").is_none(),
            "these pools are small enough to name all: {look:#?}"
        );
        let certain = look.summary["next_certain"] == true;
        let free = look.summary["pools"]["free"].as_u64();
        let free = free.with_context(|| format!("no pools: {look:#?}"))?;
        self.trail
            .push(format!("forecast {next:?} certain {certain}"));
        Ok(Forecast {
            next,
            certain,
            possible,
            free,
            look,
        })
    }

    /// Creates `count` networks; whether they get what was foretold. What was foretold for sure must come
    /// true, what was not must have named the next one, and is asked anew before the one after that; a
    /// refusal is foretold by nothing being left.
    pub(super) fn fulfil(&mut self, forecast: &Forecast, count: usize) -> Result<bool> {
        for place in 0..count {
            let got = match (self.create(None)?, forecast.next.get(place)) {
                (Ok(got), Some(_)) => got,
                (Err(_), None) => return Ok(true),
                (Ok(got), None) => return Err(anyhow!("nothing was foretold, and it got {got}")),
                (Err(refused), Some(said)) => {
                    return Err(anyhow!(
                        "{said} was foretold, and it was refused: {refused}"
                    ));
                }
            };
            let fulfilled = forecast.next[place] == got;
            if forecast.certain {
                ensure!(fulfilled, "{got} was not foretold: {forecast:?}");
                continue;
            }
            ensure!(
                forecast.possible.contains(&got),
                "{got} is none of what was possible: {forecast:?}"
            );
            if place + 1 < count {
                let anew = self.forecast()?;
                return Ok(self.fulfil(&anew, count - 1)? && fulfilled);
            }
            return Ok(fulfilled);
        }
        Ok(true)
    }
}

fn options(engine: Engine, config: Option<Value>) -> Result<Options> {
    let options = engine.options()?.arg("--iptables=false");
    Ok(match config {
        Some(config) => options.config(config),
        None => options,
    })
}
