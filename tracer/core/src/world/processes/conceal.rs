//! Command lines without what they should not have held: they are shown and shipped.

/// What stands in place of a secret.
const SECRET: &str = "***";

/// Options whose value is `NAME=VALUE`, of which only the name is told.
const SETTINGS: [&str; 3] = ["-e", "--env", "--build-arg"];

/// Parts of the names of options and variables that hold secrets.
const SECRETS: [&str; 8] = [
    "password",
    "passwd",
    "token",
    "secret",
    "credential",
    "api_key",
    "apikey",
    "requirepass",
];

/// The words, with every value of a variable and of an option that names a secret left out.
#[must_use]
pub fn concealed(words: &[String]) -> Vec<String> {
    let mut shown = Vec::with_capacity(words.len());
    let mut before: Option<&str> = None;
    // What follows `login` may be `-p PASSWORD`; elsewhere `-p` is a project or a port.
    let login = words.iter().take(8).any(|word| word == "login");
    for word in words {
        let is_value = before.is_some_and(|option| is_secret(option) || login && option == "-p");
        shown.push(match before {
            _ if is_value => SECRET.to_owned(),
            Some(option) if SETTINGS.contains(&option) => name_only(word),
            _ => glued(word),
        });
        before = (word.starts_with('-') && !word.contains('=')).then_some(word);
    }
    shown
}

/// [`concealed`] of the beginning of a command line: credentials in an address may have lost the `@` that
/// would tell them.
#[must_use]
pub fn concealed_beginning(words: &[String]) -> Vec<String> {
    let mut shown = concealed(words);
    if let Some(last) = shown.last_mut()
        && let Some((scheme, rest)) = last.split_once("://")
        && !rest.contains(['@', '/'])
    {
        *last = format!("{scheme}://{SECRET}");
    }
    shown
}

/// `--option=value` and `NAME=value`.
fn glued(word: &str) -> String {
    let Some((name, value)) = word.split_once('=') else {
        return without_credentials(word);
    };
    match name {
        _ if name.starts_with("-e") && name.len() > 2 => format!("{name}={SECRET}"),
        _ if is_secret(name) => format!("{name}={SECRET}"),
        _ if SETTINGS.contains(&name) => format!("{name}={}", name_only(value)),
        _ => without_credentials(word),
    }
}

/// `https://user:password@host/` without the user and the password.
fn without_credentials(word: &str) -> String {
    let mut shown = word.to_owned();
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((_, host)) = rest.split_once('@')
    {
        shown = format!("{scheme}://{SECRET}@{host}");
    }
    shown
}

fn name_only(setting: &str) -> String {
    match setting.split_once('=') {
        Some((name, _)) => format!("{name}={SECRET}"),
        None => setting.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRETS.iter().any(|part| name.contains(part))
        && !name.ends_with("-stdin")
        && !name.ends_with("-file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_cut_off_is_left_out() {
        for (command_line, shown) in [
            ("docker build https://ci:pw", "docker build https://***"),
            ("docker build https://host/x", "docker build https://host/x"),
            ("docker -H tcp://h:1 ps", "docker -H tcp://h:1 ps"),
        ] {
            let words: Vec<String> = command_line.split(' ').map(str::to_owned).collect();
            assert_eq!(concealed_beginning(&words).join(" "), shown);
        }
    }

    #[test]
    fn secrets_are_left_out_and_the_rest_stays() {
        for (command_line, shown) in [
            (
                "docker run -e KEY=x --env=A=b -e HOME web",
                "docker run -e KEY=*** --env=A=*** -e HOME web",
            ),
            (
                "docker build --build-arg K=v .",
                "docker build --build-arg K=*** .",
            ),
            (
                "docker login -u me -p pw host",
                "docker login -u me -p *** host",
            ),
            (
                "docker login --password=pw --password-stdin",
                "docker login --password=*** --password-stdin",
            ),
            (
                "gitlab-runner register --token t --url u",
                "gitlab-runner register --token *** --url u",
            ),
            (
                "docker-compose -p shop up -d",
                "docker-compose -p shop up -d",
            ),
            ("docker run -p 80:80 web", "docker run -p 80:80 web"),
            ("docker run -eKEY=x web", "docker run -eKEY=*** web"),
            (
                "docker build https://ci:pw@host/x.git",
                "docker build https://***@host/x.git",
            ),
            (
                "apt-get -o Acquire::http::Proxy=http://u:p@proxy update",
                "apt-get -o Acquire::http::Proxy=http://***@proxy update",
            ),
        ] {
            let words: Vec<String> = command_line.split(' ').map(str::to_owned).collect();
            assert_eq!(concealed(&words).join(" "), shown);
        }
    }
}
