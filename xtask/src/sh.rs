//! Print the step, then run it; a failure names the command and its status.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Prints a command, runs it to its end and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status();
    check(command, status.with_context(|| cannot_start(command))?)
}

/// Prints a command and becomes it: signals and the exit status are then its own.
pub(crate) fn become_it(command: &mut Command) -> Result<()> {
    announce(command);
    Err(command.exec()).with_context(|| cannot_start(command))
}

/// Prints a command, runs it and returns its stdout; stderr stays on the terminal.
pub(crate) fn run_for_output(command: &mut Command) -> Result<String> {
    announce(command);
    read(command.stderr(Stdio::inherit()))
}

/// Asks a harmless question, so without printing it: stdout of a command that must succeed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| cannot_start(command))?;
    check(command, output.status)
        .with_context(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())?;
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed no UTF-8", render(command)))
}

/// Whether a harmless question is answered with success; its output is nobody's business.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let silent = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

/// Says in a line what happens and why, where no command says it.
pub(crate) fn say(line: impl std::fmt::Display) {
    eprintln!("==> {line}");
}

/// The first executable file of that name in the folders of `path` (written like `$PATH`).
pub(crate) fn find_in(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|dir| dir.join(program))
        .find(|file| is_executable(file))
}

/// Whether a file may be executed by somebody.
pub(crate) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn announce(command: &Command) {
    eprintln!("$ {}", render(command));
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}", render(command));
    }
    Ok(())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", render(command))
}

/// The command as one could type it: variables it sets first, quoted where a shell needs it.
pub(crate) fn render(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let variables = set.map(|(name, value)| {
        format!(
            "{}={}",
            name.to_string_lossy(),
            quote(&shorten_path(name, value))
        )
    });
    let words = std::iter::once(shorten_cargo(command.get_program())).chain(command.get_args());
    let words = words.map(|word| quote(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

/// The cargo that runs `xtask` is what `cargo` means to whoever typed it.
fn shorten_cargo(program: &OsStr) -> &OsStr {
    let is_ours = std::env::var_os("CARGO").is_some_and(|ours| ours == program);
    if is_ours {
        OsStr::new("cargo")
    } else {
        program
    }
}

/// `$PATH` is long and the same for all: only what a step adds to it is worth reading.
fn shorten_path(name: &OsStr, value: &OsStr) -> String {
    let text = value.to_string_lossy().into_owned();
    match std::env::var("PATH") {
        Ok(inherited) if name == "PATH" && !inherited.is_empty() => {
            text.replacen(&inherited, "$PATH", 1)
        }
        _ => text,
    }
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%^$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command
            .args(["test", "-p", "a b", "", "it's"])
            .env("RUSTFLAGS", "-C x")
            .env_remove("Y");
        assert_eq!(
            render(&command),
            r"RUSTFLAGS='-C x' cargo test -p 'a b' '' 'it'\''s'"
        );
    }

    #[test]
    fn only_the_added_part_of_path_is_shown() {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("true");
        command.env("PATH", format!("/opt/bin:{path}"));
        assert_eq!(render(&command), "PATH=/opt/bin:$PATH true");
        command.env("PATH", format!("{path}:/sbin"));
        assert_eq!(render(&command), "PATH=$PATH:/sbin true");
    }

    #[test]
    fn cargo_is_called_cargo() {
        assert_eq!(render(crate::cargo::bare().arg("fmt")), "cargo fmt");
    }

    #[test]
    fn a_failure_names_command_and_status() {
        let error = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'exit 7'` ended with exit status: 7"
        );
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }

    #[test]
    fn a_failed_question_repeats_what_it_wrote_to_stderr() {
        let error = read(Command::new("sh").args(["-c", "echo why >&2; exit 1"])).unwrap_err();
        assert!(format!("{error:#}").starts_with("why: `sh -c"), "{error:#}");
    }

    #[test]
    fn only_executable_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("plain"), "").unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        assert_eq!(find_in("plain", dir.path().as_os_str()), None);
        assert_eq!(find_in("sub", dir.path().as_os_str()), None);
        let path = std::env::var_os("PATH").unwrap();
        assert!(find_in("sh", &path).is_some());
    }
}
