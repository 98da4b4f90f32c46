//! What an event of the engine points at. Events carry too little to be taken at their word.

use bollard::models::{EventMessage, EventMessageTypeEnum as Type};
use tracer_core::{input::NetworkEvent, time::Timestamp};

/// Something an engine keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    /// A network, by id.
    Network(String),
    /// A container, by id.
    Container(String),
}

/// What to do about an event. Of a network that was created it is told at once: those made after it
/// may be known first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Ask for the object.
    Look(Object),
    /// Ask for the network, which was just created.
    Made(String),
    /// The object is gone.
    Gone(Object),
    /// The engine read its configuration again.
    Reloaded,
    /// It has other images than before: they come by the dozen, so they are counted a while later.
    Miscounted,
}

/// Container events that change nothing bridgetrace knows. Health checks make three of them
/// every few seconds, for each container.
const NOISE: [&str; 12] = [
    "exec_",
    "health_status",
    "top",
    "attach",
    "detach",
    "resize",
    "archive-path",
    "extract-to-dir",
    "copy",
    "export",
    "commit",
    "checkpoint",
];

/// The longest id there is, with room: engines make them of 64 digits.
const ID: usize = 256;

fn is_id(text: &str) -> bool {
    (1..=ID).contains(&text.len())
}

/// A network that was created or removed.
pub(super) fn of_network(event: &EventMessage) -> Option<NetworkEvent> {
    let id = event.actor.as_ref()?.id.clone().filter(|id| is_id(id))?;
    let action = event.action.as_deref()?;
    let is_told = event.typ == Some(Type::NETWORK) && matches!(action, "create" | "destroy");
    // A swarm's networks have pools of their own.
    let is_global = attribute(event, "type").as_deref() == Some("overlay");
    let at = u64::try_from(event.time_nano?).ok()?;
    (is_told && !is_global).then(|| NetworkEvent {
        at: Timestamp(at),
        id,
        created: action == "create",
    })
}

/// What an event asks for.
pub(super) fn changes(event: &EventMessage) -> Vec<Change> {
    let action = event.action.as_deref().unwrap_or_default();
    let id = event
        .actor
        .as_ref()
        .and_then(|actor| actor.id.clone())
        .filter(|id| is_id(id));
    match (event.typ, id) {
        (Some(Type::CONTAINER), Some(id)) => container(action, id),
        (Some(Type::NETWORK), Some(id)) => network(event, action, id),
        (Some(Type::IMAGE), _) => vec![Change::Miscounted],
        (Some(Type::DAEMON), _) if action == "reload" => vec![Change::Reloaded],
        _ => Vec::new(),
    }
}

fn container(action: &str, id: String) -> Vec<Change> {
    if NOISE.iter().any(|noise| action.starts_with(noise)) {
        return Vec::new();
    }
    let object = Object::Container(id);
    vec![if action == "destroy" {
        Change::Gone(object)
    } else {
        Change::Look(object)
    }]
}

/// Connecting changes two objects: the network and the container.
fn network(event: &EventMessage, action: &str, id: String) -> Vec<Change> {
    if action == "create" {
        return vec![Change::Made(id)];
    }
    let object = Object::Network(id);
    match action {
        "destroy" | "remove" => vec![Change::Gone(object)],
        "connect" | "disconnect" => {
            let container = attribute(event, "container").map(Object::Container);
            [Some(object), container]
                .into_iter()
                .flatten()
                .map(Change::Look)
                .collect()
        }
        _ => vec![Change::Look(object)],
    }
}

fn attribute(event: &EventMessage, key: &str) -> Option<String> {
    event
        .actor
        .as_ref()?
        .attributes
        .as_ref()?
        .get(key)
        .filter(|it| is_id(it))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> Vec<Change> {
        changes(&serde_json::from_str(json).expect("an event"))
    }

    #[test]
    fn only_what_becomes_of_networks_is_history() {
        let told = |json: &str| {
            let event = of_network(&serde_json::from_str(json).expect("an event"));
            event.map(|event| (event.at.0, event.created))
        };
        for (event, expected) in [
            (
                r#"{"Type":"network","Action":"create","Actor":{"ID":"n"},"timeNano":5}"#,
                Some((5, true)),
            ),
            (
                r#"{"Type":"network","Action":"destroy","Actor":{"ID":"n"},"timeNano":6}"#,
                Some((6, false)),
            ),
            (
                r#"{"Type":"network","Action":"connect","Actor":{"ID":"n"},"timeNano":5}"#,
                None,
            ),
            (
                r#"{"Type":"network","Action":"create","Actor":{"ID":"n","Attributes":{"type":"overlay"}},"timeNano":5}"#,
                None,
            ),
            (
                r#"{"Type":"container","Action":"create","Actor":{"ID":"c"},"timeNano":5}"#,
                None,
            ),
            (r"{}", None),
        ] {
            assert_eq!(told(event), expected, "{event}");
        }
    }

    #[test]
    fn events_point_at_what_changed() {
        let network = || Object::Network("n".into());
        let container = || Object::Container("c".into());
        for (event, expected) in [
            (
                r#"{"Type":"network","Action":"create","Actor":{"ID":"n"}}"#,
                vec![Change::Made("n".into())],
            ),
            (
                r#"{"Type":"network","Action":"destroy","Actor":{"ID":"n"}}"#,
                vec![Change::Gone(network())],
            ),
            (
                r#"{"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{"container":"c"}}}"#,
                vec![Change::Look(network()), Change::Look(container())],
            ),
            (
                r#"{"Type":"container","Action":"die","Actor":{"ID":"c"}}"#,
                vec![Change::Look(container())],
            ),
            (
                r#"{"Type":"container","Action":"destroy","Actor":{"ID":"c"}}"#,
                vec![Change::Gone(container())],
            ),
            (
                r#"{"Type":"container","Action":"exec_start: sh","Actor":{"ID":"c"}}"#,
                vec![],
            ),
            (
                r#"{"Type":"container","Action":"health_status: healthy","Actor":{"ID":"c"}}"#,
                vec![],
            ),
            (
                r#"{"Type":"daemon","Action":"reload","Actor":{"ID":"d"}}"#,
                vec![Change::Reloaded],
            ),
            (
                r#"{"Type":"image","Action":"delete","Actor":{"ID":"sha256:1"}}"#,
                vec![Change::Miscounted],
            ),
            (r#"{"Type":"network","Action":"create"}"#, vec![]),
            (r"{}", vec![]),
        ] {
            assert_eq!(said(event), expected, "{event}");
        }
    }
}
