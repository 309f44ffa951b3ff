//! A PostgreSQL for one benchmark: fresh, on a free port of 127.0.0.1, gone afterwards.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use uuid::Uuid;

/// A running PostgreSQL with the settings it comes with: what is committed is on the disk.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a data directory and starts the newest PostgreSQL of this machine on it.
    pub fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = std::env::temp_dir().join(format!("telecom-bench-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder)?;
        // PostgreSQL refuses to run as root.
        let user = account("postgres")?;
        chown(&folder, Some(user), None)?;
        let data = folder.join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--pgdata",
        ]);
        let output = initdb.arg(&data).uid(user).current_dir(&folder).output()?;
        ensure!(
            output.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let child = Command::new(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .uid(user)
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log"))?)
            .spawn()?;
        let mut postgres = Self {
            child,
            folder,
            port,
        };
        postgres.wait()?;
        Ok(postgres)
    }

    /// The superuser's URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// pgbench on a database.
    pub fn pgbench(&self, database: &str) -> Result<Command> {
        let mut command = Command::new(programs()?.join("pgbench"));
        command
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p"])
            .arg(self.port.to_string())
            .env("PGDATABASE", database);
        Ok(command)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = self.child.try_wait()?;
            ensure!(
                ended.is_none() && Instant::now() < deadline,
                "PostgreSQL did not start: {}",
                std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
            );
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It is thrown away with its data, so it need not stop in good order.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Where `initdb` and `postgres` are: Debian keeps each major version in a folder of its own.
fn programs() -> Result<PathBuf> {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists())
        .max_by_key(|folder| major(folder))
        .context("no initdb under /usr/lib/postgresql")
}

fn major(bin: &Path) -> u32 {
    let version = bin
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

fn account(name: &str) -> Result<u32> {
    let output = Command::new("id").args(["-u", name]).output()?;
    ensure!(
        output.status.success(),
        "there is no user {name} on this machine"
    );
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
