//! A lost packet's two ways as a drawing: client, gateway, uplink, host, and then the bridge where
//! nobody is. The wrong way is marked, the right one dashed.
//!
//! This is only what is to be drawn; names in it are hostile text, and whoever draws escapes them.
//! [`text`] draws in ASCII, the report in SVG.

mod build;
pub(crate) mod text;

#[cfg(test)]
mod tests;

/// What is drawn of one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawing {
    /// What travels: `replies`, `requests`, …
    pub(crate) what: &'static str,
    /// The right way, from its far end to the last station before the fork.
    pub(crate) outside: Vec<Station>,
    /// Where the two ways part.
    pub(crate) fork: Station,
    /// Whose packets the fork passes on.
    pub(crate) sender: Option<Station>,
    /// The wrong way, from the first station behind the fork to where it ends.
    pub(crate) inside: Vec<Station>,
    /// Whether and how packets come in.
    pub(crate) arrival: Arrival,
    /// The route that should be taken, if it is known.
    pub(crate) right: Option<String>,
    /// The route that is taken.
    pub(crate) wrong: Option<String>,
}

/// Where packets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Station {
    /// What it is.
    pub(crate) part: Part,
    /// Its name or address.
    pub(crate) name: String,
    /// What else is to be said of it.
    pub(crate) notes: Vec<String>,
}

/// What a station is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Who asked and waits for replies.
    Client,
    /// Whom this side asks.
    Peer,
    /// The router on the way.
    Gateway,
    /// The device that leads outside.
    Uplink,
    /// The bridge whose route loses.
    RightBridge,
    /// The container behind it.
    CutOff,
    /// This host, where the ways part.
    Host,
    /// Another network namespace, where they part.
    Inside,
    /// The container whose packets are forwarded.
    Sender,
    /// The bridge that swallows.
    Bridge,
    /// Nobody is there.
    Nobody,
    /// A container with the same address.
    Stranger,
}

/// How packets of the far end come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// None was seen.
    Unseen,
    /// Where the others should go out.
    SameWay,
    /// By another device.
    By(String),
    /// Where the others should go out, and die on arrival.
    Refused,
}

impl Part {
    /// As it is called in the drawing.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peer => "destination",
            Self::Gateway => "gateway",
            Self::Uplink => "uplink",
            Self::RightBridge => "its bridge",
            Self::CutOff => "cut off",
            Self::Host => "this host",
            Self::Inside => "inside",
            Self::Sender => "sender",
            Self::Bridge => "bridge",
            Self::Nobody => "nobody",
            Self::Stranger => "wrong machine",
        }
    }
}

impl Drawing {
    /// Stands at the way that should be taken.
    pub(crate) fn right_label(&self) -> String {
        let label = match self.arrival {
            Arrival::Refused => "the way back should lead here".to_owned(),
            _ => format!("{} should leave here", self.what),
        };
        with_route(label, self.right.as_deref())
    }

    /// Stands at the way that is taken.
    pub(crate) fn wrong_label(&self) -> String {
        let label = match self.arrival {
            Arrival::Refused => "the way back leads here".to_owned(),
            _ => format!("{} go here instead", self.what),
        };
        with_route(label, self.wrong.as_deref())
    }

    /// Stands where packets come in.
    pub(crate) fn arrival_label(&self) -> Option<String> {
        match &self.arrival {
            Arrival::Unseen => None,
            Arrival::SameWay => Some("its packets come in here".to_owned()),
            Arrival::By(device) => Some(format!("its packets come in by {device}")),
            Arrival::Refused => Some("its packets are refused here".to_owned()),
        }
    }

    /// The drawing in sentences, for those who cannot see it.
    #[cfg_attr(not(test), expect(dead_code, reason = "the report tells it next"))]
    pub(crate) fn told(&self) -> String {
        let right = way(&self.fork, self.outside.iter().rev(), self.right.as_deref());
        let wrong = way(&self.fork, self.inside.iter(), self.wrong.as_deref());
        let far = self.outside.first().map(Station::told).unwrap_or_default();
        let arrival = match &self.arrival {
            Arrival::Unseen => String::new(),
            Arrival::SameWay => format!(" Packets of the {far} come in by the right way."),
            Arrival::By(device) => format!(" Packets of the {far} come in by {device}."),
            Arrival::Refused => format!(" Packets of the {far} are refused as they come in."),
        };
        format!("Dashed, the right way: {right}. Marked, the wrong way: {wrong}.{arrival}")
    }
}

/// One way, station by station, and its route.
fn way<'a>(
    fork: &'a Station,
    stations: impl Iterator<Item = &'a Station>,
    route: Option<&str>,
) -> String {
    let names: Vec<String> = std::iter::once(fork)
        .chain(stations)
        .map(Station::told)
        .collect();
    match route {
        Some(route) => format!("{}; route {route}", names.join(", ")),
        None => names.join(", "),
    }
}

impl Station {
    fn new(part: Part, name: impl Into<String>) -> Self {
        let name = name.into();
        let notes = Vec::new();
        Self { part, name, notes }
    }

    /// With something more to be said of it.
    fn with(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }

    fn told(&self) -> String {
        let name = match self.part {
            // What is to be said of nobody is all there is.
            Part::Nobody => self.notes.join(", "),
            _ => self.name.clone(),
        };
        format!("{} {name}", self.part.title())
            .trim_end()
            .to_owned()
    }
}

fn with_route(label: String, route: Option<&str>) -> String {
    match route {
        Some(route) => format!("{label} ({route})"),
        None => label,
    }
}
