//! Command lines of docker and compose.

use crate::input::ProcessInfo;

/// docker's own options that take a value.
const OF_DOCKER: [&str; 10] = [
    "-H",
    "--host",
    "-c",
    "--context",
    "--config",
    "-l",
    "--log-level",
    "--tlscacert",
    "--tlscert",
    "--tlskey",
];
/// Compose's own, of both generations.
const OF_COMPOSE: [&str; 19] = [
    "-f",
    "--file",
    "-p",
    "--project-name",
    "--profile",
    "--env-file",
    "--project-directory",
    "--ansi",
    "--parallel",
    "--progress",
    "-H",
    "--host",
    "-c",
    "--context",
    "--log-level",
    "--tlscacert",
    "--tlscert",
    "--tlskey",
    "--workdir",
];
/// Commands that look on. Whoever ends one of them leaves nothing behind.
const LOOKS_ON: [&str; 22] = [
    "attach", "config", "diff", "events", "exec", "help", "history", "images", "info", "inspect",
    "logs", "ls", "port", "ps", "search", "stats", "top", "version", "wait", "volumes", "watch",
    "df",
];
/// Commands of docker that have commands.
const GROUPS: [&str; 6] = [
    "container",
    "image",
    "network",
    "system",
    "volume",
    "service",
];

/// The command of docker's command line and the words after it.
pub(super) fn of_docker(arguments: &[String]) -> Option<(&str, &[String])> {
    command(arguments.get(1..)?, &OF_DOCKER)
}

/// Whether a client's command only looks on.
pub(crate) fn looks_on(info: &ProcessInfo) -> bool {
    let name = match inside_compose(info) {
        Some(words) => command(words, &OF_COMPOSE),
        None => match of_docker(&info.arguments) {
            Some((group, rest)) if GROUPS.contains(&group) => command(rest, &[]),
            other => other,
        },
    };
    name.is_some_and(|(name, _)| LOOKS_ON.contains(&name))
}

/// The compose project a command is about, as compose works it out: the option, the variable, the
/// name of the folder of the first file, or of the working directory. A name inside the file is not
/// known.
#[must_use]
pub fn project(info: &ProcessInfo) -> Option<String> {
    let words = inside_compose(info)?;
    let own = &words[..words.len() - command(words, &OF_COMPOSE).map_or(0, |(_, rest)| rest.len())];
    let named = value(own, &["-p", "--project-name"]).map(normal);
    let variable = || {
        info.variables
            .get("COMPOSE_PROJECT_NAME")
            .map(|it| normal(it))
    };
    let folder = || {
        let given = value(own, &["--project-directory"]).map(str::to_owned);
        let file = || value(own, &["-f", "--file"]).map(|file| parent(file, info));
        let folder = given
            .or_else(|| file().flatten())
            .or_else(|| info.directory.clone())?;
        folder.trim_end_matches('/').rsplit('/').next().map(normal)
    };
    let name: Option<String> = named.or_else(variable).or_else(folder);
    name.filter(|name| !name.is_empty())
}

/// Whether two names are the same project's, as compose compares them: it allows itself lowercase
/// letters, digits, `-` and `_` and leaves the rest out (1.x since 1.21, 2.x also at the beginning).
/// <https://github.com/compose-spec/compose-go/blob/v2.0.0/loader/loader.go#L646>
#[must_use]
pub fn same_project(one: &str, other: &str) -> bool {
    let one = normal(one);
    !one.is_empty() && one == normal(other)
}

/// Whether the command makes a network of this name: `docker network create [OPTION…] NAME`.
pub(super) fn makes_network(info: &ProcessInfo, name: &str) -> bool {
    let Some(("network", rest)) = of_docker(&info.arguments) else {
        return false;
    };
    let ordered = rest.first().is_some_and(|word| word == "create");
    ordered && !name.is_empty() && rest.iter().skip(1).any(|word| word == name)
}

fn normal(name: &str) -> String {
    let lower = name.to_lowercase();
    let allowed: String = lower.chars().filter(|c| is_allowed(*c)).collect();
    allowed.trim_start_matches(['-', '_']).to_owned()
}

const fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

/// The folder a file is in; none for standard input, or where nothing tells what it is relative to.
fn parent(file: &str, info: &ProcessInfo) -> Option<String> {
    if file == "-" {
        return None;
    }
    match file.rsplit_once('/') {
        Some((folder, _)) if file.starts_with('/') => Some(folder.to_owned()),
        Some((folder, _)) if folder != "." && !folder.starts_with("..") => Some(folder.to_owned()),
        _ => info.directory.clone(),
    }
}

/// The words after the name of compose, however it was called: `docker compose`, `docker-compose`,
/// the plugin's `docker-compose compose`, an interpreter's.
fn inside_compose(info: &ProcessInfo) -> Option<&[String]> {
    let words = &info.arguments;
    let (program, rest) = words.split_first()?;
    let after = match base(program) {
        name if is_compose(name) => rest,
        "docker" => match of_docker(words) {
            Some(("compose", rest)) => rest,
            _ => return None,
        },
        _ => interpreted(rest)?,
    };
    match after.split_first() {
        Some((first, rest)) if first == "compose" => Some(rest),
        _ => Some(after),
    }
}

