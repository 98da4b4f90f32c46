//! A shell on a pseudo-terminal, as somebody in front of a console has it: by a tmux of its own.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{Netns, Process, names, process, wait_for};

/// Long enough for whatever is shown in the end.
const SHOWN: Duration = Duration::from_secs(20);

/// A terminal with a shell, gone on drop with everything that runs on it.
#[derive(Debug)]
pub struct Console {
    /// Its socket lies in here, and whatever else the test wants to keep.
    folder: PathBuf,
    /// Ends with the test, unlike a daemon of its own.
    _server: Process,
}

/// Columns and rows.
pub type Size = (u16, u16);

impl Console {
    /// Opens a terminal of this size, with a shell in `netns` or where the test runs. The locale is C.
    pub fn open(netns: Option<&Netns>, (columns, rows): Size) -> Result<Self> {
        let folder = env::temp_dir().join(names::unique("console"));
        fs::create_dir(&folder).with_context(|| format!("create {}", folder.display()))?;
        let mut server = match netns {
            Some(netns) => netns.command("tmux"),
            None => Command::new("tmux"),
        };
        let socket = folder.join("socket");
        server
            .arg("-S")
            .arg(&socket)
            .args(["-f", "/dev/null", "-D"]);
        server
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let this = Self {
            folder,
            _server: Process::spawn(server)?,
        };
        wait_for("the terminal's server", SHOWN, || {
            socket.exists().then_some(())
        })?;
        let (columns, rows) = (columns.to_string(), rows.to_string());
        this.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, "sh"])?;
        let prompt = |screen: &str| (!screen.is_empty()).then_some(());
        this.wait("the shell", prompt)?;
        Ok(this)
    }

    /// A path of the test's own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Types a line.
    pub fn line(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-l", text])?;
        self.keys(&["Enter"])
    }

    /// Presses keys, by tmux's names.
    pub fn keys(&self, keys: &[&str]) -> Result<()> {
        let arguments: Vec<&str> = ["send-keys"].iter().chain(keys).copied().collect();
        self.tmux(&arguments).map(drop)
    }

    /// Makes the terminal another size.
    pub fn resize(&self, (columns, rows): Size) -> Result<()> {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows])
            .map(drop)
    }

    /// What is shown now, in lines.
    pub fn screen(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The same with the sequences that make it look as it does.
    pub fn styled(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// What tmux knows of the terminal, by its format.
    pub fn knows(&self, format: &str) -> Result<String> {
        self.tmux(&["display-message", "-p", format])
    }

    /// Waits until the screen has what is looked for.
    pub fn wait<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let mut last = String::new();
        let found = wait_for(what, SHOWN, || match self.screen() {
            Ok(screen) => {
                let found = find(&screen);
                last = screen;
                found.map(Ok)
            }
            Err(error) => Some(Err(error)),
        });
        match found {
            Ok(found) => found,
            Err(error) => bail!("{error:#}; the screen shows\n{last}"),
        }
    }

    /// Waits until the screen holds `text`; returns all of it.
    pub fn shows(&self, text: &str) -> Result<String> {
        let holds = |screen: &str| screen.contains(text).then(|| screen.to_owned());
        self.wait(&format!("{text:?} on the screen"), holds)
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.folder.join("socket"));
        process::output(command.env_remove("TMUX").args(arguments))
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        self.tmux(&["kill-server"]).ok();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("lab: {} stays behind: {error}", self.folder.display());
        }
    }
}
