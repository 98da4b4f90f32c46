//! What these tests share: commands on recordings, and folders for these.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Process, names, tracer};

/// Long enough for everything that is not measured:
/// a browser takes a minute on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `bridgetrace` with these arguments to its end. Its output goes to files: a pipe might fill.
pub(crate) fn bridgetrace(folder: &Folder, arguments: &[&str]) -> Result<Ended> {
    let mut command = Command::new(tracer::binary()?);
    command.args(arguments);
    run(folder, command)
}

/// The same with a variable.
pub(crate) fn with_env(
    folder: &Folder,
    (name, value): (&str, &str),
    arguments: &[&str],
) -> Result<Ended> {
    let mut command = Command::new(tracer::binary()?);
    command.args(arguments).env(name, value);
    run(folder, command)
}

/// The same as nobody, who has no capability and may do nothing but read what is his.
pub(crate) fn as_nobody(folder: &Folder, arguments: &[&str]) -> Result<Ended> {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args(["--bounding-set=-all", "--no-new-privs"]);
    // The folder of the build may be closed to others.
    let binary = folder.path("bridgetrace");
    if !binary.exists() {
        fs::copy(tracer::binary()?, &binary)?;
    }
    command.arg(binary).args(arguments);
    run(folder, command)
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Folder, mut command: Command) -> Result<Ended> {
    let (stdout, stderr) = (folder.path("stdout"), folder.path("stderr"));
    command
        .env_remove("DOCKER_HOST")
        .stdin(Stdio::null())
        .stdout(fs::File::create(&stdout)?)
        .stderr(fs::File::create(&stderr)?);
    let status = Process::spawn(command)?.wait(SOON)?;
    Ok(Ended {
        status,
        stdout: fs::read_to_string(stdout)?,
        stderr: fs::read_to_string(stderr)?,
    })
}

/// Fails unless the command was a success; returns what it printed.
pub(crate) fn succeeded(ended: Ended) -> Result<Ended> {
    ensure!(ended.status.success(), "{ended:?}");
    Ok(ended)
}

/// Fails unless the command refused in one line that holds `why`.
pub(crate) fn refused(ended: &Ended, why: &str) -> Result<()> {
    ensure!(ended.status.code() == Some(2), "{ended:?}");
    ensure!(ended.stdout.is_empty(), "{ended:?}");
    ensure!(ended.stderr.lines().count() == 1, "{ended:?}");
    ensure!(ended.stderr.contains(why), "no {why:?} in {ended:?}");
    Ok(())
}

/// A directory that everybody may read, removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let path = env::temp_dir().join(names::unique("recording"));
        fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A path inside, for a command line.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed: io::Result<()> = fs::remove_dir_all(&self.0);
        if let Err(error) = removed {
            eprintln!("lab: {} stays behind: {error}", self.0.display());
        }
    }
}

/// The path of a recording that is kept for tests.
pub(crate) fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings");
    folder.join(name).display().to_string()
}
