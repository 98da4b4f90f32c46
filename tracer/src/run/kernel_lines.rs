//! Lines of the kernel's log in bridgetrace's own (`-v`), with whom they belong to.

use std::collections::VecDeque;

use tracer_core::{
    Core,
    belonging::Belonging,
    input::{Body, Input},
    time::{SECOND, Timestamp},
    world::kernel_log::Line,
};

/// How long a line waits: the kernel writes it before docker tells of the network and the container.
const WAIT: u64 = SECOND;
/// Lines that wait at most.
const WAITING: usize = 1024;

/// Lines that are yet to be told.
#[derive(Default)]
pub(super) struct KernelLines {
    waiting: VecDeque<(Line, Option<Belonging>)>,
}

impl KernelLines {
    /// Takes in an input that the core has taken in: a container that is about to go is known now, and
    /// not in a moment.
    pub(super) fn take(&mut self, input: &Input, core: &Core) {
        let Body::KernelLog { text, by_kernel } = &input.body else {
            return;
        };
        if !log::log_enabled!(log::Level::Info) {
            return;
        }
        if let Some(line) = Line::of(input.at, text, *by_kernel) {
            let belonging = core.belonging(&line);
            self.waiting.push_back((line, belonging));
        }
        if self.waiting.len() > WAITING {
            self.tell_first(core);
        }
    }

    /// Tells those that have waited for long enough.
    pub(super) fn tell(&mut self, core: &Core, now: Timestamp) {
        let is_due = |(line, _): &(Line, _)| line.at.plus(WAIT) <= now;
        while self.waiting.front().is_some_and(is_due) {
            self.tell_first(core);
        }
    }

    /// Tells all of them.
    pub(super) fn finish(&mut self, core: &Core) {
        while !self.waiting.is_empty() {
            self.tell_first(core);
        }
    }

    fn tell_first(&mut self, core: &Core) {
        let Some((line, before)) = self.waiting.pop_front() else {
            return;
        };
        let since = core.belonging(&line);
        match better(before, since) {
            Some(belonging) => log::info!("kernel: {} ({belonging})", line.text),
            None => log::info!("kernel: {}", line.text),
        }
    }
}

/// What is known now, if it is not less than what was known as the line was read.
fn better(before: Option<Belonging>, since: Option<Belonging>) -> Option<Belonging> {
    let known = |it: &Option<Belonging>| {
        it.as_ref().map(|it| {
            (
                it.network.is_some(),
                it.container.is_some(),
                it.job.is_some(),
            )
        })
    };
    if known(&before) > known(&since) {
        before
    } else {
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(container: Option<&str>) -> Option<Belonging> {
        Some(Belonging {
            network: Some("shop_default".to_owned()),
            container: container.map(str::to_owned),
            ..Belonging::default()
        })
    }

    #[test]
    fn what_is_known_of_a_line_is_not_forgotten_while_it_waits() {
        assert_eq!(better(None, of(Some("web"))), of(Some("web")));
        assert_eq!(better(of(Some("web")), of(None)), of(Some("web")));
        assert_eq!(better(of(Some("web")), None), of(Some("web")));
        assert_eq!(better(of(Some("old")), of(Some("new"))), of(Some("new")));
        assert_eq!(better(None, None), None);
    }

    #[test]
    fn lines_are_told_when_they_have_waited() {
        let core = Core::default();
        let mut lines = KernelLines::default();
        let line = Line::of(Timestamp(1), "veth1: entered promiscuous mode", true);
        lines.waiting.extend(line.map(|line| (line, None)));
        lines.tell(&core, Timestamp(WAIT));
        assert_eq!(lines.waiting.len(), 1);
        lines.tell(&core, Timestamp(WAIT + 1));
        assert!(lines.waiting.is_empty());
    }
}
