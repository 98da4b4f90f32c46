//! Every way to end leaves the terminal whole. Only SIGKILL cannot be caught.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::scene::{LARGE, SMALL, Scene};

const RECORDING: &str = "established-1.btr";

#[test]
fn keys_and_signals_that_ask_for_the_end() -> Result<()> {
    let scene = Scene::open(None)?;
    for key in ["q", "C-c"] {
        scene.start_on(RECORDING)?;
        scene.console.keys(&[key])?;
        scene.is_whole("0")?;
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        scene.start_on(RECORDING)?;
        scene.signal(signal)?;
        scene.is_whole("0")?;
    }
    Ok(())
}

/// A crash, by the signals that one ends with; at another size than it began with.
#[test]
fn signals_that_end_it_on_the_spot() -> Result<()> {
    let scene = Scene::open(None)?;
    for signal in [Signal::SIGABRT, Signal::SIGSEGV, Signal::SIGQUIT] {
        scene.start_on(RECORDING)?;
        scene.console.resize(LARGE)?;
        scene.signal(signal)?;
        // As the shell tells of a death by a signal.
        scene.is_whole(&(128 + signal as i32).to_string())?;
        scene.console.resize(SMALL)?;
    }
    Ok(())
}

/// Ctrl-Z, and the signal it stands for: the shell is back, and `fg` shows the screen again.
#[test]
fn a_break_in_the_shell() -> Result<()> {
    let scene = Scene::open(None)?;
    let stops: [&dyn Fn() -> Result<()>; 2] = [&|| scene.console.keys(&["C-z"]), &|| {
        scene.signal(Signal::SIGTSTP)
    }];
    for stop in stops {
        scene.start_on(RECORDING)?;
        stop()?;
        scene.is_whole(&(128 + Signal::SIGSTOP as i32).to_string())?;
        scene.console.line("fg")?;
        scene.console.shows("q quit")?;
        scene.console.keys(&["q"])?;
        scene.console.wait("the shell again", |screen| {
            (!screen.contains("q quit")).then_some(())
        })?;
        scene.ask_again()?;
        scene.is_whole("0")?;
    }
    Ok(())
}
