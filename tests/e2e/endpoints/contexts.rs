//! Contexts, made by the docker client itself.

use std::process::Command;

use anyhow::{Result, ensure};
use bridgetrace_lab::process::output;
use bridgetrace_lab::tracer;

use super::look::{Secure, TLS};

#[test]
fn the_context_in_use_says_where_the_daemon_is() -> Result<()> {
    Secure::raise()?.play(|secure| {
        let config = secure.client.with_file_name("config").display().to_string();
        let docker = |words: &[&str]| {
            let mut docker = Command::new("docker");
            docker.args(["--config", &config]).args(words);
            for variable in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"] {
                docker.env_remove(variable);
            }
            output(&mut docker)
        };
        let file = |name: &str| secure.client.join(name).display().to_string();
        let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
        let lab = format!("host={TLS},ca={ca},cert={cert},key={key}");
        docker(&["context", "create", "lab", "--docker", &lab])?;
        let blind = format!("host={TLS},ca={ca}");
        docker(&["context", "create", "blind", "--docker", &blind])?;
        docker(&["context", "use", "lab"])?;
        let set = ("DOCKER_CONFIG", config.as_str());

        let used = secure.look(&[set])?;
        used.answers()?;
        ensure!(used.daemon["endpoint"] == TLS, "{used:#?}");
        let chosen = secure.look(&[set, ("DOCKER_CONTEXT", "blind")])?;
        chosen.fails("certificate-missing", &["cert.pem and key.pem are missing"])?;
        let endpoint = secure.daemon.client().endpoint();
        let told = secure.look(&[set, ("DOCKER_CONTEXT", "blind"), ("DOCKER_HOST", &endpoint)])?;
        told.answers()?;
        is_refused(&config)
    })
}

/// A context that does not exist: one line, and nothing is loaded.
fn is_refused(config: &str) -> Result<()> {
    let mut command = Command::new(tracer::binary()?);
    command.args(["--duration", "1s"]).env_remove("DOCKER_HOST");
    command.envs([("DOCKER_CONFIG", config), ("DOCKER_CONTEXT", "gone")]);
    let ended = command.output()?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    ensure!(ended.status.code() == Some(2), "{}: {said}", ended.status);
    ensure!(said.lines().count() == 1, "{said}");
    for word in ["\"gone\"", "DOCKER_CONTEXT", "docker context ls"] {
        ensure!(said.contains(word), "no {word} in {said}");
    }
    Ok(())
}
