//! Contexts: endpoints that the docker client keeps under a name, below `~/.docker/contexts`.
//!
//! Each has a folder whose name is the SHA-256 of the context's; the name itself is in the file inside,
//! so nothing needs to be computed to find it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Endpoint, EndpointError, environment::Environment, tls::Certificates};

/// What the client calls having none.
const DEFAULT: &str = "default";

/// `config.json`, as far as it matters here.
#[derive(Default, Deserialize)]
struct Config {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

/// `meta.json` of a context.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Docker>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Docker {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The endpoint of the context in use: `$DOCKER_CONTEXT`, or what `docker context use` chose. None
/// without any.
pub(super) fn in_use(environment: &Environment) -> Result<Option<Endpoint>, EndpointError> {
    let folder = environment.config_folder();
    let (name, chosen_by) = match environment.get("DOCKER_CONTEXT") {
        Some(name) => (name.to_owned(), "$DOCKER_CONTEXT".to_owned()),
        None => {
            let file = folder.join("config.json");
            (current(&file), file.display().to_string())
        }
    };
    if name.is_empty() || name == DEFAULT {
        return Ok(None);
    }
    let (id, meta) = find(&folder, &name).ok_or_else(|| EndpointError::NoContext {
        name: name.clone(),
        chosen_by,
        folder: folder.display().to_string(),
    })?;
    let from = |error| EndpointError::Context {
        name: name.clone(),
        error: Box::new(error),
    };
    endpoint(&folder, &id, &meta).map(Some).map_err(from)
}

/// The docker client complains of a configuration it cannot read, and goes on without.
fn current(file: &Path) -> String {
    let read = || -> io::Result<Config> {
        let text = fs::read_to_string(file)?;
        Ok(serde_json::from_str(&text)?)
    };
    match read() {
        Ok(config) => config.current_context,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            log::warn!("{}: {error}: no docker context is used", file.display());
            String::new()
        }
    }
}

/// The context of that name, and the name of its folder.
fn find(folder: &Path, name: &str) -> Option<(String, Meta)> {
    let entries = fs::read_dir(folder.join("contexts/meta")).ok()?;
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path().join("meta.json")).ok()?;
        let meta: Meta = serde_json::from_str(&text).ok()?;
        Some((entry.file_name().into_string().ok()?, meta))
    };
    let mut contexts = entries.flatten().filter_map(read);
    contexts.find(|(_, meta)| meta.name == name)
}

fn endpoint(folder: &Path, id: &str, meta: &Meta) -> Result<Endpoint, EndpointError> {
    let docker = meta.endpoints.docker.as_ref().ok_or(EndpointError::Empty)?;
    let files: PathBuf = folder.join("contexts/tls").join(id).join("docker");
    // Without files of its own a context is used without TLS, unless nobody is to be believed.
    let wants_tls = docker.skip_tls_verify || files.is_dir();
    let endpoint = Endpoint::parse(&docker.host, wants_tls)?;
    if !wants_tls {
        return Ok(endpoint);
    }
    Ok(endpoint.secured(Certificates {
        folder: files,
        verify: !docker.skip_tls_verify,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str) -> PathBuf {
        let name = format!("bridgetrace-context-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        for (id, meta) in [
            (
                "ab",
                r#"{"Name":"lab","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://d","SkipTLSVerify":false}}}"#,
            ),
            (
                "cd",
                r#"{"Name":"far","Endpoints":{"docker":{"Host":"ssh://root@h"}}}"#,
            ),
            ("ef", r#"{"Name":"none","Endpoints":{}}"#),
            ("torn", "{"),
        ] {
            let folder = folder.join("contexts/meta").join(id);
            fs::create_dir_all(&folder).expect("folder");
            fs::write(folder.join("meta.json"), meta).expect("file");
        }
        fs::create_dir_all(folder.join("contexts/tls/ab/docker")).expect("folder");
        fs::write(folder.join("config.json"), r#"{"currentContext":"lab"}"#).expect("file");
        folder
    }

    #[test]
    fn the_context_in_use_is_found_with_its_certificates() {
        let folder = config("found");
        let text = folder.display().to_string();
        let environment = Environment::of(&[("DOCKER_CONFIG", &text)]);
        let Ok(Some(Endpoint::Tls(secure))) = in_use(&environment) else {
            panic!("no endpoint");
        };
        assert_eq!(secure.address, "d:2376");
        assert!(
            secure
                .certificates
                .folder
                .ends_with("contexts/tls/ab/docker")
        );
        fs::remove_dir_all(&folder).expect("clean up");
    }

    #[test]
    fn a_context_that_cannot_be_used_is_named() {
        let folder = config("named");
        let text = folder.display().to_string();
        let said = |context| {
            let variables = [
                ("DOCKER_CONFIG", text.as_str()),
                ("DOCKER_CONTEXT", context),
            ];
            match in_use(&Environment::of(&variables)) {
                Ok(found) => format!("{found:?}"),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(said("default"), "None");
        for (context, parts) in [
            ("gone", ["\"gone\"", "DOCKER_CONTEXT"]),
            ("far", ["\"far\"", "log in"]),
            ("none", ["\"none\"", "empty"]),
        ] {
            let said = said(context);
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
        fs::remove_dir_all(&folder).expect("clean up");
    }
}
