//! Builds the dashboard's pages where Node is there, and embeds them: every file of `dashboard/out` with its hash, with the
//! brotli and gzip twins that the dashboard's build puts beside it, and for each page the policy that allows its inline
//! scripts by their hashes and nothing else.
//!
//! Cargo needs no Node: without it, or where the pages cannot be built, those of an earlier build are embedded, or none, and
//! the server says how to get them. `FLASHDB_DASHBOARD` names a folder of pages to embed as they are; empty, none.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};

/// Compressed twins belong to their files; the other is for debugging.
const NOT_EMBEDDED: [&str; 3] = [".br", ".gz", ".map"];
/// All files together; more is a mistake.
const BYTES_MAX: u64 = 64 << 20;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=FLASHDB_DASHBOARD");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let folder = match env::var_os("FLASHDB_DASHBOARD") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let dashboard = manifest.join("../../dashboard");
            build_pages(&dashboard)?;
            dashboard.join("out")
        }
    };
    let folder = folder.canonicalize().unwrap_or(folder);
    let mut files = BTreeMap::new();
    if folder.join("index.html").is_file() {
        println!("cargo::rerun-if-changed={}", folder.display());
        collect(&folder, "", &mut files)?;
    }
    let mut code = String::from("static FILES: &[File] = &[\n");
    let mut total = 0;
    for (path, file) in &files {
        let bytes = fs::read(file)?;
        total += bytes.len() as u64;
        if total > BYTES_MAX {
            return Err(io::Error::other(format!(
                "{} is too large to embed",
                folder.display()
            )));
        }
        embed(&mut code, path, file, &bytes)?;
    }
    code.push_str("];\n");
    fs::write(target.join("files.rs"), code)
}

/// What the pages are made from, in the folder of the dashboard.
const SOURCES: [&str; 12] = [
    "app",
    "components",
    "hooks",
    "lib",
    "public",
    "scripts",
    "stores",
    "next.config.ts",
    "package-lock.json",
    "package.json",
    "postcss.config.mjs",
    "tsconfig.json",
];
/// What the pages ask of Node: major and minor number.
const NODE_AT_LEAST: (u32, u32) = (20, 9);

/// Builds the pages if they are older than what they are made from. That they cannot be built is a warning.
fn build_pages(dashboard: &Path) -> io::Result<()> {
    let mut changed = SystemTime::UNIX_EPOCH;
    for source in SOURCES {
        let source = dashboard.join(source);
        // Cargo would take a path that is not there for one that has changed, each time.
        if source.exists() {
            println!("cargo::rerun-if-changed={}", source.display());
            changed = changed.max(newest(&source)?);
        }
    }
    let built = fs::metadata(dashboard.join("out/index.html")).and_then(|page| page.modified());
    if built.is_ok_and(|built| built >= changed) || changed == SystemTime::UNIX_EPOCH {
        return Ok(());
    }
    if !node_is_new_enough() {
        println!("cargo::warning=no Node 20.9 or later: the server gets no new dashboard");
        return Ok(());
    }
    for arguments in [
        &["install", "--no-save", "--no-audit", "--no-fund"][..],
        &["run", "build"],
    ] {
        if let Err(error) = npm(dashboard, arguments) {
            println!(
                "cargo::warning=the server gets no new dashboard: npm {}: {error}",
                arguments.join(" ")
            );
            return Ok(());
        }
    }
    // Cargo takes what is newer than this run for a change behind it: the next start would compile once more.
    age(&dashboard.join("out"), changed)?;
    age(Path::new("build.rs"), changed)
}

/// Says of the file, or the folder and all below it, that they were changed at `time`.
fn age(path: &Path, time: SystemTime) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            age(&entry?.path(), time)?;
        }
    }
    // A system that does not let folders be written to compiles once more.
    let _ = fs::File::open(path).and_then(|file| file.set_modified(time));
    Ok(())
}

/// When the file, or a file below the folder, was changed last.
fn newest(path: &Path) -> io::Result<SystemTime> {
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(SystemTime::UNIX_EPOCH);
    };
    let mut changed = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            changed = changed.max(newest(&entry?.path())?);
        }
    }
    Ok(changed)
}

fn node_is_new_enough() -> bool {
    let Ok(output) = Command::new("node").arg("--version").output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map_while(|number| number.parse().ok());
    let version: Option<(u32, u32)> = numbers.next().zip(numbers.next());
    version.is_some_and(|version| version >= NODE_AT_LEAST)
}

fn npm(dashboard: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("npm")
        .args(arguments)
        .current_dir(dashboard)
        .env("NEXT_TELEMETRY_DISABLED", "1")
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(errors.lines().last().unwrap_or("failed").to_owned())
}

/// Files by the paths that they are served at.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else if name == "index.html" {
            files.insert(
                if prefix.is_empty() {
                    "/".into()
                } else {
                    prefix.into()
                },
                entry.path(),
            );
        } else if !NOT_EMBEDDED.iter().any(|suffix| name.ends_with(suffix)) {
            files.insert(path, entry.path());
        }
    }
    Ok(())
}

fn embed(code: &mut String, path: &str, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let hash = Sha256::digest(bytes);
    let etag: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let policy = file
        .extension()
        .is_some_and(|extension| extension == "html")
        .then(|| policy(bytes));
    let whole = file.display().to_string();
    let (brotli, gzip) = (twin(file, ".br"), twin(file, ".gz"));
    let is_immutable = path.starts_with("/_next/static/");
    let kind = kind(file);
    writeln!(
        code,
        "File {{ path: {path:?}, kind: {kind:?}, etag: {etag:?}, policy: {policy:?}, is_immutable: {is_immutable}, \
         plain: include_bytes!({whole:?}), brotli: {brotli}, gzip: {gzip} }},"
    )
    .map_err(io::Error::other)
}

/// The compressed twin of a file as an expression, if the dashboard's build made one.
fn twin(file: &Path, suffix: &str) -> String {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    let path = PathBuf::from(name);
    if path.is_file() {
        format!("Some(include_bytes!({:?}))", path.display().to_string())
    } else {
        "None".into()
    }
}

/// The policy of a page: its own scripts by hash, everything else from this server or not at all.
fn policy(page: &[u8]) -> String {
    let mut scripts = String::new();
    let text = String::from_utf8_lossy(page);
    let mut rest = text.as_ref();
    while let Some(at) = rest.find("<script") {
        let Some((tag, behind)) = rest[at..].split_once('>') else {
            break;
        };
        let Some((script, behind)) = behind.split_once("</script>") else {
            break;
        };
        if !tag.contains(" src=") {
            let hash = format!(" 'sha256-{}'", base64(&Sha256::digest(script.as_bytes())));
            if !scripts.contains(&hash) {
                scripts.push_str(&hash);
            }
        }
        rest = behind;
    }
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let word =
            group.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

fn kind(file: &Path) -> &'static str {
    match file
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
    {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
