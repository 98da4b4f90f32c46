//! Containers of every daemon, and where to find those that are asked for by what they are part of: a rule that
//! looks at a thousand projects does not look at every container for each.

use std::collections::{BTreeMap, BTreeSet};

use crate::input::DockerContainer;

use super::Key;

/// By daemon and id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Containers {
    all: BTreeMap<Key, DockerContainer>,
    /// By daemon and compose project.
    projects: BTreeMap<Key, BTreeSet<String>>,
    /// Those with the daemon's socket.
    commanding: BTreeSet<Key>,
}

impl Containers {
    pub(super) fn insert(&mut self, daemon: &str, container: &DockerContainer) {
        let key = (daemon.to_owned(), container.id.clone());
        self.remove(&key);
        if let Some(project) = container.compose_project() {
            let project = (daemon.to_owned(), project.to_owned());
            let its = self.projects.entry(project).or_default();
            its.insert(container.id.clone());
        }
        if container.has_socket {
            self.commanding.insert(key.clone());
        }
        self.all.insert(key, container.clone());
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<DockerContainer> {
        let container = self.all.remove(key)?;
        self.commanding.remove(key);
        if let Some(project) = container.compose_project() {
            let project = (key.0.clone(), project.to_owned());
            if let Some(its) = self.projects.get_mut(&project) {
                its.remove(&key.1);
                if its.is_empty() {
                    self.projects.remove(&project);
                }
            }
        }
        Some(container)
    }

    pub(super) fn get(&self, daemon: &str, id: &str) -> Option<&DockerContainer> {
        self.all.get(&(daemon.to_owned(), id.to_owned()))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.all.keys()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &DockerContainer)> {
        self.all.iter()
    }

    /// Those of a daemon, by id.
    pub(super) fn of_daemon<'a>(
        &'a self,
        daemon: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a DockerContainer)> {
        let first = (daemon.to_owned(), String::new());
        let from_there = self.all.range(first..);
        from_there.take_while(move |((of, _), _)| of == daemon)
    }

    /// Those of a daemon's compose project, by id.
    pub(super) fn of_project(
        &self,
        daemon: &str,
        project: &str,
    ) -> impl Iterator<Item = &DockerContainer> {
        let key = (daemon.to_owned(), project.to_owned());
        let ids = self.projects.get(&key).into_iter().flatten();
        ids.filter_map(move |id| self.all.get(&(key.0.clone(), id.clone())))
    }

    /// Those of a daemon that have its socket, by id.
    pub(super) fn commanding<'a>(
        &'a self,
        daemon: &'a str,
    ) -> impl Iterator<Item = &'a DockerContainer> {
        let first = (daemon.to_owned(), String::new());
        let from_there = self.commanding.range(first..);
        let its = from_there.take_while(move |(of, _)| of == daemon);
        its.filter_map(|key| self.all.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str, project: Option<&str>, has_socket: bool) -> DockerContainer {
        let label = |project: &str| ("com.docker.compose.project".to_owned(), project.to_owned());
        DockerContainer {
            id: id.to_owned(),
            labels: project.map(label).into_iter().collect(),
            has_socket,
            ..DockerContainer::default()
        }
    }

    fn ids<'a>(found: impl Iterator<Item = &'a DockerContainer>) -> Vec<&'a str> {
        found.map(|it| it.id.as_str()).collect()
    }

    #[test]
    fn a_container_is_found_by_what_it_was_told_to_be_last() {
        let mut all = Containers::default();
        all.insert("a", &container("1", Some("shop"), true));
        all.insert("a", &container("2", Some("shop"), false));
        all.insert("b", &container("3", Some("shop"), true));
        assert_eq!(ids(all.of_project("a", "shop")), ["1", "2"]);
        assert_eq!(ids(all.commanding("a")), ["1"]);
        assert_eq!(ids(all.of_daemon("b").map(|(_, it)| it)), ["3"]);
        all.insert("a", &container("1", Some("other"), false));
        assert_eq!(ids(all.of_project("a", "shop")), ["2"]);
        assert_eq!(ids(all.of_project("a", "other")), ["1"]);
        assert!(ids(all.commanding("a")).is_empty());
        let key = ("a".to_owned(), "2".to_owned());
        assert!(all.remove(&key).is_some() && all.remove(&key).is_none());
        assert!(ids(all.of_project("a", "shop")).is_empty());
        assert_eq!(ids(all.of_project("b", "shop")), ["3"]);
    }
}
