//! What cannot be traced is refused: one line that names the thing, the cause and the remedy.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Netns, Tracer, preflight, tracer};
use nix::sys::signal::Signal;

use super::scene::{ABSENT, Ended, Folder, SOON, Scene, bridgetrace, end, inside, run};
use crate::outage::stage::NETWORK;

/// A run that would end by itself if nothing refused it.
const BRIEFLY: [&str; 4] = ["--duration", "1s", "--docker-host", ABSENT];

/// Fails unless the run ended with status 2 and one line, which says all of `parts`.
fn refuses(command: Command, parts: &[&str]) -> Result<()> {
    let Ended {
        status,
        stdout,
        stderr,
    } = run(command)?;
    ensure!(status.code() == Some(2), "{status}: {stdout}{stderr}");
    ensure!(stdout.is_empty(), "on stdout: {stdout}");
    let line = stderr.strip_suffix('\n').context("no line on stderr")?;
    ensure!(!line.contains('\n'), "more than a line: {stderr}");
    ensure!(line.starts_with("bridgetrace: "), "{line}");
    ensure!(!line.contains("panicked"), "{line}");
    for part in parts {
        ensure!(line.contains(part), "no {part:?} in {line}");
    }
    let causes = line.matches("(os error").count();
    ensure!(causes <= 1, "says its cause {causes} times: {line}");
    Ok(())
}

#[test]
fn a_user_who_is_not_root_is_told_to_be() -> Result<()> {
    preflight::require()?;
    // Nobody may not be let into the folder where the binary was built.
    let folder = Folder::new()?;
    let copy = folder.join("bridgetrace");
    fs::copy(tracer::binary()?, &copy).context("copy the binary")?;
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(BRIEFLY)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    refuses(
        command,
        &["not root", "CAP_BPF", "CAP_PERFMON", "sudo bridgetrace"],
    )
}

#[test]
fn a_capability_that_root_lacks_is_named() -> Result<()> {
    preflight::require()?;
    for (dropped, named, innocent) in [
        ("-bpf,-sys_admin", "CAP_BPF", "CAP_PERFMON"),
        ("-perfmon,-sys_admin", "CAP_PERFMON", "CAP_BPF"),
    ] {
        let without = ["setpriv", "--bounding-set", dropped];
        refuses(bridgetrace(&without, &BRIEFLY)?, &[named, "--cap-add"])?;
        let said = run(bridgetrace(&without, &BRIEFLY)?)?.stderr;
        ensure!(!said.contains(innocent), "{said}");
        ensure!(
            !said.contains("sudo"),
            "root is told to become root: {said}"
        );
    }
    Ok(())
}

#[test]
fn two_capabilities_are_enough_and_what_the_others_would_show_is_said() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("caps")?;
    let [nsenter, net] = inside(&netns);
    let without = [
        &nsenter,
        &net,
        "setpriv",
        "--bounding-set",
        "-sys_admin,-sys_ptrace",
    ];
    let ended = run(bridgetrace(&without, &BRIEFLY)?)?;
    ensure!(ended.status.success(), "{ended:?}");
    for part in ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"] {
        ensure!(ended.stdout.contains(part), "no {part} in {}", ended.stdout);
    }
    Ok(())
}

#[test]
fn root_of_a_user_namespace_is_not_root() -> Result<()> {
    preflight::require()?;
    let rootless = ["unshare", "--user", "--map-root-user"];
    refuses(
        bridgetrace(&rootless, &BRIEFLY)?,
        &["user namespace", "on the host"],
    )
}

#[test]
fn a_kernel_without_btf_is_named() -> Result<()> {
    preflight::require()?;
    let hidden = under("mount -t tmpfs none /sys/kernel/btf");
    let command = bridgetrace(&hidden.each_ref().map(String::as_str), &BRIEFLY)?;
    refuses(
        command,
        &["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF=y"],
    )
}

/// Words that run what follows them in a mount namespace of its own, after this set-up.
fn under(mount: &str) -> [String; 6] {
    let script = format!("{mount} && exec \"$@\"");
    ["unshare", "--mount", "sh", "-c", &script, "sh"].map(str::to_owned)
}

