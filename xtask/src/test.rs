//! `cargo xtask test`: every test of the workspace, the lab's included. None is ever skipped
//! in silence: where the lab cannot run, the command fails.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{Cargo, Executable};
use crate::root::Root;
use crate::workspace::Workspace;
use crate::{build, setup, sh, stage};

/// The package whose tests need root and a real dockerd.
const LAB: &str = "bridgetrace-lab";
/// How many of its tests run side by side, unless `-- --test-threads=N` says otherwise: they mostly
/// wait for the kernel. Those that need the machine for themselves say so (`bridgetrace_lab::alone`).
const SIDE_BY_SIDE: &str = "3";

/// Tells the lab where other docker engines are.
const ENGINES: &str = "BRIDGETRACE_ENGINES";
/// And what looks at pages.
const PAGES: &str = "BRIDGETRACE_PAGES";

/// Run every test, the lab ones (as root, in network namespaces, with a real dockerd) included.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the lab's tests.
    #[arg(long)]
    lab: bool,
    /// Filters and options for the lab's test binaries: `cargo xtask test --lab -- ssh --nocapture`.
    #[arg(last = true, value_name = "LAB ARGS")]
    lab_args: Vec<OsString>,
}

/// Sets up, builds the binary under test, and runs the tests, the quick ones first.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let root = stage::root("test")?;
    let cargo = setup::for_lab(workspace)?;
    let bridgetrace = build::binary(&cargo, &build::Args::default())?;
    if !args.lab {
        plain_tests(&cargo)?;
    }
    let (engines, pages) = (workspace.engines(), workspace.pages());
    let environment = [(ENGINES, engines.as_os_str()), (PAGES, pages.as_os_str())];
    lab_tests(&cargo, root, &bridgetrace, &args.lab_args, &environment)
}

/// The lab's tests alone, with more in their environment.
pub(crate) fn lab(
    workspace: &Workspace,
    args: &[OsString],
    environment: &[(&str, &OsStr)],
) -> Result<()> {
    let root = stage::root("detects")?;
    let cargo = setup::for_lab(workspace)?;
    let bridgetrace = build::binary(&cargo, &build::Args::default())?;
    let (engines, pages) = (workspace.engines(), workspace.pages());
    let ours = [(ENGINES, engines.as_os_str()), (PAGES, pages.as_os_str())];
    let environment = [environment, &ours].concat();
    lab_tests(&cargo, root, &bridgetrace, args, &environment)
}

/// Unit, integration and doc tests that any user may run.
fn plain_tests(cargo: &Cargo) -> Result<()> {
    sh::run(
        cargo
            .command()
            .args(["test", "--no-fail-fast", "--workspace", "--exclude", LAB]),
    )?;
    sh::run(cargo.command().args(["test", "--doc", "--package", LAB]))
}

/// The lab's test binaries: compiled as this user, run as root.
fn lab_tests(
    cargo: &Cargo,
    root: Root,
    bridgetrace: &Path,
    args: &[OsString],
    environment: &[(&str, &OsStr)],
) -> Result<()> {
    let mut binaries = cargo.executables(["test", "--no-run", "--package", LAB])?;
    // Cargo names them in the order in which they were compiled.
    binaries.sort_by(|a, b| a.target.cmp(&b.target));
    for binary in &binaries {
        let mut command = lab_command(root, binary, bridgetrace, args, environment);
        sh::run(&mut command)?;
    }
    Ok(())
}

fn lab_command(
    root: Root,
    binary: &Executable,
    bridgetrace: &Path,
    args: &[OsString],
    environment: &[(&str, &OsStr)],
) -> Command {
    let path = setup::lab_path();
    let mut variables: Vec<(&str, &OsStr)> = vec![
        ("BRIDGETRACE_BIN", bridgetrace.as_os_str()),
        // Where `CI` is set, a lab that cannot run is a failed test and not a skipped one.
        ("CI", OsStr::new("true")),
        ("CARGO_MANIFEST_DIR", binary.package.as_os_str()),
        ("PATH", &path),
        ("RUST_TEST_THREADS", OsStr::new(SIDE_BY_SIDE)),
    ];
    variables.extend(environment);
    let mut command = root.command(&binary.path, &variables);
    command.current_dir(&binary.package).args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lab_tests_run_side_by_side_with_the_binary_under_test() {
        let binary = Executable {
            target: "e2e".into(),
            path: "/t/e2e".into(),
            package: "/w/tests".into(),
        };
        let command = lab_command(
            Root::Already,
            &binary,
            Path::new("/t/b"),
            &["ssh".into()],
            &[],
        );
        assert_eq!(
            sh::render(&command),
            "BRIDGETRACE_BIN=/t/b CARGO_MANIFEST_DIR=/w/tests CI=true \
             PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin RUST_TEST_THREADS=3 /t/e2e ssh"
        );
        assert_eq!(command.get_current_dir(), Some(Path::new("/w/tests")));
    }
}
