//! What `--help` promises is frozen: scripts, manuals and people rely on it.
//! `BRIDGETRACE_BLESS=1` writes the checked-in texts anew.

use std::{env, fs, path::Path};

use anyhow::{Result, ensure};

use super::scene::{Ended, bridgetrace, run};

/// Of a serial console.
const COLUMNS: usize = 80;

fn stdout(arguments: &[&str]) -> Result<String> {
    let mut command = bridgetrace(&[], arguments)?;
    command.env_remove("COLUMNS");
    let Ended {
        status,
        stdout,
        stderr,
    } = run(command)?;
    ensure!(
        status.success() && stderr.is_empty(),
        "{arguments:?}: {status}: {stderr}"
    );
    Ok(stdout)
}

fn is_frozen(name: &str, arguments: &[&str]) -> Result<()> {
    let now = stdout(arguments)?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/help")
        .join(name);
    if env::var_os("BRIDGETRACE_BLESS").is_some() {
        fs::write(&file, &now)?;
    }
    let frozen = fs::read_to_string(&file).unwrap_or_default();
    ensure!(
        now == frozen,
        "{} differs; if that is meant, set BRIDGETRACE_BLESS=1.\n── frozen\n{frozen}\n── now\n{now}",
        file.display()
    );
    for line in now.lines() {
        ensure!(
            line.chars().count() <= COLUMNS,
            "wider than {COLUMNS} columns: {line}"
        );
    }
    Ok(())
}

#[test]
fn help_is_frozen() -> Result<()> {
    is_frozen("bridgetrace.txt", &["--help"])?;
    is_frozen("bridgetrace.short.txt", &["-h"])?;
    is_frozen("trace.txt", &["trace", "--help"])?;
    is_frozen("doctor.txt", &["doctor", "--help"])?;
    is_frozen("check.txt", &["check", "--help"])?;
    is_frozen("record.txt", &["record", "--help"])?;
    is_frozen("replay.txt", &["replay", "--help"])?;
    is_frozen("report.txt", &["report", "--help"])?;
    is_frozen("dump.txt", &["dump", "--help"])?;
    is_frozen("top.txt", &["top", "--help"])?;
    is_frozen("rescue.txt", &["rescue", "--help"])?;
    is_frozen("completions.txt", &["completions", "--help"])
}

#[test]
fn the_version_is_one_line() -> Result<()> {
    let version = stdout(&["--version"])?;
    ensure!(
        version == format!("bridgetrace {}\n", env!("CARGO_PKG_VERSION")),
        "{version}"
    );
    Ok(())
}

#[test]
fn completions_are_scripts() -> Result<()> {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell])?;
        ensure!(
            script.contains("bridgetrace") && script.contains("docker-host"),
            "{shell}"
        );
    }
    let script = stdout(&["completions", "bash"])?;
    let mut check = std::process::Command::new("bash");
    check
        .args(["-n", "-c", &script])
        .stderr(std::process::Stdio::piped());
    let ended = run(check)?;
    ensure!(
        ended.status.success(),
        "bash cannot read it: {}",
        ended.stderr
    );
    Ok(())
}
