//! What stops a process group when Waylight cannot, since it was killed itself (SIGKILL, or for want of memory): a shell
//! that waits for the end of a pipe whose other end Waylight holds. Linux could send the process a signal when its parent
//! ends, but asking for that takes code that may not run between `fork` and `exec` in safe Rust, and its children would
//! run on.

use std::{process::Stdio, time::Duration};

use rustix::process::Pid;
use tokio::process::{Child, Command};

/// Of the group `$1`: SIGTERM, and SIGKILL to what is left after `$2` seconds.
const SCRIPT: &str = r#"read -r _
left=$2
kill -s TERM -- "-$1"
while [ "$left" -gt 0 ] && kill -s 0 -- "-$1"; do sleep 1; left=$((left - 1)); done
kill -s KILL -- "-$1""#;

/// Guards one process group, until it is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    _shell: Option<Child>,
}

impl Guard {
    /// Guards `group`, which has so long to stop. Where there is no shell, nobody guards it.
    pub(super) fn of(group: Pid, timeout_stop: Duration) -> Self {
        let seconds = timeout_stop.as_secs() + u64::from(timeout_stop.subsec_nanos() > 0);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "waylight-guard", &group.as_raw_pid().to_string(), &seconds.to_string()]);
        shell.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // What is sent to Waylight's group is not for it.
        shell.process_group(0).kill_on_drop(true);
        let spawned = shell.spawn();
        if let Err(error) = &spawned {
            tracing::debug!(%error, "no shell guards the process: it would outlive a SIGKILL of Waylight");
        }
        Self { _shell: spawned.ok() }
    }
}