/// The running kernel's own BTF with one name changed: a kernel that lacks the thing.
fn kernel_without(name: &str, folder: &Folder) -> Result<[String; 6]> {
    let mut btf = fs::read("/sys/kernel/btf/vmlinux").context("read the kernel's BTF")?;
    let whole = [b"\0", name.as_bytes(), b"\0"].concat();
    let at = btf.windows(whole.len()).position(|window| window == whole);
    // One letter is enough; the strings of BTF are shared by whole names only.
    btf[at.with_context(|| format!("no {name} in this kernel"))? + 1] = b'#';
    let file = folder.join(name);
    fs::write(&file, btf).context("write the changed BTF")?;
    Ok(under(&format!(
        "mount --bind {} /sys/kernel/btf/vmlinux",
        file.display()
    )))
}

#[test]
fn a_kernel_that_is_too_old_is_told_what_it_lacks() -> Result<()> {
    preflight::require()?;
    let folder = Folder::new()?;
    for (name, part) in [
        (
            "btf_trace_neigh_event_send_done",
            "tracepoint neigh_event_send_done",
        ),
        ("btf_trace_fib_table_lookup", "tracepoint fib_table_lookup"),
        ("nd_net", "net_device.nd_net.net"),
        ("nud_state", "neighbour.nud_state"),
    ] {
        let old = kernel_without(name, &folder)?;
        let command = bridgetrace(&old.each_ref().map(String::as_str), &BRIEFLY)?;
        refuses(command, &["too old", part, "5.10"]).with_context(|| name.to_owned())?;
    }
    Ok(())
}

#[test]
fn what_a_kernel_merely_does_not_show_is_said_once() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("unseen")?;
    let folder = Folder::new()?;
    let [nsenter, net] = inside(&netns);
    for (name, part) in [
        (
            "btf_trace_kfree_skb",
            "unseen why the kernel drops packets: no tracepoint kfree_skb",
        ),
        (
            "btf_trace_net_dev_queue",
            "those that somebody on the bridge gets: no tracepoint net_dev_queue",
        ),
        (
            "skc_listener",
            "unseen which process sends the lost packets: no request_sock",
        ),
    ] {
        let old = kernel_without(name, &folder)?;
        let mut wrapper = vec![nsenter.as_str(), &net];
        wrapper.extend(old.iter().map(String::as_str));
        let Ended {
            status,
            stdout,
            stderr,
        } = run(bridgetrace(&wrapper, &BRIEFLY)?)?;
        ensure!(status.success(), "{name}: {status}: {stdout}{stderr}");
        // Lines are wrapped anywhere.
        let said = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(said.contains(part), "{name}: {stdout}");
    }
    Ok(())
}

#[test]
fn an_outage_is_found_without_the_hooks_a_kernel_may_lack() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let folder = Folder::new()?;
        for name in ["btf_trace_net_dev_queue", "btf_trace_netif_receive_skb"] {
            let wrapper = kernel_without(name, &folder)?;
            let binary = tracer::binary()?.display().to_string();
            let endpoint = scene.daemon.client().endpoint();
            let mut arguments: Vec<&str> = wrapper[1..].iter().map(String::as_str).collect();
            arguments.extend([&binary, "--format", "jsonl", "--docker-host", &endpoint]);
            let unshare = Path::new(&wrapper[0]);
            let mut tracer = Tracer::start_program(&scene.lab.srv, unshare, &arguments, &[])?;
            tracer.wait_ready()?;
            scene.collide()?;
            scene.lose_a_reply()?;
            scene.opened(&mut tracer)?;
            end(&mut tracer, Signal::SIGTERM).with_context(|| name.to_owned())?;
            scene.daemon.docker(&["network", "rm", NETWORK])?;
        }
        Ok(())
    })
}

#[test]
fn a_forbidden_bpf_call_is_told_from_a_missing_capability() -> Result<()> {
    preflight::require()?;
    let mut command = bridgetrace(&[], &BRIEFLY)?;
    let filter = without_bpf()?;
    // SAFETY: between fork and exec the closure makes two system calls, prctl and seccomp, on
    // a filter compiled before the fork; it allocates nothing.
    unsafe { command.pre_exec(move || seccompiler::apply_filter(&filter).map_err(|_| denied())) };
    refuses(command, &["bpf()", "seccomp", "on the host"])
}