/// The words after compose's program, or the module of that name, in an interpreter's command line.
fn interpreted(words: &[String]) -> Option<&[String]> {
    // Options of the interpreter, and variables where it is `env`, come before.
    let is_script = |word: &String| !word.starts_with('-') && !word.contains('=');
    let (before, after) = words.split_at(words.iter().position(is_script)?);
    let (script, rest) = after.split_first()?;
    let module = script == "compose" && before.last().is_some_and(|word| word == "-m");
    (module || is_compose(base(script))).then_some(rest)
}

/// The one of old may carry its platform in its name.
fn is_compose(program: &str) -> bool {
    program == "docker-compose" || program.starts_with("docker-compose-")
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The first word that is no option, and those after it.
fn command<'a>(words: &'a [String], with_value: &[&str]) -> Option<(&'a str, &'a [String])> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if with_value.contains(&word.as_str()) {
            at += 2;
        } else if word.starts_with('-') {
            at += 1;
        } else {
            return Some((word, &words[at + 1..]));
        }
    }
    None
}

/// The first value of an option: `-n value`, `--name value`, `--name=value`, `-nvalue`.
fn value<'a>(words: &'a [String], names: &[&str]) -> Option<&'a str> {
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        for name in names {
            if word == *name {
                return words.next();
            }
            let glued = word.strip_prefix(*name).filter(|rest| !rest.is_empty());
            match glued {
                Some(rest) if rest.starts_with('=') => return Some(&rest[1..]),
                Some(rest) if !name.starts_with("--") && !word.starts_with("--") => {
                    return Some(rest);
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(command_line: &str) -> ProcessInfo {
        ProcessInfo {
            arguments: command_line.split(' ').map(str::to_owned).collect(),
            directory: Some("/builds/Shop.Backend_2".to_owned()),
            ..ProcessInfo::default()
        }
    }

    #[test]
    fn a_project_is_worked_out_as_compose_does() {
        for (command_line, wanted) in [
            ("docker-compose up", "shopbackend_2"),
            ("docker-compose -p shop up -d", "shop"),
            ("docker-compose -pshop up", "shop"),
            ("docker compose --project-name=shop up", "shop"),
            ("docker --context far compose -p shop up", "shop"),
            ("docker-compose compose -p shop up", "shop"),
            (
                "/usr/bin/python3 /usr/bin/docker-compose -p shop up",
                "shop",
            ),
            ("python3 -m compose up", "shopbackend_2"),
            ("docker-compose -f /srv/ldap/docker-compose.yml up", "ldap"),
            ("docker-compose -f deploy/docker-compose.yml up", "deploy"),
            ("docker-compose -f docker-compose.yml up", "shopbackend_2"),
            ("docker-compose -f - up", "shopbackend_2"),
            ("docker-compose --project-directory /srv/mail up", "mail"),
            // Options of the command are none of compose's own.
            ("docker-compose run -p 80:80 web", "shopbackend_2"),
        ] {
            assert_eq!(
                project(&info(command_line)).as_deref(),
                Some(wanted),
                "{command_line}"
            );
        }
        for others in [
            "docker run busybox",
            "docker rm compose",
            "docker run compose up",
            "docker network rm docker-compose",
            "python3 app.py compose up",
            "sh -c compose",
        ] {
            assert_eq!(project(&info(others)), None, "{others}");
        }
        assert_eq!(project(&ProcessInfo::default()), None);
    }

    #[test]
    fn a_variable_names_the_project_unless_an_option_does() {
        let mut info = info("docker-compose up");
        info.variables
            .insert("COMPOSE_PROJECT_NAME".to_owned(), "night".to_owned());
        assert_eq!(project(&info).as_deref(), Some("night"));
        info.arguments
            .splice(1..1, ["-p".to_owned(), "day".to_owned()]);
        assert_eq!(project(&info).as_deref(), Some("day"));
    }

    #[test]
    fn generations_of_compose_agree_on_what_is_one_project() {
        for (one, other, same) in [
            ("Shop.Backend-2", "shopbackend-2", true),
            ("_shop", "shop", true),
            ("app-1", "app_1", false),
            ("app-1", "app1", false),
            ("shop", "shop2", false),
            ("", "", false),
        ] {
            assert_eq!(same_project(one, other), same, "{one} and {other}");
        }
    }

    #[test]
    fn who_makes_a_network_by_hand_is_known_by_its_name() {
        for (command_line, makes) in [
            ("docker network create shop", true),
            (
                "docker -H unix:///s network create --subnet 10.0.0.0/24 shop",
                true,
            ),
            ("docker network create shop2", false),
            ("docker network rm shop", false),
            ("docker run --network shop busybox", false),
        ] {
            assert_eq!(
                makes_network(&info(command_line), "shop"),
                makes,
                "{command_line}"
            );
        }
    }

    #[test]
    fn who_only_looks_on_is_told_from_who_acts() {
        for command_line in [
            "docker logs -f web",
            "docker -H unix:///s ps",
            "docker container logs web",
            "docker-compose -p shop logs",
            "docker compose ps",
            "docker exec web sh",
        ] {
            assert!(looks_on(&info(command_line)), "{command_line}");
        }
        for command_line in [
            "docker run busybox logs",
            "docker network create ps",
            "docker-compose up",
            "docker-compose -p logs up",
            "docker build .",
            "docker",
            "dockerd",
        ] {
            assert!(!looks_on(&info(command_line)), "{command_line}");
        }
    }
}
