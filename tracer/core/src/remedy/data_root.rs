//! The way back to the data root that a daemon had before.

use serde_json::json;

use crate::{
    finding::Remedy,
    input::{DaemonInfo, FormerRoot},
};

use super::{pools::NEEDS_PYTHON, shell::quote};

/// Sets the data root and keeps the rest, which is nobody's business and is not printed. It is written in
/// place: owner and mode stay. No single quote in here.
const EDIT: &str = r#"import json, sys
path, root = sys.argv[1:]
config = json.loads(open(path, encoding="utf-8-sig").read().strip() or "{}")
config["data-root"] = root
text = json.dumps(config, indent=2)
open(path, "w").write(text + "\n")"#;
/// Puts another folder in the place of one where a file sets it as the data root, in the last of the files that
/// does; keeps the file beside it. No single quote in here.
const REPLACE: &str = r#"import os, re, shutil, sys
backup, now, root, *files = sys.argv[1:]
option = r"(?m)^(?!\s*[#;])(.*?(?:--data-root|--graph|-g)[= ][\"\x27]?)" + re.escape(now) + r"(?=[\s\"\x27]|$)"
for path in reversed([it for it in files if os.path.isfile(it)]):
    text, found = re.subn(option, lambda it: it[1] + root, open(path).read())
    if found and os.path.exists(path + backup):
        sys.exit(path + backup + " is there: undo what was done before")
    if found:
        shutil.copy2(path, path + backup)
        open(path, "w").write(text)
        break
else:
    sys.exit("no file of the unit sets the data root")"#;
/// What docker's unit is called unless it is known.
const UNIT: &str = "docker.service";
/// What is put beside a file that is changed.
const BACKUP: &str = ".before-bridgetrace-data-root";

/// Has the daemon, which is `after` now, keep its things in `former` again: where its data root is set, be
/// that `daemon.json` or the command line that systemd starts it with. `None` where neither is at hand.
pub(crate) fn back(after: &DaemonInfo, former: &FormerRoot, unit: Option<&str>) -> Option<Remedy> {
    let unit = quote(match unit {
        None => UNIT,
        Some(unit) if unit.ends_with(".service") && unit.contains("docker") => unit,
        // A daemon that somebody started by hand is in the unit of a login, or of a runner: who could start it
        // again is not known.
        Some(_) => return None,
    })?;
    let (set, unset) = if after.has_data_root_option {
        on_the_command_line(after.data_root.as_deref()?, &former.path, &unit)?
    } else {
        in_the_file(after, &former.path)?
    };
    let restart = format!("systemctl restart {unit}");
    let kept = match former.containers {
        1 => "its container".to_owned(),
        n => format!("its {n} containers"),
    };
    Some(Remedy {
        id: "former-data-root",
        command: format!("({set} &&\n{restart})"),
        undo: format!("({unset} &&\n{restart})"),
        effect: format!(
            "docker keeps its things in {} again, where {kept}, images and networks still are",
            former.path
        ),
        risk: risk(after),
    })
}

fn risk(after: &DaemonInfo) -> String {
    let running = if after.live_restore {
        "containers that run now go on without a daemon that knows them (live-restore)"
    } else {
        "containers that run now stop"
    };
    let now = after.data_root.as_deref().unwrap_or("the present one");
    let upgrade = if after.has_data_root_option {
        "; an upgrade of the package may write the unit's file anew"
    } else {
        ""
    };
    format!(
        "{running}; what was made in {now} meanwhile is out of sight until this is undone{upgrade}"
    )
}

/// Commands that set the data root in `daemon.json`, and that undo it.
fn in_the_file(after: &DaemonInfo, root: &str) -> Option<(String, String)> {
    let path = after.config_file.as_deref()?;
    let file = quote(path)?;
    if !after.has_config {
        let folder = quote(path.rsplit_once('/')?.0)?;
        let text = quote(&json!({ "data-root": root }).to_string())?;
        let set = format!("test ! -e {file} &&\nmkdir -p {folder} &&\necho {text} > {file}");
        return Some((set, format!("rm {file}")));
    }
    let (backup, root) = (quote(&format!("{path}{BACKUP}"))?, quote(root)?);
    Some((
        format!(
            "{NEEDS_PYTHON}test ! -e {backup} &&\ncp -p {file} {backup} &&\npython3 -c '{EDIT}' {file} {root}"
        ),
        format!("cp -p {backup} {file} &&\nrm {backup}"),
    ))
}

