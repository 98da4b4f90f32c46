//! Folders that a runner checks projects out into.

use crate::finding::CiJob;

/// Components of a path that are looked at, and letters of the answer.
const LONGEST: usize = 255;

/// The project that is checked out in this folder: `/builds/<group>/<project>` in a job's container,
/// `…/builds/<token>/<n>/<group>/<project>` where the runner's shell executor works. Compose may have
/// been started further down: then that is part of the answer.
pub(super) fn project(folder: &str) -> Option<&str> {
    let path = match folder.strip_prefix("/builds/") {
        Some(path) => path,
        None => of_shell(folder)?,
    };
    let path = path.trim_end_matches('/');
    let is_whole = path.split('/').count() >= 2 && path.split('/').all(is_name);
    (is_whole && path.len() <= LONGEST).then_some(path)
}

/// Whether a runner checks projects out into folders like this one.
pub(crate) fn is_checkout(folder: &str) -> bool {
    project(folder).is_some()
}

/// The job of which only the folder is known.
pub(super) fn job(folder: &str) -> Option<CiJob> {
    let path = project(folder)?;
    Some(CiJob {
        system: "gitlab".to_owned(),
        project_path: Some(path.to_owned()),
        known_by: format!("its working directory {folder}"),
        uncertain: true,
        ..CiJob::default()
    })
}

/// What follows `/builds/<token>/<n>/`.
fn of_shell(folder: &str) -> Option<&str> {
    let (_, path) = folder.split_once("/builds/")?;
    let (token, path) = path.split_once('/')?;
    let (number, path) = path.split_once('/')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_name(token) && is_number).then_some(path)
}

/// Names of groups, projects and folders; `..` leads elsewhere.
fn is_name(part: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | ' ');
    !part.is_empty() && !matches!(part, "." | "..") && part.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_every_executor_are_understood() {
        for (folder, path) in [
            ("/builds/shop/backend", Some("shop/backend")),
            ("/builds/shop/team/backend/", Some("shop/team/backend")),
            (
                "/home/gitlab-runner/builds/z3wU8uu-/0/shop/backend",
                Some("shop/backend"),
            ),
            (
                "/srv/runner/builds/t1_abc/12/shop/backend/deploy",
                Some("shop/backend/deploy"),
            ),
            ("/builds/shop", None),
            ("/builds/../etc/passwd", None),
            ("/builds/shop/\u{1b}[2J", None),
            ("/home/ann/builds/shop/backend", None),
            ("/home/ann/shop", None),
            ("", None),
        ] {
            assert_eq!(project(folder), path, "{folder}");
        }
    }
}
