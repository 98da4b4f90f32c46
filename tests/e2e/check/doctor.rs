//! `bridgetrace doctor` tries everything and says what it found.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use bridgetrace_lab::{preflight, tracer};

/// Runs `bridgetrace doctor` behind a wrapper; its exit status and what it printed.
fn doctor(wrapper: &[&str]) -> Result<(Option<i32>, String)> {
    let binary = tracer::binary()?.display().to_string();
    let mut words = wrapper.to_vec();
    words.extend([
        &*binary,
        "doctor",
        "--docker-host",
        "unix:///nonexistent/docker.sock",
    ]);
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()?;
    Ok((output.status.code(), String::from_utf8(output.stdout)?))
}

#[test]
fn root_can_trace_and_hears_what_is_not_there() -> Result<()> {
    preflight::require()?;
    let (status, said) = doctor(&["nice"])?;
    ensure!(
        status == Some(0) && said.starts_with("This host can be traced"),
        "{said}"
    );
    for wanted in [
        "  ok  the kernel takes the programs",
        "  ok  links and routes of this network namespace",
        "  ok  who is connected to this host",
        "  no  docker at unix:///nonexistent/docker.sock: there is no socket",
    ] {
        ensure!(said.contains(wanted), "no {wanted:?} in\n{said}");
    }
    Ok(())
}

#[test]
fn a_kernel_that_hides_its_types_is_named_with_the_remedy() -> Result<()> {
    preflight::require()?;
    let hide = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
    let (status, said) = doctor(&["unshare", "--mount", "sh", "-ec", hide, "sh"])?;
    ensure!(
        status == Some(2) && said.starts_with("This host cannot be traced"),
        "{said}"
    );
    for wanted in [
        "  no  the kernel half: ",
        "/sys/kernel/btf/vmlinux",
        "CONFIG_DEBUG_INFO_BTF=y",
        "  ok  links and routes of this network namespace",
    ] {
        ensure!(said.contains(wanted), "no {wanted:?} in\n{said}");
    }
    Ok(())
}

#[test]
fn without_capabilities_the_missing_ones_are_named() -> Result<()> {
    preflight::require()?;
    let bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"];
    let (status, said) = doctor(&bare)?;
    ensure!(
        status == Some(2) && said.starts_with("This host cannot be traced"),
        "{said}"
    );
    ensure!(said.contains("  no  the kernel half: CAP_BPF"), "{said}");
    ensure!(said.contains("  ok  links and routes"), "{said}");
    Ok(())
}
