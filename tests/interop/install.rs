//! The programs and packages that the servers need on this machine, and how to install those that are missing.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    iter,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// The path of a program, or what to do to install it.
pub(crate) type Found = Result<PathBuf, String>;

/// Node, with the folder of the packages that `package-lock.json` names.
pub(crate) static NODE: LazyLock<Result<(PathBuf, PathBuf), String>> = LazyLock::new(|| {
    let node = program("node", "nodejs")?;
    let npm = program("npm", "npm")?;
    let folder = folder("node");
    once(&folder, &["package.json", "package-lock.json"], || {
        eprintln!("installing engine.io and socket.io with npm ..");
        // Neither scripts nor optional packages are needed, so nothing is compiled.
        let mut install = Command::new(&npm);
        install.args(["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--prefix"]);
        run(install.arg(&folder))
    })?;
    Ok((node, folder.join("node_modules")))
});

/// The Python of a virtual environment with the packages that `requirements.txt` names.
pub(crate) static PYTHON: LazyLock<Found> = LazyLock::new(|| environment("python", "requirements.txt"));

/// The same for the server that speaks protocol 3.
pub(crate) static PYTHON_3: LazyLock<Found> = LazyLock::new(|| environment("python-3", "requirements-3.txt"));

fn environment(name: &str, requirements: &str) -> Found {
    let python = program("python3", "python3 python3-venv")?;
    let folder = folder(name);
    let environment = folder.join("environment");
    let inside = environment.join("bin/python");
    once(&folder, &[requirements], || {
        eprintln!("installing python-engineio and its servers with pip ..");
        run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut install = Command::new(&inside);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        run(install.arg(folder.join(requirements)))
    })?;
    Ok(inside)
}

/// The folder of the servers' programs and of the lists of packages that they need.
pub(crate) fn sources() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/servers"))
}

/// A folder for these tests in cargo's target folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("interop").join(name);
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    folder
}

pub(crate) fn program(name: &str, packages: &str) -> Found {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian installs some of them into folders that are only in the administrator's path.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("needs {name}: apt install {packages}"))
}

/// Runs `install` unless it has been run with the current content of these files. It finds them in `folder`.
fn once(folder: &Path, files: &[&str], install: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let lock = File::create(folder.join("lock")).expect("a file to lock");
    lock.lock().expect("locks work here");
    let stamp = folder.join("installed");
    let wanted =
        files.iter().map(|name| fs::read_to_string(sources().join(name)).expect("it is in the repository"));
    let wanted = wanted.collect::<Vec<_>>();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted.concat()) {
        return Ok(());
    }
    for (name, text) in files.iter().zip(&wanted) {
        fs::write(folder.join(name), text).expect("the target folder can be written to");
    }
    install()?;
    fs::write(stamp, wanted.concat()).expect("the target folder can be written to");
    Ok(())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|err| format!("cannot run {command:?}: {err}"))?;
    if output.status.success() {
        return Ok(());
    }
    eprint!("{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    let words = iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_string_lossy);
    Err(format!("needs the network: {}", words.collect::<Vec<_>>().join(" ")))
}