/// The same where the option stands in the unit's file, a drop-in of it or its defaults.
fn on_the_command_line(now: &str, root: &str, unit: &str) -> Option<(String, String)> {
    let (now, root) = (quote(now)?, quote(root)?);
    let files = format!(
        "files=\"$(systemctl show --property=FragmentPath --property=DropInPaths --value {unit}) \
         /etc/default/docker\"\n"
    );
    let set = format!(
        "{NEEDS_PYTHON}{files}python3 -c '{REPLACE}' {BACKUP} {now} {root} $files &&\nsystemctl daemon-reload"
    );
    let unset = format!(
        "{files}for file in $files; do\n\
         if [ -e \"$file{BACKUP}\" ]; then mv \"$file{BACKUP}\" \"$file\"; fi\ndone\n\
         systemctl daemon-reload"
    );
    Some((set, unset))
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    fn former() -> FormerRoot {
        FormerRoot {
            path: "/srv/docker data".to_owned(),
            containers: 3,
        }
    }

    /// Types the command on a machine whose unit is in this file, and whose systemd does nothing.
    fn typed(command: &str, unit: &str) {
        let systemctl = format!("systemctl() {{ case $1 in show) echo '{unit}';; esac; }}\n");
        let script = format!("{systemctl}{command}");
        for shell in ["sh", "bash"] {
            let check = Command::new(shell).args(["-n", "-c", &script]).status();
            assert!(check.unwrap().success(), "{script}");
        }
        let done = Command::new("sh").args(["-c", &script]).status();
        assert!(done.unwrap().success(), "{script}");
    }

    #[test]
    fn the_file_gets_its_data_root_back_and_keeps_the_rest() {
        let folder = std::env::temp_dir().join(format!("bridgetrace-back-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("daemon.json");
        let before = r#"{"data-root": "/var/lib/docker", "debug": true}"#;
        fs::write(&file, before).unwrap();
        let mut info = DaemonInfo {
            config_file: file.to_str().map(str::to_owned),
            has_config: true,
            data_root: Some("/var/lib/docker".to_owned()),
            ..DaemonInfo::default()
        };
        let read = || -> serde_json::Value {
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap()
        };
        let remedy = back(&info, &former(), None).unwrap();
        typed(&remedy.command, "");
        assert_eq!(
            read(),
            json!({"data-root": "/srv/docker data", "debug": true})
        );
        typed(&remedy.undo, "");
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        fs::remove_file(&file).unwrap();
        info.has_config = false;
        let remedy = back(&info, &former(), None).unwrap();
        typed(&remedy.command, "");
        assert_eq!(read(), json!({"data-root": "/srv/docker data"}));
        typed(&remedy.undo, "");
        assert!(!file.exists());
        assert!(
            remedy
                .command
                .ends_with("systemctl restart docker.service)")
        );
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_units_option_gets_its_data_root_back() {
        let folder = std::env::temp_dir().join(format!("bridgetrace-unit-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("docker.service");
        let before = "[Service]\n# once --data-root=/new\nExecStart=/new/bin/dockerd --tlscert=/new/c.pem \
                      --data-root=/new -H fd://\n";
        let after = before.replace(" --data-root=/new -H", " --data-root=/old -H");
        fs::write(&file, before).unwrap();
        let info = DaemonInfo {
            has_data_root_option: true,
            data_root: Some("/new".to_owned()),
            ..DaemonInfo::default()
        };
        let former = FormerRoot {
            path: "/old".to_owned(),
            containers: 1,
        };
        let remedy = back(&info, &former, Some("docker.service")).unwrap();
        typed(&remedy.command, file.to_str().unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), after);
        typed(&remedy.undo, file.to_str().unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn without_a_place_to_set_it_nothing_is_advised() {
        assert_eq!(back(&DaemonInfo::default(), &former(), None), None);
        let elsewhere = DaemonInfo {
            config_file: Some("/etc/docker/daemon.json".to_owned()),
            ..DaemonInfo::default()
        };
        for unit in [
            "docker-4f1c.scope",
            "gitlab-runner.service",
            "session-3.scope",
        ] {
            assert_eq!(back(&elsewhere, &former(), Some(unit)), None, "{unit}");
        }
        let hostile = FormerRoot {
            path: "/a\nb".to_owned(),
            containers: 0,
        };
        let info = DaemonInfo {
            config_file: Some("/etc/docker/daemon.json".to_owned()),
            ..DaemonInfo::default()
        };
        assert!(back(&info, &former(), None).is_some());
        assert_eq!(
            back(
                &DaemonInfo {
                    has_config: true,
                    ..info
                },
                &hostile,
                None
            ),
            None
        );
    }
}
