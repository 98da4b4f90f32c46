//! Bridges and whose they are; below them address pools, daemons, and what is not seen.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};
use tracer_core::{
    input::DaemonStatus,
    overview::{BridgeView, NetworkView},
    world::pools::PoolUse,
};

use crate::{
    sink::human::{self, Look, digits},
    top::state::State,
};

use super::{
    rows,
    style::{REVERSED, STRONG, rule},
    text::{fit, hard, shown, width},
};

const BRIDGE: usize = 15;
const SUBNET: usize = 18;
const LOST: usize = 7;
const GAPS: usize = 5;
/// Subnets to come that are named.
const NEXT: usize = 3;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut State) {
    let bridges = state.overview.bridges.len();
    // Half of the screen is the pools'.
    let room = bridges.clamp(1, usize::from(area.height / 2).max(2) - 1);
    let [list, title, below] = Layout::vertical([
        Constraint::Length(rows(room + 1)),
        Constraint::Length(1),
        Constraint::Min(0),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(listed(state, room, area.width)), list);
    let rule = rule(
        "address pools, daemons, and what is not seen",
        area.width,
        state.look,
    );
    frame.render_widget(Paragraph::new(rule), title);
    let lines = surroundings(state, area.width);
    let room = usize::from(below.height);
    state.page = room.max(1);
    state.scroll = state.scroll.min(lines.len().saturating_sub(room));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(state.scroll).take(room).collect();
    frame.render_widget(Paragraph::new(shown), below);
}

fn listed(state: &State, room: usize, columns: u16) -> Vec<Line<'static>> {
    let owner = usize::from(columns).saturating_sub(BRIDGE + SUBNET + LOST + GAPS);
    let heading = format!(
        " {} {} {} {:>LOST$}",
        fit("BRIDGE", BRIDGE),
        fit("SUBNET", SUBNET),
        fit("WHOSE", owner),
        "LOST"
    );
    let heading = Line::styled(heading, STRONG);
    let Some((chosen, _)) = state.chosen_bridge() else {
        return vec![
            heading,
            Line::raw(" No bridge is here that packets could vanish in."),
        ];
    };
    let above = (chosen + 1).saturating_sub(room);
    let bridges = state.overview.bridges.iter().enumerate().skip(above);
    let lines = bridges
        .take(room)
        .map(|(nth, bridge)| line(bridge, state, nth == chosen, owner));
    std::iter::once(heading).chain(lines).collect()
}

fn line(bridge: &BridgeView, state: &State, is_chosen: bool, owner: usize) -> Line<'static> {
    let look = state.look;
    let of_bridge = state.incidents.of_bridge(bridge.netns.inum, bridge.ifindex);
    let lost: u64 = of_bridge.map(|it| it.counts.packets).sum();
    let subnets: Vec<String> = bridge.prefixes.iter().map(ToString::to_string).collect();
    let subnet = match subnets.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, more @ ..] => format!("{first} +{}", more.len()),
    };
    let mark = if is_chosen { ">" } else { " " };
    let text = format!(
        "{mark}{} {} {} {:>LOST$} ",
        fit(&shown(&bridge.name, look), BRIDGE),
        fit(&subnet, SUBNET),
        fit(&shown(&whose(bridge), look), owner),
        digits(lost)
    );
    let line = Line::raw(text);
    if is_chosen {
        line.style(REVERSED)
    } else {
        line
    }
}

/// The network and who is in it, and where that is if not on the host itself.
fn whose(bridge: &BridgeView) -> String {
    let mut text = match (&bridge.network, bridge.maker) {
        (Some(network), _) => network_line(network),
        (None, "unknown") => "not known".to_owned(),
        (None, maker) => format!("{maker}, network not known"),
    };
    if !bridge.carrier {
        text.push_str(", no carrier");
    }
    if !bridge.is_host {
        text = format!("{}: {text}", bridge.netns.owner);
    }
    text
}

fn network_line(network: &NetworkView) -> String {
    let name = match &network.project {
        // The project's own network is called after it.
        Some(project) if !network.name.starts_with(project.as_str()) => {
            format!("{} of {project}", network.name)
        }
        _ => network.name.clone(),
    };
    match network.containers.as_slice() {
        [] => format!("{name}, empty"),
        [only] => format!("{name}: {only}"),
        [first, more @ ..] => format!("{name}: {first} +{}", more.len()),
    }
}

fn surroundings(state: &State, columns: u16) -> Vec<Line<'static>> {
    let look = Look {
        colour: false,
        width: usize::from(columns).min(110),
        ..state.look
    };
    let overview = &state.overview;
    let mut fields = Vec::new();
    for (endpoint, status) in &overview.daemons {
        fields.push(("docker", daemon(endpoint, status)));
        let pools = overview.pools.iter().find(|it| it.daemon == *endpoint);
        if let Some(pools) = pools {
            fields.push(("pools", pool_line(pools)));
        }
    }
    let unseen = overview.unseen.iter().map(|it| ("unseen", it.clone()));
    fields.extend(unseen);
    if overview.unseen.is_empty() && super::header::silent(state) == 0 {
        fields.push(("unseen", "nothing that is known of".to_owned()));
    }
    if overview.lost_events > 0 {
        let text = format!(
            "{} events were lost on the way",
            digits(overview.lost_events)
        );
        fields.push(("unseen", text));
    }
    let lines = human::fields(&fields, look);
    let lines = lines
        .iter()
        .flat_map(|line| hard(line, usize::from(columns)));
    debug_assert!(
        lines
            .clone()
            .all(|line| width(&line) <= usize::from(columns))
    );
    lines.map(Line::raw).collect()
}

fn daemon(endpoint: &str, status: &DaemonStatus) -> String {
    match status {
        DaemonStatus::Reachable(info) => format!("{} at {endpoint}", info.version),
        DaemonStatus::Unreachable(cause) => format!("cannot be asked at {endpoint}: {cause}"),
    }
}

fn pool_line(pools: &PoolUse) -> String {
    let mut text = format!(
        "{} of {} subnets taken, {} free",
        pools.used, pools.total, pools.free
    );
    let next: Vec<String> = pools
        .next
        .iter()
        .take(NEXT)
        .map(ToString::to_string)
        .collect();
    if !next.is_empty() {
        let likely = if pools.certain { "" } else { " likely" };
        text.push_str(&format!(
            "; the next networks{likely} get {}",
            next.join(", ")
        ));
    }
    text
}