fn denied() -> std::io::Error {
    std::io::ErrorKind::PermissionDenied.into()
}

/// bpf(2) fails with EPERM, as docker's default profile makes it.
fn without_bpf() -> Result<seccompiler::BpfProgram> {
    use seccompiler::{SeccompAction, SeccompFilter};
    let eperm = u32::try_from(nix::libc::EPERM)?;
    let filter = SeccompFilter::new(
        [(nix::libc::SYS_bpf, vec![])].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(eperm),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

#[test]
fn a_docker_host_that_is_none_is_refused_before_anything_is_loaded() -> Result<()> {
    for (url, cause, remedy) in [
        ("", "empty", "unix:///path"),
        ("docker.sock", "neither", "unix:///var/run/docker.sock"),
        (
            "/var/run/docker.sock",
            "neither",
            "unix:///var/run/docker.sock",
        ),
        (
            "unix://run/docker.sock",
            "not absolute",
            "unix:///run/docker.sock",
        ),
        ("https://h:2376", "https", "DOCKER_TLS_VERIFY=1"),
        ("ssh://root@h", "log in", "run it on that machine"),
        ("tcp://h:99999", "not a port", "tcp://host:2375"),
    ] {
        let given = bridgetrace(&[], &["--duration", "1s", "--docker-host", url])?;
        refuses(given, &[url, cause, remedy])?;
    }
    let mut variable = bridgetrace(&[], &["--duration", "1s"])?;
    variable.env("DOCKER_HOST", "ssh://root@h");
    refuses(variable, &["ssh://root@h", "DOCKER_HOST"])
}

#[test]
fn wrong_usage_names_the_argument_and_what_it_takes() -> Result<()> {
    for (arguments, parts) in [
        (&["--format", "xml"][..], ["--format", "human, jsonl"]),
        (&["--duration", "soon"], ["--duration", "30s"]),
        (&["--duration", "30"], ["--duration", "30s"]),
        (&["--duration=-5s"], ["--duration", "30s"]),
        (&["trace", "--frmat=human"], ["--frmat", "--format"]),
        (&["chekc"], ["chekc", "Usage"]),
    ] {
        let Ended {
            status,
            stdout,
            stderr,
        } = run(bridgetrace(&[], arguments)?)?;
        ensure!(status.code() == Some(2), "{arguments:?}: {status}");
        ensure!(stdout.is_empty(), "{arguments:?}: {stdout}");
        for part in parts {
            ensure!(
                stderr.contains(part),
                "{arguments:?}: no {part:?} in {stderr}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_banner_that_cannot_be_written_is_an_error() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("full")?;
    let [nsenter, net] = inside(&netns);
    let mut command = bridgetrace(&[&nsenter, &net], &["--docker-host", ABSENT])?;
    command.stdout(full()?);
    refuses(command, &["standard output", "No space left", "redirect"])
}

#[test]
fn a_finding_that_cannot_be_written_is_an_error() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let [nsenter, net] = inside(&scene.lab.srv);
        let endpoint = scene.daemon.client().endpoint();
        let arguments = ["--format", "jsonl", "--docker-host", &endpoint];
        let mut command = bridgetrace(&[&nsenter, &net], &arguments)?;
        command.stdout(full()?);
        let mut tracer = bridgetrace_lab::Process::spawn(command)?;
        // Found by the tracer as soon as it watches.
        scene.collide()?;
        let ended = bridgetrace_lab::wait_for("the tracer to give up", SOON, || {
            if let Err(error) = scene.lose_a_reply() {
                return Some(Err(error));
            }
            tracer.exited().transpose()
        })??;
        ensure!(ended.code() == Some(2), "{ended}");
        let stderr = tracer.child().stderr.take().context("no stderr")?;
        let stderr = std::io::read_to_string(stderr)?;
        let last = stderr.lines().last().context("nothing said")?;
        ensure!(
            last.starts_with("bridgetrace: cannot write") && last.contains("No space left"),
            "{stderr}"
        );
        Ok(())
    })
}

/// Takes nothing: every write fails with ENOSPC.
fn full() -> Result<File> {
    let mut options = File::options();
    options
        .write(true)
        .open("/dev/full")
        .context("open /dev/full")
}
