//! Debian packages that tasks need: installed at once when the task runs as root, otherwise one line to run.

use crate::process;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// A package, and how to see that it need not be installed.
pub struct Package {
    pub name: &'static str,
    pub present: fn() -> bool,
}

pub const TCL: Package = Package {
    name: "tcl",
    present: || process::on_path("tclsh"),
};
/// With it Redis's test harness sees whether a server has ended; without, it starts the next one on top of it.
pub const PROCPS: Package = Package {
    name: "procps",
    present: || process::on_path("ps"),
};
pub const DPKG_DEV: Package = Package {
    name: "dpkg-dev",
    present: || process::on_path("dpkg-source"),
};
pub const REDIS_TOOLS: Package = Package {
    name: "redis-tools",
    present: || process::on_path("redis-cli") && process::on_path("redis-benchmark"),
};
/// Its `script` gives the tests of the command line a terminal.
pub const BSDUTILS: Package = Package {
    name: "bsdutils",
    present: || process::on_path("script"),
};
pub const REDIS_SERVER: Package = Package {
    name: "redis-server",
    present: || process::on_path("redis-server"),
};
pub const PYTHON: Package = Package {
    name: "python3",
    present: || process::on_path("python3"),
};
pub const PYTHON_VENV: Package = Package {
    name: "python3-venv",
    present: python_makes_environments,
};
pub const NODE: Package = Package {
    name: "nodejs",
    present: || process::on_path("node"),
};
pub const NPM: Package = Package {
    name: "npm",
    present: || process::on_path("npm"),
};
pub const VALGRIND: Package = Package {
    name: "valgrind",
    present: || process::on_path("valgrind") && process::on_path("vgdb"),
};
pub const CHROMIUM: Package = Package {
    name: "chromium",
    present: || process::on_path("chromium"),
};

/// Everything that `cargo xtask test` needs.
pub const FOR_TESTS: &[Package] = &[
    TCL,
    PROCPS,
    BSDUTILS,
    DPKG_DEV,
    REDIS_TOOLS,
    PYTHON,
    PYTHON_VENV,
    NODE,
    NPM,
    VALGRIND,
    CHROMIUM,
];

/// Debian splits ensurepip from the interpreter; without it a virtual environment has no pip.
fn python_makes_environments() -> bool {
    let probe = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .output();
    probe.is_ok_and(|output| output.status.success())
}

/// Makes sure that all `packages` are there. As root it installs what is missing; otherwise it fails with the line to
/// run. Needs the network only when something is missing.
pub fn require(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|package| !(package.present)())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() || !process::on_path("apt-get") {
        bail!(
            "missing programs; run:\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends {}",
            missing.join(" ")
        );
    }
    println!("installing Debian packages: {}", missing.join(" "));
    install(&missing)
}

fn install(names: &[&str]) -> Result<()> {
    // A server package must not start its service here: it would take port 6379.
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let forbid_services = !policy.exists();
    if forbid_services {
        std::fs::write(policy, "#!/bin/sh\nexit 101\n")?;
        process::check(Command::new("chmod").arg("755").arg(policy))?;
    }
    let mut result = apt_get(&["install", "-y", "-q", "--no-install-recommends"], names);
    if result.is_err() {
        // Fresh containers have no package lists.
        result = apt_get(&["update", "-q"], &[])
            .and_then(|()| apt_get(&["install", "-y", "-q", "--no-install-recommends"], names));
    }
    if forbid_services {
        std::fs::remove_file(policy)?;
    }
    result
}

fn apt_get(arguments: &[&str], names: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(arguments)
        .args(names);
    process::capture(&mut command).map(drop)
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
